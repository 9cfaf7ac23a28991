//! The proof that a transform is right: what PreDec gives opens every well-formed capsule, for whoever knows beta.
//!
//! With E = e(g1,g2)^{a_x} = Y · e(H("time",t), Q2) / e(Q1, g2), which anyone computes from the update key, A and B are
//! right if and only if
//!
//! ```text
//! B = (Y/E)^s      anyone checks  B = e(Q1, C0) / e(Ct, Q2)
//! A = F^s          the hospital proves it here, for F = e(P0, g2) / e(H("w"), P1)
//! F = E^beta       the doctor checks it, and can show that it does not hold (`complaint`)
//! ```
//!
//! Then A^{1/beta} · B = Y^s, whatever Q1 and Q2 are. The proof is one of knowledge of a preimage (P0, P1, T_j) under a
//! homomorphism (Maurer, *Unifying zero-knowledge proofs of knowledge*, AFRICACRYPT 2009), for the rows that PreDec used
//! with their omega, J the repetitions that occur among them, T_j = prod_{tau(i)=j} P_{rho(i)}^{omega_i}:
//!
//! ```text
//! W_j = prod_{tau(i)=j} H("attr", rho(i))^{omega_i}        V = prod C_i^{omega_i}
//! phi(P0, P1, T) = ( e(P0,g2) e(H("w"),P1)^-1,  e(T_j,g2) e(W_j,P1)^-1 for j in J,
//!                    e(P0,C0) prod_J e(T_j,C2_j) e(V,P1)^-1 )          =  (F, 1, .., 1, A)
//! ```
//!
//! Why A = F^s follows: let P1 = g2^r. The first two say P0 = "F to the right base" · H("w")^r and T_j = W_j^r; a capsule that
//! passes the public check has e(V,g2) = e(H("w"),C0) prod_J e(W_j,C2_j); to the r this is what the last divides by.
//! Soundness and zero knowledge: special soundness with one challenge in Fr, Fiat and Shamir in the random oracle model over the
//! complete statement. The proof shows which rows were used, hence which attributes of the policy the doctor has, to whoever sees it.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use zeroize::{Zeroize as _, Zeroizing};

use super::capsule::Capsule;
use super::error::PreDecryptError;
use super::frame::{self, FRAME, Kind};
use super::labels;
use super::pre_decrypt::{SemiCiphertext, Transformed, time_half, transform};
use super::pre_keygen::PreDecryptionKey;
use super::prepared_capsule::PreparedCapsule;
use super::setup::PublicParameters;
use super::tree::Epoch;
use super::update_key::UpdatePart;
use super::user_keygen::UserId;
use crate::curve::{
    DecodeError, FieldElement, FixedG1, FixedG2, G1, G2, Gt, InField, Label, PreparedG1,
    PreparedG2, Reader, Scalar, Transcript, hash_to_scalar, hash_to_secret_scalar,
    prepared_pairing, put_count,
};
use crate::hedged::Nonces;
use consilium_policies::MAX_ROWS;

const KIND: Kind = *b"SMPF";
const LABEL: Label = Label::new("CONSILIUM-V1-ABE-TRANSFORM");
const LABEL_SECRET: Label = Label::new("CONSILIUM-V1-ABE-TRANSFORM-SECRET");
const LABEL_NONCE: Label = Label::new("CONSILIUM-V1-ABE-TRANSFORM-NONCE");

/// The proof that goes with (A, B): Q1, Q2, F, the rows, and (c, Z0, Z1, Z_j). Well-formed, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformProof {
    claim: Claim,
    c: Scalar,
    answers: Preimage,
}

/// What the hospital says that it used.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    update: UpdatePart,
    f: Gt,
    /// Ascending.
    rows: Vec<usize>,
}

/// (P0, P1, T_j for j in J), or what stands in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Preimage {
    p0: G1,
    p1: G2,
    parts: Vec<G1>,
}

/// phi of a preimage.
struct Image {
    f: Gt,
    parts: Vec<Gt>,
    a: Gt,
}

/// What is wrong with a transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransformError {
    /// B ≠ e(Q1, C0) / e(Ct, Q2).
    #[error("B does not belong to the capsule and the update key")]
    Update,
    /// The proof that A = F^s does not hold.
    #[error("A is not proven to belong to the capsule and the attribute key")]
    Attributes,
}

/// The public half of phi for one capsule and selection.
struct Selected<'a> {
    prepared: &'a PreparedCapsule,
    rows: Vec<(usize, Scalar)>,
    /// V.
    v: G1,
    /// W_j for j in J, ascending.
    w: Vec<G1>,
}

impl<'a> Selected<'a> {
    /// None unless the rows are a selection of the capsule's policy.
    fn new(prepared: &'a PreparedCapsule, rows: &[usize]) -> Option<Self> {
        let (capsule, access) = (prepared.capsule(), prepared.access());
        let selection = access.weigh_rows::<FieldElement>(rows)?;
        let rows: Vec<(usize, Scalar)> = selection
            .rows()
            .iter()
            .map(|(row, omega)| (*row, (*omega).into()))
            .collect();
        let with = |(row, omega): &(usize, Scalar)| Some((*capsule.rows.get(*row)?, *omega));
        let v = G1::multi_mul(rows.iter().map(with).collect::<Option<Vec<_>>>()?);
        let mut selected = Self {
            prepared,
            rows,
            v,
            w: Vec::new(),
        };
        let hashes = prepared.hashes();
        selected.w = selected.sums(|row| hashes.get(row).copied())?;
        Some(selected)
    }

    /// For each j in J: prod over tau(i) = j of point(i)^{omega_i}.
    fn sums(&self, point: impl Fn(usize) -> Option<G1>) -> Option<Vec<G1>> {
        if !self.rows.iter().all(|(row, _)| point(*row).is_some()) {
            return None;
        }
        let occurring = self.occurring();
        // Of their length at once, since they may be secret: a list that grows leaves copies behind.
        let mut sums = Vec::with_capacity(occurring.len());
        for j in occurring {
            let rows = self.rows.iter();
            let rows = rows.filter(|(row, _)| self.repetition(*row) == Some(j));
            let terms = rows.filter_map(|(row, omega)| Some((point(*row)?, *omega)));
            sums.push(G1::multi_mul(terms));
        }
        Some(sums)
    }

    /// tau(i).
    fn repetition(&self, row: usize) -> Option<usize> {
        let row = self.prepared.access().rows().get(row)?;
        Some(row.repetition())
    }

    /// J, ascending.
    fn occurring(&self) -> BTreeSet<usize> {
        let rows = self.rows.iter();
        rows.filter_map(|(row, _)| self.repetition(*row)).collect()
    }

    /// phi; both lists of parts have the length of J.
    fn image(&self, of: &Preimage) -> Image {
        let p1 = &PreparedG2::new(&of.p1);
        let negated = [-labels::h_w(), -self.v];
        let w = self.w.iter().map(|w| -*w);
        let public: Vec<G1> = negated.into_iter().chain(w).collect();
        let mut secret = Zeroizing::new(Vec::with_capacity(1 + of.parts.len()));
        secret.push(of.p0);
        secret.extend_from_slice(&of.parts);
        let public = PreparedG1::many(&public);
        let (public, secret) = (public.as_slice(), Zeroizing::new(PreparedG1::many(&secret)));
        let ([w_0, v, w @ ..], [p0, t @ ..]) = (public, secret.as_slice()) else {
            unreachable!("both have their first entries");
        };
        let g2 = PreparedG2::generator();
        let part = |(t, w): (&PreparedG1, &PreparedG1)| prepared_pairing([(*t, g2), (*w, p1)]);
        let c2 = self.occurring();
        let c2 = c2.iter().filter_map(|j| self.prepared.c2().get(*j));
        let folded = t.iter().copied().zip(c2);
        Image {
            f: prepared_pairing([(*p0, g2), (*w_0, p1)]),
            parts: t.iter().zip(w).map(part).collect(),
            a: prepared_pairing(
                [(*p0, self.prepared.c0()), (*v, p1)]
                    .into_iter()
                    .chain(folded),
            ),
        }
    }
}

impl TransformProof {
    /// No encoding is longer.
    pub const MAX_BYTES: usize = FRAME
        + G1::BYTES
        + G2::BYTES
        + Gt::BYTES
        + 4
        + 2 * MAX_ROWS
        + Scalar::BYTES
        + G1::BYTES
        + G2::BYTES
        + 4
        + G1::BYTES * MAX_ROWS;

    /// F.
    pub(super) fn f(&self) -> &Gt {
        &self.claim.f
    }

    /// E = Y · e(H("time",t), Q2) / e(Q1, g2).
    pub(super) fn node_base(&self, parameters: &PublicParameters, epoch: Epoch) -> Gt {
        let UpdatePart { q1, q2 } = self.claim.update;
        let left = PreparedG1::many(&[labels::h_time(epoch), -q1]);
        let right = [&PreparedG2::new(&q2), PreparedG2::generator()];
        let masked = prepared_pairing(left.into_iter().zip(right));
        *parameters.y() * masked // L57
    }

    /// That A and B are right for this capsule, if F is. The capsule must have passed the public check.
    ///
    /// # Errors
    /// [`TransformError`].
    pub fn verify(
        &self,
        semi: &SemiCiphertext,
        prepared: &PreparedCapsule,
        doctor: UserId,
    ) -> Result<(), TransformError> {
        let capsule = prepared.capsule();
        let UpdatePart { q1, q2 } = &self.claim.update;
        if semi.b != time_half(*q1, &PreparedG2::new(q2), capsule.ct, prepared.c0()) {
            return Err(TransformError::Update); // L54
        }
        let selected =
            Selected::new(prepared, &self.claim.rows).ok_or(TransformError::Attributes)?;
        if selected.w.len() != self.answers.parts.len() {
            return Err(TransformError::Attributes);
        }
        let mut commitments = selected.image(&self.answers);
        let back = -self.c;
        commitments.f *= self.claim.f.pow(&back);
        commitments.a *= semi.a.pow(&back); // L55
        let c = self.claim.challenge(semi, capsule, doctor, &commitments);
        match c == self.c {
            true => Ok(()), // L56
            false => Err(TransformError::Attributes),
        }
    }

    /// The canonical encoding: frame, Q1, Q2, F, the rows (count 4, then 2 bytes each), c, Z0, Z1, the Z_j (count 4, then the points).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = frame::begin(&KIND);
        out.extend_from_slice(&self.claim.update.q1.to_bytes());
        out.extend_from_slice(&self.claim.update.q2.to_bytes());
        out.extend_from_slice(&self.claim.f.to_bytes());
        put_count(&mut out, self.claim.rows.len());
        out.extend_from_slice(&encoded_rows(&self.claim.rows));
        out.extend_from_slice(&self.c.to_bytes());
        out.extend_from_slice(&self.answers.p0.to_bytes());
        out.extend_from_slice(&self.answers.p1.to_bytes());
        put_count(&mut out, self.answers.parts.len());
        for part in &self.answers.parts {
            out.extend_from_slice(&part.to_bytes());
        }
        out
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = frame::open(bytes, &KIND, Self::MAX_BYTES)?;
        let q1 = reader.g1().in_field("Q1")?;
        let q2 = reader.g2().in_field("Q2")?;
        let f = reader.gt().in_field("F")?;
        let rows = read_rows(&mut reader).in_field("rows")?;
        let c = reader.scalar().in_field("c")?;
        let p0 = reader.g1().in_field("Z0")?;
        let p1 = reader.g2().in_field("Z1")?;
        let count = reader.count(rows.len()).in_field("Z_j")?;
        let parts = (0..count).map(|_| reader.g1().in_field("Z_j"));
        let parts = parts.collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self {
            claim: Claim {
                update: UpdatePart { q1, q2 },
                f,
                rows,
            },
            c,
            answers: Preimage { p0, p1, parts },
        })
    }
}

impl Claim {
    /// What is proved: SHA-256(CTSym), the doctor, Q1, Q2, the rows, A, B, F.
    fn append(
        &self,
        start: Transcript,
        semi: &SemiCiphertext,
        capsule: &Capsule,
        doctor: UserId,
    ) -> Transcript {
        let start = start
            .fixed(capsule.digest().as_bytes())
            .fixed(doctor.as_bytes())
            .g1(&self.update.q1)
            .g2(&self.update.q2)
            .variable(&encoded_rows(&self.rows));
        start.gt(&semi.a).gt(&semi.b).gt(&self.f)
    }

    /// c = Fr("ABE-TRANSFORM", statement, R_F, R_j for j in J, R_A).
    fn challenge(
        &self,
        semi: &SemiCiphertext,
        capsule: &Capsule,
        doctor: UserId,
        commitments: &Image,
    ) -> Scalar {
        let start = self.append(Transcript::new(), semi, capsule, doctor);
        let start = start.gt(&commitments.f);
        let parts = commitments.parts.iter();
        let with_parts = parts.fold(start, |message, part| message.gt(part));
        hash_to_scalar(LABEL, &with_parts.gt(&commitments.a))
    }
}

fn encoded_rows(rows: &[usize]) -> Vec<u8> {
    let row = |row: &usize| u16::try_from(*row).expect("at most MAX_ROWS").to_be_bytes();
    rows.iter().flat_map(row).collect()
}

fn read_rows(reader: &mut Reader<'_>) -> Result<Vec<usize>, DecodeError> {
    let count = reader.count(MAX_ROWS)?;
    let rows: Vec<usize> = (0..count)
        .map(|_| reader.u16().map(usize::from))
        .collect::<Result<_, _>>()?;
    match rows.is_sorted_by(|a, b| a < b) {
        true => Ok(rows),
        false => Err(DecodeError::Rule("the rows are not ascending")),
    }
}

/// PreDec, with the proof that it is right.
///
/// # Errors
/// As [`pre_dec`](super::pre_dec).
///
/// # Security
/// The nonces depend on the key, on the statement and on `rng`. Points of the key are multiplied by public numbers only.
pub fn pre_dec_proven(
    key: &PreDecryptionKey,
    prepared: &PreparedCapsule,
    doctor: UserId,
    rng: &mut impl CryptoRng,
) -> Result<(SemiCiphertext, TransformProof), PreDecryptError> {
    let Transformed { semi, rows } = transform(key, prepared)?;
    let (capsule, access) = (prepared.capsule(), prepared.access());
    let selected = Selected::new(prepared, &rows).ok_or(PreDecryptError::Unsatisfied)?;
    let point = |row: usize| {
        let attribute = access.rows().get(row)?.attribute();
        key.attributes.point(&key.node, attribute)
    };
    let sums = selected.sums(point).ok_or(PreDecryptError::Unsatisfied)?;
    let mut secret = Preimage {
        p0: key.node.p0,
        p1: key.node.p1,
        parts: sums,
    }; // L48
    let claim = Claim {
        update: key.update.clone(),
        f: *key.lines.f.get_or_init(|| first(secret.p0, &key.lines.p1)), // L49
        rows,
    };
    let bound = |seed| claim.append(seed, &semi, capsule, doctor);
    let mut nonces = Nonces::new(LABEL_NONCE, &[&secret.hashed()], bound, rng);
    let mut masks = Preimage {
        p0: FixedG1::generator() * &nonces.draw(),
        p1: FixedG2::generator() * &nonces.draw(),
        parts: nonces
            .draw_many(secret.parts.len())
            .iter()
            .map(|k| FixedG1::generator() * k)
            .collect(),
    }; // L50
    let commitments = selected.image(&masks); // L51
    let c = claim.challenge(&semi, capsule, doctor, &commitments); // L52
    let answers = masks.plus(&secret, c); // L53
    secret.wipe();
    // With the answers they would say the secret.
    masks.wipe();
    Ok((semi, TransformProof { claim, c, answers }))
}

/// e(P0,g2) e(H("w"),P1)^-1: the first of phi, which needs no capsule.
fn first(p0: G1, p1: &PreparedG2) -> Gt {
    let left = Zeroizing::new(PreparedG1::many(&[p0, -labels::h_w()]));
    prepared_pairing(left.iter().copied().zip([PreparedG2::generator(), p1]))
}

impl Preimage {
    /// The secrets as one scalar, to hedge nonces with.
    fn hashed(&self) -> crate::curve::SecretScalar {
        let start = Transcript::with_capacity(256 + G1::BYTES * self.parts.len());
        let start = start.g1(&self.p0).g2(&self.p1);
        let message = self.parts.iter().fold(start, Transcript::g1);
        hash_to_secret_scalar(LABEL_SECRET, &message)
    }

    /// Z = K + c · secret, point by point.
    fn plus(&self, secret: &Self, c: Scalar) -> Self {
        let parts = self.parts.iter().zip(&secret.parts);
        Self {
            p0: self.p0 + secret.p0 * c,
            p1: self.p1 + secret.p1 * c,
            parts: parts.map(|(k, t)| *k + *t * c).collect(),
        }
    }

    fn wipe(&mut self) {
        self.p0.zeroize();
        self.p1.zeroize();
        self.parts.zeroize();
    }
}
