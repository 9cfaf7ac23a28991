//! The fast paths of the curve module against the plain ones, on random and on degenerate inputs.

use crate::support::{fixed_rng, gt_bytes, scalar};
use consilium_schemes::curve::{
    FixedG1, FixedG2, G1, G2, Gt, PreparedG1, PreparedG2, Scalar, SecretScalar, multi_pairing,
    pairing, prepared_pairing,
};
use proptest::prelude::*;

/// |z|, the absolute value of the curve's parameter.
const Z: u64 = 0xd201_0000_0001_0000;

fn random_scalar(seed: u64) -> Scalar {
    Scalar::random(&mut fixed_rng(seed))
}

/// 2^bits.
fn power_of_two(bits: usize) -> Scalar {
    (0..bits).fold(Scalar::ONE, |power, _| power + power)
}

/// Where carries, zero digits, signs and the ends of the range are.
fn degenerate() -> Vec<Scalar> {
    let (zero, one, z) = (Scalar::ZERO, Scalar::ONE, Scalar::from(Z));
    let half = (one + one).invert().unwrap();
    let mut out = vec![
        zero,
        one,
        -one,
        half,
        -half,
        z,
        -z,
        z * z,
        z * z * z,
        z * z - one,
    ];
    // 14 · 2^252 - r: with windows of 4 bits the last addition is one of a point to itself.
    out.push(Scalar::from(14) * power_of_two(252));
    for bits in [
        1, 3, 4, 5, 8, 63, 64, 65, 127, 128, 129, 191, 192, 250, 252, 254,
    ] {
        let power = power_of_two(bits);
        out.extend([power, power - one, power + one, -power, one - power]);
    }
    for digits in [0x88, 0x77, 0x80, 0xff, 0x10, 0x01] {
        let mut bytes = [digits; 32];
        bytes[0] &= 0x3f;
        out.push(Scalar::from_bytes(&bytes).unwrap());
    }
    out
}

/// Square and multiply by the bits.
fn plain_power(base: Gt, exponent: &Scalar) -> Gt {
    let bits = exponent
        .to_bytes()
        .into_iter()
        .flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1));
    bits.fold(Gt::one(), |power, bit| {
        let square = power * power;
        if bit == 1 { square * base } else { square }
    })
}

fn check_multiples(base: Scalar, by: &Scalar) {
    let (p, q) = (G1::generator() * base, G2::generator() * base);
    let secret = SecretScalar::new(*by);
    for table in [FixedG1::new(&p), FixedG1::lasting(&p)] {
        assert_eq!(&table * *by, p * *by, "{by:?}");
        assert_eq!(&table * &secret, p * *by, "{by:?}");
    }
    for table in [FixedG2::new(&q), FixedG2::lasting(&q)] {
        assert_eq!(&table * *by, q * *by, "{by:?}");
        assert_eq!(&table * &secret, q * *by, "{by:?}");
    }
}

#[test]
fn tables_give_the_multiples_that_the_library_gives() {
    let (base, p) = (random_scalar(1), G1::generator() * random_scalar(1));
    let q = G2::generator() * base;
    let (short, long) = (FixedG1::new(&p), FixedG1::lasting(&p));
    let (short_2, long_2) = (FixedG2::new(&q), FixedG2::lasting(&q));
    for by in degenerate() {
        assert_eq!([&short * by, &long * by], [p * by; 2], "{by:?}");
        assert_eq!([&short_2 * by, &long_2 * by], [q * by; 2], "{by:?}");
        assert_eq!(FixedG1::generator() * by, G1::generator() * by, "{by:?}");
        assert_eq!(FixedG2::generator() * by, G2::generator() * by, "{by:?}");
    }
}

#[test]
fn multiples_of_the_identity_are_the_identity() {
    let (g1, g2) = (
        FixedG1::new(&G1::identity()),
        FixedG2::lasting(&G2::identity()),
    );
    for by in [Scalar::ZERO, Scalar::ONE, random_scalar(2)] {
        assert!((&g1 * by).is_identity() && (&g2 * by).is_identity());
    }
}

#[test]
fn powers_in_gt_are_those_of_square_and_multiply() {
    let base = pairing(&(G1::generator() * random_scalar(3)), &G2::generator());
    for exponent in degenerate() {
        let expected = plain_power(base, &exponent);
        assert_eq!(base.pow(&exponent), expected, "{exponent:?}");
        assert_eq!(base.pow_secret(&SecretScalar::new(exponent)), expected);
        assert!(Gt::one().pow(&exponent).is_one());
    }
}

#[test]
fn a_product_of_pairings_skips_the_identity_and_cancels() {
    let (p, q) = (
        G1::generator() * random_scalar(4),
        G2::generator() * random_scalar(5),
    );
    assert!(prepared_pairing([]).is_one());
    assert!(multi_pairing([(G1::identity(), q), (p, G2::identity())]).is_one());
    assert!(multi_pairing([(p, q), (-p, q)]).is_one());
    assert!(multi_pairing([(p, q), (p, -q)]).is_one());
    let expected = pairing(&p, &q);
    let (left, right) = (PreparedG1::new(&p), PreparedG2::new(&q));
    let nothing = (
        PreparedG1::new(&G1::identity()),
        &PreparedG2::new(&G2::identity()),
    );
    assert_eq!(
        prepared_pairing([
            nothing,
            (left, &right),
            (nothing.0, &right),
            (left, nothing.1)
        ]),
        expected
    );
    assert_eq!(
        prepared_pairing([(left, &right), (left, &right)]),
        expected * expected
    );
    let generator = PreparedG2::generator();
    assert_eq!(
        prepared_pairing([(left, generator)]),
        pairing(&p, &G2::generator())
    );
}

#[test]
fn many_points_are_prepared_as_each_alone_identities_among_them() {
    let points: Vec<G1> = (0..70)
        .map(|i| match i % 7 {
            0 => G1::identity(),
            _ => G1::generator() * random_scalar(i),
        })
        .collect();
    let alone: Vec<_> = points.iter().map(PreparedG1::new).collect();
    assert_eq!(PreparedG1::many(&points), alone);
    let of = |seed| [G2::identity(), G2::generator() * random_scalar(seed)];
    let points: Vec<G2> = (0..5).flat_map(of).collect();
    let p = PreparedG1::new(&G1::generator());
    for (point, prepared) in points.iter().zip(&PreparedG2::many(&points)) {
        assert_eq!(
            prepared_pairing([(p, prepared)]),
            pairing(&G1::generator(), point)
        );
    }
}

#[test]
fn sums_with_weights_of_one_are_those_of_multiplications() {
    let weights = [
        Scalar::ONE,
        -Scalar::ONE,
        Scalar::ZERO,
        random_scalar(6),
        Scalar::ONE,
        random_scalar(7),
    ];
    for count in 0..=weights.len() {
        let terms = || weights.iter().take(count).zip(10..);
        let points =
            || terms().map(|(weight, seed)| (G1::generator() * random_scalar(seed), *weight));
        let expected: G1 = points().map(|(point, weight)| point * weight).sum();
        assert_eq!(G1::multi_mul(points()), expected);
        let points =
            || terms().map(|(weight, seed)| (G2::generator() * random_scalar(seed), *weight));
        let expected: G2 = points().map(|(point, weight)| point * weight).sum();
        assert_eq!(G2::multi_mul(points()), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn products_of_pairings_agree_with_the_reference(seeds in proptest::collection::vec(any::<(u64, u64)>(), 0..6)) {
        let scalars: Vec<_> = seeds.iter().map(|(a, b)| (random_scalar(*a), random_scalar(*b))).collect();
        let ours = scalars.iter().map(|(a, b)| (G1::generator() * *a, G2::generator() * *b));
        let (left, right): (Vec<G1>, Vec<G2>) = ours.unzip();
        let (prepared_left, prepared_right) = (PreparedG1::many(&left), PreparedG2::many(&right));
        let product = prepared_pairing(prepared_left.iter().copied().zip(&prepared_right));
        let theirs = scalars.iter().map(|(a, b)| {
            let p = bls12_381::G1Projective::generator() * scalar(&a.to_bytes());
            let q = bls12_381::G2Projective::generator() * scalar(&b.to_bytes());
            bls12_381::pairing(&p.into(), &q.into())
        });
        let expected: bls12_381::Gt = theirs.sum();
        prop_assert_eq!(product.to_bytes().to_vec(), gt_bytes(&expected));
        prop_assert_eq!(multi_pairing(left.into_iter().zip(right)), product);
    }

    #[test]
    fn tables_and_powers_agree_on_random_scalars(base in any::<u64>(), by in any::<u64>()) {
        let by = random_scalar(by);
        check_multiples(random_scalar(base), &by);
        let element = pairing(&(G1::generator() * random_scalar(base)), &G2::generator());
        prop_assert_eq!(element.pow_secret(&SecretScalar::new(by)), plain_power(element, &by));
    }
}

/// Sums of two terms, for every pair of degenerate scalars, also where terms cancel or double and where a point is the identity.
#[test]
fn sums_of_two_terms_are_those_of_multiplications() {
    let p = G1::generator() * random_scalar(1);
    let q = G1::generator() * random_scalar(2);
    let z2 = Scalar::from(Z) * Scalar::from(Z);
    let pairs = [
        [p, q],
        [p, p],
        [p, -p],
        [G1::identity(), q],
        [p, G1::identity()],
        [G1::identity(), G1::identity()],
        // Multiples that meet within the chain: the endomorphism's, small ones.
        [p, p * z2],
        [p, p * Scalar::from(3)],
        [p * -z2, p + p],
    ];
    let mut scalars = degenerate();
    scalars.extend([
        z2,
        -z2,
        z2 - Scalar::ONE,
        z2 + Scalar::ONE,
        random_scalar(3),
    ]);
    for k in &scalars {
        for l in &scalars {
            let sums = G1::combinations(&pairs, &[[*k, *l], [*l, *k]]);
            for ([p, q], sums) in pairs.iter().zip(sums) {
                assert_eq!(sums, [*p * *k + *q * *l, *p * *l + *q * *k], "{k:?} {l:?}");
            }
        }
    }
    assert!(G1::combinations(&[], &[[Scalar::ONE, Scalar::ONE]]).is_empty());
}
