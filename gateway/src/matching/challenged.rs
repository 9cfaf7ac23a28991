//! Pairs that the filter left out and that are challenged: compared out of turn, whatever owner and doctor encrypted.

use consilium_contracts::View;
use consilium_schemes::matching::{PreparedTrapdoor, matches_prepared};
use consilium_service::ApiError;

use super::live::Live;
use super::run::opened;
use super::takes_matches;
use crate::filter::Filter;
use crate::hospital::Hospital;
use crate::store::{Changes, PAIRS, TO_POST};

/// Compares each once; a match is written down to be posted.
pub(super) fn compare(hospital: &Hospital) -> Result<(), ApiError> {
    let state = hospital.state();
    let (view, time) = (View::new(&state), state.time());
    let filter = Filter::new(hospital, &view);
    if filter.size().is_none() {
        return Ok(());
    }
    for challenge in view.open_challenges(&hospital.id) {
        let record = challenge.record;
        let trapdoor = view.trapdoor(&hospital.id, &challenge.doctor);
        let trapdoor = trapdoor.filter(|entry| time < entry.expiry).map(Live::of);
        let (Some(live), Some(index)) = (trapdoor, view.index(&record, &hospital.id)) else {
            continue;
        };
        let pair = live.pair(record);
        if filter.covers(&index, &live.entry)
            || !takes_matches(&view, &hospital.id, &record, time)
            || hospital.store.has(&PAIRS, &pair)?
        {
            continue;
        }
        let matched = match (opened(hospital, &index), live.open(hospital)) {
            (Some(index), Some(trapdoor)) => {
                let trapdoor = PreparedTrapdoor::new(&trapdoor);
                matches_prepared(&index, &trapdoor).map_err(ApiError::internal)?
            }
            _ => false,
        };
        hospital.gauges.compared.inc();
        let mut changes = Changes::new().put(&PAIRS, &pair, &matched);
        if matched {
            changes = changes.put(&TO_POST, &pair, &());
        }
        hospital.store.commit(changes)?;
    }
    Ok(())
}
