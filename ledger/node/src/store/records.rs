//! What stands in the store's columns.

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::Height;
use consilium_ledger::{
    Block, BlockEvents, CommitCertificate, Parent, Round, TreeVersion, ValidatorAddress,
};

/// A committed block with its events and certificate.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Recorded {
    pub(crate) block: Block,
    pub(crate) events: BlockEvents,
    pub(crate) certificate: CommitCertificate,
    /// The version of the state tree after the block.
    pub(crate) tree_version: TreeVersion,
}

/// Where a committed transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Located {
    pub(crate) height: Height,
    pub(crate) index: u32,
}

/// The body of a block that is proposed and not decided, and how it was proposed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Undecided {
    pub(crate) round: Round,
    /// The earlier round in which it found a quorum of prevotes.
    pub(crate) valid_round: Option<Round>,
    /// Who proposed it in that round.
    pub(crate) proposer: ValidatorAddress,
    pub(crate) block: Block,
}

/// The last committed block and the state after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Tip {
    pub(crate) parent: Parent,
    pub(crate) tree_version: TreeVersion,
}
