//! Signatures: the framing, the strict rule, and what is refused.
use consilium_schemes::signature::{Purpose, Signature, SignatureError, SigningKey, VerifyingKey};
use proptest::prelude::*;

const PURPOSE: Purpose = Purpose::new("CONSILIUM-V1-SIG-TEST");
const OTHER: Purpose = Purpose::new("CONSILIUM-V1-SIG-TEST-OTHER");

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn bytes32(hex_text: &str) -> [u8; 32] {
    hex::decode(hex_text).unwrap().try_into().unwrap()
}

#[test]
fn what_is_signed_is_the_framed_message_under_plain_ed25519() {
    use ed25519_dalek::Verifier as _;
    let signature = key(1).sign(PURPOSE, b"ctx", b"message");
    let mut framed = vec![21u8];
    framed.extend_from_slice(b"CONSILIUM-V1-SIG-TEST");
    framed.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 3]);
    framed.extend_from_slice(b"ctxmessage");
    let plain = ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key();
    plain
        .verify(
            &framed,
            &ed25519_dalek::Signature::from_bytes(&signature.to_bytes()),
        )
        .unwrap();
    assert_eq!(
        hex::encode(key(1).verifying_key().to_bytes()),
        "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
    );
}

#[test]
fn rfc8032_first_key_pair_is_reproduced() {
    let seed = bytes32("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    assert_eq!(
        SigningKey::from_bytes(&seed).verifying_key().to_bytes(),
        bytes32("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    );
}

#[test]
fn a_signature_for_another_purpose_context_or_split_is_refused() {
    let signature = key(1).sign(PURPOSE, b"ctx", b"message");
    let verifying = key(1).verifying_key();
    verifying
        .verify(PURPOSE, b"ctx", b"message", &signature)
        .unwrap();
    for (purpose, context, message) in [
        (OTHER, &b"ctx"[..], &b"message"[..]),
        (PURPOSE, b"ctx2", b"message"),
        (PURPOSE, b"ctxm", b"essage"),
        (PURPOSE, b"ctx", b"Message"),
        (PURPOSE, b"", b"ctxmessage"),
    ] {
        assert_eq!(
            verifying.verify(purpose, context, message, &signature),
            Err(SignatureError::Invalid)
        );
    }
    assert!(
        key(2)
            .verifying_key()
            .verify(PURPOSE, b"ctx", b"message", &signature)
            .is_err()
    );
}

#[test]
fn every_flipped_bit_of_a_signature_is_refused() {
    let verifying = key(3).verifying_key();
    let good = key(3).sign(PURPOSE, b"", b"m").to_bytes();
    for bit in 0..512 {
        let mut bad = good;
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(
            verifying
                .verify(PURPOSE, b"", b"m", &Signature::from_bytes(bad))
                .is_err()
        );
    }
}

#[test]
fn a_malleated_signature_with_s_plus_the_group_order_is_refused() {
    // L = 2^252 + 27742317777372353535851937790883648493, little-endian.
    let order = bytes32("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut bytes = key(4).sign(PURPOSE, b"", b"m").to_bytes();
    let mut carry = 0u16;
    for i in 0..32 {
        let sum = u16::from(bytes[32 + i]) + u16::from(order[i]) + carry;
        bytes[32 + i] = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(
        key(4)
            .verifying_key()
            .verify(PURPOSE, b"", b"m", &Signature::from_bytes(bytes)),
        Err(SignatureError::Invalid)
    );
}

#[test]
fn all_encodings_of_small_order_points_are_refused_as_keys() {
    // The eight torsion points and their non-canonical spellings (as listed in the "Taming the many EdDSAs" paper).
    let cases = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ];
    for case in cases {
        let refused = VerifyingKey::from_bytes(&bytes32(case));
        assert!(
            matches!(
                refused,
                Err(SignatureError::SmallOrderKey | SignatureError::NotAPoint)
            ),
            "{case}: {refused:?}"
        );
    }
}

#[test]
fn every_non_canonical_coordinate_is_refused_as_a_key() {
    for low in 0xed..=0xff_u8 {
        for high in [0x7f, 0xff] {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (low, high);
            assert_eq!(
                VerifyingKey::from_bytes(&bytes),
                Err(SignatureError::NonCanonicalKey)
            );
        }
    }
    let off_curve = bytes32("0200000000000000000000000000000000000000000000000000000000000000");
    assert_eq!(
        VerifyingKey::from_bytes(&off_curve),
        Err(SignatureError::NotAPoint)
    );
}

#[test]
fn wrong_lengths_are_refused_and_secrets_are_not_printed() {
    assert!(matches!(
        VerifyingKey::try_from(&[0u8; 33][..]),
        Err(SignatureError::Length {
            expected: 32,
            actual: 33,
            ..
        })
    ));
    assert!(matches!(
        Signature::try_from(&[0u8; 63][..]),
        Err(SignatureError::Length {
            expected: 64,
            actual: 63,
            ..
        })
    ));
    assert_eq!(format!("{:?}", key(9)), "SigningKey(REDACTED)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn what_is_signed_verifies(seed: [u8; 32], context: Vec<u8>, message: Vec<u8>) {
        let signing = SigningKey::from_bytes(&seed);
        let signature = signing.sign(PURPOSE, &context, &message);
        let verifying = VerifyingKey::from_bytes(&signing.verifying_key().to_bytes()).unwrap();
        prop_assert!(verifying.verify(PURPOSE, &context, &message, &signature).is_ok());
        prop_assert_eq!(&SigningKey::from_bytes(&signing.expose_secret()).verifying_key(), &verifying);
    }
}
