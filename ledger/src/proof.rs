//! What can be shown to someone who holds the genesis alone.

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{
    BlockTime, Canonical, DecodeError, FederationId, Height, Key, SignedTransaction,
};

use crate::block::Header;
use crate::certificate::CommitCertificate;
use crate::chain::{ChainError, CommittedHeader};
use crate::state::{StateProof, StateProofError};
use crate::transactions::TransactionProof;
use crate::validators::ValidatorSet;

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The header is not certified.
    #[error("the header is not certified: {0}")]
    Header(#[from] ChainError),
    /// The path does not lead to the header's state root.
    #[error(transparent)]
    State(#[from] StateProofError),
    /// The path does not lead to the header's transaction root.
    #[error("the Merkle proof does not lead to the transaction root")]
    Transaction,
}

/// What stands under a key of the state, down to a certificate.
#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct KeyProof {
    header: Header,
    certificate: CommitCertificate,
    state: StateProof,
}

/// What a verified [`KeyProof`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenValue<'a> {
    /// The key.
    pub key: &'a Key,
    /// What stands under it, or that nothing does.
    pub value: Option<&'a [u8]>,
    /// The last block whose effects are included.
    pub height: Height,
    /// The time of the block that certifies it: the value stood no earlier than its parent.
    pub time: BlockTime,
}

impl KeyProof {
    /// The most bytes of an encoded proof.
    pub const MAX_BYTES: usize = StateProof::MAX_BYTES + (64 << 10);

    /// Puts a proof together: `header` names the root that `state` leads to.
    pub const fn new(header: Header, certificate: CommitCertificate, state: StateProof) -> Self {
        Self {
            header,
            certificate,
            state,
        }
    }

    /// The header. Unverified until [`KeyProof::verify`]; its height says whose certificate it needs.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The quorum's certificate. Unverified until [`KeyProof::verify`].
    pub const fn certificate(&self) -> &CommitCertificate {
        &self.certificate
    }

    /// Checks certificate and path.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(
        &self,
        federation: &FederationId,
        validators: &ValidatorSet,
    ) -> Result<ProvenValue<'_>, ProofError> {
        CommittedHeader::verify(self.header, &self.certificate, federation, validators)?;
        let value = self.state.verify(&self.header.state)?;
        let height = Height::new(self.header.height.value().saturating_sub(1));
        Ok(ProvenValue {
            key: self.state.key(),
            value,
            height,
            time: self.header.time,
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

/// That a transaction stands in a committed block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct InclusionProof {
    header: Header,
    certificate: CommitCertificate,
    path: TransactionProof,
    transaction: SignedTransaction,
}

/// What a verified [`InclusionProof`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenTransaction<'a> {
    /// The transaction; its sender's signature was checked by the quorum that committed it.
    pub transaction: &'a SignedTransaction,
    /// The block it stands in.
    pub height: Height,
    /// Its index in the block.
    pub index: usize,
    /// The block's time.
    pub time: BlockTime,
}

impl InclusionProof {
    /// The most bytes of an encoded proof.
    pub const MAX_BYTES: usize = 2 << 20;

    /// Puts a proof together.
    pub const fn new(
        header: Header,
        certificate: CommitCertificate,
        path: TransactionProof,
        transaction: SignedTransaction,
    ) -> Self {
        Self {
            header,
            certificate,
            path,
            transaction,
        }
    }

    /// The header. Unverified until [`InclusionProof::verify`]; its height says whose certificate it needs.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Checks certificate and path.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(
        &self,
        federation: &FederationId,
        validators: &ValidatorSet,
    ) -> Result<ProvenTransaction<'_>, ProofError> {
        CommittedHeader::verify(self.header, &self.certificate, federation, validators)?;
        if !self
            .path
            .verify(&self.header.transactions, &self.transaction.hash())
        {
            return Err(ProofError::Transaction);
        }
        Ok(ProvenTransaction {
            transaction: &self.transaction,
            height: self.header.height,
            index: self.path.index(),
            time: self.header.time,
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

/// Reads canonical bytes of at most `limit`.
pub(crate) fn bounded<T: Canonical>(bytes: &[u8], limit: usize) -> Result<T, DecodeError> {
    if bytes.len() > limit {
        return Err(DecodeError::TooLong {
            found: bytes.len(),
            limit,
        });
    }
    T::from_canonical_bytes(bytes)
}
