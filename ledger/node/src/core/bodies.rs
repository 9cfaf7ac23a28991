//! Bodies of proposed blocks: put together, examined, kept, handed to the engine.

use std::time::{Duration, Instant};

use arc_malachitebft_app_channel::app::engine::host::SyncedValueOutcome;
use arc_malachitebft_app_channel::app::streaming::{StreamContent, StreamMessage};
use arc_malachitebft_app_channel::app::types::core::{Round as EngineRound, Validity};
use arc_malachitebft_app_channel::app::types::{PeerId, ProposedValue};
use consilium_contracts::{BlockTime, Height, HospitalId, TransactionHash, VerifiedTransaction};
use consilium_ledger::{
    Block, Executed, InvalidTransaction, Round, ValidatorAddress, execute_block,
};
use tracing::{debug, warn};

use super::{Candidate, Core, Halt, MAX_CANDIDATES, Wires};
use crate::clock;
use crate::engine::{Address, EngineHeight, LedgerContext, Value, engine_round, ledger_round};
use crate::parts::{Begin, Body, Part};
use crate::pool::Origin;
use crate::store::Undecided;

/// Bodies of one publisher that are kept for later heights.
const MAX_AHEAD: usize = 8;
/// Bodies of one round: its proposal, and a second one that shows that its proposer lies.
const MAX_OF_ROUND: usize = 2;
/// Bodies are taken for this many rounds beyond the engine's, which takes proposals for ten.
const ROUNDS_AHEAD: u32 = 10;
/// How often claims to be ahead may let a height begin.
const NUDGE_EVERY: Duration = Duration::from_secs(1);

/// Which rules a block is held to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// A proposal: our clock has a say.
    Proposed,
    /// A quorum has decided, or this node found it valid before: only determinism counts.
    Decided,
}

impl Core {
    /// A part arrives on the proposal channel.
    pub(super) async fn on_part(
        &mut self,
        publisher: PeerId,
        message: StreamMessage<Part>,
        wires: &mut Wires,
    ) -> Result<Option<ProposedValue<LedgerContext>>, Halt> {
        let StreamContent::Data(part) = message.content else {
            return Ok(None);
        };
        let from = (publisher, message.stream_id.to_bytes().to_vec());
        let body = match part {
            // Who does not vote has no use for what is not committed.
            Part::Transactions(_) if !self.votes() => None,
            Part::Transactions(transactions) => {
                self.on_transactions(&publisher, transactions, wires);
                None
            }
            Part::Refused {
                transaction,
                height,
            } => {
                self.on_refused(transaction, height);
                None
            }
            Part::Begin(_) | Part::Chunk(_) if !self.peers.publishes(&publisher) => None,
            Part::Begin(begin) => {
                self.claim(publisher, begin.height);
                self.assembler.begin(from, begin, self.tip())
            }
            Part::Chunk(bytes) => self.assembler.chunk(from, message.sequence, bytes),
        };
        match body {
            Some(body) => {
                self.take_incoming(wires).await?;
                self.on_body(body)
            }
            None => Ok(None),
        }
    }

    /// A validator says that it builds at this height, so that the one before is decided.
    ///
    /// It may lie: only what more than a third of the validators say is believed. Anybody's claim lets the next height begin, though not
    /// often: the engine fetches missed blocks for a height that has begun.
    fn claim(&mut self, publisher: PeerId, height: Height) {
        let decided = Height::new(height.value().saturating_sub(1));
        // By validator: one that has two identities for a while speaks once.
        if let Some(validator) = self.peers.validator_of(&publisher) {
            self.claims.make(validator, decided, Instant::now());
            self.listen();
        }
        if decided > self.tip() {
            let last = self.nudged.last;
            self.nudged.now |= last.is_none_or(|last| last.elapsed() >= NUDGE_EVERY);
        }
    }

    /// How far the others are believed to be, by what they said of late and what was fetched.
    pub(super) fn listen(&self) {
        let validators = self.validators.as_slice().len();
        let believed = self.claims.believed(validators, Instant::now());
        let heard = believed.max(self.fetched).unwrap_or_default();
        if heard != self.shared.heard() {
            self.shared.change(|view| view.heard = heard);
        }
    }

    /// A body is whole. Only the height that the engine works on is examined now; a later one
    /// waits until its parent is committed.
    fn on_body(&mut self, body: Body) -> Result<Option<ProposedValue<LedgerContext>>, Halt> {
        let height = body.begin.height;
        if height == self.engine_height && height == self.next_height() {
            return self.examine(&body);
        }
        let waiting = self.ahead.values().flatten();
        let theirs = waiting.filter(|waiting| waiting.publisher == body.publisher);
        if height > self.tip() && theirs.count() < MAX_AHEAD {
            self.ahead.entry(height).or_default().push(body);
        }
        Ok(None)
    }

    /// Whether a body may be a proposal of its round. Nothing in it is signed but its way here: whoever's turn it is publishes it. Without
    /// this, one validator could fill the places of all others' proposals, here and in the engine.
    ///
    /// From round ten on, the engine also has those who lock a value publish it. That is dropped here: they publish it when it is their
    /// turn, within as many rounds as there are validators.
    fn may_propose(&self, body: &Body) -> bool {
        let Begin {
            height,
            round,
            block,
            ..
        } = body.begin;
        let turn = self.turns().proposer(height, round);
        let latest = self.engine_round.value().saturating_add(ROUNDS_AHEAD);
        let of_round = self
            .candidates
            .iter()
            .filter(|(hash, candidate)| candidate.undecided.round == round && **hash != block);
        self.peers.speaks_for(&body.publisher, &turn)
            && round.value() <= latest
            && of_round.count() < MAX_OF_ROUND
    }

    /// Makes room for one more body, at the cost of the one of the earliest round.
    fn make_room(&mut self) {
        if self.candidates.len() < MAX_CANDIDATES {
            return;
        }
        let rounds = self.candidates.iter();
        let earliest = rounds.min_by_key(|(_, candidate)| candidate.undecided.round);
        if let Some(hash) = earliest.map(|(hash, _)| *hash) {
            self.candidates.remove(&hash);
        }
    }

    /// A round begins: everything that is known for it.
    pub(super) fn on_started_round(
        &mut self,
        height: Height,
        round: EngineRound,
    ) -> Result<Vec<ProposedValue<LedgerContext>>, Halt> {
        if height != self.next_height() {
            return Ok(Vec::new());
        }
        self.engine_round = ledger_round(round).unwrap_or(Round::new(0));
        if self.engine_height != height {
            self.engine_height = height;
            for undecided in self.shared.store.undecided(height)? {
                self.consider(undecided, Rules::Decided);
            }
            for body in self.ahead.remove(&height).unwrap_or_default() {
                self.examine(&body)?;
            }
        }
        let of_round =
            |candidate: &&Candidate| Some(candidate.undecided.round) == ledger_round(round);
        Ok(self
            .candidates
            .values()
            .filter(of_round)
            .map(proposed)
            .collect())
    }

    /// Reads, checks and applies a body for the next height; `None` when it is no block at all.
    fn examine(&mut self, body: &Body) -> Result<Option<ProposedValue<LedgerContext>>, Halt> {
        let Begin {
            round,
            valid_round,
            proposer,
            block: hash,
            height,
            ..
        } = body.begin;
        if !self.may_propose(body) {
            debug!(%height, publisher = %body.publisher, "a body that is nobody's proposal is dropped");
            return Ok(None);
        }
        let block = match Block::from_bytes(&body.bytes, Block::byte_limit(&self.settings)) {
            Ok(block) if block.hash() == hash && block.header().height == height => block,
            Ok(_) => return Ok(None),
            Err(error) => {
                warn!(%height, %error, "a proposed body is refused");
                return Ok(None);
            }
        };
        let undecided = Undecided {
            round,
            valid_round,
            proposer,
            block,
        };
        self.make_room();
        // Who does not vote has no say: it follows what a quorum decides.
        let rules = match self.votes() {
            true => Rules::Proposed,
            false => Rules::Decided,
        };
        let valid = self.consider(undecided.clone(), rules);
        if valid && self.votes() {
            self.shared.store.keep_undecided(&undecided)?;
        }
        Ok(self.candidates.get(&hash).map(proposed))
    }

    /// Checks and applies a block for the next height and keeps the outcome; whether it is valid.
    ///
    /// What our clock alone refused is looked at again: the clock may have been set, or a quorum have decided otherwise.
    fn consider(&mut self, undecided: Undecided, rules: Rules) -> bool {
        let hash = undecided.block.hash();
        if let Some(known) = self.candidates.get_mut(&hash)
            && !known.early
        {
            known.undecided = undecided;
            return known.executed.is_some();
        }
        // The clock is read once: it may be set between two looks.
        let latest = self.latest_time(rules);
        let early = latest.is_some_and(|latest| undecided.block.header().time > latest);
        // Who proposes a block anew built it; who proposes one again need not have.
        let (named, proposer) = (undecided.block.header().proposer, undecided.proposer);
        let anew = undecided.valid_round.is_none();
        let checked = match rules == Rules::Proposed && anew && named != proposer {
            true => Err(format!(
                "{proposer} proposes it and says that {named} built it"
            )),
            false => {
                let builder = (anew && named == proposer).then_some(named);
                self.check(&undecided.block, latest, builder)
            }
        };
        let executed = match checked {
            Ok(executed) => Some(executed),
            Err(reason) => {
                warn!(height = %undecided.block.header().height, block = %hash, %reason, "a proposed block is not valid");
                None
            }
        };
        let valid = executed.is_some();
        self.candidates.insert(
            hash,
            Candidate {
                undecided,
                executed,
                early,
            },
        );
        valid
    }

    /// The latest time that a validator accepts of a block that is not decided.
    fn latest_time(&self, rules: Rules) -> Option<BlockTime> {
        let bound = clock::now().plus(self.settings.max_clock_skew_ms);
        let ago = self.committed_at.elapsed();
        (rules == Rules::Proposed).then(|| clock::latest_time(bound, self.snapshot.time(), ago))
    }

    /// Whether the block may follow the last one and is not later than `latest`, and what it does; or why not. A false proof in it is laid at
    /// the door of its `builder`, where it is known who that was.
    pub(super) fn check(
        &mut self,
        block: &Block,
        latest: Option<BlockTime>,
        builder: Option<ValidatorAddress>,
    ) -> Result<Executed, String> {
        let header = block.header();
        let parent = &self.snapshot.tip().parent;
        header
            .follows(parent, &self.validators)
            .map_err(|error| error.to_string())?;
        block
            .within(&self.settings)
            .map_err(|error| error.to_string())?;
        let time = header.time;
        if let Some(latest) = latest.filter(|latest| time > *latest) {
            return Err(format!(
                "its time {time} is ahead of this clock's bound {latest}"
            ));
        }
        let transactions = self.verified(block).map_err(|error| error.to_string())?;
        let executed = execute_block(self.snapshot.clone(), header.context(), &transactions);
        let executed = executed.map_err(|error| {
            if let Some(refused) = transactions.get(error.index) {
                let proposer = builder.and_then(|builder| self.hospital_of(&builder));
                let told = &self.shared.false_proofs;
                told.tell(refused, &error.rejection, proposer);
            }
            error.to_string()
        })?;
        self.adopt(transactions);
        Ok(executed)
    }

    /// Whose validator it is, at the next height.
    fn hospital_of(&self, proposer: &ValidatorAddress) -> Option<HospitalId> {
        let validators = self.schedule.in_force(self.next_height()).iter();
        let mut found = validators.filter(|one| ValidatorAddress::of(&one.key) == *proposer);
        found.next().map(|one| one.hospital.clone())
    }

    /// What a valid block holds may wait here too: it need not be verified again, whatever becomes of the block.
    fn adopt(&mut self, transactions: Vec<VerifiedTransaction>) {
        if !self.votes() {
            return;
        }
        for transaction in transactions {
            // A full pool forgets it, and verifies it again if it comes again.
            if self.pool.insert(transaction, Origin::Remote) == Ok(true) {
                self.outlook = None;
            }
        }
    }

    /// The block's transactions, verified: those in the pool were verified already.
    fn verified(&self, block: &Block) -> Result<Vec<VerifiedTransaction>, InvalidTransaction> {
        let waiting = |hash: &TransactionHash| {
            let known = self.pool.get(hash)?;
            Some(known.transaction.clone())
        };
        let (transactions, state) = (block.transactions(), &self.snapshot);
        self.shared.verifier.block(transactions, waiting, state)
    }

    /// A decided block arrives from a peer; the engine has checked its certificate and compares
    /// the hash.
    pub(super) fn on_synced(
        &mut self,
        height: Height,
        round: EngineRound,
        proposer: ValidatorAddress,
        bytes: &[u8],
    ) -> Result<SyncedValueOutcome<LedgerContext>, Halt> {
        let Ok(block) = Block::from_bytes(bytes, Block::byte_limit(&self.settings)) else {
            return Ok(SyncedValueOutcome::PeerFault);
        };
        if block.header().height != height {
            return Ok(SyncedValueOutcome::PeerFault);
        }
        if height != self.next_height() {
            return Ok(SyncedValueOutcome::LocalTransientError);
        }
        self.fetched = Some(height);
        self.listen();
        debug!(%height, "fetched a missed block");
        let hash = block.hash();
        let round = ledger_round(round).unwrap_or(Round::new(0));
        let undecided = Undecided {
            round,
            valid_round: None,
            proposer,
            block,
        };
        if self.consider(undecided.clone(), Rules::Decided) && self.votes() {
            self.shared.store.keep_undecided(&undecided)?;
        }
        let value = self.candidates.get(&hash).map(proposed);
        Ok(value.map_or(
            SyncedValueOutcome::LocalTransientError,
            SyncedValueOutcome::Verdict,
        ))
    }
}

/// A candidate as the engine wants it.
fn proposed(candidate: &Candidate) -> ProposedValue<LedgerContext> {
    let Undecided {
        round,
        valid_round,
        proposer,
        block,
    } = &candidate.undecided;
    ProposedValue {
        height: EngineHeight(block.header().height),
        round: engine_round(Some(*round)),
        valid_round: engine_round(*valid_round),
        proposer: Address::of(*proposer),
        value: Value(block.hash()),
        validity: Validity::from_bool(candidate.executed.is_some()),
    }
}
