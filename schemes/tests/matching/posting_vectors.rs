//! Frozen postings: made again with the other library, and reproduced by the crate.

use bls12_381::{G1Affine, G1Projective, G2Affine, G2Projective, Scalar};
use consilium_schemes::matching::posting::{
    PostedIndex, PostedTrapdoor, PostingContext, post_trapdoor,
};
use consilium_schemes::matching::{HospitalSecretKeys, index_build};
use group::Curve as _;
use serde_json::{Value, json};

use super::posting::{CONTEXT, posted, posted_index};
use super::posting_by_hand::subject;
use super::reference::{exponents, g1, g2, header, reference, references};
use super::vectors::parse_tokens;
use super::{hospital, n, rng};
use crate::frozen::{
    FixedRng, array, bytes, cases, fr_by_hand, freeze, list, nonces_by_hand, wide,
};

fn be(scalar: Scalar) -> Vec<u8> {
    let mut bytes = scalar.to_bytes().to_vec();
    bytes.reverse();
    bytes
}

fn hexes(items: &[Vec<u8>]) -> Vec<String> {
    items.iter().map(hex::encode).collect()
}

fn context<'a>(case: &Value, poster: &'a [u8], hospital: &'a [u8]) -> PostingContext<'a> {
    PostingContext {
        federation: array(&case["federation"]),
        poster,
        subject: array(&case["subject"]),
        hospital,
        epoch: case["epoch"].as_u64().unwrap(),
        expires: case["expires"].as_u64().unwrap(),
    }
}

/// What all proofs of a case are about.
fn subject_of(case: &Value, label: &str, bare: &[u8]) -> Vec<u8> {
    let (poster, hospital) = (bytes(&case["poster"]), bytes(&case["hospital"]));
    let (x, y) = (reference(&bytes(&case["x"])), reference(&bytes(&case["y"])));
    let keys = [g1(x), g2(y)].concat();
    subject(&context(case, &poster, &hospital), &keys, label, bare)
}

/// k, R, c, s of the batched proof.
fn randomness(
    side: &str,
    subject: &[u8],
    exponents: &Value,
    fresh: &Value,
    g: fn(Scalar) -> Vec<u8>,
) -> [Vec<u8>; 4] {
    let label = format!("CONSILIUM-V1-POST-{side}");
    let seed = format!("{label}-NONCE");
    let k = nonces_by_hand(&seed, &list(exponents), &bytes(fresh), subject, 1).remove(0);
    let r = g(reference(&k));
    let c = fr_by_hand(&label, &[subject, &r].concat());
    let (mut s, mut power) = (reference(&k), reference(&c));
    for exponent in references(exponents) {
        s += power * exponent;
        power *= reference(&c);
    }
    [k, r, c.to_vec(), be(s)]
}

fn index_case(case: &Value) -> Value {
    let (i, _) = exponents(case);
    let (x, u) = (reference(&bytes(&case["x"])), references(&case["u"]));
    let mut v: Vec<Scalar> = i.iter().zip(&u).map(|(i, u)| i + x * u).collect();
    v.push(*i.last().unwrap());
    let points: Vec<Vec<u8>> = u.iter().chain(&v).map(|e| g1(*e)).collect();
    let size = u16::try_from(case["n"].as_u64().unwrap()).unwrap();
    let mut posting = [header(b"CMIX", size), points.concat()].concat();
    let subject = subject_of(case, "CONSILIUM-V1-POST-INDEX-POINTS", &posting);
    let [k, r, c, s] = randomness("INDEX", &subject, &case["u"], &case["fresh"], g1);
    posting[7] = 1;
    posting.extend([&r[..], &s].concat());
    json!({
        "hashed": hex::encode(subject), "k": hex::encode(k), "R": hex::encode(r), "c_post": hex::encode(c),
        "s": hex::encode(s), "posting": hex::encode(posting),
    })
}

/// A nu = v by elimination.
fn eliminate(mut rows: Vec<Vec<Scalar>>) -> Vec<Scalar> {
    let m = rows.len();
    for column in 0..m {
        let pivot = (column..m)
            .find(|row| rows[*row][column] != Scalar::zero())
            .unwrap();
        rows.swap(column, pivot);
        let inverse = rows[column][column].invert().unwrap();
        let scaled: Vec<Scalar> = rows[column].iter().map(|x| x * inverse).collect();
        for row in &mut rows {
            let factor = row[column];
            row.iter_mut()
                .zip(&scaled)
                .for_each(|(x, y)| *x -= factor * y);
        }
        rows[column] = scaled;
    }
    rows.iter().map(|row| row[m]).collect()
}

fn trapdoor_case(case: &Value) -> Value {
    let (_, t) = exponents(case);
    let (y, d) = (reference(&bytes(&case["y"])), references(&case["d"]));
    let masked: Vec<Scalar> = t.iter().zip(&d).map(|(t, d)| t + y * d).collect();
    let points: Vec<Vec<u8>> = d.iter().chain(&masked).map(|e| g2(*e)).collect();
    let size = u16::try_from(case["n"].as_u64().unwrap()).unwrap();
    let mut posting = [header(b"CMTD", size), points.concat()].concat();
    let subject = subject_of(case, "CONSILIUM-V1-POST-TRAPDOOR-POINTS", &posting);
    let [k, r, c, s] = randomness("TRAPDOOR", &subject, &case["d"], &case["fresh"], g2);
    posting[7] = 1;
    posting.extend([&r[..], &s].concat());

    let m = u16::try_from(list(&case["h_interests"]).len()).unwrap();
    let count = usize::from(m);
    let with_m = [&subject[..], &u32::from(m).to_be_bytes()].concat();
    let v: Vec<Vec<u8>> = (0..u32::from(m))
        .map(|i| {
            fr_by_hand(
                "CONSILIUM-V1-RANK-V",
                &[&with_m[..], &i.to_be_bytes()].concat(),
            )
            .to_vec()
        })
        .collect();
    let row = |i: usize| [&t[i..i + count], &[reference(&v[i])]].concat();
    let nu = eliminate((0..count).map(row).collect());
    let sum = |x: &[Scalar], y: &[Scalar], i: usize| {
        (0..count).fold(Scalar::zero(), |sum, j| sum + x[i + j] * y[j])
    };
    let eps: Vec<Scalar> = (0..count).map(|i| sum(&d, &nu, i)).collect();
    let secrets: Vec<Vec<u8>> = nu.iter().chain(&eps).map(|s| be(*s)).collect();
    let fresh = bytes(&case["fresh_rank"]);
    let nonces = nonces_by_hand(
        "CONSILIUM-V1-RANK-NONCE",
        &secrets,
        &fresh,
        &with_m,
        2 * u32::from(m),
    );
    let ks: Vec<Scalar> = nonces.iter().map(|k| reference(k)).collect();
    let (k_nu, k_eps) = ks.split_at(count);

    // The commitments from the points, not from their exponents.
    let point =
        |p: &[u8]| G2Projective::from(G2Affine::from_compressed(p.try_into().unwrap()).unwrap());
    let all: Vec<G2Projective> = points.iter().map(|p| point(p)).collect();
    let (of_d, of_m) = all.split_at(d.len());
    let combine = |points: &[G2Projective], i: usize, base: G2Projective| {
        let terms = points[i..].iter().zip(k_nu);
        terms.fold(-(base * k_eps[i]), |sum, (p, k)| sum + p * k)
    };
    let bytes_of = |p: G2Projective| p.to_affine().to_compressed().to_vec();
    let b = G2Projective::generator() * y;
    let a_i: Vec<Vec<u8>> = (0..count)
        .map(|i| bytes_of(combine(of_d, i, G2Projective::generator())))
        .collect();
    let b_i: Vec<Vec<u8>> = (0..count).map(|i| bytes_of(combine(of_m, i, b))).collect();
    let message = [&with_m[..], &a_i.concat(), &b_i.concat()].concat();
    let c_rank = fr_by_hand("CONSILIUM-V1-RANK", &message);
    let answers: Vec<Vec<u8>> = ks
        .iter()
        .zip(nu.iter().chain(&eps))
        .map(|(k, secret)| be(k + reference(&c_rank) * secret))
        .collect();
    posting.extend([&m.to_be_bytes()[..], &c_rank, &answers.concat()].concat());
    json!({
        "hashed": hex::encode(subject), "k": hex::encode(k), "R": hex::encode(r), "c_post": hex::encode(c),
        "s": hex::encode(s), "m": m, "v": hexes(&v), "nu": hexes(&secrets[..count]),
        "eps": hexes(&secrets[count..]), "k_rank": hexes(&nonces), "A": hexes(&a_i), "B": hexes(&b_i),
        "c_rank": hex::encode(c_rank), "answers": hexes(&answers), "posting": hex::encode(posting),
    })
}

#[test]
fn frozen_postings_are_made_again_by_the_other_library() {
    for (kind, derived) in [
        ("index", index_case as fn(&Value) -> Value),
        ("trapdoor", trapdoor_case),
    ] {
        for case in cases("matching_posting", kind) {
            for (name, value) in derived(&case).as_object().unwrap() {
                assert_eq!(*value, case[name], "{name} of {kind}");
            }
        }
    }
}

/// g1^s = R prod U_j^{c^{j+1}}, with the points of the other library.
#[test]
fn the_equation_of_a_frozen_index_holds_in_the_other_library() {
    for case in cases("matching_posting", "index") {
        let point = |p: &[u8]| {
            G1Projective::from(G1Affine::from_compressed(p.try_into().unwrap()).unwrap())
        };
        let c = reference(&bytes(&case["c_post"]));
        let posting = bytes(&case["posting"]);
        let count = list(&case["u"]).len();
        let (mut right, mut power) = (point(&bytes(&case["R"])), c);
        for u_j in posting[8..].chunks(48).take(count) {
            right += point(u_j) * power;
            power *= c;
        }
        let left = G1Projective::generator() * reference(&bytes(&case["s"]));
        assert_eq!(left, right);
    }
}

#[test]
fn frozen_postings_are_reproduced_and_hold() {
    let keys = |case: &Value| {
        let encoded = [&b"CMHS\x01"[..], &bytes(&case["x"]), &bytes(&case["y"])].concat();
        HospitalSecretKeys::from_bytes(&encoded)
            .unwrap()
            .public_keys()
    };
    let size = |case: &Value| n(u16::try_from(case["n"].as_u64().unwrap()).unwrap());
    for case in cases("matching_posting", "index") {
        let (poster, name) = (bytes(&case["poster"]), bytes(&case["hospital"]));
        let context = context(&case, &poster, &name);
        let drawn = [list(&case["padding"]), vec![bytes(&case["rho"])]].concat();
        let mut random = FixedRng::new(&[
            &wide(&drawn),
            &wide(&list(&case["u"])),
            &bytes(&case["fresh"]),
        ]);
        let keywords = parse_tokens(&case["h_keywords"]);
        let index = index_build(size(&case), &keywords, &mut random).unwrap();
        let posting = index.post(&keys(&case), &context, &mut random);
        assert!(random.is_spent());
        assert_eq!(posting.to_bytes(), bytes(&case["posting"]));
        let parsed = PostedIndex::from_bytes(&bytes(&case["posting"]), size(&case)).unwrap();
        assert!(parsed.verify(&keys(&case), &context).is_ok());
    }
    for case in cases("matching_posting", "trapdoor") {
        let (poster, name) = (bytes(&case["poster"]), bytes(&case["hospital"]));
        let context = context(&case, &poster, &name);
        let drawn = [
            vec![bytes(&case["tau"])],
            list(&case["c"]),
            list(&case["d"]),
        ]
        .concat();
        let mut random = FixedRng::new(&[
            &wide(&drawn),
            &bytes(&case["fresh"]),
            &bytes(&case["fresh_rank"]),
        ]);
        let interests = parse_tokens(&case["h_interests"]);
        let posting = post_trapdoor(size(&case), &interests, &keys(&case), &context, &mut random);
        assert!(random.is_spent());
        assert_eq!(posting.unwrap().to_bytes(), bytes(&case["posting"]));
        let parsed = PostedTrapdoor::from_bytes(&bytes(&case["posting"]), size(&case)).unwrap();
        let (_, m) = parsed.verify(&keys(&case), &context).unwrap();
        assert_eq!(u64::from(m.get()), case["m"].as_u64().unwrap());
    }
}

pub(crate) fn refusal(kind: &str, input: &[u8]) -> String {
    match kind {
        "PostedIndex" => PostedIndex::from_bytes(input, n(2))
            .unwrap_err()
            .to_string(),
        "PostedTrapdoor" => PostedTrapdoor::from_bytes(input, n(2))
            .unwrap_err()
            .to_string(),
        other => panic!("unknown type {other}"),
    }
}

#[test]
fn frozen_refusals_of_postings_are_refused() {
    for case in cases("matching_posting", "refuse") {
        let reason = refusal(case["type"].as_str().unwrap(), &bytes(&case["bytes"]));
        assert_eq!(reason, case["refuse"].as_str().unwrap());
    }
}

fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let (_, keys) = hospital(1);
    let index = posted_index(2, "a", &keys, 2).to_bytes();
    let trapdoor = posted(2, "a", &keys, 2).to_bytes();
    let changed = |bytes: &[u8], at: usize, to: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    let mut identity = vec![0; 96];
    identity[0] = 0xc0;
    let r =
        hex::decode("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001").unwrap();
    let (at_r, at_m) = (8 + 5 * 48, 8 + 6 * 96 + 128);
    vec![
        ("PostedIndex", changed(&index, 0, b"CMTD")),
        ("PostedIndex", changed(&index, 4, &[2])),
        ("PostedIndex", changed(&index, 5, &[0, 3])),
        ("PostedIndex", changed(&index, 7, &[0])),
        ("PostedIndex", changed(&index, 8, &identity[..48])),
        ("PostedIndex", changed(&index, at_r, &identity[..48])),
        ("PostedIndex", changed(&index, at_r, &[0x80; 48])),
        ("PostedIndex", changed(&index, at_r + 48, &r)),
        ("PostedIndex", [&index[..], &[0]].concat()),
        ("PostedIndex", index[..index.len() - 1].to_vec()),
        ("PostedTrapdoor", changed(&trapdoor, 7, &[2])),
        ("PostedTrapdoor", changed(&trapdoor, 8, &identity)),
        ("PostedTrapdoor", changed(&trapdoor, 8 + 6 * 96, &identity)),
        ("PostedTrapdoor", changed(&trapdoor, at_m - 32, &r)),
        ("PostedTrapdoor", changed(&trapdoor, at_m, &[0, 0])),
        ("PostedTrapdoor", changed(&trapdoor, at_m, &[0, 2])),
        ("PostedTrapdoor", changed(&trapdoor, at_m, &[0, 3])),
        ("PostedTrapdoor", changed(&trapdoor, at_m + 2, &r)),
        ("PostedTrapdoor", changed(&trapdoor, at_m + 34, &r)),
        ("PostedTrapdoor", changed(&trapdoor, at_m + 66, &r)),
        ("PostedTrapdoor", [&trapdoor[..], &[0]].concat()),
        ("PostedTrapdoor", trapdoor[..trapdoor.len() - 1].to_vec()),
    ]
}

fn scalars(count: usize, seed: u64) -> Vec<String> {
    let mut rng = rng(seed);
    let scalar = |_| hex::encode(consilium_schemes::curve::Scalar::random(&mut rng).to_bytes());
    (0..count).map(scalar).collect()
}

fn case(kind: &str, size: usize, keywords: usize, interests: usize, seed: u64) -> Value {
    let keys = scalars(2, seed);
    let mut case = json!({
        "kind": kind, "n": size, "x": keys[0], "y": keys[1],
        "h_keywords": scalars(keywords, seed + 1), "padding": scalars(size - keywords, seed + 2),
        "rho": scalars(1, seed + 3)[0], "u": scalars(size, seed + 4),
        "h_interests": scalars(interests, seed + 5), "tau": scalars(1, seed + 6)[0],
        "c": scalars(interests, seed + 7), "d": scalars(size + 1, seed + 8),
        "federation": hex::encode(CONTEXT.federation), "poster": hex::encode(CONTEXT.poster),
        "subject": hex::encode(CONTEXT.subject), "hospital": hex::encode(CONTEXT.hospital),
        "epoch": CONTEXT.epoch, "expires": CONTEXT.expires,
        "fresh": hex::encode([5; 32]), "fresh_rank": hex::encode([6; 32]),
        "label_nonce": "CONSILIUM-V1-NONCE",
    });
    let side = kind.to_uppercase();
    for (name, label) in [
        ("label_points", format!("CONSILIUM-V1-POST-{side}-POINTS")),
        ("label", format!("CONSILIUM-V1-POST-{side}")),
        ("label_seed", format!("CONSILIUM-V1-POST-{side}-NONCE")),
    ] {
        case[name] = label.into();
    }
    let derived = match kind {
        "index" => index_case(&case),
        _ => {
            case["label_v"] = "CONSILIUM-V1-RANK-V".into();
            case["label_rank"] = "CONSILIUM-V1-RANK".into();
            case["label_rank_seed"] = "CONSILIUM-V1-RANK-NONCE".into();
            trapdoor_case(&case)
        }
    };
    let all = derived.as_object().unwrap().clone();
    case.as_object_mut().unwrap().extend(all);
    case
}

#[test]
#[ignore = "writes the frozen vectors; run once for a new format version"]
fn generate_postings() {
    let mut all = vec![
        case("index", 2, 1, 1, 100),
        case("index", 5, 5, 1, 200),
        case("trapdoor", 2, 1, 1, 300),
        case("trapdoor", 4, 1, 3, 400),
        case("trapdoor", 5, 1, 2, 500),
    ];
    all.extend(malformed().into_iter().map(|(kind, input)| {
        json!({"kind": "refuse", "type": kind, "bytes": hex::encode(&input), "refuse": refusal(kind, &input)})
    }));
    freeze("matching_posting", &all);
}
