//! BLS12-381: the one module in front of the curve library.
//!
//! It provides the groups [`G1`], [`G2`], [`Gt`] of prime order r, valid by construction; public
//! [`Scalar`]s and [`SecretScalar`]s; [`pairing`] and [`multi_pairing`]; hashing to G1 and to scalars
//! under [`Label`]s; canonical hash input ([`Transcript`]) and bounded decoding ([`Reader`]).
//! Nothing else in the workspace names `blst`, `blstrs`, `group` or `ff`.
//!
//! Citations: RFC 9380 (hash_to_curve, hash_to_field); draft-irtf-cfrg-pairing-friendly-curves
//! (BLS12-381 and its compressed encoding); Scott, eprint 2021/1130 (membership in GT); Galbraith and Scott, Pairing 2008
//! (exponentiation in GT).
//!
//! | symbol | here |
//! |---|---|
//! | g1, g2 | [`G1::generator`], [`G2::generator`] |
//! | P·Q, P^k in G1, G2 | `P + Q`, `P * k` |
//! | a·b, a/b, a^k in GT | `a * b`, `a / b`, [`Gt::pow`], [`Gt::pow_secret`] |
//! | e(P, Q), Π e(Pᵢ, Qᵢ) | [`pairing`], [`multi_pairing`]; prepared ahead: [`prepared_pairing`] |
//! | P^k for many k | [`FixedG1`], [`FixedG2`]; the generators' tables: [`FixedG1::generator`] |
//! | Π Pᵢ^kᵢ, public | [`G1::multi_mul`], [`G2::multi_mul`] |
//! | H(label, m) | [`hash_to_g1`] |
//! | Fr(label, m) | [`hash_to_scalar`], [`hash_to_secret_scalar`] |
//!
//! Encodings: points compressed (48 and 96 bytes), scalars 32 bytes big-endian, GT 12 × 48 bytes
//! big-endian. Every parser refuses the identity, a wrong subgroup, a wrong length, non-canonical bytes
//! and trailing bytes, and says which; the parsers whose name says so allow the identity.
//!
//! Assumptions: SXDH. Constant time: multiplication and exponentiation by scalars and scalar
//! arithmetic; [`G1::multi_mul`] and comparison of public types are variable time.
//!
//! Deviations from the library: its GT exponentiation branches on the scalar and its GT
//! compression panics on 1, so [`Gt`] has its own exponentiation and encoding; its products of pairings do not share their
//! squarings, so [`prepared_pairing`] has a loop of its own over blst's lines; its tables of multiples are read at places that
//! depend on the scalar, so [`FixedG1`] and [`FixedG2`] have their own; its `rand_core` is of an older generation, so scalars are
//! sampled here from 64 bytes, reduced. Each of these is tested equal to the plain computation and to another library
//! (`tests/engine.rs`).
//!
//! Memory: a [`PreparedG2`] holds 19,584 bytes, a table 48 to 160 KiB; who keeps many bounds them.

mod codec;
mod error;
mod fixed;
mod gt;
mod hash;
mod point;
mod prepared;
mod raw;
mod scalar;
mod transcript;

pub use codec::{InField, Reader, put_count, put_variable};
pub use error::DecodeError;
pub use fixed::{FixedG1, FixedG2};
pub use gt::Gt;
pub use hash::{Label, hash_to_g1, hash_to_scalar, hash_to_secret_scalar};
pub use point::{G1, G2};
pub use prepared::{PreparedG1, PreparedG2, multi_pairing, pairing, prepared_pairing};
pub(crate) use scalar::{FieldElement, SecretVector};
pub use scalar::{Scalar, SecretScalar};
pub use transcript::Transcript;
