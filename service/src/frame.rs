//! What every handler of a service has at hand.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, web};
use consilium_client::api::health::Readiness;
use consilium_client::wire::PublicKey;
use tokio::runtime::Handle;

use crate::audit::AuditLog;
use crate::auth::Authenticator;
use crate::clock::Clock;
use crate::error::ApiError;
use crate::limiter::RateLimiter;
use crate::metrics::Metrics;
use crate::pool::WorkPool;
use crate::settings::FrameSettings;

pub(crate) type ReadinessCheck = Box<dyn Fn() -> Readiness + Send + Sync>;

/// The common part of a running service: made by [`crate::ServiceBuilder`], shared by its handlers.
pub struct Frame {
    pub(crate) service: &'static str,
    pub(crate) version: &'static str,
    pub(crate) settings: FrameSettings,
    pub(crate) clock: Clock,
    pub(crate) address: SocketAddr,
    pub(crate) public_url: String,
    pub(crate) authenticator: Authenticator,
    pub(crate) audit: AuditLog,
    pub(crate) metrics: Metrics,
    pub(crate) pool: WorkPool,
    pub(crate) by_principal: RateLimiter<PublicKey>,
    pub(crate) by_address: RateLimiter<IpAddr>,
    pub(crate) readiness: ReadinessCheck,
    pub(crate) description: String,
    pub(crate) transfer_routes: Vec<&'static str>,
    pub(crate) runtime: Handle,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({} at {})", self.service, self.public_url)
    }
}

impl Frame {
    /// The frame of a request.
    ///
    /// # Errors
    /// 500 outside a service that [`crate::ServiceBuilder`] made.
    pub fn of(request: &HttpRequest) -> Result<&Arc<Self>, ApiError> {
        let data = request.app_data::<web::Data<Self>>().map(|data| &**data);
        data.ok_or_else(|| ApiError::internal("the request did not come through the frame"))
    }

    /// The address it answers on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for callers.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The settings.
    pub fn settings(&self) -> &FrameSettings {
        &self.settings
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The audit log.
    pub fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Where heavy cryptography runs.
    pub fn pool(&self) -> &WorkPool {
        &self.pool
    }

    /// Who calls and what it may.
    pub fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// Runs `work` to its end even when the caller goes away or the request times out: for what must not stop in the middle, such as
    /// a transaction and what follows it.
    ///
    /// # Errors
    /// Those of `work`; 500 if it panics.
    pub async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.runtime.spawn(work).await.map_err(ApiError::internal)?
    }

    pub(crate) fn limit(&self, principal: PublicKey) -> Result<(), ApiError> {
        self.by_principal.take(principal)
    }

    pub(crate) fn limit_address(&self, request: &HttpRequest) -> Result<(), ApiError> {
        let address = request.peer_addr().map(|address| network_of(address.ip()));
        address.map_or(Ok(()), |address| self.by_address.take(address))
    }

    pub(crate) fn time_for(&self, route: &str) -> Duration {
        let http = &self.settings.http;
        let seconds = match self.transfer_routes.contains(&route) {
            true => http.transfer_timeout_s,
            false => http.request_timeout_s,
        };
        Duration::from_secs(seconds)
    }
}

/// An address, or the /64 it is in: whoever has one IPv6 address has 2^64.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_is_one_caller() {
        let of = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
