//! Hashing to G1 and to scalars under domain-separating labels.

use core::fmt;

use blstrs::G1Projective;

use super::point::G1;
use super::raw;
use super::scalar::{Scalar, SecretScalar};
use super::transcript::Transcript;

/// Every label begins with this: project and format generation.
const LABEL_PREFIX: &str = "CONSILIUM-V1-";
/// RFC 9380, section 5.3.3: longer domain separators would be hashed; none is needed.
const MAX_LABEL: usize = 255;
/// Bytes per field element: ceil((255 + 128) / 8), RFC 9380, section 5.1.
const L: usize = 48;

/// A domain separator, used as the DST of RFC 9380. Declare it as a constant; the form is checked when
/// it is compiled, that no two are equal by the test `labels_are_unique`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Label(&'static str);

impl Label {
    /// Makes a label.
    ///
    /// # Panics
    /// When compiled, if the text does not begin with `CONSILIUM-V1-`, adds nothing to it, or is too long.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        let (bytes, prefix) = (text.as_bytes(), LABEL_PREFIX.as_bytes());
        assert!(
            bytes.len() > prefix.len() && bytes.len() <= MAX_LABEL,
            "length of a label"
        );
        let (head, _) = bytes.split_at(prefix.len());
        let mut rest = (head, prefix);
        while let ([a, left @ ..], [b, right @ ..]) = rest {
            assert!(*a == *b, "a label begins with CONSILIUM-V1-");
            rest = (left, right);
        }
        Self(text)
    }

    /// The label's text.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.0
    }

    /// The label's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'static [u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// `H(label, m)`: RFC 9380 hash_to_curve, suite BLS12381G1_XMD:SHA-256_SSWU_RO_, the label as DST.
#[must_use]
pub fn hash_to_g1(label: Label, message: &Transcript) -> G1 {
    G1(G1Projective::hash_to_curve(
        message.as_bytes(),
        label.as_bytes(),
        &[],
    ))
}

/// `Fr(label, m)`: RFC 9380 hash_to_field with expand_message_xmd, SHA-256, L = 48, count = 1.
#[must_use]
pub fn hash_to_scalar(label: Label, message: &Transcript) -> Scalar {
    let expanded = raw::expand_message_xmd::<L>(message.as_bytes(), label.as_bytes());
    Scalar::reduce_be(expanded.as_ref())
}

/// `Fr(label, m)` where the message holds a secret and the result is one.
#[must_use]
pub fn hash_to_secret_scalar(label: Label, message: &Transcript) -> SecretScalar {
    SecretScalar::new(hash_to_scalar(label, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9380, appendix K.1 (expand_message_xmd, SHA-256, len_in_bytes 0x20 and 0x80).
    #[test]
    fn expand_message_xmd_agrees_with_the_rfc() {
        let dst = b"QUUX-V01-CS02-with-expander-SHA256-128";
        let short = |m: &[u8]| hex::encode(raw::expand_message_xmd::<32>(m, dst).as_ref());
        assert_eq!(
            short(b""),
            "68a985b87eb6b46952128911f2a4412bbc302a9d759667f87f7a21d803f07235"
        );
        assert_eq!(
            short(b"abc"),
            "d8ccab23b5985ccea865c6c97b6e5b8350e794e603b4b97902f53a8a0d605615"
        );
        let long = hex::encode(raw::expand_message_xmd::<128>(b"", dst).as_ref());
        assert_eq!(
            long,
            "af84c27ccfd45d41914fdff5df25293e221afc53d8ad2ac06d5e3e29485dadbee0d121587713a3e0dd4d5e69e93eb7cd4f5df4cd103e188cf60cb02edc3edf18eda8576c412b18ffb658e3dd6ec849469b979d444cf7b26911a08e63cf31f9dcc541708d3491184472c2c29bb749d4286b004ceb5ee6b9a7fa5b646c993f0ced"
        );
    }

    /// RFC 9380, appendix J.9.1 (BLS12381G1_XMD:SHA-256_SSWU_RO_).
    #[test]
    fn hash_to_curve_agrees_with_the_rfc() {
        let dst = b"QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_";
        let x = |m: &[u8]| {
            let mut bytes = G1(G1Projective::hash_to_curve(m, dst, &[])).to_bytes();
            bytes[0] &= 0x1f;
            hex::encode(bytes)
        };
        assert_eq!(
            x(b""),
            "052926add2207b76ca4fa57a8734416c8dc95e24501772c814278700eed6d1e4e8cf62d9c09db0fac349612b759e79a1"
        );
        assert_eq!(
            x(b"abc"),
            "03567bc5ef9c690c2ab2ecdf6a96ef1c139cc0b2f284dca0a9a7943388a49a3aee664ba5379a7655d3c68900be2f6903"
        );
    }
}
