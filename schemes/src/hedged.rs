//! Nonces of proofs, hedged: hash(secrets, transcript, fresh randomness).
//!
//! A generator that repeats itself, or is known, reveals no secret: for another statement the nonces are others, and
//! without the secrets they cannot be computed. One that works makes two proofs of one statement independent.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::curve::{Label, Scalar, SecretScalar, Transcript, hash_to_secret_scalar};

/// The i-th nonce from the seed of one proof.
const LABEL_NONCE: Label = Label::new("CONSILIUM-V1-NONCE");

/// Bytes of fresh randomness in a seed.
pub(crate) const FRESH: usize = 32;

/// The nonces of one proof, one after the other.
pub(crate) struct Nonces {
    seed: SecretScalar,
    next: u32,
}

impl Nonces {
    /// seed = Fr(label, count, secrets, fresh 32, statement), where `statement` appends what is proved.
    pub(crate) fn new(
        label: Label,
        secrets: &[&SecretScalar],
        statement: impl FnOnce(Transcript) -> Transcript,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut fresh = Zeroizing::new([0; FRESH]);
        rng.fill_bytes(fresh.as_mut());
        let count = u32::try_from(secrets.len()).expect("bounded by n");
        let room = Transcript::with_capacity(2048 + secrets.len() * Scalar::BYTES);
        let seed = secrets
            .iter()
            .fold(room.u32(count), |seed, secret| {
                seed.fixed(&secret.to_bytes())
            })
            .fixed(&fresh);
        Self {
            seed: hash_to_secret_scalar(label, &statement(seed)),
            next: 0,
        }
    }

    /// Fr("NONCE", seed, i) for i = 0, 1, ..
    pub(crate) fn draw(&mut self) -> SecretScalar {
        let message = Transcript::new()
            .fixed(&self.seed.to_bytes())
            .u32(self.next);
        self.next += 1;
        hash_to_secret_scalar(LABEL_NONCE, &message)
    }

    /// The next `count` of them.
    pub(crate) fn draw_many(&mut self, count: usize) -> Vec<SecretScalar> {
        (0..count).map(|_| self.draw()).collect()
    }
}
