//! What a patient says about a report: that it was decrypted, that its content is wrong, that it does not open.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::report::{self, DecryptionProof, Defect, Evidence, PartDigests, Verdict};

use crate::codec::Blob;
use crate::ids::{Digest, RecordId};

/// The most bytes of a record's RSA key with its certificate.
pub const MAX_REPORT_KEY: usize = report::PublicKey::LIMIT;
/// The most bytes of c, as long as the modulus.
pub const MAX_ENCAPSULATION: usize = report::MAX_BITS as usize / 8;
/// The most bytes of a proof of having decrypted.
pub const MAX_DECRYPTION_PROOF: usize = DecryptionProof::LIMIT;
/// The most bytes of what a dispute reveals.
pub const MAX_EVIDENCE: usize = Evidence::LIMIT;

/// A record's RSA key with its certificate, in the encoding of `schemes::report`.
pub type ReportKeyBytes = Blob<MAX_REPORT_KEY>;
/// c of a report, big-endian.
pub type EncapsulationBytes = Blob<MAX_ENCAPSULATION>;
/// A proof of having decrypted, in the encoding of `schemes::report`.
pub type DecryptionProofBytes = Blob<MAX_DECRYPTION_PROOF>;
/// z, c, header and ciphertext of a report, in the encoding of `schemes::report`.
pub type EvidenceBytes = Blob<MAX_EVIDENCE>;

/// That the patient decrypted the report: payload of [`Action::Acknowledge`](crate::Action::Acknowledge); the record's key is the
/// sender.
///
/// It does not name the report's digest: that follows from c and the two digests, and must be the posted one.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Decrypted {
    /// The record.
    pub record: RecordId,
    /// The record's RSA key, whose digest was registered with it.
    pub key: ReportKeyBytes,
    /// c of the report.
    pub c: EncapsulationBytes,
    /// The digest of the report's header, as `schemes::report` makes it.
    pub header: Digest,
    /// The digest of the report's ciphertext likewise.
    pub ciphertext: Digest,
    /// That whoever made this knows c^{1/e}.
    pub proof: DecryptionProofBytes,
}

impl Decrypted {
    /// The digest of the report that c, header and ciphertext give.
    pub fn digest(&self) -> Digest {
        let digests = PartDigests {
            header: self.header.into(),
            ciphertext: self.ciphertext.into(),
        };
        digests.with(self.c.as_bytes()).into()
    }
}

/// Why a patient complains about a report's content; no free text, for the ledger forgets nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum ComplaintReason {
    /// It cannot be read: empty, garbage, another language.
    Unreadable,
    /// It is about somebody else.
    OtherPatient,
    /// It leaves out what the record asks for.
    Incomplete,
    /// It contradicts the record or itself.
    Incorrect,
    /// Anything else.
    Other,
}

impl fmt::Display for ComplaintReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "it cannot be read",
            Self::OtherPatient => "it is about somebody else",
            Self::Incomplete => "it is incomplete",
            Self::Incorrect => "it is incorrect",
            Self::Other => "another reason",
        })
    }
}

/// Payload of [`Action::Complain`](crate::Action::Complain): who complains has read the report.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Complain {
    /// That the patient decrypted the report.
    pub decrypted: Decrypted,
    /// Why.
    pub reason: ComplaintReason,
}

/// Payload of [`Action::Dispute`](crate::Action::Dispute); the record's key is the sender. Whoever keeps the ledger can read what it
/// opens.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Dispute {
    /// The record.
    pub record: RecordId,
    /// The record's RSA key, whose digest was registered with it.
    pub key: ReportKeyBytes,
    /// z, c, header and ciphertext.
    pub evidence: EvidenceBytes,
}

/// How a dispute was settled: by verification, nobody judges.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum Settlement {
    /// The report opens and the doctor signed it: the patient is shown at fault.
    Opens,
    /// It does not: the doctor is shown at fault.
    DoesNotOpen(ReportDefect),
}

impl From<Verdict> for Settlement {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Opens => Self::Opens,
            Verdict::DoesNotOpen(defect) => Self::DoesNotOpen(defect.into()),
        }
    }
}

/// What is wrong with a report that does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum ReportDefect {
    /// The header is no header.
    Header,
    /// The header names another federation, record, doctor or key.
    Context,
    /// c is no residue coprime to N, as long as it.
    Encapsulation,
    /// The header does not commit to the key that z gives.
    Commitment,
    /// The ciphertext does not decrypt.
    Ciphertext,
    /// The plaintext is no report.
    Plaintext,
    /// The doctor's signature inside is wrong.
    InnerSignature,
}

impl ReportDefect {
    /// Whether showing it takes z, with which everybody can read what the doctor encrypted: the key follows from z, and AES in counter
    /// mode decrypts whatever the tag, the commitment and the signature inside say.
    pub const fn is_shown_with_z(self) -> bool {
        match self {
            Self::Commitment | Self::Ciphertext | Self::Plaintext | Self::InnerSignature => true,
            Self::Header | Self::Context | Self::Encapsulation => false,
        }
    }
}

impl From<Defect> for ReportDefect {
    fn from(defect: Defect) -> Self {
        match defect {
            Defect::Header => Self::Header,
            Defect::Context(_) => Self::Context,
            Defect::Encapsulation => Self::Encapsulation,
            Defect::Commitment => Self::Commitment,
            Defect::Ciphertext => Self::Ciphertext,
            Defect::Plaintext => Self::Plaintext,
            Defect::InnerSignature => Self::InnerSignature,
        }
    }
}

impl fmt::Display for ReportDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "its header is malformed",
            Self::Context => "its header is of another federation, record, doctor or key",
            Self::Encapsulation => "its encapsulation is no residue of the record's key",
            Self::Commitment => "its header does not commit to its key",
            Self::Ciphertext => "its ciphertext does not decrypt",
            Self::Plaintext => "what it decrypts to is no report",
            Self::InnerSignature => "the doctor's signature inside is wrong",
        })
    }
}
