//! What a patient's and a doctor's device do: the cryptography of the eleven steps together with the calls to the gateway.
//!
//! | step of the paper (002, III.B) | function |
//! |---|---|
//! | 2 UserKG, registration | [`register`], [`doctor::enrol`] |
//! | 3 Encrypt | [`patient::seal_record`], [`patient::submit_record`] |
//! | 4, 8 keyword tokens | [`keyword_tokens`] |
//! | 8 TrdGen | [`doctor::post_trapdoor`] |
//! | 10 Dec | [`doctor::open_case`], [`doctor::decrypt_record`]; where nothing opens [`doctor::complain`] |
//! | 11 Results return | [`doctor::submit_report`] to a [`doctor::ReportRecipient`], [`patient::read_report`], [`patient::acknowledge`], [`patient::complain`], [`patient::dispute`] |
//!
//! Parameters and keys of the federation come from the genesis, whose id came with the invitation; the gateway is not asked for
//! them.
//!
//! # What a device believes its gateway
//!
//! A patient's device has the digest and the doctor of a report, and the digest of the record's RSA key, proven from the genesis
//! ([`ledger_proof`](crate::ledger_proof)) before it opens, acknowledges or disputes anything. A doctor's device has what the record was
//! registered with proven before it decrypts anything or says whose fault it is. For the rest a device of this version
//! asks for no proof: it takes from its gateway the current epoch, the
//! height, assignments, hospitals' cards that are not in the genesis, and that a transaction was
//! committed. A lying gateway can therefore
//!
//! - name a past epoch, in which a doctor revoked since still decrypts (the ledger refuses to register such a record, but the
//!   gateway has the ciphertext by then);
//! - name a height far ahead, hold back a signed transaction and post it as late as that allows, or claim that it was committed;
//! - show a doctor a registered record that is not hers (see [`doctor`]), and keep a report from a patient.
//!
//! It cannot decrypt a record or sign for the device; nor have the report on a genuine record encrypted to itself: the report goes
//! to the key that the record was registered with ([`doctor::ReportRecipient`]).
//!
//! Long cryptography is synchronous and separate from the calls, so that a caller chooses the thread.

mod complaint;
pub mod doctor;
mod error;
mod federation;
mod files;
mod filter;
mod keywords;
pub mod patient;
mod received;
mod recipient;
mod registered;
mod registration;
mod transaction;

pub use error::DeviceError;
pub use federation::Federation;
pub use keywords::keyword_tokens;
pub use registration::register;
