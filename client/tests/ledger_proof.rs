//! Proofs for those who run no node: what they show, and every attack on them.

use crate::common::certified::certificate;
use crate::common::fixture::*;
use crate::common::standing::state_proof;
use consilium_client::ledger_proof::{LedgerProof, LedgerProofError, Proven, Standing, Subject};
use consilium_contracts::*;
use consilium_ledger::*;

/// The federation of the fixture, in which every hospital votes.
fn genesis(name: &str) -> VerifiedGenesis {
    let mut genesis = crate::common::fixture::genesis();
    genesis.name = name.parse().unwrap();
    genesis.validators = OrderedSet::collect(HOSPITALS.map(hospital)).unwrap();
    genesis.sign(&key("kgc")).verify().unwrap()
}

/// A ledger whose blocks nobody keeps: its state, and what its validators would sign.
pub struct Ledger {
    pub genesis: VerifiedGenesis,
    pub world: World,
}

impl Ledger {
    /// With epoch 1 and all doctors.
    fn new() -> Self {
        let genesis = genesis("three validators");
        let mut state = MemoryState::new();
        state.commit(&genesis.initial_state());
        let mut world = World {
            federation: genesis.federation(),
            state,
            height: 0,
            now: START,
            nonce: 0,
        };
        world.block(1);
        world.ok("kgc", epoch(1, 0));
        for (leaf, (name, at)) in DOCTORS.iter().enumerate() {
            world.ok("kgc", register_doctor(name, at, leaf as u64));
        }
        Self { genesis, world }
    }

    /// And record 1 of the north, which cleo of the south has read.
    pub fn with_record() -> Self {
        let mut ledger = Self::new();
        let world = &mut ledger.world;
        let registration = register_record(world, 1, "north", &["south"]);
        world.ok("north", registration);
        world.ok("north", authorize(1, "south", Scope::All));
        world.ok("cleo", trapdoor("south", 2));
        world.ok("north", index(1, "south"));
        world.match_all(&[("cleo", "south")]);
        let access = world.access(1, "cleo");
        world.ok("south", access);
        ledger
    }

    /// What stands under a key, as of the last block.
    fn state_proof(&self, of: &Key) -> (StateProof, StateRoot) {
        state_proof(&self.world.state, of)
    }

    /// The header of the next block, and what these hospitals' votes for it make.
    fn header(&self, state: StateRoot, voters: &[&str]) -> (Header, CommitCertificate) {
        let header = Header {
            federation: self.genesis.federation(),
            height: Height::new(self.world.height + 1),
            previous: BlockHash::from_bytes([1; 32]),
            proposer: ValidatorAddress::of(&public("north/validator")),
            time: BlockTime::new(self.world.now + 1),
            transactions: transaction_root(&[]),
            state,
        };
        let voters = voters.iter().map(|name| key(&format!("{name}/validator")));
        (header, certificate(&header, Round::new(0), voters))
    }

    fn key_proof(&self, key: &Key, voters: &[&str]) -> KeyProof {
        let (state, root) = self.state_proof(key);
        let (header, certificate) = self.header(root, voters);
        KeyProof::new(header, certificate, state)
    }

    pub fn proof(&self, subject: Subject) -> LedgerProof {
        LedgerProof::new(
            subject,
            Handovers::default(),
            self.key_proof(&subject.key(), &HOSPITALS),
        )
    }

    /// Through bytes, as whoever gets the file.
    fn proven(&self, subject: Subject) -> Result<Proven, LedgerProofError> {
        LedgerProof::from_bytes(&self.proof(subject).to_bytes())?.verify(&self.genesis)
    }

    fn standing(&self, subject: Subject) -> Standing {
        self.proven(subject).unwrap().standing
    }
}

const RECORD: Subject = Subject::Record(RecordId::from_bytes([1; 32]));
const AUTHORIZATION: Subject = Subject::Authorization(AuthorizationId::from_bytes([1; 32]));

fn report_of(doctor: Option<DoctorId>) -> Subject {
    let record = record_id(1);
    Subject::Report { record, doctor }
}

#[test]
fn what_stands_is_proven_from_the_genesis_alone_with_height_time_and_votes() {
    let mut ledger = Ledger::with_record();
    let proven = ledger.proven(RECORD).unwrap();
    assert_eq!(proven.height, Height::new(ledger.world.height));
    assert_eq!(proven.time, BlockTime::new(ledger.world.now + 1));
    assert_eq!((proven.signed, proven.validators), (3, 3));
    assert_eq!(proven.federation, ledger.genesis.federation());
    let entry = ledger.world.view().record(&record_id(1)).unwrap();
    assert_eq!(proven.standing, Standing::Record(Box::new(entry)));

    let live = ledger.standing(AUTHORIZATION);
    assert!(matches!(live, Standing::Authorization(entry) if entry.ended.is_none()));
    ledger.world.ok("north", withdraw(1));
    let over = ledger.standing(AUTHORIZATION);
    assert!(matches!(over, Standing::Authorization(entry) if entry.ended.is_some()));
    ledger.world.ok("record 1", withdraw_consent(1));
    let Standing::Record(entry) = ledger.standing(RECORD) else {
        panic!("no record");
    };
    let withdrawn = RecordStatus::Closed(CloseReason::ConsentWithdrawn);
    assert_eq!(entry.status, withdrawn);
}

#[test]
fn a_reports_digest_is_proven_and_so_is_that_there_is_none() {
    let mut ledger = Ledger::with_record();
    let cleo = ledger.world.doctor("cleo");
    assert!(matches!(
        ledger.standing(report_of(None)),
        Standing::NoReport(_)
    ));
    assert_eq!(ledger.standing(report_of(Some(cleo))), Standing::Absent);
    ledger.world.ok("cleo", report(1));
    let Standing::Report(entry) = ledger.standing(report_of(Some(cleo))) else {
        panic!("no report");
    };
    let sealed = reports::sealed(&ledger.world.federation, &record_id(1), "cleo");
    let digest = sealed.digest().into();
    assert_eq!((entry.digest, entry.acknowledged), (digest, None));
    // The record alone does not show whose report there is.
    let undecided = ledger.proven(report_of(None)).unwrap_err();
    assert!(matches!(undecided, LedgerProofError::Undecided { .. }));
    ledger.world.ok("record 1", acknowledge(1));
    let acknowledged = ledger.standing(report_of(Some(cleo)));
    assert!(matches!(acknowledged, Standing::Report(entry) if entry.acknowledged.is_some()));
}

#[test]
fn what_does_not_stand_is_proven_absent() {
    let ledger = Ledger::new();
    for subject in [RECORD, AUTHORIZATION, report_of(None)] {
        assert_eq!(ledger.standing(subject), Standing::Absent);
    }
}

#[test]
fn every_changed_byte_every_cut_and_every_byte_too_many_is_refused() {
    let ledger = Ledger::with_record();
    let bytes = ledger.proof(RECORD).to_bytes();
    let verify = |bytes: &[u8]| LedgerProof::from_bytes(bytes)?.verify(&ledger.genesis);
    verify(&bytes).unwrap();
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(verify(&changed).is_err(), "byte {place}");
        let cut = LedgerProof::from_bytes(&bytes[..place]);
        assert!(cut.is_err(), "cut at {place}");
    }
    for more in [&[0][..], &bytes] {
        let refused = LedgerProof::from_bytes(&[&bytes, more].concat()).unwrap_err();
        assert!(
            matches!(refused, LedgerProofError::Encoding(_)),
            "{refused}"
        );
    }
    let large = vec![0; LedgerProof::MAX_BYTES + 1];
    assert!(LedgerProof::from_bytes(&large).is_err());
    let other = ledger.genesis.signed().to_canonical_bytes();
    assert_eq!(
        LedgerProof::from_bytes(&other).unwrap_err(),
        LedgerProofError::Label
    );
}

#[test]
fn a_proof_holds_in_its_own_federation_only() {
    let ledger = Ledger::with_record();
    let proof = ledger.proof(RECORD);
    // The same hospitals, the same keys, another federation.
    let refused = proof.verify(&genesis("another")).unwrap_err();
    assert!(matches!(
        refused,
        LedgerProofError::Proof {
            error: ProofError::Header(ChainError::Federation { .. }),
            ..
        }
    ));
}

fn certificate_error(ledger: &Ledger, voters: &[&str]) -> CertificateError {
    let proof = ledger.key_proof(&RECORD.key(), voters);
    let refused = LedgerProof::new(RECORD, Handovers::default(), proof).verify(&ledger.genesis);
    match refused.unwrap_err() {
        LedgerProofError::Proof {
            error: ProofError::Header(ChainError::Certificate(error)),
            ..
        } => error,
        other => panic!("{other}"),
    }
}

#[test]
fn a_certificate_of_too_few_of_strangers_or_of_one_many_times_is_refused() {
    let ledger = Ledger::with_record();
    for voters in [&["north", "south"][..], &["north", "north", "north"], &[]] {
        let refused = certificate_error(&ledger, voters);
        assert!(matches!(refused, CertificateError::NoQuorum { .. }));
    }
    let refused = certificate_error(&ledger, &["north", "south", "east"]);
    assert!(matches!(refused, CertificateError::UnknownValidator(_)));
}

#[test]
fn a_proof_of_another_key_is_not_taken_for_what_it_is_said_to_be_of() {
    let ledger = Ledger::with_record();
    let of_another = ledger.key_proof(&Key::record(&record_id(2)), &HOSPITALS);
    let refused =
        LedgerProof::new(RECORD, Handovers::default(), of_another).verify(&ledger.genesis);
    assert!(matches!(
        refused.unwrap_err(),
        LedgerProofError::OtherKey { .. }
    ));
    let doctor = Some(ledger.world.doctor("ada"));
    let of_record = ledger.key_proof(&RECORD.key(), &HOSPITALS);
    let refused = LedgerProof::new(report_of(doctor), Handovers::default(), of_record)
        .verify(&ledger.genesis);
    assert!(matches!(
        refused.unwrap_err(),
        LedgerProofError::OtherKey { .. }
    ));
}

#[test]
fn an_old_header_does_not_carry_a_new_path_nor_a_new_header_an_old_one() {
    let mut ledger = Ledger::with_record();
    let (old_path, old_root) = ledger.state_proof(&RECORD.key());
    let old = ledger.header(old_root, &HOSPITALS);
    ledger.world.ok("record 1", withdraw_consent(1));
    let (new_path, new_root) = ledger.state_proof(&RECORD.key());
    let new = ledger.header(new_root, &HOSPITALS);
    for ((header, certificate), path) in [(old.clone(), new_path), (new.clone(), old_path)] {
        let mixed = KeyProof::new(header, certificate, path);
        let refused = LedgerProof::new(RECORD, Handovers::default(), mixed).verify(&ledger.genesis);
        assert!(matches!(
            refused.unwrap_err(),
            LedgerProofError::Proof {
                error: ProofError::State(_),
                ..
            }
        ));
    }
    // Nor is the certificate of one header one for the other.
    let (path, _) = ledger.state_proof(&RECORD.key());
    let mixed = KeyProof::new(new.0, old.1, path);
    let refused = LedgerProof::new(RECORD, Handovers::default(), mixed).verify(&ledger.genesis);
    assert!(matches!(
        refused.unwrap_err(),
        LedgerProofError::Proof {
            error: ProofError::Header(ChainError::OtherBlock { .. }),
            ..
        }
    ));
}
