//! The federation that is measured: its genesis, and the transactions of its hospitals.
//!
//! The hospitals `h0`, `h1`, .. vote; each runs a node. `consulted` gets the indexes; it and the KGC are members without a node
//! here, for nobody submits at them. All keys follow from names: nothing is secret in a benchmark.

use std::fs;
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use consilium_contracts::{
    Action, AuthorizationId, Authorize, Blob, BlockTime, Canonical as _, Consent, Digest, DoctorId,
    Epoch, FederationId, Genesis, Height, HospitalCard, HospitalId, Hospitals, KgcCard, Leaf,
    Nonce, OrderedSet, PostIndex, PostMatch, PostTrapdoor, PublishEpoch, PurposeOfUse, RecordId,
    RecordTerms, RegisterDoctor, Scope, Settings, SignedGenesis, SignedTransaction, SigningKey,
    StateRead, Transaction, VerifiedGenesis, VerifyingKey, View, index_context, match_context,
    trapdoor_context,
};
use consilium_node::NeverVoted;
use consilium_schemes::matching::posting::post_trapdoor;
use consilium_schemes::{abe, match_proof, matching, tokens, wrap};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::failure::Failure;

/// Keywords per record.
pub const N: u16 = 16;
/// Keywords that a record really has; the rest is padding.
const KEYWORDS: u64 = 8;
/// Levels of the revocation tree: nobody is revoked here.
const DEPTH: u8 = 10;
/// Who gets the indexes.
const CONSULTED: &str = "consulted";
/// The name of its one doctor's key.
const DOCTOR: &str = "doctor";
/// The file in a federation's folder that every node begins with.
const GENESIS: &str = "genesis";
/// No transaction of a run is applied at a later height.
const EXPIRES: Height = Height::new(9_000);
/// How long consent and authorizations last.
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A key that follows from a name.
fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(Digest::of(name.as_bytes()).as_bytes())
}

fn public(name: &str) -> VerifyingKey {
    key(name).verifying_key()
}

/// The name of hospital number `i`.
fn name(i: usize) -> String {
    format!("h{i}")
}

fn blob<const MAX: usize>(bytes: &[u8]) -> Result<Blob<MAX>, Failure> {
    Ok(bytes.to_vec().try_into()?)
}

/// A generator that follows from a name.
pub fn random(name: &str) -> StdRng {
    StdRng::from_seed(*Digest::of(name.as_bytes()).as_bytes())
}

/// The matching keys of `consulted`, to which every index is encrypted.
pub fn consulted_keys() -> matching::HospitalSecretKeys {
    matching::HospitalSecretKeys::generate(&mut random("consulted/matching"))
}

/// What node number `hospital` signs with: its network identity and its votes.
pub fn node_keys(hospital: usize) -> (SigningKey, SigningKey) {
    let name = name(hospital);
    (
        key(&format!("{name}/peer")),
        key(&format!("{name}/validator")),
    )
}

/// Where it stands that the validator key of node number `hospital` never voted.
pub fn never_voted(folder: &Path, hospital: usize) -> PathBuf {
    folder.join(format!("never-voted-{hospital}"))
}

/// A federation whose hospitals `h0`.. vote.
pub struct Federation {
    pub genesis: VerifiedGenesis,
    pub validators: usize,
}

impl Federation {
    /// One whose nodes are never started.
    pub fn draft(validators: usize) -> Result<Self, Failure> {
        Self::at(&vec![0; validators + 2], validators)
    }

    /// One on ports that are free just now, kept in `folder`.
    pub fn found(folder: &Path, validators: usize) -> Result<Self, Failure> {
        let federation = Self::at(&free_ports(validators + 2)?, validators)?;
        let bytes = federation.genesis.signed().to_canonical_bytes();
        fs::write(folder.join(GENESIS), bytes)?;
        for hospital in 0..validators {
            let (_, key) = node_keys(hospital);
            NeverVoted::write(&never_voted(folder, hospital), &key.verifying_key())?;
        }
        Ok(federation)
    }

    /// The one that [`Federation::found`] keeps in `folder`.
    pub fn open(folder: &Path) -> Result<VerifiedGenesis, Failure> {
        let bytes = fs::read(folder.join(GENESIS))?;
        Ok(SignedGenesis::from_bytes(&bytes)?.verify()?)
    }

    fn at(ports: &[u16], validators: usize) -> Result<Self, Failure> {
        let rng = &mut random("federation");
        let tree = abe::Tree::new(abe::TreeId::from_bytes([1; 32]), abe::Depth::new(DEPTH)?);
        let (parameters, _) = abe::setup(tree, rng);
        let mut listen = ports
            .iter()
            .map(|port| format!("/ip4/127.0.0.1/tcp/{port}"));
        let mut address = || listen.next().unwrap_or_default();
        let kgc = KgcCard {
            url: "https://kgc.example".parse()?,
            tls_pin: Digest::of(b"kgc"),
            signing_key: public("kgc"),
            peer_key: public("kgc/peer"),
            listen: address().parse()?,
        };
        let names = (0..validators).map(name).chain([CONSULTED.to_owned()]);
        let cards = names.map(|name| card(&name, &address()));
        let voting = (0..validators).map(|i| name(i).parse());
        let genesis = Genesis {
            name: "benchmark".parse()?,
            created: now(),
            parameters: blob(&parameters.to_bytes())?,
            token_key: tokens::KeyPair::generate(rng).public_key().to_bytes(),
            settings: Settings {
                n: N,
                ..Settings::default()
            },
            kgc,
            hospitals: Hospitals::collect(cards.collect::<Result<Vec<_>, _>>()?)?,
            validators: OrderedSet::collect(voting.collect::<Result<Vec<HospitalId>, _>>()?)?,
        };
        let genesis = genesis.sign(&key("kgc")).verify()?;
        Ok(Self {
            genesis,
            validators,
        })
    }

    /// How many hospitals post indexes.
    pub fn owners(&self) -> usize {
        self.validators.min(OWNERS)
    }

    /// Epoch 1, by the KGC.
    pub fn epoch(&self) -> SignedTransaction {
        let action = Action::PublishEpoch(PublishEpoch {
            epoch: Epoch::new(1),
            update_key: Digest::of(b"update key"),
            as_of: Height::new(0),
        });
        self.sign("kgc", 0, action)
    }

    /// An owner's authorization of `consulted` for all of its records.
    pub fn authorization(&self, owner: usize) -> Result<SignedTransaction, Failure> {
        let action = Action::Authorize(Authorize {
            id: authorization_id(owner),
            to: CONSULTED.parse()?,
            scope: Scope::All,
            purpose: PurposeOfUse::Treatment,
            expiry: self.in_a_year(),
        });
        Ok(self.sign(&name(owner), 0, action))
    }

    /// The registration of record `number` by its owner, co-signed by the patient.
    pub fn record(&self, owner: usize, number: usize) -> Result<SignedTransaction, Failure> {
        let terms = self.terms(owner, number)?;
        let registration = terms.co_sign(&self.id(), &record_key(number));
        let action = Action::RegisterRecord(Box::new(registration));
        Ok(self.sign(&name(owner), 2 * number as u64 + 1, action))
    }

    fn terms(&self, owner: usize, number: usize) -> Result<RecordTerms, Failure> {
        Ok(RecordTerms {
            record: record_id(number),
            owner: name(owner).parse()?,
            cthd: Digest::of(b"cthd"),
            ctsym: Digest::of(b"ctsym"),
            epoch: Epoch::new(1),
            record_key: record_key(number).verifying_key(),
            rsa_key: Digest::of(b"rsa"),
            consent: Consent {
                hospitals: OrderedSet::collect([CONSULTED.parse()?])?,
                purposes: OrderedSet::collect([PurposeOfUse::Treatment])?,
                expiry: self.in_a_year(),
            },
        })
    }

    /// The posts of the records' indexes to `consulted`, by their owners: what is measured. Made on all cores.
    pub fn posts(
        &self,
        indexes: &Indexes,
        numbers: Range<usize>,
    ) -> Result<Vec<SignedTransaction>, Failure> {
        let to = consulted_keys().public_keys();
        let post = |number| self.post(number % self.owners(), number, indexes.get(number)?, &to);
        on_all_cores(numbers, post).into_iter().collect()
    }

    /// The post of one index.
    pub fn post(
        &self,
        owner: usize,
        number: usize,
        index: &matching::Index,
        to: &matching::HospitalKeys,
    ) -> Result<SignedTransaction, Failure> {
        let (terms, consulted) = (self.terms(owner, number)?, CONSULTED.parse()?);
        let context = index_context(&self.id(), &terms, &consulted, EXPIRES);
        let posted = index.post(to, &context, &mut random(&format!("post {number}")));
        let action = Action::PostIndex(PostIndex {
            record: terms.record,
            to: consulted,
            index: blob(&posted.to_bytes())?,
            filter: None,
        });
        Ok(self.sign(&name(owner), 2 * number as u64 + 2, action))
    }

    /// The registration of the one doctor of `consulted`.
    pub fn doctor(&self) -> Result<SignedTransaction, Failure> {
        let abe_key = abe::user_keygen(&mut random("doctor/abe")).1;
        let action = Action::RegisterDoctor(RegisterDoctor {
            hospital: CONSULTED.parse()?,
            signing_key: public(DOCTOR),
            abe_key: blob(&abe_key.to_bytes())?,
            leaf: Leaf::new(0),
        });
        Ok(self.sign("kgc", 1, action))
    }

    /// The doctor's interests.
    pub fn trapdoor(
        &self,
        interests: &[tokens::KeywordToken],
    ) -> Result<SignedTransaction, Failure> {
        let (doctor, consulted) = (self.doctor_id(), CONSULTED.parse()?);
        let context = trapdoor_context(&self.id(), &doctor, &consulted, EXPIRES);
        let (n, to) = (matching::IndexSize::new(N)?, consulted_keys().public_keys());
        let posted = post_trapdoor(n, interests, &to, &context, &mut random("trapdoor"))?;
        let action = Action::PostTrapdoor(PostTrapdoor {
            hospital: consulted,
            trapdoor: blob(&posted.to_bytes())?,
            expiry: self.in_a_year(),
            filter: None,
        });
        Ok(self.sign(DOCTOR, 0, action))
    }

    /// That the doctor matches record `number` of `owner`, proven for what `state` has of both.
    pub fn matched(
        &self,
        state: &impl StateRead,
        owner: usize,
        number: usize,
    ) -> Result<SignedTransaction, Failure> {
        let missing = || Failure::new(format!("record {number} or the doctor posted nothing"));
        let (terms, doctor) = (self.terms(owner, number)?, self.doctor_id());
        let (view, consulted) = (View::new(state), CONSULTED.parse()?);
        let n = matching::IndexSize::new(N)?;
        let index = view.index(&terms.record, &consulted).ok_or_else(missing)?;
        let trapdoor = view.trapdoor(&consulted, &doctor).ok_or_else(missing)?;
        let (by, keys) = (authorization_id(owner), consulted_keys());
        let context = match_context(&self.id(), &terms, &doctor, &consulted, Some(by), EXPIRES);
        let statement = match_proof::Statement {
            index: &matching::EncryptedIndex::from_bytes(index.index.as_bytes(), n)?,
            trapdoor: &matching::EncryptedTrapdoor::from_bytes(trapdoor.trapdoor.as_bytes(), n)?,
            keys: &keys.public_keys(),
            context: &context,
        };
        let proof = match_proof::prove(&statement, &keys, &mut random(&format!("match {number}")))?;
        let action = Action::PostMatch(PostMatch {
            record: terms.record,
            doctor,
            authorization: Some(by),
            proof: blob(&proof.to_bytes())?,
        });
        Ok(self.sign(CONSULTED, number as u64, action))
    }

    fn doctor_id(&self) -> DoctorId {
        DoctorId::derive(&self.id(), &public(DOCTOR))
    }

    fn sign(&self, sender: &str, nonce: u64, action: Action) -> SignedTransaction {
        let transaction = Transaction {
            federation: self.id(),
            sender: public(sender),
            nonce: Nonce::new(nonce),
            expires: EXPIRES,
            action,
        };
        transaction.sign(&key(sender))
    }

    fn id(&self) -> FederationId {
        self.genesis.federation()
    }

    fn in_a_year(&self) -> BlockTime {
        let year = u64::try_from(YEAR.as_millis()).unwrap_or(u64::MAX);
        self.genesis.genesis().created.plus(year)
    }
}

fn authorization_id(owner: usize) -> AuthorizationId {
    AuthorizationId::from_bytes(*Digest::of(name(owner).as_bytes()).as_bytes())
}

/// More hospitals than these do not post: with more validators only the replication changes.
const OWNERS: usize = 4;

fn record_key(number: usize) -> SigningKey {
    key(&format!("record {number}"))
}

fn record_id(number: usize) -> RecordId {
    RecordId::from_bytes(*Digest::of(&number.to_be_bytes()).as_bytes())
}

fn card(name: &str, listen: &str) -> Result<HospitalCard, Failure> {
    let hpke_key = wrap::SecretKey::generate(&mut random(name))
        .public_key()
        .to_bytes();
    let context = matching::KeyContext {
        hospital: name.as_bytes(),
        hpke_key: &hpke_key,
    };
    let secret = match name {
        CONSULTED => consulted_keys(),
        _ => matching::HospitalSecretKeys::generate(&mut random(&format!("{name}/matching"))),
    };
    let claimed = secret.prove(&context, &mut random(&format!("{name}/proof")));
    Ok(HospitalCard {
        id: name.parse()?,
        name: format!("Hospital {name}").parse()?,
        url: format!("https://{name}.example").parse()?,
        tls_pin: Digest::of(name.as_bytes()),
        signing_key: public(name),
        validator_key: public(&format!("{name}/validator")),
        peer_key: public(&format!("{name}/peer")),
        listen: listen.parse()?,
        hpke_key: blob(&hpke_key)?,
        matching_keys: blob(&claimed.to_bytes())?,
    })
}

/// Ports that nobody listens on just now.
fn free_ports(count: usize) -> Result<Vec<u16>, Failure> {
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<_, _>>()?;
    let port = |listener: &TcpListener| Ok::<_, Failure>(listener.local_addr()?.port());
    held.iter().map(port).collect()
}

fn now() -> BlockTime {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    BlockTime::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Indexes of records, made once and posted in every run: no ledger has two alike.
#[derive(Default)]
pub struct Indexes(Vec<matching::Index>);

impl Indexes {
    /// Makes more, on all cores, until there are `count`.
    pub fn grow_to(&mut self, count: usize) {
        let made = on_all_cores(self.0.len()..count, |number| index(number).ok());
        self.0.extend(made.into_iter().flatten());
    }

    /// Index number `number`, if it was made.
    fn get(&self, number: usize) -> Result<&matching::Index, Failure> {
        let missing = || Failure::new(format!("index {number} was not made"));
        self.0.get(number).ok_or_else(missing)
    }
}

/// What `make` makes of each number, in order.
fn on_all_cores<T: Send>(numbers: Range<usize>, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let numbers: Vec<usize> = numbers.collect();
    let share = numbers.len().div_ceil(crate::machine::cores()).max(1);
    std::thread::scope(|scope| {
        let (make, shares) = (&make, numbers.chunks(share));
        let each = |share: &[usize]| share.iter().map(|number| make(*number)).collect::<Vec<T>>();
        let workers: Vec<_> = shares
            .map(|share| scope.spawn(move || each(share)))
            .collect();
        let done = workers.into_iter().map(|worker| worker.join());
        done.flatten().flatten().collect()
    })
}

/// IndexBuild over a record's keywords.
fn index(number: usize) -> Result<matching::Index, Failure> {
    let rng = &mut random(&format!("index {number}"));
    let keywords = (0..KEYWORDS).map(|keyword| {
        let mut bytes = *Digest::of(format!("{number}/{keyword}").as_bytes()).as_bytes();
        // Below the order of the group.
        bytes.iter_mut().take(1).for_each(|first| *first = 0);
        tokens::KeywordToken::from_bytes(&bytes)
    });
    let keywords = keywords.collect::<Result<Vec<_>, _>>()?;
    Ok(matching::index_build(
        matching::IndexSize::new(N)?,
        &keywords,
        rng,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_needs_distinct_indexes_that_verify() {
        let mut indexes = Indexes::default();
        indexes.grow_to(3);
        assert_eq!(indexes.0.len(), 3);
        assert_ne!(indexes.0[0], indexes.0[1]);
        let federation = Federation::draft(1).unwrap();
        let posts = federation.posts(&indexes, 1..3).unwrap();
        assert_eq!(posts.len(), 2);
        for post in posts {
            post.verify(&federation.id()).unwrap();
        }
        assert!(federation.posts(&indexes, 2..4).is_err());
    }
}
