//! The running service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use actix_web::web;
use consilium_client::api::health::{Check, Readiness};
use consilium_client::genesis::{GenesisFileError, read_genesis};
use consilium_client::keyfile::{KeyFileError, read_key_file};
use consilium_client::passphrase::Passphrase;
use consilium_contracts::FederationId;
use consilium_node::{NodeConfig, NodeHandle};
use consilium_service::audit::AuditEntry;
use consilium_service::config::ConfigError;
use consilium_service::ledger::{self, Lag, LedgerApi, LedgerPeers, UpdateKeys};
use consilium_service::{ApiError, BoundService, ServedError, ServedFolder, ServiceBuilder};

use crate::config::KgcConfig;
use crate::core::Core;
use crate::error::KgcError;
use crate::follow::follow;
use crate::home::{PublicFile, PublicFileError};
use crate::http;
use crate::recover::{missing, recover};
use crate::seal::UnsealError;
use crate::secrets::NodeSecrets;
use crate::store::{Store, StoreError};

/// How often, and how long between, it is looked whether the server let go of the store: two seconds together.
const RELEASE_CHECKS: u32 = 200;
/// See [`RELEASE_CHECKS`].
const RELEASE_PAUSE: Duration = Duration::from_millis(10);

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// `kgc.json`.
    #[error(transparent)]
    Public(#[from] PublicFileError),
    /// The genesis.
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
    /// A genesis of another KGC.
    #[error("the genesis names another KGC than kgc.json")]
    OtherKgc,
    /// `kgc.node`.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger's node.
    #[error(transparent)]
    Node(#[from] consilium_node::StartError),
    /// A client cannot be set up.
    #[error(transparent)]
    Client(#[from] consilium_client::ClientError),
    /// The HTTP server.
    #[error(transparent)]
    Service(#[from] consilium_service::StartError),
    /// The passphrase that was given does not open the keys.
    #[error(transparent)]
    Unseal(#[from] UnsealError),
    /// Something that must be recorded cannot be.
    #[error("{0}")]
    Audit(ApiError),
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

/// A KGC that has its address and node, and answers once [`Kgc::run`] is called.
pub struct Kgc {
    core: Arc<Core>,
    bound: BoundService,
    peers: LedgerPeers,
    lag: Lag,
    served: ServedFolder,
}

impl Kgc {
    /// Opens the store, starts the node and takes the address. The keys are sealed.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: KgcConfig) -> Result<Self, StartError> {
        let home = config.home.clone();
        let public = PublicFile::read(&home.public())?;
        let path = home.genesis();
        let genesis =
            read_genesis(&path, None).map_err(|source| StartError::Genesis { path, source })?;
        if public.card().ok().as_ref() != Some(&genesis.genesis().kgc) {
            return Err(StartError::OtherKgc);
        }
        let served = ServedFolder::take(home.path())?;
        let NodeSecrets { peer, tls } = read_key_file(&home.node(), None)?;
        let store = Store::open(&home)?;
        let listen = match config.ledger.listen.as_str() {
            "" => genesis.genesis().kgc.listen.to_string(),
            listen => listen.to_owned(),
        };
        let further = config.ledger.peers()?;
        let peers = LedgerPeers::new(&genesis, None, &peer, "", config.ledger.services()?)?;
        let node = NodeConfig {
            data_dir: home.ledger(),
            genesis: genesis.clone(),
            peer_key: peer,
            validator_key: None,
            never_voted: None,
            listen,
            peers: further.clone(),
            tuning: config.tuning.clone(),
        };
        ledger::catch_up(&node, &peers, config.ledger.max_snapshot_bytes)
            .await
            .map_err(consilium_node::StartError::from)?;
        let node = consilium_node::start(node).await?;
        let lag = Lag::default();

        // The frame asks the core and the core holds the frame: a weak link, or neither would ever go.
        let core: Arc<OnceLock<Weak<Core>>> = Arc::default();
        let (for_scopes, for_readiness) = (Arc::clone(&core), Arc::clone(&core));
        let lag_seen = lag.clone();
        let admin = *public.admin();
        let encrypted = genesis.genesis().kgc.url.as_str().starts_with("https://");
        let version = env!("CARGO_PKG_VERSION");
        let mut builder = ServiceBuilder::new("kgc", version, config.frame, http::description())
            .principals(move |key| {
                let core = for_scopes.get().and_then(Weak::upgrade);
                Ok(http::scopes_of(&admin, &further, core.as_deref(), key))
            })
            .readiness(move || {
                let core = for_readiness.get().and_then(Weak::upgrade);
                core.map_or_else(starting, |core| readiness(&core, &lag_seen))
            })
            .transfer_routes(ledger::TRANSFER_ROUTES);
        if encrypted {
            builder = builder.tls(tls);
        }
        let bound = builder.bind()?;
        let frame = Arc::clone(bound.frame());
        let made = Core::new(
            frame,
            node,
            genesis,
            store,
            public,
            config.kgc,
            home.sealed(),
        );
        let made = Arc::new(made);
        // The only place that sets it.
        let _ = core.set(Arc::downgrade(&made));
        Ok(Self {
            core: made,
            bound,
            peers,
            lag,
            served,
        })
    }

    /// Opens the keys with a passphrase from a credential file, with an audit line.
    ///
    /// # Errors
    /// [`StartError::Unseal`], [`StartError::Audit`].
    pub fn unseal(&self, passphrase: &Passphrase) -> Result<(), StartError> {
        let opened = self.core.seal.unseal(passphrase);
        let line = AuditEntry::by_service("kgc", "unseal", "kgc.sealed");
        let line = match &opened {
            Ok(()) => line.allowed("the passphrase came with the start"),
            Err(error) => line.refused(error),
        };
        self.core
            .frame
            .audit()
            .record_blocking(&line)
            .map_err(StartError::Audit)?;
        opened?;
        self.core.wake.notify_one();
        Ok(())
    }

    /// The address it answers on.
    pub fn address(&self) -> SocketAddr {
        self.core.frame.address()
    }

    /// The URL for callers.
    pub fn url(&self) -> &str {
        self.core.frame.public_url()
    }

    /// Whose KGC.
    pub fn federation(&self) -> FederationId {
        self.core.genesis.federation()
    }

    /// Its node.
    pub fn node(&self) -> &NodeHandle {
        &self.core.node
    }

    /// Answers until `stop` is ready; the node is down and the folder free when this returns.
    ///
    /// # Errors
    /// [`StartError::Service`].
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), StartError> {
        let Self {
            core,
            bound,
            peers,
            lag,
            served,
        } = self;
        let tasks = [
            tokio::spawn(follow(Arc::clone(&core))),
            tokio::spawn(recover(Arc::clone(&core))),
            tokio::spawn(lag.watch(core.node.clone(), peers)),
        ];
        let ledger_api = LedgerApi::new(
            core.node.clone(),
            &core.genesis,
            update_keys(Arc::clone(&core)),
        );
        let (shared, ledger_api) = (
            web::Data::from(Arc::clone(&core)),
            web::Data::new(ledger_api),
        );
        let routes = move |config: &mut web::ServiceConfig| {
            config
                .app_data(shared.clone())
                .app_data(ledger_api.clone())
                .configure(http::routes)
                .configure(ledger::routes);
        };
        let ended = bound.serve(routes, stop).await;
        for task in tasks {
            task.abort();
            // Ended either way: by the abort, or by itself before.
            let _ = task.await;
        }
        core.node.clone().shutdown().await;
        released(core).await;
        drop(served);
        Ok(ended?)
    }

    /// Starts, unseals where there is a passphrase, and answers until `stop` is ready.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn serve(
        config: KgcConfig,
        passphrase: Option<&Passphrase>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), StartError> {
        let kgc = Self::start(config).await?;
        if let Some(passphrase) = passphrase {
            kgc.unseal(passphrase)?;
        }
        kgc.run(stop).await
    }
}

impl std::fmt::Debug for Kgc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kgc({})", self.url())
    }
}

/// The server's threads let go of their share a moment after it has ended; the store's lock goes with the last one.
async fn released(core: Arc<Core>) {
    let mut rest = core;
    for _ in 0..RELEASE_CHECKS {
        match Arc::try_unwrap(rest) {
            Ok(_) => return,
            Err(shared) => rest = shared,
        }
        tokio::time::sleep(RELEASE_PAUSE).await;
    }
    tracing::warn!("a request still holds the store");
}

fn update_keys(core: Arc<Core>) -> UpdateKeys {
    Arc::new(move |epoch| {
        // What was made and is not what was committed never leaves.
        let committed = core
            .ledger()
            .view
            .epoch(epoch)
            .map(|entry| entry.update_key);
        let found = core.store.update_key(epoch).map_err(KgcError::from)?;
        let found = found.filter(|entry| Some(entry.digest) == committed);
        let file = found.map_or(Ok(None), |entry| core.store.update_key_file(&entry));
        Ok(file.map_err(KgcError::from)?)
    })
}

fn starting() -> Readiness {
    Readiness::of([(
        "start",
        Check {
            ok: false,
            detail: "starting".to_owned(),
        },
    )])
}

fn readiness(core: &Core, lag: &Lag) -> Readiness {
    let open = core.seal.opened().is_some();
    let seal = match open {
        true => "the keys are open",
        false => "the keys are sealed: `consilium kgc unseal`",
    };
    let ledger = core.ledger();
    let current = ledger.view.current_epoch();
    let epoch = match &current {
        Some(entry) => format!("epoch {} is current", entry.epoch),
        None => "no epoch is published yet: no record can be taken".to_owned(),
    };
    let store = store_check(core);
    Readiness::of([
        ("ledger", lag.on(ledger::readiness(&core.node))),
        (
            "seal",
            Check {
                ok: open,
                detail: seal.to_owned(),
            },
        ),
        (
            "epoch",
            Check {
                ok: current.is_some(),
                detail: epoch,
            },
        ),
        ("store", store),
    ])
}

/// Ready without past update keys: they are being fetched, and gateways have them.
fn store_check(core: &Core) -> Check {
    let (ok, detail) = match missing(core) {
        Ok(missing) if missing.is_empty() => (true, "every update key is here".to_owned()),
        Ok(missing) => {
            let epochs: Vec<_> = missing.iter().map(|one| one.epoch.to_string()).collect();
            let epochs = epochs.join(", ");
            let text = format!("update keys of epochs {epochs} are at the gateways only");
            (true, text)
        }
        Err(error) => (false, error.to_string()),
    };
    Check { ok, detail }
}
