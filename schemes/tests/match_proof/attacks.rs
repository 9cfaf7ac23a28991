//! The attacks of `match_proof_attacks.py`, each with the honest path and the lie.

use consilium_schemes::curve::{DecodeError, G1, G2, Gt, Scalar, pairing};
use consilium_schemes::match_proof::{
    MatchContext, MatchProof, MatchProofError, Outcome, Statement, prove, verify,
};
use consilium_schemes::matching::{EncryptedIndex, EncryptedTrapdoor, HospitalSecretKeys};

use super::by_hand::{Open, exponents, no_match_bytes};
use super::{CONTEXT, World, n, rng};
use crate::frozen::{all_cases, bytes};

fn scalars<const N: usize>(seed: u64) -> [Scalar; N] {
    let mut rng = rng(seed);
    core::array::from_fn(|_| Scalar::random(&mut rng))
}

const NO: MatchProofError = MatchProofError::DoesNotHold {
    outcome: Outcome::NoMatch,
};
const YES: MatchProofError = MatchProofError::DoesNotHold {
    outcome: Outcome::Match,
};

#[test]
fn a_false_match_claimed_with_the_true_secrets_is_refused() {
    for (world, verdict) in [
        (World::matching(), Ok(Outcome::Match)),
        (World::not_matching(), Err(YES)),
    ] {
        let (x, y) = exponents(&world);
        let proof = Open::of(&world, &world.statement()).claim_match([x, y, x * y], scalars(1));
        assert_eq!(verify(&world.statement(), &proof), verdict);
    }
}

#[test]
fn a_true_match_cannot_be_denied_because_z_is_forced_to_1() {
    let claim = |world: &World, z: &Gt, [d]: [Scalar; 1]| {
        let (x, y) = exponents(world);
        let witness = [d, x * d, y * d, x * y * d];
        Open::of(world, &world.statement()).claim_no_match(z, witness, scalars(2))
    };
    // The honest path: Z = E^delta is not 1, and the proof holds.
    let world = World::not_matching();
    let [d] = scalars(1);
    let (x, y) = exponents(&world);
    let open = Open::of(&world, &world.statement());
    let z = open.mixed([d, -(x * d), -(y * d), x * y * d]);
    let proof = MatchProof::from_bytes(&claim(&world, &z, [d])).unwrap();
    assert_eq!(verify(&world.statement(), &proof), Ok(Outcome::NoMatch));

    // The lie: for a match the same formula gives 1, which has no encoding as Z, and another Z does not hold.
    let world = World::matching();
    let open = Open::of(&world, &world.statement());
    assert!(open.mixed([d, -(x * d), -(y * d), x * y * d]).is_one());
    let refused = MatchProof::from_bytes(&claim(&world, &Gt::one(), [d])).unwrap_err();
    assert_eq!(*refused.root(), DecodeError::Identity);
    let another = pairing(&G1::generator(), &G2::generator());
    let proof = MatchProof::from_bytes(&claim(&world, &another, [d])).unwrap();
    assert_eq!(verify(&world.statement(), &proof), Err(NO));
    // Nor with all secrets zero.
    let nothing = [Scalar::ZERO; 4];
    let proof = open.claim_no_match(&another, nothing, scalars(2));
    let proof = MatchProof::from_bytes(&proof).unwrap();
    assert_eq!(verify(&world.statement(), &proof), Err(NO));
}

/// 1 with its first coefficient replaced by p - 1: of order 2.
fn minus_one() -> [u8; 576] {
    let p = "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaaa";
    let mut out = [0; 576];
    out[..48].copy_from_slice(&hex::decode(p).unwrap());
    out
}

#[test]
fn z_of_order_2_would_deny_a_match_in_half_of_all_tries_and_is_refused() {
    let world = World::matching();
    let open = Open::of(&world, &world.statement());
    let (x, y) = exponents(&world);
    let [d] = scalars(1);
    let witness = [d, x * d, y * d, x * y * d];
    // A verifier that asks for Z ≠ 1 only: for an even c, (-1)^{-c} = 1 and the equations hold.
    let forged = (0..64).find_map(|seed| {
        let k: [Scalar; 4] = scalars(100 + seed);
        let (a1, a2, a3, a4) = open.no_match_commitments(k);
        let c = open.challenge(0, &minus_one(), a1, a2, a3, a4);
        let answers: [Scalar; 4] = core::array::from_fn(|i| k[i] + c * witness[i]);
        let even = c.to_bytes()[31] & 1 == 0;
        even.then_some((c, answers))
    });
    let (c, answers @ [d, x, y, w]) = forged.unwrap();
    let (a1, a2, a3, a4) = open.no_match_commitments([d, x, y, w]);
    assert_eq!(open.challenge(0, &minus_one(), a1, a2, a3, a4), c);
    // Ours.
    let refused = MatchProof::from_bytes(&no_match_bytes(&minus_one(), c, answers)).unwrap_err();
    assert_eq!(refused, DecodeError::WrongSubgroup.in_field("Z"));
}

#[test]
fn z_outside_the_subgroup_zero_or_not_canonical_is_refused() {
    let [c] = scalars(1);
    let refuse = |z: &[u8]| {
        let refused = MatchProof::from_bytes(&no_match_bytes(z, c, scalars(2))).unwrap_err();
        refused.root().clone()
    };
    assert_eq!(refuse(&[0; 576]), DecodeError::WrongSubgroup);
    assert_eq!(refuse(&[0xff; 576]), DecodeError::NonCanonical);
    let mut two = [0; 576];
    two[47] = 2;
    assert_eq!(refuse(&two), DecodeError::WrongSubgroup);
    // The frozen elements of GT's group, among them one that passes the cyclotomic half of the test only.
    let frozen: Vec<_> = all_cases("curve")
        .into_iter()
        .filter(|case| case["type"] == "GT" && bytes(&case["bytes"]).len() == 576)
        .collect();
    assert_eq!(frozen.len(), 7);
    for case in frozen {
        let expected = match case["refuse"].as_str().unwrap() {
            "identity" => DecodeError::Identity,
            "non-canonical" => DecodeError::NonCanonical,
            _ => DecodeError::WrongSubgroup,
        };
        assert_eq!(refuse(&bytes(&case["bytes"])), expected);
    }
}

#[test]
fn z_computed_after_the_challenge_does_not_hold_because_it_is_hashed() {
    let world = World::matching();
    let open = Open::of(&world, &world.statement());
    let (x, y) = exponents(&world);
    let [d, k_d, k_x, k_y, k_w] = scalars(1);
    let (a1, a2, a3, _) = open.no_match_commitments([k_d, k_x, k_y, k_w]);
    // The attack: A4 at will, c from a hash without Z, then the Z that fits.
    let a4 = pairing(&G1::generator(), &G2::generator());
    let c = open.challenge(0, &[], a1, a2, a3, a4);
    let [s_d, s_x, s_y, s_w] = [
        k_d + c * d,
        k_x + c * x * d,
        k_y + c * y * d,
        k_w + c * x * y * d,
    ];
    let power = c.invert().unwrap();
    let z = (open.mixed([s_d, -s_x, -s_y, s_w]) / a4).pow(&power);
    let (again1, again2, again3, product) = open.no_match_commitments([s_d, s_x, s_y, s_w]);
    assert!((again1, again2, again3) == (a1, a2, a3) && product / z.pow(&c) == a4 && !z.is_one());
    let proof = no_match_bytes(&z.to_bytes(), c, [s_d, s_x, s_y, s_w]);
    let proof = MatchProof::from_bytes(&proof).unwrap();
    assert_eq!(verify(&world.statement(), &proof), Err(NO));
}

/// All exponents known: index exponents i, trapdoor exponents t, randomness u and d.
#[test]
fn a_z_that_satisfies_the_pairing_equation_but_is_not_xy_is_refused() {
    let (i, t): ([Scalar; 3], [Scalar; 3]) = (scalars(1), scalars(2));
    let (mut u, d): ([Scalar; 3], [Scalar; 3]) = (scalars(3), scalars(4));
    u[2] = Scalar::ZERO;
    let [x, y] = scalars(5);
    let v: [Scalar; 3] = core::array::from_fn(|j| i[j] + x * u[j]);
    let m: [Scalar; 3] = core::array::from_fn(|j| t[j] + y * d[j]);
    let world = world_of(&u, &v, &d, &m, x, y);
    let dot = |p: &[Scalar; 3], q: &[Scalar; 3]| {
        p.iter()
            .zip(q)
            .fold(Scalar::ZERO, |sum, (p, q)| sum + *p * *q)
    };
    let (vm, um, vd, ud) = (dot(&v, &m), dot(&u, &m), dot(&v, &d), dot(&u, &d));
    let z = (x * um + y * vd - vm) * ud.invert().unwrap();
    assert_ne!(z, x * y);
    let open = Open::of(&world, &world.statement());
    assert!(open.mixed([Scalar::ONE, -x, -y, z]).is_one());
    for witness in [[x, y, z], [x, y, x * y]] {
        let proof = open.claim_match(witness, scalars(6));
        assert_eq!(verify(&world.statement(), &proof), Err(YES));
    }
    // Truth, for the same points.
    let proof = prove(&world.statement(), &world.secret, &mut rng(1)).unwrap();
    assert_eq!(verify(&world.statement(), &proof), Ok(Outcome::NoMatch));
}

fn world_of(u: &[Scalar], v: &[Scalar], d: &[Scalar], m: &[Scalar], x: Scalar, y: Scalar) -> World {
    let size = u16::try_from(v.len() - 1).unwrap();
    let header = |kind: &[u8; 4]| [&kind[..], &[1], &size.to_be_bytes(), &[0]].concat();
    let g1 = |e: &Scalar| (G1::generator() * *e).to_bytes();
    let g2 = |e: &Scalar| (G2::generator() * *e).to_bytes();
    let left = u[..usize::from(size)].iter().chain(v).flat_map(g1);
    let right = d.iter().chain(m).flat_map(g2);
    let index: Vec<u8> = header(b"CMIX").into_iter().chain(left).collect();
    let trapdoor: Vec<u8> = header(b"CMTD").into_iter().chain(right).collect();
    let secret = [&b"CMHS\x01"[..], &x.to_bytes(), &y.to_bytes()].concat();
    let secret = HospitalSecretKeys::from_bytes(&secret).unwrap();
    World {
        keys: secret.public_keys(),
        secret,
        index: EncryptedIndex::from_bytes(&index, n(size)).unwrap(),
        trapdoor: EncryptedTrapdoor::from_bytes(&trapdoor, n(size)).unwrap(),
    }
}

/// Why a posting needs its proof of rank: the equations are satisfied by nothing at all.
#[test]
fn a_trapdoor_of_identities_satisfies_the_equations_and_honest_hospitals_refuse_to_prove_it() {
    let [x, y] = scalars(1);
    let (i, u, d): ([Scalar; 3], [Scalar; 3], [Scalar; 3]) = (scalars(2), scalars(3), scalars(4));
    let v = [i[0] + x * u[0], i[1] + x * u[1], i[2]];
    let world = world_of(&u, &v, &d, &d.map(|d| y * d), x, y);
    let refused = prove(&world.statement(), &world.secret, &mut rng(1));
    assert_eq!(refused, Err(MatchProofError::Degenerate));
    let open = Open::of(&world, &world.statement());
    let proof = open.claim_match([x, y, x * y], scalars(5));
    assert_eq!(verify(&world.statement(), &proof), Ok(Outcome::Match));
}

#[test]
fn an_index_of_identities_cannot_be_posted() {
    let world = World::matching();
    let mut index = world.index.to_bytes();
    let last = index.len() - 48;
    index[last..].fill(0);
    index[last] = 0xc0;
    let refused = EncryptedIndex::from_bytes(&index, n(4)).unwrap_err();
    assert_eq!(refused, DecodeError::Identity.in_field("V"));
}

#[test]
fn a_proof_holds_in_no_other_context() {
    let others = [
        MatchContext {
            federation: [9; 32],
            ..CONTEXT
        },
        MatchContext {
            record: [9; 32],
            ..CONTEXT
        },
        MatchContext {
            doctor: [9; 32],
            ..CONTEXT
        },
        MatchContext {
            hospital: b"st-john",
            ..CONTEXT
        },
        MatchContext {
            hospital: b"",
            ..CONTEXT
        },
        MatchContext {
            epoch: 8,
            ..CONTEXT
        },
        MatchContext {
            authorization: None,
            ..CONTEXT
        },
        MatchContext {
            authorization: Some([0; 32]),
            ..CONTEXT
        },
        MatchContext {
            expires: 901,
            ..CONTEXT
        },
        // Epoch and expiry exchanged.
        MatchContext {
            epoch: 900,
            expires: 7,
            ..CONTEXT
        },
    ];
    for (world, error) in [(World::matching(), YES), (World::not_matching(), NO)] {
        let proof = prove(&world.statement(), &world.secret, &mut rng(1)).unwrap();
        assert!(verify(&world.statement(), &proof).is_ok());
        for context in &others {
            assert_eq!(verify(&world.in_context(context), &proof), Err(error));
        }
    }
    // No authorization and one of zeros are two contexts.
    let world = World::matching();
    let [none, zeros] = [None, Some([0; 32])].map(|authorization| MatchContext {
        authorization,
        ..CONTEXT
    });
    let proof = prove(&world.in_context(&none), &world.secret, &mut rng(1)).unwrap();
    assert!(verify(&world.in_context(&none), &proof).is_ok());
    assert_eq!(verify(&world.in_context(&zeros), &proof), Err(YES));
}

#[test]
fn a_proof_holds_for_no_other_index_trapdoor_or_keys() {
    for (world, again, error) in [
        (World::matching(), World::new(4, "abc", "ac", 11), YES),
        (World::not_matching(), World::new(4, "abc", "ad", 21), NO),
    ] {
        let proof = prove(&world.statement(), &world.secret, &mut rng(1)).unwrap();
        let statement = world.statement();
        // The same keywords and interests, encrypted anew.
        let index = Statement {
            index: &again.index,
            ..statement
        };
        let trapdoor = Statement {
            trapdoor: &again.trapdoor,
            ..statement
        };
        assert_eq!(verify(&index, &proof), Err(error));
        assert_eq!(verify(&trapdoor, &proof), Err(error));
        // Another hospital's keys, and one key of each.
        let (x, y) = exponents(&world);
        let [x2, y2] = scalars(7);
        for (x, y) in [(x2, y2), (x2, y), (x, y2)] {
            let other = world_of(&[x; 3], &[x; 3], &[x; 3], &[x; 3], x, y);
            let keys = Statement {
                keys: &other.keys,
                ..statement
            };
            assert_eq!(verify(&keys, &proof), Err(error));
        }
    }
}

#[test]
fn no_changed_byte_of_a_proof_is_accepted() {
    for (world, step) in [(World::matching(), 3), (World::not_matching(), 9)] {
        let good = prove(&world.statement(), &world.secret, &mut rng(1))
            .unwrap()
            .to_bytes();
        for at in (0..good.len()).step_by(step) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            if let Ok(parsed) = MatchProof::from_bytes(&bad) {
                assert!(verify(&world.statement(), &parsed).is_err(), "byte {at}");
            }
        }
    }
}

/// Why proofs are not batched: with coefficients known before, two wrong products cancel.
#[test]
fn with_predictable_coefficients_two_false_equations_would_cancel() {
    let [d1, d2] = scalars(1);
    let wrong = pairing(&G1::generator(), &G2::generator());
    let other = wrong.pow(&-(d1 * d2.invert().unwrap()));
    assert!(!wrong.is_one() && !other.is_one());
    assert!((wrong.pow(&d1) * other.pow(&d2)).is_one());
}
