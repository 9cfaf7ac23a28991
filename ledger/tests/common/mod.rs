//! A federation to test ledgers with: a KGC, hospitals, keys that follow from names.

pub mod certified;
pub mod chain;
pub mod replayed;

use consilium_contracts::*;
use consilium_ledger::{CommitCertificate, Header, Round};
use consilium_schemes::{abe, matching, tokens, wrap};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// A key that follows from a name.
pub fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(Digest::of(name.as_bytes()).as_bytes())
}

pub fn public(name: &str) -> VerifyingKey {
    key(name).verifying_key()
}

/// The name of hospital number `i`.
pub fn name(i: usize) -> String {
    format!("h{i}")
}

/// Precommits for a header, in a round, of those who hold the keys of these names.
pub fn certificate(
    header: &Header,
    round: Round,
    voters: impl IntoIterator<Item = String>,
) -> CommitCertificate {
    certified::certificate(header, round, voters.into_iter().map(|name| key(&name)))
}

fn blob<const MAX: usize>(bytes: &[u8]) -> Blob<MAX> {
    bytes.to_vec().try_into().unwrap()
}

/// What a federation is made of.
pub struct Plan {
    /// The hospitals' listen addresses; the first `validators` of them vote.
    pub hospitals: Vec<String>,
    pub validators: usize,
    pub kgc: String,
    pub created: BlockTime,
    pub heartbeat_ms: u64,
}

impl Plan {
    /// `hospitals` hospitals at made-up addresses, `validators` of which vote.
    pub fn of(hospitals: usize, validators: usize) -> Self {
        let address = |i: usize| format!("/ip4/127.0.0.1/tcp/{}", 4000 + i);
        Self {
            hospitals: (1..=hospitals).map(address).collect(),
            validators,
            kgc: address(0),
            created: BlockTime::new(1_000_000),
            heartbeat_ms: 10_000,
        }
    }

    pub fn genesis(&self) -> VerifiedGenesis {
        let mut rng = StdRng::seed_from_u64(7);
        let tree = abe::Tree::new(
            abe::TreeId::from_bytes([3; 32]),
            abe::Depth::new(4).unwrap(),
        );
        let (parameters, _) = abe::setup(tree, &mut rng);
        let cards = self
            .hospitals
            .iter()
            .enumerate()
            .map(|(i, listen)| card(i, listen));
        let voting = (0..self.validators).map(|i| name(i).parse().unwrap());
        let genesis = Genesis {
            name: "test federation".parse().unwrap(),
            created: self.created,
            parameters: blob(&parameters.to_bytes()),
            token_key: tokens::KeyPair::generate(&mut rng).public_key().to_bytes(),
            settings: Settings {
                n: 4,
                heartbeat_ms: self.heartbeat_ms,
                ..Settings::default()
            },
            kgc: KgcCard {
                url: "https://kgc.example".parse().unwrap(),
                tls_pin: Digest::of(b"kgc"),
                signing_key: public("kgc"),
                peer_key: public("kgc/peer"),
                listen: self.kgc.parse().unwrap(),
            },
            hospitals: Hospitals::collect(cards).unwrap(),
            validators: OrderedSet::collect(voting).unwrap(),
        };
        genesis.sign(&key("kgc")).verify().unwrap()
    }
}

/// The card of hospital number `i`.
pub fn card(i: usize, listen: &str) -> HospitalCard {
    let name = name(i);
    let mut rng = StdRng::from_seed(*Digest::of(name.as_bytes()).as_bytes());
    let hpke_key = wrap::SecretKey::generate(&mut rng).public_key().to_bytes();
    let context = matching::KeyContext {
        hospital: name.as_bytes(),
        hpke_key: &hpke_key,
    };
    let claimed = matching::HospitalSecretKeys::generate(&mut rng).prove(&context, &mut rng);
    HospitalCard {
        id: name.parse().unwrap(),
        name: format!("{name} hospital").parse().unwrap(),
        url: format!("https://{name}.example").parse().unwrap(),
        tls_pin: Digest::of(name.as_bytes()),
        signing_key: public(&name),
        validator_key: public(&format!("{name}/validator")),
        peer_key: public(&format!("{name}/peer")),
        listen: listen.parse().unwrap(),
        hpke_key: blob(&hpke_key),
        matching_keys: blob(&claimed.to_bytes()),
    }
}

/// A signed transaction.
pub fn transaction(
    federation: FederationId,
    sender: &str,
    nonce: u64,
    expires: u64,
    action: Action,
) -> SignedTransaction {
    let transaction = Transaction {
        federation,
        sender: public(sender),
        nonce: Nonce::new(nonce),
        expires: Height::new(expires),
        action,
    };
    transaction.sign(&key(sender))
}

/// Epoch 1, by the KGC: records can be registered after it.
pub fn first_epoch(federation: FederationId) -> SignedTransaction {
    let action = Action::PublishEpoch(PublishEpoch {
        epoch: abe::Epoch::new(1),
        update_key: Digest::of(b"update key"),
        as_of: Height::new(0),
    });
    transaction(federation, "kgc", 1, 5_000, action)
}

/// A record of a hospital; `number` makes it unique.
pub fn record(federation: FederationId, owner: usize, number: u64) -> SignedTransaction {
    let record_key = format!("record {number}");
    let terms = RecordTerms {
        record: record_id(number),
        owner: name(owner).parse().unwrap(),
        cthd: Digest::of(b"cthd"),
        ctsym: Digest::of(b"ctsym"),
        epoch: abe::Epoch::new(1),
        record_key: public(&record_key),
        rsa_key: Digest::of(b"rsa"),
        consent: Consent {
            hospitals: OrderedSet::collect([]).unwrap(),
            purposes: OrderedSet::collect([PurposeOfUse::Treatment]).unwrap(),
            expiry: BlockTime::new(u64::MAX / 2),
        },
    };
    let registration = terms.co_sign(&federation, &key(&record_key));
    let action = Action::RegisterRecord(Box::new(registration));
    transaction(federation, &name(owner), number, 5_000, action)
}

pub fn record_id(number: u64) -> RecordId {
    RecordId::from_bytes(*Digest::of(&number.to_be_bytes()).as_bytes())
}
