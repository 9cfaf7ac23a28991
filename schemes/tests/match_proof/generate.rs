//! Makes the frozen vectors, once for a format version.

use serde_json::{Value, json};

use super::by_hand::exponents;
use super::reference::derived;
use super::refusals::{malformed, refusal};
use super::{CONTEXT, World};
use crate::frozen::freeze;

fn case(world: &World, size: u16, authorization: Option<[u8; 32]>, fresh: u8) -> Value {
    let (x, y) = exponents(world);
    let mut case = json!({
        "n": size, "x": hex::encode(x.to_bytes()), "y": hex::encode(y.to_bytes()),
        "index": hex::encode(world.index.to_bytes()),
        "trapdoor": hex::encode(world.trapdoor.to_bytes()),
        "federation": hex::encode(CONTEXT.federation), "record": hex::encode(CONTEXT.record),
        "doctor": hex::encode(CONTEXT.doctor), "hospital": hex::encode(CONTEXT.hospital),
        "epoch": CONTEXT.epoch, "authorization": authorization.map(hex::encode),
        "expires": CONTEXT.expires, "label": "CONSILIUM-V1-MATCH-PROOF",
        "label_points": "CONSILIUM-V1-MATCH-POINTS",
        "label_seed": "CONSILIUM-V1-MATCH-PROOF-NONCE", "label_nonce": "CONSILIUM-V1-NONCE",
        "fresh": hex::encode([fresh; 32]),
    });
    let derived = derived(&case);
    let kind = if derived["outcome"] == 1 {
        "match"
    } else {
        "no match"
    };
    case["kind"] = kind.into();
    let all = derived.as_object().unwrap().clone();
    case.as_object_mut().unwrap().extend(all);
    case
}

#[test]
#[ignore = "writes the frozen vectors; run once for a new format version"]
fn generate() {
    let world = |size, keywords, interests, seed| World::new(size, keywords, interests, seed);
    let mut all = vec![
        case(&world(2, "ab", "ab", 1), 2, CONTEXT.authorization, 5),
        case(&world(2, "ab", "ac", 2), 2, CONTEXT.authorization, 6),
        case(&world(4, "abc", "b", 3), 4, None, 7),
        case(&world(4, "abc", "cde", 4), 4, None, 8),
        case(&world(1, "a", "b", 5), 1, Some([0; 32]), 9),
    ];
    all.extend(malformed().into_iter().map(|input| {
        json!({"kind": "refuse", "type": "MatchProof", "refuse": refusal(&input), "bytes": hex::encode(input)})
    }));
    freeze("match_proof", &all);
}
