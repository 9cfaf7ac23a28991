//! A device's folder: its keys, whose it is, the genesis it trusts.
//!
//! | file | what |
//! |---|---|
//! | `device.key` | the signing key |
//! | `abe.key` | a doctor's beta |
//! | `device.json` | the gateway and federation, once registered |
//! | `genesis.bin` | the genesis of that federation, checked against its id |
//! | `cases/ID.complaint.json` | what shows whose fault it is that a record did not open, until it is posted |
//! | `cases/ID.json` | where a doctor's report on a record that was read goes: the record's report key |
//! | `records/ID/` | a patient's record: its keys, what was submitted, its ciphertext |

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use consilium_client::GatewayClient;
use consilium_client::api::auth::ScopeSet;
use consilium_client::api::gateway::DeviceRole;
use consilium_client::credentials::Credentials;
use consilium_client::device::{Federation, register};
use consilium_client::endpoint::{Endpoint, Whose};
use consilium_client::file::{Existing, Readers, write_atomically};
use consilium_client::genesis::cached_genesis;
use consilium_client::http::ClientSettings;
use consilium_client::invitation::Invitation;
use consilium_client::keyfile::write_key_file;
use consilium_client::passphrase::Passphrase;
use consilium_client::tls::TlsPin;
use consilium_client::wire::Text;
use consilium_contracts::{FederationId, HospitalId, SigningKey, VerifiedGenesis};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::answer::Failure;
use super::secrets::{PassphraseOption, protection};

/// The longest invitation code that is read.
const MAX_CODE_BYTES: u64 = 4096;

/// `device.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What the device is for.
    pub role: DeviceRole,
    /// Its hospital.
    pub hospital: Text<HospitalId>,
    /// Its federation; no other is believed.
    pub federation: Text<FederationId>,
    /// Its gateway.
    pub url: String,
    /// The key that must answer there.
    pub tls_pin: Option<TlsPin>,
}

impl Profile {
    /// The profile of a registered device.
    pub fn read(home: &Path) -> Result<Self, Failure> {
        let path = profile(home);
        let text = fs::read(&path).map_err(|error| {
            Failure::said(format!(
                "{}: {error}; give the folder of a device that is registered (`patient register`, `doctor enroll --code-file FILE`)",
                path.display()
            ))
        })?;
        let read = serde_json::from_slice(&text);
        read.map_err(|error| Failure::said(format!("{}: {error}", path.display())))
    }

    /// Where its gateway is.
    pub fn endpoint(&self) -> Result<Endpoint, Failure> {
        let endpoint = Endpoint::new(self.url.parse()?, self.tls_pin)?;
        Ok(endpoint.named(Whose::Gateway(self.hospital.0.clone())))
    }
}

/// A device that is registered.
pub struct Device {
    home: PathBuf,
    profile: Profile,
    signing: SigningKey,
    gateway: GatewayClient,
}

/// Makes the device's folder and signing key.
pub fn keygen(home: &Path, passphrase: Option<&Passphrase>) -> Result<SigningKey, Failure> {
    fs::create_dir_all(home)
        .map_err(|error| Failure::said(format!("{}: {error}", home.display())))?;
    if signing_key(home).exists() {
        let text = format!("{} has keys already; nothing is changed", home.display());
        return Err(Failure::said(text));
    }
    let key = SigningKey::generate(&mut rand::rng());
    write_key_file(&signing_key(home), &key, protection(passphrase))?;
    Ok(key)
}

/// Redeems an invitation; the device belongs to its gateway from then on.
pub async fn join(
    home: &Path,
    role: DeviceRole,
    code: &Path,
    passphrase: &PassphraseOption,
) -> Result<Device, Failure> {
    let key: SigningKey = passphrase.open(&signing_key(home))?;
    if profile(home).exists() {
        return Err(Failure::said(format!(
            "{} is registered already",
            home.display()
        )));
    }
    let invitation: Invitation = read_code(code)?.trim().parse()?;
    let made = register(&invitation, role, &key, ClientSettings::default()).await?;
    let endpoint = invitation.endpoint();
    let written = Profile {
        role,
        hospital: made.hospital,
        federation: made.federation,
        url: endpoint.url().as_str().to_owned(),
        tls_pin: endpoint.pin(),
    };
    let text = serde_json::to_vec_pretty(&written)?;
    write_atomically(&profile(home), &text, Readers::Owner, Existing::Keep)?;
    Device::with(home, written, key)
}

fn read_code(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut code = Zeroizing::new(String::new());
    let failed = |error: std::io::Error| Failure::said(format!("{}: {error}", path.display()));
    match path.to_str() {
        Some("-") => std::io::stdin()
            .take(MAX_CODE_BYTES)
            .read_to_string(&mut code),
        _ => fs::File::open(path)
            .map_err(failed)?
            .take(MAX_CODE_BYTES)
            .read_to_string(&mut code),
    }
    .map_err(failed)?;
    Ok(code)
}

impl Device {
    /// Opens a registered device.
    pub fn open(home: &Path, passphrase: &PassphraseOption) -> Result<Self, Failure> {
        let profile = Profile::read(home)?;
        Self::with(home, profile, passphrase.open(&signing_key(home))?)
    }

    fn with(home: &Path, profile: Profile, signing: SigningKey) -> Result<Self, Failure> {
        let credentials = Credentials::new(copy(&signing), ScopeSet::none());
        let (endpoint, settings) = (profile.endpoint()?, ClientSettings::default());
        let gateway = GatewayClient::new(endpoint, Some(credentials), settings)?;
        Ok(Self {
            home: home.to_owned(),
            profile,
            signing,
            gateway,
        })
    }

    /// The same, if it is for this role.
    pub fn of(self, role: DeviceRole) -> Result<Self, Failure> {
        match self.profile.role == role {
            true => Ok(self),
            false => Err(Failure::Usage(format!(
                "{} is a {}'s device; this command needs a {role}'s",
                self.home.display(),
                self.profile.role
            ))),
        }
    }

    /// Its folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Whose it is.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Its signing key.
    pub fn signing(&self) -> SigningKey {
        copy(&self.signing)
    }

    /// Its gateway.
    pub fn gateway(&self) -> &GatewayClient {
        &self.gateway
    }

    /// The genesis of its federation, fetched once and checked against the id that came with the invitation.
    pub async fn genesis(&self) -> Result<VerifiedGenesis, Failure> {
        let (path, id) = (self.home.join("genesis.bin"), self.profile.federation.0);
        Ok(cached_genesis(&path, id, self.gateway.http()).await?)
    }

    /// The federation's public values.
    pub async fn federation(&self) -> Result<Federation, Failure> {
        Ok(Federation::from_genesis(&self.genesis().await?)?)
    }
}

/// The signing key's file.
pub fn signing_key(home: &Path) -> PathBuf {
    home.join("device.key")
}

/// A doctor's beta.
pub fn abe_key(home: &Path) -> PathBuf {
    home.join("abe.key")
}

/// What a doctor's device keeps of the records that were read.
pub fn cases(home: &Path) -> PathBuf {
    home.join("cases")
}

/// Whose a registered device is.
pub fn profile(home: &Path) -> PathBuf {
    home.join("device.json")
}

/// A signing key twice: one signs transactions, one the requests for tokens.
fn copy(key: &SigningKey) -> SigningKey {
    SigningKey::from_bytes(&key.expose_secret())
}
