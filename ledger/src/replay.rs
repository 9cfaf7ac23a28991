//! An auditor's replay: a ledger applied again from genesis, with nobody's word for anything.
//!
//! | checked of each block | against |
//! |---|---|
//! | federation, height, previous hash, time, proposer | the block before; the validators of the replayed state |
//! | the state root that its header names | the root of the replayed state after the block before |
//! | its certificate: every vote's signature, more than two thirds | the validators of the replayed state; no handover is believed |
//! | number of transactions, work, bytes | the settings of genesis; each transaction's bytes and lifetime by the contracts |
//! | each transaction's signature, what it carries, each of its proofs | the replayed state, as every validator does it |
//! | each effect: what falls due, assignments, epochs, who votes | the contracts; a transaction that they refuse refuses the block |
//!
//! The transaction root is checked where a block is read ([`Block::from_bytes`]). The root after the last block stands in no header
//! yet: nobody has certified it.
//!
//! # Cost
//!
//! State and tree stand in memory; of the blocks one, or a [`Lookahead`](crate::Lookahead)'s window. That is some 0.5 KB for a key of the
//! state (100 MB for 40,000 records and nothing else): as much as the federation has on the ledger now, however long it took to get there. The
//! time is that of the proofs, some milliseconds each, on all threads where blocks come through a lookahead; 0.3 ms for a transaction
//! without one.
//!
//! # Security
//!
//! What a replay cannot see: whether this is the only ledger. More than a third of the validators may have signed two; two auditors
//! with different last blocks find out. Nor does it see what is not on the ledger.

use std::collections::BTreeMap;
use std::iter;

use consilium_contracts::{
    Event, FederationId, Height, Key, MemoryState, ProofKind, Rejection, Settings, TransactionHash,
    ValidatorSchedule, VerifiedGenesis, VerifiedTransaction, View,
};

use crate::block::{Block, Parent};
use crate::certificate::CommitCertificate;
use crate::chain::{ChainError, CommittedHeader};
use crate::execute::{BlockEvents, Executed, InvalidTransaction, execute_block, verify_block};
use crate::export::ExportEntry;
use crate::lookahead::Prepared;
use crate::state::{MemoryTree, TreeUpdate, TreeVersion, genesis_tree, update_tree};
use crate::validators::ValidatorSet;

/// A ledger that was replayed up to some block.
#[derive(Clone, Debug)]
pub struct Replay {
    federation: FederationId,
    settings: Settings,
    threads: usize,
    state: MemoryState,
    tree: MemoryTree,
    version: TreeVersion,
    /// The last block, and the state after it.
    parent: Parent,
    /// As it stands in the state.
    schedule: ValidatorSchedule,
    checked: Checked,
}

/// What was checked, by kind; all of it held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Blocks.
    pub blocks: u64,
    /// Votes in the blocks' certificates, each a signature.
    pub votes: u64,
    /// Transactions, each with its sender's signature.
    pub transactions: u64,
    /// The transactions by what they do.
    pub actions: BTreeMap<&'static str, u64>,
    /// What transactions prove beside that.
    pub proofs: BTreeMap<ProofKind, u64>,
    /// Roots of replayed states that a certified header names: that of genesis, and of every block but the last.
    pub state_roots: u64,
    /// What the blocks did, in all.
    pub events: u64,
    /// Those of them that assigned a doctor.
    pub assignments: u64,
    /// Those of them that put other validators in force.
    pub validator_changes: u64,
}

/// A block that is not what a correct ledger has next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("block {height}: {fault}")]
pub struct ReplayError {
    /// The height that was to come next.
    pub height: Height,
    /// What differs.
    pub fault: ReplayFault,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayFault {
    /// It does not follow the block before, or the validators did not commit it.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The contracts refuse a transaction.
    #[error("transaction {hash} (number {index} of the block, from 0) is not valid: {rejection}")]
    Transaction {
        /// Which.
        hash: TransactionHash,
        /// Its index.
        index: usize,
        /// Why.
        rejection: Box<Rejection>,
    },
}

impl ReplayFault {
    /// The transaction that it is about, if it is about one.
    pub const fn transaction(&self) -> Option<&TransactionHash> {
        match self {
            Self::Transaction { hash, .. } => Some(hash),
            Self::Chain(_) => None,
        }
    }
}

impl Replay {
    /// At genesis; what a block holds is verified on up to `threads` threads.
    pub fn new(genesis: &VerifiedGenesis, threads: usize) -> Self {
        let initial = genesis.initial_state();
        let (mut state, mut tree) = (MemoryState::new(), MemoryTree::default());
        state.commit(&initial);
        let update = genesis_tree(&tree, initial.writes()).expect(READABLE);
        tree.commit(&update);
        let (federation, created) = (genesis.federation(), genesis.genesis().created);
        Self {
            federation,
            settings: genesis.genesis().settings.clone(),
            threads,
            schedule: View::new(&state).validator_schedule(),
            state,
            tree,
            version: update.version,
            parent: Parent::genesis(federation, created, update.root),
            checked: Checked::default(),
        }
    }

    /// Checks the next block whole and applies it; what it did.
    ///
    /// # Errors
    /// [`ReplayError`]; nothing is changed then, and the next block is still awaited.
    pub fn apply(
        &mut self,
        block: &Block,
        certificate: &CommitCertificate,
    ) -> Result<BlockEvents, ReplayError> {
        self.apply_verified(block, certificate, Vec::new())
    }

    /// As [`Replay::apply`], for the next of a [`Lookahead`](crate::Lookahead); the entry, and what its block did.
    ///
    /// # Errors
    /// Those of [`Replay::apply`], whatever was verified ahead.
    pub fn apply_prepared(
        &mut self,
        Prepared { entry, verified }: Prepared,
    ) -> Result<(ExportEntry, BlockEvents), ReplayError> {
        let events = self.apply_verified(&entry.block, &entry.certificate, verified)?;
        Ok((entry, events))
    }

    /// `verified`: the block's first transactions, as far as they were verified before.
    fn apply_verified(
        &mut self,
        block: &Block,
        certificate: &CommitCertificate,
        verified: Vec<Option<VerifiedTransaction>>,
    ) -> Result<BlockEvents, ReplayError> {
        let height = self.next_height();
        let executed = self
            .examine(block, certificate, verified)
            .map_err(|fault| ReplayError { height, fault })?;
        self.count(block, certificate, &executed.events);
        self.follow(block, &executed);
        Ok(executed.events)
    }

    /// What is cheap comes first.
    fn examine(
        &self,
        block: &Block,
        certificate: &CommitCertificate,
        verified: Vec<Option<VerifiedTransaction>>,
    ) -> Result<Executed, ReplayFault> {
        let header = block.header();
        let validators = ValidatorSet::from(self.schedule.in_force(self.next_height()));
        header.follows(&self.parent, &validators)?;
        block.within(&self.settings)?;
        CommittedHeader::verify(*header, certificate, &self.federation, &validators)?;
        self.execute(block, verified)
            .map_err(|InvalidTransaction { index, rejection }| {
                let transaction = block.transactions().get(index);
                let hash = transaction.expect("it is one of the block's").hash();
                ReplayFault::Transaction {
                    hash,
                    index,
                    rejection: Box::new(rejection),
                }
            })
    }

    fn execute(
        &self,
        block: &Block,
        verified: Vec<Option<VerifiedTransaction>>,
    ) -> Result<Executed, InvalidTransaction> {
        let verified = verified.into_iter().chain(iter::repeat(None));
        let claimed = block.transactions().iter().zip(verified);
        let verified = verify_block(&self.federation, claimed, &self.state, self.threads)?;
        execute_block(&self.state, block.header().context(), &verified)
    }

    fn count(&mut self, block: &Block, certificate: &CommitCertificate, events: &BlockEvents) {
        let Checked {
            blocks,
            votes,
            transactions,
            actions,
            proofs,
            state_roots,
            ..
        } = &mut self.checked;
        *blocks += 1;
        *state_roots += 1;
        *votes += certificate.signatures().len() as u64;
        for transaction in block.transactions() {
            let action = &transaction.transaction().action;
            *transactions += 1;
            *actions.entry(action.name()).or_default() += 1;
            for proof in action.proofs() {
                *proofs.entry(proof).or_default() += 1;
            }
        }
        let events = events.transactions.iter().flatten().chain(&events.begin);
        for event in events {
            self.checked.events += 1;
            self.checked.assignments += u64::from(matches!(event, Event::Assigned { .. }));
            let changed = matches!(event, Event::ValidatorsInForce { .. });
            self.checked.validator_changes += u64::from(changed);
        }
    }

    fn follow(&mut self, block: &Block, executed: &Executed) {
        self.state.write(&executed.writes);
        let update = update_tree(&self.tree, self.version, &executed.writes).expect(READABLE);
        let mut root = self.parent.state;
        if let Some(update) = update {
            self.tree.commit(&update);
            let TreeUpdate {
                version, root: new, ..
            } = update;
            (self.version, root) = (version, new);
        }
        if executed.writes.contains_key(&Key::validators()) {
            self.schedule = View::new(&self.state).validator_schedule();
        }
        self.parent = Parent::after(block.header(), root);
    }

    pub(crate) const fn federation(&self) -> &FederationId {
        &self.federation
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) const fn threads(&self) -> usize {
        self.threads
    }

    /// The height of the block that is awaited.
    pub const fn next_height(&self) -> Height {
        self.parent.height.plus(1)
    }

    /// The last block, and the state after it, whose root the next header will name.
    pub const fn parent(&self) -> &Parent {
        &self.parent
    }

    /// The state after the last block.
    pub const fn state(&self) -> &MemoryState {
        &self.state
    }

    /// Who votes, as the state after the last block has it.
    pub const fn schedule(&self) -> &ValidatorSchedule {
        &self.schedule
    }

    /// What was checked so far.
    pub const fn checked(&self) -> &Checked {
        &self.checked
    }
}

/// Why trees are read without an error.
const READABLE: &str = "a tree in memory can be read";
