//! CTSym: the capsule that carries a record's key under a policy, and its canonical encoding.
//!
//! ```text
//! header   "CTSY" | version 1 | suite 1 | tree id (32) | epoch (8) | federation (32) | record (32)
//!          | policy: length (4), canonical text
//! CTSym    header | C0 (96) | C2_0 .. C2_m (96 each) | Ct (48) | C_1 .. C_n (48 each) | C_sigma (32)
//! ```
//!
//! Numbers are big-endian. n and m are not written: the policy determines them. Federation and record
//! are the associated data of the equations: they, the tree, the epoch and the policy go into everything
//! that is derived from sigma, by SHA-256(header).

use consilium_policies::{AccessStructure, MAX_ROWS, MAX_TEXT_LENGTH, Policy};

use super::frame::{self, FRAME, Kind};
use super::tree::{Epoch, TreeId};
use crate::curve::{DecodeError, G1, G2, InField, Reader, put_variable};
use crate::digest::Digest;

const KIND: Kind = *b"CTSY";
/// Length of sigma and of its mask.
pub(super) const SIGMA: usize = 32;

/// What a capsule is bound to: the associated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordContext {
    federation: [u8; 32],
    record: [u8; 32],
}

impl RecordContext {
    /// The ids of the federation and of the record.
    #[must_use]
    pub fn new(federation: [u8; 32], record: [u8; 32]) -> Self {
        Self { federation, record }
    }

    /// The federation's id.
    #[must_use]
    pub fn federation(&self) -> &[u8; 32] {
        &self.federation
    }

    /// The record's id.
    #[must_use]
    pub fn record(&self) -> &[u8; 32] {
        &self.record
    }
}

/// Everything about a capsule that is not a group element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapsuleHeader {
    pub(super) tree: TreeId,
    pub(super) epoch: Epoch,
    pub(super) context: RecordContext,
    pub(super) policy: Policy,
}

impl CapsuleHeader {
    /// No encoding is longer.
    pub const MAX_BYTES: usize = FRAME + 32 + 8 + 64 + 4 + MAX_TEXT_LENGTH;

    /// The tree under whose parameters it was encrypted.
    #[must_use]
    pub fn tree(&self) -> TreeId {
        self.tree
    }

    /// t.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// What it is bound to.
    #[must_use]
    pub fn context(&self) -> &RecordContext {
        &self.context
    }

    /// Who may read.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The canonical encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = frame::begin(&KIND);
        out.extend_from_slice(self.tree.as_bytes());
        out.extend_from_slice(&self.epoch.number().to_be_bytes());
        out.extend_from_slice(&self.context.federation);
        out.extend_from_slice(&self.context.record);
        out.extend_from_slice(&self.policy.to_bytes());
        out
    }

    /// SHA-256(header), which binds derived values to it.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let tree = TreeId::from_bytes(reader.array().in_field("tree")?);
        let epoch = Epoch::new(reader.u64().in_field("epoch")?);
        let federation = reader.array().in_field("federation")?;
        let record = reader.array().in_field("record")?;
        let policy = read_policy(reader).in_field("policy")?;
        Ok(Self {
            tree,
            epoch,
            context: RecordContext { federation, record },
            policy,
        })
    }
}

fn read_policy(reader: &mut Reader<'_>) -> Result<Policy, DecodeError> {
    let text = reader.variable(MAX_TEXT_LENGTH)?;
    let mut framed = Vec::with_capacity(4 + text.len());
    put_variable(&mut framed, text);
    Policy::from_bytes(&framed).map_err(|error| DecodeError::Refused(error.to_string()))
}

/// CTSym = (header, C0, C2, Ct, C_i, C_sigma).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capsule {
    pub(super) header: CapsuleHeader,
    pub(super) c0: G2,
    pub(super) c2: Vec<G2>,
    pub(super) ct: G1,
    pub(super) rows: Vec<G1>,
    pub(super) c_sigma: [u8; SIGMA],
}

impl Capsule {
    /// No encoding is longer.
    pub const MAX_BYTES: usize =
        CapsuleHeader::MAX_BYTES + G2::BYTES * (1 + MAX_ROWS) + G1::BYTES * (1 + MAX_ROWS) + SIGMA;

    /// The header.
    #[must_use]
    pub fn header(&self) -> &CapsuleHeader {
        &self.header
    }

    /// The policy's linear secret sharing.
    pub(super) fn access(&self) -> AccessStructure {
        self.header.policy.access_structure()
    }

    /// SHA-256(CTSym), as it stands on the ledger.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// The canonical encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.header.to_bytes();
        out.extend_from_slice(&self.c0.to_bytes());
        self.c2
            .iter()
            .for_each(|point| out.extend_from_slice(&point.to_bytes()));
        out.extend_from_slice(&self.ct.to_bytes());
        self.rows
            .iter()
            .for_each(|point| out.extend_from_slice(&point.to_bytes()));
        out.extend_from_slice(&self.c_sigma);
        out
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = frame::open(bytes, &KIND, Self::MAX_BYTES)?;
        let header = CapsuleHeader::read(&mut reader)?;
        let access = header.policy.access_structure();
        let c0 = reader.g2().in_field("C0")?;
        let c2 = (0..=access.max_repetition()).map(|_| reader.g2().in_field("C2"));
        let c2 = c2.collect::<Result<_, _>>()?;
        let ct = reader.g1().in_field("Ct")?;
        let rows = access.rows().iter().map(|_| reader.g1().in_field("C_i"));
        let rows = rows.collect::<Result<_, _>>()?;
        let c_sigma = reader.array().in_field("C_sigma")?;
        reader.finish()?;
        Ok(Self {
            header,
            c0,
            c2,
            ct,
            rows,
            c_sigma,
        })
    }
}
