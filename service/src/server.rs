//! Puts a service together and runs it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use consilium_client::api::auth::ScopeSet;
use consilium_client::api::health::Readiness;
use consilium_client::wire::PublicKey;
use tokio::runtime::Handle;

use crate::audit::AuditLog;
use crate::auth::{Authenticator, PrincipalScopes};
use crate::clock::Clock;
use crate::common;
use crate::envelope::envelope;
use crate::error::ApiError;
use crate::frame::{Frame, ReadinessCheck};
use crate::limiter::{Rate, RateLimiter};
use crate::metrics::Metrics;
use crate::openapi;
use crate::pool::WorkPool;
use crate::settings::FrameSettings;
use crate::tls::{TlsError, TlsIdentity};

/// Callers whose rate is remembered at once.
const MAX_LIMITED_CALLERS: usize = 50_000;
/// Time for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be had.
    #[error("cannot answer on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The audit log cannot be opened.
    #[error("the audit log {path} cannot be opened: {source}")]
    Audit {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The API's description.
    #[error("the API's description cannot be written: {0}")]
    Description(#[from] serde_json::Error),
    /// The server failed while running.
    #[error("the server failed: {0}")]
    Serve(#[source] io::Error),
}

/// Declares a service.
pub struct ServiceBuilder {
    service: &'static str,
    version: &'static str,
    settings: FrameSettings,
    clock: Clock,
    tls: Option<TlsIdentity>,
    principals: PrincipalScopes,
    readiness: ReadinessCheck,
    description: utoipa::openapi::OpenApi,
    transfer_routes: Vec<&'static str>,
}

impl ServiceBuilder {
    /// A service by name (`kgc`, `gateway`) and version; `description` is its `OpenApi::openapi()`.
    pub fn new(
        service: &'static str,
        version: &'static str,
        settings: FrameSettings,
        description: utoipa::openapi::OpenApi,
    ) -> Self {
        Self {
            service,
            version,
            settings,
            clock: Clock::system(),
            tls: None,
            principals: Arc::new(|_| Ok(ScopeSet::none())),
            readiness: Box::new(|| Readiness::of([])),
            description: openapi::describe(description),
            transfer_routes: Vec::new(),
        }
    }

    /// Who may what: asked at every token, so that it can look at the ledger's state. Without it, nobody may anything.
    #[must_use]
    pub fn principals(
        mut self,
        scopes: impl Fn(&PublicKey) -> Result<ScopeSet, ApiError> + Send + Sync + 'static,
    ) -> Self {
        self.principals = Arc::new(scopes);
        self
    }

    /// What `/readyz` answers. It must not wait.
    #[must_use]
    pub fn readiness(mut self, check: impl Fn() -> Readiness + Send + Sync + 'static) -> Self {
        self.readiness = Box::new(check);
        self
    }

    /// With this TLS identity; needed off loopback.
    #[must_use]
    pub fn tls(mut self, identity: TlsIdentity) -> Self {
        self.tls = Some(identity);
        self
    }

    /// With another clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The templates of routes that take large bodies and so the longer time.
    #[must_use]
    pub fn transfer_routes(mut self, templates: &[&'static str]) -> Self {
        self.transfer_routes.extend_from_slice(templates);
        self
    }

    /// Takes the address and opens the audit log; nothing is answered before [`BoundService::serve`]. Call it in a tokio runtime.
    ///
    /// # Errors
    /// Every [`StartError`] but `Serve`.
    pub fn bind(self) -> Result<BoundService, StartError> {
        let listen = self.settings.http.listen;
        if self.tls.is_none() && !listen.ip().is_loopback() {
            return Err(TlsError::PlaintextOffLoopback(listen).into());
        }
        let tls = self
            .tls
            .as_ref()
            .map(TlsIdentity::server_config)
            .transpose()?;
        let listener = TcpListener::bind(listen)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = listener.map_err(|source| StartError::Listen {
            address: listen,
            source,
        })?;
        let frame = Arc::new(self.into_frame(address)?);
        Ok(BoundService {
            frame,
            listener,
            tls,
        })
    }

    fn into_frame(self, address: SocketAddr) -> Result<Frame, StartError> {
        let settings = self.settings;
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let public_url = match settings.http.public_url.trim_end_matches('/') {
            "" => format!("{scheme}://{address}"),
            url => url.to_owned(),
        };
        let (path, sync) = (&settings.audit.path, settings.audit.sync);
        let audit = AuditLog::open(self.service, path, sync, self.clock.clone());
        let audit = audit.map_err(|source| StartError::Audit {
            path: path.display().to_string(),
            source,
        })?;
        let limits = &settings.limits;
        let rate = Rate {
            per_minute: limits.requests_per_minute,
            burst: limits.burst,
        };
        let authenticator = Authenticator::new(
            public_url.clone(),
            Duration::from_secs(settings.auth.token_lifetime_s),
            self.clock.clone(),
            self.principals,
        );
        Ok(Frame {
            service: self.service,
            version: self.version,
            authenticator,
            audit,
            metrics: Metrics::new(),
            pool: WorkPool::new(limits.work_threads, limits.work_queue),
            by_principal: RateLimiter::new(rate, MAX_LIMITED_CALLERS, self.clock.clone()),
            by_address: RateLimiter::new(rate, MAX_LIMITED_CALLERS, self.clock.clone()),
            readiness: self.readiness,
            description: self.description.to_pretty_json()?,
            transfer_routes: self.transfer_routes,
            runtime: Handle::current(),
            clock: self.clock,
            address,
            public_url,
            settings,
        })
    }
}

/// A service that has its address and does not answer yet: time to make what its handlers need out of the frame.
pub struct BoundService {
    frame: Arc<Frame>,
    listener: TcpListener,
    tls: Option<rustls::ServerConfig>,
}

impl BoundService {
    /// What its handlers share.
    pub fn frame(&self) -> &Arc<Frame> {
        &self.frame
    }

    /// Answers until `stop` is ready, then lets open requests end.
    ///
    /// `routes` registers the service's own; one `web::resource` for each path, so that another method gets a 405.
    ///
    /// # Errors
    /// [`StartError::Listen`], [`StartError::Serve`].
    pub async fn serve(
        self,
        routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
        stop: impl Future<Output = ()>,
    ) -> Result<(), StartError> {
        let Self {
            frame,
            listener,
            tls,
        } = self;
        let (address, http) = (frame.address, frame.settings.http.clone());
        let data = web::Data::from(Arc::clone(&frame));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .configure(parameter_errors)
                .configure(routes.clone())
                .configure(common::routes)
                .wrap(from_fn(envelope))
        })
        .workers(http.workers.max(1))
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(http.shutdown_timeout_s)
        .disable_signals();
        let server = match tls {
            Some(tls) => server.listen_rustls_0_23(listener, tls),
            None => server.listen(listener),
        };
        let server = server
            .map_err(|source| StartError::Listen { address, source })?
            .run();
        tracing::info!(service = frame.service, url = frame.public_url, "answering");
        let (handle, mut server) = (server.handle(), server);
        tokio::select! {
            ended = &mut server => return ended.map_err(StartError::Serve),
            () = stop => {}
        }
        tracing::info!(service = frame.service, "stopping");
        let (ended, ()) = tokio::join!(server, handle.stop(true));
        ended.map_err(StartError::Serve)
    }
}

/// Malformed path parameters and forms, in our form.
fn parameter_errors(config: &mut web::ServiceConfig) {
    use actix_web::error::{PathError, UrlencodedError};
    use actix_web::http::StatusCode;
    use consilium_client::api::errors::codes;

    let path = web::PathConfig::default().error_handler(|error, request| {
        let names: Vec<_> = request
            .match_info()
            .iter()
            .map(|(name, _)| name.to_owned())
            .collect();
        let rule = match error {
            PathError::Deserialize(error) => error.to_string(),
            _ => "is malformed".to_owned(),
        };
        let text = format!("{}: {rule}", names.join(", "));
        ApiError::new(StatusCode::BAD_REQUEST, codes::MALFORMED_PARAMETER, text).into()
    });
    let form = web::FormConfig::default()
        .limit(16 << 10)
        .error_handler(|error, _| match error {
            UrlencodedError::Overflow { .. } => crate::body::too_large(16 << 10).into(),
            error => ApiError::malformed("body", error).into(),
        });
    config.app_data(path).app_data(form);
}

/// Ready when the process is told to end: SIGTERM (systemd) or SIGINT (the terminal).
pub async fn shutdown_signal() {
    use tokio::signal::unix::{SignalKind, signal};

    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be awaited");
                std::future::pending::<()>().await;
            }
        }
    };
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "SIGINT cannot be awaited");
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = terminate => {}
        () = interrupt => {}
    }
}
