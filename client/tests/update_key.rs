//! Receiving an update key from a service that lies about it, or stops in the middle.

use std::time::Duration;

use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_client::{ClientError, GatewayClient};
use consilium_contracts::{Digest, Epoch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A service that answers one call with a body said to be `length` bytes, sends `body`, and then hangs up or waits.
async fn answering(length: usize, body: Vec<u8>, hangs_up: bool) -> GatewayClient {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = [0; 4096];
        let read = stream.read(&mut asked).await.unwrap();
        assert!(asked[..read].starts_with(b"GET /v1/epochs/7/update-key "));
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        stream.flush().await.unwrap();
        if !hangs_up {
            std::future::pending::<()>().await;
        }
    });
    let endpoint = Endpoint::new(url.parse().unwrap(), None).unwrap();
    let settings = ClientSettings {
        call_timeout: Duration::from_millis(500),
        retries: 0,
        ..ClientSettings::default()
    };
    GatewayClient::new(endpoint, None, settings).unwrap()
}

async fn received(
    client: &GatewayClient,
    digest: Digest,
    max_bytes: u64,
) -> Result<Vec<u8>, ClientError> {
    let pieces = client.update_key(Epoch::new(7), &digest, max_bytes).await?;
    pieces.whole().await
}

#[tokio::test]
async fn an_update_key_is_whole_only_with_the_ledgers_digest_and_within_the_limit() {
    let body = vec![5; 100_000];
    let digest = Digest::of(&body);
    let service = || answering(body.len(), body.clone(), true);
    assert_eq!(
        received(&service().await, digest, 100_000).await.unwrap(),
        body
    );

    let refused = received(&service().await, Digest::of(b"other"), 100_000).await;
    assert!(
        matches!(&refused, Err(ClientError::Protocol(text)) if text.contains("digest")),
        "{refused:?}"
    );
    let refused = received(&service().await, digest, 99_999).await;
    assert!(
        matches!(refused, Err(ClientError::AnswerTooLarge { limit: 99_999 })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_update_key_that_stops_in_the_middle_is_an_error_in_time() {
    let body = vec![5; 100_000];
    let digest = Digest::of(&body);
    let half = || body[..50_000].to_vec();
    let cut = received(&answering(100_000, half(), true).await, digest, 100_000).await;
    assert!(
        matches!(cut, Err(ClientError::Unreachable { .. })),
        "{cut:?}"
    );
    let late = received(&answering(100_000, half(), false).await, digest, 100_000).await;
    assert!(
        matches!(late, Err(ClientError::TimedOut { .. })),
        "{late:?}"
    );
}
