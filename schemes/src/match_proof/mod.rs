//! The proof of Match, both outcomes, on the encrypted index and trapdoor that stand on the ledger.
//!
//! A hospital shows everyone that an index and a trapdoor encrypted to it match, or that they do not, without showing either.
//! Pseudo-code: `docs/spec/match_proof.md`, whose lines are cited as `// L12`.
//!
//! Both are proofs of knowledge of a representation (Schnorr; Maurer, "Unifying Zero-Knowledge Proofs of Knowledge",
//! AFRICACRYPT 2009) made non-interactive by hashing statement, context and commitments (Fiat-Shamir, the strong form: Bernhard,
//! Pereira, Warinschi, ASIACRYPT 2012); the second is Camenisch and Shoup's proof of inequality (CRYPTO 2003, section
//! 5): a blinded value other than 1.
//!
//! | symbol | type |
//! |---|---|
//! | (U, V) | [`EncryptedIndex`] |
//! | (D, M) | [`EncryptedTrapdoor`] |
//! | a = g1^x, b = g2^y | [`HospitalKeys`] |
//! | x, y | [`HospitalSecretKeys`] |
//! | ctx | [`MatchContext`] |
//! | all of these but x, y | [`Statement`] |
//! | outcome | [`Outcome`] |
//! | (c, s_x, s_y, s_z) or (Z, c, s_d, s_X, s_Y, s_W) | [`MatchProof`] |
//!
//! ```text
//! VM = prod_j e(V_j, M_j), UM, VD, UD alike;   E = prod_j e(I_j, T_j) = VM UM^{-x} VD^{-y} UD^{xy}
//! c = Fr("MATCH-PROOF", outcome, ctx, a, b, digest, [Z], A1..A4)
//! match      witness x, y, z = xy
//!   A1 = g1^{s_x} a^{-c}    A2 = g2^{s_y} b^{-c}    A3 = g1^{s_z} a^{-s_y}
//!   A4 = UM^{s_x} VD^{s_y} UD^{-s_z} VM^{-c}
//! no match   Z = E^delta;   witness delta, X = x delta, Y = y delta, W = xy delta
//!   A1 = g1^{s_X} a^{-s_d}  A2 = g2^{s_Y} b^{-s_d}  A3 = g1^{s_W} a^{-s_Y}
//!   A4 = VM^{s_d} UM^{-s_X} VD^{-s_Y} UD^{s_W} Z^{-c}
//! folded     VM^p UM^q VD^s UD^t = prod_j e(V_j^p U_j^q, M_j) e(V_j^s U_j^t, D_j)
//! ```
//! Two answers to one commitment give, for a match, x, y and z with a = g1^x, b = g2^y, g1^z = a^y, hence z = xy, and
//! 1 = E. For no match they give X = x delta, Y = y delta, W = xy delta, and Z = E^delta; Z ≠ 1 forces E ≠ 1, provided
//! that Z has order r: with Z = -1, of order 2, half of all attempts "prove" that a match is none. [`Gt`]'s parser
//! refuses every other order, and Z is hashed, else it could be computed after c.
//!
//! **Sizes.** A match 134 bytes, no match 742 ([`MatchProof::MATCH`], [`MatchProof::NO_MATCH`]). **Costs** of verifying: 2(n + 1)
//! sums of two multiplications in G1, one multi-Miller loop over 2(n + 1) pairs, one final exponentiation; for no match also the parser's test of Z
//! and one exponentiation in GT. [`verify`] is a pure function of [`Send`] and [`Sync`] values: a block's proofs can be verified in
//! parallel beforehand, as the contracts' callers do. Proofs are never batched with each other: coefficients that a prover
//! can predict let two false ones cancel.
//!
//! The order of the points of index and trapdoor is not tested here: who posts them must ([`PostedIndex`](crate::matching::posting::PostedIndex),
//! [`PostedTrapdoor`](crate::matching::posting::PostedTrapdoor)); with points of small order a false match can be proven.
//!
//! Constant time: proving, as far as x, y, delta and the nonces are concerned; the outcome is public, and with it whether E = 1.
//! Verifying is variable time. Nonces and delta are hedged: a generator that fails reveals neither key.
//!
//! Assumptions: discrete logarithms in G1, G2 and GT, random oracle. What no match reveals of E is Z, a random element other than 1.
//!
//! **What is proven** is the outcome of Match on these two ciphertexts under these keys. That they are their posters' own, and
//! that the trapdoor is not made of identities (which matches everything), is shown by the proofs in [`crate::matching::posting`]: verify those
//! first. That a proof comes in time, from this hospital and for an authorization in force is for the contract to check.
//!
//! [`EncryptedIndex`]: crate::matching::EncryptedIndex
//! [`EncryptedTrapdoor`]: crate::matching::EncryptedTrapdoor
//! [`HospitalKeys`]: crate::matching::HospitalKeys
//! [`HospitalSecretKeys`]: crate::matching::HospitalSecretKeys
//! [`Gt`]: crate::curve::Gt

mod equations;
mod error;
mod proof;
mod prove;
mod statement;
mod verify;

pub use error::MatchProofError;
pub use proof::{MatchProof, Outcome};
pub use prove::prove;
pub use statement::{MatchContext, Statement};
pub use verify::verify;
