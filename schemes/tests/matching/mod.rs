//! Matching: frozen vectors recomputed with another curve library, the property, and the attacks of
//! `matching_attacks.py`.
mod any_order;
mod attacks;
mod generate;
mod possession_vectors;
mod posting;
mod posting_by_hand;
mod posting_vectors;
mod prefilter;
mod properties;
mod reference;
mod refusals;
mod vectors;

use consilium_schemes::matching::{HospitalKeys, HospitalSecretKeys, IndexSize, KeyContext};
use consilium_schemes::tokens::KeywordToken;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

const CONTEXT: KeyContext<'static> = KeyContext {
    hospital: b"st-mary",
    hpke_key: b"hpke key",
};

pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

pub fn n(value: u16) -> IndexSize {
    IndexSize::new(value).unwrap()
}

/// A token for each letter.
pub fn tokens(letters: &str) -> Vec<KeywordToken> {
    letters
        .bytes()
        .map(|letter| KeywordToken::from_bytes(&[letter & 0x3f; 32]).unwrap())
        .collect()
}

fn hospital(seed: u64) -> (HospitalSecretKeys, HospitalKeys) {
    let secret = HospitalSecretKeys::generate(&mut rng(seed));
    let keys = secret
        .prove(&CONTEXT, &mut rng(seed))
        .verify(&CONTEXT)
        .unwrap();
    (secret, keys)
}
