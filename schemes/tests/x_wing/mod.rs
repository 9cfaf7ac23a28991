//! X-Wing taken apart: what runs is the draft's combiner over both key exchanges, and who knows all of one of them and not the other's
//! secret comes to another key, with which nothing opens.
//!
//! draft-connolly-cfrg-xwing-kem-06, sections "Key derivation", "Combiner", "Encapsulation", "Decapsulation" and the first of its test
//! vectors. The components are those of the crates below HPKE, called one by one; combiner and key derivation are written out here. That
//! SHA3-256 gives nothing away when 32 bytes of its input are unknown is assumed, not shown.

use hpke::{Deserializable as _, Kem as _, Serializable as _};
use ml_kem::{Decapsulate as _, FromSeed as _, KeyExport as _, MlKem768, ml_kem_768};
use sha3::{Digest as _, Sha3_256};
use shake::{ExtendableOutput as _, Shake256, Update as _, XofReader as _};
use x25519_dalek::{PublicKey as X25519Public, StaticSecret};

use crate::frozen::{FixedRng, array, bytes, cases};
use crate::wrap::{by_hand, shared_secret};

type XWing = hpke::kem::XWing;

/// `\.//^\`, in hexadecimal as the draft gives it.
const LABEL: [u8; 6] = [0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c];

/// Everything that goes into the combiner.
#[derive(Clone)]
struct Inputs {
    /// ML-KEM-768's shared secret.
    ss_m: [u8; 32],
    /// X25519's.
    ss_x: [u8; 32],
    /// X25519's part of the encapsulation.
    ct_x: [u8; 32],
    /// X25519's part of the public key.
    pk_x: [u8; 32],
}

impl Inputs {
    /// `SHA3-256(ss_M || ss_X || ct_X || pk_X || label)`
    fn combine(&self) -> [u8; 32] {
        let parts: [&[u8]; 5] = [&self.ss_m, &self.ss_x, &self.ct_x, &self.pk_x, &LABEL];
        Sha3_256::digest(parts.concat()).into()
    }
}

/// The secret keys of both components.
struct Recipient {
    ml_kem: ml_kem_768::DecapsulationKey,
    ml_kem_public: Vec<u8>,
    x25519: StaticSecret,
}

impl Recipient {
    /// `SHAKE256(seed, 96)`: 64 bytes for ML-KEM-768, 32 for X25519.
    fn of_seed(seed: &[u8; 32]) -> Self {
        let mut shake = Shake256::default();
        shake.update(seed);
        let mut expanded = [0; 96];
        shake.finalize_xof().read(&mut expanded);
        let (ml_kem, x25519) = expanded.split_at(64);
        let (ml_kem, public) = MlKem768::from_seed(&ml_kem.try_into().unwrap());
        Self {
            ml_kem,
            ml_kem_public: public.to_bytes().to_vec(),
            x25519: <[u8; 32]>::try_from(x25519).unwrap().into(),
        }
    }

    /// What either component makes of an encapsulation, each by itself.
    fn decapsulate(&self, enc: &[u8]) -> Inputs {
        let (ct_m, ct_x) = enc.split_at(1088);
        let ct_x: [u8; 32] = ct_x.try_into().unwrap();
        Inputs {
            ss_m: self.ml_kem.decapsulate(&ct_m.try_into().unwrap()).into(),
            ss_x: self.x25519.diffie_hellman(&ct_x.into()).to_bytes(),
            ct_x,
            pk_x: X25519Public::from(&self.x25519).to_bytes(),
        }
    }
}

/// A recipient's seed, an encapsulation for it, and the key that HPKE has of it.
fn encapsulated(seed: u8) -> ([u8; 32], Vec<u8>, [u8; 32]) {
    let seed = [seed; 32];
    let secret = <XWing as hpke::Kem>::PrivateKey::from_bytes(&seed).unwrap();
    let mut random = FixedRng::new(&[&[seed[0] ^ 0xff; 64]]);
    let (shared, enc) =
        XWing::encap_with_rng(&XWing::sk_to_pk(&secret), None, &mut random).unwrap();
    (seed, enc.to_bytes().to_vec(), shared.0.into())
}

#[test]
fn hpke_has_the_key_of_the_drafts_vector() {
    let seed = hex::decode("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
    let random = hex::decode(
        "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e235b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2",
    );
    let expected = "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384";
    let secret = <XWing as hpke::Kem>::PrivateKey::from_bytes(&seed.unwrap()).unwrap();
    let mut random = FixedRng::new(&[&random.unwrap()]);
    let public = XWing::sk_to_pk(&secret);
    let (shared, enc) = XWing::encap_with_rng(&public, None, &mut random).unwrap();
    assert_eq!(hex::encode(shared.0), expected);
    let shared = XWing::decap(&secret, None, &enc).unwrap();
    assert_eq!(hex::encode(shared.0), expected);
}

#[test]
fn the_key_is_the_drafts_combination_of_both_key_exchanges() {
    for number in 0..8 {
        let (seed, enc, shared) = encapsulated(number);
        let recipient = Recipient::of_seed(&seed);
        let secret = <XWing as hpke::Kem>::PrivateKey::from_bytes(&seed).unwrap();
        let public = XWing::sk_to_pk(&secret).to_bytes();
        let inputs = recipient.decapsulate(&enc);
        assert_eq!(public[..1184], recipient.ml_kem_public);
        assert_eq!(public[1184..], inputs.pk_x);
        assert_eq!(inputs.combine(), shared);
    }
}

#[test]
fn every_bit_of_either_shared_secret_changes_the_key() {
    let (seed, enc, shared) = encapsulated(1);
    let inputs = Recipient::of_seed(&seed).decapsulate(&enc);
    for bit in 0..256 {
        let (mut other_m, mut other_x) = (inputs.clone(), inputs.clone());
        other_m.ss_m[bit / 8] ^= 1 << (bit % 8);
        other_x.ss_x[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(other_m.combine(), shared);
        assert_ne!(other_x.combine(), shared);
        assert_ne!(other_m.combine(), other_x.combine());
    }
}

/// Two attackers on what was wrapped: one has broken X25519 and has its secret key whole, the other ML-KEM-768. Each has everything that
/// is public, and puts what can be put in the place of the secret that is missing.
#[test]
fn who_has_broken_one_component_and_not_the_other_opens_nothing() {
    for case in cases("wrap", "wrapped") {
        let wrapped = bytes(&case["wrapped"]);
        let enc = &wrapped[2..1122];
        let (own, stranger) = (
            Recipient::of_seed(&array(&case["recipient"])),
            Recipient::of_seed(&[9; 32]),
        );
        let (right, strangers) = (own.decapsulate(enc), stranger.decapsulate(enc));
        let shared = shared_secret(&case);
        assert_eq!(right.combine().to_vec(), shared);
        assert_eq!(by_hand(&case, &shared).unwrap(), bytes(&case["plaintext"]));

        // An implementation that left one out would fall to one of these.
        let digest = |part: &[u8]| <[u8; 32]>::from(Sha3_256::digest(part));
        let guesses = [
            [0; 32],
            right.ct_x,
            right.pk_x,
            digest(enc),
            digest(&own.ml_kem_public),
        ];
        let mut keys = Vec::new();
        for guess in guesses.into_iter().chain([strangers.ss_m, right.ss_x]) {
            let broken_x25519 = Inputs {
                ss_m: guess,
                ..right.clone()
            };
            keys.push(broken_x25519.combine());
        }
        for guess in guesses.into_iter().chain([strangers.ss_x, right.ss_m]) {
            let broken_ml_kem = Inputs {
                ss_x: guess,
                ..right.clone()
            };
            keys.push(broken_ml_kem.combine());
        }
        keys.extend([right.ss_m, right.ss_x]);
        for key in keys {
            assert_ne!(key.to_vec(), shared);
            by_hand(&case, &key).unwrap_err();
        }
    }
}
