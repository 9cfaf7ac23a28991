//! PreDec: the hospital's part, which leaves the doctor one exponentiation and one product.

use std::collections::BTreeMap;

use consilium_policies::Attribute;
use zeroize::Zeroizing;

use super::error::PreDecryptError;
use super::frame::{self, FRAME, Kind};
use super::pre_keygen::PreDecryptionKey;
use super::prepared_capsule::PreparedCapsule;
use crate::curve::{
    DecodeError, FieldElement, G1, Gt, InField, PreparedG1, PreparedG2, Scalar, prepared_pairing,
};

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
    (p0, p1): (G1, &PreparedG2),
    point: impl Fn(&Attribute) -> Option<G1>,
    prepared: &PreparedCapsule,
    omega: &[(usize, Scalar)],
) -> Option<Gt> {
    let (capsule, access) = (prepared.capsule(), prepared.access());
    let mut attribute_terms: BTreeMap<usize, Vec<(&Attribute, Scalar)>> = BTreeMap::new();
    let mut row_terms = Vec::with_capacity(omega.len());
    for (index, weight) in omega {
        let row = access.rows().get(*index)?;
        let terms = attribute_terms.entry(row.repetition()).or_default();
        point(row.attribute())?;
        terms.push((row.attribute(), *weight));
        row_terms.push((*capsule.rows.get(*index)?, *weight));
    }
    // Of its length at once, since it is secret: a list that grows leaves copies behind.
    let mut left = Zeroizing::new(Vec::with_capacity(2 + attribute_terms.len()));
    left.extend([p0, -G1::multi_mul(row_terms)]);
    let mut right = vec![prepared.c0(), p1];
    for (j, terms) in attribute_terms {
        let terms = terms.iter();
        let terms = terms.filter_map(|(attribute, weight)| Some((point(attribute)?, *weight)));
        left.push(G1::multi_mul(terms));
        right.push(prepared.c2().get(j)?);
    }
    let left = Zeroizing::new(PreparedG1::many(&left));
    Some(prepared_pairing(left.iter().copied().zip(right)))
}

/// B = e(Q1, C0) / e(Ct, Q2).
pub(super) fn time_half(q1: G1, q2: &PreparedG2, ct: G1, c0: &PreparedG2) -> Gt {
    let left = PreparedG1::many(&[q1, -ct]);
    prepared_pairing(left.into_iter().zip([c0, q2]))
}

/// PreDec: (A, B) for a capsule whose policy the key's attributes satisfy, in its epoch.
///
/// It verifies nothing about the capsule: see [`check_capsule`](super::check_capsule).
///
/// # Errors
/// [`PreDecryptError::Tree`], [`PreDecryptError::Epoch`], [`PreDecryptError::Unsatisfied`].
pub fn pre_dec(
    key: &PreDecryptionKey,
    capsule: &PreparedCapsule,
) -> Result<SemiCiphertext, PreDecryptError> {
    transform(key, capsule).map(|transformed| transformed.semi)
}

/// What PreDec makes, and what its proof needs of how.
pub(super) struct Transformed {
    pub(super) semi: SemiCiphertext,
    /// The rows that were used, ascending.
    pub(super) rows: Vec<usize>,
}

pub(super) fn transform(
    key: &PreDecryptionKey,
    prepared: &PreparedCapsule,
) -> Result<Transformed, PreDecryptError> {
    let capsule = prepared.capsule();
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
    let selection = prepared
        .access()
        .select::<FieldElement>(key.attributes.set());
    let selection = selection.ok_or(PreDecryptError::Unsatisfied)?; // L40
    let omega: Vec<(usize, Scalar)> = selection
        .rows()
        .iter()
        .map(|(row, weight)| (*row, (*weight).into()))
        .collect();
    let point = |attribute: &Attribute| key.attributes.point(&key.node, attribute);
    let rows: Vec<usize> = omega.iter().map(|(row, _)| *row).collect();
    let (node, of_key) = (&key.node, &key.lines);
    let a = policy_half((node.p0, &of_key.p1), point, prepared, &omega) // L41
        .ok_or(PreDecryptError::Unsatisfied)?;
    let b = time_half(key.update.q1, &of_key.q2, capsule.ct, prepared.c0()); // L42
    let semi = SemiCiphertext { a, b };
    Ok(Transformed { semi, rows })
}
