//! The arguments of `consilium bench match`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use consilium_contracts::Prefilter;
use consilium_schemes::matching::prefilter::{FilterSize, Weight};

use crate::cli::answer::Failure;

/// How many of what.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    /// Records; each draws 1 to N codes, each number as likely, and each code with its frequency; repeated codes count once
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    pub records: u32,
    /// Doctors, with 3 to 6 different interests each (at most N / 2 + 1), drawn with the same frequencies
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub doctors: u32,
    /// The most keywords of a record: what `kgc genesis --keywords` says of the federation (there 32 by default)
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(4..=128))]
    pub n: u16,
    /// Bits of the prefilter's bitmaps
    #[arg(long, default_value = "all", value_parser = PossibleValuesParser::new(["256", "512", "1024", "all"]))]
    pub bits: String,
    /// Bits set in every bitmap, from N to half of the bitmap; by default twice N, at most half of the bitmap
    #[arg(long)]
    pub weight: Option<u16>,
    /// Equal seeds make equal records, doctors, indexes and trapdoors
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder with condition-codes.csv and other-codes.csv (system,code,display,count): codes with these frequencies. By default 1000 codes,
    /// of which the k-th has frequency 1 / k
    #[arg(long, value_name = "DIR")]
    pub codes: Option<PathBuf>,
    /// Records that are compared with all doctors by pairing; ten times as many with the doctors that the prefilter lets pass falsely
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub sample: u32,
    /// MiB for prepared trapdoors and opened indexes, as the gateway's matching_memory_bytes
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub memory: u64,
}

impl ScaleArgs {
    /// The filters that are measured.
    pub fn filters(&self) -> Result<Vec<(FilterSize, Weight)>, Failure> {
        let all = [256_u16, 512, 1024];
        let chosen = all
            .into_iter()
            .filter(|bits| self.bits == "all" || self.bits == bits.to_string());
        let sized = chosen.map(|bits| {
            let default = Prefilter::with_default_weight(bits, self.n);
            let weight = self.weight.unwrap_or(default.weight);
            let size = FilterSize::new(bits)?;
            match Weight::new(weight, size) {
                Ok(weight) if weight.get() >= self.n => Ok((size, weight)),
                _ => Err(Failure::Usage(format!(
                    "--weight must be {} to {} with {bits} bits (choose the sizes with --bits); it is {weight}",
                    self.n,
                    bits / 2
                ))),
            }
        });
        sized.collect()
    }
}
