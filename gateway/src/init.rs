//! What a hospital begins with: its sealed keys, its public card, its operator's key, a commented settings file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use consilium_client::endpoint::{EndpointError, ServiceUrl};
use consilium_client::file::{Existing, Readers, write_atomically};
use consilium_client::keyfile::{KeyFileError, Protection, WorkFactor, write_key_file};
use consilium_client::passphrase::Passphrase;
use consilium_contracts::{
    Address, BoundError, CardError, Digest, DisplayName, HospitalCard, HospitalId, SigningKey,
};
use consilium_node::{NeverVoted, StoreError};
use consilium_schemes::matching::KeyContext;
use consilium_service::hospital_file::{HospitalFileError, write_hospital_file};
use consilium_service::tls::TlsError;
use rand_core::CryptoRng;

use crate::config::schema;
use crate::keys::GatewayKeys;
use crate::serve::Gateway;

/// File names in the hospital's folder.
const KEYS: &str = "gateway.keys";
const OPERATOR: &str = "operator.key";
const CARD: &str = "hospital.json";
const SETTINGS: &str = "gateway.toml";
const NEVER_VOTED: &str = "never-voted";

/// What `gateway init` is told.
#[derive(Debug)]
pub struct InitRequest<'a> {
    /// The folder that gets the files; made if absent.
    pub folder: &'a Path,
    /// The hospital's id: the value of `hospital:`.
    pub id: HospitalId,
    /// Its name for people.
    pub name: String,
    /// The URL under which devices, other hospitals and the KGC reach the gateway: https, or http on loopback.
    pub url: String,
    /// Address and port to answer on.
    pub http_listen: String,
    /// The multiaddress under which the ledger's nodes reach this one.
    pub ledger_listen: String,
    /// Protects the gateway's keys.
    pub passphrase: &'a Passphrase,
    /// Protects the operator's key; none: as the gateway's.
    pub operator_passphrase: Option<&'a Passphrase>,
    /// Work factor of both; none: the standard one.
    pub work: Option<WorkFactor>,
}

/// Where everything lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initialised {
    /// The sealed keys.
    pub keys: PathBuf,
    /// The operator's key file.
    pub operator_key: PathBuf,
    /// The public card, for the KGC's administrator.
    pub hospital_file: PathBuf,
    /// The settings.
    pub settings: PathBuf,
    /// The card itself.
    pub card: HospitalCard,
}

/// Why a hospital is not initialised. Nothing that was there before is changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// Something is there already.
    #[error(
        "{path} is there already: a hospital's keys are made once; choose another folder, or move the old one away and keep it"
    )]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// The system's reason.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The URL is none for a service.
    #[error("url: {0}")]
    Url(#[from] EndpointError),
    /// A name or an address is too long.
    #[error("{field}: {source}")]
    Text {
        /// Which.
        field: &'static str,
        /// Why.
        source: BoundError,
    },
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The card breaks a rule.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The card's file.
    #[error(transparent)]
    HospitalFile(#[from] HospitalFileError),
    /// The file that says that the validator key never voted.
    #[error(transparent)]
    NeverVoted(#[from] StoreError),
}

impl Gateway {
    /// Makes the hospital's keys, card and settings. Refuses to overwrite anything.
    ///
    /// # Errors
    /// [`InitError`].
    pub fn init(
        request: &InitRequest<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Initialised, InitError> {
        let at = |name: &str| request.folder.join(name);
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| InitError::Io { path, source }
        };
        fs::create_dir_all(request.folder).map_err(io(request.folder))?;
        let paths = [KEYS, OPERATOR, CARD, SETTINGS, NEVER_VOTED].map(at);
        if let Some(path) = paths.iter().find(|path| path.exists()) {
            return Err(InitError::Exists { path: path.clone() });
        }
        let [keys_path, operator_key, hospital_file, settings, word] = paths;

        let url: ServiceUrl = request.url.parse()?;
        let operator = SigningKey::generate(rng);
        let names = [host_of(url.as_str()), "localhost".to_owned()];
        let public = operator.verifying_key().into();
        let keys = GatewayKeys::generate(request.id.clone(), &names, public, rng)?;
        let card = card(request, &url, &keys, rng)?;
        card.verify()?;

        write_atomically(
            &settings,
            settings_file(request, &url).as_bytes(),
            Readers::Owner,
            Existing::Keep,
        )
        .map_err(io(&settings))?;
        write_hospital_file(&hospital_file, &card)?;
        let protect = |passphrase| match request.work {
            Some(work) => Protection::PassphraseWithWork(passphrase, work),
            None => Protection::Passphrase(passphrase),
        };
        let of_operator = request.operator_passphrase.unwrap_or(request.passphrase);
        write_key_file(&operator_key, &operator, protect(of_operator))?;
        NeverVoted::write(&word, &card.validator_key)?;
        // Last: where these are, everything is.
        write_key_file(&keys_path, &keys, protect(request.passphrase))?;
        Ok(Initialised {
            keys: keys_path,
            operator_key,
            hospital_file,
            settings,
            card,
        })
    }
}

fn card(
    request: &InitRequest<'_>,
    url: &ServiceUrl,
    keys: &GatewayKeys,
    rng: &mut impl CryptoRng,
) -> Result<HospitalCard, InitError> {
    let text = |field| move |source| InitError::Text { field, source };
    let name: DisplayName = request.name.parse().map_err(text("name"))?;
    let address: Address = url.as_str().parse().map_err(text("url"))?;
    let listen: Address = request
        .ledger_listen
        .parse()
        .map_err(text("ledger_listen"))?;
    let hpke = keys.hpke.public_key().to_bytes();
    let context = KeyContext {
        hospital: request.id.as_str().as_bytes(),
        hpke_key: &hpke,
    };
    let matching = keys.matching.prove(&context, rng).to_bytes();
    Ok(HospitalCard {
        id: request.id.clone(),
        name,
        url: address,
        tls_pin: Digest::from_bytes(*keys.tls.pin()?.as_bytes()),
        signing_key: keys.signing.verifying_key(),
        validator_key: keys.validator.verifying_key(),
        peer_key: keys.peer.verifying_key(),
        listen,
        hpke_key: hpke.to_vec().try_into().map_err(text("hpke_key"))?,
        matching_keys: matching.try_into().map_err(text("matching_keys"))?,
    })
}

/// Beside a hospital's keys: that its validator key never voted. It is in no backup.
pub(crate) fn never_voted(keys: &Path) -> PathBuf {
    keys.with_file_name(NEVER_VOTED)
}

/// The host of a URL, for the certificate.
pub(crate) fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = match rest.strip_prefix('[') {
        Some(address) => address.split(']').next(),
        None => rest.split([':', '/']).next(),
    };
    host.unwrap_or_default().to_owned()
}

/// The commented file, with this hospital's addresses in place of the defaults.
fn settings_file(request: &InitRequest<'_>, url: &ServiceUrl) -> String {
    let given = [
        ("http.listen", request.http_listen.as_str()),
        ("http.public_url", url.as_str()),
        ("ledger.listen", request.ledger_listen.as_str()),
    ];
    // JSON's strings are TOML's basic strings.
    let toml = |text: &str| serde_json::Value::from(text).to_string();
    schema().commented_file_with(&given.map(|(key, text)| (key.to_owned(), toml(text))))
}
