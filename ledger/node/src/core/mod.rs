//! The node's core: one loop that answers the engine, owns the pool and writes the store.
//!
//! Everything happens on one thread, one message after the other, so there is nothing to lock. A
//! failure of the store or of the engine halts the node: it says so and takes part no more.

mod bodies;
mod claims;
mod commit;
mod gates;
mod peers;
mod pooling;
mod propose;
mod voting;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_malachitebft_app_channel::app::consensus::VoteExtensionError;
use arc_malachitebft_app_channel::app::engine::host::Next;
use arc_malachitebft_app_channel::app::types::core::{
    HeightParams, LinearTimeouts, VoteExtensionPolicy,
};
use arc_malachitebft_app_channel::{AppMsg, NetworkMsg, NetworkRequest, Reply};
use consilium_contracts::{
    BlockTime, Height, Settings, TransactionHash, ValidatorSchedule, VerifiedTransaction,
    View as StateView, next_deadline,
};
use consilium_ledger::{
    Block, BlockHash, Executed, Execution, Round, ValidatorAddress, ValidatorSet,
};
use tokio::sync::mpsc;

use crate::abstain::Voter;
use crate::config::Tuning;
use crate::engine::{EngineHeight, EngineValidatorSet, LedgerContext, Turns, peer_id};
use crate::error::{StoreError, SubmitError};
use crate::keeper::Keeper;
use crate::parts::{Assembler, Body};
use crate::pool::Pool;
use crate::shared::{Answer, Command, Shared};
use crate::store::{Snapshot, Undecided};

use claims::Claims;
use gates::Gates;
pub(crate) use gates::Unverified;
pub(crate) use peers::Peers;

/// Bodies kept in memory for one height: those of the latest rounds.
const MAX_CANDIDATES: usize = 64;
/// How often uncommitted transactions are looked at.
const TICK: Duration = Duration::from_millis(250);

/// Why the node takes part no more.
#[derive(Debug)]
pub(crate) struct Halt(pub(crate) String);

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

type Step = Result<(), Halt>;

/// A proposed block for the next height, examined.
struct Candidate {
    undecided: Undecided,
    /// What it does; `None` when it is not valid.
    executed: Option<Executed>,
    /// Whether it is not valid for our clock alone.
    early: bool,
}

/// The channels to the engine.
pub(crate) struct Wires {
    pub(crate) consensus: mpsc::Receiver<AppMsg<LedgerContext>>,
    pub(crate) network: mpsc::Sender<NetworkMsg<LedgerContext>>,
    pub(crate) requests: mpsc::Sender<NetworkRequest>,
    pub(crate) commands: mpsc::Receiver<Command>,
    /// Transactions of other nodes, verified.
    pub(crate) incoming: mpsc::Receiver<VerifiedTransaction>,
    /// Transactions of other nodes, to be verified.
    pub(crate) to_verify: mpsc::Sender<Unverified>,
}

/// The core's state.
pub(crate) struct Core {
    shared: Arc<Shared>,
    tuning: Tuning,
    settings: Settings,
    /// The key that this node votes with, if it holds one.
    voter: Option<Voter>,
    /// The state after the last block.
    snapshot: Snapshot,
    /// Who votes, and who will, after the last block.
    schedule: ValidatorSchedule,
    /// Those of the next height.
    validators: Arc<ValidatorSet>,
    /// Who proposed the last blocks, oldest first.
    recent: VecDeque<ValidatorAddress>,
    /// The nodes that the state names; bodies are taken from those of validators alone.
    peers: Peers,
    gates: Gates,
    /// What blocks validators say that they build upon, where those are not here.
    claims: Claims,
    /// When a claim last let the next height begin, and whether one is to do so now.
    nudged: Nudge,
    pool: Pool,
    answers: HashMap<TransactionHash, Vec<Answer>>,
    /// The pool applied to the state, to see early what will be rejected.
    outlook: Option<Outlook>,
    assembler: Assembler,
    /// Bodies for the next height, by hash.
    candidates: HashMap<BlockHash, Candidate>,
    /// Bodies for later heights.
    ahead: BTreeMap<Height, Vec<Body>>,
    /// The height that the engine works on, and the round there.
    engine_height: Height,
    engine_round: Round,
    /// The last block that was fetched after others had committed it: more may be missing.
    fetched: Option<Height>,
    /// The engine waits here to be told to begin the next height.
    held: Option<Reply<Next<LedgerContext>>>,
    committed_at: Instant,
    /// When the contracts want the next block at the latest.
    deadline: Option<BlockTime>,
    /// Makes the stream ids of this node's messages unique.
    streams: u64,
    /// Makes snapshots and prunes blocks beside the core.
    keeper: Keeper,
}

/// Whether somebody's claim to be ahead lets the next height begin, which is where missed blocks are fetched.
#[derive(Default)]
struct Nudge {
    now: bool,
    last: Option<Instant>,
}

/// The pool upon the state, as of a time.
struct Outlook {
    execution: Execution<Snapshot>,
    made: Instant,
}

impl Core {
    pub(crate) fn new(
        shared: Arc<Shared>,
        tuning: Tuning,
        voter: Option<Voter>,
        peers: Peers,
        keeper: Keeper,
    ) -> Result<Self, StoreError> {
        let snapshot = shared.snapshot();
        let settings = StateView::new(&snapshot).settings();
        let schedule = StateView::new(&snapshot).validator_schedule();
        let validators = Arc::new(ValidatorSet::from(
            schedule.in_force(snapshot.height().plus(1)),
        ));
        let recent = shared
            .store
            .recent_proposers(Turns::window(&validators))?
            .into();
        let limit = Block::byte_limit(&settings);
        let gates = Gates::new(peers.named().iter().map(|peer| peer_id(&peer.key)));
        let core = Self {
            peers,
            deadline: next_deadline(&snapshot),
            engine_height: snapshot.height(),
            engine_round: Round::new(0),
            gates,
            claims: Claims::default(),
            nudged: Nudge::default(),
            pool: Pool::new(shared.pool_bounds, shared.verifier.known.clone()),
            assembler: Assembler::new(limit),
            answers: HashMap::new(),
            candidates: HashMap::new(),
            ahead: BTreeMap::new(),
            outlook: None,
            held: None,
            fetched: None,
            committed_at: Instant::now(),
            streams: crate::clock::now().value() << 20,
            keeper,
            shared,
            tuning,
            settings,
            voter,
            snapshot,
            schedule,
            validators,
            recent,
        };
        core.tell_voting();
        Ok(core)
    }

    /// Runs until it is told to stop or must halt; then nobody waits any more.
    pub(crate) async fn run(mut self, mut wires: Wires) -> Option<Halt> {
        let halt = self.serve(&mut wires).await.err();
        if let Some(Halt(reason)) = &halt {
            // Before the commands' queue closes: whoever finds it closed is told why.
            self.shared
                .change(|view| view.failure = Some(reason.clone()));
        }
        let outcome = match &halt {
            Some(Halt(reason)) => SubmitError::Halted(reason.clone()),
            None => SubmitError::ShuttingDown,
        };
        for answer in self.answers.drain().flat_map(|(_, answers)| answers) {
            let _ = answer.send(Err(outcome.clone()));
        }
        halt
    }

    async fn serve(&mut self, wires: &mut Wires) -> Step {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let wake = tokio::time::Instant::from_std(self.wake_at());
            tokio::select! {
                message = wires.consensus.recv() => match message {
                    Some(message) => self.on_engine(message, wires).await?,
                    None => return Err(self.engine_stopped()),
                },
                command = wires.commands.recv() => match command {
                    Some(Command::Submit(transaction, answer)) => {
                        self.on_submit(*transaction, answer, wires).await?;
                    }
                    Some(Command::Shutdown) | None => return Ok(()),
                },
                Some(transaction) = wires.incoming.recv() => {
                    self.on_incoming(transaction, wires).await?;
                }
                _ = tick.tick() => {
                    self.listen();
                    self.forward(wires).await;
                }
                () = tokio::time::sleep_until(wake), if self.held.is_some() => {}
            }
            self.release()?;
            self.gauge();
        }
    }

    async fn on_engine(&mut self, message: AppMsg<LedgerContext>, wires: &mut Wires) -> Step {
        match message {
            AppMsg::ConsensusReady { reply } => {
                let _ = reply.send((EngineHeight(self.next_height()), self.begin()?));
                Ok(())
            }
            AppMsg::StartedRound {
                height,
                round,
                reply_value,
                ..
            } => {
                let values = self.on_started_round(height.0, round)?;
                let _ = reply_value.send(values);
                Ok(())
            }
            AppMsg::GetValue {
                height,
                round,
                reply,
                ..
            } => self.on_get_value(height.0, round, reply, wires).await,
            AppMsg::RestreamProposal {
                height,
                round,
                valid_round,
                address,
                value_id,
            } => {
                self.on_restream(height.0, (round, valid_round), address.0, value_id.0, wires)
                    .await
            }
            AppMsg::ReceivedProposalPart {
                from,
                published_by,
                part,
                reply,
            } => {
                let value = self
                    .on_part(published_by.unwrap_or(from), part, wires)
                    .await?;
                let _ = reply.send(value);
                Ok(())
            }
            AppMsg::Decided {
                certificate, reply, ..
            } => {
                self.on_decided(&certificate, wires).await?;
                let _ = reply.send(());
                Ok(())
            }
            AppMsg::Finalized {
                evidence, reply, ..
            } => self.on_finalized(&evidence, reply),
            AppMsg::GetHistoryMinHeight { reply } => {
                let _ = reply.send(EngineHeight(self.shared.store.oldest()));
                Ok(())
            }
            AppMsg::GetDecidedValues { range, reply } => {
                let _ = reply.send(self.decided_values(range)?);
                Ok(())
            }
            AppMsg::ProcessSyncedValue {
                height,
                round,
                proposer,
                value_bytes,
                reply,
            } => {
                let outcome = self.on_synced(height.0, round, proposer.0, &value_bytes)?;
                let _ = reply.send(outcome);
                Ok(())
            }
            // Extensions are disabled for every height: none is asked for, none is acceptable.
            AppMsg::ExtendVote { reply, .. } => {
                let _ = reply.send(None);
                Ok(())
            }
            AppMsg::VerifyVoteExtensions {
                extensions, reply, ..
            } => {
                let refused = |(voter, ())| (voter, Err(VoteExtensionError::InvalidVoteExtension));
                let _ = reply.send(extensions.into_iter().map(refused).collect());
                Ok(())
            }
        }
    }

    /// The engine stops when it cannot write its log. It does not say why; the directory does.
    fn engine_stopped(&self) -> Halt {
        match self.shared.store.guard.probe() {
            Err(error) => error.into(),
            Ok(()) => Halt("the consensus engine stopped; see the log".into()),
        }
    }

    fn tip(&self) -> Height {
        self.snapshot.height()
    }

    fn next_height(&self) -> Height {
        self.tip().plus(1)
    }

    /// Whose turn it is to propose in which round of the next height.
    fn turns(&self) -> Turns {
        let recent: Vec<_> = self.recent.iter().copied().collect();
        Turns::new(&self.validators, &recent)
    }

    /// What the engine needs to know of the next height.
    fn params(&self) -> HeightParams<LedgerContext> {
        let validator_set =
            EngineValidatorSet::new(&self.validators, self.turns(), self.abstains());
        let propose = self.tuning.propose_timeout;
        let half = propose / 2;
        let timeouts = LinearTimeouts {
            propose,
            propose_delta: half / 2,
            prevote: half,
            prevote_delta: half / 2,
            precommit: half,
            precommit_delta: half / 2,
            rebroadcast: propose * 2,
            max_timeout: propose * 10,
        };
        HeightParams {
            validator_set,
            timeouts,
            target_time: None,
            vote_extension_policy: VoteExtensionPolicy::Disabled,
        }
    }

    fn gauge(&self) {
        let gauges = &self.shared.gauges;
        gauges
            .pool_transactions
            .store(self.pool.len(), std::sync::atomic::Ordering::Relaxed);
        gauges
            .pool_bytes
            .store(self.pool.bytes(), std::sync::atomic::Ordering::Relaxed);
    }
}

/// The validators of the height after a state's.
pub(crate) fn validators_of(snapshot: &Snapshot) -> ValidatorSet {
    let schedule = StateView::new(snapshot).validator_schedule();
    ValidatorSet::from(schedule.in_force(snapshot.height().plus(1)))
}
