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
    /// c is not in (0, N), not as long as N or not coprime to it: the doctor is at fault, as everyone can see.
    #[error("the report's encapsulation is not a residue modulo N that is coprime to it")]
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

/// What shows everyone that the doctor sealed or posted a report wrongly. The ledger records which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// The header is no header.
    #[error("the report's header is malformed")]
    Header,
    /// The header names another federation, record, doctor or key than the ledger.
    #[error("the report's header names another {0} than the ledger")]
    Context(&'static str),
    /// c is not in (0, N), not as long as N or not coprime to it.
    #[error("the report's encapsulation is not a residue modulo N that is coprime to it")]
    Encapsulation,
    /// The header's tag does not commit to the key that z gives.
    #[error("the report's header does not commit to the key")]
    Commitment,
    /// AES-256-GCM refuses the ciphertext.
    #[error("the report does not decrypt")]
    Ciphertext,
    /// The plaintext is shorter than the signature that it begins with.
    #[error("the report decrypts to something that is no report")]
    Plaintext,
    /// The doctor's signature inside is wrong.
    #[error("the doctor's signature inside the report is wrong")]
    InnerSignature,
}

impl From<Defect> for ReportError {
    /// What a reader is told: whoever opens need not tell the ways in which a report does not.
    fn from(defect: Defect) -> Self {
        match defect {
            Defect::Context(name) => Self::Context(name),
            Defect::Encapsulation => Self::Encapsulation,
            Defect::InnerSignature => Self::InnerSignature,
            Defect::Header | Defect::Commitment | Defect::Ciphertext | Defect::Plaintext => {
                Self::DoesNotOpen
            }
        }
    }
}

/// Why evidence settles nothing: it is not about the report on the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inadmissible {
    /// c, header and ciphertext are not those whose digest the doctor posted.
    #[error("c, header and ciphertext are not those of the report on the ledger")]
    Report,
    /// The RSA key is not the record's.
    #[error("the RSA key is not the one whose digest the ledger holds for the record")]
    Key,
    /// z is not in (0, N), or z^e is not c.
    #[error("the opening is not an e-th root of c")]
    Opening,
}

/// Why a patient's device does not hand out evidence: the dispute would be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisputeRefused {
    /// The report opens: the dispute would show its text to every validator and be lost.
    #[error("the report opens: a dispute would make it readable to the validators and be lost")]
    Opens,
    /// The report at hand is not the one on the ledger.
    #[error("the dispute would be refused: {0}")]
    Inadmissible(#[from] Inadmissible),
}

/// Why a proof of having decrypted was not made or is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptionProofError {
    /// c is not in (0, N), not as long as N or not coprime to it.
    #[error("the report's encapsulation is not a residue modulo N that is coprime to it")]
    Encapsulation,
    /// The opening is not in (0, N), or its e-th power is not c: nothing can be proved with it.
    #[error("the opening is not an e-th root of c")]
    Opening,
    /// The proof is for a modulus of another size.
    #[error("a proof for a modulus of {actual} bytes where N has {expected}")]
    Size {
        /// Bytes of N.
        expected: usize,
        /// Bytes of each answer.
        actual: usize,
    },
    /// An answer is not in (0, N) or shares a factor with N.
    #[error("an answer of the proof is not a residue modulo N that is coprime to it")]
    Answer,
    /// The proof is for another report, record or key, or whoever made it does not know z.
    #[error("the proof of having decrypted does not hold for this report, record and key")]
    DoesNotHold,
}
