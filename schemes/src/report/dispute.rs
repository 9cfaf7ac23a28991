//! *It does not open*: what a patient reveals, and the verdict that everyone reaches from it.
//!
//! The patient reveals z with c, header and ciphertext as the doctor posted their digest. [`Evidence::settle`] is a pure function: a
//! contract and the patient's device come to the same verdict. The doctor's outer signature plays no part, because the ledger
//! already shows that the doctor posted this digest; so nobody gains by damaging it.
//!
//! In this order, the first that applies (`docs/spec/match_proof.md`, L43 to L50):
//!
//! | found | verdict |
//! |---|---|
//! | another RSA key than the ledger's, another digest | [`Inadmissible`]: says nothing about the report |
//! | header malformed, or of another federation, record, doctor, key; c no residue coprime to N | the doctor's [`Defect`]: no z needed |
//! | z^e ≠ c | [`Inadmissible::Opening`] |
//! | commitment, AES-GCM or the signature inside wrong | the doctor's [`Defect`] |
//! | none of these | [`Verdict::Opens`]: the patient is shown at fault |
//!
//! The certificate leaves c one root among the residues coprime to N, and c is coprime: no other z than the doctor's passes z^e = c, under
//! a crafted modulus neither. **For the doctor's device**: it seals only to the key whose digest the ledger holds for the record, and
//! posts only the digest of what it sealed; otherwise a hospital that shows it another key makes it guilty.

use core::fmt;

use zeroize::Zeroizing;

use super::error::{Defect, DisputeRefused, Inadmissible};
use super::header::{HeaderCore, TAG};
use super::key::{PublicKey, SecretKey};
use super::parts::ReportParts;
use super::sealed::{CIPHERTEXT_LIMIT, MODULUS_LIMIT, encapsulation, power, unseal};
use super::{Opening, ReportContext};
use crate::curve::{DecodeError, InField as _, Reader, put_variable};
use crate::digest::Digest;
use crate::signature::VerifyingKey;

const VERSION: u8 = 1;

/// Longest header that evidence may carry; a proper one has 166 bytes.
const HEADER_LIMIT: usize = 1024;

/// What the ledger knows of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostedReport {
    /// Federation and record.
    pub context: ReportContext,
    /// The key of the doctor who posted it.
    pub doctor: VerifyingKey,
    /// The digest of the record's RSA key.
    pub key: Digest,
    /// The digest of c, header and ciphertext.
    pub digest: Digest,
}

/// What settles a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The report opens and the doctor signed it: the patient is shown at fault.
    Opens,
    /// The doctor is shown at fault.
    DoesNotOpen(Defect),
}

/// z, c, header, ciphertext: what a patient reveals in a dispute. Wiped when dropped, redacted when printed.
pub struct Evidence {
    opening: Opening,
    parts: ReportParts,
}

impl Evidence {
    /// Largest encoding.
    pub const LIMIT: usize = 1 + 4 * 4 + 2 * MODULUS_LIMIT + HEADER_LIMIT + CIPHERTEXT_LIMIT;

    /// Puts evidence together without asking whether the dispute would be won. A device uses [`SecretKey::dispute`].
    #[must_use]
    pub fn new(opening: Opening, parts: ReportParts) -> Self {
        Self { opening, parts }
    }

    /// c, header and ciphertext.
    #[must_use]
    pub fn parts(&self) -> &ReportParts {
        &self.parts
    }

    /// Who is at fault, given what stands on the ledger and the record's certified key.
    ///
    /// # Errors
    /// [`Inadmissible`]: the evidence is not about this report.
    pub fn settle(
        &self,
        posted: &PostedReport,
        recipient: &PublicKey,
    ) -> Result<Verdict, Inadmissible> {
        if recipient.digest() != posted.key {
            return Err(Inadmissible::Key); // L43
        }
        if self.parts.digest() != posted.digest {
            return Err(Inadmissible::Report); // L44
        }
        let (core, tag) = match self.posted_as(posted, recipient) {
            Ok(header) => header,
            Err(defect) => return Ok(Verdict::DoesNotOpen(defect)),
        };
        let z = self.opening.expose_secret();
        if power(recipient, z).ok().as_ref() != Some(&self.parts.c) {
            return Err(Inadmissible::Opening); // L47
        }
        match unseal(z, &core, &tag, &self.parts.c, &self.parts.ciphertext) {
            Ok(_) => Ok(Verdict::Opens),                     // L50
            Err(defect) => Ok(Verdict::DoesNotOpen(defect)), // L48, L49
        }
    }

    /// What everyone can see without z: the header is one, for this report, and c a residue.
    fn posted_as(
        &self,
        posted: &PostedReport,
        recipient: &PublicKey,
    ) -> Result<(HeaderCore, [u8; TAG]), Defect> {
        let (core, tag) = read_header(&self.parts.header).map_err(|_| Defect::Header)?;
        core.expect(&HeaderCore {
            context: posted.context,
            doctor: posted.doctor,
            recipient: posted.key,
        })?; // L45
        encapsulation(recipient, &self.parts.c).ok_or(Defect::Encapsulation)?; // L46
        Ok((core, tag))
    }

    /// The canonical encoding: `version || z || c || header || ciphertext`, each behind its length of four bytes.
    #[must_use]
    pub fn expose_secret(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(Self::LIMIT));
        out.push(VERSION);
        put_variable(&mut out, self.opening.expose_secret());
        put_variable(&mut out, &self.parts.c);
        put_variable(&mut out, &self.parts.header);
        put_variable(&mut out, &self.parts.ciphertext);
        out
    }

    /// Parses the canonical encoding: lengths only, for what the doctor got wrong must be presentable.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::LIMIT)?;
        reader.version(VERSION).in_field("version")?;
        let z = reader.variable(MODULUS_LIMIT).in_field("z")?.to_vec();
        let c = reader.variable(MODULUS_LIMIT).in_field("c")?.to_vec();
        let header = reader.variable(HEADER_LIMIT).in_field("header")?.to_vec();
        let ciphertext = reader
            .variable(CIPHERTEXT_LIMIT)
            .in_field("ciphertext")?
            .to_vec();
        reader.finish()?;
        Ok(Self {
            opening: Opening::from_bytes(z.into()),
            parts: ReportParts {
                c,
                header,
                ciphertext,
            },
        })
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Evidence(REDACTED)")
    }
}

impl SecretKey {
    /// Tries a dispute on the device: hands out the evidence, with the defect it shows, only if the dispute would be won.
    ///
    /// The private operation is blinded, and left out where the defect shows without z.
    ///
    /// # Errors
    /// [`DisputeRefused`].
    pub fn dispute(
        &self,
        parts: &ReportParts,
        posted: &PostedReport,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<(Evidence, Defect), DisputeRefused> {
        let nothing = Opening::from_bytes(Vec::new().into());
        let mut evidence = Evidence::new(nothing, parts.clone());
        if evidence.posted_as(posted, self.public_key()).is_ok() {
            evidence.opening = self
                .root(&parts.c, rng)
                .map_err(|_| Inadmissible::Opening)?;
        }
        match evidence.settle(posted, self.public_key())? {
            Verdict::Opens => Err(DisputeRefused::Opens),
            Verdict::DoesNotOpen(defect) => Ok((evidence, defect)),
        }
    }
}

fn read_header(bytes: &[u8]) -> Result<(HeaderCore, [u8; TAG]), DecodeError> {
    let mut reader = Reader::new(bytes, HEADER_LIMIT)?;
    let core = HeaderCore::read(&mut reader)?;
    let tag = reader.array()?;
    reader.finish()?;
    Ok((core, tag))
}
