//! The federation as a device needs it: parsed once, from a verified genesis.

use std::sync::Arc;

use consilium_contracts::{FederationId, Prefilter, VerifiedGenesis};
use consilium_schemes::abe::PublicParameters;
use consilium_schemes::tokens::{self, IndexSize};

use super::error::DeviceError;

/// The federation's public values.
#[derive(Debug, Clone)]
pub struct Federation {
    id: FederationId,
    parameters: PublicParameters,
    token_key: tokens::PublicKey,
    index_size: IndexSize,
    lifetime: u64,
    genesis: Arc<VerifiedGenesis>,
}

impl Federation {
    /// Takes the values from a genesis.
    ///
    /// # Errors
    /// [`DeviceError::Genesis`], which a verified genesis of this version does not cause.
    pub fn from_genesis(genesis: &VerifiedGenesis) -> Result<Self, DeviceError> {
        let body = genesis.genesis();
        let parameters = PublicParameters::from_bytes(body.parameters.as_bytes());
        let token_key = tokens::PublicKey::from_bytes(&body.token_key);
        let index_size = IndexSize::new(body.settings.n);
        Ok(Self {
            id: genesis.federation(),
            parameters: parameters.map_err(|_| DeviceError::Genesis("the ABE parameters"))?,
            token_key: token_key.map_err(|_| DeviceError::Genesis("the token key"))?,
            index_size: index_size.map_err(|_| DeviceError::Genesis("the setting n"))?,
            lifetime: body.settings.max_transaction_lifetime,
            genesis: Arc::new(genesis.clone()),
        })
    }

    /// What proofs of the ledger's state are checked from.
    pub fn genesis(&self) -> &VerifiedGenesis {
        &self.genesis
    }

    /// SHA-256 of the genesis.
    pub fn id(&self) -> FederationId {
        self.id
    }

    /// The ABE public parameters.
    pub fn parameters(&self) -> &PublicParameters {
        &self.parameters
    }

    /// The key under which keyword tokens are proved.
    pub fn token_key(&self) -> &tokens::PublicKey {
        &self.token_key
    }

    /// n.
    pub fn index_size(&self) -> IndexSize {
        self.index_size
    }

    /// What the federation's hospitals leave pairs out by, if by anything.
    pub fn prefilter(&self) -> Option<&Prefilter> {
        self.genesis.genesis().settings.prefilter.as_ref()
    }

    /// The most blocks that a transaction lives.
    pub fn transaction_lifetime(&self) -> u64 {
        self.lifetime
    }
}
