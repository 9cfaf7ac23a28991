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
use crate::secrets::SealedSecrets;
use crate::store::Store;

struct World {
    secrets: SealedSecrets,
    federation: FederationId,
    state: MemoryState,
    height: u64,
    store: Store,
    _folder: tempfile::TempDir,
}

fn public(seed: u8) -> VerifyingKey {
    SigningKey::from_bytes(&[seed; 32]).verifying_key()
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
        let depth = Depth::new(4).unwrap();
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
        let store = Store::open(&folder.path().join("store")).unwrap();
        let federation = genesis.federation();
        Self {
            secrets,
            federation,
            state,
            height: 0,
            store,
            _folder: folder,
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

    fn doctor(&mut self, seed: u8, leaf: u64) -> DoctorId {
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

    fn prepare(&self) -> crate::store::UpdateKeyEntry {
        let rng = &mut rand::rng();
        epoch::prepare(&self.secrets.master, &self.store, &self.ledger(), rng).unwrap()
    }
}

fn nodes(body: &[u8]) -> usize {
    abe::UpdateKey::from_bytes(body).unwrap().nodes().count()
}

#[test]
fn an_update_key_is_made_once_per_epoch_and_a_later_revocation_waits_for_the_next() {
    let mut world = World::new();
    let ada = world.doctor(20, 0);
    let made = world.prepare();
    assert_eq!(nodes(&made.body), 1, "nobody is revoked: the root");
    // The crash: made, durable, not committed. Meanwhile a revocation is committed.
    world.revoke(ada);
    let again = world.prepare();
    assert_eq!(
        (made.body.clone(), made.as_of),
        (again.body.clone(), again.as_of)
    );
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
        nodes(&next.body),
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
    assert_eq!(
        kept.body, first.body,
        "the one that was made, never a second"
    );
}
