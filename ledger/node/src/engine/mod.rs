//! The consensus engine behind the ledger: Malachite, an embedded Tendermint (PBFT family).
//!
//! Only this module and `core` name the engine. It is generic over our [`LedgerContext`] and is
//! therefore compiled here: change this module rarely.
//!
//! | Tendermint | here |
//! |---|---|
//! | value v | [`Value`]: the hash of a block |
//! | proposal, prevote, precommit | [`Proposal`], [`Vote`] |
//! | proposer(h, r) | [`Turns`] |
//! | body of v | proposal parts, [`crate::parts`] |

mod codec;
mod context;
mod members;
mod settings;
mod signing;
mod turns;

pub(crate) use codec::{evidence_of, from_engine, to_extended};
pub(crate) use context::{
    Address, EngineHeight, EngineValidatorSet, LedgerContext, Value, engine_round, ledger_round,
};
pub(crate) use members::Members;
pub(crate) use settings::{Launch, launch, peer_address, peer_id};
pub(crate) use turns::Turns;
