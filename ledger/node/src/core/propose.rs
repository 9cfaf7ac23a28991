//! Building and publishing blocks.

use arc_malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use arc_malachitebft_app_channel::app::types::LocallyProposedValue;
use arc_malachitebft_app_channel::app::types::core::Round as EngineRound;
use arc_malachitebft_app_channel::{NetworkMsg, Reply};
use bytes::Bytes;
use consilium_contracts::{BlockTime, Height, Rejection, TransactionHash};
use consilium_ledger::{Block, BlockHash, Execution, Round, Slot, ValidatorAddress};
use tracing::{debug, warn};

use super::{Candidate, Core, Step, Wires};
use crate::clock;
use crate::engine::{EngineHeight, LedgerContext, Value, ledger_round};
use crate::parts::{Begin, Part, split};
use crate::store::Undecided;

impl Core {
    /// The engine asks for a block. The body is on disk before it gets the hash: its log holds
    /// nothing else, and a crash must not leave a decided hash without a body.
    pub(super) async fn on_get_value(
        &mut self,
        height: Height,
        round: EngineRound,
        reply: Reply<LocallyProposedValue<LedgerContext>>,
        wires: &mut Wires,
    ) -> Step {
        let voter = self.voter.as_ref().map(|voter| voter.address);
        let (Some(voter), Some(ledger)) = (voter, ledger_round(round)) else {
            return Ok(());
        };
        if height != self.next_height() {
            warn!(%height, tip = %self.tip(), "asked for a block of another height");
            return Ok(());
        }
        self.take_incoming(wires).await?;
        let (undecided, rejected) = match self.built_before(ledger, voter) {
            Some(undecided) => (undecided, Vec::new()),
            None => self.build(ledger, voter)?,
        };
        let hash = undecided.block.hash();
        let value = LocallyProposedValue::new(EngineHeight(height), round, Value(hash));
        let _ = reply.send(value);
        self.publish_body(&undecided, wires).await;
        for (transaction, rejection) in rejected {
            self.reject(transaction, rejection, wires).await;
        }
        Ok(())
    }

    /// What this node built for the round before a crash: it must not build another.
    fn built_before(&self, round: Round, voter: ValidatorAddress) -> Option<Undecided> {
        let mine = |undecided: &&Undecided| {
            undecided.round == round
                && undecided.valid_round.is_none()
                && undecided.proposer == voter
                && undecided.block.header().proposer == voter
        };
        self.candidates
            .values()
            .map(|candidate| &candidate.undecided)
            .find(mine)
            .cloned()
    }

    /// Builds a block from the pool in order of arrival; those rejected are named.
    fn build(
        &mut self,
        round: Round,
        voter: ValidatorAddress,
    ) -> Result<(Undecided, Vec<(TransactionHash, Rejection)>), super::Halt> {
        let parent = self.snapshot.tip().parent;
        let slot = Slot {
            proposer: voter,
            time: self.next_time(),
        };
        let context = consilium_contracts::BlockContext {
            height: parent.height.plus(1),
            time: slot.time,
        };
        let mut execution = Execution::begin(self.snapshot.clone(), context);
        let (mut transactions, mut rejected) = (Vec::new(), Vec::new());
        let (mut bytes, mut spent) = (0, 0_u64);
        for waiting in self.pool.iter() {
            let length = waiting.transaction.length();
            let full = transactions.len() >= self.settings.max_block_transactions as usize;
            let action = &waiting.transaction.transaction().action;
            let work = spent.saturating_add(action.work(self.settings.n));
            if full
                || bytes + length > self.settings.max_block_bytes as usize
                || work > u64::from(self.settings.max_block_work)
            {
                break;
            }
            // Also where it is rejected: that had to be found out.
            spent = work;
            match execution.apply(&waiting.transaction) {
                Ok(()) => {
                    bytes += length;
                    transactions.push(waiting.transaction.signed().clone());
                }
                Err(rejection) => rejected.push((waiting.transaction.hash(), rejection)),
            }
        }
        let block = Block::new(&parent, slot, transactions);
        let undecided = Undecided {
            round,
            valid_round: None,
            proposer: voter,
            block,
        };
        self.shared.store.keep_undecided(&undecided)?;
        let executed = Some(execution.finish());
        let candidate = Candidate {
            undecided: undecided.clone(),
            executed,
            early: false,
        };
        self.candidates.insert(undecided.block.hash(), candidate);
        debug!(height = %undecided.block.header().height, transactions = undecided.block.transactions().len(), "built a block");
        Ok((undecided, rejected))
    }

    /// The time of a block built now: later than its parent's.
    pub(super) fn next_time(&self) -> BlockTime {
        let ago = self.committed_at.elapsed();
        clock::next_time(clock::now(), self.snapshot.time(), ago)
    }

    /// The engine wants a body published again.
    pub(super) async fn on_restream(
        &mut self,
        height: Height,
        (round, valid_round): (EngineRound, EngineRound),
        proposer: ValidatorAddress,
        hash: BlockHash,
        wires: &Wires,
    ) -> Step {
        let Some(round) = ledger_round(round) else {
            return Ok(());
        };
        let known = self
            .candidates
            .get(&hash)
            .map(|candidate| candidate.undecided.clone());
        let known = match known {
            Some(known) => Some(known),
            None => self.shared.store.find_undecided(height, &hash)?,
        };
        match known {
            Some(known) => {
                let valid_round = ledger_round(valid_round);
                let again = Undecided {
                    round,
                    valid_round,
                    proposer,
                    block: known.block,
                };
                self.publish_body(&again, wires).await;
            }
            None => warn!(%height, block = %hash, "asked to publish a body that is not here"),
        }
        Ok(())
    }

    async fn publish_body(&mut self, undecided: &Undecided, wires: &Wires) {
        if self.votes_alone() && self.shared.peers() == 0 {
            return;
        }
        let begin = Begin {
            height: undecided.block.header().height,
            round: undecided.round,
            valid_round: undecided.valid_round,
            proposer: undecided.proposer,
            block: undecided.block.hash(),
            chunks: 0,
        };
        self.publish(split(&begin, &undecided.block.to_bytes()), wires)
            .await;
    }

    /// Publishes parts as one stream.
    pub(super) async fn publish(&mut self, parts: Vec<Part>, wires: &Wires) {
        self.streams += 1;
        let stream = StreamId::new(Bytes::copy_from_slice(&self.streams.to_be_bytes()));
        for (sequence, part) in (0..).zip(parts) {
            let message = StreamMessage::new(stream.clone(), sequence, StreamContent::Data(part));
            // The network is gone only when the engine is, which the loop notices by itself.
            let _ = wires
                .network
                .send(NetworkMsg::PublishProposalPart(message))
                .await;
        }
    }
}
