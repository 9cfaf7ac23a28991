//! The head and the parts of a snapshot: what is believed, and what is refused.

use std::ops::Range;

use crate::common::{name, public};
use consilium_contracts::{BlockTime, DecodeError, FederationId, Height, Key};
use consilium_ledger::*;

fn federation() -> FederationId {
    FederationId::from_bytes([5; 32])
}

fn validators() -> ValidatorSet {
    ValidatorSet::new((0..4).map(|i| public(&name(i)))).unwrap()
}

/// The headers of blocks 1 to `last`.
fn chain(last: u64) -> Vec<Header> {
    let state = |height: u64| StateRoot::from_bytes([height as u8; 32]);
    let mut parent = Parent::genesis(federation(), BlockTime::new(1_000), state(0));
    let mut headers = Vec::new();
    for height in 1..=last {
        let slot = Slot {
            proposer: ValidatorAddress::of(&public(&name(height as usize % 4))),
            time: BlockTime::new(1_000 + height),
        };
        let header = *Block::new(&parent, slot, Vec::new()).header();
        parent = Parent::after(&header, state(height));
        headers.push(header);
    }
    headers
}

/// Precommits of these hospitals for a header.
fn certificate(header: &Header, voters: Range<usize>) -> CommitCertificate {
    crate::common::certificate(header, Round::new(0), voters.map(name))
}

/// The head of a snapshot of the last header but one.
fn head(mut headers: Vec<Header>) -> SnapshotHead {
    let certified = headers.pop().unwrap();
    let certificate = certificate(&certified, 0..3);
    headers.reverse();
    SnapshotHead::new(certified, certificate, headers, 0)
}

fn verify(head: SnapshotHead) -> Result<CertifiedState, SnapshotError> {
    let read = SnapshotHead::from_bytes(&head.to_bytes()).unwrap();
    assert_eq!(read, head);
    read.verify(&federation(), &validators())
}

#[test]
fn a_head_says_what_the_next_block_is_built_upon() {
    for last in [2, 10, SNAPSHOT_HEADERS + 1, SNAPSHOT_HEADERS + 40] {
        let headers = chain(last);
        let (certified, before) = (headers[last as usize - 1], headers[last as usize - 2]);
        let state = verify(head(headers)).unwrap();
        assert_eq!(*state.parent(), Parent::after(&before, certified.state));
        assert_eq!(state.headers()[0], before);
        let expected = (last - 1).min(SNAPSHOT_HEADERS);
        assert_eq!(state.headers().len() as u64, expected);
    }
    assert!(head(chain(SNAPSHOT_HEADERS + 1)).to_bytes().len() < SnapshotHead::MAX_BYTES);
}

#[test]
fn a_forged_certificate_is_refused() {
    let headers = chain(10);
    let certified = headers[9];
    let before = || headers[..9].iter().rev().copied();
    let two = SnapshotHead::new(certified, certificate(&certified, 0..2), before(), 0);
    let error = verify(two).unwrap_err();
    assert!(matches!(
        error,
        SnapshotError::Header(ChainError::Certificate(CertificateError::NoQuorum { .. }))
    ));
    // A quorum of strangers.
    let strangers = SnapshotHead::new(certified, certificate(&certified, 4..8), before(), 0);
    let error = verify(strangers).unwrap_err();
    assert!(matches!(
        error,
        SnapshotError::Header(ChainError::Certificate(CertificateError::UnknownValidator(
            _
        )))
    ));
    // A quorum for another block: the state could be any.
    let other = Header {
        state: StateRoot::from_bytes([99; 32]),
        ..certified
    };
    let forged = SnapshotHead::new(other, certificate(&certified, 0..3), before(), 0);
    let error = verify(forged).unwrap_err();
    assert!(matches!(
        error,
        SnapshotError::Header(ChainError::OtherBlock { .. })
    ));
}

#[test]
fn another_federations_head_is_refused() {
    let elsewhere = FederationId::from_bytes([8; 32]);
    let error = head(chain(10)).verify(&elsewhere, &validators());
    assert!(matches!(
        error.unwrap_err(),
        SnapshotError::Header(ChainError::Federation { .. })
    ));
}

#[test]
fn headers_that_are_not_the_ledgers_are_refused() {
    let headers = chain(10);
    let with = |change: &dyn Fn(&mut Vec<Header>)| {
        let mut changed = headers.clone();
        change(&mut changed);
        verify(head(changed)).unwrap_err()
    };
    // Another proposer in the middle would change whose turn it is.
    let stranger = ValidatorAddress::of(&public("stranger"));
    let error = with(&|all| all[4].proposer = stranger);
    let fifth = Height::new(5);
    assert_eq!(error, SnapshotError::Chain { height: fifth });
    let (found, expected) = (8, 9);
    assert_eq!(
        with(&|all| {
            all.remove(0);
        }),
        SnapshotError::Headers { found, expected }
    );
    assert_eq!(
        with(&|all| {
            all.remove(4);
        }),
        SnapshotError::Headers { found, expected }
    );
    assert!(matches!(
        with(&|all| all.swap(3, 4)),
        SnapshotError::Chain { .. }
    ));
    let only = chain(1);
    let certificate = certificate(&only[0], 0..3);
    assert_eq!(
        verify(SnapshotHead::new(only[0], certificate, [], 0)).unwrap_err(),
        SnapshotError::Genesis
    );
}

#[test]
fn a_part_has_pairs_in_strictly_increasing_order() {
    let pair = |key: &[u8]| (Key::from_bytes(key.to_vec()), vec![1]);
    let part = |keys: &[&[u8]]| {
        let part = SnapshotPart::new(keys.iter().map(|key| pair(key)).collect());
        let read = SnapshotPart::from_bytes(&part.to_bytes()).unwrap();
        assert_eq!(read, part);
        read
    };
    let after = Key::from_bytes(b"b".to_vec());
    let good = part(&[b"c", b"d"]);
    assert_eq!(good.clone().into_pairs(None).unwrap().len(), 2);
    assert_eq!(good.into_pairs(Some(&after)).unwrap().len(), 2);
    for (keys, after) in [
        (&[b"b".as_slice(), b"c"], Some(&after)),
        (&[b"a".as_slice(), b"c"], Some(&after)),
        (&[b"d".as_slice(), b"c"], None),
        (&[b"c".as_slice(), b"c"], None),
    ] {
        let error = part(keys).into_pairs(after).unwrap_err();
        assert!(matches!(error, SnapshotError::Order { .. }), "{error}");
    }
    let empty = part(&[]).into_pairs(None).unwrap_err();
    assert_eq!(empty, SnapshotError::EmptyPart);
    let long = SnapshotPart::from_bytes(&vec![1; SnapshotPart::MAX_BYTES + 1]);
    assert!(matches!(long, Err(DecodeError::TooLong { .. })));
}
