//! Following the validators from genesis on, and everything that must not be followed.

use crate::common::replayed::Replayed;
use crate::common::{Plan, certificate, key, name, public, transaction};
use consilium_contracts::*;
use consilium_ledger::{
    Block, CertificateError, ChainError, CommitCertificate, CommittedHeader, Handover,
    HandoverError, Handovers, Header, KeyProof, Round, Slot, StateProof, Trust, ValidatorAddress,
    ValidatorSet,
};

/// A validator's key by its name.
fn voter(i: usize) -> String {
    format!("{}/validator", name(i))
}

fn hospital(i: usize) -> HospitalId {
    name(i).parse().unwrap()
}

fn set(names: &[String]) -> ValidatorSet {
    ValidatorSet::new(names.iter().map(|name| public(name))).unwrap()
}

fn voters(of: &[usize]) -> Vec<String> {
    of.iter().map(|i| voter(*i)).collect()
}

/// A header with its certificate, and what stood in the state that it names.
#[derive(Clone)]
struct Made {
    header: Header,
    certificate: CommitCertificate,
    schedule: StateProof,
    epoch: StateProof,
}

impl Made {
    fn handover(&self) -> Handover {
        Handover::new(KeyProof::new(
            self.header,
            self.certificate.clone(),
            self.schedule.clone(),
        ))
    }
}

/// Hospitals h0 to h4, of which h0 to h3 vote at first; real blocks without an engine.
#[derive(Clone)]
struct Chain {
    genesis: VerifiedGenesis,
    ledger: Replayed,
    nonce: u64,
}

impl Chain {
    fn new() -> Self {
        Self::of(5, 4)
    }

    fn of(hospitals: usize, validators: usize) -> Self {
        let genesis = Plan::of(hospitals, validators).genesis();
        Self {
            ledger: Replayed::genesis(&genesis),
            genesis,
            nonce: 0,
        }
    }

    fn federation(&self) -> FederationId {
        self.genesis.federation()
    }

    fn view(&self) -> View<&MemoryState> {
        View::new(&self.ledger.state)
    }

    fn sign(&mut self, sender: &str, action: Action) -> SignedTransaction {
        self.nonce += 1;
        transaction(self.federation(), sender, self.nonce, 5_000, action)
    }

    fn proof(&self, key: Key) -> StateProof {
        self.ledger.prove(key)
    }

    /// The next block, certified by all who are in force.
    fn block(&mut self, transactions: Vec<SignedTransaction>) -> Made {
        let height = self.ledger.parent().height.plus(1);
        let schedule = self.view().validator_schedule();
        let by: Vec<_> = schedule
            .in_force(height)
            .iter()
            .map(|one| one.key)
            .collect();
        let hospitals = self.genesis.genesis().hospitals.iter().count();
        let names: Vec<String> = (0..hospitals)
            .flat_map(|i| [voter(i), format!("{} 2", voter(i))])
            .filter(|name| by.contains(&public(name)))
            .collect();
        let slot = Slot {
            proposer: ValidatorAddress::of(&by[0]),
            time: self.ledger.parent().time.plus(1),
        };
        let block = Block::new(self.ledger.parent(), slot, transactions);
        let header = *block.header();
        let made = Made {
            header,
            certificate: certificate(&header, Round::new(0), names),
            schedule: self.proof(Key::validators()),
            epoch: self.proof(Key::current_epoch()),
        };
        self.ledger.apply(&block).unwrap();
        made
    }

    /// Proposes, approves by these hospitals; the next height.
    fn change(&mut self, change: ValidatorChange, by: &[usize]) -> Height {
        let proposed = self.ledger.parent().height.plus(1);
        let mut transactions =
            vec![self.sign("kgc", Action::ProposeValidatorChange(change.clone()))];
        for i in by {
            let action = Action::ApproveValidatorChange(ApproveValidatorChange {
                change: change.clone(),
                proposed,
            });
            transactions.push(self.sign(&name(*i), action));
        }
        self.block(transactions);
        self.scheduled()
    }

    fn scheduled(&self) -> Height {
        self.view().validator_schedule().next.unwrap().from
    }

    /// Hospital `i` votes with its second key.
    fn rotate(&mut self, i: usize) -> Height {
        let (new, sender) = (format!("{} 2", voter(i)), name(i));
        let proven = ProvenKey::prove(
            &self.federation(),
            &public(&sender),
            KeyUse::Validator,
            &key(&new),
        );
        let update = UpdateCard {
            validator_key: Some(proven),
            ..UpdateCard::default()
        };
        let signed = self.sign(&sender, Action::UpdateCard(Box::new(update)));
        self.block(vec![signed]);
        self.scheduled()
    }

    /// Empty blocks until `height` is the next.
    fn blocks_before(&mut self, height: Height) -> Vec<Made> {
        let mut made = Vec::new();
        while self.ledger.parent().height.plus(1) < height {
            made.push(self.block(Vec::new()));
        }
        made
    }
}

fn join(i: usize) -> ValidatorChange {
    ValidatorChange::Join {
        hospital: hospital(i),
    }
}

fn leave(i: usize) -> ValidatorChange {
    ValidatorChange::Leave {
        hospital: hospital(i),
    }
}

/// h4 joins, h0 leaves, h1 rotates its key: the chain, a handover of each, and from where it holds.
fn changed() -> (Chain, Vec<Made>, Vec<Height>) {
    let mut chain = Chain::new();
    chain.blocks_before(Height::new(3));
    let (mut handovers, mut from) = (Vec::new(), Vec::new());
    let mut next = |chain: &mut Chain, height: Height| {
        // Any header in between shows it; a different one each time.
        let shown = chain.blocks_before(height);
        handovers.push(shown[handovers.len() % shown.len()].clone());
        from.push(height);
        chain.block(Vec::new());
    };
    let height = chain.change(join(4), &[0, 1, 3]);
    next(&mut chain, height);
    let height = chain.change(leave(0), &[1, 2, 3, 4]);
    next(&mut chain, height);
    let height = chain.rotate(1);
    next(&mut chain, height);
    (chain, handovers, from)
}

fn followed(genesis: &VerifiedGenesis, handovers: &[Made]) -> Trust {
    let mut trust = Trust::genesis(genesis);
    let handovers: Vec<_> = handovers.iter().map(Made::handover).collect();
    trust.follow_all(&handovers).unwrap();
    trust
}

#[test]
fn who_holds_the_genesis_alone_knows_the_validators_of_every_height() {
    let (mut chain, handovers, from) = changed();
    let trust = followed(&chain.genesis, &handovers);
    let rotated = |mut names: Vec<String>| {
        names[0] += " 2";
        names
    };
    let terms = [
        (Height::new(1), voters(&[0, 1, 2, 3])),
        (from[0], voters(&[0, 1, 2, 3, 4])),
        (from[1], voters(&[1, 2, 3, 4])),
        (from[2], rotated(voters(&[1, 2, 3, 4]))),
    ];
    for pair in terms.windows(2) {
        let ((first, names), (end, _)) = (&pair[0], &pair[1]);
        for height in first.value()..end.value() {
            assert_eq!(*trust.validators_at(Height::new(height)), set(names));
        }
    }
    assert_eq!(*trust.validators_at(from[2].plus(1_000)), set(&terms[3].1));
    assert_eq!(trust.since(), from[2]);
    assert_eq!(*trust.validators_at(Height::new(0)), set(&terms[0].1));
    // And what is certified then is believed.
    let made = chain.block(Vec::new());
    let proof = KeyProof::new(made.header, made.certificate, made.epoch);
    let validators = trust.validators_at(proof.header().height);
    proof.verify(trust.federation(), validators).unwrap();
}

#[test]
fn a_handover_reads_back_and_is_bounded() {
    let (chain, handovers, _) = changed();
    for made in &handovers {
        let bytes = made.handover().to_bytes();
        assert_eq!(Handover::from_bytes(&bytes).unwrap(), made.handover());
        let trailing = [bytes.as_slice(), &[0]].concat();
        assert!(Handover::from_bytes(&trailing).is_err());
    }
    assert!(Handover::from_bytes(&vec![0; Handover::MAX_BYTES + 1]).is_err());
    drop(chain);
}

/// Every hospital has another voting key each day, as often as it may; all sign. The path in a state of a billion keys is 26 nodes of at
/// most 64 bytes longer than in this one.
#[test]
fn the_changes_of_years_fit_in_what_a_verifier_takes() {
    let years = |validators: usize| {
        let mut chain = Chain::of(validators, validators);
        let from = chain.rotate(1);
        let bytes = chain.blocks_before(from)[0].handover().to_bytes().len() + 26 * 64;
        let a_day = validators * (24 * 60 * 60 * 1000 / REKEY_INTERVAL_MS) as usize;
        let years = Handovers::MAX_BYTES / (bytes * a_day * 365);
        println!("{validators} validators: {bytes} bytes each, {years} years");
        years
    };
    assert!(years(4) >= 10);
    assert!(years(16) >= 2);
}

#[test]
fn a_removed_validators_signature_counts_up_to_the_stated_height_and_no_further() {
    let (chain, handovers, from) = changed();
    let trust = followed(&chain.genesis, &handovers);
    let federation = chain.federation();
    let verified = |height: Height, signers: &[usize]| {
        let header = Header {
            height,
            ..handovers[0].header
        };
        let certificate = certificate(&header, Round::new(0), voters(signers));
        CommittedHeader::verify(
            header,
            &certificate,
            &federation,
            trust.validators_at(height),
        )
    };
    let leaves = from[1];
    let before = Height::new(leaves.value() - 1);
    // Five vote before: four are needed, h0 is one of them.
    verified(before, &[0, 1, 2, 3]).unwrap();
    let without = verified(before, &[1, 2, 3]).unwrap_err();
    assert!(matches!(
        without,
        ChainError::Certificate(CertificateError::NoQuorum { .. })
    ));
    // From the stated height on it is a stranger, and three of four are enough.
    let refused = verified(leaves, &[0, 1, 2, 3]).unwrap_err();
    assert!(matches!(
        refused,
        ChainError::Certificate(CertificateError::UnknownValidator(_))
    ));
    verified(leaves, &[1, 2, 3]).unwrap();
    // Nor does one that joins count before.
    let early = verified(Height::new(from[0].value() - 1), &[1, 2, 3, 4]).unwrap_err();
    assert!(matches!(
        early,
        ChainError::Certificate(CertificateError::UnknownValidator(_))
    ));
    // Nor a key that was replaced afterwards.
    let former = verified(from[2], &[1, 2, 3]).unwrap_err();
    assert!(matches!(
        former,
        ChainError::Certificate(CertificateError::UnknownValidator(_))
    ));
}

#[test]
fn handovers_are_followed_in_order_with_none_left_out() {
    let (chain, handovers, _) = changed();
    let [first, second, third] = [0, 1, 2].map(|i: usize| handovers[i].handover());
    let mut trust = Trust::genesis(&chain.genesis);
    let untouched = trust.clone();
    // Four of the five who certify the second are those of genesis: the certificate alone would do.
    for wrong in [&second, &third] {
        trust.follow(wrong).unwrap_err();
        assert_eq!(trust, untouched);
    }
    let overlapping = Made {
        certificate: certificate(&handovers[1].header, Round::new(0), voters(&[0, 1, 2, 3])),
        ..handovers[1].clone()
    };
    assert_eq!(
        trust.follow(&overlapping.handover()),
        Err(HandoverError::OtherValidators)
    );
    trust.follow(&first).unwrap();
    let again = trust.follow(&first).unwrap_err();
    assert!(
        matches!(
            again,
            HandoverError::TooEarly { .. } | HandoverError::Proof { .. }
        ),
        "{again}"
    );
    trust.follow(&second).unwrap();
    trust.follow(&third).unwrap();
}

#[test]
fn an_old_handover_is_not_followed_again_when_the_same_validators_are_back() {
    let mut chain = Chain::new();
    let mut handovers = Vec::new();
    for (change, by) in [(join(4), &[0, 1, 2][..]), (leave(4), &[0, 1, 2, 3])] {
        let height = chain.change(change, by);
        handovers.push(chain.blocks_before(height)[0].clone());
        chain.block(Vec::new());
    }
    let mut trust = followed(&chain.genesis, &handovers);
    assert_eq!(
        *trust.validators_at(trust.since()),
        set(&voters(&[0, 1, 2, 3]))
    );
    let replayed = trust.follow(&handovers[0].handover()).unwrap_err();
    assert!(
        matches!(replayed, HandoverError::TooEarly { .. }),
        "{replayed}"
    );
}

#[test]
fn handovers_left_out_are_noticed_even_where_the_same_validators_are_back() {
    let mut chain = Chain::new();
    let mut handovers = Vec::new();
    let changes = [
        (join(4), &[0, 1, 2][..]),
        (leave(4), &[0, 1, 2, 3]),
        (leave(0), &[1, 2, 3]),
    ];
    for (change, by) in changes {
        let height = chain.change(change, by);
        handovers.push(chain.blocks_before(height)[0].clone());
        chain.block(Vec::new());
    }
    let mut trust = Trust::genesis(&chain.genesis);
    assert_eq!(
        trust.follow(&handovers[2].handover()),
        Err(HandoverError::OtherValidators)
    );
    // What the state says at a height is where exactly those handovers lead that hold by then.
    let schedule = chain.view().validator_schedule();
    let next = chain.ledger.parent().height.plus(1);
    let leads = |of: &[Made]| followed(&chain.genesis, of).leads_to(&schedule, next);
    assert!(leads(&handovers));
    for few in 0..handovers.len() {
        assert!(!leads(&handovers[..few]), "{few} handovers");
    }
}

#[test]
fn a_forged_handover_is_not_followed() {
    let mut chain = Chain::new();
    let from = chain.change(join(4), &[0, 1, 2]);
    let good = chain.block(Vec::new());
    let mut trust = Trust::genesis(&chain.genesis);
    let untouched = trust.clone();
    let signed = |names: &[String]| Made {
        certificate: certificate(&good.header, Round::new(0), names.to_vec()),
        ..good.clone()
    };
    // Too few; strangers; the newcomer among them; another federation's.
    let elsewhere = Header {
        federation: FederationId::from_bytes([1; 32]),
        ..good.header
    };
    let other = Made {
        certificate: certificate(&elsewhere, Round::new(0), voters(&[0, 1, 2])),
        ..good.clone()
    };
    let forged = [
        signed(&voters(&[0, 1])),
        signed(&[]),
        signed(&["x".to_owned(), "y".to_owned(), "z".to_owned()]),
        signed(&voters(&[0, 1, 4])),
        other,
    ];
    for made in forged {
        let refused = trust.follow(&made.handover()).unwrap_err();
        assert!(matches!(refused, HandoverError::Proof { .. }), "{refused}");
    }
    // A schedule of the forger's own under an honest header.
    let mut forger = Chain::new();
    forger.change(join(4), &[0, 1, 2]);
    let schedule = ValidatorSchedule {
        since: Height::new(1),
        current: chain.genesis.validators(),
        next: Some(ScheduledValidators {
            from,
            validators: Validators::collect([Validator {
                hospital: hospital(0),
                key: public("forger"),
            }])
            .unwrap(),
        }),
    };
    let value = Some(schedule.to_canonical_bytes());
    let lie = Made {
        schedule: forger.ledger.claim(Key::validators(), value),
        ..good.clone()
    };
    let refused = trust.follow(&lie.handover()).unwrap_err();
    assert!(matches!(refused, HandoverError::Proof { .. }), "{refused}");
    // A proof of something else; of a state in which nothing is scheduled.
    let other_key = Handover::new(KeyProof::new(
        good.header,
        good.certificate.clone(),
        good.epoch.clone(),
    ));
    assert_eq!(
        trust.follow(&other_key),
        Err(HandoverError::OtherKey {
            found: Key::current_epoch()
        })
    );
    let quiet = Chain::new().block(Vec::new());
    assert_eq!(
        trust.follow(&quiet.handover()),
        Err(HandoverError::NothingScheduled)
    );
    assert_eq!(trust, untouched);
    trust.follow(&good.handover()).unwrap();
}

#[test]
fn former_validators_cannot_certify_the_change_when_it_is_in_force_already() {
    // Three that are removed, with a quorum of genesis' keys, make a header of their own at the stated height: its state still
    // has the change as scheduled, so it would be a handover by those whom it removes.
    let mut chain = Chain::new();
    let from = chain.change(leave(0), &[0, 1, 2]);
    let shown = chain.blocks_before(from).pop().unwrap();
    for height in [from, from.plus(7)] {
        let header = Header {
            height,
            ..shown.header
        };
        let fork = Made {
            header,
            certificate: certificate(&header, Round::new(0), voters(&[0, 1, 2])),
            ..shown.clone()
        };
        let mut trust = Trust::genesis(&chain.genesis);
        assert_eq!(
            trust.follow(&fork.handover()),
            Err(HandoverError::TooLate { height, from })
        );
    }
}
