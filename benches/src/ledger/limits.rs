//! What the same machine does without a network and without consensus.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use consilium_contracts::{
    BlockContext, BlockTime, Canonical as _, Height, MemoryState, SignedTransaction, SigningKey,
    VerifiedTransaction, Writes,
};
use consilium_ledger::{MemoryTree, TreeVersion, execute_block, genesis_tree, update_tree};
use consilium_schemes::signature::Purpose;
use rocksdb::{DB, Options, WriteOptions};

use super::federation::{Federation, Indexes};
use crate::failure::Failure;

/// Transactions of a block in [`bare`].
pub const BLOCK: usize = 50;
const PURPOSE: Purpose = Purpose::new("CONSILIUM-V1-SIG-BENCH");

/// The work of one node, done by one thread and nothing else.
pub struct Bare {
    /// Bytes of one transaction.
    pub transaction_bytes: usize,
    pub transactions: usize,
    /// Reading canonical bytes and verifying: signature, every point of the index, and its proof.
    pub verify: Duration,
    /// The contracts.
    pub apply: Duration,
    /// The Merkle tree over the state.
    pub tree: Duration,
}

impl Bare {
    /// Transactions in a second.
    pub fn rate(&self) -> f64 {
        self.transactions as f64 / (self.verify + self.apply + self.tree).as_secs_f64()
    }

    /// What one transaction takes of `part`.
    pub fn each(&self, part: Duration) -> Duration {
        part / u32::try_from(self.transactions).unwrap_or(u32::MAX).max(1)
    }
}

/// The bare verify-and-apply: reads, verifies and applies index posts in blocks of [`BLOCK`], with the state tree.
pub fn bare(federation: &Federation, indexes: &Indexes, posts: usize) -> Result<Bare, Failure> {
    let mut ledger = Ledger::genesis(federation)?;
    let owners = federation.owners();
    ledger.block(&[federation.epoch().to_canonical_bytes()])?;
    let mut prepared = Vec::new();
    for owner in 0..owners {
        prepared.push(federation.authorization(owner)?.to_canonical_bytes());
    }
    for number in 0..posts {
        prepared.push(
            federation
                .record(number % owners, number)?
                .to_canonical_bytes(),
        );
    }
    ledger.block(&prepared)?;
    let measured = federation.posts(indexes, 0..posts)?;
    let measured: Vec<_> = measured
        .iter()
        .map(|post| post.to_canonical_bytes())
        .collect();
    let mut bare = Bare {
        transaction_bytes: measured.first().map_or(0, Vec::len),
        transactions: measured.len(),
        verify: Duration::ZERO,
        apply: Duration::ZERO,
        tree: Duration::ZERO,
    };
    for block in measured.chunks(BLOCK) {
        let [verify, apply, tree] = ledger.block(block)?;
        bare.verify += verify;
        bare.apply += apply;
        bare.tree += tree;
    }
    Ok(bare)
}

/// A ledger without consensus, in memory.
pub struct Ledger<'a> {
    federation: &'a Federation,
    state: MemoryState,
    tree: MemoryTree,
    version: TreeVersion,
    last: BlockContext,
}

impl<'a> Ledger<'a> {
    /// Before its first block.
    pub fn genesis(federation: &'a Federation) -> Result<Self, Failure> {
        let initial = federation.genesis.initial_state();
        let (mut state, mut tree) = (MemoryState::new(), MemoryTree::default());
        state.commit(&initial);
        tree.commit(&genesis_tree(&tree, initial.writes())?);
        let last = BlockContext {
            height: Height::new(0),
            time: federation.genesis.genesis().created,
        };
        Ok(Self {
            federation,
            state,
            tree,
            version: TreeVersion::GENESIS,
            last,
        })
    }

    /// Reads and verifies, applies, and updates the tree; how long each took. Every transaction must be valid.
    pub fn block(&mut self, transactions: &[Vec<u8>]) -> Result<[Duration; 3], Failure> {
        let begun = Instant::now();
        let verified = self.verify(transactions)?;
        let verify = begun.elapsed();
        let begun = Instant::now();
        let writes = self.apply(&verified)?;
        let apply = begun.elapsed();
        let begun = Instant::now();
        self.update(&writes)?;
        Ok([verify, apply, begun.elapsed()])
    }

    /// What the contracts know.
    pub const fn state(&self) -> &MemoryState {
        &self.state
    }

    /// Reads and verifies a block's transactions on so many threads, as a validator does before it votes; every one must be valid.
    pub fn verify_on(&self, threads: usize, transactions: &[Vec<u8>]) -> Result<(), Failure> {
        let share = transactions.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            let shares = transactions.chunks(share);
            let workers: Vec<_> = shares
                .map(|share| scope.spawn(|| self.verify(share)))
                .collect();
            for worker in workers {
                let verified = worker.join();
                let verified = verified.map_err(|_| Failure::new("a verifier panicked"))??;
                if verified.iter().any(|one| one.proofs_hold() != Some(true)) {
                    return Err(Failure::new("a proof does not hold"));
                }
            }
            Ok(())
        })
    }

    fn verify(&self, transactions: &[Vec<u8>]) -> Result<Vec<VerifiedTransaction>, Failure> {
        let federation = self.federation.genesis.federation();
        let verify = |bytes: &Vec<u8>| {
            let read = SignedTransaction::from_bytes(bytes)?;
            let mut verified = read.verify(&federation)?;
            verified.verify_proofs(&self.state);
            Ok::<_, Failure>(verified)
        };
        transactions.iter().map(verify).collect()
    }

    fn apply(&mut self, transactions: &[VerifiedTransaction]) -> Result<Writes, Failure> {
        self.last = BlockContext {
            height: self.last.height.plus(1),
            time: BlockTime::new(self.last.time.value() + 1),
        };
        let executed = execute_block(&self.state, self.last, transactions)?;
        self.state.write(&executed.writes);
        Ok(executed.writes)
    }

    fn update(&mut self, writes: &Writes) -> Result<(), Failure> {
        if let Some(update) = update_tree(&self.tree, self.version, writes)? {
            self.tree.commit(&update);
            self.version = update.version;
        }
        Ok(())
    }
}

/// Strict Ed25519 verifications in a second, single-threaded, of messages of `bytes`.
pub fn ed25519(bytes: usize, repeats: usize) -> Result<f64, Failure> {
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = key.verifying_key();
    let message = vec![7; bytes];
    let signature = key.sign(PURPOSE, &[], &message);
    let begun = Instant::now();
    for _ in 0..repeats {
        black_box(public.verify(PURPOSE, &[], black_box(&message), &signature))?;
    }
    Ok(repeats as f64 / begun.elapsed().as_secs_f64())
}

/// RocksDB's synced batches.
pub struct Synced {
    /// Bytes of one.
    pub bytes: usize,
    /// In a second, one after the other.
    pub rate: f64,
}

/// Synced batches of `bytes` each, written one after the other by one thread to a store in `folder`.
pub fn synced_batches(folder: &Path, bytes: usize, repeats: usize) -> Result<Synced, Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let mut options = Options::default();
    options.create_if_missing(true);
    let db = DB::open(&options, folder)?;
    let mut synced = WriteOptions::default();
    synced.set_sync(true);
    let value = vec![7; bytes];
    let begun = Instant::now();
    for number in 0..repeats {
        db.put_opt(number.to_be_bytes(), &value, &synced)?;
    }
    let rate = repeats as f64 / begun.elapsed().as_secs_f64();
    drop(db);
    fs::remove_dir_all(folder)?;
    Ok(Synced { bytes, rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bare_work_is_done_on_valid_transactions() {
        let federation = Federation::draft(2).unwrap();
        let mut indexes = Indexes::default();
        indexes.grow_to(3);
        let bare = bare(&federation, &indexes, 3).unwrap();
        assert_eq!(bare.transactions, 3);
        assert!(
            bare.transaction_bytes > 33 * 48,
            "an index of n = 16 has 33 points of 48 bytes"
        );
        assert!(bare.verify > Duration::ZERO && bare.rate() > 0.0);
    }
}
