//! The public check of a capsule: whether its encryptor made it as he should.
//!
//! It needs no key. The owner's gateway runs it at submission, the doctor's before PreDec; when Dec then
//! fails, it was the hospital. It says nothing about C_sigma, which only a doctor who may read can check.
//!
//! What passes gives every satisfying key, by every choice of rows, the same Y^s: omega ranges over all
//! combinations that a decryptor may use. It need not be what Encrypt wrote: two rows of one `and`, which
//! only ever count together, may be exchanged. Which capsule it is, its digest says.
//!
//! Where all must reach one verdict, the randomness is a hash of the capsule: who makes a malformed one pass has
//! found, by trying capsules, one whose hash suits, one in r.

use rand_core::CryptoRng;

use super::error::MalformedCapsule;
use super::labels;
use super::prepared_capsule::PreparedCapsule;
use crate::curve::{
    FieldElement, G1, Label, PreparedG1, PreparedG2, Scalar, Transcript, hash_to_scalar,
    prepared_pairing,
};

const CHECK: Label = Label::new("CONSILIUM-V1-ABE-CHECK");

/// Checks a capsule. A malformed one passes with probability 1/r at most, over `rng`.
///
/// ```text
/// e(Ct, g2) = e(H("time", t), C0)
/// random omega with omega M = kappa (1,0,..):
/// e(prod C_i^{omega_i}, g2) = e(H("w"), C0)^kappa prod_j e(prod_{tau(i)=j} H("attr", rho(i))^{omega_i}, C2_j)
/// ```
///
/// # Errors
/// [`MalformedCapsule`], saying which part.
pub fn check_capsule(
    capsule: &PreparedCapsule,
    rng: &mut impl CryptoRng,
) -> Result<(), MalformedCapsule> {
    check_with(capsule, || Scalar::random(rng))
}

/// The same check with kappa and what omega needs from Fr("ABE-CHECK", SHA-256(CTSym), i), i = 0, 1, ..
pub(super) fn check_for_everyone(capsule: &PreparedCapsule) -> Result<(), MalformedCapsule> {
    let digest = capsule.capsule().digest();
    let mut next = 0;
    check_with(capsule, || {
        let message = Transcript::new().fixed(digest.as_bytes()).u32(next);
        next += 1;
        hash_to_scalar(CHECK, &message)
    })
}

fn check_with(
    prepared: &PreparedCapsule,
    mut random: impl FnMut() -> Scalar,
) -> Result<(), MalformedCapsule> {
    let (capsule, access) = (prepared.capsule(), prepared.access());
    let h_time = labels::h_time(capsule.header.epoch);
    let (g2, c0) = (PreparedG2::generator(), prepared.c0());
    let left = PreparedG1::many(&[capsule.ct, -h_time]);
    if !prepared_pairing(left.into_iter().zip([g2, c0])).is_one() {
        return Err(MalformedCapsule::Time); // L36
    }
    let kappa = random();
    let omega = access.consistency_weights(kappa.into(), || FieldElement::from(random()));
    let omega: Vec<Scalar> = omega.into_iter().map(Scalar::from).collect(); // L37
    let rows = G1::multi_mul(capsule.rows.iter().copied().zip(omega.iter().copied()));
    let attributes = repetition_sums(prepared, &omega)
        .into_iter()
        .map(|sum| -sum);
    let left = [rows, -(labels::w() * kappa)].into_iter().chain(attributes);
    let left = PreparedG1::many(&left.collect::<Vec<_>>());
    let right = [g2, c0].into_iter().chain(prepared.c2());
    if prepared_pairing(left.into_iter().zip(right)).is_one() {
        Ok(())
    } else {
        Err(MalformedCapsule::Rows)
    } // L38
}

/// For each j: the product over tau(i) = j of H("attr", rho(i))^{omega_i}.
fn repetition_sums(prepared: &PreparedCapsule, omega: &[Scalar]) -> Vec<G1> {
    let (access, hashes) = (prepared.access(), prepared.hashes());
    let of = |j: usize| {
        let rows = access.rows().iter().zip(hashes).zip(omega);
        let rows = rows.filter(move |((row, _), _)| row.repetition() == j);
        G1::multi_mul(rows.map(|((_, hash), weight)| (*hash, *weight)))
    };
    (0..=access.max_repetition()).map(of).collect()
}
