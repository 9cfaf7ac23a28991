//! Whose ledger: the folder of a device, a gateway or the KGC.

use std::path::{Path, PathBuf};

use clap::Args;
use consilium_client::LedgerClient;
use consilium_client::api::auth::ScopeSet;
use consilium_client::credentials::Credentials;
use consilium_client::endpoint::Endpoint;
use consilium_client::genesis::{cached_genesis, read_genesis};
use consilium_client::http::ClientSettings;
use consilium_contracts::{FederationId, SigningKey, VerifiedGenesis};
use consilium_kgc::Home;

use crate::cli::answer::Failure;
use crate::cli::connect;
use crate::cli::device::{self, Profile};
use crate::cli::secrets::PassphraseOption;

/// Which service to ask, as whom.
#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// Folder of a patient's or doctor's device, of a gateway or of the KGC; its service is asked
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseOption,
}

/// What a folder says of its service.
struct Place {
    endpoint: Endpoint,
    /// The key to call with.
    key: PathBuf,
    genesis: PathBuf,
    /// A device's federation; its genesis is fetched when it is not there yet.
    federation: Option<FederationId>,
}

impl LedgerArgs {
    /// Of a folder that was named otherwise.
    pub const fn of(home: PathBuf, passphrase: PassphraseOption) -> Self {
        Self { home, passphrase }
    }

    /// The service, as nobody.
    pub fn anyone(&self) -> Result<LedgerClient, Failure> {
        self.client(Place::of(&self.home)?, None)
    }

    /// The service, as the folder's owner.
    pub fn principal(&self) -> Result<LedgerClient, Failure> {
        let place = Place::of(&self.home)?;
        let key = self.passphrase.open::<SigningKey>(&place.key)?;
        self.client(place, Some(Credentials::new(key, ScopeSet::none())))
    }

    fn client(
        &self,
        place: Place,
        credentials: Option<Credentials>,
    ) -> Result<LedgerClient, Failure> {
        let settings = ClientSettings::default();
        Ok(LedgerClient::new(place.endpoint, credentials, settings)?)
    }

    /// The genesis that the folder trusts.
    pub async fn genesis(&self) -> Result<VerifiedGenesis, Failure> {
        let place = Place::of(&self.home)?;
        let path = place.genesis;
        let read = match place.federation {
            Some(federation) => {
                let client = self.anyone()?;
                cached_genesis(&path, federation, client.http()).await
            }
            None => read_genesis(&path, None),
        };
        read.map_err(|error| Failure::said(format!("{}: {error}", path.display())))
    }
}

impl Place {
    fn of(home: &Path) -> Result<Self, Failure> {
        let (hospital, kgc) = (home.join("hospital.json"), Home::at(home));
        let genesis = home.join("genesis.bin");
        if device::profile(home).exists() {
            let profile = Profile::read(home)?;
            return Ok(Self {
                endpoint: profile.endpoint()?,
                key: device::signing_key(home),
                genesis,
                federation: Some(profile.federation.0),
            });
        }
        if hospital.exists() {
            return Ok(Self {
                endpoint: connect::gateway_endpoint(home)?,
                key: home.join("operator.key"),
                genesis,
                federation: None,
            });
        }
        if kgc.public().exists() {
            return Ok(Self {
                endpoint: connect::kgc_endpoint(&kgc)?,
                key: kgc.admin_key(),
                genesis,
                federation: None,
            });
        }
        Err(Failure::said(format!(
            "{} is not the folder of a registered device (device.json), of a gateway (hospital.json) or of the KGC (kgc.json)",
            home.display()
        )))
    }
}
