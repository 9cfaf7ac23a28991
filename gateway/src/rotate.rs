//! Other keys for a hospital that runs: made beside the old ones, put on the ledger, taken over once the former one votes no more.
//!
//! | a crash after | leaves | and a second call |
//! |---|---|---|
//! | the new keys are written, `gateway.keys.next` | the ledger as it was | puts these keys on the ledger |
//! | the ledger has them | the old files, which the gateway still answers with | takes them over |
//! | the new card is written, `hospital.json.next` | both beside the old ones | puts them in place, keys first, without asking anybody |
//! | the keys took the old ones' place | the card beside the old one | puts it in place |
//! | both did | nothing beside | is another rotation |
//!
//! The new card is written only when the ledger has it and the former key votes no more: from then on all is known that is needed, and
//! nobody need answer under the old TLS key or URL. The old keys are gone at the end: a key that votes no more must not be found years
//! later.

use std::io;
use std::path::{Path, PathBuf};

use consilium_client::endpoint::{EndpointError, ServiceUrl};
use consilium_client::file::{FileLock, rename};
use consilium_client::keyfile::{
    KeyFileError, KeyPayload as _, Protection, needs_passphrase, read_key_file, write_key_file,
};
use consilium_client::passphrase::Passphrase;
use consilium_contracts::{
    Action, Address, BoundError, Digest, FederationId, Height, HospitalCard, HospitalId, KeyUse,
    Nonce, ProvenKey, SignedTransaction, SigningKey, Transaction, UpdateCard,
};
use consilium_service::hospital_file::{
    HospitalFileError, read_hospital_file, replace_hospital_file,
};
use consilium_service::tls::{TlsError, TlsIdentity};
use rand_core::CryptoRng;

use crate::init::host_of;
use crate::keys::GatewayKeys;

/// What is to change. A rotation that a crash cut off is finished first: then only its keys count.
#[derive(Debug)]
pub struct RotationRequest<'a> {
    /// The sealed keys, as the setting `gateway.keys` names them.
    pub keys: &'a Path,
    /// The hospital's public file.
    pub hospital_file: &'a Path,
    /// Opens and seals the keys.
    pub passphrase: Option<&'a Passphrase>,
    /// The federation.
    pub federation: FederationId,
    /// Whether to vote with another key.
    pub validator: bool,
    /// Whether the ledger's node gets another network identity.
    pub peer: bool,
    /// Whether to answer under another TLS key; devices that pinned the old one must be told.
    pub tls: bool,
    /// Another URL of the gateway.
    pub url: Option<String>,
    /// Another multiaddress of the ledger's node.
    pub listen: Option<String>,
}

/// Why keys are not rotated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// A key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The keys beside the old ones are of another hospital.
    #[error("{path}: these are keys of {found}, not of {expected}; move the file away")]
    OtherHospital {
        /// The file.
        path: PathBuf,
        /// Whose.
        found: HospitalId,
        /// This hospital.
        expected: HospitalId,
    },
    /// The URL is none for a service.
    #[error("url: {0}")]
    Url(#[from] EndpointError),
    /// An address is too long.
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
    /// The ledger's card does not name the new keys.
    #[error(
        "the ledger does not name the new keys of {hospital} yet; they stay beside the old ones, call again"
    )]
    NotCommitted {
        /// The hospital.
        hospital: HospitalId,
    },
    /// The new keys could not take the old ones' place.
    #[error("{path}: {source}; the ledger names the new keys already: call again")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The public file.
    #[error(transparent)]
    HospitalFile(#[from] HospitalFileError),
    /// Another call is at it.
    #[error("{0}: another call rotates these keys; wait until it has ended")]
    Running(PathBuf),
}

/// New keys beside the old ones, on their way to the ledger.
#[derive(Debug)]
pub struct Rotation {
    keys: PathBuf,
    hospital_file: PathBuf,
    federation: FederationId,
    current: GatewayKeys,
    update: UpdateCard,
}

impl Rotation {
    /// Makes the new keys beside the old ones, or takes up those that a call before left there.
    ///
    /// # Errors
    /// [`RotationError`]; nothing that counts is changed then.
    pub fn prepare(
        request: &RotationRequest<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, RotationError> {
        let beside = beside(request.keys);
        let current: GatewayKeys = read_key_file(request.keys, request.passphrase)?;
        let next = match beside.exists() {
            true => left_over(&beside, request.passphrase, &current)?,
            false => made(request, &beside, &current, rng)?,
        };
        let update = update(request, &current, &next)?;
        Ok(Self {
            keys: request.keys.to_owned(),
            hospital_file: request.hospital_file.to_owned(),
            federation: request.federation,
            current,
            update,
        })
    }

    /// The hospital.
    pub fn hospital(&self) -> &HospitalId {
        &self.current.hospital
    }

    /// What it changes of the card.
    pub fn update(&self) -> &UpdateCard {
        &self.update
    }

    /// Keeps other calls from rotating the same keys, until it is dropped.
    ///
    /// # Errors
    /// [`RotationError::Running`], [`RotationError::Io`].
    pub fn lock(keys: &Path) -> Result<FileLock, RotationError> {
        let path = ending(keys, ".lock");
        match FileLock::take(&path) {
            Ok(Some(lock)) => Ok(lock),
            Ok(None) => Err(RotationError::Running(path)),
            Err(source) => Err(RotationError::Io { path, source }),
        }
    }

    /// The file in which new keys wait for the ledger, where there are some.
    pub fn waiting(keys: &Path) -> Option<PathBuf> {
        Some(beside(keys)).filter(|path| path.exists())
    }

    /// Whether a card of the ledger has it all.
    pub fn is_committed(&self, card: &HospitalCard) -> bool {
        self.update.beyond(card).is_empty()
    }

    /// The hospital's transaction: what `card` of the ledger does not have yet. A key that it has would be refused a second time.
    pub fn sign(&self, card: &HospitalCard, nonce: Nonce, expires: Height) -> SignedTransaction {
        let transaction = Transaction {
            federation: self.federation,
            sender: self.current.signing.verifying_key(),
            nonce,
            expires,
            action: Action::UpdateCard(Box::new(self.update.beyond(card))),
        };
        transaction.sign(&self.current.signing)
    }

    /// Puts the new keys in the old ones' place, once `card` of the ledger names them.
    ///
    /// # Errors
    /// [`RotationError`]; [`Rotation::finish`] takes it up.
    pub fn take_over(self, card: &HospitalCard) -> Result<(), RotationError> {
        if card.id != *self.hospital() || !self.is_committed(card) {
            return Err(RotationError::NotCommitted {
                hospital: self.current.hospital,
            });
        }
        replace_hospital_file(&beside(&self.hospital_file), card)?;
        Self::finish(&self.keys, &self.hospital_file).map(drop)
    }

    /// Puts in place what a call before had found on the ledger and was cut off with: the new card; none where nothing is left to do.
    ///
    /// # Errors
    /// [`RotationError`]; calling it again takes it up.
    pub fn finish(
        keys: &Path,
        hospital_file: &Path,
    ) -> Result<Option<HospitalCard>, RotationError> {
        let found = beside(hospital_file);
        if !found.exists() {
            return Ok(None);
        }
        let card = read_hospital_file(&found)?;
        if beside(keys).exists() {
            put_in_place(keys)?;
        }
        put_in_place(hospital_file)?;
        Ok(Some(card))
    }
}

/// Gives a file the content of the one beside it, in one step.
fn put_in_place(path: &Path) -> Result<(), RotationError> {
    rename(&beside(path), path).map_err(|source| RotationError::Io {
        path: path.to_owned(),
        source,
    })
}

/// The file of what is new, until it takes the old one's place.
fn beside(path: &Path) -> PathBuf {
    ending(path, ".next")
}

fn ending(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// What a call before made.
fn left_over(
    beside: &Path,
    passphrase: Option<&Passphrase>,
    current: &GatewayKeys,
) -> Result<GatewayKeys, RotationError> {
    let next: GatewayKeys = read_key_file(beside, passphrase)?;
    if next.hospital != current.hospital
        || next.signing.verifying_key() != current.signing.verifying_key()
    {
        return Err(RotationError::OtherHospital {
            path: beside.to_owned(),
            found: next.hospital,
            expected: current.hospital.clone(),
        });
    }
    Ok(next)
}

/// New keys, durable beside the old ones where there are any.
fn made(
    request: &RotationRequest<'_>,
    beside: &Path,
    current: &GatewayKeys,
    rng: &mut impl CryptoRng,
) -> Result<GatewayKeys, RotationError> {
    let damaged = |detail| KeyFileError::Damaged {
        path: request.keys.to_owned(),
        detail,
    };
    let mut next = GatewayKeys::from_payload(&current.to_payload()).map_err(damaged)?;
    if request.validator {
        next.validator = SigningKey::generate(rng);
    }
    if request.peer {
        next.peer = SigningKey::generate(rng);
    }
    if request.tls {
        let card = read_hospital_file(request.hospital_file)?;
        let url = request.url.as_deref().unwrap_or(card.url.as_str());
        next.tls = TlsIdentity::generate(&[host_of(url), "localhost".to_owned()])?;
    }
    if request.validator || request.peer || request.tls {
        let sealed = needs_passphrase(request.keys)?;
        let passphrase = request.passphrase.filter(|_| sealed);
        let protection = passphrase.map_or(Protection::None, Protection::Passphrase);
        write_key_file(beside, &next, protection)?;
    }
    Ok(next)
}

/// What the ledger must be told.
fn update(
    request: &RotationRequest<'_>,
    current: &GatewayKeys,
    next: &GatewayKeys,
) -> Result<UpdateCard, RotationError> {
    let text = |field| move |source| RotationError::Text { field, source };
    let address = |given: Option<&str>, field| -> Result<Option<Address>, RotationError> {
        let parsed = given.map(str::parse).transpose();
        parsed.map_err(text(field))
    };
    let url = request.url.as_deref().map(str::parse::<ServiceUrl>);
    let url = url.transpose()?;
    let sender = current.signing.verifying_key();
    let proven = |usage, old: &SigningKey, new: &SigningKey| {
        let changes = old.verifying_key() != new.verifying_key();
        changes.then(|| ProvenKey::prove(&request.federation, &sender, usage, new))
    };
    let pin = |keys: &GatewayKeys| -> Result<Digest, TlsError> {
        Ok(Digest::from_bytes(*keys.tls.pin()?.as_bytes()))
    };
    let (old_pin, new_pin) = (pin(current)?, pin(next)?);
    Ok(UpdateCard {
        validator_key: proven(KeyUse::Validator, &current.validator, &next.validator),
        peer_key: proven(KeyUse::Peer, &current.peer, &next.peer),
        listen: address(request.listen.as_deref(), "ledger_listen")?,
        url: address(url.as_ref().map(ServiceUrl::as_str), "url")?,
        tls_pin: (old_pin != new_pin).then_some(new_pin),
    })
}
