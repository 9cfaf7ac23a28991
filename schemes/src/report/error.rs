//! Why a report key or a report is refused.

use crate::curve::DecodeError;

/// Why an RSA key is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportKeyError {
    /// The encoding is malformed.
    #[error("the report key: {0}")]
    Encoding(#[from] DecodeError),
    /// The modulus has a size that is not accepted.
    #[error("an RSA modulus of {bits} bits; {min} to {max} in steps of 64 are accepted", min = super::MIN_BITS, max = super::MAX_BITS)]
    Size {
        /// Its size.
        bits: u32,
    },
    /// The modulus has a small prime factor.
    #[error("the RSA modulus is divisible by {prime}")]
    SmallFactor {
        /// The factor.
        prime: u32,
    },
    /// The certificate does not show that raising to e is a permutation.
    #[error("the RSA key's certificate does not hold (sigma_{index})")]
    Certificate {
        /// The first value that is wrong, counted from 1.
        index: u8,
    },
    /// The public exponent is not 65537.
    #[error("the RSA key's public exponent is not 65537")]
    Exponent,
    /// The private key is malformed or inconsistent.
    #[error("the RSA private key is malformed or inconsistent")]
    PrivateKey,
}

/// Why a report could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The report is too long.
    #[error("a report of {actual} bytes exceeds the limit of {limit}", limit = super::REPORT_LIMIT)]
    TooLong {
        /// Its length.
        actual: usize,
    },
    /// The report is for another federation, record, doctor or key.
    #[error("the report is for another {0}")]
    Context(&'static str),
    /// The doctor did not sign the sealed report.
    #[error("the doctor did not sign the sealed report")]
    OuterSignature,
    /// c is not in (0, N), or not as long as N: the doctor is at fault, as everyone can see.
    #[error("the report's encapsulation is not a residue modulo N")]
    Encapsulation,
    /// z is not in (0, N), or z^e is not c: the opening is at fault, not the report.
    #[error("the opening is not an e-th root of c")]
    WrongOpening,
    /// The opening is right and yet the report does not open: the doctor is at fault.
    #[error("the report does not open")]
    DoesNotOpen,
    /// The report opens but the doctor's signature inside is wrong: the doctor is at fault.
    #[error("the doctor's signature inside the report is wrong")]
    InnerSignature,
}

impl ReportError {
    /// Whether this outcome of opening shows that the doctor sealed the report wrongly.
    #[must_use]
    pub fn is_doctors_fault(&self) -> bool {
        match self {
            Self::Encapsulation | Self::DoesNotOpen | Self::InnerSignature => true,
            Self::TooLong { .. } | Self::Context(_) | Self::OuterSignature | Self::WrongOpening => {
                false
            }
        }
    }
}
