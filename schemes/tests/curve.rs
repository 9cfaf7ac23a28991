//! The curve module against `bls12_381`, against its frozen vectors, and against malformed encodings.

use crate::support::{fixed_rng, gt_bytes, pair, scalar_bytes};
use consilium_schemes::curve::{
    DecodeError, G1, G2, Gt, Label, Reader, Scalar, SecretScalar, Transcript, hash_to_g1,
    hash_to_scalar, multi_pairing, pairing, put_variable,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

const LABEL: Label = Label::new("CONSILIUM-V1-TEST-CURVE");
const VECTORS: &str = include_str!("vectors/curve.json");

/// An element of the cyclotomic subgroup of Fp12 whose order is not r: f^((p^6-1)(p^2+1)) for an f
/// from SHA-512, computed with integers in Python.
const CYCLOTOMIC: &str = "\
    15321a5013a45f785f99ae1524cd4aa6c1f265c346ef326c95a918e79ff3e1794286dd54946565aca620cda89dbc84ea\
    0165876fd9f182a64b8f6d999c213020da2c35c51de31d9cbcea690dfd7731b7cbb07d2465a32360645d8a30a5c23206\
    14e58e9796f1819372248a567f676ba8ffbf4ba98d291c10a45949d03a979db1af728220f20e12e79b331c15c5f6914c\
    13776dc724fa6ea58cecb717e99ae45fb90e65933497e969390b7348d213cdd9138c5916888c2f3645c106ca4aa9d9bf\
    16f0a50e83b633da067f584eb5560075fdf4fe42744e6c331f2223061ab7a1fc58a3476fe1ec8dcb5c306bb6f41985d9\
    126978de1d50c9551ec0832231ad2a603237f4f5cb958651da6c4fc2c07e9573897e2bc96b87860fb1f80f77c4255ecd\
    0b7d709ce3c19bae654a8457f4416358b1aa9c208f607b46da65aedd3e8e82cab53afd869e3e09aa3682d53592af0f39\
    0439fa23145dcab86a61f3ee1b8ac21fd69d406d2da361e70dfd7a21bd4dc9290aad82a3eb8ecdeaa9d2b3be25d45c25\
    04fa7c3753ef1a1ce95d2a4e4a135a178614ade64326f0fa1baea69907376f270dc63c47355033c10179bb41d3c6a7a5\
    0304bb1315a52b765d5aef5c3a07316adc1b26a69c462d3451713eb522b53354c9d589120bfddbad13810f14e4f92f5e\
    118c3ef5de0ea308561bdeb6fd895b1c53214c60077ec80c9d6da70b38f00066e635fef9d4176e61ee78b389378995d9\
    0675870d240588ecd5dbfbabbda056a593e194b8c739e0ca980a760ecbfe4b517d42f6138b21be7ee70d3b515679746b";
/// The same element raised to (p^4-p^2+1)/r, hence of order r.
const ORDER_R: &str = "\
    0cef9b942499ff2a90766fcef105b1580facd69f5a769292a0914c30935bdc1fe919a077e0148a3ac06e22da91533c48\
    0c5ffd90ad4d57454e841f7e02943c865aa487a1e4a6568e11c94b77191541d1cbebc5af3fc6a8a0152de445eb8af448\
    1301ca18386474c32bc52361465beaadb4eb63254a9afc18660246c0e67ef1cc026d063b736c1f448c5c2e96e84c1f76\
    19ba6b062a73158a3a566300aeac7d2bced77108a8db3843bc5ee02bc82d62cc8aef3afb0423dfd94c841bf7d8cb968a\
    0b29cfa28205464c69bae779ee89ac33732bb4535ded4a63b7c02f60882e8a6ac0b6942ae3381bace2efa58fe90e118e\
    0da462f5764fb21781091b8f575eb8aed77abd7a3cb9c7690a8e587b8b21d054016947ac391f155a41bba457f6ae1db5\
    049f1f3485a2f8569136f4e925466c56011e4a50870bf4143ab1802fb78b17c894d305c9328aff77b7c528654a9fe447\
    14ce825619637796fd25ee3b436d07ce3e516ce390b83a6e6d7319b46cf801e3d65921331a8a38b603ddc19554a68d11\
    17b770138cc9c55be658e855b125bcc2b3cb182b0febd6df3877287faaaf3e279d3b30fc8bc935ede318429287a9f897\
    09fd38bc4af6477d59c4fe3b039f9f226a4e1eaff08433750bd48f8ccc915cb3ac5ef00deb986d0e86aca218d43930ee\
    018a6c81ba878ad5a8ec88117b4dee38744e6e01f844de8d217dba18ecb63dc812caa030f3a326d3c73256d3742c22b6\
    0036b0ac90e3671700d56b522426d77c32a36623e24457dfb0d9ac4c0d427c4b3618ac88c09f833cfe10a925a5251ea9";

fn arb_scalar() -> impl Strategy<Value = Scalar> {
    any::<u64>().prop_map(|seed| Scalar::random(&mut fixed_rng(seed)))
}

fn reference(scalar: &Scalar) -> bls12_381::Scalar {
    crate::support::scalar(&scalar.to_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn scalars_agree_with_the_reference(a in arb_scalar(), b in arb_scalar()) {
        let (ra, rb) = (reference(&a), reference(&b));
        prop_assert_eq!((a + b).to_bytes(), scalar_bytes(&(ra + rb)));
        prop_assert_eq!((a - b).to_bytes(), scalar_bytes(&(ra - rb)));
        prop_assert_eq!((a * b).to_bytes(), scalar_bytes(&(ra * rb)));
        prop_assert_eq!(a.invert().unwrap().to_bytes(), scalar_bytes(&ra.invert().unwrap()));
        let secret = &SecretScalar::new(a) * &SecretScalar::new(b);
        prop_assert_eq!(*secret.expose_secret(), a * b);
    }

    #[test]
    fn groups_agree_with_the_reference(a in arb_scalar(), b in arb_scalar(), c in arb_scalar()) {
        let (ra, rb, rc) = (reference(&a), reference(&b), reference(&c));
        let p = G1::generator() * a;
        let q = G2::generator() * b;
        let rp = bls12_381::G1Projective::generator() * ra;
        let rq = bls12_381::G2Projective::generator() * rb;
        prop_assert_eq!(p.to_bytes(), bls12_381::G1Affine::from(rp).to_compressed());
        prop_assert_eq!(q.to_bytes(), bls12_381::G2Affine::from(rq).to_compressed());
        let sum = G1::multi_mul([(p, b), (G1::generator(), c), (G1::identity(), a)]);
        prop_assert_eq!(
            sum.to_bytes(),
            bls12_381::G1Affine::from(rp * rb + bls12_381::G1Projective::generator() * rc).to_compressed()
        );
        let e = pairing(&p, &q);
        prop_assert_eq!(e.to_bytes().to_vec(), gt_bytes(&pair(rp, rq)));
        prop_assert_eq!(e.pow_secret(&SecretScalar::new(c)).to_bytes().to_vec(), gt_bytes(&(pair(rp, rq) * rc)));
        prop_assert_eq!(e.pow(&c), e.pow_secret(&SecretScalar::new(c)));
        prop_assert_eq!(Gt::from_bytes(&e.to_bytes()), Ok(e));
        prop_assert_eq!(multi_pairing([(p, q), (-p, q), (G1::identity(), q)]), Gt::one());
    }

    #[test]
    fn hashes_agree_with_the_reference(message in proptest::collection::vec(any::<u8>(), 0..80)) {
        let transcript = Transcript::new().variable(&message);
        let point = crate::support::hash_to_g1(LABEL.as_str(), transcript.as_bytes());
        prop_assert_eq!(
            hash_to_g1(LABEL, &transcript).to_bytes(),
            bls12_381::G1Affine::from(point).to_compressed()
        );
        prop_assert_eq!(
            hash_to_scalar(LABEL, &transcript).to_bytes(),
            scalar_bytes(&crate::support::hash_to_scalar(LABEL.as_str(), transcript.as_bytes()))
        );
    }
}

#[test]
fn multi_mul_agrees_with_single_multiplications_at_every_size() {
    let mut rng = fixed_rng(1);
    for n in [0, 1, 2, 3, 31, 32, 33, 70] {
        let scalars: Vec<Scalar> = (0..n).map(|_| Scalar::random(&mut rng)).collect();
        let g1s: Vec<G1> = (0..n)
            .map(|_| G1::generator() * Scalar::random(&mut rng))
            .collect();
        let g2s: Vec<G2> = (0..n)
            .map(|_| G2::generator() * Scalar::random(&mut rng))
            .collect();
        let one_by_one: G1 = g1s.iter().zip(&scalars).map(|(p, k)| *p * *k).sum();
        assert_eq!(
            G1::multi_mul(g1s.into_iter().zip(scalars.clone())),
            one_by_one,
            "G1, {n}"
        );
        let one_by_one: G2 = g2s.iter().zip(&scalars).map(|(p, k)| *p * *k).sum();
        assert_eq!(
            G2::multi_mul(g2s.into_iter().zip(scalars)),
            one_by_one,
            "G2, {n}"
        );
    }
}

#[test]
fn the_identity_is_reached_by_arithmetic_and_read_only_where_it_is_allowed() {
    let (p, q) = (G1::generator(), G2::generator());
    assert!((p - p).is_identity() && (q + -q).is_identity());
    assert_eq!(p * Scalar::ZERO, G1::identity());
    assert_eq!(q * &SecretScalar::new(Scalar::ZERO), G2::identity());
    assert_eq!(p * (Scalar::ZERO - Scalar::ONE), -p);
    let (zero1, zero2) = (G1::identity().to_bytes(), G2::identity().to_bytes());
    assert_eq!(G1::from_bytes(&zero1), Err(DecodeError::Identity));
    assert_eq!(G1::from_bytes_or_identity(&zero1), Ok(G1::identity()));
    assert_eq!(G2::from_bytes(&zero2), Err(DecodeError::Identity));
    assert_eq!(G2::from_bytes_or_identity(&zero2), Ok(G2::identity()));
    assert_eq!(pairing(&G1::identity(), &q), Gt::one());
    assert_eq!(pairing(&p, &q).pow(&Scalar::ZERO), Gt::one());
    assert_eq!(Scalar::ZERO.invert(), None);
}

#[test]
fn a_reader_is_bounded_and_leaves_nothing() {
    let limit = DecodeError::Limit {
        limit: 3,
        actual: 4,
    };
    assert_eq!(Reader::new(&[0; 4], 3).err(), Some(limit));
    let mut bytes = Vec::new();
    put_variable(&mut bytes, b"ab\xff");
    assert_eq!(
        Reader::new(&bytes, 7).unwrap().variable(3),
        Ok(&b"ab\xff"[..])
    );
    assert_eq!(
        Reader::new(&bytes, 7).unwrap().text(3),
        Err(DecodeError::NonCanonical)
    );
    let limit = DecodeError::Limit {
        limit: 2,
        actual: 3,
    };
    assert_eq!(Reader::new(&bytes, 7).unwrap().variable(2), Err(limit));
    assert_eq!(
        Reader::new(&bytes[..6], 7).unwrap().variable(3),
        Err(DecodeError::Truncated)
    );
    let mut reader = Reader::new(&bytes, 7).unwrap();
    assert_eq!(reader.u32(), Ok(3));
    assert_eq!(reader.finish(), Err(DecodeError::TrailingBytes(3)));
}

#[test]
fn secrets_are_not_printed() {
    let secret = SecretScalar::new(Scalar::from(7));
    assert_eq!(format!("{secret:?}"), "SecretScalar(..)");
}

#[test]
fn one_of_gt_encodes_without_panic_and_only_the_named_parser_takes_it() {
    let one = Gt::one().to_bytes();
    assert_eq!(Gt::from_bytes(&one), Err(DecodeError::Identity));
    assert_eq!(Gt::from_bytes_or_one(&one), Ok(Gt::one()));
    assert_eq!(Gt::one().pow(&Scalar::from(5)), Gt::one());
}

#[test]
fn secret_scalar_zero_is_refused() {
    assert_eq!(
        SecretScalar::from_bytes(&[0; 32]).err(),
        Some(DecodeError::Zero)
    );
}

/// One case of the frozen file.
#[derive(Serialize, Deserialize)]
#[serde(tag = "case", deny_unknown_fields)]
enum Case {
    #[serde(rename = "hash_to_g1")]
    HashToG1 {
        label: String,
        message: String,
        point: String,
    },
    #[serde(rename = "hash_to_scalar")]
    HashToScalar {
        label: String,
        message: String,
        scalar: String,
    },
    /// P = g1^a, Q = g2^b, e = e(P, Q), e_c = e^c.
    #[serde(rename = "pairing")]
    Pairing {
        a: String,
        b: String,
        c: String,
        p: String,
        q: String,
        e: Vec<String>,
        e_c: Vec<String>,
    },
    #[serde(rename = "order_r")]
    OrderR { gt: Vec<String> },
    #[serde(rename = "refuse")]
    Refuse {
        r#type: String,
        bytes: String,
        refuse: String,
    },
}

fn coefficients(gt: &[u8]) -> Vec<String> {
    gt.chunks(48).map(hex::encode).collect()
}

fn reason(error: &DecodeError) -> &'static str {
    match error.root() {
        DecodeError::Length { .. } => "length",
        DecodeError::NonCanonical => "non-canonical",
        DecodeError::NotOnCurve => "not-on-curve",
        DecodeError::WrongSubgroup => "wrong-subgroup",
        DecodeError::Identity => "identity",
        other => panic!("unexpected {other}"),
    }
}

#[test]
fn frozen_vectors_hold_for_the_reference_and_for_us() {
    let cases: Vec<Case> = serde_json::from_str(VECTORS).unwrap();
    assert!(cases.len() > 30);
    let hexed = |text: &str| hex::decode(text).unwrap();
    for case in cases {
        match case {
            Case::HashToG1 {
                label,
                message,
                point,
            } => {
                let reference = crate::support::hash_to_g1(&label, &hexed(&message));
                assert_eq!(
                    hexed(&point),
                    bls12_381::G1Affine::from(reference).to_compressed()
                );
                assert_eq!(label, LABEL.as_str());
                let transcript = message_of(&hexed(&message));
                assert_eq!(hexed(&point), hash_to_g1(LABEL, &transcript).to_bytes());
            }
            Case::HashToScalar {
                label,
                message,
                scalar,
            } => {
                let reference = crate::support::hash_to_scalar(&label, &hexed(&message));
                assert_eq!(hexed(&scalar), scalar_bytes(&reference));
                assert_eq!(label, LABEL.as_str());
                let transcript = message_of(&hexed(&message));
                assert_eq!(
                    hexed(&scalar),
                    hash_to_scalar(LABEL, &transcript).to_bytes()
                );
            }
            Case::Pairing {
                a,
                b,
                c,
                p,
                q,
                e,
                e_c,
            } => {
                let [ra, rb, rc] = [&a, &b, &c].map(|text| crate::support::scalar(&hexed(text)));
                let (rp, rq) = (
                    crate::support::g1(&hexed(&p)),
                    crate::support::g2(&hexed(&q)),
                );
                assert_eq!(rp, bls12_381::G1Projective::generator() * ra);
                assert_eq!(rq, bls12_381::G2Projective::generator() * rb);
                assert_eq!(e, coefficients(&gt_bytes(&pair(rp, rq))));
                assert_eq!(e_c, coefficients(&gt_bytes(&(pair(rp, rq) * rc))));
                let [a, b, c] = [a, b, c].map(|text| Scalar::from_bytes(&hexed(&text)).unwrap());
                assert_eq!(hexed(&p), (G1::generator() * a).to_bytes());
                assert_eq!(hexed(&q), (G2::generator() * b).to_bytes());
                let ours = Gt::from_bytes(&hexed(&e.concat())).unwrap();
                assert_eq!(
                    ours,
                    pairing(&(G1::generator() * a), &(G2::generator() * b))
                );
                assert_eq!(e_c, coefficients(&ours.pow(&c).to_bytes()));
            }
            Case::OrderR { gt } => {
                let element = Gt::from_bytes(&hexed(&gt.concat())).unwrap();
                let minus_one = Scalar::ZERO - Scalar::ONE;
                assert_eq!(element.pow(&minus_one) * element, Gt::one());
            }
            Case::Refuse {
                r#type,
                bytes,
                refuse,
            } => {
                let bytes = hexed(&bytes);
                let error = match r#type.as_str() {
                    "G1" => G1::from_bytes(&bytes).unwrap_err(),
                    "G2" => G2::from_bytes(&bytes).unwrap_err(),
                    "GT" => Gt::from_bytes(&bytes).unwrap_err(),
                    "Fr" => Scalar::from_bytes(&bytes).unwrap_err(),
                    other => panic!("unknown type {other}"),
                };
                assert_eq!(reason(&error), refuse, "{type} {}", hex::encode(bytes));
            }
        }
    }
}

/// The vectors' messages are made of 8-byte words, so that a transcript can carry them as they are.
fn message_of(bytes: &[u8]) -> Transcript {
    bytes.chunks(8).fold(Transcript::new(), |t, word| {
        t.fixed::<8>(word.try_into().unwrap())
    })
}

/// Compressed points of the curve outside the subgroup, and x coordinates without a point: found with the
/// reference, by counting x upwards.
fn bad_g1(want_on_curve: bool) -> Vec<u8> {
    (1u8..)
        .map(|x| {
            let mut b = vec![0; 48];
            (b[0], b[47]) = (0x80, x);
            b
        })
        .find(|b| {
            let point =
                bls12_381::G1Affine::from_compressed_unchecked(b.as_slice().try_into().unwrap());
            let point = Option::<bls12_381::G1Affine>::from(point);
            let outside = point.is_some_and(|p| !bool::from(p.is_torsion_free()));
            if want_on_curve {
                outside
            } else {
                point.is_none()
            }
        })
        .unwrap()
}

fn bad_g2(want_on_curve: bool) -> Vec<u8> {
    (1u8..)
        .map(|x| {
            let mut b = vec![0; 96];
            (b[0], b[95]) = (0x80, x);
            b
        })
        .find(|b| {
            let point =
                bls12_381::G2Affine::from_compressed_unchecked(b.as_slice().try_into().unwrap());
            let point = Option::<bls12_381::G2Affine>::from(point);
            let outside = point.is_some_and(|p| !bool::from(p.is_torsion_free()));
            if want_on_curve {
                outside
            } else {
                point.is_none()
            }
        })
        .unwrap()
}

fn refusals() -> Vec<Case> {
    let refuse = |r#type: &str, bytes: Vec<u8>, refuse: &str| Case::Refuse {
        r#type: r#type.into(),
        bytes: hex::encode(bytes),
        refuse: refuse.into(),
    };
    let modulus = hex::decode("1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab").unwrap();
    let order =
        hex::decode("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001").unwrap();
    let p = G1::generator().to_bytes().to_vec();
    let q = G2::generator().to_bytes().to_vec();
    let e = pairing(&G1::generator(), &G2::generator())
        .to_bytes()
        .to_vec();
    let changed = |bytes: &[u8], at: usize, xor: u8| {
        let mut b = bytes.to_vec();
        b[at] ^= xor;
        b
    };
    let mut x_too_large = modulus.clone();
    x_too_large[0] |= 0x80;
    let mut x_too_large_g2 = vec![0; 96];
    x_too_large_g2[..48].copy_from_slice(&x_too_large);
    let mut infinity = vec![0; 48];
    infinity[0] = 0xc0;
    let mut infinity_g2 = vec![0; 96];
    infinity_g2[0] = 0xc0;
    let mut coefficient_too_large = Gt::one().to_bytes().to_vec();
    coefficient_too_large[48..96].copy_from_slice(&modulus);
    let mut minus_one = vec![0; 576];
    minus_one[..48].copy_from_slice(&changed(&modulus, 47, 1));
    let mut two = vec![0; 576];
    two[47] = 2;
    vec![
        refuse("G1", infinity.clone(), "identity"),
        refuse("G1", changed(&infinity, 47, 1), "non-canonical"),
        refuse("G1", changed(&infinity, 0, 0x20), "non-canonical"),
        refuse("G1", changed(&p, 0, 0x80), "non-canonical"),
        refuse("G1", x_too_large, "non-canonical"),
        refuse("G1", bad_g1(false), "not-on-curve"),
        refuse("G1", bad_g1(true), "wrong-subgroup"),
        refuse("G1", p[..47].to_vec(), "length"),
        refuse("G1", [&p[..], &[0]].concat(), "length"),
        refuse("G1", vec![], "length"),
        refuse("G2", infinity_g2.clone(), "identity"),
        refuse("G2", changed(&infinity_g2, 95, 1), "non-canonical"),
        refuse("G2", changed(&q, 0, 0x80), "non-canonical"),
        refuse("G2", x_too_large_g2, "non-canonical"),
        refuse("G2", bad_g2(false), "not-on-curve"),
        refuse("G2", bad_g2(true), "wrong-subgroup"),
        refuse("G2", q[..95].to_vec(), "length"),
        refuse("G2", [&q[..], &[0]].concat(), "length"),
        refuse("GT", Gt::one().to_bytes().to_vec(), "identity"),
        refuse("GT", vec![0; 576], "wrong-subgroup"),
        refuse("GT", two, "wrong-subgroup"),
        refuse("GT", minus_one, "wrong-subgroup"),
        refuse("GT", hex::decode(CYCLOTOMIC).unwrap(), "wrong-subgroup"),
        refuse("GT", changed(&e, 100, 1), "wrong-subgroup"),
        refuse("GT", coefficient_too_large, "non-canonical"),
        refuse("GT", e[..575].to_vec(), "length"),
        refuse("GT", [&e[..], &[0]].concat(), "length"),
        refuse("Fr", order.clone(), "non-canonical"),
        refuse("Fr", changed(&order, 0, 0x80), "non-canonical"),
        refuse("Fr", order[..31].to_vec(), "length"),
        refuse("Fr", [&order[..], &[0]].concat(), "length"),
    ]
}

/// Writes the file anew: only for a new format version, never over a frozen one.
#[test]
#[ignore = "makes the frozen vectors"]
fn generate_vectors() {
    let mut rng = fixed_rng(381);
    let mut cases = Vec::new();
    for words in 0..4u64 {
        let message = (0..words).fold(Transcript::new(), |t, i| t.u64(i * 0x0123_4567_89ab_cdef));
        cases.push(Case::HashToG1 {
            label: LABEL.as_str().into(),
            message: hex::encode(message.as_bytes()),
            point: hex::encode(hash_to_g1(LABEL, &message).to_bytes()),
        });
        cases.push(Case::HashToScalar {
            label: LABEL.as_str().into(),
            message: hex::encode(message.as_bytes()),
            scalar: hex::encode(hash_to_scalar(LABEL, &message).to_bytes()),
        });
        let [a, b, c] = [(); 3].map(|()| Scalar::random(&mut rng));
        let (p, q) = (G1::generator() * a, G2::generator() * b);
        let e = pairing(&p, &q);
        cases.push(Case::Pairing {
            a: hex::encode(a.to_bytes()),
            b: hex::encode(b.to_bytes()),
            c: hex::encode(c.to_bytes()),
            p: hex::encode(p.to_bytes()),
            q: hex::encode(q.to_bytes()),
            e: coefficients(&e.to_bytes()),
            e_c: coefficients(&e.pow(&c).to_bytes()),
        });
    }
    cases.push(Case::OrderR {
        gt: coefficients(&hex::decode(ORDER_R).unwrap()),
    });
    cases.extend(refusals());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/curve.json");
    std::fs::write(path, serde_json::to_string_pretty(&cases).unwrap() + "\n").unwrap();
}
