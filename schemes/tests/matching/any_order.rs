//! `PreparedIndex::open`, which does not test the order of points: what Match says does not depend on their parts of another order.

use std::iter::successors;

use bls12_381::{G1Affine, G1Projective, Scalar};
use consilium_schemes::curve::DecodeError;
use consilium_schemes::matching::{
    EncryptedIndex, EncryptedTrapdoor, IndexSize, PreparedIndex, PreparedTrapdoor, index_build,
    matches_prepared, trd_gen,
};
use group::Curve as _;
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::{hospital, n, rng, tokens};

/// 1 - z = 3 · 11 · 10177 · 859267 · 52437899, for the curve's parameter z. The points of E(F_p) of orders prime to r are a product of
/// cyclic groups of (1 - z) and (1 - z) / 3 points.
const EXPONENT: u64 = 0xd201_0000_0001_0001;

/// A point whose order divides `order`, which divides the exponent; not the identity.
fn of_order(order: u64, rng: &mut StdRng) -> G1Projective {
    let candidates = std::iter::repeat_with(|| {
        let mut bytes: [u8; 48] = rng.random();
        bytes[0] = 0x80 | bytes[0] & 0x0f;
        let point = Option::<G1Affine>::from(G1Affine::from_compressed_unchecked(&bytes))?;
        let point = G1Projective::from(point);
        // r times the point: the other library adds and doubles, whatever the order.
        let prime_to_r = point * -Scalar::one() + point;
        Some(prime_to_r * Scalar::from(EXPONENT / order))
            .filter(|point| !bool::from(point.is_identity()))
    });
    candidates.flatten().next().unwrap()
}

/// The posting with a point added to each of its points.
fn with_parts(posted: &[u8], mut part: impl FnMut() -> G1Projective) -> Vec<u8> {
    let (head, points) = posted.split_at(posted.len() % 48);
    let moved = points.chunks(48).flat_map(|point| {
        let point = G1Affine::from_compressed(point.try_into().unwrap()).unwrap();
        (G1Projective::from(point) + part())
            .to_affine()
            .to_compressed()
    });
    head.iter().copied().chain(moved).collect()
}

#[test]
fn parts_of_another_order_do_not_change_what_match_says() {
    let size: IndexSize = n(4);
    let (secret, keys) = hospital(1);
    let mut rng = rng(7);
    for (keywords, interests) in [("abcd", "bd"), ("ab", "a"), ("abcd", "be"), ("abc", "def")] {
        let index = index_build(size, &tokens(keywords), &mut rng).unwrap();
        let posted = index.encrypt(&keys, &mut rng).to_bytes();
        let interests_matched = interests.chars().all(|one| keywords.contains(one));
        let (trapdoor, _) = trd_gen(size, &tokens(interests), &mut rng).unwrap();
        let trapdoor = trapdoor.encrypt(&keys, &mut rng).to_bytes();
        let trapdoor = EncryptedTrapdoor::from_bytes(&trapdoor, size).unwrap();
        let trapdoor = PreparedTrapdoor::new(&trapdoor.decrypt(&secret).unwrap());
        let said = |posted: &[u8]| {
            let opened = PreparedIndex::open(posted, size, &secret).unwrap();
            matches_prepared(&opened, &trapdoor).unwrap()
        };
        assert_eq!(said(&posted), interests_matched);
        for order in [3, 11, 10177, EXPONENT] {
            let moved = with_parts(&posted, || of_order(order, &mut rng));
            let refused = EncryptedIndex::from_bytes(&moved, size).unwrap_err();
            assert_eq!(refused.root(), &DecodeError::WrongSubgroup);
            assert_eq!(
                said(&moved),
                interests_matched,
                "{keywords} {interests} {order}"
            );
        }
    }
}

#[test]
fn opening_gives_what_parsing_decrypting_and_preparing_give() {
    let (secret, keys) = hospital(1);
    let index = index_build(n(4), &tokens("ab"), &mut rng(3)).unwrap();
    let posted = index.encrypt(&keys, &mut rng(4)).to_bytes();
    let opened = PreparedIndex::open(&posted, n(4), &secret).unwrap();
    assert!(opened == PreparedIndex::new(&index));
}

/// All but the order is refused as ever.
#[test]
fn opening_refuses_what_is_no_encoding() {
    let (secret, keys) = hospital(1);
    let index = index_build(n(4), &tokens("ab"), &mut rng(3)).unwrap();
    let posted = index.encrypt(&keys, &mut rng(4)).to_bytes();
    let refused = |bytes: &[u8], n| {
        let error = PreparedIndex::open(bytes, n, &secret).unwrap_err();
        error.root().clone()
    };
    assert_eq!(
        refused(&posted[..posted.len() - 1], n(4)),
        DecodeError::Truncated
    );
    assert!(matches!(
        refused(&posted, n(5)),
        DecodeError::Rule(_) | DecodeError::Limit { .. }
    ));
    let long = [posted.as_slice(), &[0]].concat();
    assert!(matches!(refused(&long, n(4)), DecodeError::Limit { .. }));
    let first = posted.len() % 48;
    let with_first = |point: &[u8; 48]| {
        let mut bytes = posted.clone();
        bytes[first..first + 48].copy_from_slice(point);
        bytes
    };
    let mut identity = [0; 48];
    identity[0] = 0xc0;
    assert_ne!(
        refused(&with_first(&identity), n(4)),
        DecodeError::WrongSubgroup
    );
    let off_curve = successors(Some(1_u8), |x| x.checked_add(1)).map(|x| {
        let mut bytes = [0; 48];
        (bytes[0], bytes[47]) = (0x80, x);
        bytes
    });
    let mut off_curve =
        off_curve.filter(|bytes| bool::from(G1Affine::from_compressed_unchecked(bytes).is_none()));
    let off_curve = off_curve.next().unwrap();
    assert_eq!(
        refused(&with_first(&off_curve), n(4)),
        DecodeError::NotOnCurve
    );
    // The coordinate of a point, not reduced.
    assert_eq!(
        refused(&with_first(&[0x9f; 48]), n(4)),
        DecodeError::NonCanonical
    );
}
