//! Who votes: the KGC proposes, more than two thirds of the validators approve, and from a stated height on it holds.
//!
//! At most one proposal is open and at most one change is scheduled. An approved proposal that finds another change scheduled, a
//! rotated key, waits for it and comes next, before any transaction: a validator that rotates its key delays its removal by one
//! [`VALIDATOR_DELAY`] and no longer. Each rotated key lengthens all later proofs by a handover, so a hospital that votes has one in a day
//! ([`REKEY_INTERVAL_MS`]); one that is voted out keeps its key until it votes no more.

use super::sender;
use super::step::Step;
use crate::action::{ApproveValidatorChange, ValidatorChange};
use crate::codec::OrderedSet;
use crate::event::Event;
use crate::ids::{BlockTime, Height, HospitalId};
use crate::rejection::Rejection;
use crate::state::{
    Key, Principal, ProposalEntry, ScheduledValidators, StateRead, Validator, ValidatorSchedule,
    Validators, View,
};
use consilium_schemes::signature::VerifyingKey;

/// A change that is approved at height h is in force from h + 4 on. At least 2, so that a header below that height, certified by the
/// former validators, shows it; the two more are spare headers and time to fetch them.
pub const VALIDATOR_DELAY: u64 = 4;
/// How long a proposal takes approvals: seven days of block time.
pub const PROPOSAL_LIFETIME_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// How long a hospital that votes keeps a voting key: a day of block time.
pub const REKEY_INTERVAL_MS: u64 = 24 * 60 * 60 * 1000;

/// Action 19. Replaces a proposal that is open.
pub(super) fn propose<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    change: &ValidatorChange,
) -> Result<(), Rejection> {
    sender::kgc(sender)?;
    changed(step, step.view().validator_schedule().newest(), change)?;
    let proposal = ProposalEntry {
        change: change.clone(),
        proposed: step.height(),
        expires: step.time().plus(PROPOSAL_LIFETIME_MS),
        approvals: OrderedSet::default(),
    };
    step.put(Key::validator_proposal(), &proposal);
    step.emit(Event::ValidatorChangeProposed {
        change: change.clone(),
        expires: proposal.expires,
    });
    Ok(())
}

/// Action 20. The approval that makes a quorum schedules the change.
pub(super) fn approve<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &ApproveValidatorChange,
) -> Result<(), Rejection> {
    let hospital = sender::hospital(sender)?;
    let validators = step.view().validator_schedule().current;
    if !validators.contains(hospital) {
        return Err(Rejection::NotValidator {
            hospital: hospital.clone(),
        });
    }
    let mut proposal = open_proposal(step, action)?;
    if proposal.approvals.contains(hospital) {
        return Err(Rejection::AlreadyApproved {
            hospital: hospital.clone(),
        });
    }
    let approvals = proposal.approvals.iter().chain([hospital]);
    let counting = approvals.filter(|one| validators.contains(one)).cloned();
    proposal.approvals = OrderedSet::collect(counting)
        .expect("those that approve are validators, which are no more than the set takes");
    step.put(Key::validator_proposal(), &proposal);
    step.emit(Event::ValidatorChangeApproved {
        change: proposal.change,
        hospital: hospital.clone(),
        approvals: small(proposal.approvals.len()),
        validators: small(validators.count()),
    });
    schedule_approved(step);
    Ok(())
}

/// At most [`MAX_VALIDATORS`](crate::MAX_VALIDATORS).
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The open proposal, if it is the one that is approved and takes approvals.
fn open_proposal<S: StateRead>(
    step: &Step<'_, S>,
    action: &ApproveValidatorChange,
) -> Result<ProposalEntry, Rejection> {
    let proposal = step
        .view()
        .validator_proposal()
        .ok_or(Rejection::NoProposal)?;
    if (&proposal.change, proposal.proposed) != (&action.change, action.proposed) {
        return Err(Rejection::OtherProposal {
            change: proposal.change,
            proposed: proposal.proposed,
        });
    }
    let (expires, time) = (proposal.expires, step.time());
    if expires <= time {
        return Err(Rejection::ProposalExpired { expires, time });
    }
    Ok(proposal)
}

/// The validators after a change, or why it cannot be.
fn changed<S: StateRead>(
    step: &Step<'_, S>,
    validators: &Validators,
    change: &ValidatorChange,
) -> Result<Validators, Rejection> {
    let unknown = |hospital: &HospitalId| Rejection::UnknownHospital {
        hospital: hospital.clone(),
    };
    match change {
        ValidatorChange::Join { hospital } => {
            let entry = step.view().hospital(hospital);
            let card = entry.ok_or_else(|| unknown(hospital))?.card;
            let hospital = hospital.clone();
            if validators.contains(&hospital) {
                return Err(Rejection::AlreadyValidator { hospital });
            }
            let key = card.validator_key;
            let joined = validators.joined(Validator { hospital, key });
            joined.map_err(|_| Rejection::TooManyValidators)
        }
        ValidatorChange::Leave { hospital } => {
            step.view()
                .hospital(hospital)
                .ok_or_else(|| unknown(hospital))?;
            let hospital = hospital.clone();
            if !validators.contains(&hospital) {
                return Err(Rejection::NotValidator { hospital });
            }
            let left = validators.left(&hospital);
            left.map_err(|_| Rejection::LastValidator { hospital })
        }
    }
}

/// Schedules the open proposal once enough approve it and nothing else is scheduled.
fn schedule_approved<S: StateRead>(step: &mut Step<'_, S>) {
    let ValidatorSchedule {
        since,
        current,
        next,
    } = step.view().validator_schedule();
    let Some(proposal) = step.view().validator_proposal() else {
        return;
    };
    let approvals = proposal.approvals.iter();
    let counting = approvals.filter(|one| current.contains(one)).count();
    if next.is_some() || !current.is_quorum(counting) {
        return;
    }
    step.delete(Key::validator_proposal());
    // It could be done when it was proposed, and nothing but a proposal changes which hospitals vote.
    if let Ok(validators) = changed(step, &current, &proposal.change) {
        let hospital = proposal.change.hospital();
        schedule(step, (since, current), validators, hospital);
    }
}

fn schedule<S: StateRead>(
    step: &mut Step<'_, S>,
    (since, current): (Height, Validators),
    validators: Validators,
    hospital: &HospitalId,
) {
    let from = step.height().plus(VALIDATOR_DELAY);
    let schedule = ValidatorSchedule {
        since,
        current,
        next: Some(ScheduledValidators { from, validators }),
    };
    step.put(Key::validators(), &schedule);
    step.emit(Event::ValidatorsScheduled {
        hospital: hospital.clone(),
        from,
    });
}

/// Why a hospital cannot replace its voting key in a block of this time that comes next; none where it can.
pub fn rekey_refusal<S: StateRead>(
    view: &View<S>,
    hospital: &HospitalId,
    time: BlockTime,
) -> Option<Rejection> {
    let ValidatorSchedule { current, next, .. } = view.validator_schedule();
    let (votes, hospital) = (current.contains(hospital), hospital.clone());
    if let Some(ScheduledValidators { from, validators }) = next {
        return match validators.contains(&hospital) {
            true => Some(Rejection::ChangeScheduled { from }),
            // Its node votes with the key it has until then, and would not start with another.
            false => votes.then_some(Rejection::RemovalScheduled { hospital, from }),
        };
    }
    let last = view.hospital(&hospital)?.rekeyed?;
    let from = last.plus(REKEY_INTERVAL_MS);
    (votes && time < from).then_some(Rejection::RekeyedLately {
        hospital,
        from,
        time,
    })
}

/// A hospital has another validator key: scheduled where it votes, or will. Whether it is.
pub(super) fn rekey<S: StateRead>(
    step: &mut Step<'_, S>,
    hospital: &HospitalId,
    key: VerifyingKey,
) -> Result<bool, Rejection> {
    if let Some(refusal) = rekey_refusal(&step.view(), hospital, step.time()) {
        return Err(refusal);
    }
    let ValidatorSchedule { since, current, .. } = step.view().validator_schedule();
    if !current.contains(hospital) {
        return Ok(false);
    }
    let rekeyed = current.rekeyed(hospital, key);
    let rekeyed = rekeyed.map_err(|_| Rejection::KeyTaken { key: key.into() })?;
    schedule(step, (since, current), rekeyed, hospital);
    Ok(true)
}

/// What is due at the block's height: the scheduled validators are the current ones, and an approved proposal that waited comes next.
pub(super) fn begin<S: StateRead>(step: &mut Step<'_, S>) {
    let height = step.height();
    let next = step.view().validator_schedule().next;
    let Some(ScheduledValidators { from, validators }) = next.filter(|next| next.from <= height)
    else {
        return;
    };
    let schedule = ValidatorSchedule {
        since: from,
        current: validators,
        next: None,
    };
    step.put(Key::validators(), &schedule);
    step.emit(Event::ValidatorsInForce { from });
    schedule_approved(step);
}
