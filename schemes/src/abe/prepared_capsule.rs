//! A capsule with what the public check, PreDec and its proof compute from it alike, computed once.

use std::sync::OnceLock;

use consilium_policies::AccessStructure;

use super::capsule::Capsule;
use super::labels;
use crate::curve::{G1, PreparedG2};

/// What [`Capsule::prepare`] makes: a capsule, the lines of C0 and of the C2_j, and the hashes of its attributes.
///
/// Nothing about it is checked: see [`check_capsule`](super::check_capsule). It takes 19,584 bytes for C0 and for each C2_j.
#[derive(Debug)]
pub struct PreparedCapsule {
    capsule: Capsule,
    access: AccessStructure,
    c0: PreparedG2,
    c2: Vec<PreparedG2>,
    hashes: OnceLock<Vec<G1>>,
}

impl Capsule {
    /// Prepared for the public check, PreDec and its proof.
    #[must_use]
    pub fn prepare(&self) -> PreparedCapsule {
        PreparedCapsule {
            capsule: self.clone(),
            access: self.access(),
            c0: PreparedG2::new(&self.c0),
            c2: PreparedG2::many(&self.c2),
            hashes: OnceLock::new(),
        }
    }
}

impl PreparedCapsule {
    /// The capsule.
    #[must_use]
    pub fn capsule(&self) -> &Capsule {
        &self.capsule
    }

    /// The policy's linear secret sharing.
    pub(super) fn access(&self) -> &AccessStructure {
        &self.access
    }

    /// The lines of C0.
    pub(super) fn c0(&self) -> &PreparedG2 {
        &self.c0
    }

    /// The lines of C2_0 .. C2_m.
    pub(super) fn c2(&self) -> &[PreparedG2] {
        &self.c2
    }

    /// H("attr", rho(i)) of each row, hashed when first asked for: PreDec does not need them.
    pub(super) fn hashes(&self) -> &[G1] {
        self.hashes.get_or_init(|| {
            let rows = self.access.rows().iter();
            rows.map(|row| labels::h_attribute(row.attribute()))
                .collect()
        })
    }
}
