//! Every decoder of these modules, on arbitrary bytes and on damaged encodings: refuses or round-trips, never panics.

use crate::frozen::{bytes, cases};
use consilium_schemes::envelope::HeaderCore;
use consilium_schemes::match_proof::MatchProof;
use consilium_schemes::matching::posting::{PostedIndex, PostedTrapdoor};
use consilium_schemes::matching::{
    ClaimedHospitalKeys, EncryptedIndex, EncryptedTrapdoor, HospitalSecretKeys, IndexSize,
};
use consilium_schemes::report::{DecryptionProof, Evidence, PublicKey, SealedReport};
use consilium_schemes::tokens::{BlindedBatch, EvaluatedBatch};
use consilium_schemes::wrap::Wrapped;
use proptest::prelude::*;

/// What was accepted, encoded again.
type Decoder = fn(&[u8]) -> Option<Vec<u8>>;

const DECODERS: [Decoder; 15] = [
    |input| {
        HeaderCore::from_bytes(input)
            .ok()
            .map(|value| value.to_bytes())
    },
    |input| {
        Wrapped::from_bytes(input)
            .ok()
            .map(|value| value.to_bytes())
    },
    |input| {
        BlindedBatch::from_bytes(input)
            .ok()
            .map(|value| value.to_bytes())
    },
    |input| {
        EvaluatedBatch::from_bytes(input)
            .ok()
            .map(|value| value.to_bytes())
    },
    |input| {
        SealedReport::from_bytes(input)
            .ok()
            .map(|value| value.to_bytes())
    },
    |input| {
        PublicKey::from_bytes(input)
            .ok()
            .map(|value| value.to_bytes())
    },
    |input| {
        ClaimedHospitalKeys::from_bytes(input)
            .ok()
            .map(|value| value.to_bytes())
    },
    |input| {
        HospitalSecretKeys::from_bytes(input)
            .ok()
            .map(|v| v.expose_secret().to_vec())
    },
    |input| {
        EncryptedIndex::from_bytes(input, size(4))
            .ok()
            .map(|value| value.to_bytes())
    },
    |input| {
        EncryptedTrapdoor::from_bytes(input, size(4))
            .ok()
            .map(|value| value.to_bytes())
    },
    |input| {
        PostedIndex::from_bytes(input, size(2))
            .ok()
            .map(|value| value.to_bytes())
    },
    |input| {
        PostedTrapdoor::from_bytes(input, size(2))
            .ok()
            .map(|value| value.to_bytes())
    },
    |input| {
        MatchProof::from_bytes(input)
            .ok()
            .map(|value| value.to_bytes())
    },
    |input| {
        DecryptionProof::from_bytes(input)
            .ok()
            .map(|value| value.to_bytes())
    },
    |input| {
        Evidence::from_bytes(input)
            .ok()
            .map(|value| value.expose_secret().to_vec())
    },
];

fn size(n: u16) -> IndexSize {
    IndexSize::new(n).unwrap()
}

/// A valid encoding for each decoder, in their order.
fn valid() -> Vec<Vec<u8>> {
    let of = |module, kind, field: &str| bytes(&cases(module, kind)[0][field]);
    vec![
        of("envelope", "record", "header_core"),
        of("wrap", "wrapped", "wrapped"),
        of("tokens", "token", "blinded"),
        of("tokens", "token", "evaluated"),
        of("report_v2", "report", "sealed"),
        of("report_v2", "key", "public_key"),
        of("matching", "hospital keys", "claimed"),
        of("matching", "hospital keys", "secret"),
        of("matching", "match", "index"),
        of("matching", "match", "trapdoor"),
        of("matching_posting", "index", "posting"),
        of("matching_posting", "trapdoor", "posting"),
        of("match_proof", "no match", "proof"),
        of("report_proofs_v2", "decryption", "proof"),
        evidence(),
    ]
}

/// z, c, header and ciphertext of the first frozen report.
fn evidence() -> Vec<u8> {
    let case = &cases("report_v2", "report")[0];
    let sealed = bytes(&case["sealed"]);
    let end = sealed.len() - 64;
    let parts = [
        &bytes(&case["z"]),
        &sealed[170..554],
        &sealed[..166],
        &sealed[558..end],
    ];
    let sized = parts.map(|part| [&(part.len() as u32).to_be_bytes()[..], part].concat());
    [&[1][..], &sized.concat()].concat()
}

#[test]
fn valid_encodings_round_trip_and_no_prefix_or_extension_is_accepted() {
    for (decode, valid) in DECODERS.iter().zip(valid()) {
        assert_eq!(decode(&valid).as_ref(), Some(&valid));
        for length in (0..valid.len()).step_by(valid.len().div_ceil(97)) {
            assert_eq!(decode(&valid[..length]), None);
        }
        assert_eq!(decode(&[&valid[..], &[0]].concat()), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn damaged_encodings_are_refused_or_are_another_value(
        at in any::<prop::sample::Index>(), with: u8
    ) {
        for (decode, mut input) in DECODERS.iter().zip(valid()) {
            let at = at.index(input.len().min(160));
            input[at] = with;
            if let Some(again) = decode(&input) {
                prop_assert_eq!(again, input);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused(input in proptest::collection::vec(any::<u8>(), 0..600)) {
        for decode in DECODERS {
            prop_assert_eq!(decode(&input), None);
        }
    }
}
