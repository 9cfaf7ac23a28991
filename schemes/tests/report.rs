//! Health reports: frozen vectors recomputed with schoolbook integers, and the attacks of
//! `report_rsa.py`.

use std::sync::LazyLock;

use crate::by_hand::{Integer, from_be, hkdf, hmac, power, reduce, to_be};
use crate::frozen::{FixedRng, array, bytes, cases, freeze, report_digest_by_hand, sized};
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use consilium_schemes::report::{
    Opening, PublicKey, REPORT_LIMIT, Report, ReportContext, ReportError, ReportKeyError,
    SealedReport, SecretKey, open_with, seal,
};
use consilium_schemes::signature::{Purpose, Signature, SigningKey};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::json;

const CONTEXT: ReportContext = ReportContext {
    federation: [1; 32],
    record: [2; 32],
};

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// The one test key: making 3072-bit keys takes seconds.
static PATIENT: LazyLock<SecretKey> = LazyLock::new(|| {
    let case = &cases("report_v2", "key")[0];
    SecretKey::from_pkcs8_der(&bytes(&case["pkcs8"]), &mut rng(1)).unwrap()
});

fn doctor() -> SigningKey {
    SigningKey::from_bytes(&[4; 32])
}

fn report(text: &[u8]) -> Report {
    Report::new(text.to_vec().into()).unwrap()
}

fn sealed(text: &[u8], seed: u64) -> SealedReport {
    seal(
        &report(text),
        &CONTEXT,
        PATIENT.public_key(),
        &doctor(),
        &mut rng(seed),
    )
    .unwrap()
}

fn open(sealed: &SealedReport) -> Result<Report, ReportError> {
    PATIENT.open(sealed, &CONTEXT, &doctor().verifying_key(), &mut rng(9))
}

#[test]
fn schoolbook_integers_compute() {
    let number = |x: u64| from_be(&x.to_be_bytes());
    let n = number(251);
    assert_eq!(power(&number(3), &n), number(79));
    // 2^96 + 7 mod 251
    assert_eq!(
        reduce(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7], &n),
        number(211)
    );
    let two_words = [&[1][..], &[0; 15]].concat();
    assert_eq!(to_be(&from_be(&two_words)), two_words);
}

/// H_N("RSA-PERM", N, e, i).
fn target(modulus: &[u8], i: u8) -> Integer {
    let message = [sized(modulus), 65537u64.to_be_bytes().to_vec(), vec![i]].concat();
    let wide = hkdf(b"CONSILIUM-V1-RSA-PERM", &message, &[], modulus.len() + 16);
    reduce(&wide, &from_be(modulus))
}

#[test]
fn the_frozen_keys_certificate_holds_by_schoolbook_arithmetic() {
    let case = &cases("report_v2", "key")[0];
    let public = bytes(&case["public_key"]);
    assert_eq!(PATIENT.public_key().to_bytes(), public);
    assert_eq!(
        PATIENT.public_key().digest().to_string(),
        case["digest"].as_str().unwrap()
    );
    let (modulus, roots) = public[5..].split_at(384);
    assert_eq!(modulus, bytes(&case["N"]));
    for (i, root) in (1..=8).zip(roots.chunks(384)) {
        assert!(
            power(&from_be(root), &from_be(modulus)) == target(modulus, i),
            "sigma_{i}"
        );
    }
    let again = SecretKey::from_pkcs8_der(&PATIENT.expose_pkcs8_der(), &mut rng(2)).unwrap();
    assert_eq!(again.public_key(), PATIENT.public_key());
    assert_eq!(
        PublicKey::from_bytes(&public).as_ref(),
        Ok(PATIENT.public_key())
    );
}

#[test]
fn frozen_reports_are_reproduced_and_open_by_hand() {
    for case in cases("report_v2", "report") {
        let text = bytes(&case["text"]);
        let z = bytes(&case["z"]);
        let mut random = FixedRng::new(&[&z]);
        let sealed = seal(
            &report(&text),
            &CONTEXT,
            PATIENT.public_key(),
            &doctor(),
            &mut random,
        )
        .unwrap();
        let encoded = sealed.to_bytes();
        assert_eq!(encoded, bytes(&case["sealed"]));
        assert_eq!(open(&sealed).unwrap().expose_secret(), text);

        let (core, rest) = encoded.split_at(134);
        let (tag, rest) = rest.split_at(32);
        let (c, rest) = rest[4..].split_at(384);
        let (ciphertext, signature) = rest[4..].split_at(rest.len() - 4 - 64);
        let modulus = PATIENT.public_key().to_bytes()[5..389].to_vec();
        assert_eq!(to_be(&power(&from_be(&z), &from_be(&modulus))), c);

        let bound = [core, c].concat();
        let both = hkdf(b"CONSILIUM-V1-REPORT-KEYS", &z, &bound, 64);
        assert_eq!(
            both,
            [bytes(&case["k_enc"]), bytes(&case["k_com"])].concat()
        );
        assert_eq!(hmac(&both[32..], &[&bound]), tag);
        let k_enc: [u8; 32] = both[..32].try_into().unwrap();
        let header = [core, tag].concat();
        let plaintext = Aes256Gcm::new(&k_enc.into())
            .decrypt(
                &[0; 12].into(),
                Payload {
                    msg: ciphertext,
                    aad: &header,
                },
            )
            .unwrap();
        assert_eq!(plaintext[64..], text);
        let inside = Signature::try_from(&plaintext[..64]).unwrap();
        let inside_purpose = Purpose::new("CONSILIUM-V1-SIG-REPORT-INSIDE");
        doctor()
            .verifying_key()
            .verify(inside_purpose, &bound, &text, &inside)
            .unwrap();

        let digest = report_digest_by_hand(c, &header, ciphertext);
        assert_eq!(digest, bytes(&case["digest"]));
        assert_eq!(digest.as_slice(), sealed.digest().as_bytes());
        let outside = Signature::try_from(signature).unwrap();
        let outside_purpose = Purpose::new("CONSILIUM-V1-SIG-REPORT-OUTSIDE");
        doctor()
            .verifying_key()
            .verify(outside_purpose, core, &digest, &outside)
            .unwrap();
    }
}

fn refusal(kind: &str, input: &[u8]) -> String {
    match kind {
        "PublicKey" => PublicKey::from_bytes(input).unwrap_err().to_string(),
        "SealedReport" => SealedReport::from_bytes(input).unwrap_err().to_string(),
        "SecretKey" => SecretKey::from_pkcs8_der(input, &mut rng(1))
            .unwrap_err()
            .to_string(),
        other => panic!("unknown type {other}"),
    }
}

#[test]
fn frozen_refusals_are_refused() {
    for case in cases("report_v2", "refuse") {
        let reason = refusal(case["type"].as_str().unwrap(), &bytes(&case["bytes"]));
        assert_eq!(reason, case["refuse"].as_str().unwrap());
    }
}

#[test]
#[ignore = "writes the frozen vectors; run once for a new format version"]
fn generate() {
    let secret = SecretKey::generate(3072, &mut rng(1)).unwrap();
    let public = secret.public_key();
    let encoded = public.to_bytes();
    let mut all = vec![json!({
        "kind": "key", "e": 65537, "pkcs8": hex::encode(&*secret.expose_pkcs8_der()),
        "label": "CONSILIUM-V1-RSA-PERM", "N": hex::encode(&encoded[5..389]),
        "sigma": encoded[389..].chunks(384).map(hex::encode).collect::<Vec<_>>(),
        "public_key": hex::encode(&encoded), "digest": public.digest().to_string(),
    })];
    let texts: [&[u8]; 3] = [b"", b"Findings: none. Ein Befund: \xc3\xa4.", &[7; 1000]];
    for (i, text) in texts.into_iter().enumerate() {
        let mut z = vec![i as u8 + 1; 384];
        z[0] = 0x10;
        let mut random = FixedRng::new(&[&z]);
        let sealed = seal(&report(text), &CONTEXT, public, &doctor(), &mut random).unwrap();
        let encoded = sealed.to_bytes();
        let bound = [&encoded[..134], &encoded[170..554]].concat();
        let both = hkdf(b"CONSILIUM-V1-REPORT-KEYS", &z, &bound, 64);
        all.push(json!({
            "kind": "report", "federation": hex::encode([1; 32]), "record": hex::encode([2; 32]),
            "doctor": hex::encode([4; 32]), "text": hex::encode(text), "z": hex::encode(&z),
            "c": hex::encode(&encoded[170..554]),
            "k_enc": hex::encode(&both[..32]), "k_com": hex::encode(&both[32..]),
            "digest": sealed.digest().to_string(), "sealed": hex::encode(encoded),
        }));
    }
    let sealed = bytes(&all[1]["sealed"]);
    all.extend(malformed(&encoded, &sealed).into_iter().map(|(kind, input)| {
        json!({"kind": "refuse", "type": kind, "refuse": refusal(kind, &input), "bytes": hex::encode(input)})
    }));
    freeze("report_v2", &all);
}

fn malformed(public: &[u8], sealed: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let changed = |bytes: &[u8], at: usize, to: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    let of_size = |size: usize| {
        let length = (size as u32).to_be_bytes();
        [&[1][..], &length, &vec![0xff; 9 * size]].concat()
    };
    let crafted = |kind: &str| {
        let modulus = bytes(&cases("report_crafted", kind)[0]["N"]);
        changed(public, 5, &modulus)
    };
    vec![
        ("PublicKey", changed(public, 0, &[2])),
        ("PublicKey", of_size(256)),
        ("PublicKey", of_size(388)),
        ("PublicKey", of_size(1032)),
        ("PublicKey", changed(public, 5, &[0])),
        ("PublicKey", changed(public, 388, &[0])),
        ("PublicKey", crafted("small factor")),
        ("PublicKey", crafted("crafted")),
        ("PublicKey", changed(public, 389, &[0; 384])),
        ("PublicKey", changed(public, 389, &[0xff; 384])),
        (
            "PublicKey",
            changed(public, 389 + 384, &public[389..389 + 384]),
        ),
        ("PublicKey", [public, &[0]].concat()),
        ("PublicKey", public[..public.len() - 1].to_vec()),
        ("SealedReport", changed(sealed, 0, b"CTHD")),
        ("SealedReport", changed(sealed, 4, &[2])),
        ("SealedReport", changed(sealed, 5, &[2])),
        ("SealedReport", changed(sealed, 70, &[0; 32])),
        ("SealedReport", changed(sealed, 166, &[0xff; 4])),
        ("SealedReport", changed(sealed, 554, &[0xff; 4])),
        ("SealedReport", [sealed, &[0]].concat()),
        ("SealedReport", sealed[..sealed.len() - 1].to_vec()),
        ("SealedReport", vec![]),
        ("SecretKey", vec![0x30, 0]),
    ]
}

// ---- honest paths ----

#[test]
fn reports_of_every_accepted_length_open() {
    for length in [0, 1, REPORT_LIMIT] {
        let text = vec![0x42; length];
        let sealed = sealed(&text, 3);
        let parsed = SealedReport::from_bytes(&sealed.to_bytes()).unwrap();
        assert_eq!(parsed, sealed);
        assert_eq!(parsed.context(), &CONTEXT);
        assert!(open(&parsed).unwrap().expose_secret() == text);
    }
    let refused = Report::new(vec![0; REPORT_LIMIT + 1].into()).unwrap_err();
    assert_eq!(refused, ReportError::TooLong { actual: 65537 });
}

#[test]
fn an_opening_shows_anyone_what_was_in_the_report() {
    let sealed = sealed(b"text", 3);
    let doctor = doctor().verifying_key();
    let opening = PATIENT
        .decapsulate(&sealed, &CONTEXT, &doctor, &mut rng(1))
        .unwrap();
    let revealed = Opening::from_bytes(opening.expose_secret().to_vec().into());
    let public = PublicKey::from_bytes(&PATIENT.public_key().to_bytes()).unwrap();
    let read = open_with(&revealed, &sealed, &CONTEXT, &public, &doctor).unwrap();
    assert_eq!(read.expose_secret(), b"text");
}

// ---- attacks ----

#[test]
fn every_changed_byte_of_a_sealed_report_is_refused() {
    let good = sealed(b"text", 3).to_bytes();
    for at in (0..170).chain((170..good.len()).step_by(7)) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        if let Ok(parsed) = SealedReport::from_bytes(&bad) {
            let refused = parsed.verify_outside(&doctor().verifying_key());
            assert!(refused.is_err(), "byte {at}");
            assert!(
                PATIENT
                    .open(&parsed, &CONTEXT, &doctor().verifying_key(), &mut rng(1))
                    .is_err()
            );
        }
    }
}

#[test]
fn another_federation_record_doctor_or_key_is_refused_by_name() {
    let sealed = sealed(b"text", 3);
    let refused = |context: &ReportContext, doctor: &SigningKey| {
        PATIENT
            .open(&sealed, context, &doctor.verifying_key(), &mut rng(1))
            .unwrap_err()
    };
    let other = SigningKey::from_bytes(&[5; 32]);
    assert_eq!(
        refused(
            &ReportContext {
                federation: [9; 32],
                ..CONTEXT
            },
            &doctor()
        ),
        ReportError::Context("federation")
    );
    assert_eq!(
        refused(
            &ReportContext {
                record: [9; 32],
                ..CONTEXT
            },
            &doctor()
        ),
        ReportError::Context("record")
    );
    assert_eq!(refused(&CONTEXT, &other), ReportError::Context("doctor"));

    // Another key's digest in the header, signed by the doctor: not for this key.
    let mut bytes = sealed.to_bytes();
    bytes[102] ^= 1;
    let resigned = resign(&bytes, &doctor());
    assert_eq!(
        open(&resigned).unwrap_err(),
        ReportError::Context("report key")
    );
}

/// Puts a fresh outer signature on a changed report: what a dishonest doctor can do.
fn resign(bytes: &[u8], doctor: &SigningKey) -> SealedReport {
    let digest = SealedReport::from_bytes(bytes).unwrap().digest();
    let purpose = Purpose::new("CONSILIUM-V1-SIG-REPORT-OUTSIDE");
    let signature = doctor.sign(purpose, &bytes[..134], digest.as_bytes());
    let body = &bytes[..bytes.len() - 64];
    SealedReport::from_bytes(&[body, &signature.to_bytes()].concat()).unwrap()
}

#[test]
fn a_report_that_does_not_open_shows_the_doctor_at_fault() {
    let good = sealed(b"text", 3).to_bytes();
    for (at, what) in [(140, "tag"), (560, "ciphertext"), (200, "c")] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let refused = open(&resign(&bad, &doctor())).unwrap_err();
        assert_eq!(refused, ReportError::DoesNotOpen, "{what}");
        assert!(refused.is_doctors_fault());
    }
}

#[test]
fn a_wrong_signature_inside_shows_the_doctor_at_fault() {
    let case = &cases("report_v2", "report")[1];
    let (sealed, z) = (bytes(&case["sealed"]), bytes(&case["z"]));
    let k_enc: [u8; 32] = array(&case["k_enc"]);
    let forged = [&[3; 64][..], b"another text"].concat();
    let ciphertext = Aes256Gcm::new(&k_enc.into())
        .encrypt(
            &[0; 12].into(),
            Payload {
                msg: &forged,
                aad: &sealed[..166],
            },
        )
        .unwrap();
    let length = (ciphertext.len() as u32).to_be_bytes();
    let bad = [&sealed[..554], &length, &ciphertext, &[0; 64]].concat();
    let resigned = resign(&bad, &doctor());
    let opening = Opening::from_bytes(z.into());
    let doctor = doctor().verifying_key();
    let refused = open_with(&opening, &resigned, &CONTEXT, PATIENT.public_key(), &doctor);
    assert_eq!(refused.unwrap_err(), ReportError::InnerSignature);
    assert!(ReportError::InnerSignature.is_doctors_fault());
}

#[test]
fn openings_that_are_no_root_of_c_are_the_patients_fault() {
    let sealed = sealed(b"text", 3);
    let doctor = doctor().verifying_key();
    let modulus = PATIENT.public_key().to_bytes()[5..389].to_vec();
    let good = PATIENT
        .decapsulate(&sealed, &CONTEXT, &doctor, &mut rng(1))
        .unwrap();
    let mut other = good.expose_secret().to_vec();
    other[383] ^= 1;
    let longer = [&[0], good.expose_secret()].concat();
    for z in [
        vec![0; 384],
        modulus,
        vec![0xff; 384],
        vec![1; 10],
        vec![],
        other,
        longer,
    ] {
        let opening = Opening::from_bytes(z.into());
        let refused = open_with(&opening, &sealed, &CONTEXT, PATIENT.public_key(), &doctor);
        assert_eq!(refused.unwrap_err(), ReportError::WrongOpening);
    }
    assert!(!ReportError::WrongOpening.is_doctors_fault());
}

#[test]
fn c_outside_the_residues_is_refused() {
    let good = sealed(b"text", 3).to_bytes();
    let modulus = PATIENT.public_key().to_bytes()[5..389].to_vec();
    for c in [vec![0; 384], modulus, vec![0xff; 384]] {
        let bad = [&good[..170], &c, &good[554..]].concat();
        assert_eq!(
            open(&resign(&bad, &doctor())).unwrap_err(),
            ReportError::Encapsulation
        );
    }
    assert!(ReportError::Encapsulation.is_doctors_fault());
}

#[test]
fn a_crafted_modulus_gives_c_two_roots_and_has_no_certificate() {
    let case = &cases("report_crafted", "crafted")[0];
    let modulus = from_be(&bytes(&case["N"]));
    let (z, z2) = (from_be(&bytes(&case["z"])), from_be(&bytes(&case["z2"])));
    let c = from_be(&bytes(&case["c"]));
    // The attack: the doctor encapsulates z, the patient reveals z2, and z2^e = c as well.
    assert!(z != z2 && power(&z, &modulus) == c && power(&z2, &modulus) == c);

    // What the patient can offer as a certificate is refused: nothing, someone else's, constants.
    let n = bytes(&case["N"]);
    let honest = PATIENT.public_key().to_bytes();
    let with = |roots: Vec<u8>| [&honest[..5], &n, &roots].concat();
    let one = [vec![0; 383], vec![1]].concat();
    for roots in [
        vec![0; 8 * 384],
        honest[389..].to_vec(),
        one.repeat(8),
        n.repeat(8),
    ] {
        let refused = PublicKey::from_bytes(&with(roots)).unwrap_err();
        assert_eq!(refused, ReportKeyError::Certificate { index: 1 });
    }
}

/// The certificate says nothing about residues that share a factor with N: with squares in N these have many
/// roots, and a z drawn among them could be disowned by whoever made the key.
#[test]
fn a_doctor_never_encapsulates_a_z_that_shares_a_factor_with_a_certified_modulus() {
    let case = &cases("report_squares", "squares")[0];
    let key = PublicKey::from_bytes(&bytes(&case["public_key"])).unwrap();
    let modulus = from_be(&bytes(&case["N"]));
    let (z, z2) = (bytes(&case["z"]), bytes(&case["z2"]));
    let c = bytes(&case["c"]);
    // The attack: the key is accepted, and yet z and z2 are roots of one c.
    assert!(z != z2);
    for root in [&z, &z2] {
        assert_eq!(to_be(&power(&from_be(root), &modulus)), c);
    }
    let coprime = [vec![0; 383], vec![2]].concat();
    let mut random = FixedRng::new(&[&z, &coprime]);
    let sealed = seal(&report(b"text"), &CONTEXT, &key, &doctor(), &mut random).unwrap();
    assert!(random.is_spent(), "z was not drawn again");
    let expected = to_be(&power(&from_be(&coprime), &modulus));
    assert_eq!(sealed.to_bytes()[170..554], expected);
}

#[test]
fn a_certificate_with_one_wrong_root_is_refused_by_its_number() {
    let good = PATIENT.public_key().to_bytes();
    for index in 1..=8 {
        let mut bad = good.clone();
        bad[388 + 384 * usize::from(index)] ^= 1;
        assert_eq!(
            PublicKey::from_bytes(&bad),
            Err(ReportKeyError::Certificate { index })
        );
    }
}

#[test]
fn keys_of_wrong_size_are_not_made() {
    for bits in [2048, 3071, 3080, 8256] {
        let refused = SecretKey::generate(bits, &mut rng(1)).unwrap_err();
        assert_eq!(refused, ReportKeyError::Size { bits });
    }
}

#[test]
fn secrets_are_not_printed() {
    let opening = Opening::from_bytes(vec![1].into());
    let shown = format!("{:?} {:?} {opening:?}", *PATIENT, report(b"text"));
    assert_eq!(
        shown,
        "SecretKey(REDACTED) Report(REDACTED) Opening(REDACTED)"
    );
}
