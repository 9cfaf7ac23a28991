//! Pairs that are challenged: compared out of turn where the filter left them out, whatever owner and doctor encrypted, and where no run
//! has come to them.

use consilium_contracts::{IndexEntry, View};
use consilium_schemes::matching::{PreparedTrapdoor, matches_prepared};
use consilium_service::ApiError;

use super::live::Live;
use super::run::opened;
use super::takes_matches;
use crate::filter::Filter;
use crate::hospital::Hospital;
use crate::store::{COMPARED, Changes, PAIRS, TO_POST};

/// Compares each once; a match is written down to be posted, again if need be: its trapdoor may have been replaced before it was posted, and
/// be there again, byte for byte.
pub(super) fn compare(hospital: &Hospital) -> Result<(), ApiError> {
    let state = hospital.state();
    let (view, time) = (View::new(&state), state.time());
    let filter = Filter::new(hospital, &view);
    for challenge in view.open_challenges(&hospital.id) {
        let record = challenge.record;
        let trapdoor = view.trapdoor(&hospital.id, &challenge.doctor);
        let trapdoor = trapdoor.filter(|entry| time < entry.expiry).map(Live::of);
        let (Some(live), Some(index)) = (trapdoor, view.index(&record, &hospital.id)) else {
            continue;
        };
        let pair = live.pair(record);
        let compared_up_to = hospital.store.get(&COMPARED, &record)?;
        let in_turn = compared_up_to.is_some_and(|last| live.position <= last);
        if in_turn && filter.covers(&index, &live.entry)
            || !takes_matches(&view, &hospital.id, &record, time)
            || view.matched(&record, &challenge.doctor).is_some()
        {
            continue;
        }
        let known = hospital.store.get(&PAIRS, &pair)?;
        if known == Some(false) || hospital.store.has(&TO_POST, &pair)? {
            continue;
        }
        let matched = match known {
            Some(known) => known,
            None => compared(hospital, &index, &live)?,
        };
        let mut changes = Changes::new().put(&PAIRS, &pair, &matched);
        if matched {
            changes = changes.put(&TO_POST, &pair, &());
        }
        hospital.store.commit(changes)?;
        if matched {
            hospital.wake.posting.notify_one();
        }
    }
    Ok(())
}

/// Whether they match; what does not open matches nobody.
fn compared(hospital: &Hospital, index: &IndexEntry, live: &Live) -> Result<bool, ApiError> {
    hospital.gauges.compared.inc();
    match (opened(hospital, index), live.open(hospital)) {
        (Some(index), Some(trapdoor)) => {
            let trapdoor = PreparedTrapdoor::new(&trapdoor);
            matches_prepared(&index, &trapdoor).map_err(ApiError::internal)
        }
        _ => Ok(false),
    }
}
