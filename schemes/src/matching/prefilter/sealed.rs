//! A bitmap or a trapdoor's buckets, encrypted to the hospital.

use rand_core::CryptoRng;

use super::{Bitmap, Buckets, FilterSize, Weight};
use crate::curve::{DecodeError, Label, Transcript};
use crate::digest::Digest;
use crate::signature::{SigningKey, VerifyingKey};
use crate::wrap::{self, PublicKey, SecretKey, WrapError, Wrapped};

const LABEL_INDEX: Label = Label::new("CONSILIUM-V1-FILTER-INDEX");
const LABEL_TRAPDOOR: Label = Label::new("CONSILIUM-V1-FILTER-TRAPDOOR");

/// What a sealed filter belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterContext<'a> {
    /// The federation's identifier.
    pub federation: [u8; 32],
    /// Who posts it: the owner hospital beside an index, the doctor beside a trapdoor.
    pub poster: &'a [u8],
    /// The record of an index, the doctor of a trapdoor.
    pub subject: [u8; 32],
    /// The hospital that it is encrypted to.
    pub hospital: &'a [u8],
    /// The record's epoch; 0 beside a trapdoor.
    pub epoch: u64,
    /// The block time at which the trapdoor is gone; 0 beside an index.
    pub expiry: u64,
    /// SHA-256 of the encrypted index or trapdoor, as it stands on the ledger, without proofs.
    pub posted: Digest,
}

impl FilterContext<'_> {
    fn bytes(&self) -> Transcript {
        Transcript::new()
            .fixed(&self.federation)
            .variable(self.poster)
            .fixed(&self.subject)
            .variable(self.hospital)
            .u64(self.epoch)
            .u64(self.expiry)
            .fixed(self.posted.as_bytes())
    }
}

/// Why a sealed filter is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// What was sealed, or the seal itself, is malformed.
    #[error("the filter is malformed: {0}")]
    Malformed(#[from] DecodeError),
    /// Not sealed by this poster for this hospital and posting.
    #[error("the filter does not open: {0}")]
    Unopened(#[from] WrapError),
}

/// Bytes of a sealed filter.
#[must_use]
pub const fn sealed_length(size: FilterSize) -> usize {
    Wrapped::length(size.bytes())
}

impl Bitmap {
    /// Encrypts it to `recipient`, signed by the owner.
    pub fn seal(
        &self,
        context: &FilterContext<'_>,
        owner: &SigningKey,
        recipient: &PublicKey,
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        seal(
            LABEL_INDEX,
            &self.to_bytes(),
            context,
            owner,
            recipient,
            rng,
        )
    }

    /// Opens what [`Bitmap::seal`] gave.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn open(
        sealed: &[u8],
        context: &FilterContext<'_>,
        owner: &VerifyingKey,
        recipient: &SecretKey,
        size: FilterSize,
        weight: Weight,
    ) -> Result<Self, FilterError> {
        let bits = open(LABEL_INDEX, sealed, context, owner, recipient)?;
        Ok(Self::from_bytes(&bits, size, weight)?)
    }
}

impl Buckets {
    /// Encrypts them to `recipient`, signed by the doctor.
    pub fn seal(
        &self,
        context: &FilterContext<'_>,
        doctor: &SigningKey,
        recipient: &PublicKey,
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        seal(
            LABEL_TRAPDOOR,
            &self.to_bytes(),
            context,
            doctor,
            recipient,
            rng,
        )
    }

    /// Opens what [`Buckets::seal`] gave, for a trapdoor with so many interests.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn open(
        sealed: &[u8],
        context: &FilterContext<'_>,
        doctor: &VerifyingKey,
        recipient: &SecretKey,
        size: FilterSize,
        interests: u16,
    ) -> Result<Self, FilterError> {
        let bits = open(LABEL_TRAPDOOR, sealed, context, doctor, recipient)?;
        Ok(Self::from_bytes(&bits, size, interests)?)
    }
}

fn seal(
    label: Label,
    bits: &[u8],
    context: &FilterContext<'_>,
    poster: &SigningKey,
    recipient: &PublicKey,
    rng: &mut impl CryptoRng,
) -> Vec<u8> {
    let aad = context.bytes();
    let sealed = wrap::wrap(
        poster,
        recipient,
        label.as_bytes(),
        aad.as_bytes(),
        bits,
        rng,
    );
    sealed.expect("a filter and its label are short").to_bytes()
}

fn open(
    label: Label,
    sealed: &[u8],
    context: &FilterContext<'_>,
    poster: &VerifyingKey,
    recipient: &SecretKey,
) -> Result<zeroize::Zeroizing<Vec<u8>>, FilterError> {
    let (sealed, aad) = (Wrapped::from_bytes(sealed)?, context.bytes());
    let bits = wrap::unwrap(recipient, poster, label.as_bytes(), aad.as_bytes(), &sealed)?;
    Ok(bits)
}
