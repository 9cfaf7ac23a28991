//! `--prefilter`, for who makes a federation.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use consilium_contracts::Prefilter;

/// Whether a federation has a prefilter.
#[derive(Debug, Clone, Args)]
pub struct PrefilterOption {
    /// Spare hospitals comparisons by bitmaps of so many bits, which tell each hospital keyword buckets and their frequencies; for good. By
    /// default there is no prefilter
    #[arg(long, value_name = "BITS", value_parser = bits())]
    prefilter: Option<u16>,
    /// Bits set in every bitmap, from the most keywords of a record to half of the bitmap; by default twice the keywords
    #[arg(long, value_name = "BITS", requires = "prefilter")]
    prefilter_weight: Option<u16>,
}

fn bits() -> impl TypedValueParser<Value = u16> {
    PossibleValuesParser::new(["256", "512", "1024"]).try_map(|bits| bits.parse::<u16>())
}

impl PrefilterOption {
    /// As the federation's setting, where records have at most `n` keywords.
    pub fn setting(&self, n: u16) -> Option<Prefilter> {
        let bits = self.prefilter?;
        let default = Prefilter::with_default_weight(bits, n);
        let weight = self.prefilter_weight.unwrap_or(default.weight);
        Some(Prefilter { bits, weight })
    }
}

/// For people.
pub fn shown(prefilter: Option<&Prefilter>) -> String {
    match prefilter {
        None => "none".to_owned(),
        Some(Prefilter { bits, weight }) => {
            format!("{bits} bits, {weight} of them set: hospitals learn keyword buckets")
        }
    }
}
