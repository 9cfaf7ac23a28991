//! Other keys for a hospital that runs: whole or not at all, wherever a crash cuts it off.

use std::fs;

use consilium_client::file::{Existing, Readers, write_atomically};
use consilium_contracts::{Action, Canonical as _, Height, HospitalCard, Nonce, UpdateCard, View};
use consilium_gateway::{Rotation, RotationError, RotationRequest};
use consilium_service::hospital_file::read_hospital_file;

use crate::world::*;

/// What is on the ledger of a hospital, as its own node has it.
fn card(house: &House) -> HospitalCard {
    let entry = View::new(house.running().node().state()).hospital(&house.id);
    entry.unwrap().card
}

fn prepared(world: &World, house: &House, node: bool) -> Rotation {
    prepared_at(world, house, node, None)
}

fn prepared_at(world: &World, house: &House, node: bool, listen: Option<&str>) -> Rotation {
    let passphrase = passphrase();
    let request = RotationRequest {
        keys: &house.folder.join("gateway.keys"),
        hospital_file: &house.folder.join("hospital.json"),
        passphrase: Some(&passphrase),
        federation: world.federation.id(),
        validator: node,
        peer: node,
        tls: true,
        url: None,
        listen: listen.map(str::to_owned),
    };
    Rotation::prepare(&request, &mut rng()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_are_rotated_whole_or_not_at_all_and_the_gateway_goes_on_with_the_new_ones() {
    let mut world = World::new(settings()).await;
    let (keys, beside) = {
        let folder = &world.south.folder;
        (
            folder.join("gateway.keys"),
            folder.join("gateway.keys.next"),
        )
    };
    let former = fs::read(&keys).unwrap();
    let first = card(&world.south);

    // Cut off before the ledger heard of it: nothing counts, and the next call takes these keys up.
    let rotation = prepared(&world, &world.south, true);
    let update = rotation.update().clone();
    assert!(beside.exists());
    assert_eq!(fs::read(&keys).unwrap(), former);
    let refused = rotation.take_over(&first).unwrap_err();
    assert!(
        matches!(refused, RotationError::NotCommitted { .. }),
        "{refused}"
    );
    assert_eq!(fs::read(&keys).unwrap(), former);
    let again = prepared(&world, &world.south, true);
    assert!(!again.is_committed(&first));
    let key_of = |update: &consilium_contracts::UpdateCard| {
        [&update.validator_key, &update.peer_key].map(|proven| proven.as_ref().unwrap().key)
    };
    assert_eq!(key_of(again.update()), key_of(&update));

    // Cut off after the ledger has them: the next call only takes them over.
    let height = world.south.running().node().status().height;
    let signed = again.sign(&first, Nonce::new(7), Height::new(height.value() + 100));
    world.south.operator().submit(&signed).await.unwrap();
    drop(again);
    let second = card(&world.south);
    // With another address as well, that alone is left to say: the ledger would refuse the keys a second time.
    let more = prepared_at(&world, &world.south, true, Some("/ip4/127.0.0.1/tcp/1"));
    assert!(!more.is_committed(&second));
    let signed = more.sign(&second, Nonce::new(8), Height::new(height.value() + 100));
    let Action::UpdateCard(left) = &signed.transaction().action else {
        panic!("it updates the card");
    };
    let only = UpdateCard {
        listen: more.update().listen.clone(),
        ..UpdateCard::default()
    };
    assert_eq!(**left, only);
    drop(more);
    // One call at a time.
    let lock = Rotation::lock(&keys).unwrap();
    let refused = Rotation::lock(&keys).unwrap_err();
    assert!(matches!(refused, RotationError::Running(_)), "{refused}");
    drop(lock);
    Rotation::lock(&keys).unwrap();
    let last = prepared(&world, &world.south, true);
    assert!(last.is_committed(&second));
    last.take_over(&second).unwrap();
    assert!(!beside.exists());
    assert_ne!(fs::read(&keys).unwrap(), former);
    let public = read_hospital_file(&world.south.folder.join("hospital.json")).unwrap();
    assert_eq!(public, second);
    let kept = |card: &HospitalCard| (card.id.clone(), card.signing_key, card.hpke_key.clone());
    assert_eq!(kept(&public), kept(&first));
    assert_ne!(public.validator_key, first.validator_key);
    assert_ne!(public.peer_key, first.peer_key);
    assert_ne!(public.tls_pin, first.tls_pin);

    // Restarted, it answers under its new TLS key, its node is let in under its new name, and north finds it.
    world.south.stop().await;
    world.south.card = public.clone();
    world.south.start().await;
    authorize(&world.south, &world.north).await;
    authorize(&world.north, &world.south).await;
    let height = world.north.running().node().status().height;
    world.south.running().node().reached(height).await.unwrap();

    // The former keys are refused: the node's directory has moved on.
    world.south.stop().await;
    let renewed = fs::read(&keys).unwrap();
    write_atomically(&keys, &former, Readers::Owner, Existing::Replace).unwrap();
    let config = world.south.config();
    let refused = consilium_gateway::Gateway::start(config, Some(&passphrase())).await;
    let text = refused.err().unwrap().to_string();
    assert!(text.contains("never moves"), "{text}");
    write_atomically(&keys, &renewed, Readers::Owner, Existing::Replace).unwrap();
    world.south.start().await;
    assert_eq!(
        card(&world.south).to_canonical_bytes(),
        public.to_canonical_bytes()
    );
    world.end().await;
}
