//! The policy language of Consilium and its linear secret sharing. No I/O, no randomness, no curve.
//!
//! A patient writes who may read a record; a key holds attributes; the attribute-based encryption of
//! `consilium-schemes` needs the policy as a matrix. This crate is everything between the text and
//! the matrix:
//!
//! ```
//! use bls12_381::Scalar;
//! use consilium_policies::{AttributeSet, Policy};
//!
//! let policy: Policy = "role:cardiologist and (hospital:st-mary or 2 of (icu, er, surgery)) \
//!                       and clearance >= 3".parse()?;
//! let doctor: AttributeSet = "role:cardiologist, icu, surgery, clearance=4".parse()?;
//! assert!(policy.is_satisfied_by(&doctor));
//! let rows = policy.access_structure().select::<Scalar>(&doctor).expect("satisfied");
//! assert_eq!(rows.rows().len(), 4); // the role, icu, surgery, and one bit of the clearance
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The language
//!
//! ```text
//! policy     = any
//! any        = all { "or" all }
//! all        = item { "and" item }                       "and" binds tighter than "or"
//! item       = "(" any ")" | count "of" "(" any { "," any } ")" | name [ ":" value ]
//!            | name ( "<" | "<=" | ">" | ">=" | "==" ) number
//! attributes = entry { ( "," | line end ) entry }
//! entry      = name [ ":" value ] | name "=" number
//! name       = letter { letter | digit | "." | "_" | "-" }             at most 64
//! value      = ( letter | digit | "." | "_" | "-" ) { the same }       at most 64
//! number     = decimal, no sign, no leading zero, at most 2^32 - 1
//! ```
//!
//! - Text is ASCII and upper case means lower case, keywords too, so that no two spellings that look
//!   alike differ. Outside comments any other character, however similar or invisible, is refused
//!   with its position.
//! - `and`, `or`, `of` and `not` are not names (there is no negation, and a policy must not seem to
//!   have one). As a value they are fine: `team:and`.
//! - Spaces, tabs and line ends separate; there is none around the `:` of an attribute. `#` begins a
//!   comment that lasts to the end of its line. A comment stands apart from the word before it and may
//!   be in any script, without the characters that change how the text around them looks.
//! - `name`, `name:value` and the number `name` are three different things: `clearance:4` says
//!   nothing about `clearance >= 3`.
//! - `2 of (icu, icu, er)` is taken as written: `icu` counts twice.
//!
//! [`Policy`] prints in one canonical form, which parses back to the same policy and is what a
//! ciphertext's header carries ([`Policy::to_bytes`]).
//!
//! # Notation
//!
//! | symbol | here |
//! |---|---|
//! | (M, rho) | [`AccessStructure`], [`AccessStructure::matrix`], [`Row::attribute`] |
//! | tau(i), m | [`Row::repetition`], [`AccessStructure::max_repetition`] |
//! | lambda = M (s, y_2, ..) | [`AccessStructure::shares`] |
//! | omega, sum omega_i M_i = (1,0,..,0) | [`Selection`] |
//! | omega, omega M = kappa (1,0,..,0) | [`AccessStructure::consistency_weights`] |
//! | S | [`AttributeSet`] |
//!
//! # Sources
//!
//! And, or: Lewko and Waters, *Decentralizing attribute-based encryption*, EUROCRYPT 2011 (eprint
//! 2010/351), appendix G. k-of-n: the Vandermonde block of Liu, Cao and Wong, *Efficient generation of
//! linear secret sharing scheme matrices from threshold access trees*, eprint 2010/374. Numbers: the bag of bits of
//! Bethencourt, Sahai and Waters, *Ciphertext-policy attribute-based encryption*, S&P 2007,
//! section 4.3.
//!
//! # Assumptions
//!
//! The field has more than [`MAX_ROWS`] elements, and is of the order of the group that the shares go
//! into. It is the caller's: everything is generic over [`ff::PrimeField`], because the powers of a
//! Vandermonde block overflow any machine integer, and a field element is what the caller needs.
//!
//! # Deviations
//!
//! - An `and` of n is one block (the papers' `and` of two, nested), and a k-of-n with k = 1 or k = n is
//!   an `or` or an `and`: entries stay 0, 1, -1 there, and decryption multiplies by nothing else.
//! - A number's bits are no text: the papers write them as strings, which users could write too.

mod access;
#[cfg(feature = "arbitrary")]
mod arbitrary;
mod attribute;
mod attribute_set;
mod comparison;
mod encoding;
mod lexer;
mod node;
mod parser;
mod policy;
mod selection;
mod syntax;
mod weights;

pub use access::{AccessStructure, Row, ShareError};
#[cfg(feature = "arbitrary")]
pub use arbitrary::{arb_attribute_set, arb_policy};
pub use attribute::{Attribute, MAX_NAME_LENGTH, MAX_VALUE_LENGTH, RESERVED_NAMES};
pub use attribute_set::{AttributeError, AttributeSet, MAX_ITEMS};
pub use comparison::{NUMBER_BITS, Triviality};
pub use encoding::EncodingError;
pub use policy::{MAX_DEPTH, MAX_ROWS, Policy, PolicyError};
pub use selection::Selection;
pub use syntax::{MAX_TEXT_LENGTH, Position, SyntaxError};
