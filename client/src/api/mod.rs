//! What travels over HTTP: one typed request and response per endpoint, shared by those who send and those who answer.
//!
//! | module | endpoints |
//! |---|---|
//! | [`auth`] | the token endpoint, scopes |
//! | [`errors`] | what a refusal looks like, its stable codes |
//! | [`health`] | health and readiness |
//! | [`ledger`] | genesis, blocks, transactions: the same at every service |
//! | [`kgc`] | the key service |
//! | [`gateway`] | a hospital's gateway |
//! | [`challenges`] | what was compared for a record, and challenges to prove it |
//! | [`validators`] | who certifies the ledger's blocks, and how that changes |
//! | [`terms`] | words that several of them use |
//!
//! Identifiers stand as their text, bytes as lower-case hexadecimal, times as milliseconds since the Unix epoch in fields that
//! end in `_ms`. Requests refuse unknown fields. Large bodies (a CTHD, an update key) are `application/octet-stream`.

pub mod auth;
pub mod challenges;
pub mod errors;
pub mod gateway;
pub mod health;
pub mod kgc;
pub mod ledger;
pub mod terms;
pub mod validators;
