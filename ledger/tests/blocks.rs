//! Blocks, certificates, transaction proofs and the rules of the chain, from outside.

use crate::common::{key, name, public, record};
use consilium_contracts::{
    Action, BlockTime, DecodeError, DoctorId, FederationId, Height, Nonce, PostMatch, RecordId,
    Settings, SignedTransaction, Transaction,
};
use consilium_ledger::*;
use consilium_schemes::signature::Signature;
use proptest::prelude::*;

fn federation() -> FederationId {
    FederationId::from_bytes([5; 32])
}

fn transactions(count: u64) -> Vec<SignedTransaction> {
    (0..count)
        .map(|number| record(federation(), 0, number))
        .collect()
}

fn parent() -> Parent {
    Parent::genesis(
        federation(),
        BlockTime::new(1_000),
        StateRoot::from_bytes([6; 32]),
    )
}

fn validators(count: usize) -> ValidatorSet {
    ValidatorSet::new((0..count).map(|i| public(&name(i)))).unwrap()
}

fn slot(i: usize) -> Slot {
    Slot {
        proposer: ValidatorAddress::of(&public(&name(i))),
        time: BlockTime::new(2_000),
    }
}

fn block(count: u64) -> Block {
    Block::new(&parent(), slot(0), transactions(count))
}

/// Precommits of these validators for a block.
fn certificate(block: &Block, voters: impl IntoIterator<Item = usize>) -> CommitCertificate {
    crate::common::certificate(block.header(), Round::new(3), voters.into_iter().map(name))
}

#[test]
fn a_block_reads_back_and_nothing_else_does() {
    let block = block(3);
    let bytes = block.to_bytes();
    assert_eq!(Block::from_bytes(&bytes, bytes.len()).unwrap(), block);
    let long = Block::from_bytes(&bytes, bytes.len() - 1).unwrap_err();
    assert!(matches!(
        long,
        BlockError::Encoding(DecodeError::TooLong { .. })
    ));
    let mut trailing = bytes.clone();
    trailing.push(0);
    assert!(Block::from_bytes(&trailing, MAX_BLOCK_BYTES).is_err());
    for cut in 0..bytes.len() {
        assert!(
            Block::from_bytes(&bytes[..cut], MAX_BLOCK_BYTES).is_err(),
            "cut at {cut}"
        );
    }
}

/// Posts of matches: nobody looks at their proofs here.
fn matches(count: u64) -> Vec<SignedTransaction> {
    let post = |number| {
        let action = Action::PostMatch(PostMatch {
            record: RecordId::from_bytes([1; 32]),
            doctor: DoctorId::from_bytes([2; 32]),
            authorization: None,
            proof: Vec::new().try_into().unwrap(),
        });
        let sender = key("north");
        let transaction = Transaction {
            federation: federation(),
            sender: sender.verifying_key(),
            nonce: Nonce::new(number),
            expires: Height::new(9),
            action,
        };
        transaction.sign(&sender)
    };
    (0..count).map(post).collect()
}

/// A validator looks at the bounds before it verifies anything.
#[test]
fn a_block_keeps_the_bounds_on_transactions_and_on_their_work() {
    let settings = Settings::default();
    let each = matches(1)[0].transaction().action.work(settings.n);
    let most = u64::from(settings.max_block_work) / each;
    let of = |transactions| Block::new(&parent(), slot(0), transactions);
    of(matches(most)).within(&settings).unwrap();
    assert_eq!(
        of(matches(most + 1)).within(&settings),
        Err(ChainError::Work {
            found: (most + 1) * each,
            limit: settings.max_block_work,
        })
    );
    let few = Settings {
        max_block_transactions: 2,
        ..settings
    };
    block(2).within(&few).unwrap();
    let (found, limit) = (3, 2);
    assert_eq!(
        block(3).within(&few),
        Err(ChainError::Transactions { found, limit })
    );
}

#[test]
fn a_header_binds_every_field_and_every_transaction() {
    let block = block(2);
    let original = *block.header();
    let changed = [
        Header {
            federation: FederationId::from_bytes([1; 32]),
            ..original
        },
        Header {
            height: Height::new(9),
            ..original
        },
        Header {
            previous: BlockHash::from_bytes([1; 32]),
            ..original
        },
        Header {
            proposer: ValidatorAddress::from_bytes([1; 32]),
            ..original
        },
        Header {
            time: BlockTime::new(9),
            ..original
        },
        Header {
            transactions: TransactionRoot::from_bytes([1; 32]),
            ..original
        },
        Header {
            state: StateRoot::from_bytes([1; 32]),
            ..original
        },
    ];
    for header in changed {
        assert_ne!(header.hash(), original.hash());
    }
    // Other transactions under the same header are no block. A header has 176 bytes.
    let mut bytes = Block::new(&parent(), slot(0), transactions(3)).to_bytes();
    bytes[..1 + 176].copy_from_slice(&block.to_bytes()[..1 + 176]);
    let refused = Block::from_bytes(&bytes, MAX_BLOCK_BYTES).unwrap_err();
    assert_eq!(refused, BlockError::TransactionRoot);
}

#[test]
fn a_block_follows_its_parent_or_says_what_is_wrong() {
    let (parent, set) = (parent(), validators(4));
    let good = *block(1).header();
    good.follows(&parent, &set).unwrap();
    let refused = |header: Header| header.follows(&parent, &set).unwrap_err();
    let other = FederationId::from_bytes([1; 32]);
    assert!(matches!(
        refused(Header {
            federation: other,
            ..good
        }),
        ChainError::Federation { .. }
    ));
    assert!(matches!(
        refused(Header {
            height: Height::new(2),
            ..good
        }),
        ChainError::Height { .. }
    ));
    let previous = BlockHash::from_bytes([1; 32]);
    assert!(matches!(
        refused(Header { previous, ..good }),
        ChainError::Previous { .. }
    ));
    let time = parent.time;
    assert!(matches!(
        refused(Header { time, ..good }),
        ChainError::Time { .. }
    ));
    let state = StateRoot::from_bytes([1; 32]);
    assert!(matches!(
        refused(Header { state, ..good }),
        ChainError::State { .. }
    ));
    let proposer = ValidatorAddress::of(&public("stranger"));
    assert!(matches!(
        refused(Header { proposer, ..good }),
        ChainError::Proposer(_)
    ));
    let next = Parent::after(&good, StateRoot::from_bytes([2; 32]));
    assert_eq!((next.hash, next.height), (good.hash(), Height::new(1)));
}

#[test]
fn a_certificate_needs_more_than_two_thirds() {
    for (total, needed) in [(1, 1), (2, 2), (3, 3), (4, 3), (7, 5), (10, 7)] {
        let (block, set) = (block(0), validators(total));
        certificate(&block, 0..needed)
            .verify(&federation(), &set)
            .unwrap();
        let short = certificate(&block, 0..needed - 1)
            .verify(&federation(), &set)
            .unwrap_err();
        assert!(
            matches!(short, CertificateError::NoQuorum { .. }),
            "{needed} of {total}"
        );
    }
}

#[test]
fn a_vote_counts_once_for_one_block_federation_and_purpose() {
    let (block, set) = (block(0), validators(4));
    // One voter many times over is one voter.
    let again = certificate(&block, [0, 0, 0, 1]);
    assert!(matches!(
        again.verify(&federation(), &set).unwrap_err(),
        CertificateError::NoQuorum {
            signed: 2,
            total: 4
        }
    ));
    let good = certificate(&block, 0..3);
    let elsewhere = FederationId::from_bytes([1; 32]);
    assert!(matches!(
        good.verify(&elsewhere, &set),
        Err(CertificateError::BadSignature(_))
    ));
    let stranger = certificate(&block, [0, 1, 7]);
    assert!(matches!(
        stranger.verify(&federation(), &set),
        Err(CertificateError::UnknownValidator(_))
    ));
    // The same ballots, signed as prevotes, as precommits of another round or for another block.
    let (height, round, hash) = (block.header().height, Round::new(3), block.hash());
    let forge = |statement: fn(Ballot) -> ConsensusStatement, round, block| {
        let sign = |i: usize| {
            let voter = ValidatorAddress::of(&public(&name(i)));
            let ballot = Ballot {
                height,
                round,
                block,
                voter,
            };
            let signature = statement(ballot).sign(&federation(), &key(&name(i)));
            CommitSignature { voter, signature }
        };
        CommitCertificate::new(height, Round::new(3), hash, (0..3).map(sign).collect())
    };
    for forged in [
        forge(ConsensusStatement::Prevote, round, Some(hash)),
        forge(ConsensusStatement::Precommit, Round::new(2), Some(hash)),
        forge(
            ConsensusStatement::Precommit,
            round,
            Some(BlockHash::from_bytes([1; 32])),
        ),
        forge(ConsensusStatement::Precommit, round, None),
        forge(
            |ballot| ConsensusStatement::Proposal {
                ballot,
                polka_round: None,
            },
            round,
            Some(hash),
        ),
    ] {
        let refused = forged.verify(&federation(), &set);
        assert!(matches!(refused, Err(CertificateError::BadSignature(_))));
    }
}

#[test]
fn a_certificate_is_for_its_header_alone() {
    let (block, other, set) = (block(1), block(2), validators(4));
    let good = certificate(&block, 0..4);
    CommittedHeader::verify(*block.header(), &good, &federation(), &set).unwrap();
    let refused = CommittedHeader::verify(*other.header(), &good, &federation(), &set);
    assert!(matches!(refused, Err(ChainError::OtherBlock { .. })));
}

#[test]
fn a_certificate_reads_back_in_order_only() {
    let good = certificate(&block(0), 0..4);
    assert_eq!(
        CommitCertificate::from_bytes(&good.to_bytes()).unwrap(),
        good
    );
    // Swap the first two of the four 96-byte signatures at the end.
    let mut swapped = good.to_bytes();
    let at = swapped.len() - 4 * 96;
    let (first, second) = swapped[at..at + 192].split_at_mut(96);
    first.swap_with_slice(second);
    assert!(CommitCertificate::from_bytes(&swapped).is_err());
    // A count that promises more than any federation has is refused unread.
    let mut huge = good.to_bytes();
    huge[at - 4..at].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(CommitCertificate::from_bytes(&huge).is_err());
    let mut trailing = good.to_bytes();
    trailing.push(0);
    assert!(CommitCertificate::from_bytes(&trailing).is_err());
}

#[test]
fn validator_sets_are_ordered_distinct_and_not_empty() {
    assert_eq!(ValidatorSet::new([]).unwrap_err(), ValidatorSetError::Empty);
    let twice = [public("a"), public("a")];
    assert_eq!(
        ValidatorSet::new(twice).unwrap_err(),
        ValidatorSetError::Duplicate
    );
    let (ab, ba) = ([public("a"), public("b")], [public("b"), public("a")]);
    assert_eq!(
        ValidatorSet::new(ab).unwrap(),
        ValidatorSet::new(ba).unwrap()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_transaction_of_a_block_is_provable_and_no_other(count in 1u64..24, other in 0u64..24) {
        let all = transactions(count);
        let root = transaction_root(&all);
        for (index, transaction) in all.iter().enumerate() {
            let proof = TransactionProof::new(&all, index).unwrap();
            prop_assert!(proof.verify(&root, &transaction.hash()));
            let wrong = record(federation(), 0, 100 + other);
            prop_assert!(!proof.verify(&root, &wrong.hash()));
            let elsewhere = (index + 1) % all.len();
            if elsewhere != index {
                prop_assert!(!proof.verify(&root, &all[elsewhere].hash()));
            }
        }
        prop_assert!(TransactionProof::new(&all, all.len()).is_none());
    }

    #[test]
    fn a_flipped_bit_is_never_the_same_certificate(bit in 0usize..8 * 400) {
        let (block, set) = (block(0), validators(4));
        let mut bytes = certificate(&block, 0..4).to_bytes();
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(read) = CommitCertificate::from_bytes(&bytes) {
            let header = *block.header();
            prop_assert!(CommittedHeader::verify(header, &read, &federation(), &set).is_err());
        }
    }
}

#[test]
fn what_validators_sign_is_frozen() {
    // A changed byte here would make every certificate of the past worthless.
    let voter = ValidatorAddress::of(&public(&name(0)));
    let ballot = Ballot {
        height: Height::new(7),
        round: Round::new(2),
        block: Some(BlockHash::from_bytes([9; 32])),
        voter,
    };
    let signature = ConsensusStatement::Precommit(ballot).sign(&federation(), &key(&name(0)));
    let message = [
        [
            7u64.to_le_bytes().as_slice(),
            &2u32.to_le_bytes(),
            &[1],
            &[9; 32],
        ]
        .concat(),
        voter.as_bytes().to_vec(),
    ]
    .concat();
    let purpose = consilium_schemes::signature::Purpose::new("CONSILIUM-V1-SIG-LEDGER-PRECOMMIT");
    let written = Signature::from_bytes(signature.to_bytes());
    public(&name(0))
        .verify(purpose, federation().as_bytes(), &message, &written)
        .unwrap();
}
