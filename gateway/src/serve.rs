//! Starting the gateway: keys, genesis, node, store, service, tasks; and taking them down again.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::web;
use consilium_client::api::auth::{Scope, ScopeSet};
use consilium_client::api::health::{Check, Readiness};
use consilium_client::endpoint::Endpoint;
use consilium_client::genesis::{GenesisFileError, read_genesis};
use consilium_client::keyfile::{KeyFileError, read_key_file};
use consilium_client::passphrase::Passphrase;
use consilium_client::wire::PublicKey;
use consilium_client::{ClientError, KgcClient};
use consilium_contracts::{
    FederationId, HospitalCard, HospitalId, Principal, VerifiedGenesis, View,
};
use consilium_node::{NodeConfig, NodeHandle, Peer};
use consilium_schemes::abe::PublicParameters;
use consilium_schemes::matching::IndexSize;
use consilium_service::config::ConfigError;
use consilium_service::ledger::{self as shared_ledger, Lag, LedgerApi, LedgerPeers, is_node};
use consilium_service::update_keys::UpdateKeyFiles;
use consilium_service::{
    ApiError, BoundService, PrincipalScopes, ServedError, ServedFolder, ServiceBuilder,
};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

use crate::config::{GatewayConfig, GatewaySettings};
use crate::description::{TRANSFER_ROUTES, description, routes};
use crate::files::Files;
use crate::follow;
use crate::hospital::{Hospital, Parts, between_services, copy, credentials};
use crate::init::never_voted;
use crate::keys::GatewayKeys;
use crate::matching::{self, engine::Capacity};
use crate::records;
use crate::store::{DEVICES, Role, Store, StoreError};

/// Why a gateway does not start, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The sealed keys.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The genesis file.
    #[error("{path}: {source}")]
    Genesis {
        /// The file.
        path: PathBuf,
        /// Why.
        source: GenesisFileError,
    },
    /// Another process serves the folder.
    #[error(transparent)]
    Served(#[from] ServedError),
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder.
    #[error("{path}: {source}")]
    Data {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The gateway's store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger's node.
    #[error(transparent)]
    Node(#[from] consilium_node::StartError),
    /// A client cannot be set up.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The HTTP service.
    #[error(transparent)]
    Service(#[from] consilium_service::StartError),
    /// The federation's parameters do not parse; a verified genesis has them right.
    #[error("the federation's parameters: {0}")]
    Parameters(String),
    /// Leftovers of a crash cannot be removed.
    #[error("leftovers cannot be removed: {0}")]
    Leftovers(ApiError),
    /// The service's task died.
    #[error("the service's task died: {0}")]
    Died(#[from] JoinError),
}

impl StartError {
    /// Whether a setting is wrong, which no second try mends.
    pub fn is_wrong_setting(&self) -> bool {
        match self {
            Self::Config(error) => error.is_wrong_setting(),
            Self::Node(error) => matches!(error, consilium_node::StartError::Address { .. }),
            _ => false,
        }
    }
}

/// What settings and genesis say, checked before anything is made, opened or joined.
struct Given {
    n: IndexSize,
    capacity: Capacity,
    kgc: Endpoint,
}

impl Given {
    fn of(settings: &GatewaySettings, genesis: &VerifiedGenesis) -> Result<Self, StartError> {
        let genesis = genesis.genesis();
        let n = IndexSize::new(genesis.settings.n);
        let n = n.map_err(|error| StartError::Parameters(error.to_string()))?;
        Ok(Self {
            n,
            capacity: settings.matching_capacity(n)?,
            kgc: settings.kgc(&genesis.kgc)?,
        })
    }
}

/// The data folder, opened.
struct Folder {
    served: ServedFolder,
    store: Arc<Store>,
    files: Files,
    update_keys: UpdateKeyFiles,
}

/// A running gateway.
pub struct Gateway {
    hospital: Arc<Hospital>,
    stop: watch::Sender<bool>,
    service: JoinHandle<Result<(), consilium_service::StartError>>,
    tasks: Vec<JoinHandle<()>>,
    _served: ServedFolder,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gateway({} at {})", self.hospital.id, self.url())
    }
}

impl Gateway {
    /// Starts the gateway and answers from now on. Call it in a tokio runtime with several threads; everything runs on that runtime
    /// (the ledger's engine on threads of its own) until [`Gateway::stop`].
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub async fn start(
        config: GatewayConfig,
        passphrase: Option<&Passphrase>,
    ) -> Result<Self, StartError> {
        let path = &config.gateway.genesis;
        let genesis = read_genesis(path, None).map_err(|source| StartError::Genesis {
            path: path.clone(),
            source,
        })?;
        let given = Given::of(&config.gateway, &genesis)?;
        let data = &config.gateway.data;
        let at = |source| StartError::Data {
            path: data.clone(),
            source,
        };
        std::fs::create_dir_all(data).map_err(at)?;
        let served = ServedFolder::take(data)?;
        // After what takes no passphrase: opening takes its time.
        let mut keys: GatewayKeys = read_key_file(&config.gateway.keys, passphrase)?;
        if genesis.genesis().settings.prefilter.is_some() {
            keys.complete(&config.gateway.keys, passphrase, &mut rand::rng())?;
        }
        let store = Arc::new(Store::open(&data.join("store"))?);
        let files = Files::open(data).map_err(at)?;
        let update_keys = UpdateKeyFiles::open(data.join("update-keys")).map_err(at)?;
        let peers = LedgerPeers::new(
            &genesis,
            Some(keys.hospital.clone()),
            &keys.peer,
            &config.gateway.kgc_url,
            config.ledger.services()?,
        )?;
        let node = start_node(&config, &keys, &genesis, &peers).await?;
        warn_of_former_keys(&keys, &node);
        let folder = Folder {
            served,
            store,
            files,
            update_keys,
        };
        match assemble(config, given, keys, genesis, folder, node.clone(), peers) {
            Ok(gateway) => Ok(gateway),
            Err(error) => {
                node.shutdown().await;
                Err(error)
            }
        }
    }

    /// Starts, answers until `stop` is ready, and stops.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn serve(
        config: GatewayConfig,
        passphrase: Option<&Passphrase>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), StartError> {
        let mut gateway = Self::start(config, passphrase).await?;
        tokio::select! {
            () = stop => {}
            // Without its service the gateway is of no use: end, and let the supervisor start it again.
            ended = &mut gateway.service => {
                gateway.finish().await;
                return Ok(ended??);
            }
        }
        gateway.stop().await
    }

    /// Lets open requests end, stops the tasks and the node.
    ///
    /// # Errors
    /// [`StartError::Service`] when the service had failed before.
    pub async fn stop(mut self) -> Result<(), StartError> {
        self.stop.send_replace(true);
        let ended = (&mut self.service).await;
        self.finish().await;
        Ok(ended??)
    }

    async fn finish(&mut self) {
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the gateway died");
            }
        }
        self.hospital.node.clone().shutdown().await;
    }

    /// The URL for callers.
    pub fn url(&self) -> &str {
        self.hospital.frame.public_url()
    }

    /// The hospital.
    pub fn hospital(&self) -> &HospitalId {
        &self.hospital.id
    }

    /// The federation.
    pub fn federation(&self) -> FederationId {
        self.hospital.federation
    }

    /// The ledger's node.
    pub fn node(&self) -> &NodeHandle {
        &self.hospital.node
    }
}

/// This hospital's card, where genesis or the ledger knows it already.
fn own_card(genesis: &VerifiedGenesis, id: &HospitalId) -> Option<HospitalCard> {
    genesis
        .genesis()
        .hospitals
        .iter()
        .find(|card| card.id == *id)
        .cloned()
}

/// Says so where the ledger names other keys than these: a rotation was not finished.
fn warn_of_former_keys(keys: &GatewayKeys, node: &NodeHandle) {
    let Some(entry) = View::new(node.state()).hospital(&keys.hospital) else {
        return;
    };
    let (card, own) = (entry.card, [&keys.validator, &keys.peer]);
    let pin = keys.tls.pin().ok().map(|pin| *pin.as_bytes());
    if own.map(|key| key.verifying_key()) != [card.validator_key, card.peer_key]
        || pin.as_ref() != Some(card.tls_pin.as_bytes())
    {
        tracing::warn!(
            hospital = %keys.hospital,
            "the ledger names other keys of this hospital: finish the rotation with `consilium gateway rotate-keys`, then restart"
        );
    }
}

async fn start_node(
    config: &GatewayConfig,
    keys: &GatewayKeys,
    genesis: &VerifiedGenesis,
    peers: &LedgerPeers,
) -> Result<NodeHandle, StartError> {
    let listen = match (
        config.ledger.listen.as_str(),
        own_card(genesis, &keys.hospital),
    ) {
        ("", Some(card)) => card.listen.to_string(),
        (listen, _) => listen.to_owned(),
    };
    let node = NodeConfig {
        data_dir: config.gateway.data.join("ledger"),
        genesis: genesis.clone(),
        peer_key: copy(&keys.peer),
        // Votes only while the ledger names it.
        validator_key: Some(copy(&keys.validator)),
        never_voted: Some(never_voted(&config.gateway.keys)),
        listen,
        peers: config.ledger.peers()?,
        tuning: config.tuning.clone(),
    };
    shared_ledger::catch_up(&node, peers, config.ledger.max_snapshot_bytes)
        .await
        .map_err(consilium_node::StartError::from)?;
    Ok(consilium_node::start(node).await?)
}

fn assemble(
    mut config: GatewayConfig,
    given: Given,
    keys: GatewayKeys,
    genesis: VerifiedGenesis,
    folder: Folder,
    node: NodeHandle,
    peers: LedgerPeers,
) -> Result<Gateway, StartError> {
    let Folder {
        served,
        store,
        files,
        update_keys,
    } = folder;
    if config.frame.http.public_url.is_empty()
        && let Some(card) = own_card(&genesis, &keys.hospital)
    {
        config.frame.http.public_url = card.url.to_string();
    }
    let parameters = genesis.genesis().parameters.as_bytes();
    let parameters = PublicParameters::from_bytes(parameters)
        .map_err(|error| StartError::Parameters(error.to_string()))?;
    let Given { n, capacity, kgc } = given;
    let kgc = KgcClient::new(kgc, Some(credentials(&keys)), between_services())?;
    let lag = Lag::default();
    let bound = bind(&config, &keys, &store, &node, &lag)?;
    let hospital = Arc::new(Hospital::new(Parts {
        parameters,
        n,
        capacity,
        kgc,
        frame: Arc::clone(bound.frame()),
        settings: config.gateway,
        genesis: genesis.clone(),
        keys,
        node,
        store,
        files,
        update_keys,
    }));
    records::sweep_files(&hospital).map_err(StartError::Leftovers)?;
    // A crash came between a batch and the end of a record in it.
    let state = hospital.state();
    matching::forget_closed(&hospital, &state).map_err(StartError::Leftovers)?;
    drop(state);
    let (stop, stopped) = watch::channel(false);
    let mut tasks = follow::spawn(&hospital, &stopped);
    let watch = lag.watch(hospital.node.clone(), peers);
    tasks.push(tokio::spawn(follow::until(stopped.clone(), watch)));
    let service = tokio::spawn(answer(bound, Arc::clone(&hospital), genesis, stopped));
    Ok(Gateway {
        hospital,
        stop,
        service,
        tasks,
        _served: served,
    })
}

fn bind(
    config: &GatewayConfig,
    keys: &GatewayKeys,
    store: &Arc<Store>,
    node: &NodeHandle,
    lag: &Lag,
) -> Result<BoundService, StartError> {
    let (ready, for_readiness, lag) = (node.clone(), Arc::clone(store), lag.clone());
    let mut builder = ServiceBuilder::new(
        "gateway",
        env!("CARGO_PKG_VERSION"),
        config.frame.clone(),
        description(),
    );
    builder = builder
        .principals({
            let further = config.ledger.peers()?;
            let scopes = principals(keys, Arc::clone(store), node.clone(), further);
            move |key| scopes(key)
        })
        .readiness(move || {
            let store = store_check(&for_readiness);
            let seal = Check {
                ok: true,
                detail: "the hospital's keys are open".to_owned(),
            };
            Readiness::of([
                ("ledger", lag.on(shared_ledger::readiness(&ready))),
                ("seal", seal),
                ("store", store),
            ])
        })
        .transfer_routes(TRANSFER_ROUTES)
        .transfer_routes(shared_ledger::TRANSFER_ROUTES);
    let loopback = config.frame.http.listen.ip().is_loopback();
    if !loopback || config.frame.http.public_url.starts_with("https:") {
        builder = builder.tls(keys.tls.clone());
    }
    Ok(builder.bind()?)
}

fn store_check(store: &Store) -> Check {
    match store.failure() {
        None => Check {
            ok: true,
            detail: "open".to_owned(),
        },
        Some(failure) => Check {
            ok: false,
            detail: format!("cannot be written, restart when it can: {failure}"),
        },
    }
}

/// Who may what: the operator by the key in the bundle, devices as they registered, hospitals and nodes as the ledger knows them.
fn principals(
    keys: &GatewayKeys,
    store: Arc<Store>,
    node: NodeHandle,
    further: Vec<Peer>,
) -> PrincipalScopes {
    let (operator, me) = (keys.operator, keys.hospital.clone());
    Arc::new(move |key: &PublicKey| -> Result<ScopeSet, ApiError> {
        if *key == operator {
            return Ok(ScopeSet::from_iter([Scope::GatewayOperator]));
        }
        if let Some(device) = store.get(&DEVICES, key)? {
            return Ok(ScopeSet::from_iter([match device.role {
                Role::Patient => Scope::Patient,
                Role::Doctor => Scope::Doctor,
            }]));
        }
        Ok(
            match View::new(node.state()).principal(key.verifying_key()) {
                Some(Principal::Hospital(id)) if id != me => ScopeSet::from_iter([Scope::Hospital]),
                None if is_node(node.state(), &further, key) => {
                    ScopeSet::from_iter([Scope::LedgerNode])
                }
                _ => ScopeSet::none(),
            },
        )
    })
}

async fn answer(
    bound: BoundService,
    hospital: Arc<Hospital>,
    genesis: VerifiedGenesis,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), consilium_service::StartError> {
    let at = Arc::clone(&hospital);
    let update_keys = Arc::new(move |epoch| {
        let there = at.update_keys.length(epoch).map_err(ApiError::internal)?;
        Ok(there.map(|_| at.update_keys.path(epoch)))
    });
    let ledger = web::Data::new(LedgerApi::new(hospital.node.clone(), &genesis, update_keys));
    let hospital = web::Data::from(hospital);
    let routes = move |config: &mut web::ServiceConfig| {
        config
            .app_data(hospital.clone())
            .app_data(ledger.clone())
            .configure(routes);
    };
    let stop = async move {
        // An error means that the gateway's handle is gone: stop, too.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    bound.serve(routes, stop).await
}
