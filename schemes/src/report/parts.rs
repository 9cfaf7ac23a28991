//! A report as the ledger sees it: three byte strings with one digest.
//!
//! ```text
//! digest = SHA-256("REPORT-DIGEST", SHA-256("REPORT-DIGEST-C", c), SHA-256("REPORT-DIGEST-HEADER", header),
//!                  SHA-256("REPORT-DIGEST-CIPHERTEXT", ciphertext))
//! ```
//! The digest is one over digests, so that c can be shown to belong to it without header and ciphertext: a patient who
//! proves to have decrypted shows c and [`PartDigests`], 64 bytes instead of up to 64 KiB.
//!
//! [`ReportParts`] takes what a doctor got wrong, too: a header that is none can be disputed only by who can hold it.

use core::fmt;

use super::header::HEADER;
use super::sealed::{CIPHERTEXT_LIMIT, MODULUS_LIMIT, SealedReport};
use crate::curve::{DecodeError, InField as _, Label, Reader, Transcript};
use crate::digest::Digest;
use crate::signature::Signature;

const LABEL_DIGEST: Label = Label::new("CONSILIUM-V1-REPORT-DIGEST");
const LABEL_C: Label = Label::new("CONSILIUM-V1-REPORT-DIGEST-C");
const LABEL_HEADER: Label = Label::new("CONSILIUM-V1-REPORT-DIGEST-HEADER");
const LABEL_CIPHERTEXT: Label = Label::new("CONSILIUM-V1-REPORT-DIGEST-CIPHERTEXT");

/// What stands beside c in a report's digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartDigests {
    /// Of the header, under its label.
    pub header: Digest,
    /// Of the ciphertext, under its label.
    pub ciphertext: Digest,
}

impl PartDigests {
    /// The digest of the report that has this c: what the ledger holds of it.
    #[must_use]
    pub fn with(&self, c: &[u8]) -> Digest {
        let parts = Transcript::new()
            .variable(LABEL_DIGEST.as_bytes())
            .fixed(labelled(LABEL_C, c).as_bytes())
            .fixed(self.header.as_bytes())
            .fixed(self.ciphertext.as_bytes());
        Digest::of(parts.as_bytes())
    }
}

/// c, header and ciphertext: lengths are bounded, nothing else is checked.
#[derive(Clone, PartialEq, Eq)]
pub struct ReportParts {
    pub(super) c: Vec<u8>,
    pub(super) header: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
}

impl ReportParts {
    /// Takes the encoding of a [`SealedReport`] apart, without looking into its header: so what does not parse as a report, but
    /// whose digest a doctor posted, can be disputed. The doctor's signature outside is left out; it settles nothing.
    ///
    /// A header of another length than a proper one's has no place in the encoding. Whoever posts the digest of one has posted a
    /// report that nobody can deliver.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, SealedReport::LIMIT)?;
        let header = reader.take(HEADER).in_field("header")?.to_vec();
        let c = reader.variable(MODULUS_LIMIT).in_field("c")?.to_vec();
        let ciphertext = reader
            .variable(CIPHERTEXT_LIMIT)
            .in_field("ciphertext")?
            .to_vec();
        reader.take(Signature::LENGTH).in_field("signature")?;
        reader.finish()?;
        Ok(Self {
            c,
            header,
            ciphertext,
        })
    }

    /// What the ledger holds of the report.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digests().with(&self.c)
    }

    /// What shows, together with c, that c belongs to the report.
    #[must_use]
    pub fn digests(&self) -> PartDigests {
        PartDigests {
            header: labelled(LABEL_HEADER, &self.header),
            ciphertext: labelled(LABEL_CIPHERTEXT, &self.ciphertext),
        }
    }

    /// c, big-endian, as long as the modulus in a proper report.
    #[must_use]
    pub fn encapsulation(&self) -> &[u8] {
        &self.c
    }
}

impl From<&SealedReport> for ReportParts {
    fn from(sealed: &SealedReport) -> Self {
        Self {
            c: sealed.encapsulation().to_vec(),
            header: sealed.header(),
            ciphertext: sealed.ciphertext().to_vec(),
        }
    }
}

impl fmt::Debug for ReportParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReportParts(sha256 {})", self.digest())
    }
}

fn labelled(label: Label, part: &[u8]) -> Digest {
    let message = Transcript::new().variable(label.as_bytes()).variable(part);
    Digest::of(message.as_bytes())
}
