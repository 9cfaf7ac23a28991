//! The prefilter: bitmaps of buckets.

use consilium_schemes::curve::DecodeError;
use consilium_schemes::digest::Digest;
use consilium_schemes::matching::prefilter::{
    Bitmap, Bucket, Buckets, FillKey, FilterContext, FilterError, FilterSize, Weight, sealed_length,
};
use consilium_schemes::signature::SigningKey;
use consilium_schemes::tokens::KeywordToken;
use consilium_schemes::wrap::{SecretKey, WrapError};
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
    let buckets = |letters: &str| Buckets::of(&tokens(letters), b"st-mary", size);
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
        Ok(bitmap.clone())
    );
    let elsewhere = Buckets::of(&tokens("abcdef"), b"st-john", size);
    assert_ne!(buckets("abcdef"), elsewhere);
    let larger = FilterSize::new(512).unwrap();
    assert!(!bitmap.covers(&Buckets::of(&tokens("a"), b"st-mary", larger)));
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

/// Records that share one keyword and have one more of their own: the bits filled up do not hide which bucket is common.
#[test]
fn over_many_records_the_frequency_of_a_bucket_shows() {
    let size = FilterSize::new(512).unwrap();
    let weight = Weight::new(64, size).unwrap();
    let key = FillKey::generate(&mut rng(1));
    let common = || KeywordToken::from_bytes(&[1; 32]).unwrap();
    let mut seen = vec![0u32; 512];
    for number in 0..400u16 {
        let mut own = [2; 32];
        own[..2].copy_from_slice(&number.to_be_bytes());
        let own = KeywordToken::from_bytes(&own).unwrap();
        let record = *Digest::of(&number.to_be_bytes()).as_bytes();
        let keywords = [common(), own];
        let bitmap = Bitmap::build(&keywords, b"st-mary", &record, size, weight, &key).unwrap();
        let bytes = bitmap.to_bytes();
        for (bit, count) in seen.iter_mut().enumerate() {
            *count += u32::from(bytes[bit / 8] >> (bit % 8) & 1);
        }
    }
    let bucket = usize::from(Bucket::of(&common(), b"st-mary", size).number());
    assert_eq!(seen[bucket], 400);
    let others = seen.iter().enumerate().filter(|(bit, _)| *bit != bucket);
    assert!(others.map(|(_, count)| count).max().unwrap() < &120);
}

fn context(posted: u8) -> FilterContext<'static> {
    FilterContext {
        federation: [1; 32],
        poster: b"st-john",
        subject: [2; 32],
        hospital: b"st-mary",
        epoch: 3,
        expiry: 0,
        posted: Digest::from_bytes([posted; 32]),
    }
}

#[test]
fn a_sealed_filter_opens_only_beside_what_it_was_posted_with() {
    let size = FilterSize::new(256).unwrap();
    let weight = Weight::new(20, size).unwrap();
    let mut random = rng(2);
    let key = FillKey::generate(&mut random);
    let (owner, other) = (
        SigningKey::generate(&mut random),
        SigningKey::generate(&mut random),
    );
    let (hospital, another) = (
        SecretKey::generate(&mut random),
        SecretKey::generate(&mut random),
    );
    let bitmap = Bitmap::build(&tokens("abc"), b"st-mary", &[2; 32], size, weight, &key).unwrap();
    let sealed = bitmap.seal(&context(9), &owner, hospital.public_key(), &mut random);
    assert_eq!(sealed.len(), sealed_length(size));
    let open = |sealed: &[u8], context: &FilterContext<'_>, owner: &SigningKey, to: &SecretKey| {
        Bitmap::open(sealed, context, &owner.verifying_key(), to, size, weight)
    };
    assert_eq!(open(&sealed, &context(9), &owner, &hospital), Ok(bitmap));
    let moved = [
        FilterContext {
            federation: [5; 32],
            ..context(9)
        },
        FilterContext {
            poster: b"st-jane",
            ..context(9)
        },
        FilterContext {
            subject: [5; 32],
            ..context(9)
        },
        FilterContext {
            hospital: b"st-jane",
            ..context(9)
        },
        FilterContext {
            epoch: 4,
            ..context(9)
        },
        FilterContext {
            expiry: 4,
            ..context(9)
        },
        context(8),
    ];
    let sender = Err(FilterError::Unopened(WrapError::Sender));
    for moved in moved {
        assert_eq!(
            open(&sealed, &moved, &owner, &hospital),
            sender,
            "{moved:?}"
        );
    }
    assert_eq!(open(&sealed, &context(9), &other, &hospital), sender);
    assert_eq!(open(&sealed, &context(9), &owner, &another), sender);
    // A trapdoor's, though as long, is no index's.
    let buckets = Buckets::of(&tokens("ab"), b"st-mary", size);
    let asked = buckets.seal(&context(9), &owner, hospital.public_key(), &mut random);
    assert_eq!(asked.len(), sealed.len());
    assert_eq!(open(&asked, &context(9), &owner, &hospital), sender);
    let opened = |interests| {
        let owner = owner.verifying_key();
        Buckets::open(&asked, &context(9), &owner, &hospital, size, interests)
    };
    assert_eq!(opened(2), Ok(buckets));
    let too_many = DecodeError::Limit {
        limit: 1,
        actual: 2,
    };
    assert_eq!(opened(1), Err(FilterError::Malformed(too_many)));
    for length in 0..sealed.len() {
        assert!(matches!(
            open(&sealed[..length], &context(9), &owner, &hospital),
            Err(FilterError::Malformed(_))
        ));
    }
}

#[test]
fn a_filter_of_no_bucket_or_of_another_weight_is_refused_when_it_is_opened() {
    let size = FilterSize::new(256).unwrap();
    let [few, more] = [20, 21].map(|weight| Weight::new(weight, size).unwrap());
    let mut random = rng(3);
    let key = FillKey::generate(&mut random);
    let poster = SigningKey::generate(&mut random);
    let hospital = SecretKey::generate(&mut random);
    let bitmap = Bitmap::build(&tokens("abc"), b"st-mary", &[2; 32], size, more, &key).unwrap();
    let sealed = bitmap.seal(&context(9), &poster, hospital.public_key(), &mut random);
    let by = poster.verifying_key();
    let opened = Bitmap::open(&sealed, &context(9), &by, &hospital, size, few);
    let refused = FilterError::Malformed(DecodeError::NonCanonical);
    assert_eq!(opened, Err(refused));
    let none = Buckets::of(&[], b"st-mary", size);
    let sealed = none.seal(&context(9), &poster, hospital.public_key(), &mut random);
    let opened = Buckets::open(&sealed, &context(9), &by, &hospital, size, 3);
    assert_eq!(opened, Err(FilterError::Malformed(DecodeError::Zero)));
}
