//! Reading records, from outside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod bad_input;
mod dicom_endings;
mod reading;
mod shared_data;
