//! The hospital's secret keys, together in one sealed file.
//!
//! | key | what for |
//! |---|---|
//! | signing | its transactions, its requests to others, its attestations |
//! | validator | its votes |
//! | peer | its node's network identity |
//! | TLS | the key that clients pin |
//! | HPKE | what the KGC wraps attribute keys for |
//! | x, y | reading the indexes and trapdoors that are posted to it |
//! | storage | what lies in its own store |
//! | fill | filling up the bitmaps of its records, in a federation with a prefilter; files of earlier builds have none and get one at the start |
//!
//! Each is used for one thing and nowhere else. The operator's public key stands with them; the operator's secret key does not.

use std::fmt;
use std::path::Path;

use consilium_client::keyfile::{
    KeyFileError, KeyPayload, Protection, json_payload, needs_passphrase, parse_json_payload,
    replace_key_file,
};
use consilium_client::passphrase::Passphrase;
use consilium_client::wire::{PublicKey, Text};
use consilium_contracts::HospitalId;
use consilium_schemes::matching::HospitalSecretKeys;
use consilium_schemes::matching::prefilter::FillKey;
use consilium_schemes::signature::SigningKey;
use consilium_schemes::wrap;
use consilium_service::tls::{TlsError, TlsIdentity};
use consilium_service::{MalformedKey, SecretField};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::seal::StorageKey;

/// The hospital's secret keys.
pub struct GatewayKeys {
    pub(crate) hospital: HospitalId,
    pub(crate) signing: SigningKey,
    pub(crate) validator: SigningKey,
    pub(crate) peer: SigningKey,
    pub(crate) tls: TlsIdentity,
    pub(crate) hpke: wrap::SecretKey,
    pub(crate) matching: HospitalSecretKeys,
    pub(crate) storage: StorageKey,
    pub(crate) fill: Option<FillKey>,
    pub(crate) operator: PublicKey,
}

impl GatewayKeys {
    /// Draws every key; `names` are the host names and addresses for the TLS certificate.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(crate) fn generate(
        hospital: HospitalId,
        names: &[String],
        operator: PublicKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            hospital,
            signing: SigningKey::generate(rng),
            validator: SigningKey::generate(rng),
            peer: SigningKey::generate(rng),
            tls: TlsIdentity::generate(names)?,
            hpke: wrap::SecretKey::generate(rng),
            matching: HospitalSecretKeys::generate(rng),
            storage: StorageKey::generate(rng),
            fill: Some(FillKey::generate(rng)),
            operator,
        })
    }

    /// Draws the key that files of earlier builds lack, and writes it into the file that these keys were read from.
    ///
    /// # Errors
    /// [`KeyFileError`], naming the file.
    pub(crate) fn complete(
        &mut self,
        file: &Path,
        passphrase: Option<&Passphrase>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), KeyFileError> {
        if self.fill.is_some() {
            return Ok(());
        }
        self.fill = Some(FillKey::generate(rng));
        let sealed = needs_passphrase(file)?;
        let passphrase = passphrase.filter(|_| sealed);
        let protection = passphrase.map_or(Protection::None, Protection::Passphrase);
        replace_key_file(file, self, protection)?;
        tracing::info!(file = %file.display(), "the key that fills up bitmaps was added to the keys");
        Ok(())
    }

    /// The hospital they belong to.
    pub fn hospital(&self) -> &HospitalId {
        &self.hospital
    }
}

impl fmt::Debug for GatewayKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GatewayKeys({}, REDACTED)", self.hospital)
    }
}

/// The file's payload.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bundle {
    hospital: Text<HospitalId>,
    signing: SecretField,
    validator: SecretField,
    peer: SecretField,
    tls: TlsIdentity,
    hpke: SecretField,
    matching: SecretField,
    storage: SecretField,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fill: Option<SecretField>,
    operator: PublicKey,
}

impl KeyPayload for GatewayKeys {
    const KIND: &'static str = "gateway-keys";
    const VERSION: u32 = 1;

    fn to_payload(&self) -> Zeroizing<Vec<u8>> {
        json_payload(&Bundle {
            hospital: Text(self.hospital.clone()),
            signing: SecretField::of(self.signing.expose_secret().as_ref()),
            validator: SecretField::of(self.validator.expose_secret().as_ref()),
            peer: SecretField::of(self.peer.expose_secret().as_ref()),
            tls: self.tls.clone(),
            hpke: SecretField::of(self.hpke.expose_secret().as_ref()),
            matching: SecretField::of(&self.matching.expose_secret()),
            storage: SecretField::of(self.storage.expose_secret()),
            fill: self
                .fill
                .as_ref()
                .map(|key| SecretField::of(key.expose_secret())),
            operator: self.operator,
        })
    }

    fn from_payload(bytes: &[u8]) -> Result<Self, String> {
        let bundle: Bundle = parse_json_payload(bytes)?;
        Self::from_bundle(bundle).map_err(|error| error.to_string())
    }
}

impl GatewayKeys {
    fn from_bundle(bundle: Bundle) -> Result<Self, MalformedKey> {
        let matching = bundle.matching.bytes("matching")?;
        let matching =
            HospitalSecretKeys::from_bytes(&matching).map_err(|_| MalformedKey("matching"))?;
        let fill = bundle.fill.map(|fill| fill.array("fill")).transpose()?;
        Ok(Self {
            hospital: bundle.hospital.0,
            signing: SigningKey::from_bytes(&*bundle.signing.array("signing")?),
            validator: SigningKey::from_bytes(&*bundle.validator.array("validator")?),
            peer: SigningKey::from_bytes(&*bundle.peer.array("peer")?),
            tls: bundle.tls,
            hpke: wrap::SecretKey::from_bytes(&*bundle.hpke.array("hpke")?),
            matching,
            storage: StorageKey::from_bytes(bundle.storage.array("storage")?),
            fill: fill.map(FillKey::from_bytes),
            operator: bundle.operator,
        })
    }
}
