//! Whether a block may follow another, and whether it was committed.

use consilium_contracts::{BlockContext, BlockTime, FederationId, Height, Settings};

use crate::block::{Block, Header, Parent};
use crate::certificate::{CertificateError, CommitCertificate};
use crate::hash::{BlockHash, StateRoot};
use crate::validators::{ValidatorAddress, ValidatorSet};

/// Why a block may not follow its parent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// Another federation's block.
    #[error("the block belongs to federation {found}, not to {expected}")]
    Federation {
        /// The one it names.
        found: FederationId,
        /// The one of this ledger.
        expected: FederationId,
    },
    /// Not the next height.
    #[error("the block has height {found}, the next one is {expected}")]
    Height {
        /// The one it names.
        found: Height,
        /// The next one.
        expected: Height,
    },
    /// Built upon another block.
    #[error("the block follows {found}, the last one is {expected}")]
    Previous {
        /// The one it names.
        found: BlockHash,
        /// The last one.
        expected: BlockHash,
    },
    /// Not later than its parent.
    #[error("the block's time {found} is not later than its parent's {parent}")]
    Time {
        /// Its time.
        found: BlockTime,
        /// The parent's.
        parent: BlockTime,
    },
    /// Another state than the one its parent led to.
    #[error("the block builds on state {found}, the parent led to {expected}")]
    State {
        /// The root it names.
        found: StateRoot,
        /// The root the parent led to.
        expected: StateRoot,
    },
    /// Built by someone who is not a validator.
    #[error("the block was built by {0}, who is not a validator")]
    Proposer(ValidatorAddress),
    /// More transactions than the settings allow.
    #[error("the block has {found} transactions, at most {limit} are allowed")]
    Transactions {
        /// How many it has.
        found: usize,
        /// How many are allowed.
        limit: u32,
    },
    /// More work than the settings allow.
    #[error("verifying the block takes {found} microseconds of work, at most {limit} are allowed")]
    Work {
        /// How much it takes.
        found: u64,
        /// How much is allowed.
        limit: u32,
    },
    /// More bytes than the settings allow.
    #[error("the block has {found} bytes, at most {limit} are allowed")]
    Bytes {
        /// How many it has.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The certificate is for another block.
    #[error("the certificate is for block {certified} at {height}, not for this one")]
    OtherBlock {
        /// The block it certifies.
        certified: BlockHash,
        /// Its height.
        height: Height,
    },
    /// The certificate does not hold.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl Header {
    /// Where the block's transactions are applied.
    pub const fn context(&self) -> BlockContext {
        BlockContext {
            height: self.height,
            time: self.time,
        }
    }

    /// Whether the block may follow `parent` while `validators` are in force.
    ///
    /// # Errors
    /// The first [`ChainError`].
    pub fn follows(&self, parent: &Parent, validators: &ValidatorSet) -> Result<(), ChainError> {
        let height = parent.height.plus(1);
        if self.federation != parent.federation {
            let (found, expected) = (self.federation, parent.federation);
            return Err(ChainError::Federation { found, expected });
        }
        if self.height != height {
            return Err(ChainError::Height {
                found: self.height,
                expected: height,
            });
        }
        if self.previous != parent.hash {
            return Err(ChainError::Previous {
                found: self.previous,
                expected: parent.hash,
            });
        }
        if self.time <= parent.time {
            return Err(ChainError::Time {
                found: self.time,
                parent: parent.time,
            });
        }
        if self.state != parent.state {
            return Err(ChainError::State {
                found: self.state,
                expected: parent.state,
            });
        }
        match validators.get(&self.proposer) {
            Some(_) => Ok(()),
            None => Err(ChainError::Proposer(self.proposer)),
        }
    }
}

impl Block {
    /// Whether the block keeps the federation's bounds on the number of transactions, on their work and on bytes.
    ///
    /// # Errors
    /// [`ChainError::Transactions`], [`ChainError::Work`], [`ChainError::Bytes`].
    pub fn within(&self, settings: &Settings) -> Result<(), ChainError> {
        let (found, limit) = (self.transactions().len(), settings.max_block_transactions);
        if found > limit as usize {
            return Err(ChainError::Transactions { found, limit });
        }
        let (limit, n) = (settings.max_block_work, settings.n);
        let each = self
            .transactions()
            .iter()
            .map(|one| one.transaction().action.work(n));
        let found = each.fold(0, u64::saturating_add);
        if found > u64::from(limit) {
            return Err(ChainError::Work { found, limit });
        }
        let (found, limit) = (self.to_bytes().len(), Self::byte_limit(settings));
        if found > limit {
            return Err(ChainError::Bytes { found, limit });
        }
        Ok(())
    }
}

/// A header that a quorum of validators committed. Only the verifier makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedHeader(Header);

impl CommittedHeader {
    /// Checks the certificate for a header.
    ///
    /// # Errors
    /// [`ChainError::Federation`], [`ChainError::OtherBlock`], [`ChainError::Certificate`].
    pub fn verify(
        header: Header,
        certificate: &CommitCertificate,
        federation: &FederationId,
        validators: &ValidatorSet,
    ) -> Result<Self, ChainError> {
        if header.federation != *federation {
            let (found, expected) = (header.federation, *federation);
            return Err(ChainError::Federation { found, expected });
        }
        if *certificate.block() != header.hash() || certificate.height() != header.height {
            let (certified, height) = (*certificate.block(), certificate.height());
            return Err(ChainError::OtherBlock { certified, height });
        }
        certificate.verify(federation, validators)?;
        Ok(Self(header))
    }

    /// The header.
    pub const fn header(&self) -> &Header {
        &self.0
    }
}
