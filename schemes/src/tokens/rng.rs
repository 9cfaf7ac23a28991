//! The one place where the crate's random number generator is lent to `voprf`, which speaks an
//! older generation of the trait.

/// Lends a generator of `rand_core` 0.10 as one of 0.9.
pub(super) struct Lent<'a, R>(pub(super) &'a mut R);

impl<R: rand_core::CryptoRng> rand_core_09::RngCore for Lent<'_, R> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }
}

impl<R: rand_core::CryptoRng> rand_core_09::CryptoRng for Lent<'_, R> {}
