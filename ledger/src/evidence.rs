//! Evidence that a validator lied: two statements that exclude each other, both signed by it.
//!
//! A validator signs at most one prevote, one precommit and one proposal in a round. Whoever holds two different ones of a kind
//! can show them to anybody: the signatures speak for themselves. That the key was a validator's at that height is said by the
//! ledger (the genesis and the cards of the hospitals), not by the evidence.

use std::fmt;
use std::io::{Read, Result as IoResult, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{Canonical, DecodeError, FederationId, Height};
use consilium_schemes::signature::{Signature, VerifyingKey};

use crate::hash::BlockHash;
use crate::validators::ValidatorAddress;
use crate::vote::{Ballot, ConsensusStatement, Round};

/// What somebody is said to have signed, and the signature. Unverified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedStatement {
    /// What was said.
    pub statement: ConsensusStatement,
    /// By the voter that the statement names.
    pub signature: Signature,
}

impl BorshSerialize for SignedStatement {
    fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        self.statement.serialize(writer)?;
        writer.write_all(&self.signature.to_bytes())
    }
}

impl BorshDeserialize for SignedStatement {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let statement = ConsensusStatement::deserialize_reader(reader)?;
        let signature = Signature::from_bytes(<[u8; 64]>::deserialize_reader(reader)?);
        Ok(Self {
            statement,
            signature,
        })
    }
}

/// What kind of statement was made twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// A prevote.
    Prevote,
    /// A precommit.
    Precommit,
    /// A proposal.
    Proposal,
}

impl fmt::Display for StatementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prevote => "prevote",
            Self::Precommit => "precommit",
            Self::Proposal => "proposal",
        })
    }
}

/// Two signed statements that are said to exclude each other. Unverified until [`Evidence::verify`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Evidence {
    first: SignedStatement,
    second: SignedStatement,
}

/// Why two statements are not evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Something that may be signed more than once.
    #[error("a statement is neither vote nor proposal")]
    NotABallot,
    /// A prevote and a precommit, for example: a validator signs one of each.
    #[error("one statement is a {0}, the other a {1}: a validator may sign both")]
    Kinds(StatementKind, StatementKind),
    /// Two signers.
    #[error("the statements are of {0} and of {1}, not of one validator")]
    Voters(ValidatorAddress, ValidatorAddress),
    /// Two heights.
    #[error("the statements are for heights {0} and {1}: a validator may sign both")]
    Heights(Height, Height),
    /// Two rounds.
    #[error("the statements are for rounds {} and {}: a validator may sign both", .0.value(), .1.value())]
    Rounds(Round, Round),
    /// The same statement twice.
    #[error("both statements say the same")]
    Equal,
    /// The voter is not a key.
    #[error("{0} is not a validator's key")]
    Key(ValidatorAddress),
    /// A signature that does not verify.
    #[error("the signature of {0} does not verify for this federation")]
    Signature(ValidatorAddress),
}

impl Evidence {
    /// The most bytes of an encoded piece; two proposals take some 300.
    pub const MAX_BYTES: usize = 1024;

    /// Puts two statements together, in whichever order they were heard of.
    pub const fn new(first: SignedStatement, second: SignedStatement) -> Self {
        Self { first, second }
    }

    /// The statements.
    pub const fn statements(&self) -> [&SignedStatement; 2] {
        [&self.first, &self.second]
    }

    /// Whether both speak of the same two statements; signatures may differ, as one message has many.
    pub fn same_as(&self, other: &Self) -> bool {
        let (a, b) = (&self.first.statement, &self.second.statement);
        let (c, d) = (&other.first.statement, &other.second.statement);
        (a == c && b == d) || (a == d && b == c)
    }

    /// Checks that one key signed both statements in `federation`, and that they exclude each other.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn verify(self, federation: &FederationId) -> Result<Equivocation, EvidenceError> {
        let (kind, ballot) = ballot_of(&self.first.statement)?;
        let (other_kind, other) = ballot_of(&self.second.statement)?;
        if kind != other_kind {
            return Err(EvidenceError::Kinds(kind, other_kind));
        }
        if ballot.voter != other.voter {
            return Err(EvidenceError::Voters(ballot.voter, other.voter));
        }
        if ballot.height != other.height {
            return Err(EvidenceError::Heights(ballot.height, other.height));
        }
        if ballot.round != other.round {
            return Err(EvidenceError::Rounds(ballot.round, other.round));
        }
        if self.first.statement == self.second.statement {
            return Err(EvidenceError::Equal);
        }
        let voter = ballot.voter;
        let key = VerifyingKey::from_bytes(voter.as_bytes());
        let key = key.map_err(|_| EvidenceError::Key(voter))?;
        for SignedStatement {
            statement,
            signature,
        } in self.statements()
        {
            statement
                .verify(federation, &key, signature)
                .map_err(|_| EvidenceError::Signature(voter))?;
        }
        let (height, round) = (ballot.height, ballot.round);
        Ok(Equivocation {
            validator: voter,
            height,
            round,
            kind,
            evidence: self,
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
        let (found, limit) = (bytes.len(), Self::MAX_BYTES);
        match found > limit {
            true => Err(DecodeError::TooLong { found, limit }),
            false => Self::from_canonical_bytes(bytes),
        }
    }
}

fn ballot_of(statement: &ConsensusStatement) -> Result<(StatementKind, &Ballot), EvidenceError> {
    match statement {
        ConsensusStatement::Prevote(ballot) => Ok((StatementKind::Prevote, ballot)),
        ConsensusStatement::Precommit(ballot) => Ok((StatementKind::Precommit, ballot)),
        ConsensusStatement::Proposal { ballot, .. } => Ok((StatementKind::Proposal, ballot)),
        ConsensusStatement::ValidatorProof { .. } => Err(EvidenceError::NotABallot),
    }
}

/// That a key signed two statements that exclude each other. Only [`Evidence::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivocation {
    validator: ValidatorAddress,
    height: Height,
    round: Round,
    kind: StatementKind,
    evidence: Evidence,
}

impl Equivocation {
    /// Who lied.
    pub const fn validator(&self) -> &ValidatorAddress {
        &self.validator
    }

    /// At which height.
    pub const fn height(&self) -> Height {
        self.height
    }

    /// In which round.
    pub const fn round(&self) -> Round {
        self.round
    }

    /// What was said twice.
    pub const fn kind(&self) -> StatementKind {
        self.kind
    }

    /// The block of each statement, `None` for nil. Equal for proposals that differ in what they rest on.
    pub fn blocks(&self) -> [Option<BlockHash>; 2] {
        let block = |signed: &SignedStatement| match &signed.statement {
            ConsensusStatement::Prevote(ballot)
            | ConsensusStatement::Precommit(ballot)
            | ConsensusStatement::Proposal { ballot, .. } => ballot.block,
            ConsensusStatement::ValidatorProof { .. } => None,
        };
        self.evidence.statements().map(block)
    }

    /// The two signed statements, to hand them on.
    pub const fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}
