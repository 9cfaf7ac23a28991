//! What a service does with what comes over the wire: good, malformed, endless, late.

use std::time::{Duration, Instant};

use crate::common::{Running, Sum, doctor, patient, plain, refused, start, start_with};
use consilium_client::ClientError;
use consilium_client::api::auth::{
    ASSERTION_TYPE, GRANT_TYPE, ScopeSet, TokenRequest, TokenResponse,
};
use consilium_client::api::errors::OperationOutcome;
use consilium_client::api::health::{Health, Readiness};
use consilium_client::credentials::Credentials;
use consilium_client::wire::SecretText;
use consilium_contracts::Digest;
use consilium_service::tls::TlsIdentity;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn raw(address: &str, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await;
    String::from_utf8_lossy(&answer[..read.unwrap().unwrap()]).into_owned()
}

#[tokio::test]
async fn health_readiness_metrics_and_description_are_answered() {
    let service = start();
    let anyone = service.client(None);
    let health: Health = anyone.get("/healthz").await.unwrap();
    assert_eq!(health.service, "test");
    let ready = plain()
        .get(format!("{}/readyz", service.url))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), 503);
    let ready: Readiness = ready.json().await.unwrap();
    assert_eq!(ready.checks["ledger"].detail, "no peers");
    let description: serde_json::Value = anyone.get("/openapi.json").await.unwrap();
    assert!(description["paths"]["/v1/token"]["post"].is_object());
    anyone.get::<String>("/v1/nowhere/4711").await.unwrap_err();
    let metrics = String::from_utf8(anyone.get_bytes("/metrics", 1 << 20).await.unwrap()).unwrap();
    let counted = r#"consilium_http_requests_total{method="GET",route="/healthz",status="200"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert!(metrics.contains(r#"route="unmatched",status="404""#) && !metrics.contains("4711"));
}

#[tokio::test]
async fn a_malformed_body_is_refused_with_field_and_rule() {
    let service = start();
    let client = service.client(Some(doctor()));
    let wrong = serde_json::json!({ "terms": [1, "two"] });
    let (status, code, text) = refused(client.post::<_, u64>("/v1/sum", &wrong).await);
    assert_eq!((status, code.as_str()), (400, "malformed-body"));
    assert!(
        text.starts_with("terms[1]: invalid type: string \"two\", expected u32"),
        "{text}"
    );
    let wrong = serde_json::json!({ "terms": [], "unknown": 1 });
    let (_, _, text) = refused(client.post::<_, u64>("/v1/sum", &wrong).await);
    assert!(text.contains("unknown field `unknown`"), "{text}");
    assert!(service.audit_lines().is_empty(), "nothing was decided");
}

#[tokio::test]
async fn a_malformed_path_an_unknown_path_and_another_method_are_typed() {
    let service = start();
    let client = service.client(Some(patient()));
    let (status, code, text) = refused(client.get::<String>("/v1/records/xyz").await);
    assert_eq!((status, code.as_str()), (400, "malformed-parameter"));
    assert!(
        text.starts_with("record: ") && text.contains("64 lower-case"),
        "{text}"
    );
    let id = "ab".repeat(32);
    assert_eq!(
        client
            .get::<String>(&format!("/v1/records/{id}"))
            .await
            .unwrap(),
        id
    );
    let (status, code, _) = refused(client.get::<String>("/v1/nowhere").await);
    assert_eq!((status, code.as_str()), (404, "no-such-endpoint"));
    let (status, code, _) = refused(client.delete::<()>("/v1/sum").await);
    assert_eq!((status, code.as_str()), (405, "method-not-allowed"));
}

#[tokio::test]
async fn bodies_are_bounded_declared_or_not() {
    let service = start();
    let client = service.client(Some(doctor()));
    let large = Sum {
        terms: vec![1; 2000],
    };
    let (status, code, text) = refused(client.post::<_, u64>("/v1/sum", &large).await);
    assert_eq!((status, code.as_str()), (413, "body-too-large"));
    assert!(text.contains("1024"), "{text}");
    let address = service.frame.address().to_string();
    let head = "POST /v1/open HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let spaces = " ".repeat(1 << 20);
    let chunk = format!("100000\r\n{spaces}\r\na\r\n          \r\n");
    let answer = raw(&address, head, chunk.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn no_body_is_read_before_the_caller_is_known() {
    let service = start();
    let address = service.frame.address().to_string();
    let head = "POST /v1/sum HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n";
    let started = Instant::now();
    // The body never comes; the refusal does.
    let answer = raw(&address, head, b"").await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "before the request's time is over"
    );
}

#[tokio::test]
async fn compressed_and_untyped_bodies_are_not_taken() {
    let service = start();
    for (name, value) in [("content-type", "text/plain"), ("content-encoding", "gzip")] {
        let mut request = plain().post(format!("{}/v1/open", service.url));
        request = request.body(r#"{"terms":[]}"#).header(name, value);
        if name != "content-type" {
            request = request.header("content-type", "application/json");
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 415);
        let outcome: OperationOutcome = answer.json().await.unwrap();
        assert_eq!(outcome.code().unwrap().as_str(), "unsupported-media-type");
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_ends() {
    let service = start_with(None, &[("http-request-timeout-s", "1")]);
    let client = service.client(Some(doctor()));
    let (status, code, _) = refused(client.get::<()>("/v1/slow").await);
    assert_eq!((status, code.as_str()), (504, "timed-out"));
}

#[tokio::test]
async fn an_internal_cause_stays_inside() {
    let service = start();
    let client = service.client(Some(doctor()));
    let error = client.get::<()>("/v1/fail").await.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    let ClientError::Refused {
        status, request_id, ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!((status, request_id.len()), (500, 32));
}

#[tokio::test]
async fn without_its_audit_line_nothing_is_answered() {
    let service = start();
    let client = service.client(Some(doctor()));
    std::fs::remove_dir_all(service.folder.path().join("audit")).unwrap();
    let body = Sum { terms: vec![1] };
    let (status, code, _) = refused(client.post::<_, u64>("/v1/sum", &body).await);
    assert_eq!((status, code.as_str()), (503, "audit-unavailable"));
    std::fs::create_dir(service.folder.path().join("audit")).unwrap();
    assert_eq!(client.post::<_, u64>("/v1/sum", &body).await.unwrap(), 1);
}

#[tokio::test]
async fn a_large_body_goes_to_disk_and_back_in_pieces() {
    let service = start();
    let client = service.client(Some(patient()));
    let content: Vec<u8> = (0_u32..600_000).flat_map(u32::to_be_bytes).collect();
    let path = service.folder.path().join("source");
    std::fs::write(&path, &content).unwrap();
    let (length, digest): (u64, String) = client.upload("/v1/file", &path).await.unwrap();
    assert_eq!(
        (length, digest),
        (content.len() as u64, Digest::of(&content).to_string())
    );
    let mut back = Vec::new();
    assert_eq!(
        client
            .download("/v1/file", &mut back, length)
            .await
            .unwrap(),
        length
    );
    assert!(back == content);
    let refused = client
        .download("/v1/file", &mut Vec::new(), length - 1)
        .await
        .unwrap_err();
    assert!(matches!(refused, ClientError::AnswerTooLarge { .. }));
}

/// A bearer token, for requests that are written by hand.
async fn bearer(service: &Running) -> String {
    let me = Credentials::new(patient(), ScopeSet::none());
    let now = service.frame.clock().now_s();
    let form = TokenRequest {
        grant_type: GRANT_TYPE.into(),
        client_assertion_type: ASSERTION_TYPE.into(),
        client_assertion: SecretText::new(me.assertion(&service.url, now)),
        scope: None,
    };
    let request = plain()
        .post(format!("{}/v1/token", service.url))
        .form(&form);
    let token: TokenResponse = request.send().await.unwrap().json().await.unwrap();
    token.access_token.expose_secret().to_owned()
}

fn put_head(length: usize, bearer: &str) -> String {
    format!(
        "PUT /v1/file HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\nauthorization: Bearer {bearer}\r\n\r\n"
    )
}

#[tokio::test]
async fn an_upload_that_is_too_large_is_refused_before_it_begins() {
    let service = start();
    let head = put_head((3 << 20) + 1, &bearer(&service).await);
    let answer = raw(&service.frame.address().to_string(), &head, b"").await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(!service.folder.path().join("upload").exists());
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let service = start();
    let upload = service.folder.path().join("upload");
    let head = put_head(100_000, &bearer(&service).await);
    let mut stream = TcpStream::connect(service.frame.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[7; 5000]).await.unwrap();
    until("the upload is running", || upload.exists()).await;
    drop(stream);
    until("the cut-off upload is removed", || !upload.exists()).await;
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within ten seconds: {what}");
}

#[tokio::test]
async fn only_the_pinned_key_is_talked_to() {
    let names = ["127.0.0.1".to_owned()];
    let mut service = start_with(Some(TlsIdentity::generate(&names).unwrap()), &[]);
    assert!(service.url.starts_with("https://"));
    let right = service.client(Some(doctor()));
    assert_eq!(
        right
            .post::<_, u64>("/v1/sum", &Sum { terms: vec![2, 3] })
            .await
            .unwrap(),
        5
    );
    service.pin = Some(TlsIdentity::generate(&names).unwrap().pin().unwrap());
    let wrong = service
        .client(Some(doctor()))
        .get::<Health>("/healthz")
        .await
        .unwrap_err();
    assert!(matches!(wrong, ClientError::WrongPeer { .. }), "{wrong:?}");
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let service = start();
    let client = service.client(None);
    client.get::<Health>("/healthz").await.unwrap();
    let url = service.url.clone();
    drop(service);
    for _ in 0..300 {
        match client.get::<Health>("/healthz").await {
            Err(ClientError::Unreachable { url: named, .. }) => {
                assert_eq!(named, url);
                return;
            }
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    panic!("the service did not stop");
}
