//! Attacks on streams of small segments; the real segment length is exercised by
//! `tests/envelope.rs`.

use proptest::prelude::*;
use rand::SeedableRng as _;

use super::stream::GCM_TAG;
use super::*;
use crate::signature::SigningKey;

const SMALL: Limits = Limits {
    segment: 8,
    segments: 16,
};
const SEALED: usize = SMALL.segment + GCM_TAG;

fn header() -> HeaderCore {
    let fields = HeaderFields {
        record: [7; 32],
        epoch: 3,
        record_key: SigningKey::from_bytes(&[1; 32]).verifying_key(),
        report_key: vec![0xaa; 5],
    };
    HeaderCore::new(fields, &mut rand::rngs::StdRng::seed_from_u64(1)).unwrap()
}

fn key(byte: u8) -> SymKey {
    SymKey::new(Zeroizing::new([byte; 32]))
}

fn sealed(plaintext: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let made = encrypt_within(SMALL, &key(1), &header(), plaintext, &mut out).unwrap();
    assert_eq!(made.digest, Digest::of(&out));
    assert_eq!(
        (made.plaintext_bytes, made.ciphertext_bytes),
        (plaintext.len() as u64, out.len() as u64)
    );
    out
}

/// What came out before the end or the error, and the result.
fn open(stored: &[u8], key: &SymKey) -> (Vec<u8>, Result<Summary, EnvelopeError>) {
    let mut out = Vec::new();
    let result =
        UnopenedEnvelope::read(stored).and_then(|e| e.decrypt_within(SMALL, key, &mut out));
    (out, result)
}

fn header_length() -> usize {
    4 + header().to_bytes().len() + TAG
}

/// The segments of a stream, without the header.
fn cut(stored: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (head, body) = stored.split_at(header_length());
    (
        head.to_vec(),
        body.chunks(SEALED).map(<[u8]>::to_vec).collect(),
    )
}

fn join(head: &[u8], segments: &[Vec<u8>]) -> Vec<u8> {
    [head.to_vec(), segments.concat()].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_encrypted_decrypts(plaintext in proptest::collection::vec(any::<u8>(), 0..=128)) {
        let stored = sealed(&plaintext);
        let (out, result) = open(&stored, &key(1));
        let summary = result.unwrap();
        prop_assert_eq!(summary.digest, Digest::of(&stored));
        prop_assert_eq!(out, plaintext);
    }
}

#[test]
fn a_changed_byte_anywhere_is_refused_and_nothing_of_its_segment_comes_out() {
    let plaintext = [0x55; 20];
    let stored = sealed(&plaintext);
    for at in 0..stored.len() {
        let mut bad = stored.clone();
        bad[at] ^= 1;
        let (out, result) = open(&bad, &key(1));
        let refused = result.unwrap_err();
        match at.checked_sub(header_length()) {
            None => {
                assert!(out.is_empty());
                assert!(
                    !matches!(refused, EnvelopeError::Segment { .. }),
                    "byte {at}: {refused}"
                );
            }
            Some(offset) => {
                let segment = offset / SEALED;
                assert_eq!(out, plaintext[..segment * SMALL.segment]);
                assert!(
                    matches!(refused, EnvelopeError::Segment { index } if index as usize == segment)
                );
            }
        }
    }
}

#[test]
fn a_cut_stream_is_refused_wherever_it_is_cut() {
    let stored = sealed(&[0x55; 20]);
    for length in 0..stored.len() {
        let refused = open(&stored[..length], &key(1)).1.unwrap_err();
        if length < header_length() {
            assert!(
                matches!(refused, EnvelopeError::HeaderTruncated),
                "{length}: {refused}"
            );
        } else {
            assert!(
                matches!(refused, EnvelopeError::Segment { .. }),
                "{length}: {refused}"
            );
        }
    }
}

#[test]
fn trailing_bytes_are_refused() {
    for plaintext in [&[0x55; 20][..], &[0x55; 16], &[]] {
        for extra in 1..=SEALED + 1 {
            let stored = [sealed(plaintext), vec![0; extra]].concat();
            assert!(matches!(
                open(&stored, &key(1)).1,
                Err(EnvelopeError::Segment { .. })
            ));
        }
    }
}

#[test]
fn dropped_repeated_and_exchanged_segments_are_refused() {
    let (head, segments) = cut(&sealed(&(0..40).collect::<Vec<u8>>()));
    assert_eq!(segments.len(), 5);
    for i in 0..segments.len() {
        let mut dropped = segments.clone();
        dropped.remove(i);
        let mut repeated = segments.clone();
        repeated.insert(i, segments[i].clone());
        for bad in [dropped, repeated] {
            let refused = open(&join(&head, &bad), &key(1)).1;
            assert!(matches!(refused, Err(EnvelopeError::Segment { .. })));
        }
        for j in 0..i {
            let mut exchanged = segments.clone();
            exchanged.swap(i, j);
            let refused = open(&join(&head, &exchanged), &key(1)).1;
            assert!(
                matches!(refused, Err(EnvelopeError::Segment { index }) if index as usize == j)
            );
        }
    }
}

#[test]
fn another_key_is_refused_before_anything_is_decrypted() {
    let stored = sealed(b"secret");
    let (out, result) = open(&stored, &key(2));
    assert!(matches!(result, Err(EnvelopeError::WrongKey)));
    assert!(out.is_empty());
    let unopened = UnopenedEnvelope::read(&stored[..]).unwrap();
    assert!(unopened.authenticate(&key(1)).is_ok());
    let refused = unopened.authenticate(&key(2));
    assert!(matches!(refused, Err(EnvelopeError::WrongKey)));
}

#[test]
fn segments_under_another_header_of_the_same_key_are_refused() {
    let mut fields = header().fields().clone();
    fields.record = [8; 32];
    let other = HeaderCore::new(fields, &mut rand::rngs::StdRng::seed_from_u64(1)).unwrap();
    assert_eq!(other.nonce_prefix(), header().nonce_prefix());
    let mut stored = Vec::new();
    encrypt_within(SMALL, &key(1), &other, &[0x55; 20][..], &mut stored).unwrap();
    let (head, _) = cut(&sealed(&[0x55; 20]));
    let (_, segments) = cut(&stored);
    let refused = open(&join(&head, &segments), &key(1)).1;
    assert!(matches!(refused, Err(EnvelopeError::Segment { index: 0 })));
}

#[test]
fn an_empty_last_segment_after_others_is_refused_although_authentic() {
    let core = header().to_bytes();
    let keys = CommittingKeys::derive(LABEL_KEYS, key(1).expose_secret(), &core);
    let sealed_header = [core.clone(), keys.commit(&core).to_vec()].concat();
    let mut stream = aead_stream::EncryptorBE32::<aes_gcm::Aes256Gcm>::new(
        (&*keys.encryption).into(),
        header().nonce_prefix().into(),
    );
    let (mut first, mut last) = (vec![0x55; SMALL.segment], Vec::new());
    stream
        .encrypt_next_in_place(&sealed_header, &mut first)
        .unwrap();
    stream.encrypt_last_in_place(&[], &mut last).unwrap();
    let length = header::encoded_length(core.len()).to_vec();
    let stored = [length, sealed_header, first, last].concat();
    assert!(matches!(
        open(&stored, &key(1)).1,
        Err(EnvelopeError::EmptyLastSegment)
    ));
}

#[test]
fn more_segments_than_the_counter_numbers_are_refused_on_both_sides() {
    let full = vec![1; SMALL.segment * SMALL.segments as usize];
    let (out, result) = open(&sealed(&full), &key(1));
    assert_eq!((out.len(), result.is_ok()), (full.len(), true));

    let over = [full, vec![1]].concat();
    let refused = encrypt_within(SMALL, &key(1), &header(), &over[..], Vec::new());
    assert!(matches!(refused, Err(EnvelopeError::TooLong { limit: 16 })));

    let more = Limits {
        segments: 17,
        ..SMALL
    };
    let mut stored = Vec::new();
    encrypt_within(more, &key(1), &header(), &over[..], &mut stored).unwrap();
    assert!(matches!(
        open(&stored, &key(1)).1,
        Err(EnvelopeError::TooLong { limit: 16 })
    ));
}

#[test]
fn errors_of_reader_and_writer_come_through() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("broken"))
        }
    }
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("full"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let read = encrypt(&key(1), &header(), Broken, Vec::new());
    assert!(matches!(read, Err(EnvelopeError::Read(_))));
    let write = encrypt(&key(1), &header(), &b"x"[..], Broken);
    assert!(matches!(write, Err(EnvelopeError::Write(_))));
    assert!(matches!(
        UnopenedEnvelope::read(Broken),
        Err(EnvelopeError::Read(_))
    ));
}
