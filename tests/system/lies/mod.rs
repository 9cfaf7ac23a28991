//! Lies, told by programs: a hospital, a doctor, a patient and a KGC that run a modified client, against the real command's
//! processes.
//!
//! A program here holds the liar's true keys, from its folder with its passphrase, and posts what it likes over the HTTP API. Every lie
//! is refused for its own reason and changes nothing: height and state root stay as they were ([`Program::refused`]). What the same
//! program makes honestly is taken ([`Program::taken`]), so that a program that is merely broken does not pass. One more lie is one more
//! line in its liar's list.
//!
//! | liar | what it is told to |
//! |---|---|
//! | [`hospital`] | the consulted one, to an honest gateway, and through a third one |
//! | [`doctor`] | a doctor with an attribute key, to the own hospital's gateway |
//! | [`patient`] | the record's key, and the device, to the own hospital's gateway |
//! | [`kgc`] | its signing key, to a gateway |
//!
//! The table of all lies, what refuses each and where that is tested: `docs/spec/match_proof.md`.

mod doctor;
mod forge;
mod hospital;
mod kgc;
mod ledger;
mod patient;
mod points;
mod program;
