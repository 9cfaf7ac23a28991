//! A ledger in one file, its replay, and the check of its blocks as far as that goes without applying them.
//!
//! | bytes | what |
//! |---|---|
//! | 26 | `CONSILIUM-V1-LEDGER-EXPORT` |
//! | frame | the signed genesis, canonically encoded |
//! | 8, 8 | the first and the last height, little-endian |
//! | | the changes of the validators since genesis: [`Handovers`] |
//! | for each block, two frames | block, commit certificate, canonically encoded |
//!
//! A frame is a length (`u32`, little-endian) and so many bytes. Nothing follows. [`ExportReader::replay`](crate::ExportReader::replay) checks everything; it needs
//! the blocks from the first on. [`LedgerExport`](crate::LedgerExport) takes a part of a ledger. What it checks: the genesis, every block's encoding and
//! transaction root, that each header follows the one before (federation, height, hash, time, proposer), the state that the first
//! block builds on, and every certificate. What it does not: the transactions' signatures and effects, and hence the state roots,
//! which a quorum of validators vouches for.

use std::io::{self, Read};

use consilium_contracts::{
    Canonical as _, DecodeError, FederationId, GenesisError, Height, VerifiedGenesis,
};

use crate::block::{Block, BlockError, MAX_BLOCK_BYTES};
use crate::certificate::CommitCertificate;
use crate::chain::ChainError;
use crate::handover::{HandoverError, Handovers};
use crate::replay::ReplayError;

/// What a file begins with.
pub(crate) const LABEL: &[u8; 26] = b"CONSILIUM-V1-LEDGER-EXPORT";
/// No certificate is longer: 128 signatures of 96 bytes, and what they are for.
const MAX_CERTIFICATE_BYTES: usize = 16 << 10;

/// The heights that a file holds: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportRange {
    from: Height,
    to: Height,
}

impl ExportRange {
    /// From `from` (at least 1) to `to`, both included.
    pub fn new(from: Height, to: Height) -> Option<Self> {
        (from.value() > 0 && from <= to).then_some(Self { from, to })
    }

    /// The first height.
    pub const fn from(&self) -> Height {
        self.from
    }

    /// The last height.
    pub const fn to(&self) -> Height {
        self.to
    }

    /// How many blocks that are.
    pub const fn blocks(&self) -> u64 {
        (self.to.value() - self.from.value()).saturating_add(1)
    }
}

/// Why a file is not the export of a ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It cannot be read.
    #[error("the export cannot be read: {0}")]
    Source(#[source] io::Error),
    /// Something else, or of another version.
    #[error("this is not the export of a ledger, or of another version than 1")]
    Label,
    /// It ends too early.
    #[error("the export is cut off {0}")]
    Truncated(ExportPlace),
    /// A length that nothing has.
    #[error("the export has a piece of {found} bytes {place}, at most {limit} are allowed")]
    TooLong {
        /// Where.
        place: ExportPlace,
        /// The length that it claims.
        found: usize,
        /// The most that is read.
        limit: usize,
    },
    /// The genesis breaks a rule.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// Another federation's.
    #[error("this is the ledger of federation {found}; expected {expected}")]
    OtherFederation {
        /// What was found.
        found: FederationId,
        /// What was expected.
        expected: FederationId,
    },
    /// Heights that no export has.
    #[error("the export claims to hold blocks {from} to {to}")]
    Range {
        /// The first.
        from: Height,
        /// The last.
        to: Height,
    },
    /// Changes of the validators that cannot be read.
    #[error("the export's changes of the validators cannot be read: {0}")]
    Handovers(#[source] io::Error),
    /// A change of the validators that is not certified.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// A block that cannot be read.
    #[error("block {height}: {error}")]
    Block {
        /// Which.
        height: Height,
        /// Why.
        error: BlockError,
    },
    /// A certificate that cannot be read.
    #[error("the certificate of block {height}: {error}")]
    Certificate {
        /// Of which block.
        height: Height,
        /// Why.
        error: DecodeError,
    },
    /// A block that does not follow the one before, or is not committed.
    #[error("block {height}: {error}")]
    Chain {
        /// Which.
        height: Height,
        /// Why.
        error: ChainError,
    },
    /// Something after the last block.
    #[error("the export goes on after its last block {0}")]
    Trailing(Height),
    /// A replay begins with genesis.
    #[error(
        "the export begins with block {0}; only one that begins with block 1 can be replayed: an archive node has every block"
    )]
    LaterThanGenesis(Height),
    /// A block that the replay does not accept.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Handovers that lead to other validators than the replayed state.
    #[error(
        "block {0}: the export's changes of the validators lead to others than the replayed state names for this height"
    )]
    OtherHandovers(Height),
}

/// Where in an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportPlace {
    /// Before the blocks.
    Head,
    /// In a block or its certificate.
    At(Height),
}

impl std::fmt::Display for ExportPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Head => f.write_str("before its first block"),
            Self::At(height) => write!(f, "in block {height}"),
        }
    }
}

/// What a file begins with: label, genesis, heights, handovers.
pub fn export_head(
    genesis: &VerifiedGenesis,
    range: ExportRange,
    handovers: &Handovers,
) -> Vec<u8> {
    let mut bytes = LABEL.to_vec();
    frame(&mut bytes, &genesis.signed().to_canonical_bytes());
    bytes.extend(range.from.value().to_le_bytes());
    bytes.extend(range.to.value().to_le_bytes());
    bytes.extend(handovers.to_bytes());
    bytes
}

/// A block and its certificate, as they follow.
pub fn export_entry(block: &Block, certificate: &CommitCertificate) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame(&mut bytes, &block.to_bytes());
    frame(&mut bytes, &certificate.to_bytes());
    bytes
}

fn frame(bytes: &mut Vec<u8>, content: &[u8]) {
    let length = u32::try_from(content.len()).expect("blocks and genesis are far below 4 GiB");
    bytes.extend(length.to_le_bytes());
    bytes.extend(content);
}

/// A block of an export with the certificate that stands beside it; checked by a [`ChainCheck`](crate::ChainCheck).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportEntry {
    /// The block.
    pub block: Block,
    /// The certificate.
    pub certificate: CommitCertificate,
}

/// Entries one after another, read and not checked.
pub struct ExportEntries<R> {
    source: R,
    next: Height,
}

impl<R: Read> ExportEntries<R> {
    /// Reads entries from `source`, the first of which is block `first`.
    pub const fn new(source: R, first: Height) -> Self {
        Self {
            source,
            next: first,
        }
    }

    /// The height of the next entry.
    pub(crate) const fn next_height(&self) -> Height {
        self.next
    }

    /// Whether nothing follows; what does is lost.
    pub(crate) fn is_at_end(&mut self) -> Result<bool, ExportError> {
        Ok(fill(&mut self.source, &mut [0])? == 0)
    }

    /// The next entry, or `None` where the source ends between two.
    ///
    /// # Errors
    /// [`ExportError::Source`], `Truncated`, `TooLong`, `Block`, `Certificate`.
    pub fn read(&mut self) -> Result<Option<ExportEntry>, ExportError> {
        let height = self.next;
        let place = ExportPlace::At(height);
        let Some(length) = read_length(&mut self.source, place)? else {
            return Ok(None);
        };
        let block = read_frame(&mut self.source, length, MAX_BLOCK_BYTES, place)?;
        let block = Block::from_bytes(&block, MAX_BLOCK_BYTES)
            .map_err(|error| ExportError::Block { height, error })?;
        let length = read_length(&mut self.source, place)?.ok_or(ExportError::Truncated(place))?;
        let certificate = read_frame(&mut self.source, length, MAX_CERTIFICATE_BYTES, place)?;
        let certificate = CommitCertificate::from_bytes(&certificate)
            .map_err(|error| ExportError::Certificate { height, error })?;
        self.next = height.plus(1);
        Ok(Some(ExportEntry { block, certificate }))
    }
}

/// Reads up to `buffer.len()` bytes; how many there were before the source ended.
pub(crate) fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<usize, ExportError> {
    let length = buffer.len() as u64;
    let mut cursor = io::Cursor::new(buffer);
    let read = io::copy(&mut source.take(length), &mut cursor).map_err(ExportError::Source)?;
    Ok(usize::try_from(read).unwrap_or(usize::MAX))
}

/// The length of a frame, or `None` where the source has ended.
pub(crate) fn read_length(
    source: &mut impl Read,
    place: ExportPlace,
) -> Result<Option<usize>, ExportError> {
    let mut bytes = [0; 4];
    match fill(source, &mut bytes)? {
        0 => Ok(None),
        4 => Ok(Some(u32::from_le_bytes(bytes) as usize)),
        _ => Err(ExportError::Truncated(place)),
    }
}

/// The content of a frame; memory grows with what is there, not with what is claimed.
pub(crate) fn read_frame(
    source: &mut impl Read,
    found: usize,
    limit: usize,
    place: ExportPlace,
) -> Result<Vec<u8>, ExportError> {
    if found > limit {
        return Err(ExportError::TooLong {
            place,
            found,
            limit,
        });
    }
    let mut content = Vec::new();
    let read = source.take(found as u64).read_to_end(&mut content);
    match read.map_err(ExportError::Source)? {
        read if read == found => Ok(content),
        _ => Err(ExportError::Truncated(place)),
    }
}
