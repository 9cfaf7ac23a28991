//! The Guillou-Quisquater proof.

use consilium_schemes::curve::DecodeError;
use consilium_schemes::digest::Digest;
use consilium_schemes::report::{
    DecryptionProof, DecryptionProofError, DecryptionStatement, Opening, PublicKey, ReportContext,
    ReportKeyError, prove_decryption,
};

use super::vectors::challenges;
use super::{CONTEXT, PATIENT, SIZE, doctor, modulus, rng, sealed, squares, z};
use crate::by_hand::{from_be, multiply, power, small_power, to_be};
use crate::frozen::{FixedRng, bytes, cases};

fn opening(z: &[u8]) -> Opening {
    Opening::from_bytes(z.to_vec().into())
}

fn statement<'a>(digest: &'a Digest, c: &'a [u8]) -> DecryptionStatement<'a> {
    DecryptionStatement {
        context: &CONTEXT,
        report: digest,
        key: PATIENT.public_key(),
        c,
    }
}

#[test]
fn a_patient_proves_to_have_decrypted_and_shows_nothing_of_z() {
    let sealed = sealed(1);
    let (digest, c) = (sealed.digest(), sealed.encapsulation());
    let doctor = doctor().verifying_key();
    let opening = PATIENT
        .decapsulate(&sealed, &CONTEXT, &doctor, &mut rng(1))
        .unwrap();
    let statement = statement(&digest, c);
    let proof = prove_decryption(&statement, &opening, &mut rng(2)).unwrap();
    assert_eq!(proof.verify(&statement), Ok(()));
    let encoded = proof.to_bytes();
    assert_eq!(encoded.len(), DecryptionProof::length(SIZE));
    assert_eq!(encoded.len(), 3089);
    assert_eq!(DecryptionProof::from_bytes(&encoded).unwrap(), proof);
    assert!(
        !encoded
            .windows(32)
            .any(|window| opening.expose_secret().windows(32).any(|z| z == window))
    );
    let again = prove_decryption(&statement, &opening, &mut rng(3)).unwrap();
    assert!(again != proof && again.verify(&statement).is_ok());
}

/// Why a contract takes it only under the signature of the record's key.
#[test]
fn the_doctor_who_drew_z_can_make_the_proof_too() {
    let sealed = sealed(1);
    let digest = sealed.digest();
    let statement = statement(&digest, sealed.encapsulation());
    let proof = prove_decryption(&statement, &opening(&z(1)), &mut rng(1)).unwrap();
    assert_eq!(proof.verify(&statement), Ok(()));
}

#[test]
fn a_proof_holds_for_no_other_federation_record_report_key_or_c() {
    let (sealed, other) = (sealed(1), sealed(2));
    let (digest, other_digest) = (sealed.digest(), other.digest());
    let good = statement(&digest, sealed.encapsulation());
    let proof = prove_decryption(&good, &opening(&z(1)), &mut rng(1)).unwrap();
    let federation = ReportContext {
        federation: [9; 32],
        ..CONTEXT
    };
    let record = ReportContext {
        record: [9; 32],
        ..CONTEXT
    };
    let (another_key, _) = squares();
    let others = [
        DecryptionStatement {
            context: &federation,
            ..good
        },
        DecryptionStatement {
            context: &record,
            ..good
        },
        DecryptionStatement {
            report: &other_digest,
            ..good
        },
        DecryptionStatement {
            c: other.encapsulation(),
            ..good
        },
        DecryptionStatement {
            key: &another_key,
            ..good
        },
    ];
    for statement in others {
        let refused = proof.verify(&statement).unwrap_err();
        assert_eq!(refused, DecryptionProofError::DoesNotHold);
    }
}

#[test]
fn the_z_of_another_report_proves_nothing() {
    let (sealed, other) = (sealed(1), z(2));
    let digest = sealed.digest();
    let statement = statement(&digest, sealed.encapsulation());
    let refused = prove_decryption(&statement, &opening(&other), &mut rng(1)).unwrap_err();
    assert_eq!(refused, DecryptionProofError::Opening);
    // The attack: the same steps with the other z.
    for (z, verdict) in [
        (z(1), Ok(())),
        (other, Err(DecryptionProofError::DoesNotHold)),
    ] {
        let n = from_be(&modulus());
        let u: Vec<_> = (1..=8u8).map(|i| from_be(&super::z(0x20 + i))).collect();
        let t: Vec<_> = u.iter().map(|u| to_be(&power(u, &n))).collect();
        let ch = challenges(&digest, sealed.encapsulation(), &t);
        let mut forged = [&[1][..], &ch].concat();
        for (u, ch) in u.iter().zip(ch.chunks(2)) {
            let ch = u16::from_be_bytes(ch.try_into().unwrap());
            forged.extend(to_be(&multiply(u, &small_power(&from_be(&z), ch, &n), &n)));
        }
        let forged = DecryptionProof::from_bytes(&forged).unwrap();
        assert_eq!(forged.verify(&statement), verdict);
    }
}

/// Who guesses the challenges before hashing passes if all 128 bits are guessed; guessing one round right leaves seven.
#[test]
fn a_proof_for_guessed_challenges_does_not_hold() {
    let sealed = sealed(1);
    let digest = sealed.digest();
    let statement = statement(&digest, sealed.encapsulation());
    for guess in [0u8, 1] {
        // r_i at will: t_i = r_i^e c^{-ch_i} fits any guess, but not the hash.
        let answers: Vec<u8> = (1..=8).flat_map(super::z).collect();
        let forged = [&[1][..], &[guess; 16], &answers].concat();
        let forged = DecryptionProof::from_bytes(&forged).unwrap();
        let refused = forged.verify(&statement).unwrap_err();
        assert_eq!(refused, DecryptionProofError::DoesNotHold);
    }
}

#[test]
fn no_changed_challenge_or_answer_is_accepted() {
    let sealed = sealed(1);
    let digest = sealed.digest();
    let statement = statement(&digest, sealed.encapsulation());
    let proof = prove_decryption(&statement, &opening(&z(1)), &mut rng(1)).unwrap();
    let good = proof.to_bytes();
    for at in (1..17).chain((17..good.len()).step_by(97)) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let parsed = DecryptionProof::from_bytes(&bad).unwrap();
        assert!(parsed.verify(&statement).is_err(), "byte {at}");
    }
}

/// p, a factor of the test modulus, as long as it.
fn factor() -> Vec<u8> {
    use rsa::pkcs8::DecodePrivateKey as _;
    use rsa::traits::PrivateKeyParts as _;
    let document = PATIENT.expose_pkcs8_der();
    let key = rsa::RsaPrivateKey::from_pkcs8_der(&document).unwrap();
    let p = key.primes()[0].to_be_bytes();
    [vec![0; SIZE - p.len()], p.to_vec()].concat()
}

#[test]
fn answers_and_encapsulations_outside_the_group_are_refused() {
    let sealed = sealed(1);
    let digest = sealed.digest();
    let good = statement(&digest, sealed.encapsulation());
    let proof = prove_decryption(&good, &opening(&z(1)), &mut rng(1)).unwrap();
    for outside in [vec![0; SIZE], modulus(), vec![0xff; SIZE], factor()] {
        for round in [0, 7] {
            let mut bad = proof.to_bytes();
            let at = 17 + round * SIZE;
            bad[at..at + SIZE].copy_from_slice(&outside);
            let parsed = DecryptionProof::from_bytes(&bad).unwrap();
            assert_eq!(parsed.verify(&good), Err(DecryptionProofError::Answer));
        }
        let statement = statement(&digest, &outside);
        let refused = Err(DecryptionProofError::Encapsulation);
        assert_eq!(proof.verify(&statement), refused);
        let proven = prove_decryption(&statement, &opening(&z(1)), &mut rng(1)).map(drop);
        assert_eq!(proven, refused);
    }
    let short = statement(&digest, &[1; SIZE - 1]);
    assert_eq!(
        proof.verify(&short),
        Err(DecryptionProofError::Encapsulation)
    );
}

#[test]
fn proofs_for_a_modulus_of_another_size_are_refused() {
    let sealed = sealed(1);
    let digest = sealed.digest();
    let statement = statement(&digest, sealed.encapsulation());
    let longer = [&[1][..], &[0; 16], &vec![1; 8 * 392]].concat();
    let refused = DecryptionProof::from_bytes(&longer)
        .unwrap()
        .verify(&statement);
    let (expected, actual) = (384, 392);
    assert_eq!(
        refused,
        Err(DecryptionProofError::Size { expected, actual })
    );
}

#[test]
fn malformed_encodings_are_refused() {
    let refuse = |input: &[u8]| DecryptionProof::from_bytes(input).unwrap_err();
    assert_eq!(refuse(&[]), DecodeError::Truncated.in_field("version"));
    assert_eq!(
        refuse(&[2; 25]),
        DecodeError::UnknownVersion(2).in_field("version")
    );
    assert_eq!(
        refuse(&[1; 16]),
        DecodeError::Truncated.in_field("challenges")
    );
    for length in [17, 18, 25, 3088, 3090, 17 + 8 * 376, 17 + 8 * 385] {
        let expected =
            DecodeError::Rule("eight answers, as long as an accepted modulus").in_field("answers");
        assert_eq!(refuse(&vec![1; length]), expected);
    }
    let (limit, actual) = (8209, 8210);
    assert_eq!(refuse(&[1; 8210]), DecodeError::Limit { limit, actual });
}

/// Under a crafted modulus the proof of a wrong root would hold as well as that of the right one; no such key parses.
#[test]
fn both_roots_of_a_crafted_modulus_would_prove_and_the_key_is_refused() {
    let case = &cases("report_crafted", "crafted")[0];
    let n = from_be(&bytes(&case["N"]));
    let c = from_be(&bytes(&case["c"]));
    let u = from_be(&z(9));
    let t = power(&u, &n);
    for root in ["z", "z2"] {
        let answer = multiply(
            &u,
            &small_power(&from_be(&bytes(&case[root])), 12345, &n),
            &n,
        );
        assert_eq!(
            power(&answer, &n),
            multiply(&t, &small_power(&c, 12345, &n), &n)
        );
    }
    let honest = PATIENT.public_key().to_bytes();
    let crafted = [&honest[..5], &bytes(&case["N"]), &honest[5 + SIZE..]].concat();
    let refused = PublicKey::from_bytes(&crafted).unwrap_err();
    assert_eq!(refused, ReportKeyError::Certificate { index: 1 });
}

#[test]
fn a_c_with_two_roots_under_a_certified_modulus_is_refused() {
    let (key, case) = squares();
    let (digest, c) = (sealed(1).digest(), bytes(&case["c"]));
    let statement = DecryptionStatement {
        key: &key,
        ..statement(&digest, &c)
    };
    for root in ["z", "z2"] {
        let refused = prove_decryption(&statement, &opening(&bytes(&case[root])), &mut rng(1));
        assert_eq!(refused.unwrap_err(), DecryptionProofError::Encapsulation);
    }
}

/// With a generator that always gives the same, other statements get other nonces: with equal ones, two answers give z.
#[test]
fn a_broken_generator_does_not_repeat_a_nonce() {
    let sealed = sealed(1);
    let (digest, other) = (sealed.digest(), Digest::from_bytes([7; 32]));
    let commitments = |digest: &Digest| {
        let mut stuck = FixedRng::new(&[&[0; 32]]);
        let statement = statement(digest, sealed.encapsulation());
        let proof = prove_decryption(&statement, &opening(&z(1)), &mut stuck).unwrap();
        super::vectors::commitments(&proof.to_bytes(), sealed.encapsulation())
    };
    let (one, two) = (commitments(&digest), commitments(&other));
    assert!(one.iter().all(|t| !two.contains(t)));
    assert_eq!(one, commitments(&digest));
}

/// What the bound of 2^-128 rests on: e is a prime above every difference of two challenges, and there are 128 bits.
#[test]
fn e_is_a_prime_above_the_challenges() {
    let e = 65537u32;
    assert!((2..256).all(|d| !e.is_multiple_of(d)) && e > u32::from(u16::MAX));
}
