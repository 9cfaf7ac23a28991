//! Commit certificates: precommits of more than two thirds of the voting power for one block.

use std::io::{Read, Result as IoResult, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{Canonical, DecodeError, FederationId, Height, MAX_VALIDATORS};
use consilium_schemes::signature::Signature;

use crate::codec::{bounded_vec, malformed};
use crate::hash::BlockHash;
use crate::validators::{ValidatorAddress, ValidatorSet};
use crate::vote::{Ballot, ConsensusStatement, Round};

/// One validator's precommit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitSignature {
    /// Who signed.
    pub voter: ValidatorAddress,
    /// Over the precommit for the certificate's height, round and block.
    pub signature: Signature,
}

impl BorshSerialize for CommitSignature {
    fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        self.voter.serialize(writer)?;
        writer.write_all(&self.signature.to_bytes())
    }
}

impl BorshDeserialize for CommitSignature {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let voter = ValidatorAddress::deserialize_reader(reader)?;
        let signature = Signature::from_bytes(<[u8; 64]>::deserialize_reader(reader)?);
        Ok(Self { voter, signature })
    }
}

/// That a quorum of validators committed a block. Unverified until [`CommitCertificate::verify`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
pub struct CommitCertificate {
    height: Height,
    round: Round,
    block: BlockHash,
    /// Strictly increasing by voter.
    signatures: Vec<CommitSignature>,
}

/// Why a certificate does not prove that a block is committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A voter who is not a validator.
    #[error("{0} signed the certificate but is not a validator")]
    UnknownValidator(ValidatorAddress),
    /// A signature that does not verify.
    #[error("the precommit of {0} does not verify")]
    BadSignature(ValidatorAddress),
    /// Signatures of too little power.
    #[error("the certificate carries {signed} of {total} votes, more than two thirds are needed")]
    NoQuorum {
        /// Power that signed.
        signed: u64,
        /// Power of all validators.
        total: u64,
    },
}

impl CommitCertificate {
    /// A certificate from precommits in any order; of two by one voter, one is kept.
    pub fn new(
        height: Height,
        round: Round,
        block: BlockHash,
        mut signatures: Vec<CommitSignature>,
    ) -> Self {
        signatures.sort_by_key(|signature| signature.voter);
        signatures.dedup_by_key(|signature| signature.voter);
        Self {
            height,
            round,
            block,
            signatures,
        }
    }

    /// The height that was committed.
    pub const fn height(&self) -> Height {
        self.height
    }

    /// The round in which it was.
    pub const fn round(&self) -> Round {
        self.round
    }

    /// The block that was committed.
    pub const fn block(&self) -> &BlockHash {
        &self.block
    }

    /// The precommits.
    pub fn signatures(&self) -> &[CommitSignature] {
        &self.signatures
    }

    /// Checks every signature strictly and that they are a quorum of `validators`.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn verify(
        &self,
        federation: &FederationId,
        validators: &ValidatorSet,
    ) -> Result<(), CertificateError> {
        let mut signed = 0;
        for CommitSignature { voter, signature } in &self.signatures {
            let validator = validators
                .get(voter)
                .ok_or(CertificateError::UnknownValidator(*voter))?;
            self.precommit(*voter)
                .verify(federation, validator.key(), signature)
                .map_err(|_| CertificateError::BadSignature(*voter))?;
            signed += u64::from(validator.power().value());
        }
        if validators.is_quorum(signed) {
            Ok(())
        } else {
            Err(CertificateError::NoQuorum {
                signed,
                total: validators.total_power(),
            })
        }
    }

    /// What `voter` signed.
    fn precommit(&self, voter: ValidatorAddress) -> ConsensusStatement {
        ConsensusStatement::Precommit(Ballot {
            height: self.height,
            round: self.round,
            block: Some(self.block),
            voter,
        })
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_canonical_bytes()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for malformed or trailing bytes, too many or unordered signatures.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::from_canonical_bytes(bytes)
    }
}

impl BorshDeserialize for CommitCertificate {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let height = Height::deserialize_reader(reader)?;
        let round = Round::deserialize_reader(reader)?;
        let block = BlockHash::deserialize_reader(reader)?;
        let signatures: Vec<CommitSignature> = bounded_vec(reader, "signatures", MAX_VALIDATORS)?;
        let ordered = signatures.windows(2).all(|pair| match pair {
            [a, b] => a.voter < b.voter,
            _ => true,
        });
        if !ordered {
            return Err(malformed(
                "the signatures are not strictly increasing by voter",
            ));
        }
        Ok(Self {
            height,
            round,
            block,
            signatures,
        })
    }
}
