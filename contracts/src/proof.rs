//! The proofs that transactions carry: what they are about, and their verification, by `apply` or ahead of it.
//!
//! A posting carries the proof that it is its sender's own, a trapdoor's also that of its number of interests, a match the proof
//! of Match (`schemes::matching::posting`, `schemes::match_proof`), an acknowledgement that the patient decrypted
//! (`schemes::report`; `report_proof.rs`). What a proof is about stands half in the transaction, half in
//! the state: a [`Claim`] is both.
//!
//! | | poster | subject | epoch | expires |
//! |---|---|---|---|---|
//! | [`index_context`] | owner hospital | record | the record's | the transaction's |
//! | [`trapdoor_context`] | doctor | doctor | 0 | the transaction's |
//! | [`match_context`] | | record, doctor | the record's | the transaction's |
//! | [`answer_context`] | | record, doctor | the record's | the transaction's |
//!
//! A complaint about a transform carries no proof of one statement but what settles it ([`abe::Complaint`]): its verdict is who
//! is shown at fault.
//!
//! The record's epoch stands in its terms and never changes. The current epoch would not do: nobody who makes a proof knows
//! which one is current in the block that takes it. A trapdoor serves records of every epoch and is bound to none (epochs begin
//! with 1).
//!
//! Verifying takes milliseconds, and is a pure function of the claim. So whoever has the state beforehand calls
//! [`VerifiedTransaction::verify_proofs`], in as many threads as there are transactions; the verdict is remembered beside the
//! transaction with the digest of the state's half. `apply` verifies by itself what was not verified before, or when the state says
//! something else by then: the outcome is the same.

use consilium_schemes::abe;
use consilium_schemes::match_proof::{self, MatchContext, MatchProof, Statement};
use consilium_schemes::matching::HospitalKeys;
use consilium_schemes::matching::posting::{
    PostedIndex, PostedTrapdoor, PostingContext, PostingError,
};
use consilium_schemes::report::DecryptionProof;

use crate::action::{
    Action, IndexBytes, PostIndex, PostMatch, PostTrapdoor, RecordTerms, TrapdoorBytes,
};
use crate::apply::known_sender;
use crate::challenge::{AnswerChallenge, ChallengeRejection};
use crate::complaint::{Complained, Fault};
use crate::ids::{AuthorizationId, Digest, DoctorId, FederationId, Height, HospitalId, RecordId};
use crate::parse;
use crate::patient::Settlement;
use crate::rejection::Rejection;
use crate::report_proof::ReportClaim;
use crate::state::{HospitalEntry, Principal, StateRead, View};
use crate::transaction::{Transaction, VerifiedTransaction};

/// What the proof of an index is bound to.
pub fn index_context<'a>(
    federation: &FederationId,
    terms: &'a RecordTerms,
    to: &'a HospitalId,
    expires: Height,
) -> PostingContext<'a> {
    PostingContext {
        federation: *federation.as_bytes(),
        poster: terms.owner.as_str().as_bytes(),
        subject: *terms.record.as_bytes(),
        hospital: to.as_str().as_bytes(),
        epoch: terms.epoch.number(),
        expires: expires.value(),
    }
}

/// What the proofs of a trapdoor are bound to.
pub fn trapdoor_context<'a>(
    federation: &FederationId,
    doctor: &'a DoctorId,
    hospital: &'a HospitalId,
    expires: Height,
) -> PostingContext<'a> {
    PostingContext {
        federation: *federation.as_bytes(),
        poster: doctor.as_bytes(),
        subject: *doctor.as_bytes(),
        hospital: hospital.as_str().as_bytes(),
        epoch: 0,
        expires: expires.value(),
    }
}

/// What a proof of Match is bound to.
pub fn match_context<'a>(
    federation: &FederationId,
    terms: &RecordTerms,
    doctor: &DoctorId,
    hospital: &'a HospitalId,
    authorization: Option<AuthorizationId>,
    expires: Height,
) -> MatchContext<'a> {
    MatchContext {
        federation: *federation.as_bytes(),
        record: *terms.record.as_bytes(),
        doctor: *doctor.as_bytes(),
        hospital: hospital.as_str().as_bytes(),
        epoch: terms.epoch.number(),
        authorization: authorization.map(|id| *id.as_bytes()),
        expires: expires.value(),
    }
}

/// What the answer to a challenge is bound to; it rests on no authorization.
pub fn answer_context<'a>(
    federation: &FederationId,
    terms: &RecordTerms,
    doctor: &DoctorId,
    hospital: &'a HospitalId,
    expires: Height,
) -> MatchContext<'a> {
    match_context(federation, terms, doctor, hospital, None, expires)
}

/// What a transaction carries of the schemes, parsed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Carried {
    Nothing,
    Index(PostedIndex),
    Trapdoor(Box<PostedTrapdoor>),
    /// Of a match that is posted, or of either outcome in an answer.
    Match(MatchProof),
    Complaint(Box<abe::Complaint>),
    Decryption(DecryptionProof),
}

/// Whether a claim holds: the claim by the digest of its half in the state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    claim: Digest,
    outcome: Result<Shown, Rejection>,
}

/// What the proofs of a transaction show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shown {
    /// What the transaction claims.
    Claim,
    /// Who is at fault, for a complaint.
    Fault(Fault),
    /// How a dispute is settled.
    Settled(Settlement),
}

impl Verdict {
    pub(crate) const fn holds(&self) -> bool {
        self.outcome.is_ok()
    }

    /// The one that is remembered beside the transaction, whose claim this is, if it is about the same; else a new one.
    fn of(
        tx: &VerifiedTransaction,
        claim: Digest,
        verify: impl FnOnce() -> Result<Shown, Rejection>,
    ) -> Self {
        match tx.verdict() {
            Some(known) if known.claim == claim => known.clone(),
            _ => Self {
                claim,
                outcome: verify(),
            },
        }
    }
}

/// What a transaction's proof is about, as the state has it.
struct Claim<'a> {
    transaction: &'a Transaction,
    /// Whose keys it is encrypted to.
    hospital: HospitalEntry,
    about: About<'a>,
}

enum About<'a> {
    Index {
        posted: &'a PostedIndex,
        terms: Box<RecordTerms>,
    },
    Trapdoor {
        posted: &'a PostedTrapdoor,
    },
    Match(Box<Matched<'a>>),
    Complaint(Box<Complained<'a>>),
}

/// A match that is posted, or the answer to a challenge.
struct Matched<'a> {
    record: RecordId,
    doctor: DoctorId,
    proof: &'a MatchProof,
    /// Which outcome it may have, and what it rests on; a challenge takes both.
    posted: Option<&'a PostMatch>,
    terms: RecordTerms,
    index: IndexBytes,
    trapdoor: TrapdoorBytes,
}

impl VerifiedTransaction {
    /// Verifies its proofs against what the state says now, and remembers the verdict for `apply`. Does nothing for
    /// transactions without proofs, nor where the state lacks what the proofs are about, nor for a sender who may not post it: whoever
    /// floods a node with what `apply` refuses at once gets no work out of it here.
    pub fn verify_proofs(&mut self, state: &impl StateRead) {
        let view = View::new(state);
        if let Ok(Some(claim)) = Claim::of(&view, self)
            && known_sender(&view, self).is_ok()
            && claim.is_the_senders(&view)
            && claim.is_of_size(view.settings().n)
        {
            let verdict = claim.verdict(self);
            self.remember(verdict);
        } else if let Ok(Some(claim)) = ReportClaim::of(&view, self)
            && known_sender(&view, self).is_ok()
            && claim.is_the_senders(&view)
        {
            let verdict = Verdict::of(self, claim.digest(), || claim.verify());
            self.remember(verdict);
        }
    }
}

/// For `apply`, once everything else was checked: the proofs that a transaction carries hold.
pub(crate) fn check(
    view: &View<impl StateRead>,
    tx: &VerifiedTransaction,
) -> Result<(), Rejection> {
    match Claim::of(view, tx)? {
        Some(claim) => claim.verdict(tx).outcome.map(|_| ()),
        None => Ok(()),
    }
}

/// For `apply` of a complaint, once everything else was checked: who is shown at fault.
pub(crate) fn settled(
    view: &View<impl StateRead>,
    tx: &VerifiedTransaction,
) -> Result<Fault, Rejection> {
    let claim = Claim::of(view, tx)?.ok_or(Rejection::BadComplaint)?;
    match claim.verdict(tx).outcome? {
        Shown::Fault(fault) => Ok(fault),
        Shown::Claim | Shown::Settled(_) => Err(Rejection::BadComplaint),
    }
}

/// For `apply` likewise: what a patient shows about a report holds; how a dispute is settled.
pub(crate) fn check_report(
    view: &View<impl StateRead>,
    tx: &VerifiedTransaction,
) -> Result<Shown, Rejection> {
    match ReportClaim::of(view, tx)? {
        Some(claim) => Verdict::of(tx, claim.digest(), || claim.verify()).outcome,
        None => Ok(Shown::Claim),
    }
}

impl<'a> Claim<'a> {
    /// None for an action that carries no proof.
    fn of<S: StateRead>(
        view: &View<S>,
        tx: &'a VerifiedTransaction,
    ) -> Result<Option<Self>, Rejection> {
        let transaction = tx.transaction();
        let (hospital, about) = match (&transaction.action, tx.carried()) {
            (Action::PostIndex(PostIndex { record, to, .. }), Carried::Index(posted)) => {
                let terms = Box::new(terms(view, record)?);
                (hospital(view, to)?, About::Index { posted, terms })
            }
            (
                Action::PostTrapdoor(PostTrapdoor { hospital: to, .. }),
                Carried::Trapdoor(posted),
            ) => (hospital(view, to)?, About::Trapdoor { posted }),
            (Action::PostMatch(action), Carried::Match(proof)) => matched(view, action, proof)?,
            (Action::AnswerChallenge(action), Carried::Match(proof)) => {
                answered(view, action, proof)?
            }
            (Action::ComplainTransform(action), Carried::Complaint(complaint)) => {
                let (at, about) = Complained::of(view, transaction, &action.record, complaint)?;
                (at, About::Complaint(Box::new(about)))
            }
            // Parsing makes no other pairs with something carried.
            _ => return Ok(None),
        };
        Ok(Some(Self {
            transaction,
            hospital,
            about,
        }))
    }

    /// A posting for another n is refused whatever it proves.
    fn is_of_size(&self, n: u16) -> bool {
        match &self.about {
            About::Index { posted, .. } => parse::size(posted.index().size(), n).is_ok(),
            About::Trapdoor { posted } => parse::size(posted.trapdoor().size(), n).is_ok(),
            About::Match(_) | About::Complaint(_) => true,
        }
    }

    fn is_the_senders<S: StateRead>(&self, view: &View<S>) -> bool {
        let sender = view.principal(&self.transaction.sender);
        sender.is_some_and(|sender| match (&self.about, sender) {
            (About::Index { terms, .. }, Principal::Hospital(id)) => id == terms.owner,
            (About::Trapdoor { .. }, Principal::Doctor(id)) => {
                let doctor = view.doctor(&id);
                doctor.is_some_and(|doctor| doctor.hospital == self.hospital.card.id)
            }
            (About::Match(_), Principal::Hospital(id)) => id == self.hospital.card.id,
            (About::Complaint(about), Principal::Doctor(_)) => about.may_be_posted(view),
            _ => false,
        })
    }

    fn verdict(&self, tx: &VerifiedTransaction) -> Verdict {
        Verdict::of(tx, self.digest(), || self.verify())
    }

    /// Of everything in the state that the verdict depends on; the rest stands in the transaction, beside which it is kept.
    fn digest(&self) -> Digest {
        let keys = &self.hospital.card.matching_keys;
        let encoded = match &self.about {
            About::Index { terms, .. } => borsh::to_vec(&(keys, terms)),
            About::Trapdoor { .. } => borsh::to_vec(keys),
            About::Match(matched) => borsh::to_vec(&(
                keys,
                &self.hospital.card.id,
                &matched.terms,
                &matched.index,
                &matched.trapdoor,
            )),
            About::Complaint(about) => {
                borsh::to_vec(&(self.hospital.card.signing_key.as_bytes(), about.parts()))
            }
        };
        Digest::of(&encoded.expect("writing to a vector cannot fail"))
    }

    fn verify(&self) -> Result<Shown, Rejection> {
        match &self.about {
            About::Complaint(about) => {
                let federation = &self.transaction.federation;
                about.settle(federation, &self.hospital).map(Shown::Fault)
            }
            About::Index { .. } | About::Trapdoor { .. } | About::Match(_) => {
                self.verify_proofs().map(|()| Shown::Claim)
            }
        }
    }

    fn verify_proofs(&self) -> Result<(), Rejection> {
        let Transaction {
            federation,
            expires,
            sender,
            ..
        } = self.transaction;
        let id = &self.hospital.card.id;
        let keys = parse::matching_keys(&self.hospital.card)?;
        match &self.about {
            About::Index { posted, terms } => {
                let context = index_context(federation, terms, id, *expires);
                let refused = |_| Rejection::IndexNotProven {
                    record: terms.record,
                    hospital: id.clone(),
                };
                posted.verify(&keys, &context).map(|_| ()).map_err(refused)
            }
            About::Trapdoor { posted } => {
                let doctor = DoctorId::derive(federation, sender);
                let context = trapdoor_context(federation, &doctor, id, *expires);
                let verified = posted.verify(&keys, &context).map(|_| ());
                verified.map_err(|error| match error {
                    PostingError::Rank { claimed } => {
                        Rejection::InterestsNotProven { doctor, claimed }
                    }
                    _ => Rejection::TrapdoorNotProven { doctor },
                })
            }
            About::Match(matched) => matched.verify(self.transaction, id, &keys),
            About::Complaint(_) => Ok(()),
        }
    }
}

impl Matched<'_> {
    fn verify(
        &self,
        transaction: &Transaction,
        hospital: &HospitalId,
        keys: &HospitalKeys,
    ) -> Result<(), Rejection> {
        let (record, doctor) = (self.record, self.doctor);
        let context = match_context(
            &transaction.federation,
            &self.terms,
            &doctor,
            hospital,
            self.posted.and_then(|posted| posted.authorization),
            transaction.expires,
        );
        let statement = Statement {
            index: &parse::stored_index(&self.index)?,
            trapdoor: &parse::stored_trapdoor(&self.trapdoor)?,
            keys,
            context: &context,
        };
        let verified = match_proof::verify(&statement, self.proof);
        match (self.posted, verified) {
            (None, Ok(_)) | (Some(_), Ok(match_proof::Outcome::Match)) => Ok(()),
            (None, Err(_)) => Err(ChallengeRejection::NotProven { record, doctor }.into()),
            (Some(_), Ok(match_proof::Outcome::NoMatch)) => {
                Err(Rejection::ProofOfNoMatch { record, doctor })
            }
            (Some(_), Err(_)) => Err(Rejection::MatchNotProven { record, doctor }),
        }
    }
}

pub(crate) fn hospital<S: StateRead>(
    view: &View<S>,
    id: &HospitalId,
) -> Result<HospitalEntry, Rejection> {
    view.hospital(id).ok_or(Rejection::UnknownHospital {
        hospital: id.clone(),
    })
}

pub(crate) fn terms<S: StateRead>(
    view: &View<S>,
    record: &RecordId,
) -> Result<RecordTerms, Rejection> {
    let entry = view.record(record);
    let unknown = Rejection::UnknownRecord { record: *record };
    Ok(entry.ok_or(unknown)?.terms)
}

fn hospital_of<S: StateRead>(view: &View<S>, doctor: &DoctorId) -> Result<HospitalId, Rejection> {
    let unknown = Rejection::UnknownDoctor { doctor: *doctor };
    Ok(view.doctor(doctor).ok_or(unknown)?.hospital)
}

/// Index and trapdoor as they stand now: `apply` takes those of earlier blocks only.
fn matched<'a, S: StateRead>(
    view: &View<S>,
    action: &'a PostMatch,
    proof: &'a MatchProof,
) -> Result<(HospitalEntry, About<'a>), Rejection> {
    let (record, doctor) = (action.record, action.doctor);
    let at = hospital_of(view, &doctor)?;
    let trapdoor = view.trapdoor(&at, &doctor);
    let index = view.index(&record, &at);
    let matched = Matched {
        record,
        doctor,
        proof,
        posted: Some(action),
        terms: terms(view, &record)?,
        index: index
            .ok_or(Rejection::NoIndex {
                record,
                hospital: at.clone(),
            })?
            .index,
        trapdoor: trapdoor.ok_or(Rejection::NoTrapdoor { doctor })?.trapdoor,
    };
    Ok((hospital(view, &at)?, About::Match(Box::new(matched))))
}

/// Index and trapdoor as the challenge kept them.
fn answered<'a, S: StateRead>(
    view: &View<S>,
    action: &'a AnswerChallenge,
    proof: &'a MatchProof,
) -> Result<(HospitalEntry, About<'a>), Rejection> {
    let (record, doctor) = (action.record, action.doctor);
    let at = hospital_of(view, &doctor)?;
    let open = view.open_challenge(&at, &record, &doctor);
    let open = open.ok_or(ChallengeRejection::NotChallenged { record, doctor })?;
    let matched = Matched {
        record,
        doctor,
        proof,
        posted: None,
        terms: terms(view, &record)?,
        index: open.index,
        trapdoor: open.trapdoor,
    };
    Ok((hospital(view, &at)?, About::Match(Box::new(matched))))
}
