//! A ledger as honest validators make it: every proof that there is, a record's whole life, and validators that come and go.

use std::sync::OnceLock;

use consilium_contracts::*;
use consilium_ledger::*;

use crate::common::certificate;
use crate::common::replayed::Replayed;
use crate::contracts::common::*;

/// So many transactions a block may have.
pub const MOST: u32 = 8;

/// A block as its header's fields say, before it is certified.
#[derive(Clone)]
pub struct Plain {
    pub parent: Parent,
    pub slot: Slot,
    pub transactions: Vec<SignedTransaction>,
}

impl Plain {
    pub fn of(block: &Block) -> Self {
        let header = block.header();
        let before = Height::new(header.height.value() - 1);
        Self {
            parent: Parent {
                federation: header.federation,
                height: before,
                hash: header.previous,
                time: header.time,
                state: header.state,
            },
            slot: Slot {
                proposer: header.proposer,
                time: header.time,
            },
            transactions: block.transactions().to_vec(),
        }
    }

    pub fn block(self) -> Block {
        Block::new(&self.parent, self.slot, self.transactions)
    }
}

/// A ledger, and what is needed to tell lies about it.
#[derive(Clone)]
pub struct Ledger {
    pub genesis: VerifiedGenesis,
    pub entries: Vec<ExportEntry>,
    pub handovers: Vec<Handover>,
    /// The state before each block.
    pub states: Vec<MemoryState>,
    /// What each block did.
    pub events: Vec<BlockEvents>,
    /// The names of the keys that certify each height.
    voters: Vec<Vec<String>>,
    /// The heights at which something is, by name.
    pub at: Heights,
}

/// Where to find what in the ledger.
#[derive(Clone, Copy, Default)]
pub struct Heights {
    pub record: u64,
    pub trapdoors: u64,
    pub matches: u64,
    pub access: u64,
    /// The first that east certifies, too.
    pub joined: u64,
    /// The first that north certifies no more.
    pub left: u64,
}

/// The ledger; made once.
pub fn ledger() -> &'static Ledger {
    static MADE: OnceLock<Ledger> = OnceLock::new();
    MADE.get_or_init(|| Maker::new().whole())
}

/// A ledger on which cleo replaces her trapdoor between dan's match and hers (`at.trapdoors`, `at.matches`): a proof of hers that is
/// verified together with dan's is verified against the trapdoor before. And the match that was made for that one.
pub fn replaced() -> (Ledger, SignedTransaction) {
    let mut maker = Maker::new();
    maker.with_trapdoors();
    let [dan, cleo] = ["dan", "cleo"].map(|doctor| maker.world.matched(1, doctor));
    let early = maker.world.transaction("south", cleo.clone());
    maker.take("south", dan);
    maker.block(1);
    maker.take("cleo", trapdoor("south", 1));
    maker.made.at.trapdoors = maker.block(1);
    maker.take("south", cleo);
    maker.made.at.matches = maker.block(1);
    (maker.made, early.sign(&key("south")))
}

fn plan() -> Genesis {
    let settings = Settings {
        max_block_transactions: MOST,
        ..genesis().settings
    };
    Genesis {
        validators: OrderedSet::collect(HOSPITALS.map(hospital)).unwrap(),
        settings,
        ..genesis()
    }
}

struct Maker {
    world: World,
    ledger: Replayed,
    open: Vec<SignedTransaction>,
    scheduled: bool,
    made: Ledger,
}

impl Maker {
    fn new() -> Self {
        let genesis = plan().sign(&key("kgc")).verify().unwrap();
        let ledger = Replayed::genesis(&genesis);
        let world = World {
            federation: genesis.federation(),
            state: ledger.state.clone(),
            height: 0,
            now: START,
            nonce: 0,
        };
        let made = Ledger {
            genesis,
            entries: Vec::new(),
            handovers: Vec::new(),
            states: Vec::new(),
            events: Vec::new(),
            voters: Vec::new(),
            at: Heights::default(),
        };
        let (open, scheduled) = (Vec::new(), false);
        let mut maker = Self {
            world,
            ledger,
            open,
            scheduled,
            made,
        };
        maker.world.block(1);
        maker
    }

    fn take(&mut self, sender: &str, action: Action) {
        let signed = self.world.transaction(sender, action).sign(&key(sender));
        self.world.submit_signed(signed.clone()).unwrap();
        self.open.push(signed);
    }

    /// Ends the block; the next begins so many milliseconds later. Its height.
    fn block(&mut self, later: u64) -> u64 {
        let view = View::new(&self.ledger.state);
        let schedule = view.validator_schedule();
        let voting = schedule.in_force(Height::new(self.world.height));
        let voters: Vec<_> = voting
            .iter()
            .map(|one| format!("{}/validator", one.hospital))
            .collect();
        let slot = Slot {
            proposer: ValidatorAddress::of(&public(&voters[0])),
            time: BlockTime::new(self.world.now),
        };
        let transactions = std::mem::take(&mut self.open);
        let block = Block::new(self.ledger.parent(), slot, transactions);
        let certificate = certificate(block.header(), Round::new(0), voters.clone());
        if std::mem::take(&mut self.scheduled) {
            let proof = self.ledger.prove(Key::validators());
            let proof = KeyProof::new(*block.header(), certificate.clone(), proof);
            self.made.handovers.push(Handover::new(proof));
        }
        self.made.states.push(self.ledger.state.clone());
        let events = self.ledger.apply(&block).unwrap();
        let mut all = events.transactions.iter().flatten();
        self.scheduled = all.any(|event| matches!(event, Event::ValidatorsScheduled { .. }));
        self.made.events.push(events);
        self.made.voters.push(voters);
        self.made.entries.push(ExportEntry { block, certificate });
        self.world.block(later);
        self.world.height - 1
    }

    /// Proposed and approved in one block; the first height of the new validators, which is the next block then.
    fn change(&mut self, change: ValidatorChange, by: &[&str]) -> u64 {
        let proposed = self.world.height;
        self.take("kgc", propose(change.clone()));
        for name in by {
            self.take(name, approve(change.clone(), proposed));
        }
        self.block(1);
        let next = self.world.view().validator_schedule().next.unwrap();
        while self.world.height < next.from.value() {
            self.block(1);
        }
        next.from.value()
    }

    /// A record, its index, and the trapdoors of two doctors.
    fn with_trapdoors(&mut self) {
        self.take("kgc", epoch(1, 0));
        self.block(1);
        for (leaf, (name, at)) in DOCTORS.iter().enumerate().skip(2).take(2) {
            self.take("kgc", register_doctor(name, at, leaf as u64 - 2));
        }
        self.block(1);
        let registration = register_record(&self.world, 1, "north", &["south"]);
        self.take("north", registration);
        self.take("north", authorize(1, "south", Scope::Record(record_id(1))));
        self.take("north", index(1, "south"));
        self.made.at.record = self.block(1);
        self.take("cleo", trapdoor("south", 2));
        self.take("dan", trapdoor("south", 1));
        self.made.at.trapdoors = self.block(1);
    }

    fn whole(mut self) -> Ledger {
        self.with_trapdoors();
        for doctor in ["cleo", "dan"] {
            let matched = self.world.matched(1, doctor);
            self.take("south", matched);
        }
        self.made.at.matches = self.block(WINDOW);
        // The window is over: this one assigns.
        self.block(1);
        let access = self.world.access(1, "cleo");
        self.take("south", access);
        self.made.at.access = self.block(1);
        self.take("cleo", report(1));
        self.block(1);
        self.take("record 1", acknowledge(1));
        self.take("kgc", Action::AdmitHospital(Box::new(card("east"))));
        self.block(1);
        self.made.at.joined = self.change(join("east"), &HOSPITALS);
        self.made.at.left = self.change(leave("north"), &["east", "south", "west"]);
        self.block(1);
        let last = rotated(&self.world.federation, "west", None, Some("west/peer 2"));
        self.take("west", update(last));
        self.block(1);
        self.block(1);
        self.made
    }
}

impl Ledger {
    pub fn last(&self) -> u64 {
        self.entries.len() as u64
    }

    pub fn entry(&self, height: u64) -> &ExportEntry {
        &self.entries[height as usize - 1]
    }

    /// A transaction of a block, by its index.
    pub fn transaction(&self, height: u64, index: usize) -> &SignedTransaction {
        &self.entry(height).block.transactions()[index]
    }

    /// The names of the keys that certify a height.
    pub fn voters(&self, height: u64) -> Vec<String> {
        self.voters[height as usize - 1].clone()
    }

    /// Certified by the validators of its height.
    pub fn certified(&self, block: Block) -> ExportEntry {
        let header = block.header();
        let by = self.voters(header.height.value());
        let certificate = certificate(header, Round::new(0), by);
        ExportEntry { block, certificate }
    }

    /// All validators agree on a lie: this block is as they want it, those that follow are what they were but for the hashes.
    pub fn colluding(&self, height: u64, lie: impl FnOnce(&mut Plain)) -> Vec<ExportEntry> {
        let mut lie = Some(lie);
        let mut entries: Vec<ExportEntry> = Vec::new();
        for entry in &self.entries {
            let mut plain = Plain::of(&entry.block);
            if let Some(last) = entries.last() {
                plain.parent.hash = last.block.hash();
            }
            if entry.block.header().height.value() == height {
                lie.take().unwrap()(&mut plain);
            }
            entries.push(self.certified(plain.block()));
        }
        assert!(lie.is_none());
        entries
    }

    /// The file that holds these.
    pub fn file(&self, entries: &[ExportEntry]) -> Vec<u8> {
        self.file_with(&Handovers::new(self.handovers.clone()), entries)
    }

    pub fn file_with(&self, handovers: &Handovers, entries: &[ExportEntry]) -> Vec<u8> {
        let (from, to) = (Height::new(1), Height::new(entries.len() as u64));
        let range = ExportRange::new(from, to).unwrap();
        let mut bytes = export_head(&self.genesis, range, handovers);
        for ExportEntry { block, certificate } in entries {
            bytes.extend(export_entry(block, certificate));
        }
        bytes
    }
}
