//! Whether the keys are open. Closed, nothing that needs one is done; opened, they stay in memory until the process ends.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use consilium_client::keyfile::{KeyFileError, read_key_file};
use consilium_client::passphrase::Passphrase;
use consilium_contracts::FederationId;
use consilium_node::NodeHandle;
use consilium_schemes::abe::MasterSecret;
use consilium_schemes::signature::SigningKey;
use consilium_schemes::tokens::KeyPair;
use consilium_service::ledger::LedgerSender;

use crate::home::PublicFile;
use crate::secrets::SealedSecrets;

/// The open keys, each where it is used.
pub(crate) struct Opened {
    pub(crate) master: MasterSecret,
    pub(crate) tokens: KeyPair,
    pub(crate) signing: SigningKey,
    pub(crate) sender: LedgerSender,
}

/// Why the keys stay sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// The passphrase is wrong, or the file is damaged.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// `kgc.json` or the genesis speak of other keys.
    #[error("kgc.sealed does not belong to kgc.json and the genesis: keys of another KGC")]
    OtherKeys,
}

/// The seal.
pub(crate) struct Seal {
    file: PathBuf,
    public: PublicFile,
    federation: FederationId,
    node: NodeHandle,
    opened: RwLock<Option<Arc<Opened>>>,
}

impl Seal {
    pub(crate) fn new(
        file: PathBuf,
        public: PublicFile,
        federation: FederationId,
        node: NodeHandle,
    ) -> Self {
        Self {
            file,
            public,
            federation,
            node,
            opened: RwLock::new(None),
        }
    }

    /// The keys, if they are open.
    pub(crate) fn opened(&self) -> Option<Arc<Opened>> {
        self.opened
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Opens them. Slow on purpose: the passphrase is stretched. Open ones stay as they are, and the passphrase is tried all the same.
    pub(crate) fn unseal(&self, passphrase: &Passphrase) -> Result<(), UnsealError> {
        let secrets: SealedSecrets = read_key_file(&self.file, Some(passphrase))?;
        if !self.public.agrees_with(&secrets) {
            return Err(UnsealError::OtherKeys);
        }
        let copy = SigningKey::from_bytes(&secrets.signing.expose_secret());
        let opened = Opened {
            master: secrets.master,
            tokens: secrets.tokens,
            signing: secrets.signing,
            sender: LedgerSender::new(self.node.clone(), self.federation, copy),
        };
        let mut state = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        state.get_or_insert_with(|| Arc::new(opened));
        Ok(())
    }
}
