//! The engine's messages as bytes: on the wire, and in its write-ahead log.
//!
//! Borsh of the mirror types below; lengths are bounded by what the transport lets through,
//! trailing bytes are refused.

use arc_malachitebft_app_channel::app::consensus::{LivenessMsg, SignedConsensusMsg};
use arc_malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use arc_malachitebft_app_channel::app::types::codec::{Codec, HasEncodedLen};
use arc_malachitebft_app_channel::app::types::core::{
    self as core, ExtendedCommitCertificate, ExtendedCommitSignature, NilOrVal, PolkaCertificate,
    PolkaSignature, RoundCertificate, RoundCertificateType, RoundSignature, SignedMessage,
    SignedProposal, SignedVote, ValidatorProof, Validity, VoteType,
};
use arc_malachitebft_app_channel::app::types::{MisbehaviorEvidence, PeerId, ProposedValue};
use arc_malachitebft_sync::{
    RawDecidedValue, Request, Response, Status, ValueRequest, ValueResponse,
};
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use consilium_contracts::Height;
use consilium_ledger::{
    BlockHash, CommitCertificate, CommitSignature, ConsensusStatement, Evidence, Round,
    SignedStatement, ValidatorAddress,
};
use consilium_schemes::signature::Signature;

use super::context::{
    Address, EngineHeight, EngineSignature, LedgerContext, Proposal, Value, Vote, engine_round,
    ledger_round,
};
use super::signing::{proposal_statement, vote_statement};
use crate::parts::Part;

/// Bytes that are not a message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// Not the encoding of this kind of message.
    #[error("malformed message: {0}")]
    Malformed(#[from] std::io::Error),
    /// A field that no message has.
    #[error("malformed message: {0}")]
    Field(&'static str),
}

/// The one codec for wire and log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire;

/// A type of the engine and its mirror.
trait Mirror: Sized {
    type Bytes: BorshSerialize + BorshDeserialize;
    fn reflect(&self) -> Self::Bytes;
    fn restore(bytes: Self::Bytes) -> Result<Self, WireError>;
}

impl<T: Mirror> Codec<T> for Wire {
    type Error = WireError;

    fn decode(&self, bytes: Bytes) -> Result<T, WireError> {
        T::restore(borsh::from_slice(&bytes)?)
    }

    fn encode(&self, message: &T) -> Result<Bytes, WireError> {
        Ok(borsh::to_vec(&message.reflect())?.into())
    }
}

impl HasEncodedLen<Response<LedgerContext>> for Wire {
    fn encoded_len(&self, message: &Response<LedgerContext>) -> Result<usize, WireError> {
        Ok(borsh::object_length(&message.reflect())?)
    }
}

/// A round or none.
type WireRound = Option<Round>;
/// The 64 bytes of a signature.
type WireSignature = [u8; 64];

fn signature(wire: WireSignature) -> EngineSignature {
    EngineSignature(Signature::from_bytes(wire))
}

fn value(wire: Option<BlockHash>) -> NilOrVal<Value> {
    wire.map_or(NilOrVal::Nil, |hash| NilOrVal::Val(Value(hash)))
}

fn hash(value: &NilOrVal<Value>) -> Option<BlockHash> {
    match value {
        NilOrVal::Nil => None,
        NilOrVal::Val(Value(hash)) => Some(*hash),
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireVote {
    precommit: bool,
    height: Height,
    round: WireRound,
    block: Option<BlockHash>,
    voter: ValidatorAddress,
    signature: WireSignature,
}

impl Mirror for SignedVote<LedgerContext> {
    type Bytes = WireVote;

    fn reflect(&self) -> WireVote {
        let Vote {
            kind,
            height,
            round,
            value,
            voter,
        } = &self.message;
        WireVote {
            precommit: *kind == VoteType::Precommit,
            height: height.0,
            round: ledger_round(*round),
            block: hash(value),
            voter: voter.0,
            signature: self.signature.0.to_bytes(),
        }
    }

    fn restore(wire: WireVote) -> Result<Self, WireError> {
        let vote = Vote {
            kind: if wire.precommit {
                VoteType::Precommit
            } else {
                VoteType::Prevote
            },
            height: EngineHeight(wire.height),
            round: engine_round(wire.round),
            value: value(wire.block),
            voter: Address::of(wire.voter),
        };
        Ok(SignedMessage::new(vote, signature(wire.signature)))
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireProposal {
    height: Height,
    round: WireRound,
    block: BlockHash,
    polka_round: WireRound,
    proposer: ValidatorAddress,
    signature: WireSignature,
}

impl Mirror for SignedProposal<LedgerContext> {
    type Bytes = WireProposal;

    fn reflect(&self) -> WireProposal {
        let Proposal {
            height,
            round,
            value,
            polka_round,
            proposer,
        } = &self.message;
        WireProposal {
            height: height.0,
            round: ledger_round(*round),
            block: value.0,
            polka_round: ledger_round(*polka_round),
            proposer: proposer.0,
            signature: self.signature.0.to_bytes(),
        }
    }

    fn restore(wire: WireProposal) -> Result<Self, WireError> {
        let proposal = Proposal {
            height: EngineHeight(wire.height),
            round: engine_round(wire.round),
            value: Value(wire.block),
            polka_round: engine_round(wire.polka_round),
            proposer: Address::of(wire.proposer),
        };
        Ok(SignedMessage::new(proposal, signature(wire.signature)))
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
enum WireConsensus {
    Vote(WireVote),
    Proposal(WireProposal),
}

impl Mirror for SignedConsensusMsg<LedgerContext> {
    type Bytes = WireConsensus;

    fn reflect(&self) -> WireConsensus {
        match self {
            Self::Vote(vote) => WireConsensus::Vote(vote.reflect()),
            Self::Proposal(proposal) => WireConsensus::Proposal(proposal.reflect()),
        }
    }

    fn restore(wire: WireConsensus) -> Result<Self, WireError> {
        Ok(match wire {
            WireConsensus::Vote(vote) => Self::Vote(Mirror::restore(vote)?),
            WireConsensus::Proposal(proposal) => Self::Proposal(Mirror::restore(proposal)?),
        })
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WirePolka {
    height: Height,
    round: WireRound,
    block: BlockHash,
    signatures: Vec<(ValidatorAddress, WireSignature)>,
}

impl Mirror for PolkaCertificate<LedgerContext> {
    type Bytes = WirePolka;

    fn reflect(&self) -> WirePolka {
        let pair = |s: &PolkaSignature<LedgerContext>| (s.address.0, s.signature.0.to_bytes());
        WirePolka {
            height: self.height.0,
            round: ledger_round(self.round),
            block: self.value_id.0,
            signatures: self.polka_signatures.iter().map(pair).collect(),
        }
    }

    fn restore(wire: WirePolka) -> Result<Self, WireError> {
        let one = |(voter, bytes)| PolkaSignature {
            address: Address::of(voter),
            signature: signature(bytes),
        };
        Ok(Self {
            height: EngineHeight(wire.height),
            round: engine_round(wire.round),
            value_id: Value(wire.block),
            polka_signatures: wire.signatures.into_iter().map(one).collect(),
        })
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireRoundVote {
    precommit: bool,
    block: Option<BlockHash>,
    voter: ValidatorAddress,
    signature: WireSignature,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireRoundCertificate {
    height: Height,
    round: WireRound,
    /// Of 2f+1 precommits, or of f+1 votes to skip a round.
    precommits: bool,
    votes: Vec<WireRoundVote>,
}

impl Mirror for RoundCertificate<LedgerContext> {
    type Bytes = WireRoundCertificate;

    fn reflect(&self) -> WireRoundCertificate {
        let vote = |vote: &RoundSignature<LedgerContext>| WireRoundVote {
            precommit: vote.vote_type == VoteType::Precommit,
            block: hash(&vote.value_id),
            voter: vote.address.0,
            signature: vote.signature.0.to_bytes(),
        };
        WireRoundCertificate {
            height: self.height.0,
            round: ledger_round(self.round),
            precommits: self.cert_type == RoundCertificateType::Precommit,
            votes: self.round_signatures.iter().map(vote).collect(),
        }
    }

    fn restore(wire: WireRoundCertificate) -> Result<Self, WireError> {
        let one = |vote: WireRoundVote| RoundSignature {
            vote_type: if vote.precommit {
                VoteType::Precommit
            } else {
                VoteType::Prevote
            },
            value_id: value(vote.block),
            address: Address::of(vote.voter),
            signature: signature(vote.signature),
        };
        let kinds = [RoundCertificateType::Skip, RoundCertificateType::Precommit];
        let [skip, precommit] = kinds;
        Ok(Self {
            height: EngineHeight(wire.height),
            round: engine_round(wire.round),
            cert_type: if wire.precommits { precommit } else { skip },
            round_signatures: wire.votes.into_iter().map(one).collect(),
        })
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
enum WireLiveness {
    Vote(WireVote),
    Polka(WirePolka),
    Round(WireRoundCertificate),
}

impl Mirror for LivenessMsg<LedgerContext> {
    type Bytes = WireLiveness;

    fn reflect(&self) -> WireLiveness {
        match self {
            Self::Vote(vote) => WireLiveness::Vote(vote.reflect()),
            Self::PolkaCertificate(polka) => WireLiveness::Polka(polka.reflect()),
            Self::SkipRoundCertificate(round) => WireLiveness::Round(round.reflect()),
        }
    }

    fn restore(wire: WireLiveness) -> Result<Self, WireError> {
        Ok(match wire {
            WireLiveness::Vote(vote) => Self::Vote(Mirror::restore(vote)?),
            WireLiveness::Polka(polka) => Self::PolkaCertificate(Mirror::restore(polka)?),
            WireLiveness::Round(round) => Self::SkipRoundCertificate(Mirror::restore(round)?),
        })
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireProposedValue {
    height: Height,
    round: WireRound,
    valid_round: WireRound,
    proposer: ValidatorAddress,
    block: BlockHash,
    valid: bool,
}

impl Mirror for ProposedValue<LedgerContext> {
    type Bytes = WireProposedValue;

    fn reflect(&self) -> WireProposedValue {
        WireProposedValue {
            height: self.height.0,
            round: ledger_round(self.round),
            valid_round: ledger_round(self.valid_round),
            proposer: self.proposer.0,
            block: self.value.0,
            valid: self.validity.to_bool(),
        }
    }

    fn restore(wire: WireProposedValue) -> Result<Self, WireError> {
        Ok(Self {
            height: EngineHeight(wire.height),
            round: engine_round(wire.round),
            valid_round: engine_round(wire.valid_round),
            proposer: Address::of(wire.proposer),
            value: Value(wire.block),
            validity: Validity::from_bool(wire.valid),
        })
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireProof {
    key: Vec<u8>,
    peer: Vec<u8>,
    signature: WireSignature,
}

impl Mirror for ValidatorProof<LedgerContext> {
    type Bytes = WireProof;

    fn reflect(&self) -> WireProof {
        WireProof {
            key: self.public_key.clone(),
            peer: self.peer_id.clone(),
            signature: self.signature.0.to_bytes(),
        }
    }

    fn restore(wire: WireProof) -> Result<Self, WireError> {
        Ok(Self::new(wire.key, wire.peer, signature(wire.signature)))
    }
}

impl Mirror for Part {
    type Bytes = Part;

    fn reflect(&self) -> Part {
        self.clone()
    }

    fn restore(wire: Part) -> Result<Self, WireError> {
        Ok(wire)
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireStream {
    stream: Vec<u8>,
    sequence: u64,
    part: Option<Part>,
}

impl Mirror for StreamMessage<Part> {
    type Bytes = WireStream;

    fn reflect(&self) -> WireStream {
        WireStream {
            stream: self.stream_id.to_bytes().to_vec(),
            sequence: self.sequence,
            part: self.content.as_data().cloned(),
        }
    }

    fn restore(wire: WireStream) -> Result<Self, WireError> {
        let content = wire.part.map_or(StreamContent::Fin, StreamContent::Data);
        Ok(Self::new(
            StreamId::new(wire.stream.into()),
            wire.sequence,
            content,
        ))
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireStatus {
    peer: Vec<u8>,
    tip: Height,
    history: Height,
}

impl Mirror for Status<LedgerContext> {
    type Bytes = WireStatus;

    fn reflect(&self) -> WireStatus {
        WireStatus {
            peer: self.peer_id.to_bytes(),
            tip: self.tip_height.0,
            history: self.history_min_height.0,
        }
    }

    fn restore(wire: WireStatus) -> Result<Self, WireError> {
        let peer = PeerId::from_bytes(&wire.peer).map_err(|_| WireError::Field("peer id"))?;
        let (tip_height, history_min_height) = (EngineHeight(wire.tip), EngineHeight(wire.history));
        Ok(Self {
            peer_id: peer,
            tip_height,
            history_min_height,
        })
    }
}

impl Mirror for Request<LedgerContext> {
    type Bytes = (Height, Height);

    fn reflect(&self) -> (Height, Height) {
        let Self::ValueRequest(ValueRequest { range }) = self;
        (range.start().0, range.end().0)
    }

    fn restore((from, to): (Height, Height)) -> Result<Self, WireError> {
        Ok(Self::ValueRequest(ValueRequest::new(
            EngineHeight(from)..=EngineHeight(to),
        )))
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireDecided {
    block: Vec<u8>,
    certificate: CommitCertificate,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireResponse {
    start: Height,
    values: Vec<WireDecided>,
}

impl Mirror for Response<LedgerContext> {
    type Bytes = WireResponse;

    fn reflect(&self) -> WireResponse {
        let Self::ValueResponse(ValueResponse {
            start_height,
            values,
        }) = self;
        let decided = |value: &RawDecidedValue<LedgerContext>| WireDecided {
            block: value.value_bytes.to_vec(),
            certificate: from_extended(&value.certificate),
        };
        WireResponse {
            start: start_height.0,
            values: values.iter().map(decided).collect(),
        }
    }

    fn restore(wire: WireResponse) -> Result<Self, WireError> {
        let value = |decided: WireDecided| RawDecidedValue {
            value_bytes: decided.block.into(),
            certificate: to_extended(&decided.certificate),
        };
        let values = wire.values.into_iter().map(value).collect();
        Ok(Self::ValueResponse(ValueResponse::new(
            EngineHeight(wire.start),
            values,
        )))
    }
}

/// Our certificate as the engine's.
pub(crate) fn to_extended(ours: &CommitCertificate) -> ExtendedCommitCertificate<LedgerContext> {
    let one = |s: &CommitSignature| {
        ExtendedCommitSignature::new(Address::of(s.voter), EngineSignature(s.signature), None)
    };
    ExtendedCommitCertificate {
        height: EngineHeight(ours.height()),
        round: engine_round(Some(ours.round())),
        value_id: Value(*ours.block()),
        commit_signatures: ours.signatures().iter().map(one).collect(),
    }
}

fn from_extended(theirs: &ExtendedCommitCertificate<LedgerContext>) -> CommitCertificate {
    from_engine(&theirs.trim_vote_extensions())
}

/// The engine's certificate as ours.
pub(crate) fn from_engine(theirs: &core::CommitCertificate<LedgerContext>) -> CommitCertificate {
    let one = |s: &core::CommitSignature<LedgerContext>| CommitSignature {
        voter: s.address.0,
        signature: s.signature.0,
    };
    CommitCertificate::new(
        theirs.height.0,
        ledger_round(theirs.round).unwrap_or(Round::new(0)),
        theirs.value_id.0,
        theirs.commit_signatures.iter().map(one).collect(),
    )
}

/// What the engine noticed of validators that signed two different things. Unverified.
pub(crate) fn evidence_of(found: &MisbehaviorEvidence<LedgerContext>) -> Vec<Evidence> {
    let vote = |signed: &SignedVote<LedgerContext>| {
        signed_statement(vote_statement(&signed.message), &signed.signature)
    };
    let votes = (&found.votes).into_iter().flat_map(|(_, pairs)| pairs);
    let votes = votes.filter_map(|(one, other)| Some(Evidence::new(vote(one)?, vote(other)?)));
    let proposal = |signed: &SignedProposal<LedgerContext>| {
        signed_statement(proposal_statement(&signed.message), &signed.signature)
    };
    let proposals = found.proposals.iter().flat_map(|(_, pairs)| pairs);
    let proposals =
        proposals.filter_map(|(one, other)| Some(Evidence::new(proposal(one)?, proposal(other)?)));
    votes.chain(proposals).collect()
}

/// `None` for a round that nobody votes in.
fn signed_statement(
    statement: Option<ConsensusStatement>,
    signature: &EngineSignature,
) -> Option<SignedStatement> {
    Some(SignedStatement {
        statement: statement?,
        signature: signature.0,
    })
}

#[cfg(test)]
mod tests {
    use consilium_contracts::FederationId;
    use consilium_ledger::StatementKind;
    use consilium_schemes::signature::SigningKey;

    use super::*;

    #[test]
    fn what_the_engine_noticed_is_proven_by_its_signatures() {
        let federation = FederationId::from_bytes([5; 32]);
        let key = SigningKey::from_bytes(&[1; 32]);
        let vote = |block: u8| {
            let vote = Vote {
                kind: VoteType::Precommit,
                height: EngineHeight(Height::new(9)),
                round: engine_round(Some(Round::new(2))),
                value: value(Some(BlockHash::from_bytes([block; 32]))),
                voter: Address::of(ValidatorAddress::of(&key.verifying_key())),
            };
            let signature = vote_statement(&vote).unwrap().sign(&federation, &key);
            SignedMessage::new(vote, EngineSignature(signature))
        };
        let mut found = MisbehaviorEvidence {
            proposals: Default::default(),
            votes: Default::default(),
        };
        found.votes.add(vote(1), vote(2));
        let [evidence] = evidence_of(&found).try_into().unwrap();
        let lie = evidence.verify(&federation).unwrap();
        assert_eq!(
            (lie.kind(), lie.height()),
            (StatementKind::Precommit, Height::new(9))
        );
    }
}
