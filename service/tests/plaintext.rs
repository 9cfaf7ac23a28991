//! Plain HTTP stays on this machine.

use consilium_service::config::Schema;
use consilium_service::tls::TlsError;
use consilium_service::{FRAME_SETTINGS, FrameSettings, ServiceBuilder, StartError};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi()]
struct Api;

#[tokio::test]
async fn a_service_off_loopback_needs_tls() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.jsonl").display().to_string();
    let flags = [
        ("http-listen".to_owned(), "0.0.0.0:0".to_owned()),
        ("audit-path".into(), audit),
    ];
    let loaded = Schema::new("test", &[FRAME_SETTINGS])
        .load(None, [], flags)
        .unwrap();
    let settings = FrameSettings::from_loaded(&loaded).unwrap();
    let refused = ServiceBuilder::new("test", "0.0.0", settings, Api::openapi()).bind();
    let Err(StartError::Tls(TlsError::PlaintextOffLoopback(address))) = refused.map(drop) else {
        panic!("it must not start")
    };
    assert_eq!(address.to_string(), "0.0.0.0:0");
}

#[test]
fn the_description_is_compared_with_its_golden_file() {
    let folder = tempfile::tempdir().unwrap();
    let golden = folder.path().join("openapi.json");
    let described = consilium_service::openapi::describe(Api::openapi());
    let text = consilium_service::openapi::check_golden(&golden, &described).unwrap_err();
    assert!(text.contains("UPDATE_GOLDEN=1"), "{text}");
    std::fs::write(&golden, described.to_pretty_json().unwrap() + "\n").unwrap();
    consilium_service::openapi::check_golden(&golden, &described).unwrap();
    let changed = consilium_service::openapi::describe(utoipa::openapi::OpenApi::default());
    consilium_service::openapi::check_golden(&golden, &changed).unwrap_err();
}
