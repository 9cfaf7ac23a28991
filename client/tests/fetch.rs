//! Fetching a record from a gateway that lies about its length.

use std::fs;

use crate::common::World;
use crate::common::gateway::LyingGateway;
use consilium_client::device::DeviceError;
use consilium_client::device::doctor::{MAX_RECORD_BYTES, fetch_record};
use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_client::{ClientError, GatewayClient};

#[tokio::test]
async fn no_more_is_written_than_the_limit_and_than_was_announced_and_nothing_is_left() {
    let mut w = World::new();
    let (record, answer) = w.sealed("cthd");
    let whole = fs::read(w.path("cthd")).unwrap();
    let length = whole.len() as u64;
    let gateway = LyingGateway::start(w.federation.id(), answer.clone(), whole.clone());
    let endpoint = Endpoint::new(gateway.url().parse().unwrap(), None).unwrap();
    let client = GatewayClient::new(endpoint, None, ClientSettings::default()).unwrap();
    let fetched = w.path("fetched");
    let fetch = async |announced: u64, max_bytes: u64| {
        let mut answer = answer.clone();
        answer.cthd_length = announced;
        let case = w.finish(record, answer).unwrap();
        let outcome = fetch_record(&client, &case, &fetched, max_bytes).await;
        assert_eq!(outcome.is_ok(), fetched.exists());
        outcome
    };

    for (announced, limit) in [(length, length - 1), (u64::MAX, MAX_RECORD_BYTES)] {
        let refused = fetch(announced, limit).await.unwrap_err();
        let expected = (announced, limit);
        assert!(
            matches!(refused, DeviceError::TooLong { announced, limit } if (announced, limit) == expected),
            "{refused:?}"
        );
        assert_eq!(gateway.calls(), [""; 0], "nothing was fetched");
    }
    let more = fetch(length - 1, MAX_RECORD_BYTES).await.unwrap_err();
    assert!(
        matches!(more, DeviceError::Gateway(ClientError::AnswerTooLarge { limit }) if limit == length - 1),
        "{more:?}"
    );
    let less = fetch(length + 1, MAX_RECORD_BYTES).await.unwrap_err();
    assert!(matches!(
        less,
        DeviceError::Untrusted("the encrypted record is cut short")
    ));
    fetch(length, length).await.unwrap();
    assert_eq!(fs::read(&fetched).unwrap(), whole);
}
