//! The first state.

use super::hospital;
use super::step::Step;
use crate::genesis::VerifiedGenesis;
use crate::ids::Height;
use crate::parse;
use crate::state::{
    BlockContext, FederationEntry, Key, MemoryState, Principal, Transition, ValidatorSchedule,
};

/// The writes of a genesis that was checked.
pub(crate) fn genesis_state(verified: &VerifiedGenesis) -> Transition {
    let genesis = verified.genesis();
    let empty = MemoryState::new();
    let block = BlockContext {
        height: Height::new(0),
        time: genesis.created,
    };
    let mut step = Step::new(&empty, block);
    let federation = FederationEntry {
        id: verified.federation(),
        name: genesis.name.clone(),
        created: genesis.created,
        parameters: genesis.parameters.clone(),
        leaves: parse::leaf_count(&genesis.parameters)
            .expect("a verified genesis' parameters parse"),
        token_key: genesis.token_key,
        kgc: genesis.kgc.clone(),
    };
    step.put(Key::federation(), &federation);
    step.put(Key::settings(), &genesis.settings);
    step.put(Key::principal(&genesis.kgc.signing_key), &Principal::Kgc);
    step.put(Key::taken(&genesis.kgc.peer_key), &Principal::Kgc);
    for card in genesis.hospitals.iter() {
        hospital::enter(&mut step, card);
    }
    let schedule = ValidatorSchedule {
        since: Height::new(1),
        current: verified.validators(),
        next: None,
    };
    step.put(Key::validators(), &schedule);
    step.finish()
}
