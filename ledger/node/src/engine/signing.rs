//! Signing and verifying for the engine: every signature is bound to our federation and to one
//! purpose, for signer and verifier alike.

use arc_malachitebft_app_channel::app::types::core::{
    self as core, NilOrVal, SignedMessage, ValidatorProof, VoteExtensionScope, VoteType,
};
use arc_malachitebft_signing::{Error, Signer, VerificationResult, Verifier};
use async_trait::async_trait;
use consilium_contracts::FederationId;
use consilium_ledger::{Ballot, ConsensusStatement};
use consilium_schemes::signature::{SigningKey, VerifyingKey};

use super::context::{EngineSignature, LedgerContext, Proposal, Value, Vote, ledger_round};

/// Checks signatures of one federation.
pub(super) struct FederationVerifier(pub(super) FederationId);

/// Signs for one federation.
pub(super) struct FederationSigner {
    pub(super) federation: FederationId,
    pub(super) key: SigningKey,
}

impl FederationSigner {
    fn sign(&self, statement: &ConsensusStatement) -> EngineSignature {
        EngineSignature(statement.sign(&self.federation, &self.key))
    }

    fn sign_message<M: Clone>(
        &self,
        message: M,
        statement: Option<ConsensusStatement>,
    ) -> Result<SignedMessage<LedgerContext, M>, Error> {
        let statement = statement.ok_or_else(Error::new)?;
        let signature = self.sign(&statement);
        Ok(SignedMessage::new(message, signature))
    }
}

impl FederationVerifier {
    fn check(
        &self,
        statement: Option<ConsensusStatement>,
        signature: &EngineSignature,
        key: &VerifyingKey,
    ) -> VerificationResult {
        let holds = |statement: ConsensusStatement| statement.verify(&self.0, key, &signature.0);
        VerificationResult::from_bool(statement.is_some_and(|s| holds(s).is_ok()))
    }
}

/// `None` for a round that nobody votes in.
pub(super) fn vote_statement(vote: &Vote) -> Option<ConsensusStatement> {
    let block = match vote.value {
        NilOrVal::Nil => None,
        NilOrVal::Val(Value(hash)) => Some(hash),
    };
    let round = ledger_round(vote.round)?;
    let ballot = Ballot {
        height: vote.height.0,
        round,
        block,
        voter: vote.voter.0,
    };
    Some(match vote.kind {
        VoteType::Prevote => ConsensusStatement::Prevote(ballot),
        VoteType::Precommit => ConsensusStatement::Precommit(ballot),
    })
}

pub(super) fn proposal_statement(proposal: &Proposal) -> Option<ConsensusStatement> {
    let Value(block) = proposal.value;
    let round = ledger_round(proposal.round)?;
    let (height, voter) = (proposal.height.0, proposal.proposer.0);
    let ballot = Ballot {
        height,
        round,
        block: Some(block),
        voter,
    };
    Some(ConsensusStatement::Proposal {
        ballot,
        polka_round: ledger_round(proposal.polka_round),
    })
}

fn proof_statement(key: &[u8], peer: &[u8]) -> ConsensusStatement {
    ConsensusStatement::ValidatorProof {
        key: key.to_vec(),
        peer: peer.to_vec(),
    }
}

#[async_trait]
impl Verifier<LedgerContext> for FederationVerifier {
    async fn verify_signed_vote(
        &self,
        vote: &Vote,
        signature: &EngineSignature,
        key: &VerifyingKey,
    ) -> Result<VerificationResult, Error> {
        Ok(self.check(vote_statement(vote), signature, key))
    }

    async fn verify_signed_proposal(
        &self,
        proposal: &Proposal,
        signature: &EngineSignature,
        key: &VerifyingKey,
    ) -> Result<VerificationResult, Error> {
        Ok(self.check(proposal_statement(proposal), signature, key))
    }

    async fn verify_signed_vote_extension(
        &self,
        _: &VoteExtensionScope<LedgerContext>,
        _: &(),
        _: &EngineSignature,
        _: &VerifyingKey,
    ) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::Invalid)
    }

    async fn verify_validator_proof(
        &self,
        proof: &ValidatorProof<LedgerContext>,
    ) -> Result<VerificationResult, Error> {
        let Ok(key) = proof.decoded_public_key() else {
            return Ok(VerificationResult::Invalid);
        };
        let statement = proof_statement(&proof.public_key, &proof.peer_id);
        Ok(self.check(Some(statement), &proof.signature, &key))
    }
}

#[async_trait]
impl Signer<LedgerContext> for FederationSigner {
    async fn sign_vote(&self, vote: Vote) -> Result<SignedMessage<LedgerContext, Vote>, Error> {
        let statement = vote_statement(&vote);
        self.sign_message(vote, statement)
    }

    async fn sign_proposal(
        &self,
        proposal: Proposal,
    ) -> Result<SignedMessage<LedgerContext, Proposal>, Error> {
        let statement = proposal_statement(&proposal);
        self.sign_message(proposal, statement)
    }

    async fn sign_vote_extension(
        &self,
        _: VoteExtensionScope<LedgerContext>,
        _: (),
    ) -> Result<core::SignedExtension<LedgerContext>, Error> {
        Err(Error::new())
    }

    async fn sign_validator_proof(
        &self,
        public_key: Vec<u8>,
        peer_id: Vec<u8>,
    ) -> Result<ValidatorProof<LedgerContext>, Error> {
        let signature = self.sign(&proof_statement(&public_key, &peer_id));
        Ok(ValidatorProof::new(public_key, peer_id, signature))
    }
}
