//! What every service has, over real HTTP.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

mod http;
mod plaintext;
mod sessions;
