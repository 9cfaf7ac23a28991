//! The prefilter: bitmaps of buckets.

use consilium_schemes::curve::DecodeError;
use consilium_schemes::matching::prefilter::{Bitmap, Bucket, FillKey, FilterSize, Weight};
use consilium_schemes::tokens::KeywordToken;
use hmac::{Hmac, KeyInit as _, Mac as _};

use super::vectors::parse_tokens;
use super::{rng, tokens};
use crate::frozen::{array, bytes, cases, fr_by_hand, list};

#[test]
fn frozen_buckets_and_bitmaps_agree_with_a_second_computation() {
    for case in cases("matching", "prefilter") {
        let bits = u16::try_from(case["B"].as_u64().unwrap()).unwrap();
        let size = FilterSize::new(bits).unwrap();
        let weight = u16::try_from(case["w"].as_u64().unwrap()).unwrap();
        let (hospital, record) = (bytes(&case["hospital"]), array::<32>(&case["record"]));
        let sized = [&(hospital.len() as u64).to_be_bytes()[..], &hospital].concat();
        let mut expected = vec![0u8; usize::from(bits) / 8];
        let mut set = |bit: u16| expected[usize::from(bit / 8)] |= 1 << (bit % 8);
        for (h, bucket) in list(&case["h"])
            .iter()
            .zip(case["buckets"].as_array().unwrap())
        {
            let scalar = fr_by_hand("CONSILIUM-V1-BUCKET", &[sized.clone(), h.clone()].concat());
            let bit = (u16::from(scalar[30]) << 8 | u16::from(scalar[31])) % bits;
            assert_eq!(u64::from(bit), bucket.as_u64().unwrap());
            let token = KeywordToken::from_bytes(h).unwrap();
            assert_eq!(Bucket::of(&token, &hospital, size).number(), bit);
            set(bit);
        }
        let mut attempt = 0u32;
        while expected.iter().map(|byte| byte.count_ones()).sum::<u32>() < u32::from(weight) {
            let label = b"CONSILIUM-V1-BUCKET-FILL";
            let output = Hmac::<sha2::Sha256>::new_from_slice(&bytes(&case["fill_key"]))
                .unwrap()
                .chain_update((label.len() as u64).to_be_bytes())
                .chain_update(label)
                .chain_update(record)
                .chain_update(&sized)
                .chain_update(attempt.to_be_bytes())
                .finalize()
                .into_bytes();
            let bit = (u16::from(output[30]) << 8 | u16::from(output[31])) % bits;
            expected[usize::from(bit / 8)] |= 1 << (bit % 8);
            attempt += 1;
        }
        assert_eq!(expected, bytes(&case["bitmap"]));
        let weight = Weight::new(weight, size).unwrap();
        let key = FillKey::from_bytes(array(&case["fill_key"]).into());
        let tokens = parse_tokens(&case["h"]);
        let made = Bitmap::build(&tokens, &hospital, &record, size, weight, &key).unwrap();
        assert_eq!(made.to_bytes(), expected);
    }
}

#[test]
fn a_prefilter_never_hides_a_match_and_has_its_fixed_weight() {
    let size = FilterSize::new(256).unwrap();
    let weight = Weight::new(20, size).unwrap();
    let key = FillKey::generate(&mut rng(1));
    let build = |letters: &str, record: u8| {
        Bitmap::build(
            &tokens(letters),
            b"st-mary",
            &[record; 32],
            size,
            weight,
            &key,
        )
        .unwrap()
    };
    let buckets = |letters: &str| -> Vec<Bucket> {
        tokens(letters)
            .iter()
            .map(|token| Bucket::of(token, b"st-mary", size))
            .collect()
    };
    let bitmap = build("abcdef", 1);
    assert!(bitmap.covers(&buckets("ace")) && bitmap.covers(&buckets("abcdef")));
    assert!(!bitmap.covers(&buckets("abcdefghijklmnopqrstuvwxyz")));
    assert_eq!(bitmap, build("abcdef", 1));
    assert!(bitmap != build("abcdef", 2));
    assert_eq!(
        build("a", 3)
            .to_bytes()
            .iter()
            .map(|byte| byte.count_ones())
            .sum::<u32>(),
        20
    );
    assert_eq!(
        Bitmap::from_bytes(&bitmap.to_bytes(), size, weight),
        Ok(bitmap)
    );
    let elsewhere: Vec<u16> = tokens("abcdef")
        .iter()
        .map(|t| Bucket::of(t, b"st-john", size).number())
        .collect();
    let here: Vec<u16> = buckets("abcdef")
        .iter()
        .map(|bucket| bucket.number())
        .collect();
    assert_ne!(here, elsewhere);
}

#[test]
fn prefilters_of_wrong_size_or_weight_are_refused() {
    for bits in [0, 128, 257, 2048] {
        assert!(FilterSize::new(bits).is_err());
    }
    let size = FilterSize::new(512).unwrap();
    assert_eq!(Weight::new(0, size), Err(DecodeError::Zero));
    assert_eq!(
        Weight::new(257, size),
        Err(DecodeError::Limit {
            limit: 256,
            actual: 257
        })
    );
    let weight = Weight::new(2, size).unwrap();
    let key = FillKey::generate(&mut rng(1));
    let refused = Bitmap::build(&tokens("abcdef"), b"h", &[0; 32], size, weight, &key);
    assert!(matches!(refused, Err(DecodeError::Limit { limit: 2, .. })));
    assert!(Bitmap::from_bytes(&[0; 63], size, weight).is_err());
    assert_eq!(
        Bitmap::from_bytes(&[0; 64], size, weight),
        Err(DecodeError::NonCanonical)
    );
}
