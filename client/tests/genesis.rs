//! The genesis file: which federation is believed, and which is not.

use std::fs;

use consilium_client::endpoint::Endpoint;
use consilium_client::genesis::{
    GenesisFileError, cached_genesis, read_genesis, verify_genesis, write_genesis,
};
use consilium_client::http::{ClientSettings, HttpClient};
use consilium_contracts::{Canonical as _, FederationId, MAX_GENESIS_BYTES, VerifiedGenesis};

fn genesis() -> VerifiedGenesis {
    crate::common::fixture::genesis()
        .sign(&crate::common::fixture::key("kgc"))
        .verify()
        .unwrap()
}

/// A service that nobody runs.
fn nobody() -> HttpClient {
    let endpoint = Endpoint::new("http://127.0.0.1:1".parse().unwrap(), None).unwrap();
    let settings = ClientSettings {
        retries: 0,
        ..ClientSettings::default()
    };
    HttpClient::new(endpoint, None, settings).unwrap()
}

#[test]
fn a_genesis_is_believed_for_its_federation_only() {
    let genesis = genesis();
    let bytes = genesis.signed().to_canonical_bytes();
    assert_eq!(
        verify_genesis(&bytes, genesis.federation()).unwrap(),
        genesis
    );
    let other = FederationId::from_bytes([9; 32]);
    let refused = verify_genesis(&bytes, other).unwrap_err();
    assert!(
        matches!(refused, GenesisFileError::OtherFederation { expected, .. } if expected == other)
    );
}

#[test]
fn a_changed_cut_off_or_endless_genesis_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("genesis");
    let genesis = genesis();
    write_genesis(&path, &genesis).unwrap();
    assert_eq!(read_genesis(&path, None).unwrap(), genesis);
    let whole = fs::read(&path).unwrap();
    for index in (0..whole.len()).step_by(whole.len() / 7) {
        let mut changed = whole.clone();
        changed[index] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert!(
            read_genesis(&path, Some(genesis.federation())).is_err(),
            "changed at {index}"
        );
        fs::write(&path, &whole[..index]).unwrap();
        assert!(read_genesis(&path, None).is_err(), "cut off at {index}");
    }
    fs::write(&path, vec![0; MAX_GENESIS_BYTES + 1]).unwrap();
    assert!(matches!(
        read_genesis(&path, None),
        Err(GenesisFileError::Genesis(_))
    ));
}

#[tokio::test]
async fn a_kept_genesis_needs_no_service_and_a_foreign_one_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("genesis");
    let genesis = genesis();
    let missing = cached_genesis(&path, genesis.federation(), &nobody())
        .await
        .unwrap_err();
    assert!(matches!(missing, GenesisFileError::Fetch(_)), "{missing}");
    write_genesis(&path, &genesis).unwrap();
    assert_eq!(
        cached_genesis(&path, genesis.federation(), &nobody())
            .await
            .unwrap(),
        genesis
    );
    let other = FederationId::from_bytes([9; 32]);
    let foreign = cached_genesis(&path, other, &nobody()).await.unwrap_err();
    assert!(matches!(foreign, GenesisFileError::OtherFederation { .. }));
    assert_eq!(
        read_genesis(&path, None).unwrap(),
        genesis,
        "the file is as it was"
    );
}
