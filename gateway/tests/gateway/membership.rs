//! A federation that changes while it runs: a KGC from an old backup, a doctor who asks for too much.

use std::fs;

use consilium_client::api::gateway::ApprovalRequest;
use consilium_client::api::kgc::{EnrolmentState, PublishEpochRequest};
use consilium_contracts::{Digest, Epoch};
use consilium_kgc::{Home, backup, restore};

use crate::world::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_doctor_whose_key_would_cost_too_much_is_not_approved() {
    let world = World::new(settings()).await;
    let south = &world.south;
    let reader = asking(&world, south).await;
    let numbers: Vec<_> = (0..8).map(|number| format!("n{number}=1")).collect();
    // Eight numbers are 256 attributes, and `hospital:south` is one more.
    let approval = ApprovalRequest {
        attributes: numbers.join(", "),
    };
    let refused = south.operator().approve(&reader.id, &approval).await;
    assert_eq!(code_of(refused), "too-many-attributes");
    let listed = reader.client.enrolments().await.unwrap().enrolments;
    assert_eq!(listed[0].state, EnrolmentState::AwaitsHospital);
    issued(&world, south, &reader, &numbers[1..].join(", ")).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_kgc_from_an_old_backup_fetches_the_update_keys_it_lacks_from_the_gateways() {
    let mut world = World::new(settings()).await;
    let file = world.dir.path().join("kgc.backup");
    backup(&world.home, &file, &passphrase(), Some(1)).unwrap();
    // South is away for the second epoch: only north has its key.
    world.south.stop().await;
    let mut published: Vec<(Epoch, Digest, Vec<u8>)> = Vec::new();
    for epoch in [2, 3] {
        let request = PublishEpochRequest { epoch };
        let view = world.kgc_admin().publish_epoch(&request).await.unwrap();
        let (epoch, digest) = (Epoch::new(epoch), view.update_key_digest.0);
        let north = world.north.client(None);
        let body = wait("a gateway's copy", async || {
            north.update_key(epoch, &digest).await.ok()
        });
        published.push((epoch, digest, body.await));
    }
    world.stop_kgc().await;
    world.south.start().await;
    world.home = Home::at(world.dir.path().join("restored"));
    restore(&world.home, &file, &passphrase()).unwrap();
    world.start_kgc().await;

    let admin = world.kgc_admin();
    for (epoch, digest, body) in &published {
        let recovered = async || admin.update_key(*epoch, digest).await.ok();
        assert_eq!(wait("a recovered update key", recovered).await, *body);
    }
    let audit = fs::read_to_string(world.home.path().join("audit.jsonl")).unwrap();
    let lines = audit
        .lines()
        .filter(|line| line.contains("recover-update-key"));
    assert_eq!(lines.count(), 2, "{audit}");
    // And it goes on from there.
    let request = PublishEpochRequest { epoch: 4 };
    admin.publish_epoch(&request).await.unwrap();
    world.end().await;
}
