//! Challenges to a hospital about a record and a doctor, and their answers.

use super::step::Step;
use super::{MAX_MATCHES, doctor, matching, record, sender};
use crate::challenge::{AnswerChallenge, Challenge, ChallengeRejection, Outcome};
use crate::event::Event;
use crate::ids::{BlockTime, DoctorId, HospitalId, RecordId};
use crate::proof;
use crate::rejection::{Rejection, Role};
use crate::state::{
    ChallengeEntry, ChallengeQuota, ChallengeStatus, Challenger, ConductEntry, Due, IndexEntry,
    Key, OpenChallenge, Principal, RecordEntry, StateRead, TrapdoorEntry,
};
use crate::transaction::VerifiedTransaction;

/// Action 22. Index and trapdoor stand on the ledger; a record that nobody matched keeps its indexes for this.
pub(super) fn challenge<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &Challenge,
) -> Result<(), Rejection> {
    let entry = record::known(step, &action.record)?;
    let by = challenger(sender, &entry)?;
    let hospital = doctor::active(step, &action.doctor)?.hospital;
    let (index, trapdoor) = matching::posted(step, &entry.terms.record, &action.doctor, &hospital)?;
    let in_time = check_compared(step, &entry, &index, &trapdoor, step.time())?;
    check_new(step, &index, &trapdoor)?;
    count(step, &entry.terms.record, by)?;
    let until = step.time().plus(step.view().settings().challenge_window_ms);
    let (record, doctor) = (index.record, trapdoor.doctor);
    let open = OpenChallenge {
        record,
        doctor,
        index: index.index,
        trapdoor: trapdoor.trapdoor,
    };
    let challenged = ChallengeEntry {
        record,
        doctor,
        hospital: hospital.clone(),
        by,
        about: open.digest(),
        in_time,
        height: step.height(),
        made: step.time(),
        until,
        status: ChallengeStatus::Open,
    };
    step.put(Key::challenge(&record, &doctor), &challenged);
    step.put(Key::open_challenge(&hospital, &record, &doctor), &open);
    step.schedule(until, &Due::ChallengeEnd { record, doctor });
    conduct(step, &hospital, |conduct| {
        conduct.open = conduct.open.saturating_add(1);
    });
    step.emit(Event::Challenged {
        record,
        owner: entry.terms.owner,
        doctor,
        hospital,
        until,
    });
    Ok(())
}

fn challenger(sender: &Principal, entry: &RecordEntry) -> Result<Challenger, Rejection> {
    match sender {
        Principal::Hospital(id) if *id == entry.terms.owner => Ok(Challenger::Owner),
        Principal::Record(id) if *id == entry.terms.record => Ok(Challenger::Patient),
        _ => Err(Rejection::Forbidden {
            needed: Role::OwnerOrRecordKey,
        }),
    }
}

/// The hospital had to compare them: it may use the record, and all of it came before the window ended. Whether all of it has stood for half
/// of the window by now: what stands later, nobody knows yet. With a prefilter it had to only from the challenge on, made at `challenged`:
/// before, a wrong bitmap of the owner's or wrong buckets of the doctor's may have kept it from comparing, and nobody can tell.
fn check_compared<S: StateRead>(
    step: &Step<'_, S>,
    entry: &RecordEntry,
    index: &IndexEntry,
    trapdoor: &TrapdoorEntry,
    challenged: BlockTime,
) -> Result<bool, Rejection> {
    let (record, doctor, hospital) = (index.record, trapdoor.doctor, index.to.clone());
    let (view, time) = (step.view(), step.time());
    let Some(authorized) = view.may_use_since(entry, &hospital, time) else {
        return Err(Rejection::NotAuthorized { hospital, record });
    };
    let Some(end) = entry.window else {
        return Err(Rejection::NoIndex { record, hospital });
    };
    if trapdoor.posted >= end {
        return Err(ChallengeRejection::NeverCompared { record, doctor }.into());
    }
    let settings = view.settings();
    let mut since = authorized.max(index.posted).max(trapdoor.posted);
    if settings.prefilter.is_some() {
        since = since.max(challenged);
    }
    let half = settings.matching_window_ms / 2;
    let room = entry.matches < MAX_MATCHES;
    Ok(room && since.plus(half) <= end.min(time))
}

/// No match stands there, and no challenge about the same.
fn check_new<S: StateRead>(
    step: &Step<'_, S>,
    index: &IndexEntry,
    trapdoor: &TrapdoorEntry,
) -> Result<(), ChallengeRejection> {
    let (record, doctor) = (index.record, trapdoor.doctor);
    if step.view().matched(&record, &doctor).is_some() {
        return Err(ChallengeRejection::AlreadyProven { record, doctor });
    }
    let Some(former) = step.view().challenge(&record, &doctor) else {
        return Ok(());
    };
    let same = former.is_about(index, trapdoor);
    match former.status {
        ChallengeStatus::Overdue => Ok(()),
        ChallengeStatus::Answered(_) | ChallengeStatus::Contradicted if !same => Ok(()),
        status => Err(ChallengeRejection::AlreadyChallenged {
            record,
            doctor,
            status,
        }),
    }
}

/// Counts one more challenge of the record by this challenger in this period.
fn count<S: StateRead>(
    step: &mut Step<'_, S>,
    record: &RecordId,
    by: Challenger,
) -> Result<(), ChallengeRejection> {
    let (settings, now) = (step.view().settings(), step.time());
    let ends = |quota: &ChallengeQuota| quota.since.plus(settings.challenge_period_ms);
    let running = step.view().challenge_quota(record, by);
    let running = running.filter(|quota| now < ends(quota));
    let mut quota = running.unwrap_or(ChallengeQuota {
        since: now,
        used: 0,
    });
    if quota.used >= settings.challenge_limit {
        return Err(ChallengeRejection::LimitReached {
            record: *record,
            limit: settings.challenge_limit,
            from: ends(&quota),
        });
    }
    quota.used = quota.used.saturating_add(1);
    step.put(Key::challenge_quota(record, by), &quota);
    Ok(())
}

/// Action 23.
pub(super) fn answer<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    tx: &VerifiedTransaction,
    action: &AnswerChallenge,
) -> Result<(), Rejection> {
    let AnswerChallenge { record, doctor, .. } = *action;
    let asked = doctor::known(step, &doctor)?;
    sender::doctors_hospital(sender, &asked)?;
    let challenged = step.view().challenge(&record, &doctor);
    let open = challenged.filter(|one| one.status == ChallengeStatus::Open);
    let challenged = open.ok_or(ChallengeRejection::NotChallenged { record, doctor })?;
    let until = challenged.until;
    if step.time() >= until {
        return Err(ChallengeRejection::TooLate {
            record,
            doctor,
            until,
        }
        .into());
    }
    let outcome = tx.proven_outcome().ok_or(Rejection::BadProof)?;
    if outcome == Outcome::Match
        && let Some((index, trapdoor)) = matching::takes(step, &record, &asked)
        && challenged.is_about(&index, &trapdoor)
    {
        let hospital = asked.hospital;
        let post = ChallengeRejection::PostTheMatch {
            record,
            doctor,
            hospital,
        };
        return Err(post.into());
    }
    proof::check(&step.view(), tx)?;
    let silent = step.view().matched(&record, &doctor).is_none();
    let entry = record::known(step, &record)?;
    let over = entry.window.is_some_and(|end| end <= step.time());
    let stood = challenged.in_time || stands(step, &entry, &challenged);
    let hidden = outcome == Outcome::Match && silent && over && stood;
    let status = match hidden {
        true => ChallengeStatus::Contradicted,
        false => ChallengeStatus::Answered(outcome),
    };
    settle(step, challenged, status);
    Ok(())
}

/// Whether what the challenge is about still stands, and stood for half of the window.
fn stands<S: StateRead>(
    step: &Step<'_, S>,
    entry: &RecordEntry,
    challenged: &ChallengeEntry,
) -> bool {
    let ChallengeEntry {
        record,
        doctor,
        hospital,
        ..
    } = challenged;
    matching::posted(step, record, doctor, hospital).is_ok_and(|(index, trapdoor)| {
        let stood = check_compared(step, entry, &index, &trapdoor, challenged.made);
        challenged.is_about(&index, &trapdoor) && stood == Ok(true)
    })
}

/// A match was posted: it answers the challenge about the same index and trapdoor.
pub(super) fn answered_by_match<S: StateRead>(
    step: &mut Step<'_, S>,
    index: &IndexEntry,
    trapdoor: &TrapdoorEntry,
) {
    let challenged = step.view().challenge(&index.record, &trapdoor.doctor);
    if let Some(challenged) = challenged
        && challenged.status == ChallengeStatus::Open
        && challenged.is_about(index, trapdoor)
    {
        settle(step, challenged, ChallengeStatus::Answered(Outcome::Match));
    }
}

/// The time to answer is over.
pub(super) fn end<S: StateRead>(step: &mut Step<'_, S>, record: &RecordId, doctor: &DoctorId) {
    let challenged = step.view().challenge(record, doctor);
    let challenged = challenged.expect("its due ends with it");
    settle(step, challenged, ChallengeStatus::Overdue);
}

fn settle<S: StateRead>(
    step: &mut Step<'_, S>,
    mut challenged: ChallengeEntry,
    status: ChallengeStatus,
) {
    challenged.status = status;
    let ChallengeEntry {
        record,
        doctor,
        hospital,
        until,
        ..
    } = challenged.clone();
    step.put(Key::challenge(&record, &doctor), &challenged);
    step.delete(Key::open_challenge(&hospital, &record, &doctor));
    step.cancel(until, &Due::ChallengeEnd { record, doctor });
    conduct(step, &hospital, |conduct| {
        conduct.open = conduct.open.saturating_sub(1);
        let counter = conduct.counter(status);
        *counter = counter.saturating_add(1);
    });
    let owner = step
        .view()
        .record(&record)
        .expect("a challenge's record is registered")
        .terms
        .owner;
    step.emit(Event::ChallengeSettled {
        record,
        owner,
        doctor,
        hospital,
        status,
    });
}

fn conduct<S: StateRead>(
    step: &mut Step<'_, S>,
    hospital: &HospitalId,
    change: impl FnOnce(&mut ConductEntry),
) {
    let mut entry = step.view().conduct(hospital);
    change(&mut entry);
    step.put(Key::conduct(hospital), &entry);
}
