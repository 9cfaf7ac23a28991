//! What a crash leaves between two steps, on a state in memory.

use consilium_contracts::{
    AbeKeyBytes, Action, BlockContext, BlockTime, DoctorId, FederationId, Height, Hospitals,
    KgcCard, Leaf, Nonce, OrderedSet, RegisterDoctor, RevocationReason, RevokeDoctor, Settings,
    SigningKey, Transaction, VerifyingKey, apply, begin_block,
};
use consilium_contracts::{Digest, Epoch, Genesis, MemoryState, View};
use consilium_schemes::abe::{self, Depth};
use consilium_schemes::{matching, wrap};

use super::{Ledger, epoch};
use crate::home::Home;
use crate::secrets::SealedSecrets;
use crate::store::{Store, UpdateKeyEntry};

struct World {
    secrets: SealedSecrets,
    federation: FederationId,
    state: MemoryState,
    height: u64,
    store: Store,
    folder: tempfile::TempDir,
}

fn public(seed: u32) -> VerifyingKey {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&seed.to_be_bytes());
    SigningKey::from_bytes(&bytes).verifying_key()
}

fn hospital() -> consilium_contracts::HospitalCard {
    let rng = &mut rand::rng();
    let hpke_key = wrap::SecretKey::generate(rng).public_key().to_bytes();
    let context = matching::KeyContext {
        hospital: b"north",
        hpke_key: &hpke_key,
    };
    let keys = matching::HospitalSecretKeys::generate(rng).prove(&context, rng);
    consilium_contracts::HospitalCard {
        id: "north".parse().unwrap(),
        name: "North".parse().unwrap(),
        url: "https://north.example".parse().unwrap(),
        tls_pin: Digest::of(b"north"),
        signing_key: public(1),
        validator_key: public(2),
        peer_key: public(3),
        listen: "/ip4/127.0.0.1/tcp/1".parse().unwrap(),
        hpke_key: hpke_key.to_vec().try_into().unwrap(),
        matching_keys: keys.to_bytes().to_vec().try_into().unwrap(),
    }
}

impl World {
    fn new() -> Self {
        Self::of_depth(4)
    }

    fn of_depth(depth: u8) -> Self {
        let depth = Depth::new(depth).unwrap();
        let secrets = SealedSecrets::generate(depth, public(9).into(), &mut rand::rng());
        let parameters = secrets.master.public_parameters().to_bytes();
        let genesis = Genesis {
            name: "test".parse().unwrap(),
            created: BlockTime::new(1),
            parameters: parameters.try_into().unwrap(),
            token_key: secrets.tokens.public_key().to_bytes(),
            settings: Settings::default(),
            kgc: KgcCard {
                url: "https://kgc.example".parse().unwrap(),
                tls_pin: Digest::of(b"kgc"),
                signing_key: secrets.signing.verifying_key(),
                peer_key: public(4),
                listen: "/ip4/127.0.0.1/tcp/2".parse().unwrap(),
            },
            hospitals: Hospitals::collect([hospital()]).unwrap(),
            validators: OrderedSet::collect(["north".parse().unwrap()]).unwrap(),
        };
        let genesis = genesis.sign(&secrets.signing).verify().unwrap();
        let mut state = MemoryState::new();
        state.commit(&genesis.initial_state());
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Home::at(folder.path())).unwrap();
        let federation = genesis.federation();
        Self {
            secrets,
            federation,
            state,
            height: 0,
            store,
            folder,
        }
    }

    fn ledger(&self) -> Ledger<&MemoryState> {
        Ledger {
            view: View::new(&self.state),
            height: Height::new(self.height),
        }
    }

    /// A block with one transaction of the KGC.
    fn commit(&mut self, action: Action) {
        self.height += 1;
        let block = BlockContext {
            height: Height::new(self.height),
            time: BlockTime::new(1_000 * self.height),
        };
        let begun = begin_block(&self.state, &block);
        self.state.commit(&begun);
        let transaction = Transaction {
            federation: self.federation,
            sender: self.secrets.signing.verifying_key(),
            nonce: Nonce::new(self.height),
            expires: Height::new(self.height + 10),
            action,
        };
        let signed = transaction
            .sign(&self.secrets.signing)
            .verify(&self.federation)
            .unwrap();
        let done = apply(&self.state, &block, &signed).unwrap();
        self.state.commit(&done);
    }

    fn doctor(&mut self, seed: u32, leaf: u64) -> DoctorId {
        let abe_key: AbeKeyBytes = abe::user_keygen(&mut rand::rng())
            .1
            .to_bytes()
            .try_into()
            .unwrap();
        let (hospital, signing_key) = ("north".parse().unwrap(), public(seed));
        let leaf = Leaf::new(leaf);
        let register = RegisterDoctor {
            hospital,
            signing_key,
            abe_key,
            leaf,
        };
        self.commit(Action::RegisterDoctor(register));
        DoctorId::derive(&self.federation, &signing_key)
    }

    fn revoke(&mut self, doctor: DoctorId) {
        let reason = RevocationReason::Other;
        self.commit(Action::RevokeDoctor(RevokeDoctor { doctor, reason }));
    }

    fn prepare(&self) -> UpdateKeyEntry {
        let rng = &mut rand::rng();
        epoch::prepare(&self.secrets.master, &self.store, &self.ledger(), rng).unwrap()
    }

    /// The file of an update key, which must be there as its entry says.
    fn body(&self, entry: &UpdateKeyEntry) -> Vec<u8> {
        let path = self.store.update_key_file(entry).unwrap().unwrap();
        let body = std::fs::read(path).unwrap();
        assert_eq!(Digest::of(&body), entry.digest);
        body
    }

    fn nodes(&self, entry: &UpdateKeyEntry) -> usize {
        let key = abe::UpdateKey::from_bytes(&self.body(entry)).unwrap();
        key.nodes().count()
    }

    fn update_key_files(&self) -> Vec<String> {
        let folder = self.folder.path().join("update-keys");
        let files = std::fs::read_dir(folder).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    /// The process ends without a word and another is started.
    fn crash(self) -> Self {
        let Self {
            secrets,
            federation,
            state,
            height,
            store,
            folder,
        } = self;
        drop(store);
        let store = Store::open(&Home::at(folder.path())).unwrap();
        Self {
            secrets,
            federation,
            state,
            height,
            store,
            folder,
        }
    }
}

#[test]
fn an_update_key_is_made_once_per_epoch_and_a_later_revocation_waits_for_the_next() {
    let mut world = World::new();
    let ada = world.doctor(20, 0);
    let made = world.prepare();
    assert_eq!(world.nodes(&made), 1, "nobody is revoked: the root");
    let body = world.body(&made);
    // The crash: made, durable, not committed. Meanwhile a revocation is committed.
    world.revoke(ada);
    let again = world.prepare();
    assert_eq!((&made, body), (&again, world.body(&again)));
    world.commit(Action::PublishEpoch(epoch::action(&again)));
    let revoked = world.ledger().uncovered(&ada);
    assert_eq!(
        revoked,
        Some(Height::new(2)),
        "the epoch does not claim to cover it"
    );
    let next = world.prepare();
    assert_eq!(next.epoch, 2);
    assert_eq!(
        world.nodes(&next),
        4,
        "every node beside the revoked leaf's path"
    );
    world.commit(Action::PublishEpoch(epoch::action(&next)));
    assert_eq!(world.ledger().uncovered(&ada), None);
    assert_eq!(
        world.ledger().view.current_epoch().unwrap().epoch,
        Epoch::new(2)
    );
}

#[test]
fn an_epoch_whose_key_was_made_is_not_made_again_in_a_store_that_knows_more_than_the_ledger() {
    let mut world = World::new();
    let first = world.prepare();
    world.commit(Action::PublishEpoch(epoch::action(&first)));
    world.prepare();
    assert_eq!(world.store.last_update_key().unwrap().unwrap().epoch, 2);
    // A ledger that has forgotten epoch 1 is another one: its next epoch was made already.
    let ledger = Ledger {
        view: View::new(MemoryState::new()),
        height: Height::new(0),
    };
    let rng = &mut rand::rng();
    let kept = epoch::prepare(&world.secrets.master, &world.store, &ledger, rng).unwrap();
    assert_eq!(kept, first, "the one that was made, never a second");
}

#[test]
fn a_crash_between_the_pieces_leaves_nothing_and_the_epoch_is_made_anew() {
    let mut world = World::new();
    let ada = world.doctor(20, 0);
    // What a process that dies leaves: some pieces, written.
    let mut part = world.store.begin_update_key(Epoch::new(1)).unwrap();
    part.write(b"ABUK").unwrap();
    std::mem::forget(part);
    assert_eq!(world.update_key_files().len(), 1);
    let mut world = world.crash();
    assert_eq!(world.update_key_files(), [""; 0]);
    assert_eq!(world.store.last_update_key().unwrap(), None);
    world.revoke(ada);
    let made = world.prepare();
    assert_eq!(
        (made.epoch, world.nodes(&made)),
        (1, 4),
        "with what is revoked by now"
    );
    assert_eq!(world.update_key_files(), ["1.key"]);
    // A crash from here on changes nothing.
    let world = world.crash();
    assert_eq!(world.prepare(), made);
}

#[test]
fn a_crash_between_the_file_and_its_entry_leaves_a_file_that_counts_for_nothing() {
    let world = World::new();
    let mut part = world.store.begin_update_key(Epoch::new(1)).unwrap();
    part.write(b"whole, and never told to anybody").unwrap();
    part.keep().unwrap();
    let world = world.crash();
    assert_eq!(world.store.update_key(Epoch::new(1)).unwrap(), None);
    let made = world.prepare();
    assert_eq!(world.nodes(&made), 1, "it is replaced");
    assert_eq!(world.update_key_files(), ["1.key"]);
}

#[test]
fn an_epoch_whose_file_is_gone_or_damaged_has_no_second_update_key() {
    let world = World::new();
    let made = world.prepare();
    let path = world.store.update_key_file(&made).unwrap().unwrap();
    let again = |world: &World| {
        let rng = &mut rand::rng();
        epoch::prepare(&world.secrets.master, &world.store, &world.ledger(), rng)
    };
    for spoil in [
        |path: &std::path::Path| std::fs::write(path, b"cut").unwrap(),
        |path: &std::path::Path| std::fs::remove_file(path).unwrap(),
    ] {
        spoil(&path);
        let refused = again(&world).unwrap_err().to_string();
        assert!(
            refused.contains("1.key") && refused.contains("restore a backup"),
            "{refused}"
        );
    }
}

#[test]
fn an_epoch_of_the_largest_tree_is_made_in_pieces_and_excludes_who_is_revoked() {
    let mut world = World::of_depth(20);
    // Leaves are given in order, so every second one makes the most nodes: more than one piece.
    let doctors: Vec<_> = (0..2_100)
        .map(|leaf| world.doctor(100 + leaf, leaf.into()))
        .collect();
    let revoked = doctors.iter().step_by(2);
    revoked.for_each(|doctor| world.revoke(*doctor));
    let made = world.prepare();
    let key = abe::UpdateKey::from_bytes(&world.body(&made)).unwrap();
    let covered: std::collections::BTreeSet<_> = key.nodes().collect();
    assert!(covered.len() > abe::PIECE_NODES);
    let depth = Depth::new(20).unwrap();
    for leaf in 0..2_100 {
        let mut path = abe::Leaf::new(leaf, depth).unwrap().path();
        let is_covered = path.any(|node| covered.contains(&node));
        assert_eq!(is_covered, leaf % 2 == 1, "leaf {leaf}");
    }
}
