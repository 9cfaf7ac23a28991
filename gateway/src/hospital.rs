//! What the gateway's handlers and tasks share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use consilium_client::api::auth::ScopeSet;
use consilium_client::credentials::Credentials;
use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_client::wire::PublicKey;
use consilium_client::{GatewayClient, KgcClient};
use consilium_contracts::{
    DoctorId, FederationId, HospitalCard, HospitalId, Principal, SigningKey, VerifiedGenesis, View,
};
use consilium_node::{NodeHandle, Snapshot};
use consilium_schemes::abe::PublicParameters;
use consilium_schemes::matching::IndexSize;
use consilium_service::audit::AuditEntry;
use consilium_service::ledger::{LedgerSender, register_metrics};
use consilium_service::limiter::RateLimiter;
use consilium_service::update_keys::UpdateKeyFiles;
use consilium_service::{ApiError, Clock, Frame, Space};
use tokio::sync::Notify;

use crate::codes;
use crate::config::GatewaySettings;
use crate::failures::unavailable;
use crate::files::Files;
use crate::filter::Filters;
use crate::keys::GatewayKeys;
use crate::matching::Prepared;
use crate::matching::engine::Capacity;
use crate::open::KeptKeys;
use crate::operator::Gauges;
use crate::store::Store;

/// The hospital, running.
pub(crate) struct Hospital {
    pub(crate) id: HospitalId,
    pub(crate) federation: FederationId,
    /// Of the federation, from its genesis: they never change.
    pub(crate) parameters: PublicParameters,
    pub(crate) n: IndexSize,
    pub(crate) keys: GatewayKeys,
    pub(crate) node: NodeHandle,
    pub(crate) ledger: LedgerSender,
    pub(crate) store: Arc<Store>,
    pub(crate) files: Files,
    pub(crate) update_keys: UpdateKeyFiles,
    pub(crate) space: Arc<Space>,
    pub(crate) kgc: KgcClient,
    pub(crate) frame: Arc<Frame>,
    pub(crate) settings: GatewaySettings,
    pub(crate) token_limiter: RateLimiter<PublicKey>,
    pub(crate) wake: Wake,
    pub(crate) prepared: Prepared,
    pub(crate) filters: Filters,
    pub(crate) kept_keys: KeptKeys,
    pub(crate) gauges: Gauges,
    /// Held while an invitation is redeemed.
    pub(crate) registering: Mutex<()>,
    gateways: Mutex<BTreeMap<HospitalId, Arc<GatewayClient>>>,
}

/// Wakes the tasks that work through what is to be done.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    pub(crate) records: Notify,
    pub(crate) indexes: Notify,
    pub(crate) matching: Notify,
    pub(crate) reports: Notify,
    pub(crate) keys: Notify,
    pub(crate) challenges: Notify,
    pub(crate) posting: Notify,
}

/// What a [`Hospital`] is made of.
pub(crate) struct Parts {
    pub(crate) keys: GatewayKeys,
    pub(crate) genesis: VerifiedGenesis,
    pub(crate) node: NodeHandle,
    pub(crate) store: Arc<Store>,
    pub(crate) files: Files,
    pub(crate) update_keys: UpdateKeyFiles,
    pub(crate) kgc: KgcClient,
    pub(crate) frame: Arc<Frame>,
    pub(crate) settings: GatewaySettings,
    pub(crate) parameters: PublicParameters,
    pub(crate) n: IndexSize,
    /// What the match engine may hold.
    pub(crate) capacity: Capacity,
}

impl Hospital {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            keys,
            genesis,
            node,
            store,
            files,
            update_keys,
            kgc,
            frame,
            settings,
            parameters,
            n,
            capacity,
        } = parts;
        let federation = genesis.federation();
        let clock = frame.clock().clone();
        let filters_clock = clock.clone();
        let rate = consilium_service::limiter::Rate {
            per_minute: settings.tokens_per_minute,
            burst: settings.tokens_burst,
        };
        let gauges = Gauges::register(frame.metrics());
        register_metrics(frame.metrics(), &node);
        Self {
            id: keys.hospital.clone(),
            federation,
            parameters,
            n,
            ledger: LedgerSender::new(node.clone(), federation, copy(&keys.signing)),
            keys,
            node,
            store,
            files,
            update_keys,
            space: Space::new(&settings.data, settings.reserve_bytes),
            kgc,
            frame,
            settings,
            token_limiter: RateLimiter::new(rate, 50_000, clock),
            wake: Wake::default(),
            prepared: Prepared::new(capacity),
            filters: Filters::new(filters_clock),
            kept_keys: KeptKeys::default(),
            gauges,
            registering: Mutex::default(),
            gateways: Mutex::default(),
        }
    }

    /// The state after the last block that this hospital's node applied.
    pub(crate) fn state(&self) -> Snapshot {
        self.node.state()
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.frame.clock()
    }

    /// The ledger's height, for audit lines.
    pub(crate) fn height(&self) -> u64 {
        self.node.status().height.value()
    }

    /// The pseudonym that a device's key has as a doctor's.
    pub(crate) fn doctor_of(&self, principal: &PublicKey) -> DoctorId {
        DoctorId::derive(&self.federation, principal.verifying_key())
    }

    /// Which hospital calls, by its ledger key.
    pub(crate) fn calling_hospital(&self, principal: &PublicKey) -> Result<HospitalId, ApiError> {
        match View::new(self.state()).principal(principal.verifying_key()) {
            Some(Principal::Hospital(id)) => Ok(id),
            _ => Err(ApiError::forbidden(
                "only a hospital of this federation may do this",
            )),
        }
    }

    /// Refuses while this hospital's copy of the ledger is older than the federation allows.
    pub(crate) fn check_tip(&self) -> Result<(), ApiError> {
        let limit = View::new(self.state()).settings().max_tip_age_ms;
        let age = self.node.status().tip_age_ms;
        if age <= limit {
            return Ok(());
        }
        let text = format!(
            "this hospital's copy of the ledger is {age} ms old, at most {limit} ms are allowed"
        );
        Err(unavailable(codes::TIP_TOO_OLD, text))
    }

    /// The card of another hospital.
    pub(crate) fn card(&self, hospital: &HospitalId) -> Result<HospitalCard, ApiError> {
        let entry = View::new(self.state()).hospital(hospital);
        entry
            .map(|entry| entry.card)
            .ok_or_else(|| ApiError::not_found(format!("hospital {hospital}")))
    }

    /// A client of another hospital's gateway, as this hospital.
    pub(crate) fn gateway(&self, hospital: &HospitalId) -> Result<Arc<GatewayClient>, ApiError> {
        let known = self
            .gateways
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(hospital)
            .cloned();
        if let Some(client) = known {
            return Ok(client);
        }
        let card = self.card(hospital)?;
        let endpoint = Endpoint::of_hospital(&card).map_err(ApiError::internal)?;
        let credentials = credentials(&self.keys);
        let client = GatewayClient::new(endpoint, Some(credentials), between_services());
        let client = Arc::new(client.map_err(ApiError::internal)?);
        let mut gateways = self.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        gateways.insert(hospital.clone(), Arc::clone(&client));
        Ok(client)
    }

    /// Another hospital changed its card: its gateway may be elsewhere now, under another TLS key.
    pub(crate) fn forget_gateway(&self, hospital: &HospitalId) {
        let mut gateways = self.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        gateways.remove(hospital);
    }

    /// The audit line of a decision, with where it was decided.
    fn decided<T>(&self, line: AuditEntry, result: &Result<T, ApiError>) -> AuditEntry {
        let epoch = View::new(self.state())
            .current_epoch()
            .map(|entry| entry.epoch.number());
        line.epoch(epoch).height(self.height()).result(result)
    }

    /// Carries a decision out to its end, whether or not the caller still waits, and records it before the answer leaves.
    pub(crate) async fn decide<T: Send + 'static>(
        self: &Arc<Self>,
        line: AuditEntry,
        work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
    ) -> Result<T, ApiError> {
        let hospital = Arc::clone(self);
        let work = async move {
            let result = work.await;
            let line = hospital.decided(line, &result);
            hospital.frame.audit().record(line).await?;
            result
        };
        self.frame.to_the_end(work).await
    }

    /// As [`Hospital::decide`], for what only looks into the store.
    pub(crate) async fn decide_now<T>(
        &self,
        line: AuditEntry,
        work: impl FnOnce() -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let result = work();
        self.frame
            .audit()
            .record(self.decided(line, &result))
            .await?;
        result
    }

    /// The line of something that the gateway does by itself.
    pub(crate) async fn note(
        &self,
        action: &str,
        subject: impl ToString,
        why: &str,
    ) -> Result<(), ApiError> {
        let line = AuditEntry::by_service("gateway", action, subject).height(self.height());
        self.frame.audit().record(line.allowed(why)).await
    }
}

/// As whom this hospital calls other services.
pub(crate) fn credentials(keys: &GatewayKeys) -> Credentials {
    Credentials::new(copy(&keys.signing), ScopeSet::none())
}

/// Another holder of the same key; each wipes its own.
pub(crate) fn copy(key: &SigningKey) -> SigningKey {
    SigningKey::from_bytes(&key.expose_secret())
}

/// How patient this gateway is with other services: less than its own callers are with it.
pub(crate) fn between_services() -> ClientSettings {
    ClientSettings {
        connect_timeout: Duration::from_secs(3),
        call_timeout: Duration::from_secs(20),
        retries: 1,
        ..ClientSettings::default()
    }
}
