//! What validators sign.
//!
//! One purpose per kind of message and the federation id as its context, so that no signature
//! counts for another purpose or in another federation. All fields have fixed lengths, integers
//! are little-endian.

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{FederationId, Height};
use consilium_schemes::signature::{Purpose, Signature, SignatureError, SigningKey, VerifyingKey};

use crate::hash::BlockHash;
use crate::validators::ValidatorAddress;

/// Domain of prevotes.
const PREVOTE: Purpose = Purpose::new("CONSILIUM-V1-SIG-LEDGER-PREVOTE");
/// Domain of precommits, which certificates consist of.
const PRECOMMIT: Purpose = Purpose::new("CONSILIUM-V1-SIG-LEDGER-PRECOMMIT");
/// Domain of proposals.
const PROPOSAL: Purpose = Purpose::new("CONSILIUM-V1-SIG-LEDGER-PROPOSAL");
/// Domain of the statement that a network peer belongs to a validator.
const VALIDATOR_PROOF: Purpose = Purpose::new("CONSILIUM-V1-SIG-LEDGER-VALIDATOR-PROOF");

/// A round of consensus within a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Round(u32);

impl Round {
    /// From a number.
    pub const fn new(round: u32) -> Self {
        Self(round)
    }

    /// As a number.
    pub const fn value(self) -> u32 {
        self.0
    }
}

/// A message that validators sign. The order of the variants is part of the encoding of [`Evidence`](crate::Evidence).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ConsensusStatement {
    /// "I have seen this block (or none) proposed."
    Prevote(Ballot),
    /// "I have seen a quorum of prevotes for this block (or for none)."
    Precommit(Ballot),
    /// "I propose this block."
    Proposal {
        /// Height, round, block and proposer.
        ballot: Ballot,
        /// The earlier round in which a quorum prevoted for the block.
        polka_round: Option<Round>,
    },
    /// "This network peer is mine."
    ValidatorProof {
        /// The validator's key.
        key: Vec<u8>,
        /// The peer's id.
        peer: Vec<u8>,
    },
}

/// Height, round, block and voter of a vote or proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Ballot {
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The block, or `None` for nil.
    pub block: Option<BlockHash>,
    /// Who votes or proposes.
    pub voter: ValidatorAddress,
}

impl Ballot {
    fn message(&self) -> Vec<u8> {
        let (tag, hash) = match &self.block {
            Some(hash) => (1, *hash.as_bytes()),
            None => (0, [0; 32]),
        };
        [
            self.height.value().to_le_bytes().as_slice(),
            &self.round.value().to_le_bytes(),
            &[tag],
            &hash,
            self.voter.as_bytes(),
        ]
        .concat()
    }
}

impl ConsensusStatement {
    const fn purpose(&self) -> Purpose {
        match self {
            Self::Prevote(_) => PREVOTE,
            Self::Precommit(_) => PRECOMMIT,
            Self::Proposal { .. } => PROPOSAL,
            Self::ValidatorProof { .. } => VALIDATOR_PROOF,
        }
    }

    fn message(&self) -> Vec<u8> {
        match self {
            Self::Prevote(ballot) | Self::Precommit(ballot) => ballot.message(),
            Self::Proposal {
                ballot,
                polka_round,
            } => {
                let polka = polka_round.map_or(-1, |round| i64::from(round.value()));
                [ballot.message().as_slice(), &polka.to_le_bytes()].concat()
            }
            Self::ValidatorProof { key, peer } => {
                let length = u64::try_from(key.len()).unwrap_or(u64::MAX).to_le_bytes();
                [length.as_slice(), key, peer].concat()
            }
        }
    }

    /// Signs for a federation.
    pub fn sign(&self, federation: &FederationId, key: &SigningKey) -> Signature {
        key.sign(self.purpose(), federation.as_bytes(), &self.message())
    }

    /// Checks strictly that the holder of `key` signed this for this federation.
    ///
    /// # Errors
    /// [`SignatureError::Invalid`].
    pub fn verify(
        &self,
        federation: &FederationId,
        key: &VerifyingKey,
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        key.verify(
            self.purpose(),
            federation.as_bytes(),
            &self.message(),
            signature,
        )
    }
}
