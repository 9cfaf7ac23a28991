//! The doctor's share E^beta, and the proof that it is hers: Chaum and Pedersen, CRYPTO 1992.

use rand_core::CryptoRng;

use super::{Case, Complaint};
use crate::abe::user_keygen::UserSecretKey;
use crate::curve::{FixedG1, G1, Gt, Label, Scalar, Transcript, hash_to_scalar};
use crate::digest::Digest;
use crate::hedged::Nonces;

const SHARE: Label = Label::new("CONSILIUM-V1-ABE-SHARE");
const SHARE_NONCE: Label = Label::new("CONSILIUM-V1-ABE-SHARE-NONCE");

/// E^beta, and (c, z) that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) element: Gt,
    pub(super) c: Scalar,
    pub(super) z: Scalar,
}

/// log_{g1}(pk) = log_E(E^beta), for this complaint in this case.
pub(super) struct Statement<'a> {
    pub(super) case: &'a Case<'a>,
    pub(super) complaint: &'a Complaint,
    pub(super) base: &'a Gt,
}

impl Statement<'_> {
    /// federation, the hospital's key and signature, what it signed (record, doctor, pk, epoch, digests), E.
    fn append(&self, start: Transcript) -> Transcript {
        let (case, transform) = (self.case, &self.complaint.transform);
        let capsule = Digest::of(&self.complaint.capsule);
        let signed = case.signed(&capsule, &transform.semi, &transform.proof);
        start
            .fixed(case.context.federation())
            .fixed(case.hospital.as_bytes())
            .fixed(&transform.signature.to_bytes())
            .variable(signed.as_bytes())
            .gt(self.base)
    }

    /// c = Fr("ABE-SHARE", statement, E^beta, R1, R2).
    fn challenge(&self, element: &Gt, r1: &G1, r2: &Gt) -> Scalar {
        let start = self.append(Transcript::with_capacity(2560));
        hash_to_scalar(SHARE, &start.gt(element).g1(r1).gt(r2))
    }
}

impl Share {
    pub(super) fn prove(
        statement: &Statement<'_>,
        secret: &UserSecretKey,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let beta = secret.expose_secret();
        let element = statement.base.pow_secret(beta); // L67
        let bound = |seed| statement.append(seed);
        let k = Nonces::new(SHARE_NONCE, &[beta], bound, rng).draw(); // L68
        let (r1, r2) = (FixedG1::generator() * &k, statement.base.pow_secret(&k)); // L69
        let c = statement.challenge(&element, &r1, &r2); // L70
        let z = *(&k + &(beta * &c)).expose_secret(); // L71
        Self { element, c, z }
    }

    /// R1 = g1^z · pk^{-c}, R2 = E^z · (E^beta)^{-c}.
    pub(super) fn holds(&self, statement: &Statement<'_>) -> bool {
        let back = -self.c;
        let r1 = FixedG1::generator() * self.z + statement.case.pk.unproven() * back;
        let r2 = statement.base.pow(&self.z) * self.element.pow(&back);
        statement.challenge(&self.element, &r1, &r2) == self.c
    }
}
