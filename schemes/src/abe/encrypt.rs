//! Encrypt: a fresh secret under a policy, everything derived from one sigma.

use core::fmt;

use consilium_policies::{AccessStructure, Policy};
use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use super::capsule::{Capsule, CapsuleHeader, RecordContext, SIGMA};
use super::error::HeaderMismatch;
use super::labels;
use super::setup::PublicParameters;
use super::tree::Epoch;
use crate::curve::{
    FieldElement, FixedG2, G1, G2, Gt, Label, SecretScalar, SecretVector, Transcript,
    hash_to_secret_scalar,
};
use crate::digest::Digest;
use crate::envelope::{HeaderCore, SymKey};
use crate::kdf;

const ENC: Label = Label::new("CONSILIUM-V1-ABE-ENC");
const MASK: Label = Label::new("CONSILIUM-V1-ABE-MASK");
const SYM_KEY: Label = Label::new("CONSILIUM-V1-ABE-SYMKEY");

/// sigma: 32 random bytes.
pub(super) type Sigma = Zeroizing<[u8; SIGMA]>;

/// What a scalar derived from sigma is for.
#[derive(Clone, Copy)]
enum Role {
    /// s.
    Secret = 0,
    /// s'_j.
    Repetition = 1,
    /// y_k.
    Column = 2,
}

/// Fr("ENC", sigma, SHA-256(header), role, index): the "XOF" of the equations, one hash per scalar.
fn derive(sigma: &Sigma, header: &Digest, role: Role, index: usize) -> SecretScalar {
    let index = u32::try_from(index).expect("rows and columns are at most 512");
    let message = Transcript::new().fixed(sigma).fixed(header.as_bytes());
    hash_to_secret_scalar(ENC, &message.u8(role as u8).u32(index))
}

/// s.
pub(super) fn derive_s(sigma: &Sigma, header: &Digest) -> SecretScalar {
    derive(sigma, header, Role::Secret, 0)
}

/// All secret exponents of a capsule.
pub(super) struct Exponents {
    /// s.
    pub(super) s: SecretScalar,
    /// s'_0 .. s'_m.
    pub(super) repetitions: Vec<SecretScalar>,
    /// lambda = M (s, y_2, ..).
    pub(super) shares: Vec<SecretScalar>,
}

impl Exponents {
    fn derive(sigma: &Sigma, header: &Digest, access: &AccessStructure) -> Self {
        let s = derive_s(sigma, header);
        let repetitions = (0..=access.max_repetition())
            .map(|j| derive(sigma, header, Role::Repetition, j))
            .collect();
        let columns = (1..access.columns()).map(|k| derive(sigma, header, Role::Column, k));
        Self::new(s, repetitions, columns.collect(), access)
    }

    pub(super) fn new(
        s: SecretScalar,
        repetitions: Vec<SecretScalar>,
        columns: Vec<SecretScalar>,
        access: &AccessStructure,
    ) -> Self {
        let mut vector = vec![s.duplicate()];
        vector.extend(columns);
        let vector = SecretVector::from_secrets(vector.iter());
        let shares = access
            .shares::<FieldElement>(vector.as_slice())
            .map(SecretVector::new)
            .expect("one entry for s and one for each further column"); // L29
        Self {
            s,
            repetitions,
            shares: shares.to_secrets(),
        }
    }

    fn are_usable(&self) -> bool {
        !core::iter::once(&self.s)
            .chain(&self.repetitions)
            .any(|x| bool::from(x.is_zero()))
    }
}

/// The group elements of a capsule: (C0, C2, Ct, C_i).
pub(super) fn elements(
    epoch: Epoch,
    access: &AccessStructure,
    exponents: &Exponents,
) -> (G2, Vec<G2>, G1, Vec<G1>) {
    let Exponents {
        s,
        repetitions,
        shares,
    } = exponents;
    let g2 = FixedG2::generator();
    let c0 = g2 * s; // L30
    let c2: Vec<G2> = repetitions.iter().map(|k| g2 * k).collect(); // L31
    let ct = labels::h_time(epoch) * s; // L32
    let row = |(row, lambda): (&consilium_policies::Row, &SecretScalar)| {
        let k = repetitions
            .get(row.repetition())
            .expect("tau(i) is at most m");
        labels::w() * lambda + labels::h_attribute(row.attribute()) * k // L33
    };
    let rows: Vec<G1> = access.rows().iter().zip(shares).map(row).collect();
    (c0, G2::normalized(&c2), ct, G1::normalized(&rows))
}

/// C_sigma = sigma xor KDF(Y^s), or the other way round; the KDF is bound to the header.
pub(super) fn mask(sigma: &[u8; SIGMA], y_s: &Gt, header: &Digest) -> Sigma {
    let secret = Zeroizing::new(y_s.to_bytes());
    let mut out = kdf::derive::<SIGMA>(MASK, secret.as_ref(), header.as_bytes());
    out.iter_mut()
        .zip(sigma)
        .for_each(|(byte, sigma)| *byte ^= sigma);
    out
}

/// What encryptor and doctor share: sigma, and which capsule carries it. Wiped on drop.
pub struct SharedSecret {
    sigma: Sigma,
    capsule: Digest,
    record: [u8; 32],
    epoch: Epoch,
}

impl SharedSecret {
    /// `digest` is the capsule's.
    pub(super) fn new(sigma: Sigma, header: &CapsuleHeader, digest: Digest) -> Self {
        Self {
            sigma,
            capsule: digest,
            record: *header.context.record(),
            epoch: header.epoch,
        }
    }

    /// SymKey = HKDF(sigma, SHA-256(CTSym) || header_core), for the envelope with this header.
    ///
    /// # Errors
    /// [`HeaderMismatch`]: no key is derived for a header that names another record or epoch than the capsule.
    pub fn derive_sym_key(&self, header_core: &HeaderCore) -> Result<SymKey, HeaderMismatch> {
        let fields = header_core.fields();
        if fields.record != self.record {
            return Err(HeaderMismatch::Record);
        }
        if fields.epoch != self.epoch.number() {
            return Err(HeaderMismatch::Epoch {
                capsule: self.epoch,
                header: Epoch::new(fields.epoch),
            });
        }
        let info = [self.capsule.as_bytes().as_slice(), &header_core.to_bytes()].concat();
        let key = kdf::derive(SYM_KEY, self.sigma.as_ref(), &info); // L35
        Ok(SymKey::new(key))
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// Encrypt(M, rho, t): a capsule, and the secret it carries.
///
/// ```text
/// C0 = g2^s;  C2_j = g2^{s'_j};  Ct = H("time", t)^s
/// C_i = H("w")^{lambda_i} H("attr", rho(i))^{s'_{tau(i)}};  C_sigma = sigma xor KDF(Y^s)
/// ```
pub fn encrypt(
    parameters: &PublicParameters,
    policy: &Policy,
    epoch: Epoch,
    context: RecordContext,
    rng: &mut impl CryptoRng,
) -> (Capsule, SharedSecret) {
    let header = CapsuleHeader {
        tree: parameters.tree().id(),
        epoch,
        context,
        policy: policy.clone(),
    };
    loop {
        let mut sigma = Sigma::default();
        rng.fill_bytes(sigma.as_mut()); // L27
        if let Some(capsule) = encapsulate(parameters, &header, &sigma) {
            let digest = capsule.digest();
            let secret = SharedSecret::new(sigma, &capsule.header, digest);
            return (capsule, secret);
        }
    }
}

/// The capsule of this sigma; none in the (negligible) case that a derived value is unusable.
fn encapsulate(
    parameters: &PublicParameters,
    header: &CapsuleHeader,
    sigma: &Sigma,
) -> Option<Capsule> {
    let access = header.policy.access_structure();
    let digest = header.digest();
    let exponents = Exponents::derive(sigma, &digest, &access); // L28
    if !exponents.are_usable() {
        return None;
    }
    let (c0, c2, ct, rows) = elements(header.epoch, &access, &exponents);
    if rows.iter().any(G1::is_identity) {
        return None;
    }
    let mut y_s = parameters.y().pow_secret(&exponents.s);
    let c_sigma = *mask(sigma, &y_s, &digest); // L34
    y_s.zeroize();
    Some(Capsule {
        header: header.clone(),
        c0,
        c2,
        ct,
        rows,
        c_sigma,
    })
}
