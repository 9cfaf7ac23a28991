//! A small real service on loopback, and clients of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, dead_code)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::{HttpRequest, HttpResponse, web};
use consilium_client::api::auth::{Scope, ScopeSet};
use consilium_client::api::health::{Check, Readiness};
use consilium_client::credentials::Credentials;
use consilium_client::endpoint::Endpoint;
use consilium_client::http::{ClientSettings, HttpClient};
use consilium_client::tls::TlsPin;
use consilium_client::wire::{PublicKey, Text};
use consilium_contracts::RecordId;
use consilium_schemes::signature::SigningKey;
use consilium_service::config::Schema;
use consilium_service::tls::TlsIdentity;
use consilium_service::transfer::{receive_file, send_file};
use consilium_service::{
    ApiError, BodyLimit, Call, Caller, Clock, FRAME_SETTINGS, Frame, FrameSettings, JsonBody,
    ServiceBuilder, Space, scope,
};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::OpenApi;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    pub terms: Vec<u32>,
}

#[derive(OpenApi)]
#[openapi()]
struct Api;

async fn sum(
    call: Call<scope::Doctor, Sum>,
    frame: web::Data<Frame>,
) -> Result<web::Json<u64>, ApiError> {
    let line = call.caller.audit("sum", call.body.terms.len());
    let terms = call.body.terms;
    let total = frame
        .pool()
        .run(move || terms.iter().map(|term| u64::from(*term)).sum())
        .await?;
    frame
        .audit()
        .record(line.height(7).allowed("a doctor asked"))
        .await?;
    Ok(web::Json(total))
}

async fn open(body: JsonBody<Sum>) -> web::Json<usize> {
    web::Json(body.0.terms.len())
}

async fn record(
    _caller: Caller<scope::Device>,
    record: web::Path<Text<RecordId>>,
) -> web::Json<String> {
    web::Json(record.to_string())
}

async fn slow(_caller: Caller<scope::Doctor>) -> web::Json<()> {
    tokio::time::sleep(Duration::from_secs(60)).await;
    web::Json(())
}

async fn fail(_caller: Caller<scope::Doctor>) -> Result<web::Json<()>, ApiError> {
    Err(ApiError::internal("the secret cause"))
}

async fn upload(
    _caller: Caller<scope::Patient>,
    request: HttpRequest,
    payload: web::Payload,
    folder: web::Data<PathBuf>,
) -> Result<web::Json<(u64, String)>, ApiError> {
    let promised = Space::new(folder.as_path(), 0).promise(3 << 20)?;
    let path = folder.join("upload");
    let received = receive_file(&request, payload, &path, 3 << 20, promised).await?;
    Ok(web::Json((received.length, received.digest.to_string())))
}

async fn download(
    _caller: Caller<scope::Patient>,
    folder: web::Data<PathBuf>,
) -> Result<HttpResponse, ApiError> {
    send_file(&folder.join("upload"), "upload").await
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/sum")
                .app_data(BodyLimit::bytes(1024))
                .route(web::post().to(sum)),
        )
        .service(web::resource("/v1/open").route(web::post().to(open)))
        .service(web::resource("/v1/records/{record}").route(web::get().to(record)))
        .service(web::resource("/v1/slow").route(web::get().to(slow)))
        .service(web::resource("/v1/fail").route(web::get().to(fail)))
        .service(
            web::resource("/v1/file")
                .route(web::put().to(upload))
                .route(web::get().to(download)),
        );
}

/// A running service; stops when dropped.
pub struct Running {
    pub url: String,
    pub pin: Option<TlsPin>,
    pub folder: tempfile::TempDir,
    pub time_ms: Arc<AtomicU64>,
    pub frame: Arc<Frame>,
    stop: Option<oneshot::Sender<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

pub fn doctor() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

pub fn patient() -> SigningKey {
    SigningKey::from_bytes(&[2; 32])
}

pub fn stranger() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn scopes_of(key: &PublicKey) -> ScopeSet {
    let is = |known: SigningKey| *key == PublicKey::from(known.verifying_key());
    match () {
        () if is(doctor()) => ScopeSet::from_iter([Scope::Doctor]),
        () if is(patient()) => ScopeSet::from_iter([Scope::Patient]),
        () => ScopeSet::none(),
    }
}

pub fn start() -> Running {
    start_with(None, &[])
}

pub fn start_with(tls: Option<TlsIdentity>, flags: &[(&str, &str)]) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit").join("audit.jsonl");
    std::fs::create_dir(audit.parent().unwrap()).unwrap();
    let mut all = vec![
        ("http-listen".to_owned(), "127.0.0.1:0".to_owned()),
        ("http-workers".to_owned(), "1".to_owned()),
        ("http-request-timeout-s".to_owned(), "30".to_owned()),
        ("http-shutdown-timeout-s".to_owned(), "1".to_owned()),
        ("audit-path".to_owned(), audit.display().to_string()),
    ];
    all.extend(
        flags
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    let loaded = Schema::new("test", &[FRAME_SETTINGS])
        .load(None, [], all)
        .unwrap();
    let settings = FrameSettings::from_loaded(&loaded).unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let time_ms = Arc::new(AtomicU64::new(u64::try_from(now).unwrap()));
    let pin = tls.as_ref().map(|tls| tls.pin().unwrap());
    let mut builder = ServiceBuilder::new("test", "0.0.0", settings, Api::openapi())
        .principals(|key| Ok(scopes_of(key)))
        .readiness(|| {
            Readiness::of([(
                "ledger",
                Check {
                    ok: false,
                    detail: "no peers".into(),
                },
            )])
        })
        .transfer_routes(&["/v1/file"])
        .clock(Clock::manual(Arc::clone(&time_ms)));
    if let Some(tls) = tls {
        builder = builder.tls(tls);
    }
    let bound = builder.bind().unwrap();
    let frame = Arc::clone(bound.frame());
    let (stop, stopped) = oneshot::channel::<()>();
    let data = web::Data::new(folder.path().to_owned());
    let configure = move |config: &mut web::ServiceConfig| {
        config.app_data(data.clone()).configure(routes);
    };
    tokio::spawn(async move {
        bound
            .serve(configure, async { drop(stopped.await) })
            .await
            .unwrap();
    });
    Running {
        url: frame.public_url().to_owned(),
        pin,
        folder,
        time_ms,
        frame,
        stop: Some(stop),
    }
}

impl Running {
    pub fn advance(&self, seconds: u64) {
        self.time_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub fn client(&self, key: Option<SigningKey>) -> HttpClient {
        let endpoint = Endpoint::new(self.url.parse().unwrap(), self.pin).unwrap();
        let credentials = key.map(|key| Credentials::new(key, ScopeSet::none()));
        let settings = ClientSettings {
            retries: 0,
            ..ClientSettings::default()
        };
        HttpClient::new(endpoint, credentials, settings).unwrap()
    }

    pub fn audit_lines(&self) -> Vec<serde_json::Value> {
        let path = self.folder.path().join("audit").join("audit.jsonl");
        let text = std::fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// An HTTP client that knows nothing of ours, for what ours does not send.
pub fn plain() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .use_preconfigured_tls(tls)
        .build()
        .unwrap()
}

/// Status and code of a refusal.
pub fn refused<T: std::fmt::Debug>(
    result: Result<T, consilium_client::ClientError>,
) -> (u16, String, String) {
    match result.unwrap_err() {
        consilium_client::ClientError::Refused {
            status,
            code,
            message,
            ..
        } => (status, code.to_string(), message),
        other => panic!("not a refusal: {other}"),
    }
}
