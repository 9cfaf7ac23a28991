//! An epoch of a large tree with many revocations, through the real service.

use consilium_client::api::kgc::PublishEpochRequest;
use consilium_client::keyfile::{KeyPayload as _, read_key_file};
use consilium_client::wire::HexBytes;
use consilium_contracts::*;
use consilium_kgc::{Home, SealedSecrets};
use consilium_schemes::abe;
use tokio::task::JoinSet;

use crate::common::*;

/// Doctors of whom every second one is revoked.
const OTHERS: u64 = 200;

/// What the KGC signs with.
fn kgc_key(home: &Home) -> SigningKey {
    let sealed: SealedSecrets = read_key_file(&home.sealed(), Some(&passphrase())).unwrap();
    let bundle: serde_json::Value = serde_json::from_slice(&sealed.to_payload()).unwrap();
    let key: HexBytes = serde_json::from_value(bundle["signing"].clone()).unwrap();
    SigningKey::from_bytes(&key.as_bytes().try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_of_a_million_leaves_with_many_revoked_is_made_and_sent_in_pieces() {
    let federation = Federation::with_depth(abe::MAX_DEPTH).await;
    let kgc = federation.kgc().await;
    let key = kgc_key(&federation.home);
    let sign = |action| {
        let transaction = Transaction {
            federation: federation.id,
            sender: key.verifying_key(),
            nonce: Nonce::new(rand::random()),
            expires: Height::new(10_000),
            action,
        };
        transaction.sign(&key)
    };
    let (north, ada) = (&federation.north, Doctor::new(&federation.id));
    federation.enrol(&kgc, north, &ada, "icu").await.unwrap();
    assert_eq!(federation.issue(&kgc, &ada, "icu").await.unwrap().leaf, 0);
    // The others are on the ledger only: what the epoch is made from.
    let mut revocations = JoinSet::new();
    for leaf in 1..=OTHERS {
        let doctor = Doctor::new(&federation.id);
        let register = Action::RegisterDoctor(RegisterDoctor {
            hospital: north.card.id.clone(),
            signing_key: doctor.signing.verifying_key(),
            abe_key: doctor.pk.to_bytes().try_into().unwrap(),
            leaf: Leaf::new(leaf),
        });
        kgc.node.submit(sign(register)).await.unwrap();
        if leaf % 2 == 1 {
            let (doctor, reason) = (doctor.id, RevocationReason::Other);
            let revoke = sign(Action::RevokeDoctor(RevokeDoctor { doctor, reason }));
            let node = kgc.node.clone();
            revocations.spawn(async move { node.submit(revoke).await.map(drop) });
        }
    }
    while let Some(revoked) = revocations.join_next().await {
        revoked.unwrap().unwrap();
    }

    let request = PublishEpochRequest { epoch: 2 };
    let admin = kgc.client(Some(&federation.admin));
    let view = admin.publish_epoch(&request).await.unwrap();
    let digest = view.update_key_digest.0;
    let anyone = kgc.client(None);
    let limit = abe::UpdateKey::max_bytes(abe::Depth::new(abe::MAX_DEPTH).unwrap()) as u64;
    let mut pieces = anyone
        .update_key(Epoch::new(2), &digest, limit)
        .await
        .unwrap();
    let mut body = Vec::new();
    while let Some(piece) = pieces.next_piece().await.unwrap() {
        body.extend_from_slice(&piece);
    }
    let file = federation.home.update_keys().join("2.key");
    assert_eq!(std::fs::read(file).unwrap(), body);
    let update = abe::UpdateKey::from_bytes(&body).unwrap();
    let nodes = update.nodes().count() as u64;
    // A node for each leaf between two revoked ones, and the rest of the tree.
    assert!((OTHERS / 2..OTHERS / 2 + 40).contains(&nodes), "{nodes}");
    let her_key = federation.key(&kgc, north, &ada).await.unwrap();
    assert!(federation.opens(&ada, &her_key, &update, "icu"));
    kgc.stop().await;
}
