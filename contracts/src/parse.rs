//! The one place where bytes that the schemes made are given to the schemes' parsers.

use consilium_schemes::abe::{Complaint, PublicParameters, UserPublicKey};
use consilium_schemes::match_proof::{MatchProof, Outcome};
use consilium_schemes::matching::posting::{PostedIndex, PostedTrapdoor};
use consilium_schemes::matching::{
    ClaimedHospitalKeys, EncryptedIndex, EncryptedTrapdoor, HospitalKeys, IndexSize, encoded_size,
};
use consilium_schemes::report::{DecryptionProof, Evidence};
use consilium_schemes::tokens;

use crate::action::{AbeKeyBytes, Action, IndexBytes, PostMatch, ProofBytes, TrapdoorBytes};
use crate::genesis::ParameterBytes;
use crate::hospital::{CardError, HospitalCard};
use crate::patient::{Decrypted, Dispute};
use crate::proof::Carried;
use crate::rejection::Rejection;

/// How many leaves the tree of the ABE public parameters has; none when they do not parse.
pub(crate) fn leaf_count(parameters: &ParameterBytes) -> Option<u64> {
    let parameters = PublicParameters::from_bytes(parameters.as_bytes()).ok()?;
    Some(parameters.tree().depth().leaves())
}

/// A VOPRF public key is a canonical element other than the identity.
pub(crate) fn is_token_key(bytes: &[u8; tokens::PublicKey::LENGTH]) -> bool {
    tokens::PublicKey::from_bytes(bytes).is_ok()
}

/// A doctor's ABE public key is in the subgroup and not the identity.
pub(crate) fn abe_key(bytes: &AbeKeyBytes) -> Result<UserPublicKey, Rejection> {
    UserPublicKey::from_bytes(bytes.as_bytes()).map_err(|_| Rejection::BadAbeKey)
}

/// The ABE public parameters in the state: genesis was verified.
pub(crate) fn parameters(bytes: &ParameterBytes) -> PublicParameters {
    PublicParameters::from_bytes(bytes.as_bytes()).expect("genesis has parameters that parse")
}

/// What an action carries of the schemes. Every point is canonical, in the subgroup and not the identity, a trapdoor's number
/// of interests within 2m - 2 <= n; for which n it is made is compared with the federation's by [`size`].
pub(crate) fn carried(action: &Action) -> Result<Carried, Rejection> {
    match action {
        Action::PostIndex(action) => index(action.index.as_bytes()).map(Carried::Index),
        Action::PostTrapdoor(action) => trapdoor(action.trapdoor.as_bytes()).map(Carried::Trapdoor),
        Action::PostMatch(action) => match_proof(action).map(Carried::Match),
        Action::AnswerChallenge(action) => proof(&action.proof).map(Carried::Match),
        Action::ComplainTransform(action) => {
            let parsed = Complaint::from_bytes(action.complaint.as_bytes());
            let parsed = parsed.map_err(|_| Rejection::BadComplaint)?;
            Ok(Carried::Complaint(Box::new(parsed)))
        }
        Action::Acknowledge(decrypted) => decryption(decrypted).map(Carried::Decryption),
        Action::Complain(complain) => decryption(&complain.decrypted).map(Carried::Decryption),
        Action::Dispute(dispute) => evidence(dispute).map(|()| Carried::Nothing),
        _ => Ok(Carried::Nothing),
    }
}

fn index(bytes: &[u8]) -> Result<PostedIndex, Rejection> {
    let parsed = encoded_size(bytes).and_then(|n| PostedIndex::from_bytes(bytes, n));
    parsed.map_err(|_| Rejection::BadIndex)
}

fn trapdoor(bytes: &[u8]) -> Result<Box<PostedTrapdoor>, Rejection> {
    let parsed = encoded_size(bytes).and_then(|n| PostedTrapdoor::from_bytes(bytes, n));
    parsed.map(Box::new).map_err(|_| Rejection::BadTrapdoor)
}

/// A proof that they do not match is well-formed, but nothing to post.
fn match_proof(action: &PostMatch) -> Result<MatchProof, Rejection> {
    let PostMatch { record, doctor, .. } = *action;
    let proof = proof(&action.proof)?;
    match proof.outcome() {
        Outcome::Match => Ok(proof),
        Outcome::NoMatch => Err(Rejection::ProofOfNoMatch { record, doctor }),
    }
}

/// A proof of Match, of either outcome.
fn proof(bytes: &ProofBytes) -> Result<MatchProof, Rejection> {
    MatchProof::from_bytes(bytes.as_bytes()).map_err(|_| Rejection::BadProof)
}

fn decryption(decrypted: &Decrypted) -> Result<DecryptionProof, Rejection> {
    let proof = DecryptionProof::from_bytes(decrypted.proof.as_bytes());
    proof.map_err(|_| Rejection::BadDecryptionProof)
}

/// Evidence is not kept beside the transaction: its parts are long, and parsing them again costs a copy.
fn evidence(dispute: &Dispute) -> Result<(), Rejection> {
    let evidence = Evidence::from_bytes(dispute.evidence.as_bytes());
    evidence.map(drop).map_err(|_| Rejection::BadEvidence)
}

/// An index or a trapdoor is made for the federation's n.
pub(crate) fn size(found: IndexSize, n: u16) -> Result<(), Rejection> {
    match found.get() == n {
        true => Ok(()),
        false => Err(Rejection::WrongSize { n }),
    }
}

/// An index as it stands in the state, where [`carried`] was asked before.
pub(crate) fn stored_index(bytes: &IndexBytes) -> Result<EncryptedIndex, Rejection> {
    let bytes = bytes.as_bytes();
    let parsed = encoded_size(bytes).and_then(|n| EncryptedIndex::from_accepted_bytes(bytes, n));
    parsed.map_err(|_| Rejection::BadIndex)
}

/// A trapdoor as it stands in the state, where [`carried`] was asked before.
pub(crate) fn stored_trapdoor(bytes: &TrapdoorBytes) -> Result<EncryptedTrapdoor, Rejection> {
    let bytes = bytes.as_bytes();
    let parsed = encoded_size(bytes).and_then(|n| EncryptedTrapdoor::from_accepted_bytes(bytes, n));
    parsed.map_err(|_| Rejection::BadTrapdoor)
}

/// The matching keys of a card in the state: their proofs of possession were verified before it came there.
pub(crate) fn matching_keys(card: &HospitalCard) -> Result<HospitalKeys, CardError> {
    let claimed = ClaimedHospitalKeys::from_bytes(card.matching_keys.as_bytes());
    claimed
        .map(|claimed| claimed.admitted())
        .map_err(|_| CardError::MatchingKeys {
            hospital: card.id.clone(),
        })
}
