//! FHIR R4 as JSON: Bundles, NDJSON and single resources.

mod bundle;
mod codings;
mod collection;
mod document;
mod links;
mod resource;
mod resource_types;

pub(crate) use bundle::Bundle;
pub(crate) use codings::candidates;
pub(crate) use collection::{Member, collection};
pub(crate) use document::{Lines, check_json, looks_like_lines, read_error};
pub(crate) use resource::{Head, PatientFacts};
