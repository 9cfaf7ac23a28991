//! Update keys at a gateway: damaged on its disk, and wrong as the KGC published them.

use std::fs;

use consilium_client::ClientError;
use consilium_client::device::DeviceError;
use consilium_client::keyfile::{KeyPayload as _, read_key_file};
use consilium_contracts::{
    Action, Digest, Epoch, Height, Nonce, PublishEpoch, SigningKey, Transaction, View,
};
use consilium_kgc::SealedSecrets;
use consilium_schemes::abe;

use crate::world::*;

const TEXT: &[u8] = b"a record";
const HEADER: usize = abe::UpdateKeyHeader::BYTES;

async fn case_of<'a>(world: &World, keywords: &'a [&'a str]) -> consilium_contracts::RecordId {
    let (north, south) = (&world.north, &world.south);
    let patient = patient(north).await;
    let case = NewRecord {
        policy: "role:cardiologist",
        keywords,
        consent: consent(&[south], 3_600_000),
        text: TEXT,
    };
    submit(world, north, &patient, case).await.record
}

/// What the gateway keeps in memory, pre-decryption keys among it, is gone.
async fn restart(house: &mut House) {
    house.stop().await;
    house.start().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_update_key_that_is_damaged_on_the_gateways_disk_is_fetched_again() {
    let mut world = World::new(settings()).await;
    let reader = doctor(&world, &world.south, "role:cardiologist").await;
    interested(&world, &world.south, &reader, &["e11"]).await;
    authorize(&world.north, &world.south).await;
    let record = case_of(&world, &["e11"]).await;
    assigned(&reader, &record).await;

    let file = world.south.folder.join("data/update-keys/1.key");
    let opened = async |world: &World| open(world, &reader, &record).await;
    wait("the first opening", async || opened(&world).await.ok()).await;
    let whole = fs::read(&file).unwrap();
    // A point, a node's number, the count: in the first two cases the length is right, so only use shows it.
    let spoiled = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    for damaged in [spoiled(HEADER + 20), spoiled(HEADER + 7)] {
        fs::write(&file, damaged).unwrap();
        assert!(opened(&world).await.is_ok(), "the doctor's own key is kept");
        restart(&mut world.south).await;
        assert_eq!(code_of(opened(&world).await), "update-key-unavailable");
        assert!(opened(&world).await.is_ok());
        assert_eq!(fs::read(&file).unwrap(), whole);
    }
    for damaged in [spoiled(HEADER - 1), spoiled(0), whole[..60].to_vec()] {
        fs::write(&file, damaged).unwrap();
        restart(&mut world.south).await;
        assert!(opened(&world).await.is_ok(), "fetched before it is used");
        assert_eq!(fs::read(&file).unwrap(), whole);
    }
    // The KGC's own file is damaged, in its length: what it sends has another digest, and north helps.
    fs::write(world.home.update_keys().join("1.key"), spoiled(HEADER + 20)).unwrap();
    fs::remove_file(&file).unwrap();
    restart(&mut world.south).await;
    assert!(opened(&world).await.is_ok());
    assert_eq!(fs::read(&file).unwrap(), whole);
    world.end().await;
}

/// What the KGC signs with, and its master secret.
fn secrets(world: &World) -> (SigningKey, abe::MasterSecret) {
    let sealed: SealedSecrets = read_key_file(&world.home.sealed(), Some(&passphrase())).unwrap();
    let bundle: serde_json::Value = serde_json::from_slice(&sealed.to_payload()).unwrap();
    let bytes = |field: &str| hex::decode(bundle[field].as_str().unwrap()).unwrap();
    let signing = SigningKey::from_bytes(&bytes("signing").try_into().unwrap());
    let master = abe::MasterSecret::from_bytes(&bytes("master")).unwrap();
    (signing, master)
}

/// An update key in which leaf 1 counts as revoked, so that leaf 0 has a node of its own; and that node's place.
fn update_key(master: &abe::MasterSecret, epoch: Epoch) -> (Vec<u8>, usize) {
    let depth = master.tree().depth();
    let mut revoked = abe::RevocationList::new(depth);
    revoked
        .revoke([abe::Leaf::new(1, depth).unwrap()], epoch)
        .unwrap();
    let ticket = abe::EpochTicket::after(None, epoch).unwrap();
    let key = abe::upd_keygen(master, ticket, &revoked, &mut rng()).unwrap();
    let leaf = abe::Leaf::new(0, depth).unwrap().node();
    let index = key.nodes().position(|node| node == leaf).unwrap();
    (key.to_bytes(), HEADER + index * 152)
}

async fn publish(world: &World, kgc: &SigningKey, epoch: Epoch, body: &[u8]) {
    let status = world.north.operator().ledger_status().await.unwrap();
    let action = Action::PublishEpoch(PublishEpoch {
        epoch,
        update_key: Digest::of(body),
        as_of: Height::new(status.height),
    });
    let transaction = Transaction {
        federation: world.federation.id(),
        sender: kgc.verifying_key(),
        nonce: Nonce::new(rand::random()),
        expires: Height::new(status.height + 100),
        action,
    };
    let signed = transaction.sign(kgc);
    world.north.operator().submit(&signed).await.unwrap();
    wait("the epoch", async || {
        let state = world.south.running().node().state();
        let current = View::new(state).current_epoch()?;
        (current.epoch == epoch).then_some(())
    })
    .await;
}

/// A lying KGC: its update key has the ledger's digest and one bad node. The doctor under it is told which, and the other reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_malformed_node_that_the_kgc_published_concerns_only_the_doctors_under_it() {
    let world = World::new(settings()).await;
    let mut doctors = Vec::new();
    for _ in 0..3 {
        doctors.push(doctor(&world, &world.south, "role:cardiologist").await);
    }
    let [victim, _, other] = doctors.try_into().ok().unwrap();
    interested(&world, &world.south, &victim, &["e11"]).await;
    interested(&world, &world.south, &other, &["i21"]).await;
    authorize(&world.north, &world.south).await;

    let (kgc, master) = secrets(&world);
    let epoch = Epoch::new(2);
    let (mut body, at) = update_key(&master, epoch);
    body[at + 8..at + 8 + 48].fill(0xff);
    // Its own service never gives what it did not make: north does.
    fs::write(world.north.folder.join("data/update-keys/2.key"), &body).unwrap();
    publish(&world, &kgc, epoch, &body).await;

    let (hers, his) = (
        case_of(&world, &["e11"]).await,
        case_of(&world, &["i21"]).await,
    );
    assigned(&victim, &hers).await;
    assigned(&other, &his).await;
    let opened = open(&world, &other, &his).await.unwrap();
    assert_eq!(read(&world, &other, &opened).await.0, TEXT);
    let Err(DeviceError::Gateway(ClientError::Refused {
        status,
        code,
        message,
        ..
    })) = open(&world, &victim, &hers).await
    else {
        panic!("not refused");
    };
    assert_eq!((status, code.as_str()), (502, "update-key-malformed"));
    assert!(
        message.contains("epoch 2") && message.contains("node 16: Q1: "),
        "{message}"
    );
    let kept = fs::read(world.south.folder.join("data/update-keys/2.key")).unwrap();
    assert_eq!(kept, body, "it is what was published");

    // What is no update key at all is refused when it comes, by the KGC too, whose own service lacks it.
    let none = [body.as_slice(), b"trailing"].concat();
    let epoch = Epoch::new(3);
    fs::write(world.north.folder.join("data/update-keys/3.key"), &none).unwrap();
    publish(&world, &kgc, epoch, &none).await;
    let third = case_of(&world, &["i21"]).await;
    assigned(&other, &third).await;
    assert_eq!(
        code_of(open(&world, &other, &third).await),
        "update-key-malformed"
    );
    for folder in [
        world.south.folder.join("data"),
        world.home.path().to_owned(),
    ] {
        assert!(!folder.join("update-keys/3.key").exists());
    }
    world.end().await;
}
