//! PreDec: the hospital's part, which leaves the doctor one exponentiation and one product.

use consilium_policies::Attribute;

use super::capsule::Capsule;
use super::error::PreDecryptError;
use super::frame::{self, FRAME, Kind};
use super::pre_keygen::PreDecryptionKey;
use super::update_key::UpdatePart;
use crate::curve::{DecodeError, FieldElement, G1, G2, Gt, InField, Scalar, multi_pairing};

const KIND: Kind = *b"SMCT";

/// SemiCT = (A, B), both of order r and not 1: whatever else comes is refused when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SemiCiphertext {
    pub(super) a: Gt,
    pub(super) b: Gt,
}

impl SemiCiphertext {
    /// Length of the encoding.
    pub const BYTES: usize = FRAME + 2 * Gt::BYTES;

    /// The canonical encoding: frame, A, B.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = frame::begin(&KIND);
        out.extend_from_slice(&self.a.to_bytes());
        out.extend_from_slice(&self.b.to_bytes());
        out
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = frame::open(bytes, &KIND, Self::BYTES)?;
        let a = reader.gt().in_field("A")?;
        let b = reader.gt().in_field("B")?;
        reader.finish()?;
        Ok(Self { a, b })
    }
}

/// A = e(P0, C0) · Π_j e(Π_{tau(i)=j} P_{rho(i)}^{omega_i}, C2_j) / e(Π C_i^{omega_i}, P1).
pub(super) fn policy_half(
    (p0, p1): (G1, G2),
    point: impl Fn(&Attribute) -> Option<G1>,
    capsule: &Capsule,
    omega: &[(usize, Scalar)],
) -> Option<Gt> {
    let access = capsule.access();
    let mut attribute_terms: Vec<Vec<(G1, Scalar)>> = vec![Vec::new(); capsule.c2.len()];
    let mut row_terms = Vec::with_capacity(omega.len());
    for (index, weight) in omega {
        let row = access.rows().get(*index)?;
        attribute_terms
            .get_mut(row.repetition())?
            .push((point(row.attribute())?, *weight));
        row_terms.push((*capsule.rows.get(*index)?, *weight));
    }
    let attributes = attribute_terms
        .into_iter()
        .map(G1::multi_mul)
        .zip(capsule.c2.iter().copied());
    let rows = G1::multi_mul(row_terms);
    Some(multi_pairing(
        [(p0, capsule.c0), (-rows, p1)]
            .into_iter()
            .chain(attributes),
    ))
}

/// B = e(Q1, C0) / e(Ct, Q2).
pub(super) fn time_half(update: &UpdatePart, capsule: &Capsule) -> Gt {
    multi_pairing([(update.q1, capsule.c0), (-capsule.ct, update.q2)])
}

/// PreDec: (A, B) for a capsule whose policy the key's attributes satisfy, in its epoch.
///
/// It verifies nothing about the capsule: see [`check_capsule`](super::check_capsule).
///
/// # Errors
/// [`PreDecryptError::Tree`], [`PreDecryptError::Epoch`], [`PreDecryptError::Unsatisfied`].
pub fn pre_dec(
    key: &PreDecryptionKey,
    capsule: &Capsule,
) -> Result<SemiCiphertext, PreDecryptError> {
    let header = &capsule.header;
    if key.tree != header.tree {
        return Err(PreDecryptError::Tree {
            expected: key.tree,
            found: header.tree,
        });
    }
    if key.epoch != header.epoch {
        return Err(PreDecryptError::Epoch {
            capsule: header.epoch,
            key: key.epoch,
        }); // L39
    }
    let selection = capsule
        .access()
        .select::<FieldElement>(key.attributes.set());
    let selection = selection.ok_or(PreDecryptError::Unsatisfied)?; // L40
    let omega: Vec<(usize, Scalar)> = selection
        .rows()
        .iter()
        .map(|(row, weight)| (*row, (*weight).into()))
        .collect();
    let point = |attribute: &Attribute| key.attributes.point(&key.node, attribute);
    let a = policy_half((key.node.p0, key.node.p1), point, capsule, &omega) // L41
        .ok_or(PreDecryptError::Unsatisfied)?;
    let b = time_half(&key.update, capsule); // L42
    Ok(SemiCiphertext { a, b })
}
