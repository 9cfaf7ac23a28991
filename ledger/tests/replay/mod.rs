//! An auditor's replay: it accepts an honest ledger, and names the block of every lie, even of one that all validators signed.

mod honest;
mod lies;
mod lookahead;
mod tampered;

use consilium_contracts::*;
use consilium_ledger::*;

use crate::contracts::common::{genesis, key};
use honest::{Ledger, Plain, ledger};

const THREADS: usize = 2;

/// Replays these blocks.
fn replayed(ledger: &Ledger, entries: &[ExportEntry]) -> Result<Replay, ReplayError> {
    let mut replay = Replay::new(&ledger.genesis, THREADS);
    for ExportEntry { block, certificate } in entries {
        replay.apply(block, certificate)?;
    }
    Ok(replay)
}

/// Replays a file. Verifying ahead changes nothing of what comes of it, nor of why it is refused.
fn read(ledger: &Ledger, file: &[u8]) -> Result<Replay, ExportError> {
    let open = || ExportReader::open(file, &ledger.genesis.federation());
    let ahead = open()?.replay(THREADS, |_| ());
    let one_by_one = read_one_by_one(open()?);
    match (&ahead, &one_by_one) {
        (Ok(ahead), Ok(one_by_one)) => assert!(is_same(ahead, one_by_one)),
        (Err(ahead), Err(one_by_one)) => {
            assert_eq!(format!("{ahead:?}"), format!("{one_by_one:?}"));
        }
        (ahead, one_by_one) => panic!(
            "{:?}, {:?}",
            ahead.as_ref().err(),
            one_by_one.as_ref().err()
        ),
    }
    ahead
}

/// Reads a block, applies it, reads the next.
fn read_one_by_one(mut reader: ExportReader<&[u8]>) -> Result<Replay, ExportError> {
    let mut replay = Replay::new(reader.genesis(), 1);
    while let Some(ExportEntry { block, certificate }) = reader.read()? {
        let height = replay.next_height();
        if !reader.trust().leads_to(replay.schedule(), height) {
            return Err(ExportError::OtherHandovers(height));
        }
        replay.apply(&block, &certificate)?;
    }
    Ok(replay)
}

/// Whether they are at the same block with the same state, and checked the same.
fn is_same(one: &Replay, other: &Replay) -> bool {
    let checked = (one.checked(), one.state()) == (other.checked(), other.state());
    checked && one.parent() == other.parent()
}

/// The file is refused, and the error names this block and says these words.
#[track_caller]
fn refused_file(what: &str, file: &[u8], height: u64, words: &str) {
    let said = read(ledger(), file).map(drop).expect_err(what).to_string();
    let place = format!("block {height}");
    assert!(
        said.contains(&place) && said.contains(words),
        "{what}, expected at {height} ({words}): {said}"
    );
}

/// The blocks are refused at this one, as blocks and in a file.
#[track_caller]
fn refused(what: &str, entries: &[ExportEntry], height: u64, words: &str) -> ReplayFault {
    let error = replayed(ledger(), entries).map(drop).expect_err(what);
    assert_eq!(error.height.value(), height, "{what}: {error}");
    assert!(error.to_string().contains(words), "{what}: {error}");
    refused_file(what, &ledger().file(entries), height, words);
    error.fault
}

#[test]
fn an_honest_ledger_is_accepted_and_everything_in_it_is_counted() {
    let ledger = ledger();
    let mut replay = Replay::new(&ledger.genesis, THREADS);
    for (entry, events) in ledger.entries.iter().zip(&ledger.events) {
        let did = replay.apply(&entry.block, &entry.certificate).unwrap();
        assert_eq!(did, *events);
    }
    let checked = replay.checked();
    let (blocks, blocks_of) = (ledger.last(), |entry: &ExportEntry| {
        (
            entry.block.transactions().len() as u64,
            entry.certificate.signatures().len() as u64,
        )
    });
    let (transactions, votes) = ledger
        .entries
        .iter()
        .map(blocks_of)
        .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    assert_eq!((checked.blocks, checked.state_roots), (blocks, blocks));
    assert_eq!((checked.transactions, checked.votes), (transactions, votes));
    assert_eq!(checked.actions.values().sum::<u64>(), transactions);
    assert_eq!(checked.actions["post-match"], 2);
    assert_eq!((checked.assignments, checked.validator_changes), (1, 2));
    let proofs: Vec<_> = checked.proofs.iter().map(|(kind, n)| (*kind, *n)).collect();
    assert_eq!(
        proofs,
        [
            (ProofKind::Posting, 3),
            (ProofKind::Interests, 2),
            (ProofKind::Match, 2),
            (ProofKind::Decryption, 1),
            (ProofKind::MatchingKeys, 1),
            (ProofKind::Possession, 1),
            (ProofKind::Consent, 1),
        ]
    );
    assert!(checked.events > transactions);

    // The same from a file, on one thread or many, and every block is heard of.
    let file = ledger.file(&ledger.entries);
    for threads in [1, 64] {
        let mut heard = Vec::new();
        let reader = ExportReader::open(file.as_slice(), &ledger.genesis.federation()).unwrap();
        let again = reader
            .replay(threads, |height| heard.push(height.value()))
            .unwrap();
        assert_eq!(again.parent(), replay.parent());
        assert_eq!(
            (again.checked(), again.state()),
            (replay.checked(), replay.state())
        );
        assert_eq!(heard, (1..=blocks).collect::<Vec<_>>());
    }
}

#[test]
fn after_a_refused_block_nothing_is_changed_and_the_right_one_is_taken() {
    let ledger = ledger();
    let height = ledger.at.matches;
    let mut replay = replayed(ledger, &ledger.entries[..height as usize - 1]).unwrap();
    let before = replay.clone();
    let mut plain = Plain::of(&ledger.entry(height).block);
    plain.transactions.swap(0, 1);
    plain.transactions.push(plain.transactions[0].clone());
    let lie = ledger.certified(plain.block());
    replay.apply(&lie.block, &lie.certificate).unwrap_err();
    assert_eq!(
        (replay.state(), replay.parent()),
        (before.state(), before.parent())
    );
    assert_eq!(replay.checked(), before.checked());
    let right = ledger.entry(height);
    replay.apply(&right.block, &right.certificate).unwrap();
}

#[test]
fn a_part_of_a_ledger_is_not_replayed_and_says_why() {
    let ledger = ledger();
    let range = ExportRange::new(Height::new(2), Height::new(3)).unwrap();
    let handovers = Handovers::new(ledger.handovers.clone());
    let mut file = export_head(&ledger.genesis, range, &handovers);
    for ExportEntry { block, certificate } in &ledger.entries[1..3] {
        file.extend(export_entry(block, certificate));
    }
    let part = ExportReader::open(file.as_slice(), &ledger.genesis.federation()).unwrap();
    let refused = part.replay(THREADS, |_| ()).unwrap_err();
    assert!(matches!(refused, ExportError::LaterThanGenesis(from) if from.value() == 2));
    assert!(refused.to_string().contains("block 1"), "{refused}");
    // What goes without applying them is checked still.
    let chain = LedgerExport::open(file.as_slice(), &ledger.genesis.federation()).unwrap();
    assert_eq!(chain.map(Result::unwrap).count(), 2);
}

#[test]
fn another_federations_genesis_refuses_the_first_block() {
    let ledger = ledger();
    let other = Genesis {
        created: BlockTime::new(2),
        ..genesis()
    };
    let other = other.sign(&key("kgc")).verify().unwrap();
    let file = ledger.file(&ledger.entries);
    let refused = ExportReader::open(file.as_slice(), &other.federation()).map(drop);
    assert!(matches!(refused, Err(ExportError::OtherFederation { .. })));
    let ExportEntry { block, certificate } = ledger.entry(1);
    let refused = Replay::new(&other, THREADS).apply(block, certificate);
    let refused = refused.unwrap_err();
    assert_eq!(refused.height, Height::new(1));
    assert!(matches!(
        refused.fault,
        ReplayFault::Chain(ChainError::Federation { .. })
    ));
}
