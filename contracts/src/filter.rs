//! What stands beside each index and each trapdoor of a federation with a prefilter.
//!
//! Encrypted to the hospital (`schemes::matching::prefilter`), so nobody who applies a transaction can look into it: checked is that it
//! is there, exactly as long as the setting makes it, and there only where the setting is on. What it is bound to stands in the
//! state; so whoever moves or copies one makes one that does not open, and the hospital then compares the pair as if there were none.
//!
//! | | poster | subject | epoch | expiry | posted |
//! |---|---|---|---|---|---|
//! | [`index_filter_context`] | owner hospital | record | the record's | 0 | the index |
//! | [`trapdoor_filter_context`] | doctor | doctor | 0 | the trapdoor's | the trapdoor |
//!
//! The transaction's signature covers it, as everything in the transaction; its own seal names its poster's key besides.

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::matching::prefilter::{FilterContext, FilterSize, Weight, sealed_length};
use consilium_schemes::wrap::Wrapped;

use crate::action::{IndexBytes, RecordTerms, TrapdoorBytes};
use crate::codec::Blob;
use crate::ids::{BlockTime, Digest, DoctorId, FederationId, HospitalId};
use crate::settings::Prefilter;

/// The most bytes of a sealed filter: one of 1024 bits.
pub const MAX_FILTER: usize = Wrapped::length(1024 / 8);

/// A bitmap, or a trapdoor's buckets, encrypted to the hospital.
pub type FilterBytes = Blob<MAX_FILTER>;

impl Prefilter {
    /// B and w, as the schemes take them; settings that were validated have both.
    pub fn parts(&self) -> Option<(FilterSize, Weight)> {
        let size = FilterSize::new(self.bits).ok()?;
        Some((size, Weight::new(self.weight, size).ok()?))
    }

    /// Bytes of what is posted beside an index or a trapdoor.
    pub fn sealed_length(&self) -> usize {
        self.parts().map_or(0, |(size, _)| sealed_length(size))
    }
}

/// What the filter beside an index is bound to; `index` is without the proof that it is posted with.
pub fn index_filter_context<'a>(
    federation: &FederationId,
    terms: &'a RecordTerms,
    to: &'a HospitalId,
    index: &IndexBytes,
) -> FilterContext<'a> {
    FilterContext {
        federation: *federation.as_bytes(),
        poster: terms.owner.as_str().as_bytes(),
        subject: *terms.record.as_bytes(),
        hospital: to.as_str().as_bytes(),
        epoch: terms.epoch.number(),
        expiry: 0,
        posted: Digest::of(index.as_bytes()).into(),
    }
}

/// What the filter beside a trapdoor is bound to; `trapdoor` is without the proofs that it is posted with.
pub fn trapdoor_filter_context<'a>(
    federation: &FederationId,
    doctor: &'a DoctorId,
    hospital: &'a HospitalId,
    trapdoor: &TrapdoorBytes,
    expiry: BlockTime,
) -> FilterContext<'a> {
    FilterContext {
        federation: *federation.as_bytes(),
        poster: doctor.as_bytes(),
        subject: *doctor.as_bytes(),
        hospital: hospital.as_str().as_bytes(),
        epoch: 0,
        expiry: expiry.value(),
        posted: Digest::of(trapdoor.as_bytes()).into(),
    }
}

/// Why a posting's filter is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, BorshSerialize, BorshDeserialize)]
#[allow(
    missing_docs,
    reason = "the fields are the nouns of the message above them"
)]
#[non_exhaustive]
pub enum FilterRejection {
    /// None, where the setting is on.
    #[error(
        "this federation has a prefilter of {bits} bits: post the index or trapdoor together with its sealed filter of {length} bytes (the device or gateway must know the setting `prefilter`)"
    )]
    Missing { bits: u16, length: u64 },
    /// One, where the setting is off.
    #[error("this federation has no prefilter: post the index or trapdoor without a filter")]
    NotUsed,
    /// Made for another B, or no filter.
    #[error(
        "the sealed filter has {found} bytes; this federation's prefilter of {bits} bits makes it {length} bytes long: make it for that size"
    )]
    Length { bits: u16, length: u64, found: u64 },
}

impl FilterRejection {
    /// A short code that does not change, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "filter-missing",
            Self::NotUsed => "filter-not-used",
            Self::Length { .. } => "filter-length",
        }
    }
}

/// A posting carries a filter exactly when the setting is on, and of exactly its length.
pub(crate) fn check(
    setting: Option<&Prefilter>,
    filter: Option<&FilterBytes>,
) -> Result<(), FilterRejection> {
    match (setting, filter) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(FilterRejection::NotUsed),
        (Some(setting), None) => Err(FilterRejection::Missing {
            bits: setting.bits,
            length: setting.sealed_length() as u64,
        }),
        (Some(setting), Some(filter)) => {
            let (length, found) = (setting.sealed_length(), filter.as_bytes().len());
            match found == length {
                true => Ok(()),
                false => Err(FilterRejection::Length {
                    bits: setting.bits,
                    length: length as u64,
                    found: found as u64,
                }),
            }
        }
    }
}
