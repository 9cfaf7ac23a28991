//! The proof of Match: both outcomes, frozen vectors recomputed with another curve library, and the attacks of
//! `match_proof_attacks.py` and `matching_attacks.py` on it.
mod attacks;
mod by_hand;
mod generate;
mod properties;
mod reference;
mod refusals;
mod vectors;

use consilium_schemes::match_proof::{MatchContext, Statement};
use consilium_schemes::matching::{
    EncryptedIndex, EncryptedTrapdoor, HospitalKeys, HospitalSecretKeys, index_build, trd_gen,
};

use crate::matching::{n, rng, tokens};

const CONTEXT: MatchContext<'static> = MatchContext {
    federation: [1; 32],
    record: [2; 32],
    doctor: [3; 32],
    hospital: b"st-mary",
    epoch: 7,
    authorization: Some([4; 32]),
    expires: 900,
};

/// One index and one trapdoor, encrypted to one hospital.
struct World {
    secret: HospitalSecretKeys,
    keys: HospitalKeys,
    index: EncryptedIndex,
    trapdoor: EncryptedTrapdoor,
}

impl World {
    fn new(size: u16, keywords: &str, interests: &str, seed: u64) -> Self {
        let secret = HospitalSecretKeys::generate(&mut rng(1));
        let keys = secret.public_keys();
        let mut rng = rng(seed);
        let index = index_build(n(size), &tokens(keywords), &mut rng).unwrap();
        let (trapdoor, _) = trd_gen(n(size), &tokens(interests), &mut rng).unwrap();
        Self {
            index: index.encrypt(&keys, &mut rng),
            trapdoor: trapdoor.encrypt(&keys, &mut rng),
            secret,
            keys,
        }
    }

    fn matching() -> Self {
        Self::new(4, "abc", "ac", 10)
    }

    fn not_matching() -> Self {
        Self::new(4, "abc", "ad", 20)
    }

    fn in_context<'a>(&'a self, context: &'a MatchContext<'a>) -> Statement<'a> {
        Statement {
            index: &self.index,
            trapdoor: &self.trapdoor,
            keys: &self.keys,
            context,
        }
    }

    fn statement(&self) -> Statement<'_> {
        self.in_context(&CONTEXT)
    }
}
