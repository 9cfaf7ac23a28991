//! The schemes, from outside: properties, attacks, and vectors made again by other code.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod by_hand;
mod frozen;
mod support;

mod abe;
mod abe_vectors;
mod complaint;
mod constant_time;
mod curve;
mod decoders;
mod engine;
mod envelope;
mod labels;
mod match_proof;
mod matching;
mod report;
mod report_proofs;
mod signature;
mod tokens;
mod update_key;
mod wrap;
mod x_wing;
