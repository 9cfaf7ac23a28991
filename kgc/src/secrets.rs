//! The KGC's secrets, in two files.
//!
//! | key | what for | file |
//! |---|---|---|
//! | alpha, k_node | attribute keys and update keys | `kgc.sealed` |
//! | k_token | keyword tokens | `kgc.sealed` |
//! | signing | genesis, its transactions, what it issues | `kgc.sealed` |
//! | peer | its node's network identity | `kgc.node` |
//! | TLS | the key that clients pin | `kgc.node` |
//!
//! A sealed KGC still follows the ledger and answers over TLS, so the last two cannot wait for a passphrase: `kgc.node` is protected by
//! its file mode alone. Who steals it can pose as the KGC's address, and can issue, sign and evaluate nothing.

use std::fmt;

use consilium_client::keyfile::{KeyPayload, json_payload, parse_json_payload};
use consilium_client::wire::PublicKey;
use consilium_schemes::abe::{self, Depth, MasterSecret, Tree, TreeId};
use consilium_schemes::signature::SigningKey;
use consilium_schemes::tokens;
use consilium_service::tls::{TlsError, TlsIdentity};
use consilium_service::{MalformedKey, SecretField};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What is sealed.
pub struct SealedSecrets {
    pub(crate) master: MasterSecret,
    pub(crate) tokens: tokens::KeyPair,
    pub(crate) signing: SigningKey,
    /// Who may administrate; must agree with `kgc.json`.
    pub(crate) admin: PublicKey,
}

/// What a sealed KGC needs too.
pub struct NodeSecrets {
    pub(crate) peer: SigningKey,
    pub(crate) tls: TlsIdentity,
}

impl SealedSecrets {
    /// Draws every secret, with a tree of this depth.
    pub(crate) fn generate(depth: Depth, admin: PublicKey, rng: &mut impl CryptoRng) -> Self {
        let mut id = [0; 32];
        rng.fill_bytes(&mut id);
        let (_, master) = abe::setup(Tree::new(TreeId::from_bytes(id), depth), rng);
        Self {
            master,
            tokens: tokens::KeyPair::generate(rng),
            signing: SigningKey::generate(rng),
            admin,
        }
    }
}

impl NodeSecrets {
    /// Draws both; `names` are the host names and addresses for the certificate.
    pub(crate) fn generate(names: &[String], rng: &mut impl CryptoRng) -> Result<Self, TlsError> {
        Ok(Self {
            peer: SigningKey::generate(rng),
            tls: TlsIdentity::generate(names)?,
        })
    }
}

impl fmt::Debug for SealedSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecrets(REDACTED)")
    }
}

impl fmt::Debug for NodeSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeSecrets(REDACTED)")
    }
}

/// The payload of `kgc.sealed`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedBundle {
    master: SecretField,
    tokens: SecretField,
    signing: SecretField,
    admin: PublicKey,
}

/// The payload of `kgc.node`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeBundle {
    peer: SecretField,
    tls: TlsIdentity,
}

impl KeyPayload for SealedSecrets {
    const KIND: &'static str = "kgc-sealed";
    const VERSION: u32 = 1;

    fn to_payload(&self) -> Zeroizing<Vec<u8>> {
        json_payload(&SealedBundle {
            master: SecretField::of(&self.master.to_bytes()),
            tokens: SecretField::of(self.tokens.expose_secret().as_ref()),
            signing: SecretField::of(self.signing.expose_secret().as_ref()),
            admin: self.admin,
        })
    }

    fn from_payload(bytes: &[u8]) -> Result<Self, String> {
        let bundle: SealedBundle = parse_json_payload(bytes)?;
        Self::try_from(bundle).map_err(|error| error.to_string())
    }
}

impl TryFrom<SealedBundle> for SealedSecrets {
    type Error = MalformedKey;

    fn try_from(bundle: SealedBundle) -> Result<Self, MalformedKey> {
        let master = MasterSecret::from_bytes(&bundle.master.bytes("master")?);
        let tokens = tokens::KeyPair::from_bytes(&*bundle.tokens.array("token")?);
        Ok(Self {
            master: master.map_err(|_| MalformedKey("master"))?,
            tokens: tokens.map_err(|_| MalformedKey("token"))?,
            signing: SigningKey::from_bytes(&*bundle.signing.array("signing")?),
            admin: bundle.admin,
        })
    }
}

impl KeyPayload for NodeSecrets {
    const KIND: &'static str = "kgc-node";
    const VERSION: u32 = 1;

    fn to_payload(&self) -> Zeroizing<Vec<u8>> {
        json_payload(&NodeBundle {
            peer: SecretField::of(self.peer.expose_secret().as_ref()),
            tls: self.tls.clone(),
        })
    }

    fn from_payload(bytes: &[u8]) -> Result<Self, String> {
        let bundle: NodeBundle = parse_json_payload(bytes)?;
        let peer = bundle
            .peer
            .array("peer")
            .map_err(|error| error.to_string())?;
        Ok(Self {
            peer: SigningKey::from_bytes(&peer),
            tls: bundle.tls,
        })
    }
}
