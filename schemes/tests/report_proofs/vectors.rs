//! The frozen proofs of having decrypted.

use consilium_schemes::digest::Digest;
use consilium_schemes::report::{DecryptionProof, DecryptionStatement, Opening, prove_decryption};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{CONTEXT, PATIENT, SIZE, modulus, sealed, z};
use crate::by_hand::{from_be, hkdf, less, multiply, power, small_power, to_be};
use crate::frozen::{FixedRng, array, bytes, cases, freeze, sized};

/// federation, record, report digest, N, e, c.
fn head(digest: &Digest, c: &[u8]) -> Vec<u8> {
    let e = 65537u64.to_be_bytes();
    let fixed = [CONTEXT.federation, CONTEXT.record, digest.to_bytes()].concat();
    [fixed, sized(&modulus()), e.to_vec(), sized(c)].concat()
}

/// ch_1 .. ch_8.
pub(crate) fn challenges(digest: &Digest, c: &[u8], t: &[Vec<u8>]) -> Vec<u8> {
    let mut message = sized(b"CONSILIUM-V1-REPORT-GQ");
    message.extend(head(digest, c));
    t.iter().for_each(|t| message.extend(sized(t)));
    Sha256::digest(message)[..16].to_vec()
}

/// Something that only equal t_i have in common: t_i c^{ch_i} c^{65535 - ch_i}.
pub(crate) fn commitments(proof: &[u8], c: &[u8]) -> Vec<Vec<u8>> {
    let (n, c) = (from_be(&modulus()), from_be(c));
    let (ch, answers) = proof[1..].split_at(16);
    let rounds = ch.chunks(2).zip(answers.chunks(SIZE));
    rounds
        .map(|(ch, r)| {
            let ch = u16::from_be_bytes(ch.try_into().unwrap());
            let shifted = small_power(&c, u16::MAX - ch, &n);
            to_be(&multiply(&power(&from_be(r), &n), &shifted, &n))
        })
        .collect()
}

/// The whole proof of a case by schoolbook arithmetic, from z and fresh randomness.
fn derived(case: &Value) -> Value {
    let n = from_be(&modulus());
    let (c, secret, fresh) = (bytes(&case["c"]), bytes(&case["z"]), bytes(&case["fresh"]));
    let digest = Digest::from_bytes(array(&case["report"]));
    let about = Sha256::digest(head(&digest, &c));
    let ikm = [secret.clone(), fresh].concat();
    let nonce = |i: u32| {
        let draw = |attempt: u32| {
            let info = [&about[..], &i.to_be_bytes(), &attempt.to_be_bytes()].concat();
            hkdf(b"CONSILIUM-V1-REPORT-GQ-NONCE", &ikm, &info, SIZE)
        };
        (0..).map(draw).find(|u| less(&from_be(u), &n)).unwrap()
    };
    let u: Vec<Vec<u8>> = (0..8).map(nonce).collect();
    let t: Vec<Vec<u8>> = u.iter().map(|u| to_be(&power(&from_be(u), &n))).collect();
    let ch = challenges(&digest, &c, &t);
    let answers: Vec<Vec<u8>> = u
        .iter()
        .zip(ch.chunks(2))
        .map(|(u, ch)| {
            let ch = u16::from_be_bytes(ch.try_into().unwrap());
            to_be(&multiply(
                &from_be(u),
                &small_power(&from_be(&secret), ch, &n),
                &n,
            ))
        })
        .collect();
    for ((t, r), ch) in t.iter().zip(&answers).zip(ch.chunks(2)) {
        let ch = u16::from_be_bytes(ch.try_into().unwrap());
        let right = multiply(&from_be(t), &small_power(&from_be(&c), ch, &n), &n);
        assert_eq!(power(&from_be(r), &n), right);
    }
    let list = |items: &[Vec<u8>]| items.iter().map(hex::encode).collect::<Vec<_>>();
    json!({
        "hashed": hex::encode(head(&digest, &c)), "u": list(&u), "t": list(&t), "ch": hex::encode(&ch),
        "r": list(&answers), "proof": hex::encode([&[1][..], &ch, &answers.concat()].concat()),
    })
}

#[test]
fn frozen_proofs_are_made_again_by_schoolbook_arithmetic() {
    for case in cases("report_proofs_v2", "decryption") {
        for (name, value) in derived(&case).as_object().unwrap() {
            assert!(*value == case[name], "{name}");
        }
    }
}

#[test]
fn frozen_proofs_are_reproduced_and_hold() {
    for case in cases("report_proofs_v2", "decryption") {
        let (c, digest) = (
            bytes(&case["c"]),
            Digest::from_bytes(array(&case["report"])),
        );
        let statement = DecryptionStatement {
            context: &CONTEXT,
            report: &digest,
            key: PATIENT.public_key(),
            c: &c,
        };
        let opening = Opening::from_bytes(bytes(&case["z"]).into());
        let mut random = FixedRng::new(&[&bytes(&case["fresh"])]);
        let proof = prove_decryption(&statement, &opening, &mut random).unwrap();
        assert!(random.is_spent() && proof.to_bytes() == bytes(&case["proof"]));
        let parsed = DecryptionProof::from_bytes(&bytes(&case["proof"])).unwrap();
        assert_eq!(parsed.verify(&statement), Ok(()));
    }
}

#[test]
#[ignore = "writes the frozen vectors; run once for a new format version"]
fn generate() {
    let case = |number: u8| {
        let sealed = sealed(number);
        let mut case = json!({
            "kind": "decryption", "federation": hex::encode(CONTEXT.federation),
            "record": hex::encode(CONTEXT.record), "report": sealed.digest().to_string(),
            "N": hex::encode(modulus()), "e": 65537, "c": hex::encode(sealed.encapsulation()),
            "z": hex::encode(z(number)), "fresh": hex::encode([number; 32]),
            "label": "CONSILIUM-V1-REPORT-GQ", "label_nonce": "CONSILIUM-V1-REPORT-GQ-NONCE",
        });
        let derived = derived(&case).as_object().unwrap().clone();
        case.as_object_mut().unwrap().extend(derived);
        case
    };
    freeze("report_proofs_v2", &[case(1), case(2)]);
}
