//! Following a ledger block by block without applying its transactions.

use consilium_contracts::{BlockTime, FederationId, Height, Settings, VerifiedGenesis};

use crate::block::{Block, Header, Parent};
use crate::certificate::CommitCertificate;
use crate::chain::{ChainError, CommittedHeader};
use crate::handover::Trust;
use crate::state::{MemoryTree, genesis_tree};

/// Checks block after block: that each follows the one before and was committed.
///
/// Not checked are the transactions' signatures and effects, and hence the state roots after the first: a quorum of validators
/// vouches for them.
#[derive(Clone, Debug)]
pub struct ChainCheck {
    federation: FederationId,
    settings: Settings,
    trust: Trust,
    last: Last,
}

/// What the next block must follow.
#[derive(Clone, Debug)]
enum Last {
    /// Nothing but genesis: the first block's parent is known whole.
    Genesis(Parent),
    /// A block. The state that it led to is known to those who applied it; its successor's header says it, and is certified.
    Block(Box<Header>),
    /// A block that was not seen: its height.
    Unseen(Height),
}

impl ChainCheck {
    /// Checks from block `from` (at least 1) on; `trust` begins with the genesis and has followed every handover up to the last block.
    /// The parent of a later block than the first is not known; its certificate alone speaks for it.
    pub fn new(genesis: &VerifiedGenesis, trust: Trust, from: Height) -> Self {
        let last = match from.value() {
            0 | 1 => Last::Genesis(parent_of_first(genesis)),
            from => Last::Unseen(Height::new(from - 1)),
        };
        Self {
            federation: genesis.federation(),
            settings: genesis.genesis().settings.clone(),
            trust,
            last,
        }
    }

    /// Checks the next block and its certificate.
    ///
    /// # Errors
    /// [`ChainError`]; the next block is still awaited then.
    pub fn check(
        &mut self,
        block: &Block,
        certificate: &CommitCertificate,
    ) -> Result<(), ChainError> {
        let header = block.header();
        let validators = self.trust.validators_at(header.height);
        header.follows(&self.parent(header), validators)?;
        block.within(&self.settings)?;
        CommittedHeader::verify(*header, certificate, &self.federation, validators)?;
        self.last = Last::Block(Box::new(*header));
        Ok(())
    }

    /// What `next` must follow; what is not known of it is taken from `next` itself.
    fn parent(&self, next: &Header) -> Parent {
        match &self.last {
            Last::Genesis(parent) => *parent,
            Last::Block(header) => Parent::after(header, next.state),
            Last::Unseen(height) => Parent {
                federation: self.federation,
                height: *height,
                hash: next.previous,
                time: BlockTime::new(next.time.value().saturating_sub(1)),
                state: next.state,
            },
        }
    }
}

fn parent_of_first(genesis: &VerifiedGenesis) -> Parent {
    let (writes, _) = genesis.initial_state().into_parts();
    let tree = genesis_tree(&MemoryTree::default(), &writes);
    let root = tree.expect("a tree in memory can be read").root;
    Parent::genesis(genesis.federation(), genesis.genesis().created, root)
}
