//! `--prefilter`, for who makes a federation.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use consilium_contracts::Prefilter;

use super::answer::Failure;

/// Whether a federation has a prefilter.
#[derive(Debug, Clone, Args)]
pub struct PrefilterOption {
    /// Spare hospitals comparisons by bitmaps of so many bits, which tell each hospital keyword buckets and their frequencies; for good. By
    /// default there is no prefilter
    #[arg(long, value_name = "BITS", value_parser = bits())]
    prefilter: Option<u16>,
    /// Bits set in every bitmap, from N (the most keywords of a record) to half of the bitmap; by default twice N, at most half of the bitmap
    #[arg(long, value_name = "BITS", requires = "prefilter")]
    prefilter_weight: Option<u16>,
}

fn bits() -> impl TypedValueParser<Value = u16> {
    PossibleValuesParser::new(["256", "512", "1024"]).try_map(|bits| bits.parse::<u16>())
}

impl PrefilterOption {
    /// As the federation's setting, where records have at most `n` keywords.
    pub fn setting(&self, n: u16) -> Result<Option<Prefilter>, Failure> {
        let Some(bits) = self.prefilter else {
            return Ok(None);
        };
        let default = Prefilter::with_default_weight(bits, n);
        let weight = self.prefilter_weight.unwrap_or(default.weight);
        let (least, most) = (n, bits / 2);
        if !(least..=most).contains(&weight) {
            return Err(Failure::Usage(format!(
                "--prefilter-weight is {weight}; with {bits} bits and at most {n} keywords of a record it must be from {least} to {most}"
            )));
        }
        Ok(Some(Prefilter { bits, weight }))
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
