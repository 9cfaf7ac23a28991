//! What is hashed: fixed-length parts as they are, variable parts behind their length.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::gt::Gt;
use super::point::{G1, G2};
use super::scalar::Scalar;

/// Canonical hash input. Two different sequences of parts *of the same shape* never give the same bytes:
/// a fixed-length part has the length that its place in the protocol prescribes, a variable part is
/// preceded by its length (8 bytes, big-endian). Which shape it is, the label says.
///
/// Wiped on drop, because it may carry a secret.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub struct Transcript(Vec<u8>);

impl Transcript {
    /// Room reserved at once, so that short inputs are not copied (and left behind) by growing.
    const CAPACITY: usize = 1024;

    /// An empty transcript.
    #[must_use]
    pub fn new() -> Self {
        Self(Vec::with_capacity(Self::CAPACITY))
    }

    /// An empty transcript with room for this many bytes: for long inputs that hold secrets.
    #[must_use]
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes.max(Self::CAPACITY)))
    }

    /// Appends a part of a length fixed by the protocol.
    #[must_use]
    pub fn fixed<const N: usize>(mut self, part: &[u8; N]) -> Self {
        self.0.extend_from_slice(part);
        self
    }

    /// Appends a part of any length, behind its length.
    #[must_use]
    pub fn variable(self, part: &[u8]) -> Self {
        let length = u64::try_from(part.len()).expect("a usize fits 64 bits");
        let mut out = self.u64(length);
        out.0.extend_from_slice(part);
        out
    }

    /// Appends one byte.
    #[must_use]
    pub fn u8(self, value: u8) -> Self {
        self.fixed(&[value])
    }

    /// Appends a number as 4 bytes, big-endian.
    #[must_use]
    pub fn u32(self, value: u32) -> Self {
        self.fixed(&value.to_be_bytes())
    }

    /// Appends a number as 8 bytes, big-endian.
    #[must_use]
    pub fn u64(self, value: u64) -> Self {
        self.fixed(&value.to_be_bytes())
    }

    /// Appends a compressed point of G1.
    #[must_use]
    pub fn g1(self, point: &G1) -> Self {
        self.fixed(&point.to_bytes())
    }

    /// Appends a compressed point of G2.
    #[must_use]
    pub fn g2(self, point: &G2) -> Self {
        self.fixed(&point.to_bytes())
    }

    /// Appends an element of GT.
    #[must_use]
    pub fn gt(self, element: &Gt) -> Self {
        self.fixed(&element.to_bytes())
    }

    /// Appends a scalar.
    #[must_use]
    pub fn scalar(self, scalar: &Scalar) -> Self {
        self.fixed(&scalar.to_bytes())
    }

    /// The bytes to be hashed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_the_border_of_two_variable_parts_changes_the_bytes() {
        let ab_c = Transcript::new().variable(b"ab").variable(b"c");
        let a_bc = Transcript::new().variable(b"a").variable(b"bc");
        assert_ne!(ab_c.as_bytes(), a_bc.as_bytes());
        assert_eq!(ab_c.as_bytes(), b"\0\0\0\0\0\0\0\x02ab\0\0\0\0\0\0\0\x01c");
    }
}
