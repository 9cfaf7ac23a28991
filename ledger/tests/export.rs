//! A ledger in one file: read back, checked, and every kind of damage and forgery refused.

use crate::common::chain::Chain;
use crate::common::{Plan, first_epoch, record};
use consilium_contracts::{BlockTime, FederationId, Height};
use consilium_ledger::*;

/// A ledger of four validators with some records.
struct Ledger {
    chain: Chain,
    entries: Vec<ExportEntry>,
}

impl Ledger {
    fn new() -> Self {
        Self::of(4, [&[], &[0, 1], &[], &[2]])
    }

    /// Of one validator: for tests that read it a thousand times.
    fn small() -> Self {
        Self::of(1, [&[], &[0], &[], &[]])
    }

    /// Four blocks: the first with epoch 1, each with records of these hospitals.
    fn of(validators: usize, owners: [&[usize]; 4]) -> Self {
        let mut chain = Chain::new(&Plan::of(validators, validators));
        let federation = chain.genesis.federation();
        let (mut entries, mut number) = (Vec::new(), 0);
        for (place, owners) in owners.into_iter().enumerate() {
            let epoch = (place == 0).then(|| first_epoch(federation));
            let records = owners.iter().map(|owner| {
                number += 1;
                record(federation, *owner, number)
            });
            entries.push(chain.next(epoch.into_iter().chain(records).collect()));
        }
        Self { chain, entries }
    }

    fn federation(&self) -> FederationId {
        self.chain.genesis.federation()
    }

    /// The file that holds entries from `from` to `to`.
    fn file(&self, from: u64, to: u64) -> Vec<u8> {
        let held = &self.entries[from as usize - 1..to as usize];
        self.file_of(from, held)
    }

    fn file_of(&self, from: u64, entries: &[ExportEntry]) -> Vec<u8> {
        let to = from + entries.len() as u64 - 1;
        let range = ExportRange::new(Height::new(from), Height::new(to)).unwrap();
        let mut bytes = export_head(&self.chain.genesis, range, &Handovers::default());
        for ExportEntry { block, certificate } in entries {
            bytes.extend(export_entry(block, certificate));
        }
        bytes
    }

    fn read(&self, bytes: &[u8]) -> Result<Vec<ExportEntry>, ExportError> {
        LedgerExport::open(bytes, &self.federation())?.collect()
    }

    /// The ledger with block `height` changed as a liar would, certified by these validators.
    fn forged(&self, height: u64, change: impl Fn(&mut Header), voters: usize) -> ExportError {
        let mut entries = self.entries.clone();
        let entry = &mut entries[height as usize - 1];
        let mut header = *entry.block.header();
        change(&mut header);
        // A header has 176 bytes, after the version.
        let mut bytes = entry.block.to_bytes();
        bytes[1..177].copy_from_slice(&borsh::to_vec(&header).unwrap());
        entry.block = Block::from_bytes(&bytes, MAX_BLOCK_BYTES).unwrap();
        entry.certificate = self.chain.certify(&header, 0..voters);
        self.read(&self.file_of(1, &entries)).unwrap_err()
    }
}

#[test]
fn an_export_reads_back_whole_or_from_the_middle() {
    let ledger = Ledger::new();
    assert_eq!(ledger.read(&ledger.file(1, 4)).unwrap(), ledger.entries);
    assert_eq!(
        ledger.read(&ledger.file(2, 3)).unwrap(),
        ledger.entries[1..3]
    );
    let file = ledger.file(3, 4);
    let export = LedgerExport::open(file.as_slice(), &ledger.federation()).unwrap();
    assert_eq!(*export.genesis(), ledger.chain.genesis);
    let range = export.range();
    assert_eq!(
        (range.from().value(), range.to().value(), range.blocks()),
        (3, 4, 2)
    );
}

#[test]
fn a_file_that_is_cut_off_or_goes_on_is_refused() {
    let ledger = Ledger::small();
    let file = ledger.file(1, 4);
    for end in 0..file.len() {
        let refused = ledger.read(&file[..end]).unwrap_err();
        assert!(
            matches!(refused, ExportError::Truncated(_) | ExportError::Label),
            "cut at {end}: {refused}"
        );
    }
    for more in [
        &[0][..],
        &export_entry(&ledger.entries[3].block, &ledger.entries[3].certificate),
    ] {
        let refused = ledger.read(&[&file, more].concat()).unwrap_err();
        assert!(matches!(refused, ExportError::Trailing(height) if height.value() == 4));
    }
    // After an error nothing more comes.
    let mut export = LedgerExport::open(&file[..file.len() - 1], &ledger.federation()).unwrap();
    assert_eq!(export.by_ref().filter(Result::is_ok).count(), 3);
    assert!(export.next().is_none());
}

#[test]
fn every_changed_byte_is_noticed() {
    let ledger = Ledger::small();
    let file = ledger.file(2, 3);
    for place in 0..file.len() {
        let mut changed = file.clone();
        changed[place] ^= 1;
        assert!(ledger.read(&changed).is_err(), "byte {place}");
    }
}

#[test]
fn another_federations_export_and_a_claimed_length_are_refused() {
    let ledger = Ledger::new();
    let mut file = ledger.file(1, 4);
    let other = FederationId::from_bytes([1; 32]);
    let refused = LedgerExport::open(file.as_slice(), &other)
        .map(drop)
        .unwrap_err();
    assert!(matches!(refused, ExportError::OtherFederation { .. }));
    // The length of the genesis stands after the label.
    file[26..30].copy_from_slice(&u32::MAX.to_le_bytes());
    let refused = ledger.read(&file).unwrap_err();
    assert!(matches!(refused, ExportError::TooLong { .. }), "{refused}");
    assert!(matches!(ledger.read(b"").unwrap_err(), ExportError::Label));
    for (from, to) in [(0, 3), (3, 2)] {
        assert_eq!(ExportRange::new(Height::new(from), Height::new(to)), None);
    }
}

#[test]
fn blocks_that_do_not_follow_or_are_not_certified_are_refused() {
    let ledger = Ledger::new();
    let chain_error = |refused: ExportError, at: u64| match refused {
        ExportError::Chain { height, error } if height.value() == at => error,
        other => panic!("{other}"),
    };
    // All validators sign a header that does not follow: no export has it.
    let time = ledger.forged(3, |header| header.time = BlockTime::new(1), 4);
    assert!(matches!(chain_error(time, 3), ChainError::Time { .. }));
    let stranger = ValidatorAddress::from_bytes([7; 32]);
    let proposer = ledger.forged(2, |header| header.proposer = stranger, 4);
    assert!(matches!(chain_error(proposer, 2), ChainError::Proposer(_)));
    // The state that the first block builds on is that of genesis.
    let state = StateRoot::from_bytes([1; 32]);
    let refused = ledger.forged(1, |header| header.state = state, 4);
    assert!(matches!(chain_error(refused, 1), ChainError::State { .. }));
    // Later ones are vouched for; the next block then names another parent.
    let refused = ledger.forged(2, |header| header.state = state, 4);
    assert!(matches!(
        chain_error(refused, 3),
        ChainError::Previous { .. }
    ));
    let refused = ledger.forged(2, |_| {}, 2);
    assert!(matches!(
        chain_error(refused, 2),
        ChainError::Certificate(CertificateError::NoQuorum {
            signed: 2,
            total: 4
        })
    ));

    let entries = &ledger.entries;
    let left_out = [entries[0].clone(), entries[2].clone()];
    let refused = ledger.read(&ledger.file_of(1, &left_out)).unwrap_err();
    assert!(matches!(chain_error(refused, 2), ChainError::Height { .. }));
    let mut exchanged = entries.clone();
    exchanged[2].certificate = entries[1].certificate.clone();
    let refused = ledger.read(&ledger.file_of(1, &exchanged)).unwrap_err();
    assert!(matches!(
        chain_error(refused, 3),
        ChainError::OtherBlock { .. }
    ));
    let refused = ledger.read(&ledger.file_of(3, &entries[1..])).unwrap_err();
    assert!(matches!(chain_error(refused, 3), ChainError::Height { .. }));
}

#[test]
fn blocks_of_another_ledger_with_the_same_validators_are_refused() {
    let ledger = Ledger::new();
    let plan = Plan {
        created: BlockTime::new(1_000_001),
        ..Plan::of(4, 4)
    };
    let mut other = Chain::new(&plan);
    let federation = other.genesis.federation();
    let entry = other.next(vec![first_epoch(federation)]);
    let refused = ledger.read(&ledger.file_of(1, &[entry])).unwrap_err();
    assert!(
        matches!(
            refused,
            ExportError::Chain {
                error: ChainError::Federation { .. },
                ..
            }
        ),
        "{refused}"
    );
}
