//! What a patient's and a doctor's device do: the cryptography of the eleven steps together with the calls to the gateway.
//!
//! | step of the paper (002, III.B) | function |
//! |---|---|
//! | 2 UserKG, registration | [`register`], [`doctor::enrol`] |
//! | 3 Encrypt | [`patient::seal_record`], [`patient::submit_record`] |
//! | 4, 8 keyword tokens | [`keyword_tokens`] |
//! | 8 TrdGen | [`doctor::post_trapdoor`] |
//! | 10 Dec | [`doctor::open_case`], [`doctor::decrypt_record`]; where nothing opens [`doctor::complain`] |
//! | 11 Results return | [`doctor::submit_report`] to a [`doctor::ReportRecipient`], [`patient::read_report`], [`patient::acknowledge`] |
//!
//! Parameters and keys of the federation come from the genesis, whose id came with the invitation; the gateway is not asked for
//! them.
//!
//! # What a device believes its gateway
//!
//! In this version a device asks for **no proof of anything that stands on the ledger**; [`ledger_proof`](crate::ledger_proof) can check
//! one for who does. It takes from its gateway the current epoch, the
//! height, the digests and keys of a record, the key of the doctor who signed a report, hospitals' cards, and that a transaction was
//! committed. A lying gateway can therefore
//!
//! - name a past epoch, in which a doctor revoked since still decrypts (the ledger refuses to register such a record, but the
//!   gateway has the ciphertext by then);
//! - name a height far ahead, hold back a signed transaction and post it as late as that allows, or claim that it was committed;
//! - show a doctor a record, or a patient a report, of its own making (see [`doctor`], [`patient::read_report`]).
//!
//! It cannot decrypt a record or sign for the device; nor have the report on a genuine record encrypted to itself: the report goes
//! to the key in the header of the record that was decrypted ([`doctor::ReportRecipient`]).
//!
//! Long cryptography is synchronous and separate from the calls, so that a caller chooses the thread.

mod complaint;
pub mod doctor;
mod error;
mod federation;
mod files;
mod keywords;
pub mod patient;
mod recipient;
mod registration;
mod transaction;

pub use error::DeviceError;
pub use federation::Federation;
pub use keywords::keyword_tokens;
pub use registration::register;
