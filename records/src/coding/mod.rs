//! Codes of any system in one spelling, and what is broader than them.

mod icd10;
mod icd10_blocks;
mod keyword;
mod systems;

pub use keyword::{Breadth, Keyword, KeywordError};
pub(crate) use systems::DCM;
pub use systems::{DICOM_BODY_PART, DICOM_STUDY_DESCRIPTION, LOCAL};
