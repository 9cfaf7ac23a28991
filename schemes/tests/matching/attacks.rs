//! The attacks of `matching_attacks.py`.

use consilium_schemes::curve::{DecodeError, G1, G2, Gt, Scalar, pairing};
use consilium_schemes::matching::{
    ClaimedHospitalKeys, EncryptedTrapdoor, HospitalSecretKeys, KeyContext, KeyError,
    MatchingError, index_build, matches, trd_gen,
};
use consilium_schemes::tokens::KeywordToken;

use super::reference::header;
use super::vectors::challenge;
use super::{CONTEXT, hospital, n, rng, tokens};
use crate::frozen::fr_by_hand;

#[test]
fn keyword_guessing_works_on_roots_that_anyone_can_compute_and_not_on_tokens() {
    use consilium_schemes::tokens::{Blinding, KeyPair};
    let public_root = |keyword: &str| {
        KeywordToken::from_bytes(&fr_by_hand("CONSILIUM-V1-TOKEN", keyword.as_bytes())).unwrap()
    };
    let guess = |index: &_, keyword: &str| {
        let (trapdoor, _) = trd_gen(n(4), &[public_root(keyword)], &mut rng(1)).unwrap();
        matches(index, &trapdoor).unwrap()
    };
    let broken = index_build(
        n(4),
        &[public_root("x|hiv"), public_root("x|flu")],
        &mut rng(2),
    )
    .unwrap();
    assert!(guess(&broken, "x|hiv") && guess(&broken, "x|flu") && !guess(&broken, "x|cold"));

    let kgc = KeyPair::generate(&mut rng(3));
    let keywords = ["x|hiv".parse().unwrap(), "x|flu".parse().unwrap()];
    let (blinding, blinded) = Blinding::new(&keywords, &mut rng(4)).unwrap();
    let evaluated = kgc.evaluate(&blinded, &mut rng(5));
    let tokens = blinding
        .finalize(&evaluated, &kgc.public_key(), n(4))
        .unwrap();
    let ours = index_build(n(4), &tokens, &mut rng(6)).unwrap();
    assert!(!guess(&ours, "x|hiv") && !guess(&ours, "x|flu"));
}

/// T_0..T_n of a posted trapdoor, by whoever knows y.
pub(crate) fn trapdoor_points(posted: &[u8], size: usize, y: Scalar) -> Vec<G2> {
    let point = |i: usize| G2::from_bytes(&posted[8 + 96 * i..8 + 96 * (i + 1)]).unwrap();
    (0..=size)
        .map(|j| point(size + 1 + j) - point(j) * y)
        .collect()
}

/// A posted trapdoor for n that hides these points, made by someone who follows no rules.
fn post_points(points: &[G2], b: G2) -> Vec<u8> {
    let mut rng = rng(11);
    let d: Vec<Scalar> = points.iter().map(|_| Scalar::random(&mut rng)).collect();
    let size = u16::try_from(points.len() - 1).unwrap();
    let mut out = header(b"CMTD", size);
    d.iter()
        .for_each(|d| out.extend_from_slice(&(G2::generator() * *d).to_bytes()));
    points
        .iter()
        .zip(&d)
        .for_each(|(t, d)| out.extend_from_slice(&(*t + b * *d).to_bytes()));
    out
}

pub(crate) fn exponent_y(secret: &HospitalSecretKeys) -> Scalar {
    Scalar::from_bytes(&secret.expose_secret()[37..]).unwrap()
}

#[test]
fn an_interest_is_stripped_off_a_longer_trapdoor_which_is_why_its_length_is_refused() {
    let (secret, keys) = hospital(1);
    let y = exponent_y(&secret);
    let (long, _) = trd_gen(n(8), &tokens("ab"), &mut rng(2)).unwrap();
    let posted = long.encrypt(&keys, &mut rng(3)).to_bytes();
    let refused = EncryptedTrapdoor::from_bytes(&posted, n(4)).unwrap_err();
    assert_eq!(
        *refused.root(),
        DecodeError::Limit {
            limit: 968,
            actual: 1736
        }
    );
    let index = index_build(n(4), &tokens("acd"), &mut rng(4)).unwrap();
    assert_eq!(
        matches(&index, &long),
        Err(MatchingError::SizesDiffer {
            index: 4,
            trapdoor: 8
        })
    );

    // The attack, had the longer one been accepted: T'_j = T_{j+1} - h_b T_j no longer asks for b.
    let strip = |points: &[G2]| -> Vec<G2> {
        let h_b = Scalar::from_bytes(tokens("b")[0].expose_secret().as_ref()).unwrap();
        points
            .windows(2)
            .map(|pair| pair[1] - pair[0] * h_b)
            .collect()
    };
    let opened = |points: &[G2]| {
        let posted = post_points(points, G2::generator() * y);
        EncryptedTrapdoor::from_bytes(&posted, n(4))
            .unwrap()
            .decrypt(&secret)
            .unwrap()
    };
    let points = trapdoor_points(&posted, 8, y);
    assert!(!matches(&index, &opened(&points[..5])).unwrap());
    assert!(matches(&index, &opened(&strip(&points)[..5])).unwrap());

    // Of an exact trapdoor too few points are left.
    let (exact, _) = trd_gen(n(4), &tokens("ab"), &mut rng(2)).unwrap();
    let posted = exact.encrypt(&keys, &mut rng(3)).to_bytes();
    let stripped = post_points(&strip(&trapdoor_points(&posted, 4, y)), G2::generator() * y);
    assert!(EncryptedTrapdoor::from_bytes(&stripped, n(4)).is_err());
}

#[test]
fn a_trapdoor_of_identities_would_match_everything_and_is_refused_when_decrypted() {
    let (secret, _) = hospital(1);
    let posted = post_points(&[G2::identity(); 5], G2::generator() * exponent_y(&secret));
    let posted = EncryptedTrapdoor::from_bytes(&posted, n(4)).unwrap();
    assert_eq!(
        posted.decrypt(&secret).unwrap_err(),
        MatchingError::Degenerate
    );
}

#[test]
fn equal_exponents_let_anyone_test_tokens_and_are_refused() {
    let x = Scalar::from(12345);
    let (a, b) = (G1::generator() * x, G2::generator() * x);

    // The attack: e(V_j, g2) / e(U_j, b) = e(I_j, g2), and prod e(I_j, g2)^{h^j} = 1 for a keyword.
    let secret = HospitalSecretKeys::from_bytes(
        &[b"CMHS\x01".to_vec(), x.to_bytes().to_vec(), vec![1; 32]].concat(),
    )
    .unwrap();
    let index = index_build(n(3), &tokens("ab"), &mut rng(1)).unwrap();
    let posted = index.encrypt(&secret.public_keys(), &mut rng(2)).to_bytes();
    let point = |i: usize| G1::from_bytes(&posted[8 + 48 * i..8 + 48 * (i + 1)]).unwrap();
    let leak = |j: usize| match j {
        3 => pairing(&point(6), &G2::generator()),
        _ => pairing(&point(3 + j), &G2::generator()) / pairing(&point(j), &b),
    };
    let test = |letter: &str| {
        let h = Scalar::from_bytes(tokens(letter)[0].expose_secret().as_ref()).unwrap();
        let mut power = Scalar::ONE;
        let mut product = Gt::one();
        for j in 0..=3 {
            product *= leak(j).pow(&power);
            power = power * h;
        }
        product.is_one()
    };
    assert!(test("a") && test("b") && !test("c"));

    // Refused, although both proofs hold.
    let k = Scalar::from(77);
    let (r_a, r_b) = (G1::generator() * k, G2::generator() * k);
    let answer = |label: &str, r: &[u8]| {
        let c = challenge(label, &CONTEXT, &[&a.to_bytes(), &b.to_bytes(), r]);
        k + x * Scalar::from_bytes(&c).unwrap()
    };
    let claimed = [
        b"CMHK\x01".to_vec(),
        a.to_bytes().to_vec(),
        b.to_bytes().to_vec(),
        r_a.to_bytes().to_vec(),
        answer("CONSILIUM-V1-MATCHING-POP-A", &r_a.to_bytes())
            .to_bytes()
            .to_vec(),
        r_b.to_bytes().to_vec(),
        answer("CONSILIUM-V1-MATCHING-POP-B", &r_b.to_bytes())
            .to_bytes()
            .to_vec(),
    ];
    let claimed = ClaimedHospitalKeys::from_bytes(&claimed.concat()).unwrap();
    assert_eq!(claimed.verify(&CONTEXT), Err(KeyError::SameExponent));
}

#[test]
fn proofs_of_possession_hold_for_one_hospital_and_one_pair_of_keys() {
    let secret = HospitalSecretKeys::generate(&mut rng(1));
    let claimed = secret.prove(&CONTEXT, &mut rng(2));
    assert_eq!(claimed.verify(&CONTEXT), Ok(secret.public_keys()));
    assert_eq!(
        ClaimedHospitalKeys::from_bytes(&claimed.to_bytes()),
        Ok(claimed.clone())
    );
    for context in [
        KeyContext {
            hospital: b"st-john",
            ..CONTEXT
        },
        KeyContext {
            hpke_key: b"other",
            ..CONTEXT
        },
        KeyContext {
            hospital: b"st-maryh",
            hpke_key: b"pke key",
        },
    ] {
        assert_eq!(claimed.verify(&context), Err(KeyError::ProofA));
    }
    let other = HospitalSecretKeys::generate(&mut rng(3))
        .prove(&CONTEXT, &mut rng(4))
        .to_bytes();
    let replaced = |from: usize, to: usize| {
        let mut bytes = claimed.to_bytes();
        bytes[from..to].copy_from_slice(&other[from..to]);
        ClaimedHospitalKeys::from_bytes(&bytes)
            .unwrap()
            .verify(&CONTEXT)
    };
    assert_eq!(replaced(5, 53), Err(KeyError::ProofA));
    assert_eq!(replaced(149, 229), Err(KeyError::ProofA));
    assert_eq!(replaced(229, 357), Err(KeyError::ProofB));
    let stored = HospitalSecretKeys::from_bytes(&secret.expose_secret()).unwrap();
    assert_eq!(stored.public_keys(), secret.public_keys());
}
