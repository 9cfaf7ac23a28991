//! Snapshots of hospitals that are no longer where, or who, genesis says.

use std::fs;

use consilium_contracts::{Height, HospitalCard, Nonce, View};
use consilium_gateway::{Gateway, Rotation, RotationRequest};
use consilium_node::History;

use crate::world::*;

const LITTLE: History = History {
    archive: false,
    keep_blocks: 20,
    snapshot_every: 10,
};

/// North answers under another TLS key, which the ledger names; its card.
async fn rotated(world: &mut World) -> HospitalCard {
    let passphrase = passphrase();
    let north = &mut world.north;
    let request = RotationRequest {
        keys: &north.folder.join("gateway.keys"),
        hospital_file: &north.folder.join("hospital.json"),
        passphrase: Some(&passphrase),
        federation: world.federation.id(),
        validator: false,
        peer: false,
        tls: true,
        url: None,
        listen: None,
    };
    let rotation = Rotation::prepare(&request, &mut rng()).unwrap();
    let height = north.running().node().status().height;
    let signed = rotation.sign(
        &north.card,
        Nonce::new(7),
        Height::new(height.value() + 100),
    );
    north.operator().submit(&signed).await.unwrap();
    let entry = View::new(north.running().node().state()).hospital(&north.id);
    let card = entry.unwrap().card;
    rotation.take_over(&card).unwrap();
    north.stop().await;
    north.card = card.clone();
    north.start().await;
    card
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_snapshot_is_fetched_from_who_has_another_tls_key_than_at_genesis() {
    let mut world = World::keeping(settings(), LITTLE).await;
    let card = rotated(&mut world).await;
    let height = world.north.running().node().status().height;
    world.south.running().node().reached(height).await.unwrap();
    let height = world.south.running().node().status().height;
    // From now on north is the only one who could give one.
    world.south.stop().await;
    world.stop_kgc().await;
    let pruned_beyond = async |height: Height| {
        wait("the pruning", async || {
            let oldest = world.north.running().node().status().oldest_block;
            (oldest > height.plus(1)).then_some(())
        })
        .await;
    };
    pruned_beyond(height).await;

    // Its own store names north's new key.
    world.south.start().await;
    let status = world.south.running().node().status();
    assert!(status.oldest_block > height.plus(1), "it began anew");
    world.south.stop().await;

    // A machine that starts from nothing knows genesis alone, and asks under the former key in vain.
    fs::remove_dir_all(world.south.folder.join("data/ledger")).unwrap();
    world.south.start().await;
    assert_eq!(world.south.running().node().status().height.value(), 0);
    world.south.stop().await;

    // North's operator tells where it answers now.
    fs::remove_dir_all(world.south.folder.join("data/ledger")).unwrap();
    let service = format!("north@{}#{}", card.url, card.tls_pin);
    let mut config = world.south.config();
    config.ledger.services = vec![service];
    let started = Gateway::start(config, Some(&passphrase())).await.unwrap();
    world.south.gateway = Some(started);
    let status = world.south.running().node().status();
    assert!(status.oldest_block.value() > 1, "it began with a snapshot");
    let entry = View::new(world.south.running().node().state()).hospital(&card.id);
    assert_eq!(entry.map(|entry| entry.card), Some(card));
    world.start_kgc().await;
    world.end().await;
}
