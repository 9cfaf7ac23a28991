//! Snapshots: the state after one block, down to a certificate.
//!
//! Header h+1 names the root of the state after block h, and its certificate is a quorum's word for it. So a snapshot of h
//! begins with that header and that certificate; whoever reads it checks them first, and the state's pairs, which follow in
//! key order, against the root. The headers before h come too: whose turn it is to propose follows from them, and they are
//! checked by their hashes.

use std::io::{Read, Result as IoResult};

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{Canonical, DecodeError, FederationId, Height, Key, MAX_VALIDATORS};

use crate::block::{Header, Parent};
use crate::certificate::CommitCertificate;
use crate::chain::{ChainError, CommittedHeader};
use crate::codec::{bounded_vec, malformed};
use crate::hash::BlockHash;
use crate::proof::bounded;
use crate::validators::ValidatorSet;

/// The first bytes of a snapshot.
pub const SNAPSHOT_MAGIC: &[u8] = b"CONSILIUM-V1-LEDGER-SNAPSHOT\n";
/// The headers that a snapshot carries, or all there are: four rotations of the largest set of validators, which is as far
/// back as turns ever look.
pub const SNAPSHOT_HEADERS: u64 = 4 * MAX_VALIDATORS as u64;

/// What leads a snapshot, unverified.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
pub struct SnapshotHead {
    /// Header h+1: it names the state after h.
    header: Header,
    /// The quorum for it.
    certificate: CommitCertificate,
    /// Headers h, h-1, ...
    before: Vec<Header>,
    /// How many changes of the validators follow, each in a frame.
    handovers: u32,
}

/// Why a snapshot is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Not the encoding.
    #[error("the snapshot cannot be read: {0}")]
    Encoding(#[from] DecodeError),
    /// The header that names the state is not certified.
    #[error("the snapshot's header is not certified: {0}")]
    Header(#[from] ChainError),
    /// It is of genesis, which everybody has.
    #[error("the snapshot is of genesis")]
    Genesis,
    /// The wrong number of headers.
    #[error("the snapshot carries {found} headers before its own, {expected} are needed")]
    Headers {
        /// How many it carries.
        found: u64,
        /// How many there must be.
        expected: u64,
    },
    /// A header that the one after it does not name.
    #[error("the snapshot's header of block {height} is not the one that the next block names")]
    Chain {
        /// The block.
        height: Height,
    },
    /// A key that does not follow the one before it.
    #[error("the snapshot's keys are not strictly increasing: {key} is out of order")]
    Order {
        /// The key.
        key: Key,
    },
    /// A part without any pair.
    #[error("the snapshot has an empty part")]
    EmptyPart,
}

impl SnapshotHead {
    /// The most bytes of an encoded head.
    pub const MAX_BYTES: usize = 256 << 10;

    /// Puts a head together: the certified header h+1, and the headers h, h-1, ... of which [`SNAPSHOT_HEADERS`] are kept.
    pub fn new(
        header: Header,
        certificate: CommitCertificate,
        before: impl IntoIterator<Item = Header>,
        handovers: u32,
    ) -> Self {
        let most = usize::try_from(SNAPSHOT_HEADERS).unwrap_or(usize::MAX);
        Self {
            header,
            certificate,
            before: before.into_iter().take(most).collect(),
            handovers,
        }
    }

    /// How many changes of the validators follow the head: by them a reader knows from genesis on who certifies it.
    pub const fn handovers(&self) -> u32 {
        self.handovers
    }

    /// The height of the certified header; who was a validator then is what [`SnapshotHead::verify`] asks for.
    pub const fn certified_height(&self) -> Height {
        self.header.height
    }

    /// Checks the certificate and the headers. `validators` are those in force at [`SnapshotHead::certified_height`].
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn verify(
        self,
        federation: &FederationId,
        validators: &ValidatorSet,
    ) -> Result<CertifiedState, SnapshotError> {
        CommittedHeader::verify(self.header, &self.certificate, federation, validators)?;
        let height = self.header.height.value().saturating_sub(1);
        if height == 0 {
            return Err(SnapshotError::Genesis);
        }
        let (found, expected) = (self.before.len() as u64, height.min(SNAPSHOT_HEADERS));
        if found != expected {
            return Err(SnapshotError::Headers { found, expected });
        }
        let mut next = self.header;
        for header in &self.before {
            if !precedes(header, &next) {
                let height = header.height;
                return Err(SnapshotError::Chain { height });
            }
            next = *header;
        }
        let first = next;
        if first.height.value() == 1 && first.previous != BlockHash::genesis(federation) {
            return Err(SnapshotError::Chain {
                height: first.height,
            });
        }
        let last = self.before.first().ok_or(SnapshotError::Genesis)?;
        Ok(CertifiedState {
            parent: Parent::after(last, self.header.state),
            headers: self.before,
        })
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_canonical_bytes()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for too many, malformed or trailing bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        bounded(bytes, Self::MAX_BYTES)
    }
}

/// Whether `next` names `header` as the block before it, and says so of height and federation as well.
fn precedes(header: &Header, next: &Header) -> bool {
    header.hash() == next.previous
        && header.height.plus(1) == next.height
        && header.federation == next.federation
}

impl BorshDeserialize for SnapshotHead {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let most = usize::try_from(SNAPSHOT_HEADERS).map_err(malformed)?;
        Ok(Self {
            header: Header::deserialize_reader(reader)?,
            certificate: CommitCertificate::deserialize_reader(reader)?,
            before: bounded_vec(reader, "headers", most)?,
            handovers: u32::deserialize_reader(reader)?,
        })
    }
}

/// A state that a quorum vouches for: its root, and the headers before it. Only the verifier makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifiedState {
    parent: Parent,
    headers: Vec<Header>,
}

impl CertifiedState {
    /// What the next block is built upon; its state root is the certified one.
    pub const fn parent(&self) -> &Parent {
        &self.parent
    }

    /// The headers of the last blocks, newest first.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }
}

/// Pairs of the state, in key order; many parts make a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SnapshotPart(Vec<(Key, Vec<u8>)>);

impl SnapshotPart {
    /// A part is closed when its pairs have this many bytes: so many and one pair are the most it has.
    pub const FULL_BYTES: usize = 256 << 10;
    /// The most bytes of an encoded part: the largest value is shorter than the largest transaction (1 MiB).
    pub const MAX_BYTES: usize = 2 << 20;

    /// These pairs, in key order.
    pub const fn new(pairs: Vec<(Key, Vec<u8>)>) -> Self {
        Self(pairs)
    }

    /// The pairs, when there are some and their keys increase, from `after` on.
    ///
    /// # Errors
    /// [`SnapshotError::EmptyPart`], [`SnapshotError::Order`].
    pub fn into_pairs(self, after: Option<&Key>) -> Result<Vec<(Key, Vec<u8>)>, SnapshotError> {
        let mut last = after;
        for (key, _) in &self.0 {
            if last.is_some_and(|last| last >= key) {
                return Err(SnapshotError::Order { key: key.clone() });
            }
            last = Some(key);
        }
        match self.0.is_empty() {
            true => Err(SnapshotError::EmptyPart),
            false => Ok(self.0),
        }
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_canonical_bytes()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for too many, malformed or trailing bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        bounded(bytes, Self::MAX_BYTES)
    }
}
