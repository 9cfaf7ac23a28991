//! Our types as the engine's.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use arc_malachitebft_app_channel::app::types::core::{
    self as core, Context, LinearTimeouts, NilOrVal, SignedExtension, SigningScheme, VoteType,
    VotingPower,
};
use consilium_contracts::Height;
use consilium_ledger::{BlockHash, Round, ValidatorAddress, ValidatorSet};
use consilium_schemes::signature::{self as keys, SignatureError, VerifyingKey};

use super::turns::Turns;

/// The types of our ledger, for the engine.
#[derive(Clone, Debug)]
pub(crate) struct LedgerContext;

impl Context for LedgerContext {
    type Address = Address;
    type Height = EngineHeight;
    type ProposalPart = crate::parts::Part;
    type Proposal = Proposal;
    type Validator = EngineValidator;
    type ValidatorSet = EngineValidatorSet;
    type Timeouts = LinearTimeouts;
    type Value = Value;
    type Vote = Vote;
    type Extension = ();
    type SigningScheme = StrictEd25519;

    fn select_proposer<'a>(
        &self,
        validators: &'a EngineValidatorSet,
        height: EngineHeight,
        round: core::Round,
    ) -> &'a EngineValidator {
        let turn = validators
            .turns
            .proposer(height.0, ledger_round(round).unwrap_or(Round::new(0)));
        let of_turn = validators
            .members
            .iter()
            .find(|member| member.address.0 == turn);
        of_turn
            .or(validators.members.first())
            .expect("a validator set is not empty, and turns are made from its members")
    }

    fn new_proposal(
        &self,
        height: EngineHeight,
        round: core::Round,
        value: Value,
        polka_round: core::Round,
        proposer: Address,
    ) -> Proposal {
        Proposal {
            height,
            round,
            value,
            polka_round,
            proposer,
        }
    }

    fn new_prevote(
        &self,
        height: EngineHeight,
        round: core::Round,
        value: NilOrVal<Value>,
        voter: Address,
    ) -> Vote {
        Vote {
            kind: VoteType::Prevote,
            height,
            round,
            value,
            voter,
        }
    }

    fn new_precommit(
        &self,
        height: EngineHeight,
        round: core::Round,
        value: NilOrVal<Value>,
        voter: Address,
    ) -> Vote {
        Vote {
            kind: VoteType::Precommit,
            height,
            round,
            value,
            voter,
        }
    }
}

/// A defined round as ours; the engine writes "none" as nil.
pub(crate) fn ledger_round(round: core::Round) -> Option<Round> {
    round.as_u32().map(Round::new)
}

/// Our round as the engine's.
pub(crate) fn engine_round(round: Option<Round>) -> core::Round {
    round.map_or(core::Round::Nil, |round| core::Round::new(round.value()))
}

/// A height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EngineHeight(pub(crate) Height);

impl fmt::Display for EngineHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::Height for EngineHeight {
    const ZERO: Self = Self(Height::new(0));
    const INITIAL: Self = Self(Height::new(1));

    fn increment_by(&self, n: u64) -> Self {
        Self(self.0.plus(n))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0
            .value()
            .checked_sub(n)
            .map(|height| Self(Height::new(height)))
    }

    fn as_u64(&self) -> u64 {
        self.0.value()
    }
}

/// A validator's address.
///
/// The engine asks of the set of validators whether its own address is in it: then it votes. A node that must not vote yet answers no,
/// and yes when it asks of the same validator as a signer of something; so its own address is marked, and equal to the unmarked one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address(pub(crate) ValidatorAddress, Whose);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Anyones,
    Own,
}

impl Address {
    /// As blocks and votes name it.
    pub(crate) const fn of(address: ValidatorAddress) -> Self {
        Self(address, Whose::Anyones)
    }

    /// The engine's own.
    pub(crate) const fn own(address: ValidatorAddress) -> Self {
        Self(address, Whose::Own)
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Address {}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::Address for Address {}

/// What is decided: a block by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Value(pub(crate) BlockHash);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::Value for Value {
    type Id = Self;

    fn id(&self) -> Self {
        *self
    }
}

/// A validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EngineValidator {
    address: Address,
    key: VerifyingKey,
    power: VotingPower,
}

impl core::Validator<LedgerContext> for EngineValidator {
    fn address(&self) -> &Address {
        &self.address
    }

    fn public_key(&self) -> &VerifyingKey {
        &self.key
    }

    fn voting_power(&self) -> VotingPower {
        self.power
    }
}

/// The validators of a height, and whose turn it is in which round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EngineValidatorSet {
    members: Vec<EngineValidator>,
    turns: Turns,
    /// Whether this node does not vote although it is a validator.
    abstains: bool,
}

impl EngineValidatorSet {
    /// Our validators as the engine's; this node votes as one of them unless it `abstains`.
    pub(crate) fn new(validators: &ValidatorSet, turns: Turns, abstains: bool) -> Self {
        let members = validators
            .as_slice()
            .iter()
            .map(|validator| EngineValidator {
                address: Address::of(*validator.address()),
                key: *validator.key(),
                power: validator.power().value().into(),
            });
        Self {
            members: members.collect(),
            turns,
            abstains,
        }
    }
}

impl core::ValidatorSet<LedgerContext> for EngineValidatorSet {
    fn count(&self) -> usize {
        self.members.len()
    }

    fn total_voting_power(&self) -> VotingPower {
        self.members.iter().map(|member| member.power).sum()
    }

    fn get_by_address(&self, address: &Address) -> Option<&EngineValidator> {
        if self.abstains && address.1 == Whose::Own {
            return None;
        }
        self.members
            .iter()
            .find(|member| member.address == *address)
    }

    fn get_by_index(&self, index: usize) -> Option<&EngineValidator> {
        self.members.get(index)
    }
}

/// A prevote or precommit. Extensions are not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vote {
    pub(crate) kind: VoteType,
    pub(crate) height: EngineHeight,
    pub(crate) round: core::Round,
    pub(crate) value: NilOrVal<Value>,
    pub(crate) voter: Address,
}

impl core::Vote<LedgerContext> for Vote {
    fn height(&self) -> EngineHeight {
        self.height
    }

    fn round(&self) -> core::Round {
        self.round
    }

    fn value(&self) -> &NilOrVal<Value> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<Value> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Address {
        &self.voter
    }

    fn extension(&self) -> Option<&SignedExtension<LedgerContext>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<LedgerContext>> {
        None
    }

    fn extend(self, _: SignedExtension<LedgerContext>) -> Self {
        self
    }
}

/// A proposal of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) height: EngineHeight,
    pub(crate) round: core::Round,
    pub(crate) value: Value,
    pub(crate) polka_round: core::Round,
    pub(crate) proposer: Address,
}

impl core::Proposal<LedgerContext> for Proposal {
    fn height(&self) -> EngineHeight {
        self.height
    }

    fn round(&self) -> core::Round {
        self.round
    }

    fn value(&self) -> &Value {
        &self.value
    }

    fn take_value(self) -> Value {
        self.value
    }

    fn pol_round(&self) -> core::Round {
        self.polka_round
    }

    fn validator_address(&self) -> &Address {
        &self.proposer
    }
}

/// Ed25519 with the workspace's one rule for what is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StrictEd25519;

impl SigningScheme for StrictEd25519 {
    type DecodingError = SignatureError;
    type Signature = EngineSignature;
    type PublicKey = VerifyingKey;
    // The engine never holds a private key: signing goes through `signing`.
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<EngineSignature, SignatureError> {
        keys::Signature::try_from(bytes).map(EngineSignature)
    }

    fn encode_signature(signature: &EngineSignature) -> Vec<u8> {
        signature.0.to_bytes().to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<VerifyingKey, SignatureError> {
        VerifyingKey::try_from(bytes)
    }

    fn encode_public_key(key: &VerifyingKey) -> Vec<u8> {
        key.to_bytes().to_vec()
    }
}

/// A signature, ordered by its bytes as the engine wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EngineSignature(pub(crate) keys::Signature);

impl PartialOrd for EngineSignature {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EngineSignature {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.to_bytes().cmp(&other.0.to_bytes())
    }
}
