//! The command and the services from end to end. One program for all of it: it is linked once, and tests that wait run beside tests
//! that compute.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod administration;
mod bench;
mod command;
mod common;
mod demo;
mod deploy;
mod doctor;
mod faults;
mod hospitals;
mod kill;
mod ledger;
mod lies;
mod membership;
mod newcomers;
mod operations;
mod patient;
mod replay;
mod rotation;
mod walkthrough;
