//! The frozen vectors: recomputed with the other library, and reproduced by the crate.

use consilium_schemes::match_proof::{MatchContext, MatchProof, Outcome, Statement, prove, verify};
use consilium_schemes::matching::{EncryptedIndex, EncryptedTrapdoor, HospitalSecretKeys};
use serde_json::Value;

use super::n;
use super::reference::derived;
use crate::frozen::{FixedRng, array, bytes, cases};

/// A case's context; the name is owned.
pub(crate) struct Context {
    context: MatchContext<'static>,
    hospital: Vec<u8>,
}

impl Context {
    pub(crate) fn borrowed(&self) -> MatchContext<'_> {
        MatchContext {
            hospital: &self.hospital,
            ..self.context
        }
    }
}

pub(crate) fn context(case: &Value) -> Context {
    let authorization = &case["authorization"];
    Context {
        context: MatchContext {
            federation: array(&case["federation"]),
            record: array(&case["record"]),
            doctor: array(&case["doctor"]),
            hospital: b"",
            epoch: case["epoch"].as_u64().unwrap(),
            authorization: (!authorization.is_null()).then(|| array(authorization)),
            expires: case["expires"].as_u64().unwrap(),
        },
        hospital: bytes(&case["hospital"]),
    }
}

#[test]
fn frozen_proofs_are_made_again_by_the_other_library() {
    for kind in ["match", "no match"] {
        for case in cases("match_proof", kind) {
            for (name, value) in derived(&case).as_object().unwrap() {
                assert_eq!(*value, case[name], "{name} of {kind}");
            }
        }
    }
}

#[test]
fn frozen_proofs_are_reproduced_and_hold() {
    for kind in ["match", "no match"] {
        for case in cases("match_proof", kind) {
            let size = n(u16::try_from(case["n"].as_u64().unwrap()).unwrap());
            let secret = [&b"CMHS\x01"[..], &bytes(&case["x"]), &bytes(&case["y"])].concat();
            let secret = HospitalSecretKeys::from_bytes(&secret).unwrap();
            let index = EncryptedIndex::from_bytes(&bytes(&case["index"]), size).unwrap();
            let trapdoor = EncryptedTrapdoor::from_bytes(&bytes(&case["trapdoor"]), size).unwrap();
            let owned = context(&case);
            let statement = Statement {
                index: &index,
                trapdoor: &trapdoor,
                keys: &secret.public_keys(),
                context: &owned.borrowed(),
            };
            let mut random = FixedRng::new(&[&bytes(&case["fresh"])]);
            let proof = prove(&statement, &secret, &mut random).unwrap();
            assert!(random.is_spent());
            assert_eq!(proof.to_bytes(), bytes(&case["proof"]));
            let outcome = match kind {
                "match" => Outcome::Match,
                _ => Outcome::NoMatch,
            };
            let parsed = MatchProof::from_bytes(&bytes(&case["proof"])).unwrap();
            assert_eq!(verify(&statement, &parsed), Ok(outcome));
        }
    }
}
