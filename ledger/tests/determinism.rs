//! The same ledger has the same roots wherever it is applied: upon other maps, in other threads, in another process, by another build.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use consilium_contracts::*;
use consilium_ledger::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::common::replayed::Replayed;
use crate::contracts::common::{DOCTORS, World, epoch, genesis, key, public, register_doctor};
use crate::contracts::random::{Happens, arb_happens, happen, rare};

/// Where `make determinism` finds a ledger and its roots.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/determinism");
/// Tells a child process to apply the ledger of a file.
const FILE: &str = "CONSILIUM_TEST_LEDGER";

/// What became of a submission.
type Outcome = Result<Vec<Event>, Rejection>;

/// A block as it came about: what was submitted to it, and what became of that.
struct Made {
    block: Block,
    submitted: Vec<(SignedTransaction, Outcome)>,
    begin: Vec<Event>,
}

/// A ledger that grows from what happens in the contracts' test world.
struct Chain {
    world: World,
    ledger: Replayed,
    begin: Vec<Event>,
    submitted: Vec<(SignedTransaction, Outcome)>,
    made: Vec<Made>,
}

impl Chain {
    /// Genesis; epoch 1 and the doctors follow, a block each.
    fn new() -> Self {
        let verified = genesis().sign(&key("kgc")).verify().unwrap();
        let mut chain = Self {
            world: World::new(),
            ledger: Replayed::genesis(&verified),
            begin: Vec::new(),
            submitted: Vec::new(),
            made: Vec::new(),
        };
        chain.begin = chain.world.block(1);
        chain.ok("kgc", epoch(1, 0));
        for (leaf, (name, at)) in DOCTORS.iter().enumerate() {
            chain.ok("kgc", register_doctor(name, at, leaf as u64));
        }
        chain
    }

    fn ok(&mut self, sender: &str, action: Action) {
        self.submit(sender, action);
        self.submitted.last().unwrap().1.as_ref().unwrap();
        self.next(1);
    }

    fn submit(&mut self, sender: &str, action: Action) {
        let signed = self.world.transaction(sender, action).sign(&key(sender));
        self.submit_signed(signed);
    }

    fn submit_signed(&mut self, signed: SignedTransaction) {
        let outcome = self.world.submit_signed(signed.clone());
        self.submitted.push((signed, outcome));
    }

    /// Ends the block, and begins the next one so many milliseconds later.
    fn next(&mut self, later: u64) {
        let proposer = ValidatorAddress::of(&public("north/validator"));
        let slot = Slot {
            proposer,
            time: BlockTime::new(self.world.now),
        };
        let taken = self.submitted.iter().filter(|(_, outcome)| outcome.is_ok());
        let transactions = taken.map(|(signed, _)| signed.clone()).collect();
        let block = Block::new(self.ledger.parent(), slot, transactions);
        let events = self.ledger.apply(&block).unwrap();
        let submitted = std::mem::take(&mut self.submitted);
        let accepted: Vec<_> = submitted
            .iter()
            .filter_map(|(_, outcome)| outcome.clone().ok())
            .collect();
        assert_eq!(
            (&events.begin, &events.transactions),
            (&self.begin, &accepted)
        );
        assert!(self.ledger.state.scan(&[]).eq(self.world.state.scan(&[])));
        let begin = std::mem::replace(&mut self.begin, self.world.block(later));
        self.made.push(Made {
            block,
            submitted,
            begin,
        });
    }

    fn happen(&mut self, step: &Happens) {
        match step {
            Happens::Block(later) => self.next(*later),
            // One that stands already, or a kind of action that is rare.
            Happens::Replay(choice) if choice % 2 == 0 => {
                let blocks: Vec<_> = self
                    .made
                    .iter()
                    .flat_map(|made| made.block.transactions())
                    .collect();
                let again = blocks[choice / 2 % blocks.len()].clone();
                self.submit_signed(again);
            }
            Happens::Replay(choice) => {
                let (sender, action) = rare(&self.world, choice / 2);
                self.submit(&sender, action);
            }
            Happens::Submit { .. } => {
                let (sender, action) = happen(&self.world, step);
                self.submit(&sender, action);
            }
        }
    }

    fn of(steps: &[Happens]) -> Self {
        let mut chain = Self::new();
        for step in steps {
            chain.happen(step);
        }
        chain.next(1);
        chain
    }
}

/// A state whose pairs lie in an order that differs from process to process and map to map.
#[derive(Default)]
struct Scattered(HashMap<Vec<u8>, Vec<u8>>);

impl Scattered {
    fn commit(&mut self, writes: &Writes) {
        for (key, value) in writes {
            match value {
                Some(value) => self.0.insert(key.as_bytes().to_vec(), value.clone()),
                None => self.0.remove(key.as_bytes()),
            };
        }
    }
}

impl StateRead for Scattered {
    fn get(&self, key: &Key) -> Option<Vec<u8>> {
        self.0.get(key.as_bytes()).cloned()
    }

    fn scan(&self, prefix: &[u8]) -> Pairs<'_> {
        let found = self.0.iter().filter(|(key, _)| key.starts_with(prefix));
        let found = found.map(|(key, value)| (Key::from_bytes(key.clone()), value.clone()));
        Box::new(found.collect::<BTreeMap<_, _>>().into_iter())
    }
}

/// Tree nodes in such an order.
#[derive(Default)]
struct ScatteredTree(HashMap<Vec<u8>, Vec<u8>>);

impl TreeStore for ScatteredTree {
    type Error = std::convert::Infallible;

    fn node(&self, key: &TreeKey) -> Result<Option<Vec<u8>>, Self::Error> {
        Ok(self.0.get(key.as_bytes()).cloned())
    }
}

impl ScatteredTree {
    fn commit(&mut self, update: &TreeUpdate) {
        let nodes = update
            .nodes
            .iter()
            .map(|(key, node)| (key.as_bytes().to_vec(), node.clone()));
        self.0.extend(nodes);
    }
}

/// Verified by several threads, those from the end first.
fn verified(made: &Made, federation: &FederationId) -> Vec<Result<VerifiedTransaction, Rejection>> {
    std::thread::scope(|scope| {
        let verify = |(signed, _): &(SignedTransaction, Outcome)| signed.clone().verify(federation);
        let mut threads: Vec<_> = made
            .submitted
            .iter()
            .rev()
            .map(|one| scope.spawn(move || verify(one)))
            .collect();
        threads.reverse();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// The same submissions upon scattered maps: the same receipts, rejections and roots.
fn again(chain: &Chain) {
    let verified_genesis = genesis().sign(&key("kgc")).verify().unwrap();
    let federation = verified_genesis.federation();
    let (initial, _) = verified_genesis.initial_state().into_parts();
    let (mut state, mut tree) = (Scattered::default(), ScatteredTree::default());
    state.commit(&initial);
    let mut update = genesis_tree(&tree, &initial).unwrap();
    tree.commit(&update);
    for made in &chain.made {
        let header = made.block.header();
        assert_eq!(header.state, update.root, "before block {}", header.height);
        let mut execution = Execution::begin(&state, header.context());
        for (transaction, (_, outcome)) in
            verified(made, &federation).into_iter().zip(&made.submitted)
        {
            let verdict = transaction.and_then(|transaction| execution.apply(&transaction));
            assert_eq!(verdict, outcome.as_ref().map(drop).map_err(Clone::clone));
        }
        let executed = execution.finish();
        let receipts = made
            .submitted
            .iter()
            .filter_map(|(_, outcome)| outcome.as_ref().ok());
        assert!(executed.events.transactions.iter().eq(receipts));
        assert_eq!(executed.events.begin, made.begin);
        state.commit(&executed.writes);
        if let Some(next) = update_tree(&tree, update.version, &executed.writes).unwrap() {
            tree.commit(&next);
            update = next;
        }
    }
    assert_eq!(update.root, chain.ledger.root());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_sequence_has_the_same_roots_and_receipts_upon_other_maps_and_in_other_threads(
        steps in proptest::collection::vec(arb_happens(), 1..150),
    ) {
        again(&Chain::of(&steps));
    }
}

/// A long ledger that is always the same.
fn long() -> Chain {
    let steps = proptest::collection::vec(arb_happens(), 600);
    let mut runner = TestRunner::deterministic();
    // Blocks of seconds would end every window before anything matches.
    let shorter = |step| match step {
        Happens::Block(later) => Happens::Block(later % 800),
        other => other,
    };
    Chain::of(
        &steps
            .new_tree(&mut runner)
            .unwrap()
            .current()
            .into_iter()
            .map(shorter)
            .collect::<Vec<_>>(),
    )
}

#[test]
fn the_random_sequences_have_every_kind_of_action_and_both_outcomes() {
    let chain = long();
    let (mut kinds, mut outcomes) = (BTreeSet::new(), [0, 0]);
    for (signed, outcome) in chain.made.iter().flat_map(|made| &made.submitted) {
        kinds.insert(borsh::to_vec(&signed.transaction().action).unwrap()[0]);
        outcomes[usize::from(outcome.is_ok())] += 1;
    }
    assert!((1..=18).all(|kind| kinds.contains(&kind)), "{kinds:?}");
    assert!(outcomes.iter().all(|count| *count > 50), "{outcomes:?}");
    again(&chain);
}

/// Prints the roots of the ledger in a file. Does nothing unless the test below runs it.
#[test]
fn child() {
    if let Some(file) = std::env::var_os(FILE) {
        let roots = crate::exported::roots(&std::fs::read(file).unwrap()).unwrap();
        std::fs::write(std::env::var_os("CONSILIUM_TEST_ROOTS").unwrap(), roots).unwrap();
    }
}

fn write(file: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = Path::new(FOLDER).join(file);
    std::fs::create_dir_all(FOLDER).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn two_processes_find_the_same_roots_in_a_ledger_that_was_written_to_a_file() {
    let chain = long();
    let blocks: Vec<_> = chain.made.iter().map(|made| made.block.clone()).collect();
    let ledger = write(
        "ledger",
        crate::exported::export(&genesis().sign(&key("kgc")), &blocks),
    );
    let mut expected = String::new();
    for (height, made) in (0..).zip(&chain.made) {
        expected += &format!("{height} {}\n", made.block.header().state);
    }
    expected += &format!("{} {}\n", chain.made.len(), chain.ledger.root());
    for one in ["one", "two"] {
        let roots = Path::new(FOLDER).join(one);
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["determinism::child", "--exact"])
            .env(FILE, &ledger)
            .env("CONSILIUM_TEST_ROOTS", &roots)
            .output()
            .unwrap();
        assert!(
            child.status.success(),
            "{}",
            String::from_utf8_lossy(&child.stderr)
        );
        assert_eq!(std::fs::read_to_string(&roots).unwrap(), expected);
    }
    write("roots", expected);
}
