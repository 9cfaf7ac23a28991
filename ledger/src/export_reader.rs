//! Reading a whole export: replayed, or checked as far as that goes without applying its blocks.

use std::io::{self, Read};
use std::iter;

use consilium_contracts::{
    FederationId, Height, MAX_GENESIS_BYTES, SignedGenesis, VerifiedGenesis,
};

use crate::check::ChainCheck;
use crate::export::{
    ExportEntries, ExportEntry, ExportError, ExportPlace, ExportRange, LABEL, fill, read_frame,
    read_length,
};
use crate::handover::{Handovers, Trust};
use crate::lookahead::Lookahead;
use crate::replay::Replay;

/// An export whose head was read and checked; its entries come one after another, and whether they are a ledger is not checked.
pub struct ExportReader<R> {
    genesis: VerifiedGenesis,
    range: ExportRange,
    trust: Trust,
    entries: ExportEntries<R>,
}

impl<R: Read> ExportReader<R> {
    /// Reads what comes before the blocks, and checks that it is of the ledger of `federation`.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn open(mut source: R, federation: &FederationId) -> Result<Self, ExportError> {
        let mut label = [0; LABEL.len()];
        if fill(&mut source, &mut label)? != label.len() || label != *LABEL {
            return Err(ExportError::Label);
        }
        let cut = ExportError::Truncated(ExportPlace::Head);
        let length = read_length(&mut source, ExportPlace::Head)?.ok_or(cut)?;
        let genesis = read_frame(&mut source, length, MAX_GENESIS_BYTES, ExportPlace::Head)?;
        let genesis = SignedGenesis::from_bytes(&genesis)?.verify()?;
        if genesis.federation() != *federation {
            let (found, expected) = (genesis.federation(), *federation);
            return Err(ExportError::OtherFederation { found, expected });
        }
        let (from, to) = (read_height(&mut source)?, read_height(&mut source)?);
        let range = ExportRange::new(from, to).ok_or(ExportError::Range { from, to })?;
        let handovers = Handovers::read(&mut source).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ExportError::Truncated(ExportPlace::Head),
            _ => ExportError::Handovers(error),
        })?;
        let mut trust = Trust::genesis(&genesis);
        trust.follow_all(handovers.iter())?;
        Ok(Self {
            entries: ExportEntries::new(source, from),
            genesis,
            range,
            trust,
        })
    }

    /// The genesis.
    pub const fn genesis(&self) -> &VerifiedGenesis {
        &self.genesis
    }

    /// Which blocks the file says that it holds.
    pub const fn range(&self) -> ExportRange {
        self.range
    }

    /// Who certifies the block of a height, as far as the file's handovers say.
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The next entry; `None` after the last, where the file must end.
    ///
    /// # Errors
    /// As [`ExportEntries::read`], [`ExportError::Trailing`].
    pub fn read(&mut self) -> Result<Option<ExportEntry>, ExportError> {
        let (height, last) = (self.entries.next_height(), self.range.to());
        if height > last {
            return match self.entries.is_at_end()? {
                true => Ok(None),
                false => Err(ExportError::Trailing(last)),
            };
        }
        let cut = ExportError::Truncated(ExportPlace::At(height));
        Ok(Some(self.entries.read()?.ok_or(cut)?))
    }

    /// Replays the ledger on up to `threads` threads; `done` hears of each block. Costs memory as [`Replay`] says.
    ///
    /// # Errors
    /// [`ExportError::LaterThanGenesis`]; what [`ExportReader::read`] says, [`ExportError::Replay`], [`ExportError::OtherHandovers`].
    pub fn replay(
        mut self,
        threads: usize,
        mut done: impl FnMut(Height),
    ) -> Result<Replay, ExportError> {
        let from = self.range.from();
        if from > Height::new(1) {
            return Err(ExportError::LaterThanGenesis(from));
        }
        let mut replay = Replay::new(&self.genesis, threads);
        let trust = self.trust.clone();
        let mut entries = Lookahead::new(iter::from_fn(|| self.read().transpose()));
        while let Some(next) = entries.next(&replay)? {
            let height = replay.next_height();
            if !trust.leads_to(replay.schedule(), height) {
                return Err(ExportError::OtherHandovers(height));
            }
            replay.apply_prepared(next)?;
            done(height);
        }
        Ok(replay)
    }
}

/// Reads a whole export and checks it block by block as far as that goes without applying them. After an error, or after the last block,
/// it ends.
pub struct LedgerExport<R> {
    reader: ExportReader<R>,
    check: ChainCheck,
    over: bool,
}

impl<R: Read> From<ExportReader<R>> for LedgerExport<R> {
    fn from(reader: ExportReader<R>) -> Self {
        let ExportReader {
            genesis,
            range,
            trust,
            ..
        } = &reader;
        Self {
            check: ChainCheck::new(genesis, trust.clone(), range.from()),
            reader,
            over: false,
        }
    }
}

impl<R: Read> LedgerExport<R> {
    /// Reads what comes before the blocks, and checks that it is the ledger of `federation`.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn open(source: R, federation: &FederationId) -> Result<Self, ExportError> {
        Ok(ExportReader::open(source, federation)?.into())
    }

    /// The genesis.
    pub const fn genesis(&self) -> &VerifiedGenesis {
        &self.reader.genesis
    }

    /// Which blocks the file says that it holds.
    pub const fn range(&self) -> ExportRange {
        self.reader.range
    }

    fn advance(&mut self) -> Result<Option<ExportEntry>, ExportError> {
        let height = self.reader.entries.next_height();
        let Some(entry) = self.reader.read()? else {
            return Ok(None);
        };
        self.check
            .check(&entry.block, &entry.certificate)
            .map_err(|error| ExportError::Chain { height, error })?;
        Ok(Some(entry))
    }
}

fn read_height(source: &mut impl Read) -> Result<Height, ExportError> {
    Ok(Height::new(u64::from_le_bytes(read_array(source)?)))
}

fn read_array<const N: usize>(source: &mut impl Read) -> Result<[u8; N], ExportError> {
    let mut bytes = [0; N];
    match fill(source, &mut bytes)? {
        read if read == N => Ok(bytes),
        _ => Err(ExportError::Truncated(ExportPlace::Head)),
    }
}

impl<R: Read> Iterator for LedgerExport<R> {
    type Item = Result<ExportEntry, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.advance();
        self.over = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}
