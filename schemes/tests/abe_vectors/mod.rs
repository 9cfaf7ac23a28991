//! The frozen vectors of the scheme. [`recompute`] made the file and checks it, without any code of this
//! crate; [`run_ours`] gives the crate's own code the same randomness and compares every encoding.

mod case;
mod ours;
mod reference;

use crate::support::fixed_rng;
use bls12_381::Gt;
use case::{Case, Computed, Given};
use ours::{parse, reason, run_ours};
use rand_core::Rng;
use reference::{bytes, frame, ku_nodes, recompute};

const VECTORS: &str = include_str!("../vectors/abe.json");

#[test]
fn frozen_vectors_hold_for_the_reference_and_for_us() {
    let cases: Vec<Case> = serde_json::from_str(VECTORS).unwrap();
    let (mut schemes, mut refusals) = (0, 0);
    for case in cases {
        match case {
            Case::Scheme { given, computed } => {
                assert_eq!(recompute(&given), *computed);
                run_ours(&given, &computed);
                schemes += 1;
            }
            Case::Refuse {
                r#type,
                bytes: text,
                refuse,
            } => {
                assert_eq!(
                    reason(&parse(&r#type, &bytes(&text)).unwrap_err()),
                    refuse,
                    "{type}"
                );
                refusals += 1;
            }
        }
    }
    assert!(
        schemes >= 3 && refusals >= 20,
        "{schemes} cases, {refusals} refusals"
    );
}

fn given(seed: u64, depth: u8, attributes: &str, revoked: &[u32], policy: &str) -> Given {
    let mut rng = fixed_rng(seed);
    let mut raw = || {
        let mut out = [0u8; 32];
        rng.fill_bytes(&mut out);
        out
    };
    let mut text = || hex::encode(raw());
    let strings = [(); 7].map(|()| text());
    let [tree_id, k_node, federation, user, nonce, pop_fresh, record] = strings;
    let sigma = text();
    let mut random_scalar = || {
        let mut out = raw();
        out[0] &= 0x3f; // below r
        hex::encode(out)
    };
    let [alpha, beta] = [(); 2].map(|()| random_scalar());
    let nodes = ku_nodes(depth, revoked).len();
    let header_core = [
        b"CTHD\x01\x01".to_vec(),
        bytes(&record),
        9u64.to_be_bytes().to_vec(),
        bytes(RECORD_KEY),
        vec![0; 4],
        vec![1, 2, 3, 4, 5, 6, 7],
    ]
    .concat();
    Given {
        tree_id,
        D: depth,
        alpha,
        k_node,
        federation,
        user,
        nonce,
        beta,
        pop_fresh,
        S: attributes.into(),
        theta: 2 % (1 << depth),
        r: (0..=depth).map(|_| random_scalar()).collect(),
        revoked: revoked.to_vec(),
        t: 9,
        s_x: (0..nodes).map(|_| random_scalar()).collect(),
        policy: policy.into(),
        record,
        sigma,
        header_core: hex::encode(header_core),
    }
}

/// The Ed25519 base point: any valid key serves.
const RECORD_KEY: &str = "5866666666666666666666666666666666666666666666666666666666666666";

fn refusals(c: &Computed) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut refuse = |kind: &str, bytes: Vec<u8>| {
        let refuse = reason(&parse(kind, &bytes).unwrap_err());
        cases.push(Case::Refuse {
            r#type: kind.into(),
            bytes: hex::encode(bytes),
            refuse,
        });
    };
    let patch = |text: &str, at: usize, with: &[u8]| {
        let mut out = bytes(text);
        out[at..at + with.len()].copy_from_slice(with);
        out
    };
    let mut infinity = vec![0u8; 96];
    infinity[0] = 0xc0;
    let mut outside = vec![0u8; 48]; // x = 4: on the curve, outside the subgroup
    (outside[0], outside[47]) = (0x80, 4);
    let all = [
        ("PublicParameters", &c.pp),
        ("ProofOfPossession", &c.proof),
        ("AttributeKey", &c.attribute_key),
        ("UpdateKey", &c.update_key),
        ("Capsule", &c.CTSym),
        ("SemiCiphertext", &c.SemiCT),
    ];
    for (kind, text) in all {
        refuse(kind, vec![]);
        refuse(kind, bytes(&text[..text.len() - 2]));
        refuse(kind, [bytes(text), vec![0]].concat());
        refuse(kind, patch(text, 0, b"XXXX"));
        refuse(kind, patch(text, 4, &[2]));
        refuse(kind, patch(text, 5, &[0]));
    }
    let one = crate::support::gt_bytes(&Gt::identity());
    refuse("PublicParameters", patch(&c.pp, 38, &[0]));
    refuse("PublicParameters", patch(&c.pp, 39, &one));
    refuse("PublicParameters", patch(&c.pp, 39, &[0; 576]));
    refuse("PublicParameters", patch(&c.pp, 39, &[0xff; 48]));
    refuse("MasterSecret", patch(&c.msk, 39, &[0; 32]));
    refuse("MasterSecret", patch(&c.msk, 39, &[0xff; 32]));
    refuse("ProofOfPossession", patch(&c.proof, 6, &infinity[..48]));
    refuse("ProofOfPossession", patch(&c.proof, 6, &outside));
    refuse("ProofOfPossession", patch(&c.proof, 54, &[0xff; 32]));
    let pk = hex::encode(frame("ABUP")) + &c.pk;
    refuse("UserPublicKey", patch(&pk, 6, &infinity[..48]));
    refuse("UserPublicKey", patch(&pk, 6, &outside));
    refuse("AttributeKey", patch(&c.attribute_key, 39, &[0xff; 4]));
    refuse("AttributeKey", patch(&c.attribute_key, 43, &[0xff; 4]));
    refuse("AttributeKey", patch(&c.attribute_key, 47, b"A"));
    refuse("UpdateKey", patch(&c.update_key, 47, &[0xff; 4]));
    refuse("UpdateKey", patch(&c.update_key, 51, &[0; 8]));
    refuse("UpdateKey", patch(&c.update_key, 51, &[0xff; 8]));
    refuse("UpdateKey", patch(&c.update_key, 59, &outside));
    let header = c.header.len() / 2;
    let m = c.C2.len();
    refuse("Capsule", patch(&c.CTSym, 110, &[0xff; 4]));
    refuse("Capsule", patch(&c.CTSym, 114, b"A"));
    refuse("Capsule", patch(&c.CTSym, header, &infinity));
    refuse("Capsule", patch(&c.CTSym, header + 96, &infinity));
    refuse(
        "Capsule",
        patch(&c.CTSym, header + 96 * (1 + m), &infinity[..48]),
    );
    refuse(
        "Capsule",
        patch(&c.CTSym, header + 96 * (1 + m) + 48, &outside),
    );
    refuse("SemiCiphertext", patch(&c.SemiCT, 6, &one));
    refuse("SemiCiphertext", patch(&c.SemiCT, 6 + 576, &one));
    refuse("SemiCiphertext", patch(&c.SemiCT, 6, &[0; 576]));
    cases
}

/// Writes the file anew: only for a new format version, never over a frozen one.
#[test]
#[ignore = "makes the frozen vectors"]
fn generate_vectors() {
    let given = [
        given(1, 1, "icu", &[], "icu"),
        given(
            2,
            3,
            "icu, er, role:cardiologist",
            &[5, 6],
            "(role:cardiologist and icu) or (icu and surgery) or 2 of (er, icu, ward)",
        ),
        given(
            3,
            2,
            "role:surgeon, surgery, ward, level=5",
            &[0],
            "role:surgeon and 2 of (surgery, icu, ward) and level >= 4",
        ),
    ];
    let scheme = |given: Given| {
        let computed = Box::new(recompute(&given));
        Case::Scheme {
            given: Box::new(given),
            computed,
        }
    };
    let mut cases: Vec<Case> = given.into_iter().map(scheme).collect();
    let Case::Scheme { computed, .. } = &cases[1] else {
        unreachable!()
    };
    let refused = refusals(computed);
    cases.extend(refused);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/abe.json");
    std::fs::write(path, serde_json::to_string_pretty(&cases).unwrap() + "\n").unwrap();
}
