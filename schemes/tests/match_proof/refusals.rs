//! Encodings that the parser does not take.

use consilium_schemes::match_proof::{MatchProof, prove};

use super::{World, rng};
use crate::frozen::{bytes, cases};

pub(crate) fn refusal(input: &[u8]) -> String {
    MatchProof::from_bytes(input).unwrap_err().to_string()
}

#[test]
fn frozen_refusals_are_refused() {
    for case in cases("match_proof", "refuse") {
        let reason = refusal(&bytes(&case["bytes"]));
        assert_eq!(reason, case["refuse"].as_str().unwrap());
    }
}

pub(crate) fn malformed() -> Vec<Vec<u8>> {
    let proof = |world: World| {
        let proof = prove(&world.statement(), &world.secret, &mut rng(1)).unwrap();
        proof.to_bytes()
    };
    let (yes, no) = (proof(World::matching()), proof(World::not_matching()));
    let changed = |bytes: &[u8], at: usize, to: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    let r =
        hex::decode("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001").unwrap();
    let mut one = [0; 576];
    one[47] = 1;
    let mut out = vec![
        vec![],
        changed(&yes, 0, b"CMTD"),
        changed(&yes, 4, &[2]),
        changed(&yes, 5, &[0]),
        changed(&yes, 5, &[2]),
        [&yes[..], &[0]].concat(),
        changed(&no, 5, &[1]),
        changed(&no, 6, &one),
        changed(&no, 6, &[0; 576]),
        changed(&no, 6, &[0xff; 48]),
        [&no[..], &[0]].concat(),
    ];
    let every = |proof: &[u8], from: usize| -> Vec<Vec<u8>> {
        let scalars = (from..proof.len()).step_by(32);
        scalars
            .flat_map(|at| [changed(proof, at, &r), proof[..at + 31].to_vec()])
            .collect()
    };
    out.extend(every(&yes, 6));
    out.extend(every(&no, 582));
    out
}
