//! The HTTP client under the typed ones: pinned TLS, time limits, bounded answers, bearer tokens, typed refusals.
//!
//! A call that may have been carried out is repeated only where repeating it changes nothing (`GET`, `PUT`, `DELETE`); every
//! other only when it certainly never arrived. Redirects and proxies are not followed: a pin names one service.

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::api::auth::{ASSERTION_TYPE, GRANT_TYPE, TOKEN_PATH, TokenRequest, TokenResponse};
use crate::api::errors::{OperationOutcome, codes};
use crate::api::health::Readiness;
use crate::credentials::{Credentials, unix_seconds};
use crate::endpoint::Endpoint;
use crate::error::ClientError;
use crate::tls::{pinned_config, refusing_config};
use crate::wire::SecretText;

/// How patient a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time for a call whose answer is JSON.
    pub call_timeout: Duration,
    /// Time for a transfer of a large body.
    pub transfer_timeout: Duration,
    /// How often a repeatable call is tried again.
    pub retries: u32,
    /// Wait before the first repetition; doubles with each.
    pub retry_wait: Duration,
    /// The largest JSON answer that is read, in bytes.
    pub max_answer_bytes: usize,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(60),
            transfer_timeout: Duration::from_secs(3600),
            retries: 3,
            retry_wait: Duration::from_millis(200),
            max_answer_bytes: 16 << 20,
        }
    }
}

/// A connection to one service, as one principal or anonymously.
pub struct HttpClient {
    inner: reqwest::Client,
    endpoint: Endpoint,
    credentials: Option<Credentials>,
    bearer: Mutex<Option<Bearer>>,
    settings: ClientSettings,
}

struct Bearer {
    token: SecretText,
    refresh_at: Instant,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "HttpClient({}, {:?})",
            self.endpoint.url(),
            self.credentials
        )
    }
}

impl HttpClient {
    /// A client of the service at `endpoint`; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if the TLS stack cannot be set up.
    pub fn new(
        endpoint: Endpoint,
        credentials: Option<Credentials>,
        settings: ClientSettings,
    ) -> Result<Self, ClientError> {
        // Some TLS configuration always, or the HTTP library looks for a process-wide one and panics without it.
        let tls = endpoint.pin().map_or_else(refusing_config, pinned_config);
        let inner = reqwest::Client::builder()
            .use_preconfigured_tls(tls.map_err(|error| ClientError::Setup(error.to_string()))?)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(settings.connect_timeout)
            .user_agent(concat!("consilium/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ClientError::Setup(error.to_string()))?;
        Ok(Self {
            inner,
            endpoint,
            credentials,
            bearer: Mutex::new(None),
            settings,
        })
    }

    /// Where it connects to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// As whom it calls.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// `GET`, JSON back.
    ///
    /// # Errors
    /// Every [`ClientError`] but `Setup` and `File`.
    pub async fn get<R: DeserializeOwned>(&self, path: &str) -> Result<R, ClientError> {
        self.json(
            self.call(Method::GET, path, self.settings.call_timeout, Body::None)
                .await?,
        )
        .await
    }

    /// What `/readyz` says: one that is not ready answers, too, with status 503.
    ///
    /// # Errors
    /// As [`HttpClient::get`].
    pub async fn readiness(&self) -> Result<Readiness, ClientError> {
        let url = self.endpoint.url().join("/readyz")?;
        let request = self.inner.get(url).timeout(self.settings.call_timeout);
        let answer = request.send().await;
        self.json(answer.map_err(|error| self.transport_error(error))?)
            .await
    }

    /// `POST` JSON, JSON back.
    ///
    /// # Errors
    /// As [`HttpClient::get`].
    pub async fn post<B: Serialize, R: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<R, ClientError> {
        let body =
            serde_json::to_vec(body).map_err(|error| ClientError::Setup(error.to_string()))?;
        let limit = self.settings.call_timeout;
        self.json(
            self.call(Method::POST, path, limit, Body::Json(&body))
                .await?,
        )
        .await
    }

    /// `DELETE`, JSON (or nothing, as `()`) back.
    ///
    /// # Errors
    /// As [`HttpClient::get`].
    pub async fn delete<R: DeserializeOwned>(&self, path: &str) -> Result<R, ClientError> {
        let limit = self.settings.call_timeout;
        self.json(self.call(Method::DELETE, path, limit, Body::None).await?)
            .await
    }

    /// `PUT` a file as `application/octet-stream`, without holding it in memory; JSON back.
    ///
    /// # Errors
    /// As [`HttpClient::get`], and [`ClientError::File`] when the file cannot be read.
    pub async fn upload<R: DeserializeOwned>(
        &self,
        path: &str,
        file: &Path,
    ) -> Result<R, ClientError> {
        let limit = self.settings.transfer_timeout;
        self.json(
            self.call(Method::PUT, path, limit, Body::File(file))
                .await?,
        )
        .await
    }

    /// `GET` a large body into `sink`, refusing more than `max_bytes`; the number of bytes back.
    ///
    /// A transfer that breaks off is an error; what the sink got until then is not the whole.
    ///
    /// # Errors
    /// As [`HttpClient::get`], and [`ClientError::File`] when the sink fails.
    pub async fn download(
        &self,
        path: &str,
        sink: &mut (impl AsyncWrite + Unpin),
        max_bytes: u64,
    ) -> Result<u64, ClientError> {
        let limit = self.settings.transfer_timeout;
        let mut pieces = Download {
            response: self.call(Method::GET, path, limit, Body::None).await?,
            http: self,
            received: 0,
            max_bytes,
        };
        while let Some(piece) = pieces.next().await? {
            sink.write_all(&piece).await.map_err(ClientError::File)?;
        }
        let received = pieces.received;
        sink.flush().await.map_err(ClientError::File)?;
        Ok(received)
    }

    /// `GET` a large body piece by piece, refusing more than `max_bytes`. The service may take as long to begin, and to go on, as
    /// for a call.
    ///
    /// # Errors
    /// As [`HttpClient::get`].
    pub(crate) async fn pieces(
        &self,
        path: &str,
        max_bytes: u64,
    ) -> Result<Download<'_>, ClientError> {
        let limit = self.settings.transfer_timeout;
        let answer = self.call(Method::GET, path, limit, Body::None);
        let answer = timeout(self.settings.call_timeout, answer).await;
        Ok(Download {
            response: answer.map_err(|_| self.late())??,
            http: self,
            received: 0,
            max_bytes,
        })
    }

    /// `GET` a body of bytes of bounded size.
    ///
    /// # Errors
    /// As [`HttpClient::get`].
    pub async fn get_bytes(&self, path: &str, max_bytes: usize) -> Result<Vec<u8>, ClientError> {
        let limit = self.settings.call_timeout;
        self.read(
            self.call(Method::GET, path, limit, Body::None).await?,
            max_bytes,
        )
        .await
    }

    /// One call: authenticated, repeated where that is safe, refusals typed.
    async fn call(
        &self,
        method: Method,
        path: &str,
        limit: Duration,
        body: Body<'_>,
    ) -> Result<Response, ClientError> {
        let mut wait = self.settings.retry_wait;
        let mut left = self.settings.retries;
        let mut may_renew = self.credentials.is_some();
        loop {
            let error = match self.attempt(&method, path, limit, &body).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if may_renew && error.says_token_expired() {
                may_renew = false;
                *self.bearer.lock().await = None;
                continue;
            }
            if left == 0 || !error.may_repeat(&method) {
                return Err(error);
            }
            left = left.saturating_sub(1);
            tokio::time::sleep(error.retry_after().unwrap_or(wait).min(MAX_RETRY_WAIT)).await;
            wait = wait.saturating_mul(2);
        }
    }

    async fn attempt(
        &self,
        method: &Method,
        path: &str,
        limit: Duration,
        body: &Body<'_>,
    ) -> Result<Response, ClientError> {
        let url = self.endpoint.url().join(path)?;
        let mut request = self.inner.request(method.clone(), url).timeout(limit);
        if let Some(credentials) = &self.credentials {
            request = request.bearer_auth(self.bearer(credentials).await?.expose_secret());
        }
        self.send(body.attach(request).await?).await
    }

    /// The bearer token, obtained when there is none or it is about to expire. Callers wait for one another here, so that many
    /// calls at once obtain one token.
    async fn bearer(&self, credentials: &Credentials) -> Result<SecretText, ClientError> {
        let mut held = self.bearer.lock().await;
        if let Some(bearer) = held
            .as_ref()
            .filter(|bearer| Instant::now() < bearer.refresh_at)
        {
            return Ok(bearer.token.clone());
        }
        let answer = self.obtain_token(credentials).await?;
        let lifetime = Duration::from_secs(answer.expires_in);
        let refresh_at = Instant::now() + lifetime.mul_f32(0.8);
        *held = Some(Bearer {
            token: answer.access_token.clone(),
            refresh_at,
        });
        Ok(answer.access_token)
    }

    async fn obtain_token(&self, credentials: &Credentials) -> Result<TokenResponse, ClientError> {
        let assertion = credentials.assertion(self.endpoint.url().as_str(), unix_seconds());
        let scopes = credentials.scopes();
        let form = TokenRequest {
            grant_type: GRANT_TYPE.to_owned(),
            client_assertion_type: ASSERTION_TYPE.to_owned(),
            client_assertion: SecretText::new(assertion),
            scope: (!scopes.is_empty()).then(|| scopes.to_string()),
        };
        let url = self.endpoint.url().join(TOKEN_PATH)?;
        let request = self
            .inner
            .post(url)
            .timeout(self.settings.call_timeout)
            .form(&form);
        self.json(self.send(request).await?).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request
            .send()
            .await
            .map_err(|error| self.transport_error(error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refusal(response).await)
    }

    async fn refusal(&self, response: Response) -> ClientError {
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
        let body = match self.read(response, MAX_REFUSAL_BYTES).await {
            Ok(body) => body,
            Err(error) => return error,
        };
        let outcome = serde_json::from_slice::<OperationOutcome>(&body).ok();
        match outcome
            .as_ref()
            .and_then(|outcome| Some((outcome, outcome.code()?, outcome.text()?)))
        {
            Some((outcome, code, text)) => ClientError::Refused {
                status: status.as_u16(),
                code: code.clone(),
                message: text.to_owned(),
                request_id: outcome.id.clone(),
                retry_after,
            },
            None => ClientError::Protocol(format!("status {status} without an OperationOutcome")),
        }
    }

    async fn json<R: DeserializeOwned>(&self, response: Response) -> Result<R, ClientError> {
        let empty = response.status() == StatusCode::NO_CONTENT;
        let body = self.read(response, self.settings.max_answer_bytes).await?;
        let text: &[u8] = if empty { b"null" } else { &body };
        serde_json::from_slice(text).map_err(|error| ClientError::Protocol(error.to_string()))
    }

    async fn read(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|e| self.transport_error(e))?
        {
            if body.len().saturating_add(chunk.len()) > limit {
                return Err(ClientError::AnswerTooLarge {
                    limit: limit as u64,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn transport_error(&self, error: reqwest::Error) -> ClientError {
        ClientError::from_transport(&self.endpoint, &error)
    }

    fn late(&self) -> ClientError {
        ClientError::TimedOut {
            whose: self.endpoint.whose().clone(),
            url: self.endpoint.url().as_str().to_owned(),
        }
    }
}

/// A large body on its way.
#[derive(Debug)]
pub(crate) struct Download<'a> {
    http: &'a HttpClient,
    response: Response,
    received: u64,
    max_bytes: u64,
}

impl Download<'_> {
    /// The next piece; none behind the last. What breaks off is an error.
    async fn next(&mut self) -> Result<Option<impl Deref<Target = [u8]> + use<>>, ClientError> {
        let piece = self.response.chunk().await;
        let piece = piece.map_err(|error| self.http.transport_error(error))?;
        let length = piece.as_ref().map_or(0, |piece| piece.len() as u64);
        self.received = self.received.saturating_add(length);
        match self.received > self.max_bytes {
            true => Err(ClientError::AnswerTooLarge {
                limit: self.max_bytes,
            }),
            false => Ok(piece),
        }
    }

    /// As `next`, within the time for a call.
    pub(crate) async fn next_in_time(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let http = self.http;
        let piece = timeout(http.settings.call_timeout, self.next()).await;
        let piece = piece.map_err(|_| http.late())??;
        Ok(piece.map(|piece| piece.to_vec()))
    }
}

/// The longest a client waits before it repeats a call.
const MAX_RETRY_WAIT: Duration = Duration::from_secs(10);
/// The largest refusal that is read.
const MAX_REFUSAL_BYTES: usize = 64 << 10;

fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// A request's body, in a form that can be sent again.
enum Body<'a> {
    None,
    Json(&'a [u8]),
    File(&'a Path),
}

impl Body<'_> {
    async fn attach(&self, request: RequestBuilder) -> Result<RequestBuilder, ClientError> {
        let request = request.header(ACCEPT, "application/json, application/octet-stream");
        match self {
            Self::None => Ok(request),
            Self::Json(json) => Ok(request
                .header(CONTENT_TYPE, "application/json")
                .body(json.to_vec())),
            Self::File(path) => {
                let file = tokio::fs::File::open(path)
                    .await
                    .map_err(ClientError::File)?;
                let length = file.metadata().await.map_err(ClientError::File)?.len();
                Ok(request
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(reqwest::header::CONTENT_LENGTH, length)
                    .body(file))
            }
        }
    }
}

/// Whether an error leaves no doubt, or no harm, in sending again.
impl ClientError {
    fn may_repeat(&self, method: &Method) -> bool {
        let repeatable = matches!(*method, Method::GET | Method::PUT | Method::DELETE);
        match self {
            Self::Unreachable { never_sent, .. } => *never_sent || repeatable,
            Self::TimedOut { .. } => false,
            Self::Refused { status, code, .. } => {
                repeatable
                    && (*status == 503 || *status == 429 || *status == 502)
                    && *code != codes::SEALED
                    // The service has waited already.
                    && *code != codes::NOT_CERTIFIED_YET
            }
            _ => false,
        }
    }

    fn says_token_expired(&self) -> bool {
        matches!(self, Self::Refused { status: 401, code, .. }
            if *code == codes::TOKEN_EXPIRED || *code == codes::UNAUTHENTICATED)
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
