//! Opening sealed bitmaps, which a hospital does once for each record.

use std::time::Instant;

use consilium_schemes::digest::Digest;
use consilium_schemes::matching::prefilter::{Bitmap, FillKey, FilterContext, FilterSize, Weight};
use consilium_schemes::parallel::{in_parallel, processors};
use consilium_schemes::signature::SigningKey;
use consilium_schemes::tokens::KeywordToken;
use consilium_schemes::wrap::SecretKey;

use super::population::Seed;
use super::table::HOSPITAL;
use crate::cli::answer::Failure;

/// How many are opened.
pub const SAMPLE: u64 = 1000;

/// How many a second, on all cores.
pub fn opened_per_second(size: FilterSize, seed: Seed) -> Result<f64, Failure> {
    let mut rng = seed.of("sealed bitmaps", 0);
    let (owner, own) = (
        SigningKey::generate(&mut rng),
        SecretKey::generate(&mut rng),
    );
    let weight = Weight::new(32, size)?;
    let token = KeywordToken::from_bytes(&[1; 32])?;
    let fill = FillKey::generate(&mut rng);
    let bitmap = Bitmap::build(&[token], HOSPITAL, &[0; 32], size, weight, &fill)?;
    let context = FilterContext {
        federation: [0; 32],
        poster: b"owner",
        subject: [0; 32],
        hospital: HOSPITAL,
        epoch: 0,
        expiry: 0,
        posted: Digest::of(b"index"),
    };
    let recipient = own.public_key();
    let seal = || bitmap.seal(&context, &owner, recipient, &mut rng);
    let sealed: Vec<Vec<u8>> = std::iter::repeat_with(seal).take(SAMPLE as usize).collect();
    let signed_by = owner.verifying_key();
    let start = Instant::now();
    let opened = in_parallel(processors(), &sealed, |bytes| {
        Bitmap::open(bytes, &context, &signed_by, &own, size, weight)
    });
    let took = start.elapsed().as_secs_f64();
    for one in opened {
        one?;
    }
    Ok(SAMPLE as f64 / took)
}
