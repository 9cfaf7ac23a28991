//! From what lies in a folder to a client of the service it belongs to.

use std::path::Path;

use consilium_client::api::auth::ScopeSet;
use consilium_client::credentials::Credentials;
use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_client::passphrase::Passphrase;
use consilium_client::{GatewayClient, KgcClient};
use consilium_contracts::SigningKey;
use consilium_kgc::{Home, PublicFile};
use consilium_service::hospital_file::read_hospital_file;

use super::answer::Failure;
use super::secrets::{self, PassphraseOption};

/// The KGC of a folder, as nobody.
pub fn kgc(home: &Home) -> Result<KgcClient, Failure> {
    kgc_as(home, None)
}

/// The KGC of a folder, as its administrator.
pub fn kgc_admin(home: &Home, passphrase: &PassphraseOption) -> Result<KgcClient, Failure> {
    let key = passphrase.open::<SigningKey>(&home.admin_key())?;
    kgc_as(home, Some(Credentials::new(key, ScopeSet::none())))
}

fn kgc_as(home: &Home, credentials: Option<Credentials>) -> Result<KgcClient, Failure> {
    let endpoint = kgc_endpoint(home)?;
    Ok(KgcClient::new(
        endpoint,
        credentials,
        ClientSettings::default(),
    )?)
}

/// The gateway of a folder, as nobody.
pub fn gateway(home: &Path) -> Result<GatewayClient, Failure> {
    gateway_as(home, None)
}

/// The gateway of a folder, as its operator.
pub fn gateway_operator(
    home: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<GatewayClient, Failure> {
    let key = secrets::open::<SigningKey>(&home.join("operator.key"), passphrase)?;
    gateway_as(home, Some(Credentials::new(key, ScopeSet::none())))
}

fn gateway_as(home: &Path, credentials: Option<Credentials>) -> Result<GatewayClient, Failure> {
    let endpoint = gateway_endpoint(home)?;
    Ok(GatewayClient::new(
        endpoint,
        credentials,
        ClientSettings::default(),
    )?)
}

/// Where the KGC of a folder answers.
pub fn kgc_endpoint(home: &Home) -> Result<Endpoint, Failure> {
    let card = PublicFile::read(&home.public())?
        .card()
        .map_err(Failure::said)?;
    Ok(Endpoint::of_kgc(&card, "")?)
}

/// Where the gateway of a folder answers.
pub fn gateway_endpoint(home: &Path) -> Result<Endpoint, Failure> {
    let card = read_hospital_file(&home.join("hospital.json"))?;
    Ok(Endpoint::of_hospital(&card)?)
}
