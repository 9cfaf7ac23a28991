//! What a patient's and a doctor's device do: the cryptography of the eleven steps together with the calls to the gateway.
//!
//! | step of the paper (002, III.B) | function |
//! |---|---|
//! | 2 UserKG, registration | [`register`], [`doctor::enrol`] |
//! | 3 Encrypt | [`patient::seal_record`], [`patient::submit_record`] |
//! | 4, 8 keyword tokens | [`keyword_tokens`] |
//! | 8 TrdGen | [`doctor::seal_trapdoor`], [`doctor::post_trapdoor`] |
//! | 10 Dec | [`doctor::open_case`], [`doctor::decrypt_record`] |
//! | 11 Results return | [`doctor::submit_report`], [`patient::read_report`], [`patient::acknowledge`] |
//!
//! A device believes nothing that its gateway says about the federation: parameters and keys come from the genesis, whose id came
//! with the invitation. Long cryptography is synchronous and separate from the calls, so that a caller chooses the thread.

pub mod doctor;
mod error;
mod federation;
mod files;
mod keywords;
pub mod patient;
mod registration;
mod transaction;

pub use error::DeviceError;
pub use federation::Federation;
pub use keywords::keyword_tokens;
pub use registration::register;
