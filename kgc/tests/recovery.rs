//! Crashes, restarts and restored backups: no leaf twice, no revocation forgotten, nothing half done.

use std::time::Duration;

use crate::common::*;
use consilium_client::api::kgc::*;
use consilium_client::api::terms::RevocationReason;
use consilium_client::wire::Text;
use consilium_contracts::View;
use consilium_kgc::{BackupError, Home, InitError, backup, init, restore};

#[tokio::test(flavor = "multi_thread")]
async fn a_kgc_that_stops_between_the_leaf_and_the_key_makes_the_key_for_that_leaf() {
    let federation = Federation::new().await;
    let kgc = federation.kgc().await;
    epoch_reached(&kgc, 1).await;
    let doctor = Doctor::new(&federation.id);
    federation
        .enrol(&kgc, &federation.north, &doctor, "icu")
        .await
        .unwrap();
    let issued = federation.issue(&kgc, &doctor, "icu").await.unwrap();
    let before = kgc
        .client(Some(&federation.north.signing))
        .attribute_key(&doctor.id)
        .await;
    let before = before.unwrap();
    kgc.stop().await;

    // What a crash between commit and key leaves: the intent and the leaf, and no key.
    forget_keys(&federation.home);
    let kgc = RunningKgc::start(&federation.home, None).await;
    kgc.node
        .reached(federation.validator.status().height)
        .await
        .unwrap();
    refused(
        federation
            .key(&kgc, &federation.north, &doctor)
            .await
            .map(|_| ()),
        409,
        "conflict",
    );
    let admin = kgc.client(Some(&federation.admin));
    let listed = admin.enrolments().await.unwrap().enrolments;
    assert_eq!(listed[0].state, EnrolmentState::Registered);
    admin.unseal(&unseal_request(PASSPHRASE)).await.unwrap();
    let mut made = None;
    for _ in 0..200 {
        match federation.key(&kgc, &federation.north, &doctor).await {
            Ok(key) => {
                made = Some(key);
                break;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(25)).await,
        }
    }
    let key = made.expect("the follower makes it");
    assert_eq!(u64::from(key.leaf().index()), issued.leaf);
    let after = kgc
        .client(Some(&federation.north.signing))
        .attribute_key(&doctor.id)
        .await;
    assert_ne!(before.ciphertext, after.unwrap().ciphertext, "made anew");
    let update = federation.update_key(&kgc, 1).await;
    assert!(federation.opens(&doctor, &key, &update, "icu"));
    assert_eq!(
        federation.issue(&kgc, &doctor, "icu").await.unwrap().leaf,
        issued.leaf
    );
    kgc.stop().await;
}

/// Deletes the column of wrapped keys, which a crash can leave empty.
fn forget_keys(home: &Home) {
    let names = [
        "default",
        "enrolments",
        "nonces",
        "attribute-keys",
        "update-keys",
        "evaluations",
    ];
    let mut db = rocksdb::DB::open_cf(&rocksdb::Options::default(), home.store(), names).unwrap();
    db.drop_cf("attribute-keys").unwrap();
    db.create_cf("attribute-keys", &rocksdb::Options::default())
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_old_backup_gives_no_leaf_twice_and_forgets_no_revocation() {
    let federation = Federation::new().await;
    let kgc = federation.kgc().await;
    epoch_reached(&kgc, 1).await;
    let [ada, ben, cleo] = [(); 3].map(|()| Doctor::new(&federation.id));
    let north = &federation.north;
    for doctor in [&ada, &ben] {
        federation.enrol(&kgc, north, doctor, "icu").await.unwrap();
    }
    federation.issue(&kgc, &ada, "icu").await.unwrap();

    // The backup is made while the service runs; then the world goes on.
    let file = federation.folder.path().join("kgc.backup");
    let key = passphrase();
    backup(&federation.home, &file, &key, Some(1)).unwrap();
    assert!(matches!(
        backup(&federation.home, &file, &key, Some(1)),
        Err(BackupError::Target(InitError::Exists { .. }))
    ));
    assert_eq!(federation.issue(&kgc, &ben, "icu").await.unwrap().leaf, 1);
    let admin = kgc.client(Some(&federation.admin));
    let revoke = RevocationRequest {
        doctor: Text(ada.id),
        reason: RevocationReason::KeyLost,
        now: true,
    };
    admin.revoke(&revoke).await.unwrap();
    let old_key = federation.key(&kgc, north, &ben).await.unwrap();
    kgc.stop().await;

    // Over an existing folder: refused. With another passphrase, or cut off: refused, and nothing is there.
    assert!(matches!(
        restore(&federation.home, &file, &key),
        Err(BackupError::Target(InitError::Exists { .. }))
    ));
    let home = Home::at(federation.folder.path().join("restored"));
    let wrong = consilium_client::passphrase::Passphrase::new("wrong").unwrap();
    assert!(matches!(
        restore(&home, &file, &wrong),
        Err(BackupError::WrongPassphrase { .. })
    ));
    let bytes = std::fs::read(&file).unwrap();
    let cut = federation.folder.path().join("cut");
    std::fs::write(&cut, &bytes[..bytes.len() - 20]).unwrap();
    assert!(matches!(
        restore(&home, &cut, &key),
        Err(BackupError::Damaged { .. })
    ));
    assert!(!home.path().exists());
    restore(&home, &file, &key).unwrap();
    let last = |home: &Home| std::fs::read(home.update_keys().join("1.key")).unwrap();
    assert_eq!(last(&home), last(&federation.home));

    let kgc = RunningKgc::start(&home, Some(&passphrase())).await;
    kgc.node
        .reached(federation.validator.status().height)
        .await
        .unwrap();
    epoch_reached(&kgc, 2).await;
    // The store believes that ben waits; the ledger knows leaf 1. He gets a new one, and the old one is revoked.
    assert_eq!(federation.issue(&kgc, &ben, "icu").await.unwrap().leaf, 2);
    federation.enrol(&kgc, north, &cleo, "icu").await.unwrap();
    assert_eq!(federation.issue(&kgc, &cleo, "icu").await.unwrap().leaf, 3);
    refused(federation.issue(&kgc, &ada, "icu").await, 409, "revoked");
    refused(
        federation.key(&kgc, north, &ada).await.map(|_| ()),
        409,
        "revoked",
    );
    let current = View::new(kgc.node.state())
        .current_epoch()
        .unwrap()
        .epoch
        .number();
    let update = federation.update_key(&kgc, current).await;
    assert!(
        !federation.opens(&ben, &old_key, &update, "icu"),
        "his former leaf is excluded"
    );
    let new_key = federation.key(&kgc, north, &ben).await.unwrap();
    assert!(federation.opens(&ben, &new_key, &update, "icu"));
    kgc.stop().await;
}

#[tokio::test]
async fn init_refuses_to_overwrite_and_leaves_nothing_half() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("kgc"));
    let passphrase = passphrase();
    let mut request = init_request(&home, &passphrase);
    request.depth = 200;
    assert!(matches!(init(&request), Err(InitError::Depth(_))));
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing half is left"
    );
    request.depth = 4;
    init(&request).unwrap();
    let sealed = std::fs::read(home.sealed()).unwrap();
    assert!(matches!(init(&request), Err(InitError::Exists { .. })));
    assert_eq!(std::fs::read(home.sealed()).unwrap(), sealed);
    assert!(sealed.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----"));
    let settings = std::fs::read_to_string(home.settings()).unwrap();
    assert!(settings.contains("sync = \"system\""), "{settings}");
}

#[tokio::test]
async fn genesis_is_made_once_and_only_of_cards_that_hold() {
    use consilium_kgc::{GenesisRequest, genesis};
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("kgc"));
    let passphrase = passphrase();
    init(&init_request(&home, &passphrase)).unwrap();
    let (north, south) = (Hospital::new("north"), Hospital::new("south"));
    let request = |cards: &[&Hospital], validators: &[&str]| GenesisRequest {
        name: "test".to_owned(),
        settings: consilium_contracts::Settings::default(),
        hospitals: cards.iter().map(|one| one.card.clone()).collect(),
        validators: validators.iter().map(|id| id.parse().unwrap()).collect(),
    };
    let wrong = consilium_client::passphrase::Passphrase::new("wrong").unwrap();
    let refusals = [
        genesis(&home, &wrong, request(&[&north], &["north"])),
        genesis(&home, &passphrase, request(&[&north], &[])),
        genesis(&home, &passphrase, request(&[&north], &["south"])),
        genesis(&home, &passphrase, request(&[&north, &north], &["north"])),
    ];
    assert!(refusals.iter().all(Result::is_err));
    let mut bad = request(&[&north, &south], &["north"]);
    bad.hospitals[0].matching_keys = bad.hospitals[1].matching_keys.clone();
    genesis(&home, &passphrase, bad).unwrap_err();
    let mut bad = request(&[&north], &["north"]);
    bad.settings.n = 1000;
    genesis(&home, &passphrase, bad).unwrap_err();
    assert!(!home.genesis().exists());
    genesis(&home, &passphrase, request(&[&north, &south], &["north"])).unwrap();
    let again = genesis(&home, &passphrase, request(&[&north], &["north"]));
    assert!(matches!(again, Err(InitError::GenesisExists { .. })));
    let said = again.unwrap_err().to_string();
    assert!(
        said.contains("genesis.bin") && said.contains("move the file away"),
        "{said}"
    );
}
