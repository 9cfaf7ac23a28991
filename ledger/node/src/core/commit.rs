//! Decided blocks: written, answered, and when the next one is begun.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_malachitebft_app_channel::Reply;
use arc_malachitebft_app_channel::app::engine::host::Next;
use arc_malachitebft_app_channel::app::types::MisbehaviorEvidence;
use arc_malachitebft_app_channel::app::types::core::CommitCertificate as EngineCertificate;
use arc_malachitebft_sync::RawDecidedValue;
use consilium_contracts::{Event, Height, View, next_deadline};
use consilium_ledger::{BlockHash, Executed, ValidatorSet};
use tracing::{error, info, warn};

use super::{Core, Halt, Step, Wires};
use crate::clock;
use crate::engine::{
    EngineHeight, LedgerContext, Turns, evidence_of, from_engine, peer_id, to_extended,
};
use crate::snapshot::Due;
use crate::store::{Decided, Recorded, Snapshot, Undecided, receipt};

/// Bytes of blocks in one answer to a peer that catches up; one block is always sent.
const SYNC_BYTES: usize = 4 << 20;

impl Core {
    /// A quorum committed a block: it is written in one synced batch before anybody hears of it.
    pub(super) async fn on_decided(
        &mut self,
        certificate: &EngineCertificate<LedgerContext>,
        wires: &mut Wires,
    ) -> Step {
        let certificate = from_engine(certificate);
        let (height, hash) = (certificate.height(), *certificate.block());
        if height <= self.tip() {
            return Ok(());
        }
        let (undecided, executed) = self.decided_body(height, &hash)?;
        let block = undecided.block;
        let events = executed.events.clone();
        let decided = Decided {
            block: &block,
            certificate: certificate.clone(),
            executed,
            scheduled: self.schedule.next.as_ref().map(|next| next.from),
        };
        let before = self.snapshot.clone();
        let tip = self.shared.store.commit(decided)?;
        let recorded = Recorded {
            block,
            events,
            certificate,
            tree_version: tip.tree_version,
        };
        self.keep(before, &recorded);
        self.watch(&recorded)?;
        self.follow(&recorded)?;
        self.answer_committed(&recorded);
        self.meet_peers(&recorded, wires);
        self.settle(wires).await;
        Ok(())
    }

    /// The decided block and what it does.
    fn decided_body(
        &mut self,
        height: Height,
        hash: &BlockHash,
    ) -> Result<(Undecided, Executed), Halt> {
        let known = match self.candidates.remove(hash) {
            Some(candidate) => Some((candidate.undecided, candidate.executed)),
            None => self
                .shared
                .store
                .find_undecided(height, hash)?
                .map(|found| (found, None)),
        };
        let Some((undecided, executed)) = known else {
            return Err(Halt(format!(
                "block {hash} at height {height} is decided, but its body is not here; restart the node, it will fetch the block from its peers"
            )));
        };
        // Our clock may have found it too far ahead; a quorum did not.
        let executed = executed.map_or_else(|| self.check(&undecided.block, None, None), Ok);
        match executed {
            Ok(executed) => Ok((undecided, executed)),
            Err(reason) => Err(Halt(format!(
                "a quorum committed block {hash} at height {height}, which this node finds invalid: {reason}. Its program or its state differs from the others'"
            ))),
        }
    }

    /// Moves to the state after a committed block.
    fn follow(&mut self, recorded: &Recorded) -> Step {
        self.snapshot = self.shared.store.snapshot()?;
        self.follow_schedule(recorded);
        let in_force = self.schedule.in_force(self.next_height());
        let validators = ValidatorSet::from(in_force);
        if validators != *self.validators {
            info!(height = %self.tip(), "the validators changed");
            self.validators = Arc::new(validators);
            let window = Turns::window(&self.validators);
            self.recent = self.shared.store.recent_proposers(window)?.into();
        } else {
            self.recent.push_back(recorded.block.header().proposer);
            while self.recent.len() as u64 > Turns::window(&self.validators) {
                self.recent.pop_front();
            }
        }
        self.candidates.clear();
        self.assembler.forget(self.tip());
        let next = self.next_height();
        self.ahead = self.ahead.split_off(&next);
        self.outlook = None;
        self.committed_at = Instant::now();
        self.deadline = next_deadline(&self.snapshot);
        self.shared.advance(
            self.snapshot.clone(),
            &recorded.certificate,
            Arc::clone(&self.validators),
            self.votes(),
        );
        Ok(())
    }

    /// The keeper hears of every block; the state before it may be one to make a snapshot of.
    fn keep(&self, before: Snapshot, recorded: &Recorded) {
        let height = before.height();
        let due = || Due {
            state: before,
            header: *recorded.block.header(),
            certificate: recorded.certificate.clone(),
        };
        self.keeper.committed(due, height);
    }

    /// Reads who votes anew where the block changed it.
    fn follow_schedule(&mut self, recorded: &Recorded) {
        let events = recorded.events.transactions.iter().flatten();
        let mut events = events.chain(&recorded.events.begin);
        let changes = |event: &Event| {
            matches!(
                event,
                Event::ValidatorsScheduled { .. } | Event::ValidatorsInForce { .. }
            )
        };
        if events.any(changes) {
            self.schedule = View::new(&self.snapshot).validator_schedule();
        }
    }

    /// Takes the block's transactions out of the pool and answers those who submitted them here.
    fn answer_committed(&mut self, recorded: &Recorded) {
        for transaction in recorded.block.transactions() {
            self.pool.remove(&transaction.hash());
        }
        // Whoever is answered sees what waits now.
        self.gauge();
        for (index, transaction) in (0..).zip(recorded.block.transactions()) {
            let hash = transaction.hash();
            let answers = self.answers.remove(&hash).unwrap_or_default();
            if answers.is_empty() {
                continue;
            }
            if let Some(receipt) = receipt(hash, index, recorded) {
                for answer in answers {
                    let _ = answer.send(Ok(receipt.clone()));
                }
            }
        }
    }

    /// Hospitals that joined are peers from now on, and nodes whose key or address changed under the new one.
    fn meet_peers(&mut self, recorded: &Recorded, wires: &Wires) {
        let time = self.snapshot.time();
        if self.peers.is_stale(&recorded.events, time) {
            self.peers.renew(&self.snapshot, time, &wires.requests);
            let named = self.peers.named().iter();
            self.gates.add(named.map(|peer| peer_id(&peer.key)));
            self.claims.keep(&self.validators);
        }
    }

    /// The engine is done with the height and waits to be told to begin the next.
    pub(super) fn on_finalized(
        &mut self,
        evidence: &MisbehaviorEvidence<LedgerContext>,
        reply: Reply<Next<LedgerContext>>,
    ) -> Step {
        self.keep_evidence(evidence)?;
        self.held = Some(reply);
        Ok(())
    }

    /// Keeps what proves that a validator lied.
    fn keep_evidence(&mut self, evidence: &MisbehaviorEvidence<LedgerContext>) -> Step {
        let mut proven = Vec::new();
        for found in evidence_of(evidence) {
            match found.verify(&self.shared.federation) {
                Ok(lie) => {
                    let (height, round) = (lie.height(), lie.round().value());
                    error!(%height, round, validator = %lie.validator(), "a validator signed two different {}s", lie.kind());
                    proven.push(lie);
                }
                // The engine verified what it compared: this is a fault of ours or its.
                Err(error) => warn!(%error, "what looks like a validator's lie is not proven"),
            }
        }
        if !proven.is_empty() {
            let count = self.shared.store.keep_evidence(&proven)?;
            self.shared.change(|view| view.evidence = count);
        }
        Ok(())
    }

    /// Begins the next height once there is a reason to.
    ///
    /// Without a reason, a validator waits for the heartbeat: the engine would otherwise make
    /// empty blocks as fast as it can. Who does not vote waits at the next height; so does who
    /// catches up, for the next missed block.
    pub(super) fn release(&mut self) -> Step {
        let due = Instant::now() >= self.wake_at();
        let fetching = self.fetched == Some(self.tip());
        let behind = fetching || self.nudged.now || self.shared.heard() > self.tip();
        let work = self.pool.len() > 0 || self.ahead.contains_key(&self.next_height()) || behind;
        if self.votes() && !due && !work {
            return Ok(());
        }
        if let Some(reply) = self.held.take() {
            if std::mem::take(&mut self.nudged.now) {
                self.nudged.last = Some(Instant::now());
            }
            let height = EngineHeight(self.next_height());
            let _ = reply.send(Next::Start(height, self.begin()?));
        }
        Ok(())
    }

    /// When a block is made even if nobody has anything to say.
    pub(super) fn wake_at(&self) -> Instant {
        let heartbeat = self.committed_at + Duration::from_millis(self.settings.heartbeat_ms);
        let Some(deadline) = self.deadline else {
            return heartbeat;
        };
        let wait = clock::until(deadline, clock::now(), self.next_time());
        heartbeat.min(Instant::now() + wait)
    }

    /// Committed blocks for a peer that catches up.
    pub(super) fn decided_values(
        &self,
        range: RangeInclusive<EngineHeight>,
    ) -> Result<Vec<RawDecidedValue<LedgerContext>>, Halt> {
        let (from, to) = (range.start().0, range.end().0.min(self.tip()));
        let (mut values, mut bytes) = (Vec::new(), 0);
        for height in from.value()..=to.value() {
            let Some(recorded) = self.shared.store.recorded(Height::new(height))? else {
                break;
            };
            let body = recorded.block.to_bytes();
            bytes += body.len();
            if bytes > SYNC_BYTES && !values.is_empty() {
                break;
            }
            values.push(RawDecidedValue::new(
                body.into(),
                to_extended(&recorded.certificate),
            ));
        }
        if values.is_empty() {
            warn!(%from, tip = %self.tip(), "a peer asked for blocks that are not here");
        }
        Ok(values)
    }
}
