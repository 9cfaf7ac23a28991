//! Indexes, encrypted to the hospitals that may match.

use super::step::Step;
use super::{record, sender};
use crate::action::PostIndex;
use crate::codec::Blob;
use crate::event::Event;
use crate::filter;
use crate::parse;
use crate::proof;
use crate::rejection::Rejection;
use crate::state::{Due, IndexEntry, Key, Principal, RecordEntry, RecordStatus, StateRead};
use crate::transaction::VerifiedTransaction;

/// Action 10. The first index of a record opens its matching window.
pub(super) fn post<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    tx: &VerifiedTransaction,
    action: &PostIndex,
) -> Result<(), Rejection> {
    let PostIndex { record, to, .. } = action;
    let entry = record::open(step, record)?;
    sender::owner(sender, &entry.terms.owner)?;
    check_window(step, &entry)?;
    if !step.view().may_use(&entry, to, step.time()) {
        return Err(Rejection::NotAuthorized {
            hospital: to.clone(),
            record: *record,
        });
    }
    if step.view().index(record, to).is_some() {
        return Err(Rejection::IndexExists {
            record: *record,
            hospital: to.clone(),
        });
    }
    let index = tx.posted_index().ok_or(Rejection::BadIndex)?.index();
    let settings = step.view().settings();
    parse::size(index.size(), settings.n)?;
    filter::check(settings.prefilter.as_ref(), action.filter.as_ref())?;
    proof::check(&step.view(), tx)?;
    let (record, to, height) = (*record, to.clone(), step.height());
    let posted = IndexEntry {
        record,
        to: to.clone(),
        index: Blob::try_from(index.to_bytes()).expect("it is shorter than with its proof"),
        height,
        posted: step.time(),
        filter: action.filter.clone(),
    };
    step.put(Key::index(&record, &to), &posted);
    step.mark(Key::index_to(&to, &record));
    step.emit(Event::IndexPosted {
        record,
        owner: entry.terms.owner.clone(),
        to,
    });
    if entry.status == RecordStatus::Registered {
        open_window(step, entry);
    }
    Ok(())
}

/// Indexes are taken before the window opens and while it is open.
fn check_window<S: StateRead>(step: &Step<'_, S>, entry: &RecordEntry) -> Result<(), Rejection> {
    match entry.status {
        RecordStatus::Registered => Ok(()),
        RecordStatus::Matching { until } if step.time() < until => Ok(()),
        _ => Err(Rejection::WindowClosed {
            record: entry.terms.record,
        }),
    }
}

fn open_window<S: StateRead>(step: &mut Step<'_, S>, mut entry: RecordEntry) {
    let until = step.time().plus(step.view().settings().matching_window_ms);
    let (record, owner) = (entry.terms.record, entry.terms.owner.clone());
    entry.status = RecordStatus::Matching { until };
    entry.window = Some(until);
    step.put(Key::record(&record), &entry);
    step.schedule(until, &Due::WindowEnd(record));
    step.emit(Event::WindowOpened {
        record,
        owner,
        until,
    });
}
