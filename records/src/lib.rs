//! FHIR R4 and DICOM: parse, choose keywords, build a record.
//!
//! Reads whatever lies in a folder, makes exactly one record of each patient, lists what a record
//! could be found by, and lets the patient choose. Nothing leaves this crate: no network, and no files
//! are written but the samples.
//!
//! ```
//! use consilium_records::{Choice, Limits, Records, choose};
//! # let folder = std::env::temp_dir().join(format!("consilium-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # std::fs::write(folder.join("a.json"), r#"{"resourceType":"Condition","id":"c",
//! #   "subject":{"reference":"Patient/1"},
//! #   "code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E11.9"}]}}"#)?;
//! let mut records = Records::open(&folder, &Limits::default())?;
//! for record in &mut records {
//!     let keywords = choose(record.candidates(), 32, &Choice::Default)?;
//!     assert!(keywords.contains(&"icd-10|E11".parse()?), "the category, of E11.9");
//!     let mut bytes = Vec::new();
//!     std::io::copy(&mut record.content().open()?, &mut bytes)?;
//! }
//! for skipped in records.skipped() {
//!     println!("{skipped}");
//! }
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a record is
//! One per patient. A Bundle about one patient and a DICOM file are taken unchanged, byte for byte as
//! they were read, a byte order mark included; of a gzipped file, the decompressed bytes. All else is
//! put together: one collection Bundle of the patient's resources across files, each resource byte for
//! byte, in one order. Several DICOM files of one patient stay several records, because each file stays
//! unchanged.
//!
//! # Whose a resource is
//! The rule stands in `identity.rs`: ids are unique in a folder, not in the world.

mod assemble;
mod candidates;
mod choice;
mod coding;
mod dicom;
mod fhir;
mod files;
mod identity;
mod input;
mod limits;
mod reading;
mod record;
mod refusal;
mod sample;
mod survey;

pub use candidates::{Candidate, Candidates, Source, Standing};
pub use choice::{Choice, ChoiceError, choose};
pub use coding::{Breadth, DICOM_BODY_PART, DICOM_STUDY_DESCRIPTION, Keyword, KeywordError, LOCAL};
pub use limits::{Limits, MAX_DEPTH};
pub use reading::Records;
pub use record::{Content, PatientLabel, RecordFormat, SourceRecord};
pub use refusal::{Place, ReadError, Refusal, Skipped};
pub use sample::{Sample, SampleFile};
