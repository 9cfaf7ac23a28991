//! What the ledger says of the others, in the forms that this gateway works with.

use consilium_contracts::HospitalCard;
use consilium_schemes::matching::{ClaimedHospitalKeys, HospitalKeys, KeyContext, KeyError};

/// A hospital's matching keys, verified.
pub(crate) fn matching_keys(card: &HospitalCard) -> Result<HospitalKeys, KeyError> {
    let hpke_key = card.hpke_key.as_bytes();
    let context = KeyContext {
        hospital: card.id.as_str().as_bytes(),
        hpke_key,
    };
    ClaimedHospitalKeys::from_bytes(card.matching_keys.as_bytes())?.verify(&context)
}
