//! Postings: an encrypted index or trapdoor with the proofs that it is its poster's own, and how many interests a
//! trapdoor has.
//!
//! Pseudo-code: `docs/spec/match_proof.md`, whose lines are cited as `// L12`.
//!
//! **The randomness** of the ElGamal encryption, in one Schnorr proof for all points (batched as in Gennaro, Leigh,
//! Sundaram, Yerazunis, ASIACRYPT 2004). Whoever copies, re-randomises, scales or multiplies somebody's ciphertext
//! does not know the randomness of what comes out:
//!
//! ```text
//! R = g2^k;  c = Fr("POST-TRAPDOOR", ctx, a, b, digest, R);  s = k + sum_j c^{j+1} d_j
//! g2^s = R · prod_j D_j^{c^{j+1}}                          (an index: u_j, U_j, j < n, g1, "POST-INDEX")
//! ```
//!
//! **The rank** of a trapdoor. Its poster claims m interests and proves that the Hankel matrix (T_{i+j}), i, j < m, is
//! invertible, on the ciphertext:
//!
//! ```text
//! v_i = Fr("RANK-V", ctx, a, b, digest, m, i)              random once the trapdoor is fixed
//! sum_j T_{i+j} nu_j = v_i in the exponents;   eps_i = sum_j nu_j d_{i+j}                    i < m
//! proven: nu, eps with  prod_j D_{i+j}^{nu_j} = g2^{eps_i},  prod_j M_{i+j}^{nu_j} = g2^{v_i} b^{eps_i}
//! ```
//! If the matrix had a rank below m, its image would contain the v_i with probability 1/r. If it has rank m, no
//! record with fewer than m true keywords matches: let g, of degree k < m, be the product over a record's true
//! keywords and suppose that the trapdoor, a functional L on polynomials of degree n, vanishes on f = g p for random p (the
//! padding) more often than in (n - k)/r of all cases. Then L(g X^i) = 0 for every i <= n - k (Schwartz-Zippel), so g's
//! coefficients combine the first k + 1 columns of the matrix to zero, as m - 1 + k <= 2m - 2 <= n. Duplicates, weights
//! of zero and trapdoors of identities have a smaller rank than they claim; whoever matches with m, has m.
//!
//! | symbol | type |
//! |---|---|
//! | ctx | [`PostingContext`] |
//! | U, V; R, s | [`PostedIndex`] |
//! | D, M; R, s; m; c, nu's and eps' answers | [`PostedTrapdoor`] |
//!
//! Sizes, n = 16: an index's posting has 1,672 bytes, a trapdoor's 3,434 + 64 m. Costs: making them takes one point for the
//! first proof and 3m for the second; verifying takes a sum of n + 2 points, then 2m sums of m + 1 and m + 2 points of G2.
//!
//! Constant time: drawing, proving and the solution of the Hankel system, which is in closed form (`hankel`): no
//! branch and no index depends on a keyword, a weight or a random scalar. m itself is public. Verifying is variable
//! time; all it sees is public.
//!
//! Assumptions: discrete logarithms in G1 and G2, random oracle. The batched proof extracts all n exponents from n + 1
//! rewound runs, so its knowledge error is n/r; the rank proof is special sound with two.
//!
//! What is not proven: that a trapdoor's interests or an index's roots are tokens of anything, that the padding is random, that a
//! doctor has no more interests than he claims (he may claim fewer), or when it was made within its expiry.
//!
//! Deviations from the design: points enter the hashes as one SHA-256 digest of their encodings; index and trapdoor
//! have labels of their own.

mod context;
mod hankel;
mod index;
mod randomness;
mod rank;
mod trapdoor;

pub use context::{PostingContext, PostingError};
pub use index::PostedIndex;
pub use trapdoor::{PostedTrapdoor, post_trapdoor};
