//! Many-to-many matching: does a record have all the keywords a doctor is interested in, without
//! saying which.
//!
//! IndexBuild, TrdGen and Match of the paper (002, section III.B), and the ElGamal encryption under
//! which index and trapdoor stand on the ledger. A record's keywords are the roots of a polynomial;
//! a trapdoor is a random combination of the powers of the interests; their product in GT is 1
//! exactly when every interest is a root. Index and trapdoor lie in different groups, so neither
//! two indexes nor two trapdoors can be compared.
//!
//! | symbol | type |
//! |---|---|
//! | n | [`IndexSize`] |
//! | h_i | [`KeywordToken`] |
//! | I_0..I_n | [`Index`], [`PreparedIndex`] |
//! | T_0..T_n, m | [`Trapdoor`], [`PreparedTrapdoor`], [`InterestCount`] |
//! | (U, V) | [`EncryptedIndex`] |
//! | (D, M) | [`EncryptedTrapdoor`] |
//! | x, y | [`HospitalSecretKeys`] |
//! | a = g1^x, b = g2^y | [`HospitalKeys`]; with proofs, unverified: [`ClaimedHospitalKeys`] |
//!
//! ```text
//! IndexBuild   f(X) = prod (X - h_i), padded with random roots to degree n = sum_j a_j X^j
//!              I_j = g1^{rho a_j}                                                 j = 0..n
//! TrdGen       T_j = g2^{tau · sum_k c_k h_k^j}                                   j = 0..n
//! Match        prod_j e(I_j, T_j) = 1  <=>  interests ⊆ keywords  (false positive <= 1/(r - 1))
//! index        U_j = g1^{u_j}, V_j = I_j a^{u_j}, j < n;  V_n = I_n ≠ 1 in the clear, no U_n
//! trapdoor     D_j = g2^{d_j}, M_j = T_j b^{d_j}
//! ```
//!
//! Assumptions: SXDH (so that ElGamal hides in each group, and nothing maps between them), the
//! generic group model for what a hospital learns from plain indexes and trapdoors, tokens as in
//! the module `tokens`.
//!
//! **What it leaks.** A hospital learns, of each index and trapdoor encrypted to it, whether they
//! match, and can test every token that it holds on them: against its own dictionary they are not
//! secret. The number m of interests stands in the clear; the number of keywords does not show
//! (padding). Plain indexes and trapdoors are malleable by whoever holds them and the tokens.
//! Everybody else learns lengths only. The prefilter, a setting that is off by default, tells the hospital more: see
//! [`prefilter`].
//!
//! Deviations: the paper's trapdoor sums the interests without weights, which makes some wrong
//! matches permanent and two trapdoors of one doctor proportional; the c_k prevent both. A trapdoor
//! is exactly as long as an index: a longer one lets a holder of tokens strip interests off it. How index and trapdoor are
//! posted, with proofs of their randomness and of m: [`posting`]; the proof of Match: [`crate::match_proof`]. An encoding
//! says in one byte whether proofs follow the points.

mod error;
mod index;
mod keys;
mod polynomial;
pub mod posting;
pub mod prefilter;
mod prepared;
mod trapdoor;

pub use error::MatchingError;
pub use index::{EncryptedIndex, Index, index_build};
pub use keys::{ClaimedHospitalKeys, HospitalKeys, HospitalSecretKeys, KeyContext, KeyError};
pub use prepared::{PreparedIndex, PreparedTrapdoor, matches_prepared};
pub use trapdoor::{EncryptedTrapdoor, InterestCount, Trapdoor, trd_gen};

pub use crate::tokens::IndexSize;

use crate::curve::{DecodeError, InField as _, Reader};
use crate::tokens::KeywordToken;

const VERSION: u8 = 1;
/// What follows the points of an encrypted index or trapdoor: nothing.
const NO_PROOF: u8 = 0;
/// What follows the points: the proofs of [`posting`].
const WITH_PROOF: u8 = 1;

/// Where n stands in an encoding: behind kind and version.
const N_AT: usize = 4 + 1;
/// Bytes before the points: kind, version, n, proof.
const FRAME: usize = 4 + 1 + 2 + 1;

/// Match: whether all interests are keywords.
///
/// ```
/// use consilium_schemes::matching::{IndexSize, index_build, matches, trd_gen};
/// # use consilium_schemes::tokens::KeywordToken;
/// # let mut rng = rand::rng();
/// # let token = |byte| KeywordToken::from_bytes(&[byte; 32]).unwrap();
/// let n = IndexSize::new(8)?;
/// let index = index_build(n, &[token(1), token(2), token(3)], &mut rng)?;
/// let (trapdoor, m) = trd_gen(n, &[token(1), token(3)], &mut rng)?;
/// assert_eq!((matches(&index, &trapdoor)?, m.get()), (true, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`MatchingError::SizesDiffer`].
pub fn matches(index: &Index, trapdoor: &Trapdoor) -> Result<bool, MatchingError> {
    matches_prepared(&PreparedIndex::new(index), &PreparedTrapdoor::new(trapdoor))
}

/// The tokens without repetitions, if they are neither none nor more than `limit`.
fn distinct<'a>(
    what: &'static str,
    limit: usize,
    tokens: &'a [KeywordToken],
) -> Result<Vec<&'a KeywordToken>, MatchingError> {
    use subtle::ConstantTimeEq as _;
    let mut kept: Vec<&KeywordToken> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if !kept.iter().any(|other| bool::from(other.ct_eq(token))) {
            kept.push(token);
        }
        if kept.len() > limit {
            return Err(MatchingError::TooMany { what, limit });
        }
    }
    if kept.is_empty() {
        Err(MatchingError::None { what })
    } else {
        Ok(kept)
    }
}

/// The n that the encoding of an encrypted or posted index or trapdoor says it is made for; what follows is not looked at.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn encoded_size(bytes: &[u8]) -> Result<IndexSize, DecodeError> {
    let mut reader = Reader::new(bytes, bytes.len())?;
    reader.take(N_AT).in_field("kind")?;
    reader.u16().and_then(IndexSize::new).in_field("n")
}

/// Begins the encoding of an encrypted index or trapdoor.
fn frame(kind: [u8; 4], n: IndexSize, proof: u8, body: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME + body);
    out.extend_from_slice(&kind);
    out.push(VERSION);
    out.extend_from_slice(&n.get().to_be_bytes());
    out.push(proof);
    out
}

/// Reads what [`frame`] wrote; `n` must be the federation's, the proof as expected, the body at most that long.
fn unframe(
    kind: [u8; 4],
    n: IndexSize,
    proof: u8,
    body: usize,
    bytes: &[u8],
) -> Result<Reader<'_>, DecodeError> {
    let mut reader = Reader::new(bytes, FRAME + body)?;
    if reader.array::<4>().in_field("kind")? != kind {
        return Err(DecodeError::Rule("another kind of value").in_field("kind"));
    }
    reader.version(VERSION).in_field("version")?;
    if reader.u16().in_field("n")? != n.get() {
        return Err(DecodeError::Rule("not the federation's n").in_field("n"));
    }
    match reader.u8().in_field("proof")? {
        found if found == proof => Ok(reader),
        _ if proof == NO_PROOF => {
            Err(DecodeError::Rule("no proof is known in this version").in_field("proof"))
        }
        _ => Err(DecodeError::Rule("a posting carries its proofs").in_field("proof")),
    }
}
