//! What a doctor's device adds to a trapdoor in a federation with a prefilter.

use consilium_contracts::{FilterBytes, HospitalCard, Prefilter, SigningKey};
use consilium_schemes::matching::prefilter::{Buckets, FilterContext};
use consilium_schemes::tokens::KeywordToken;
use consilium_schemes::wrap::PublicKey;
use rand::CryptoRng;

use super::error::DeviceError;

/// The interests' buckets, encrypted to the doctor's hospital. Its HPKE key is the one that its matching keys are proved with.
pub(super) fn buckets(
    setting: &Prefilter,
    doctor: &SigningKey,
    hospital: &HospitalCard,
    interests: &[KeywordToken],
    context: &FilterContext<'_>,
    rng: &mut impl CryptoRng,
) -> Result<FilterBytes, DeviceError> {
    let unusable = || DeviceError::Genesis("the setting prefilter");
    let (size, _) = setting.parts().ok_or_else(unusable)?;
    let recipient = PublicKey::from_bytes(hospital.hpke_key.as_bytes())
        .map_err(|_| DeviceError::Untrusted("the hospital's HPKE key is malformed"))?;
    let buckets = Buckets::of(interests, context.hospital, size);
    let sealed = buckets.seal(context, doctor, &recipient, rng);
    sealed.try_into().map_err(|_| unusable())
}
