//! Wrapped secrets: frozen vectors with HPKE's key schedule written out, and who can open or forge
//! what.

use crate::frozen::{FixedRng, array, bytes, cases, freeze};
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use consilium_schemes::signature::{Purpose, Signature, SigningKey, VerifyingKey};
use consilium_schemes::wrap::{
    INFO_LIMIT, PLAINTEXT_LIMIT, PublicKey, SecretKey, WrapError, Wrapped, unwrap, wrap,
};
use hmac::{Hmac, Mac as _};
use hpke::{Deserializable as _, Kem as _};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use sha2::Sha256;

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn sized(part: &[u8]) -> Vec<u8> {
    [&(part.len() as u64).to_be_bytes()[..], part].concat()
}

/// X-Wing's shared secret.
pub fn shared_secret(case: &Value) -> Vec<u8> {
    let enc = &bytes(&case["wrapped"])[2..1122];
    let secret =
        <hpke::kem::XWing as hpke::Kem>::PrivateKey::from_bytes(&bytes(&case["recipient"]))
            .unwrap();
    let enc = <hpke::kem::XWing as hpke::Kem>::EncappedKey::from_bytes(enc).unwrap();
    hpke::kem::XWing::decap(&secret, None, &enc)
        .unwrap()
        .0
        .to_vec()
}

/// RFC 9180, section 5.1, KeySchedule in base mode with HKDF-SHA-256 and AES-256-GCM, and the first
/// Open.
pub fn by_hand(case: &Value, shared: &[u8]) -> Result<Vec<u8>, aes_gcm::Error> {
    let wrapped = bytes(&case["wrapped"]);
    let (_, rest) = wrapped[2..].split_at(1120);
    let ciphertext = &rest[4..rest.len() - 64];
    let sender = SigningKey::from_bytes(&array(&case["sender"])).verifying_key();
    let info = [
        sized(b"CONSILIUM-V1-WRAP-INFO"),
        sender.to_bytes().to_vec(),
        sized(&bytes(&case["info"])),
    ]
    .concat();
    let suite = [b"HPKE", &0x647a_u16.to_be_bytes()[..], &[0, 1], &[0, 2]].concat();
    let extract =
        |salt: &[u8], label: &[u8], ikm: &[u8]| hmac(salt, &[b"HPKE-v1", &suite, label, ikm]);
    let context = [
        vec![0],
        extract(b"", b"psk_id_hash", b""),
        extract(b"", b"info_hash", &info),
    ];
    let secret = extract(shared, b"secret", b"");
    let expand = |label: &[u8], length: u8| {
        let parts: [&[u8]; 6] = [
            &[0, length],
            b"HPKE-v1",
            &suite,
            label,
            &context.concat(),
            &[1],
        ];
        hmac(&secret, &parts)[..usize::from(length)].to_vec()
    };
    let key: [u8; 32] = expand(b"key", 32).try_into().unwrap();
    let nonce: [u8; 12] = expand(b"base_nonce", 12).try_into().unwrap();
    let payload = Payload {
        msg: ciphertext,
        aad: &bytes(&case["aad"]),
    };
    Aes256Gcm::new(&key.into()).decrypt(&nonce.into(), payload)
}

/// The signature by hand over what the module's documentation says is signed.
fn check_signature_by_hand(case: &Value) {
    let wrapped = bytes(&case["wrapped"]);
    let (body, signature) = wrapped.split_at(wrapped.len() - 64);
    let (enc, ciphertext) = (&body[2..1122], &body[1126..]);
    let message = [
        bytes(&case["public_key"]),
        sized(&bytes(&case["aad"])),
        enc.to_vec(),
        sized(ciphertext),
    ];
    let verifying: VerifyingKey = SigningKey::from_bytes(&array(&case["sender"])).verifying_key();
    let signature = Signature::try_from(signature).unwrap();
    let purpose = Purpose::new("CONSILIUM-V1-SIG-WRAP");
    verifying
        .verify(
            purpose,
            &bytes(&case["info"]),
            &message.concat(),
            &signature,
        )
        .unwrap();
}

fn inputs(case: &Value) -> (SigningKey, SecretKey) {
    let sender = SigningKey::from_bytes(&array(&case["sender"]));
    (sender, SecretKey::from_bytes(&array(&case["recipient"])))
}

#[test]
fn frozen_wrappings_are_reproduced_and_open_by_hand() {
    for case in cases("wrap", "wrapped") {
        let (sender, recipient) = inputs(&case);
        assert_eq!(
            recipient.public_key().to_bytes().to_vec(),
            bytes(&case["public_key"])
        );
        let (info, aad) = (bytes(&case["info"]), bytes(&case["aad"]));
        let plaintext = bytes(&case["plaintext"]);
        let mut random = FixedRng::new(&[&bytes(&case["randomness"])]);
        let made = wrap(
            &sender,
            recipient.public_key(),
            &info,
            &aad,
            &plaintext,
            &mut random,
        );
        assert_eq!(made.unwrap().to_bytes(), bytes(&case["wrapped"]));
        assert!(random.is_spent());
        assert_eq!(by_hand(&case, &shared_secret(&case)).unwrap(), plaintext);
        check_signature_by_hand(&case);
        let parsed = Wrapped::from_bytes(&bytes(&case["wrapped"])).unwrap();
        let opened = unwrap(&recipient, &sender.verifying_key(), &info, &aad, &parsed).unwrap();
        assert_eq!(*opened, plaintext);
    }
}

fn refusal(kind: &str, input: &[u8]) -> String {
    match kind {
        "Wrapped" => Wrapped::from_bytes(input).unwrap_err().to_string(),
        "PublicKey" => PublicKey::from_bytes(input).unwrap_err().to_string(),
        other => panic!("unknown type {other}"),
    }
}

#[test]
fn frozen_refusals_are_refused() {
    for case in cases("wrap", "refuse") {
        let reason = refusal(case["type"].as_str().unwrap(), &bytes(&case["bytes"]));
        assert_eq!(reason, case["refuse"].as_str().unwrap());
    }
}

#[test]
#[ignore = "writes the frozen vectors; run once for a new format version"]
fn generate() {
    let mut all = vec![
        case(b"attribute key", b"doctor 7", b"secret"),
        case(b"", b"", b""),
    ];
    let good = bytes(&all[0]["wrapped"]);
    let public = bytes(&all[0]["public_key"]);
    let changed = |bytes: &[u8], at: usize, to: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    let inputs = [
        ("Wrapped", changed(&good, 0, &[2])),
        ("Wrapped", changed(&good, 1, &[2])),
        ("Wrapped", changed(&good, 1122, &[0xff; 4])),
        ("Wrapped", [good.clone(), vec![0]].concat()),
        ("Wrapped", good[..good.len() - 1].to_vec()),
        ("Wrapped", vec![]),
        ("PublicKey", public[1..].to_vec()),
        ("PublicKey", changed(&public, 0, &[0xff; 3])),
        ("PublicKey", changed(&public, 1184, &[0xff; 32])),
        ("PublicKey", changed(&public, 1215, &[public[1215] | 0x80])),
    ];
    all.extend(inputs.map(|(kind, input)| {
        json!({"kind": "refuse", "type": kind, "refuse": refusal(kind, &input), "bytes": hex::encode(input)})
    }));
    freeze("wrap", &all);
}

fn case(info: &[u8], aad: &[u8], plaintext: &[u8]) -> Value {
    let (sender, recipient) = (
        SigningKey::from_bytes(&[1; 32]),
        SecretKey::from_bytes(&[2; 32]),
    );
    let mut random = FixedRng::new(&[&[3; 64]]);
    let made = wrap(
        &sender,
        recipient.public_key(),
        info,
        aad,
        plaintext,
        &mut random,
    )
    .unwrap();
    json!({
        "kind": "wrapped", "sender": hex::encode([1; 32]), "recipient": hex::encode([2; 32]),
        "public_key": hex::encode(recipient.public_key().to_bytes()), "info": hex::encode(info),
        "aad": hex::encode(aad), "plaintext": hex::encode(plaintext),
        "randomness": hex::encode([3; 64]), "wrapped": hex::encode(made.to_bytes()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn what_is_wrapped_unwraps(seed: u64, info: Vec<u8>, aad: Vec<u8>, plaintext: Vec<u8>) {
        let mut rng = rng(seed);
        let (sender, recipient) = (SigningKey::generate(&mut rng), SecretKey::generate(&mut rng));
        let made = wrap(&sender, recipient.public_key(), &info, &aad, &plaintext, &mut rng).unwrap();
        let parsed = Wrapped::from_bytes(&made.to_bytes()).unwrap();
        let stored = SecretKey::from_bytes(&recipient.expose_secret());
        let opened = unwrap(&stored, &sender.verifying_key(), &info, &aad, &parsed).unwrap();
        prop_assert_eq!(&*opened, &plaintext);
    }
}

#[test]
fn another_sender_recipient_info_or_aad_is_refused() {
    let mut rng = rng(1);
    let (sender, other) = (
        SigningKey::generate(&mut rng),
        SigningKey::generate(&mut rng),
    );
    let (recipient, stranger) = (SecretKey::generate(&mut rng), SecretKey::generate(&mut rng));
    let made = wrap(
        &sender,
        recipient.public_key(),
        b"i",
        b"a",
        b"secret",
        &mut rng,
    )
    .unwrap();
    let (sender, other) = (sender.verifying_key(), other.verifying_key());
    assert!(unwrap(&recipient, &sender, b"i", b"a", &made).is_ok());
    for refused in [
        unwrap(&recipient, &other, b"i", b"a", &made),
        unwrap(&stranger, &sender, b"i", b"a", &made),
        unwrap(&recipient, &sender, b"j", b"a", &made),
        unwrap(&recipient, &sender, b"i", b"b", &made),
        unwrap(&recipient, &sender, b"ia", b"", &made),
    ] {
        assert_eq!(refused.unwrap_err(), WrapError::Sender);
    }
}

#[test]
fn every_changed_byte_is_refused() {
    let (sender, recipient) = (
        SigningKey::from_bytes(&[1; 32]),
        SecretKey::from_bytes(&[2; 32]),
    );
    let made = wrap(
        &sender,
        recipient.public_key(),
        b"i",
        b"a",
        b"secret",
        &mut rng(1),
    )
    .unwrap();
    let good = made.to_bytes();
    for at in (0..2)
        .chain((2..good.len()).step_by(13))
        .chain(good.len() - 64..good.len())
    {
        let mut bad = good.clone();
        bad[at] ^= 1;
        if let Ok(parsed) = Wrapped::from_bytes(&bad) {
            let refused = unwrap(&recipient, &sender.verifying_key(), b"i", b"a", &parsed);
            assert_eq!(refused.unwrap_err(), WrapError::Sender);
        }
    }
}

#[test]
fn a_signature_replaced_by_an_impostors_own_does_not_make_the_secret_his() {
    let (sender, impostor) = (
        SigningKey::from_bytes(&[1; 32]),
        SigningKey::from_bytes(&[3; 32]),
    );
    let recipient = SecretKey::from_bytes(&[2; 32]);
    let made = wrap(
        &sender,
        recipient.public_key(),
        b"i",
        b"a",
        b"secret",
        &mut rng(1),
    )
    .unwrap();
    let stolen = made.to_bytes();
    let (body, _) = stolen.split_at(stolen.len() - 64);
    let public = recipient.public_key().to_bytes().to_vec();
    let message = [
        public,
        sized(b"a"),
        body[2..1122].to_vec(),
        sized(&body[1126..]),
    ]
    .concat();
    let own = impostor.sign(Purpose::new("CONSILIUM-V1-SIG-WRAP"), b"i", &message);
    let forged = Wrapped::from_bytes(&[body, &own.to_bytes()].concat()).unwrap();
    let refused = unwrap(&recipient, &impostor.verifying_key(), b"i", b"a", &forged);
    assert_eq!(refused.unwrap_err(), WrapError::NotForThisKey);
}

#[test]
fn inputs_are_bounded_and_secrets_not_printed() {
    let (sender, recipient) = (
        SigningKey::from_bytes(&[1; 32]),
        SecretKey::from_bytes(&[2; 32]),
    );
    let refused = |info: &[u8], plaintext: &[u8]| {
        wrap(
            &sender,
            recipient.public_key(),
            info,
            b"",
            plaintext,
            &mut rng(1),
        )
        .unwrap_err()
    };
    let long = vec![0; PLAINTEXT_LIMIT + 1];
    assert!(matches!(
        refused(b"", &long),
        WrapError::TooLong {
            what: "the plaintext",
            ..
        }
    ));
    let info = vec![0; INFO_LIMIT + 1];
    assert!(matches!(
        refused(&info, b""),
        WrapError::TooLong { what: "info", .. }
    ));
    assert_eq!(format!("{recipient:?}"), "SecretKey(REDACTED)");
}
