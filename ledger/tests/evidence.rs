//! What proves that a validator lied, and what does not.

use crate::common::{key, public};
use consilium_contracts::{FederationId, Height};
use consilium_ledger::*;

type Make = fn(Ballot) -> ConsensusStatement;

const PREVOTE: Make = ConsensusStatement::Prevote;
const PRECOMMIT: Make = ConsensusStatement::Precommit;
const PROPOSAL: Make = |ballot| ConsensusStatement::Proposal {
    ballot,
    polka_round: None,
};

fn federation() -> FederationId {
    FederationId::from_bytes([5; 32])
}

/// What `name` says at height 9 in round 2 of block number `block`, 0 for nil.
fn ballot(name: &str, block: u8) -> Ballot {
    Ballot {
        height: Height::new(9),
        round: Round::new(2),
        block: (block > 0).then(|| BlockHash::from_bytes([block; 32])),
        voter: ValidatorAddress::of(&public(name)),
    }
}

/// Signed by whoever it names.
fn signed(statement: ConsensusStatement, by: &str) -> SignedStatement {
    let signature = statement.sign(&federation(), &key(by));
    SignedStatement {
        statement,
        signature,
    }
}

fn said(make: Make, block: u8) -> SignedStatement {
    signed(make(ballot("h1", block)), "h1")
}

fn refused(first: SignedStatement, second: SignedStatement) -> EvidenceError {
    let forwards = Evidence::new(first.clone(), second.clone());
    let backwards = Evidence::new(second, first);
    assert!(backwards.verify(&federation()).is_err());
    forwards.verify(&federation()).unwrap_err()
}

#[test]
fn two_votes_or_proposals_of_one_validator_in_one_round_prove_that_it_lied() {
    let kinds = [
        (PREVOTE, StatementKind::Prevote),
        (PRECOMMIT, StatementKind::Precommit),
        (PROPOSAL, StatementKind::Proposal),
    ];
    for (make, kind) in kinds {
        let evidence = Evidence::new(said(make, 1), said(make, 2));
        let bytes = evidence.to_bytes();
        assert!(bytes.len() <= Evidence::MAX_BYTES / 2, "{}", bytes.len());
        let read = Evidence::from_bytes(&bytes).unwrap();
        assert_eq!(read, evidence);
        let lie = read.verify(&federation()).unwrap();
        assert_eq!(*lie.validator(), ballot("h1", 1).voter);
        assert_eq!((lie.height().value(), lie.round().value()), (9, 2));
        assert_eq!(lie.kind(), kind);
        let blocks = [1, 2].map(|block| ballot("h1", block).block);
        assert_eq!(lie.blocks(), blocks);
        assert!(
            lie.evidence()
                .same_as(&Evidence::new(said(make, 2), said(make, 1)))
        );
        assert!(
            !lie.evidence()
                .same_as(&Evidence::new(said(make, 2), said(make, 3)))
        );
    }
    // A vote for nothing excludes one for a block.
    let lie = Evidence::new(said(PREVOTE, 0), said(PREVOTE, 1)).verify(&federation());
    assert_eq!(lie.unwrap().blocks()[0], None);
    // A proposer says once what its block rests on.
    let again = ConsensusStatement::Proposal {
        ballot: ballot("h1", 1),
        polka_round: Some(Round::new(0)),
    };
    let lie = Evidence::new(said(PROPOSAL, 1), signed(again, "h1")).verify(&federation());
    let blocks = lie.unwrap().blocks();
    assert_eq!(blocks[0], blocks[1]);
}

#[test]
fn what_a_validator_may_sign_is_no_evidence() {
    let one = said(PRECOMMIT, 1);
    assert_eq!(refused(one.clone(), one.clone()), EvidenceError::Equal);
    assert!(matches!(
        refused(one.clone(), said(PREVOTE, 2)),
        EvidenceError::Kinds(StatementKind::Precommit, StatementKind::Prevote)
    ));
    let next = Ballot {
        height: Height::new(10),
        ..ballot("h1", 2)
    };
    let next = signed(PRECOMMIT(next), "h1");
    assert!(matches!(
        refused(one.clone(), next),
        EvidenceError::Heights(..)
    ));
    let later = Ballot {
        round: Round::new(3),
        ..ballot("h1", 2)
    };
    let later = signed(PRECOMMIT(later), "h1");
    assert!(matches!(
        refused(one.clone(), later),
        EvidenceError::Rounds(..)
    ));
    let peers = [1, 2].map(|peer| {
        let proof = ConsensusStatement::ValidatorProof {
            key: public("h1").to_bytes().to_vec(),
            peer: vec![peer],
        };
        signed(proof, "h1")
    });
    let [first, second] = peers;
    assert_eq!(refused(first, second), EvidenceError::NotABallot);
}

#[test]
fn nobody_can_make_evidence_against_another() {
    let one = said(PRECOMMIT, 1);
    // Two validators that disagree have not lied.
    let other = signed(PRECOMMIT(ballot("h2", 2)), "h2");
    assert!(matches!(
        refused(one.clone(), other),
        EvidenceError::Voters(..)
    ));
    // Somebody else's signature, or that of another statement, under the validator's name.
    let accused = EvidenceError::Signature(ballot("h1", 2).voter);
    let forged = signed(PRECOMMIT(ballot("h1", 2)), "h2");
    assert_eq!(refused(one.clone(), forged), accused);
    let copied = SignedStatement {
        signature: one.signature,
        ..said(PRECOMMIT, 2)
    };
    assert_eq!(refused(one.clone(), copied), accused);
    // What was signed for another purpose or federation.
    let prevote = SignedStatement {
        signature: said(PREVOTE, 2).signature,
        ..said(PRECOMMIT, 2)
    };
    assert_eq!(refused(one.clone(), prevote), accused);
    let honest = Evidence::new(one.clone(), said(PRECOMMIT, 2));
    let elsewhere = FederationId::from_bytes([6; 32]);
    assert_eq!(honest.verify(&elsewhere).unwrap_err(), accused);
    // A name that is no key.
    let nobody = ValidatorAddress::from_bytes([0xff; 32]);
    let of_nobody = [1, 2].map(|block| {
        let voter = nobody;
        let ballot = Ballot {
            voter,
            ..ballot("h1", block)
        };
        signed(PRECOMMIT(ballot), "h1")
    });
    let [first, second] = of_nobody;
    assert_eq!(refused(first, second), EvidenceError::Key(nobody));
}

#[test]
fn evidence_is_bounded_and_every_changed_byte_is_noticed() {
    let bytes = Evidence::new(said(PROPOSAL, 1), said(PROPOSAL, 2)).to_bytes();
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let proven = Evidence::from_bytes(&changed).map(|one| one.verify(&federation()));
        assert!(!matches!(proven, Ok(Ok(_))), "byte {place}");
        assert!(
            Evidence::from_bytes(&bytes[..place]).is_err(),
            "cut at {place}"
        );
    }
    let mut trailing = bytes.clone();
    trailing.push(0);
    assert!(Evidence::from_bytes(&trailing).is_err());
    assert!(Evidence::from_bytes(&vec![1; Evidence::MAX_BYTES + 1]).is_err());
}
