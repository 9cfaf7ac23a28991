//! A federation in memory: KGC, three hospitals, two doctors each, blocks on demand.

pub mod proofs;
pub mod reports;

use self::proofs::{N, completed, once};
use consilium_contracts::*;
use consilium_schemes::abe;
use consilium_schemes::matching::{self, HospitalSecretKeys};
use consilium_schemes::signature::{SigningKey, VerifyingKey};
use consilium_schemes::tokens;
use consilium_schemes::wrap;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::sync::OnceLock;

pub const WINDOW: u64 = 1_000;
pub const ANSWER: u64 = 2_000;
pub const REPORT: u64 = 5_000;
pub const CHALLENGE: u64 = 3_000;
pub const PERIOD: u64 = 50_000;
pub const START: u64 = 1_000_000;
pub const PREFILTER: Prefilter = Prefilter {
    bits: 256,
    weight: 8,
};
pub const HOSPITALS: [&str; 3] = ["north", "south", "west"];

/// A key that follows from a name.
pub fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(Digest::of(name.as_bytes()).as_bytes())
}

pub fn public(name: &str) -> VerifyingKey {
    key(name).verifying_key()
}

pub fn hospital(name: &str) -> HospitalId {
    name.parse().unwrap()
}

pub fn record_id(number: u8) -> RecordId {
    RecordId::from_bytes([number; 32])
}

pub fn authorization_id(number: u8) -> AuthorizationId {
    AuthorizationId::from_bytes([number; 32])
}

pub fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

pub fn time(offset: u64) -> BlockTime {
    BlockTime::new(START + offset)
}

pub fn bytes<const MAX: usize>(bytes: &[u8]) -> Blob<MAX> {
    bytes.to_vec().try_into().unwrap()
}

/// Real values of the schemes, made once.
pub struct Made {
    pub parameters: ParameterBytes,
    pub token_key: [u8; 32],
    pub abe_key: AbeKeyBytes,
    pub hpke_key: Blob<HPKE_KEY_LENGTH>,
    /// Of every hospital.
    pub hpke: wrap::SecretKey,
    pub matching: BTreeMap<&'static str, HospitalSecretKeys>,
}

pub fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut rng = StdRng::seed_from_u64(7);
        let tree = abe::Tree::new(
            abe::TreeId::from_bytes([3; 32]),
            abe::Depth::new(4).unwrap(),
        );
        let (parameters, _) = abe::setup(tree, &mut rng);
        let hpke = wrap::SecretKey::generate(&mut rng);
        let hpke_key = hpke.public_key().to_bytes();
        Made {
            parameters: bytes(&parameters.to_bytes()),
            token_key: tokens::KeyPair::generate(&mut rng).public_key().to_bytes(),
            abe_key: bytes(&abe::user_keygen(&mut rng).1.to_bytes()),
            matching: ["north", "south", "west", "east"]
                .map(|name| (name, HospitalSecretKeys::generate(&mut seeded(name))))
                .into(),
            hpke_key: bytes(&hpke_key),
            hpke,
        }
    })
}

fn seeded(name: &str) -> StdRng {
    StdRng::from_seed(*digest(name).as_bytes())
}

pub fn card(name: &str) -> HospitalCard {
    HospitalCard {
        id: hospital(name),
        name: format!("{name} hospital").parse().unwrap(),
        url: format!("https://{name}.example").parse().unwrap(),
        tls_pin: digest(name),
        signing_key: public(name),
        validator_key: public(&format!("{name}/validator")),
        peer_key: public(&format!("{name}/peer")),
        listen: "/ip4/127.0.0.1/tcp/4001".parse().unwrap(),
        hpke_key: made().hpke_key.clone(),
        matching_keys: proven_once(name),
    }
}

fn proven_once(name: &str) -> Blob<MAX_MATCHING_KEYS> {
    once(&format!("card {name}"), || proven(name).as_bytes().to_vec())
}

/// Matching keys of a hospital, with proofs.
fn proven(name: &str) -> Blob<MAX_MATCHING_KEYS> {
    let context = matching::KeyContext {
        hospital: name.as_bytes(),
        hpke_key: made().hpke_key.as_bytes(),
    };
    let claimed = made().matching[name].prove(&context, &mut seeded(&format!("{name}/proof")));
    bytes(&claimed.to_bytes())
}

pub fn genesis() -> Genesis {
    Genesis {
        name: "test federation".parse().unwrap(),
        created: BlockTime::new(START),
        parameters: made().parameters.clone(),
        token_key: made().token_key,
        settings: Settings {
            n: N.get(),
            matching_window_ms: WINDOW,
            assignment_deadline_ms: ANSWER,
            report_deadline_ms: REPORT,
            challenge_window_ms: CHALLENGE,
            challenge_limit: 2,
            challenge_period_ms: PERIOD,
            max_transaction_lifetime: 100,
            ..Settings::default()
        },
        kgc: KgcCard {
            url: "https://kgc.example".parse().unwrap(),
            tls_pin: digest("kgc"),
            signing_key: public("kgc"),
            peer_key: public("kgc/peer"),
            listen: "/ip4/127.0.0.1/tcp/4000".parse().unwrap(),
        },
        hospitals: Hospitals::collect(HOSPITALS.map(card)).unwrap(),
        validators: OrderedSet::collect([hospital("north")]).unwrap(),
    }
}

/// The doctors: name, hospital.
pub const DOCTORS: [(&str, &str); 6] = [
    ("ada", "north"),
    ("ben", "north"),
    ("cleo", "south"),
    ("dan", "south"),
    ("eve", "west"),
    ("fay", "west"),
];

#[derive(Clone)]
pub struct World {
    pub federation: FederationId,
    pub state: MemoryState,
    pub height: u64,
    pub now: u64,
    pub nonce: u64,
}

impl World {
    /// Genesis only.
    pub fn new() -> Self {
        Self::of(genesis())
    }

    /// A genesis in which these hospitals vote.
    pub fn voting(validators: &[&str]) -> Self {
        let validators = OrderedSet::collect(validators.iter().map(|name| hospital(name)));
        Self::of(Genesis {
            validators: validators.unwrap(),
            ..genesis()
        })
    }

    fn of(genesis: Genesis) -> Self {
        let genesis = genesis.sign(&key("kgc")).verify().unwrap();
        let mut state = MemoryState::new();
        state.commit(&genesis.initial_state());
        Self {
            federation: genesis.federation(),
            state,
            height: 0,
            now: START,
            nonce: 0,
        }
    }

    /// With epoch 1 and all doctors.
    pub fn populated() -> Self {
        Self::with_doctors(genesis())
    }

    /// As [`World::populated`], with a prefilter.
    pub fn filtered() -> Self {
        let mut genesis = genesis();
        genesis.settings.prefilter = Some(PREFILTER);
        Self::with_doctors(genesis)
    }

    fn with_doctors(genesis: Genesis) -> Self {
        let mut world = Self::of(genesis);
        world.block(1);
        world.ok("kgc", epoch(1, 0));
        for (leaf, (name, at)) in DOCTORS.iter().enumerate() {
            world.ok("kgc", register_doctor(name, at, leaf as u64));
        }
        world
    }

    pub fn view(&self) -> View<&MemoryState> {
        View::new(&self.state)
    }

    pub fn doctor(&self, name: &str) -> DoctorId {
        DoctorId::derive(&self.federation, &public(name))
    }

    pub fn context(&self) -> BlockContext {
        BlockContext {
            height: Height::new(self.height),
            time: BlockTime::new(self.now),
        }
    }

    /// The next block, `later` milliseconds after the last one.
    pub fn block(&mut self, later: u64) -> Vec<Event> {
        self.height += 1;
        self.now += later;
        let transition = begin_block(&self.state, &self.context());
        self.state.commit(&transition);
        transition.into_parts().1
    }

    /// With the proofs that the action lacks; see [`completed`].
    pub fn transaction(&mut self, sender: &str, action: Action) -> Transaction {
        self.nonce += 1;
        // The same height for many, so that they share proofs.
        let expires = Height::new((self.height / 50 + 1) * 50 + 10);
        Transaction {
            federation: self.federation,
            sender: public(sender),
            nonce: Nonce::new(self.nonce),
            expires,
            action: completed(self, sender, expires, action),
        }
    }

    pub fn submit_signed(&mut self, signed: SignedTransaction) -> Result<Vec<Event>, Rejection> {
        let verified = signed.verify(&self.federation)?;
        let transition = apply(&self.state, &self.context(), &verified)?;
        self.state.commit(&transition);
        Ok(transition.into_parts().1)
    }

    /// In the current block.
    pub fn submit(&mut self, sender: &str, action: Action) -> Result<Vec<Event>, Rejection> {
        let signed = self.transaction(sender, action).sign(&key(sender));
        self.submit_signed(signed)
    }

    /// Must be taken; a new block follows.
    #[track_caller]
    pub fn ok(&mut self, sender: &str, action: Action) -> Vec<Event> {
        let mut events = self.submit(sender, action).unwrap();
        events.extend(self.block(1));
        events
    }

    /// Must be refused; nothing changes.
    #[track_caller]
    pub fn refused(&mut self, sender: &str, action: Action) -> Rejection {
        let before = self.state.clone();
        let rejection = self.submit(sender, action).unwrap_err();
        assert_eq!(before, self.state);
        rejection
    }

    pub fn status(&self, record: u8) -> RecordStatus {
        self.view().record(&record_id(record)).unwrap().status
    }

    /// A record of the north, with consent for the south, its index at both, all doctors interested.
    pub fn with_record() -> Self {
        let mut world = Self::populated();
        let registration = register_record(&world, 1, "north", &["south"]);
        world.ok("north", registration);
        world.ok("north", authorize(1, "south", Scope::Record(record_id(1))));
        for (interests, (name, at)) in DOCTORS.iter().enumerate() {
            world.ok(name, trapdoor(at, 1 + interests as u8 % 3));
        }
        world.ok("north", index(1, "north"));
        world.ok("north", index(1, "south"));
        world
    }

    /// By the authorization in force, if one is needed; its proof is made with the transaction.
    pub fn matched(&self, record: u8, doctor: &str) -> Action {
        let (record, doctor) = (record_id(record), self.doctor(doctor));
        let known = self.view().record(&record).zip(self.view().doctor(&doctor));
        let authorization = known.and_then(|(entry, doctor)| {
            let now = BlockTime::new(self.now);
            let by = self.view().authorization_for(&entry, &doctor.hospital, now);
            by.map(|one| one.id)
        });
        Action::PostMatch(PostMatch {
            record,
            doctor,
            authorization,
            proof: bytes(&[]),
        })
    }

    pub fn challenge(&self, record: u8, doctor: &str) -> Action {
        Action::Challenge(Challenge {
            record: record_id(record),
            doctor: self.doctor(doctor),
        })
    }

    /// Its proof, of what is true, is made with the transaction.
    pub fn answer(&self, record: u8, doctor: &str) -> Action {
        Action::AnswerChallenge(AnswerChallenge {
            record: record_id(record),
            doctor: self.doctor(doctor),
            proof: bytes(&[]),
        })
    }

    pub fn access(&self, record: u8, doctor: &str) -> Action {
        Action::Access(Access {
            record: record_id(record),
            doctor: self.doctor(doctor),
        })
    }

    pub fn decline(&self, record: u8, doctor: &str) -> Action {
        let (record, doctor) = (record_id(record), self.doctor(doctor));
        Action::Decline(Decline {
            record,
            doctor,
            reason: DeclineReason::Unavailable,
        })
    }

    pub fn revoke(&self, doctor: &str) -> Action {
        let doctor = self.doctor(doctor);
        Action::RevokeDoctor(RevokeDoctor {
            doctor,
            reason: RevocationReason::Departed,
        })
    }

    /// Matches of these doctors, then the end of the window.
    pub fn match_all(&mut self, doctors: &[(&str, &str)]) -> Vec<Event> {
        for (name, at) in doctors {
            let action = self.matched(1, name);
            self.ok(at, action);
        }
        self.block(WINDOW)
    }
}

pub fn epoch(number: u64, as_of: u64) -> Action {
    let (epoch, as_of) = (Epoch::new(number), Height::new(as_of));
    Action::PublishEpoch(PublishEpoch {
        epoch,
        update_key: digest("update key"),
        as_of,
    })
}

pub fn register_doctor(name: &str, at: &str, leaf: u64) -> Action {
    Action::RegisterDoctor(RegisterDoctor {
        hospital: hospital(at),
        signing_key: public(name),
        abe_key: made().abe_key.clone(),
        leaf: Leaf::new(leaf),
    })
}

pub fn record_key(number: u8) -> String {
    format!("record {number}")
}

pub fn terms(number: u8, owner: &str, consented: &[&str]) -> RecordTerms {
    RecordTerms {
        record: record_id(number),
        owner: hospital(owner),
        cthd: digest("cthd"),
        ctsym: digest("ctsym"),
        epoch: Epoch::new(1),
        record_key: public(&record_key(number)),
        rsa_key: Digest::of(reports::report_key().as_bytes()),
        consent: Consent {
            hospitals: OrderedSet::collect(consented.iter().map(|name| hospital(name))).unwrap(),
            purposes: OrderedSet::collect([PurposeOfUse::Treatment]).unwrap(),
            expiry: time(100_000),
        },
    }
}

pub fn co_sign(federation: &FederationId, number: u8, terms: RecordTerms) -> Action {
    let registration = terms.co_sign(federation, &key(&record_key(number)));
    Action::RegisterRecord(Box::new(registration))
}

pub fn register_record(world: &World, number: u8, owner: &str, consented: &[&str]) -> Action {
    co_sign(&world.federation, number, terms(number, owner, consented))
}

pub fn authorize(number: u8, to: &str, scope: Scope) -> Action {
    Action::Authorize(Authorize {
        id: authorization_id(number),
        to: hospital(to),
        scope,
        purpose: PurposeOfUse::Treatment,
        expiry: time(90_000),
    })
}

pub fn withdraw(number: u8) -> Action {
    Action::WithdrawAuthorization(WithdrawAuthorization {
        id: authorization_id(number),
    })
}

pub fn withdraw_consent(number: u8) -> Action {
    Action::WithdrawConsent(WithdrawConsent {
        record: record_id(number),
    })
}

/// Its bytes are made with the transaction.
pub fn index(number: u8, to: &str) -> Action {
    Action::PostIndex(PostIndex {
        record: record_id(number),
        to: hospital(to),
        index: bytes(&[]),
        filter: None,
    })
}

/// Its bytes are made with the transaction, for so many interests.
pub fn trapdoor(at: &str, interests: u8) -> Action {
    Action::PostTrapdoor(PostTrapdoor {
        hospital: hospital(at),
        trapdoor: bytes(&[interests]),
        expiry: time(80_000),
        filter: None,
    })
}

/// Its digest is made with the transaction.
pub fn report(number: u8) -> Action {
    Action::Report(Report {
        record: record_id(number),
        digest: digest("report"),
    })
}

/// One that does not open; its digest is made with the transaction.
pub fn broken_report(number: u8) -> Action {
    Action::Report(Report {
        record: record_id(number),
        digest: digest("broken report"),
    })
}

/// Shows nothing yet: what it shows is made with the transaction.
pub fn undecrypted(number: u8) -> Decrypted {
    Decrypted {
        record: record_id(number),
        key: bytes(&[]),
        c: bytes(&[]),
        header: digest("header"),
        ciphertext: digest("ciphertext"),
        proof: bytes(&[]),
    }
}

pub fn acknowledge(number: u8) -> Action {
    Action::Acknowledge(Box::new(undecrypted(number)))
}

pub fn complain(number: u8) -> Action {
    Action::Complain(Box::new(Complain {
        decrypted: undecrypted(number),
        reason: ComplaintReason::Incomplete,
    }))
}

pub fn join(name: &str) -> ValidatorChange {
    ValidatorChange::Join {
        hospital: hospital(name),
    }
}

pub fn leave(name: &str) -> ValidatorChange {
    ValidatorChange::Leave {
        hospital: hospital(name),
    }
}

pub fn propose(change: ValidatorChange) -> Action {
    Action::ProposeValidatorChange(change)
}

pub fn approve(change: ValidatorChange, proposed: u64) -> Action {
    Action::ApproveValidatorChange(ApproveValidatorChange {
        change,
        proposed: Height::new(proposed),
    })
}

/// New keys of a hospital, from names.
pub fn rotated(
    federation: &FederationId,
    name: &str,
    validator: Option<&str>,
    peer: Option<&str>,
) -> UpdateCard {
    let proven = |usage, new: &str| ProvenKey::prove(federation, &public(name), usage, &key(new));
    UpdateCard {
        validator_key: validator.map(|new| proven(KeyUse::Validator, new)),
        peer_key: peer.map(|new| proven(KeyUse::Peer, new)),
        ..UpdateCard::default()
    }
}

pub fn update(update: UpdateCard) -> Action {
    Action::UpdateCard(Box::new(update))
}

/// What it reveals is made with the transaction: of a report that opens.
pub fn dispute(number: u8) -> Action {
    Action::Dispute(Box::new(Dispute {
        record: record_id(number),
        key: reports::report_key(),
        evidence: bytes(&[]),
    }))
}
