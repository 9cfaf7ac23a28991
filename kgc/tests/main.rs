//! The KGC as a service.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

mod epochs;
mod issuing;
mod openapi;
mod recovery;
mod service;
