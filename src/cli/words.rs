//! Closed sets of words as arguments: the help lists them.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use consilium_client::api::terms::{ComplaintReason, PurposeOfUse, RevocationReason};

/// A purpose of use.
pub fn purpose() -> impl TypedValueParser<Value = PurposeOfUse> {
    let words = PurposeOfUse::ALL.iter().map(|word| word.as_str());
    PossibleValuesParser::new(words).try_map(|word| word.parse::<PurposeOfUse>())
}

/// Why a patient complains.
pub fn complaint() -> impl TypedValueParser<Value = ComplaintReason> {
    let words = ComplaintReason::ALL.iter().map(|word| word.as_str());
    PossibleValuesParser::new(words).try_map(|word| word.parse::<ComplaintReason>())
}

/// Why a doctor is revoked.
pub fn reason() -> impl TypedValueParser<Value = RevocationReason> {
    let words = RevocationReason::ALL.iter().map(|word| word.as_str());
    PossibleValuesParser::new(words).try_map(|word| word.parse::<RevocationReason>())
}
