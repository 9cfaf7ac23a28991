//! Seal, open, and open with z alone.

use core::fmt;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use rsa::{BoxedUint, hazmat};
use zeroize::Zeroizing;

use super::error::{Defect, ReportError};
use super::header::{HEADER, HeaderCore, TAG};
use super::key::{MAX_BITS, PublicKey, SecretKey};
use super::modulus::{is_coprime, residue};
use super::parts::ReportParts;
use super::{Digest, Opening, REPORT_LIMIT, Report, ReportContext};
use crate::curve::{DecodeError, InField as _, Label, Reader, put_variable};
use crate::kdf::CommittingKeys;
use crate::signature::{Purpose, Signature, SigningKey, VerifyingKey};

const LABEL_KEYS: Label = Label::new("CONSILIUM-V1-REPORT-KEYS");
const PURPOSE_INSIDE: Purpose = Purpose::new("CONSILIUM-V1-SIG-REPORT-INSIDE");
const PURPOSE_OUTSIDE: Purpose = Purpose::new("CONSILIUM-V1-SIG-REPORT-OUTSIDE");

const GCM_TAG: usize = 16;
pub(super) const CIPHERTEXT_LIMIT: usize = Signature::LENGTH + REPORT_LIMIT + GCM_TAG;
pub(super) const MODULUS_LIMIT: usize = MAX_BITS as usize / 8;

/// One key per z, so one nonce is enough.
const NONCE: [u8; 12] = [0; 12];

/// A report as it travels from doctor to patient.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedReport {
    core: HeaderCore,
    tag: [u8; TAG],
    c: Vec<u8>,
    ciphertext: Vec<u8>,
    signature: Signature,
}

impl SealedReport {
    /// Largest encoding.
    pub const LIMIT: usize = HEADER + 4 + MODULUS_LIMIT + 4 + CIPHERTEXT_LIMIT + Signature::LENGTH;

    /// The digest of c, header and ciphertext: what the ledger holds of the report. See [`ReportParts::digest`].
    #[must_use]
    pub fn digest(&self) -> Digest {
        ReportParts::from(self).digest()
    }

    /// c, big-endian, as long as the modulus.
    #[must_use]
    pub fn encapsulation(&self) -> &[u8] {
        &self.c
    }

    pub(super) fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    /// Checks the doctor's outer signature; whoever relays a report does this.
    ///
    /// # Errors
    /// [`ReportError::Context`] if the report names another doctor,
    /// [`ReportError::OuterSignature`].
    pub fn verify_outside(&self, doctor: &VerifyingKey) -> Result<(), ReportError> {
        if self.core.doctor != *doctor {
            return Err(ReportError::Context("doctor"));
        }
        let (context, message) = (self.core.to_bytes(), self.digest().to_bytes());
        doctor
            .verify(PURPOSE_OUTSIDE, &context, &message, &self.signature)
            .map_err(|_| ReportError::OuterSignature)
    }

    /// What the report claims to belong to.
    #[must_use]
    pub fn context(&self) -> &ReportContext {
        &self.core.context
    }

    /// The canonical encoding: `header_core || tag 32 || c len32 + n || ciphertext len32 + n ||
    /// outer signature 64`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.header();
        put_variable(&mut out, &self.c);
        put_variable(&mut out, &self.ciphertext);
        out.extend_from_slice(&self.signature.to_bytes());
        out
    }

    /// Parses the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::LIMIT)?;
        let core = HeaderCore::read(&mut reader)?;
        let tag = reader.array().in_field("tag")?;
        let c = reader.variable(MODULUS_LIMIT).in_field("c")?.to_vec();
        let ciphertext = reader
            .variable(CIPHERTEXT_LIMIT)
            .in_field("ciphertext")?
            .to_vec();
        let signature = Signature::from_bytes(reader.array().in_field("signature")?);
        reader.finish()?;
        Ok(Self {
            core,
            tag,
            c,
            ciphertext,
            signature,
        })
    }

    pub(super) fn header(&self) -> Vec<u8> {
        [self.core.to_bytes().as_slice(), &self.tag].concat()
    }
}

impl fmt::Debug for SealedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedReport(sha256 {})", self.digest())
    }
}

/// Encrypts a report to the record's key.
///
/// # Errors
/// None of [`ReportError`]'s today: the types have checked the length and the key.
pub fn seal(
    report: &Report,
    context: &ReportContext,
    recipient: &PublicKey,
    doctor: &SigningKey,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<SealedReport, ReportError> {
    let z = random_residue(recipient, rng);
    let c = power(recipient, &z)?;
    let core = HeaderCore {
        context: *context,
        doctor: doctor.verifying_key(),
        recipient: recipient.digest(),
    };
    let bound = [core.to_bytes(), c.clone()].concat();
    let keys = CommittingKeys::derive(LABEL_KEYS, &z, &bound);
    let tag = keys.commit(&bound);

    let inside = doctor.sign(PURPOSE_INSIDE, &bound, report.expose_secret());
    let mut plaintext = Zeroizing::new(Vec::with_capacity(CIPHERTEXT_LIMIT));
    plaintext.extend_from_slice(&inside.to_bytes());
    plaintext.extend_from_slice(report.expose_secret());
    let header = [core.to_bytes().as_slice(), &tag].concat();
    let ciphertext = Aes256Gcm::new((&*keys.encryption).into())
        .encrypt(
            &NONCE.into(),
            Payload {
                msg: &plaintext,
                aad: &header,
            },
        )
        .expect("AES-GCM takes 64 KiB");

    let signature = Signature::from_bytes([0; Signature::LENGTH]);
    let mut sealed = SealedReport {
        core,
        tag,
        c,
        ciphertext,
        signature,
    };
    sealed.signature = doctor.sign(
        PURPOSE_OUTSIDE,
        &core.to_bytes(),
        sealed.digest().as_bytes(),
    );
    Ok(sealed)
}

impl SecretKey {
    /// z = c^(1/e) mod N, blinded, for a report that `doctor` signed outside for this record and
    /// key.
    ///
    /// # Errors
    /// [`ReportError::Context`], [`ReportError::OuterSignature`], [`ReportError::Encapsulation`].
    pub fn decapsulate(
        &self,
        sealed: &SealedReport,
        context: &ReportContext,
        doctor: &VerifyingKey,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<Opening, ReportError> {
        check(sealed, context, self.public_key(), doctor)?;
        self.root(&sealed.c, rng)
    }

    /// z = c^(1/e) mod N, blinded.
    pub(super) fn root(
        &self,
        c: &[u8],
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<Opening, ReportError> {
        let c = residue(self.public_key().rsa(), c).ok_or(ReportError::Encapsulation)?;
        let z = hazmat::rsa_decrypt_and_check(self.rsa(), Some(rng), &c)
            .map(Zeroizing::new)
            .map_err(|_| ReportError::WrongOpening)?;
        Ok(Opening(Zeroizing::new(z.to_be_bytes().into_vec())))
    }

    /// Opens a report that `doctor` sealed for this record and key.
    ///
    /// # Errors
    /// As [`Self::decapsulate`] and [`open_with`].
    pub fn open(
        &self,
        sealed: &SealedReport,
        context: &ReportContext,
        doctor: &VerifyingKey,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<Report, ReportError> {
        let opening = self.decapsulate(sealed, context, doctor, rng)?;
        open_with(&opening, sealed, context, self.public_key(), doctor)
    }
}

/// Opens a report with z alone: what the patient's device does after decapsulation, and what
/// settles a dispute.
///
/// # Errors
/// [`ReportError::Context`], [`ReportError::OuterSignature`], [`ReportError::Encapsulation`];
/// [`ReportError::WrongOpening`] unless z is in (0, N) and z^e = c; [`ReportError::DoesNotOpen`],
/// [`ReportError::InnerSignature`], which show the doctor at fault.
pub fn open_with(
    opening: &Opening,
    sealed: &SealedReport,
    context: &ReportContext,
    recipient: &PublicKey,
    doctor: &VerifyingKey,
) -> Result<Report, ReportError> {
    check(sealed, context, recipient, doctor)?;
    if power(recipient, &opening.0)? != sealed.c {
        return Err(ReportError::WrongOpening);
    }
    Ok(unseal(
        &opening.0,
        &sealed.core,
        &sealed.tag,
        &sealed.c,
        &sealed.ciphertext,
    )?)
}

/// What z opens, once it is known that z^e = c and whom the header names.
pub(super) fn unseal(
    z: &[u8],
    core: &HeaderCore,
    tag: &[u8; TAG],
    c: &[u8],
    ciphertext: &[u8],
) -> Result<Report, Defect> {
    let bound = [core.to_bytes().as_slice(), c].concat();
    let keys = CommittingKeys::derive(LABEL_KEYS, z, &bound);
    if !keys.is_committed(&bound, tag) {
        return Err(Defect::Commitment);
    }
    let plaintext = Aes256Gcm::new((&*keys.encryption).into())
        .decrypt(
            &NONCE.into(),
            Payload {
                msg: ciphertext,
                aad: &[core.to_bytes().as_slice(), tag].concat(),
            },
        )
        .map(Zeroizing::new)
        .map_err(|_| Defect::Ciphertext)?;
    let (inside, text) = plaintext.split_first_chunk().ok_or(Defect::Plaintext)?;
    core.doctor
        .verify(
            PURPOSE_INSIDE,
            &bound,
            text,
            &Signature::from_bytes(*inside),
        )
        .map_err(|_| Defect::InnerSignature)?;
    Report::new(Zeroizing::new(text.to_vec())).map_err(|_| Defect::Plaintext)
}

/// c as an integer, if it is in (0, N), as long as N, and coprime to it.
pub(super) fn encapsulation(recipient: &PublicKey, c: &[u8]) -> Option<BoxedUint> {
    residue(recipient.rsa(), c).filter(|c| is_coprime(recipient.rsa(), c))
}

/// The context, the doctor's outer signature, and c.
fn check(
    sealed: &SealedReport,
    context: &ReportContext,
    recipient: &PublicKey,
    doctor: &VerifyingKey,
) -> Result<(), ReportError> {
    let expected = HeaderCore {
        context: *context,
        doctor: *doctor,
        recipient: recipient.digest(),
    };
    sealed.core.expect(&expected)?;
    sealed.verify_outside(doctor)?;
    encapsulation(recipient, &sealed.c)
        .map(drop)
        .ok_or(ReportError::Encapsulation)
}

/// A uniformly random integer in (0, N) that shares no factor with N, as long as N.
///
/// The certificate shows that raising to e permutes the residues coprime to N. Where a square divides N, others
/// have many e-th roots, and whoever made such a key could disown the one that was drawn.
fn random_residue(
    recipient: &PublicKey,
    rng: &mut impl rand_core::CryptoRng,
) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(vec![0; recipient.size()]);
    loop {
        rng.fill_bytes(&mut bytes);
        let z = residue(recipient.rsa(), &bytes).map(Zeroizing::new);
        if z.is_some_and(|z| is_coprime(recipient.rsa(), &z)) {
            return bytes;
        }
    }
}

/// z^e mod N, as long as N.
pub(super) fn power(recipient: &PublicKey, z: &[u8]) -> Result<Vec<u8>, ReportError> {
    let z = residue(recipient.rsa(), z)
        .map(Zeroizing::new)
        .ok_or(ReportError::WrongOpening)?;
    let c = hazmat::rsa_encrypt(recipient.rsa(), &z).map_err(|_| ReportError::WrongOpening)?;
    Ok(c.to_be_bytes().into_vec())
}
