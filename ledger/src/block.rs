//! Blocks: a header that binds everything, and the transactions.
//!
//! `header.state` is the state root after the *previous* block, so a proposer need not compute a
//! root before it proposes, and a proof about the state after block h is checked against the
//! header and certificate of block h+1.

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{
    BlockTime, Canonical, DecodeError, FederationId, Height, Settings, SignedTransaction,
};

use crate::hash::{BlockHash, StateRoot, TransactionRoot, labelled};
use crate::transactions::transaction_root;
use crate::validators::ValidatorAddress;

/// Domain of [`Header::hash`].
const BLOCK_LABEL: &[u8] = b"CONSILIUM-V1-LEDGER-BLOCK";

/// No block is longer than this: the most that settings allow for its transactions (64 MiB) and
/// their framing.
pub const MAX_BLOCK_BYTES: usize = 66 << 20;

/// The most bytes of a block beyond its transactions'.
const FRAME_BYTES: usize = 1024;

/// The header of a block. Its hash is the block's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Header {
    /// The federation whose ledger this is.
    pub federation: FederationId,
    /// The block's number; the first block is 1.
    pub height: Height,
    /// The hash of the block before; for the first block the federation id.
    pub previous: BlockHash,
    /// The validator that built the block.
    pub proposer: ValidatorAddress,
    /// Block time: later than the previous block's.
    pub time: BlockTime,
    /// Root over the transactions of this block.
    pub transactions: TransactionRoot,
    /// Root of the state after the previous block.
    pub state: StateRoot,
}

impl Header {
    /// The block's hash.
    pub fn hash(&self) -> BlockHash {
        BlockHash::from_bytes(labelled(BLOCK_LABEL, &[&self.to_canonical_bytes()]))
    }
}

/// A block: header and transactions.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Block {
    header: Header,
    transactions: Vec<SignedTransaction>,
}

/// Why bytes are not a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// Not the canonical encoding, or too long.
    #[error("not a block: {0}")]
    Encoding(#[from] DecodeError),
    /// The header's transaction root is not that of the transactions.
    #[error("the block's transactions are not those that its header binds")]
    TransactionRoot,
}

impl Block {
    /// Puts a block together; the transaction root is computed here.
    pub fn new(parent: &Parent, slot: Slot, transactions: Vec<SignedTransaction>) -> Self {
        let header = Header {
            federation: parent.federation,
            height: parent.height.plus(1),
            previous: parent.hash,
            proposer: slot.proposer,
            time: slot.time,
            transactions: transaction_root(&transactions),
            state: parent.state,
        };
        Self {
            header,
            transactions,
        }
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The hash of the header, which binds everything.
    pub fn hash(&self) -> BlockHash {
        self.header.hash()
    }

    /// The transactions in order.
    pub fn transactions(&self) -> &[SignedTransaction] {
        &self.transactions
    }

    /// The most bytes of a block in a federation with these settings.
    pub const fn byte_limit(settings: &Settings) -> usize {
        settings.max_block_bytes as usize + FRAME_BYTES
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_canonical_bytes()
    }

    /// Reads canonical bytes; the transactions are checked against the header's root.
    ///
    /// # Errors
    /// [`BlockError`] for bytes above `limit`, malformed or trailing bytes, another root.
    pub fn from_bytes(bytes: &[u8], limit: usize) -> Result<Self, BlockError> {
        let limit = limit.min(MAX_BLOCK_BYTES);
        if bytes.len() > limit {
            return Err(DecodeError::TooLong {
                found: bytes.len(),
                limit,
            }
            .into());
        }
        let block = Self::from_canonical_bytes(bytes)?;
        if transaction_root(&block.transactions) != block.header.transactions {
            return Err(BlockError::TransactionRoot);
        }
        Ok(block)
    }
}

/// What a block is built upon: the last committed block and the state after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Parent {
    /// The federation.
    pub federation: FederationId,
    /// Height of the last block; 0 for genesis.
    pub height: Height,
    /// Hash of the last block; [`BlockHash::genesis`] for genesis.
    pub hash: BlockHash,
    /// Time of the last block; when it was made for genesis.
    pub time: BlockTime,
    /// Root of the state after the last block.
    pub state: StateRoot,
}

impl Parent {
    /// The parent of the first block.
    pub const fn genesis(federation: FederationId, created: BlockTime, state: StateRoot) -> Self {
        Self {
            federation,
            height: Height::new(0),
            hash: BlockHash::genesis(&federation),
            time: created,
            state,
        }
    }

    /// The parent of the block after `header`, given the state root that `header` led to.
    pub fn after(header: &Header, state: StateRoot) -> Self {
        Self {
            federation: header.federation,
            height: header.height,
            hash: header.hash(),
            time: header.time,
            state,
        }
    }
}

/// What the proposer decides about a block, besides its transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The validator that builds the block.
    pub proposer: ValidatorAddress,
    /// The block's time.
    pub time: BlockTime,
}
