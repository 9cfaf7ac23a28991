//! What policies mean, from outside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

mod attributes;
mod examples;
mod language;
mod matrix;
mod numbers;
mod spans;
