//! Encrypted records: frozen vectors, opened by hand with AES-GCM, HKDF and HMAC alone, and
//! malformed headers.

use crate::frozen::{FixedRng, array, bytes, cases, freeze};
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use consilium_schemes::digest::Digest;
use consilium_schemes::envelope::{
    self, EnvelopeError, HeaderCore, HeaderFields, REPORT_KEY_LIMIT, SymKey, UnopenedEnvelope,
};
use consilium_schemes::signature::SigningKey;
use hmac::{Hmac, Mac as _};
use rand::SeedableRng as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const SEGMENT: usize = 1 << 20;

/// The plaintexts of the vectors: byte i is i mod 251.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}

fn header(case: &Value) -> HeaderCore {
    let fields = HeaderFields {
        record: array(&case["record"]),
        epoch: case["epoch"].as_u64().unwrap(),
        record_key: SigningKey::from_bytes(&array(&case["record_secret"])).verifying_key(),
        report_key: bytes(&case["report_key"]),
    };
    let prefix = bytes(&case["nonce_prefix"]);
    HeaderCore::new(fields, &mut FixedRng::new(&[&prefix])).unwrap()
}

fn key(case: &Value) -> SymKey {
    SymKey::new(array(&case["sym_key"]).into())
}

fn stored(case: &Value) -> Vec<u8> {
    let plaintext = pattern(usize::try_from(case["length"].as_u64().unwrap()).unwrap());
    let mut out = Vec::new();
    let made = envelope::encrypt(&key(case), &header(case), &plaintext[..], &mut out).unwrap();
    assert_eq!(made.digest, Digest::of(&out));
    out
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// k_enc and k_com by RFC 5869 written out.
fn keys_by_hand(case: &Value, core: &[u8]) -> ([u8; 32], [u8; 32]) {
    let prk = hmac(b"CONSILIUM-V1-ENVELOPE-KEYS", &[&bytes(&case["sym_key"])]);
    let first = hmac(&prk, &[core, &[1]]);
    (first, hmac(&prk, &[&first, core, &[2]]))
}

#[test]
fn frozen_records_are_reproduced_and_open_by_hand() {
    for case in cases("envelope", "record") {
        let stored = stored(&case);
        assert_eq!(
            hex::encode(Sha256::digest(&stored)),
            case["digest"].as_str().unwrap()
        );
        let core = bytes(&case["header_core"]);
        assert_eq!(header(&case).to_bytes(), core);

        let (k_enc, k_com) = keys_by_hand(&case, &core);
        assert_eq!(
            [k_enc, k_com].concat(),
            [bytes(&case["k_enc"]), bytes(&case["k_com"])].concat()
        );
        let tag = hmac(&k_com, &[&core]);
        assert_eq!(tag.to_vec(), bytes(&case["tag"]));
        let sealed_header = [&core[..], &tag].concat();
        let prefix = [&(core.len() as u32).to_be_bytes()[..], &sealed_header].concat();
        assert_eq!(stored[..prefix.len()], prefix);

        let segments: Vec<&[u8]> = stored[prefix.len()..].chunks(SEGMENT + 16).collect();
        let aes = Aes256Gcm::new(&k_enc.into());
        let mut plaintext = Vec::new();
        for (i, segment) in segments.iter().enumerate() {
            let last = u8::from(i + 1 == segments.len());
            let counter = u32::try_from(i).unwrap().to_be_bytes();
            let nonce = [bytes(&case["nonce_prefix"]), counter.to_vec(), vec![last]].concat();
            let nonce: [u8; 12] = nonce.try_into().unwrap();
            let aad: &[u8] = if i == 0 { &sealed_header } else { &[] };
            plaintext.extend(
                aes.decrypt(&nonce.into(), Payload { msg: segment, aad })
                    .unwrap(),
            );
            let gcm_tag = hex::encode(&segment[segment.len() - 16..]);
            assert_eq!(gcm_tag, case["segment_tags"][i].as_str().unwrap());
        }
        assert_eq!(
            segments.len(),
            case["segment_tags"].as_array().unwrap().len()
        );
        assert!(plaintext == pattern(plaintext.len()));
        assert_eq!(plaintext.len() as u64, case["length"].as_u64().unwrap());

        let mut opened = Vec::new();
        let unopened = UnopenedEnvelope::read(&stored[..]).unwrap();
        let summary = unopened.decrypt(&key(&case), &mut opened).unwrap();
        assert!(opened == plaintext);
        assert_eq!(summary.digest, Digest::of(&stored));
    }
}

fn refusal(input: &[u8], key: &SymKey) -> String {
    let refused = UnopenedEnvelope::read(input).and_then(|e| e.decrypt(key, std::io::sink()));
    refused.unwrap_err().to_string()
}

#[test]
fn frozen_refusals_are_refused() {
    for case in cases("envelope", "refuse") {
        let key = SymKey::new(array(&case["sym_key"]).into());
        assert_eq!(
            refusal(&bytes(&case["bytes"]), &key),
            case["refuse"].as_str().unwrap()
        );
    }
}

#[test]
#[ignore = "writes the frozen vectors; run once for a new format version"]
fn generate() {
    let mut all: Vec<Value> = [0, 5, SEGMENT, SEGMENT + 1, 2 * SEGMENT + 300]
        .map(record_case)
        .into();
    let case = all[1].clone();
    let good = stored(&case);
    let core = bytes(&case["header_core"]).len();
    let changed = |at: usize, to: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    let inputs = [
        vec![],
        changed(0, &[0xff; 4]),
        changed(0, &(core as u32 - 1).to_be_bytes()),
        changed(4, b"CTHX"),
        changed(8, &[2]),
        changed(9, &[7]),
        changed(10, &[0]),
        changed(49, &[9]),
        changed(50, &[0; 32]),
        changed(82, &[0, 0, 0xff, 0xff]),
        changed(4 + core, &[0]),
        changed(4 + core + 32, &[0]),
        good[..good.len() - 1].to_vec(),
        good[..4 + core + 32].to_vec(),
        [good.clone(), vec![0]].concat(),
    ];
    all.extend(inputs.into_iter().map(|input| {
        let refuse = refusal(&input, &key(&case));
        json!({"kind": "refuse", "sym_key": case["sym_key"], "bytes": hex::encode(input), "refuse": refuse})
    }));
    freeze("envelope", &all);
}

fn record_case(length: usize) -> Value {
    let mut case = json!({
        "kind": "record", "label": "CONSILIUM-V1-ENVELOPE-KEYS", "plaintext": "byte i is i mod 251",
        "length": length, "record": hex::encode([7; 32]), "epoch": 3,
        "record_secret": hex::encode([1; 32]), "report_key": hex::encode([0xaa; 5]),
        "nonce_prefix": hex::encode([1, 2, 3, 4, 5, 6, 7]), "sym_key": hex::encode([9; 32]),
    });
    let core = header(&case).to_bytes();
    let (k_enc, k_com) = keys_by_hand(&case, &core);
    let stored = stored(&case);
    let tags: Vec<String> = stored[4 + core.len() + 32..]
        .chunks(SEGMENT + 16)
        .map(|segment| hex::encode(&segment[segment.len() - 16..]))
        .collect();
    case["header_core"] = hex::encode(&core).into();
    case["k_enc"] = hex::encode(k_enc).into();
    case["k_com"] = hex::encode(k_com).into();
    case["tag"] = hex::encode(hmac(&k_com, &[&core])).into();
    case["segment_tags"] = tags.into();
    case["digest"] = hex::encode(Sha256::digest(&stored)).into();
    case
}

#[test]
fn a_report_key_that_is_too_long_is_refused_before_anything_is_made() {
    let fields = HeaderFields {
        record: [7; 32],
        epoch: 1,
        record_key: SigningKey::from_bytes(&[1; 32]).verifying_key(),
        report_key: vec![0; REPORT_KEY_LIMIT + 1],
    };
    let refused = HeaderCore::new(fields, &mut rand::rngs::StdRng::seed_from_u64(1));
    assert!(matches!(refused, Err(EnvelopeError::Header(_))));
}

#[test]
fn a_key_is_not_printed() {
    assert_eq!(
        format!("{:?}", SymKey::new([9; 32].into())),
        "SymKey(REDACTED)"
    );
}
