//! What a case is, and a transform as the hospital signs it.

use super::{Inadmissible, bound_capsule};
use crate::abe::capsule::RecordContext;
use crate::abe::decrypt::dec;
use crate::abe::encrypt::SharedSecret;
use crate::abe::pre_decrypt::SemiCiphertext;
use crate::abe::setup::PublicParameters;
use crate::abe::transform::TransformProof;
use crate::abe::tree::Epoch;
use crate::abe::user_keygen::{UserId, UserPublicKey, UserSecretKey};
use crate::curve::{DecodeError, InField as _, Reader, Transcript};
use crate::digest::Digest;
use crate::signature::{Purpose, Signature, SigningKey, VerifyingKey};

/// The hospital's signature under a transform; the context is the federation.
pub const TRANSFORM: Purpose = Purpose::new("CONSILIUM-V1-SIG-ABE-TRANSFORM");

/// What everyone knows of a case.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// Federation and record.
    pub context: RecordContext,
    /// The doctor.
    pub doctor: UserId,
    /// The doctor's pk.
    pub pk: UserPublicKey,
    /// What the doctor's hospital signs with.
    pub hospital: VerifyingKey,
    /// SHA-256 of the registered CTSym.
    pub ctsym: Digest,
    /// The record's epoch.
    pub epoch: Epoch,
    /// pp.
    pub parameters: &'a PublicParameters,
}

impl Case<'_> {
    /// record, doctor, pk, epoch, then the digests of CTSym, SemiCT and the proof.
    pub(super) fn signed(&self, capsule: &Digest, semi: &[u8], proof: &[u8]) -> Transcript {
        Transcript::new()
            .fixed(self.context.record())
            .fixed(self.doctor.as_bytes())
            .g1(&self.pk.unproven())
            .u64(self.epoch.number())
            .fixed(capsule.as_bytes())
            .fixed(Digest::of(semi).as_bytes())
            .fixed(Digest::of(proof).as_bytes())
    }
}

/// SemiCT and its proof as the hospital gave them, with its signature. Of any content, for what is malformed must be presentable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTransform {
    pub(super) semi: Vec<u8>,
    pub(super) proof: Vec<u8>,
    pub(super) signature: Signature,
}

impl SignedTransform {
    /// Signs a transform of the case's registered capsule; `key` is the case's hospital's.
    #[must_use]
    pub fn sign(case: &Case<'_>, semi: Vec<u8>, proof: Vec<u8>, key: &SigningKey) -> Self {
        let message = case.signed(&case.ctsym, &semi, &proof);
        Self {
            signature: key.sign(TRANSFORM, case.context.federation(), message.as_bytes()),
            semi,
            proof,
        }
    }

    /// Puts together what a hospital sent.
    ///
    /// # Errors
    /// [`DecodeError::Limit`]: longer than any transform, and not to be presented.
    pub fn received(
        semi: Vec<u8>,
        proof: Vec<u8>,
        signature: Signature,
    ) -> Result<Self, DecodeError> {
        Reader::new(&semi, SemiCiphertext::BYTES).in_field("SemiCT")?;
        Reader::new(&proof, TransformProof::MAX_BYTES).in_field("proof")?;
        Ok(Self {
            semi,
            proof,
            signature,
        })
    }

    /// SemiCT.
    #[must_use]
    pub fn semi(&self) -> &[u8] {
        &self.semi
    }

    /// The proof.
    #[must_use]
    pub fn proof(&self) -> &[u8] {
        &self.proof
    }

    /// By the hospital.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Dec, if the capsule is the registered one and bound to the case; nothing where anything is wrong.
    #[must_use]
    pub fn open(
        &self,
        case: &Case<'_>,
        capsule: &[u8],
        secret: &UserSecretKey,
    ) -> Option<SharedSecret> {
        let capsule = bound_capsule(case, capsule).ok()?;
        let semi = SemiCiphertext::from_bytes(&self.semi).ok()?;
        dec(secret, &semi, &capsule, &case.ctsym).ok()
    }

    /// That the case's hospital signed it for this case and this capsule.
    ///
    /// # Errors
    /// [`Inadmissible::Signature`].
    pub fn verify_signature(&self, case: &Case<'_>, capsule: &[u8]) -> Result<(), Inadmissible> {
        let message = case.signed(&Digest::of(capsule), &self.semi, &self.proof);
        let (hospital, federation) = (&case.hospital, case.context.federation());
        hospital
            .verify(TRANSFORM, federation, message.as_bytes(), &self.signature)
            .map_err(|_| Inadmissible::Signature) // L58
    }
}
