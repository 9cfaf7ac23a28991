//! A transform that does not open: who is shown at fault, by what a doctor's device can post and everyone can check.
//!
//! The hospital signs what it gives ([`SignedTransform`]), so that nobody can invent it and it cannot be denied. The doctor's device
//! tries Dec. Where nothing opens, [`UserSecretKey::complain`] makes the complaint and its verdict; [`Complaint::settle`], a pure function
//! of the complaint and of what the ledger knows, reaches the same. In this order, the first that applies (`docs/spec/abe.md`, L58 to L66):
//!
//! | found | verdict |
//! |---|---|
//! | the hospital did not sign this for this record, doctor and key | [`Inadmissible::Signature`]: says nothing |
//! | the signed capsule is not the one registered | [`HospitalFault::OtherCapsule`] |
//! | the capsule does not parse, is bound to something else, fails the public check | [`EncryptorFault`] |
//! | A, B or the proof do not parse: no elements, the identity, outside the subgroup | [`HospitalFault::Malformed`] |
//! | B ≠ e(Q1, C0) / e(Ct, Q2) | [`HospitalFault::Update`] |
//! | the proof that A = F^s does not hold | [`HospitalFault::Attributes`] |
//! | the doctor's share E^beta is not proven | [`Inadmissible::Share`]: says nothing |
//! | F is not that share | [`HospitalFault::NodeKey`] |
//! | none of these: A^{1/beta} · B = Y^s | [`Verdict::TransformRight`] |
//!
//! In the last case the hospital is cleared. That the capsule does not open all the same (C_sigma is wrong) is then
//! the encryptor's fault for the device, which has tried; for everyone else it is the doctor's word. To show it one would have to
//! show Y^s, which is not done:
//!
//! # Security
//! **No complaint reveals A^{1/beta} or Y^s.** A hospital may give (A')^k of *another* record's A' for a k of its own, or the registered
//! one's: a doctor who then revealed A^{1/beta} to prove that it does not open would have decrypted that record for the hospital
//! (`attacks::complaints`). An encryptor may copy another record's group elements into a capsule with a C_sigma of its own: whoever
//! revealed Y^s to complain of him would have revealed the other record's key.
//!
//! What it reveals is E^beta. For the true E the hospital computes that itself, F = e(P0,g2) / e(H("w"),P1). But Q1 and Q2 may be any points that it
//! knows, another record's Ct, C_i and C0 and another doctor's P0 too: complaints are a static Diffie-Hellman oracle for beta into GT, on
//! chosen points. They help with no record's key: put beta := 0. Every share, A and F become 1, and P0 becomes H("w")^r, which anybody can make; Y^s
//! contains no beta, so a combination that gives it with shares gives it without this doctor. What comes out is in GT and cannot be fed back, so
//! that there is no chain beta, beta^2 (Cheon, EUROCRYPT 2006). `docs/spec/checks/share_oracle.py` checks it by linear algebra. **That is an
//! argument in the generic group model, not a proof.** The share's proof is Chaum's and Pedersen's (CRYPTO 1992), Fiat-Shamir over the complete statement.
//!
//! "Hospital" means: it, or the KGC that gave it a wrong key. A wrong update key can be shown: its digest is on the ledger. **A wrong attribute key
//! makes an honest hospital look guilty** ([`HospitalFault::NodeKey`]), which cannot show it: the KGC's signature is over an HPKE ciphertext. Decision 0007
//! says what would end that.

mod share;
mod signed;

use rand_core::CryptoRng;

use super::capsule::Capsule;
use super::check::check_for_everyone;
use super::error::MalformedCapsule;
use super::pre_decrypt::SemiCiphertext;
use super::prepared_capsule::PreparedCapsule;
use super::transform::{TransformError, TransformProof};
use super::user_keygen::UserSecretKey;
use crate::curve::{DecodeError, Gt, InField as _, Reader, Scalar, put_variable};
use crate::digest::Digest;
use crate::signature::Signature;
use share::{Share, Statement};

pub use signed::{Case, SignedTransform, TRANSFORM};

const VERSION: u8 = 1;

/// The capsule of the case, not yet checked.
fn bound_capsule(case: &Case<'_>, bytes: &[u8]) -> Result<Capsule, EncryptorFault> {
    let capsule = Capsule::from_bytes(bytes).map_err(|_| EncryptorFault::Malformed)?;
    let header = capsule.header();
    let bound = *header.context() == case.context
        && header.epoch() == case.epoch
        && header.tree() == case.parameters.tree().id();
    match bound {
        true => Ok(capsule),
        false => Err(EncryptorFault::Misbound),
    }
}

/// Who a complaint shows to be at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The hospital that signed the transform.
    Hospital(HospitalFault),
    /// Who made the capsule. The hospital ought to have refused it.
    Encryptor(EncryptorFault),
    /// Not the hospital: A^{1/beta} · B = Y^s. If the capsule does not open, C_sigma is wrong, and its encryptor made it so.
    TransformRight,
}

/// What the hospital did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HospitalFault {
    /// It signed a transform of another capsule than the registered one.
    #[error("the hospital pre-decrypted another capsule than the registered one")]
    OtherCapsule,
    /// A, B or the proof is no element of its group, or the identity.
    #[error("what the hospital gave is no pre-decryption and proof")]
    Malformed,
    /// B is wrong.
    #[error("B is not what the update key gives for this capsule")]
    Update,
    /// A is wrong, or not shown to be right.
    #[error("A is not shown to be what the attribute key gives for this capsule")]
    Attributes,
    /// F is wrong: the attribute key of another doctor or node, an update key of another epoch or node.
    #[error("attribute key and update key do not belong to this doctor, node and epoch")]
    NodeKey,
}

/// What the encryptor did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptorFault {
    /// CTSym is no capsule.
    #[error("the registered CTSym is no capsule")]
    Malformed,
    /// The capsule is bound to another federation, record, epoch or tree.
    #[error("the registered capsule is bound to another federation, record, epoch or tree")]
    Misbound,
    /// It fails the public check.
    #[error("the registered capsule fails the public check: {0}")]
    Check(MalformedCapsule),
}

/// Why a complaint says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inadmissible {
    /// Not signed by this hospital for this record, doctor and doctor's key.
    #[error("the hospital did not sign this transform for this record, doctor and key")]
    Signature,
    /// No share of the doctor's, or one without a proof that holds.
    #[error("the doctor's share is missing or not proven")]
    Share,
}

/// Why a device does not complain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComplaintRefused {
    /// It opens.
    #[error("the transform opens the capsule: there is nothing to complain about")]
    Opens,
    /// It would say nothing.
    #[error(transparent)]
    Inadmissible(#[from] Inadmissible),
}

/// What a doctor posts: capsule, signed transform and, where the verdict needs it, the share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    capsule: Vec<u8>,
    transform: SignedTransform,
    share: Option<Share>,
}

/// How far the verdict comes without the doctor's share.
enum Public {
    Settled(Verdict),
    /// All that is left is whether F = E^beta.
    AllButShare {
        f: Box<Gt>,
        base: Box<Gt>,
    },
}

impl Complaint {
    /// No encoding is longer.
    pub const LIMIT: usize = 1
        + 3 * 4
        + Capsule::MAX_BYTES
        + SemiCiphertext::BYTES
        + TransformProof::MAX_BYTES
        + Signature::LENGTH
        + 1
        + Gt::BYTES
        + 2 * Scalar::BYTES;

    /// Who is at fault, given what stands on the ledger. A pure function.
    ///
    /// # Errors
    /// [`Inadmissible`]: the complaint says nothing about this case.
    pub fn settle(&self, case: &Case<'_>) -> Result<Verdict, Inadmissible> {
        let (f, base) = match self.public(case)? {
            Public::Settled(verdict) => return Ok(verdict),
            Public::AllButShare { f, base } => (f, base),
        };
        let share = self.share.as_ref().ok_or(Inadmissible::Share)?;
        if !share.holds(&self.statement(case, &base)) {
            return Err(Inadmissible::Share); // L64
        }
        match share.element == *f {
            true => Ok(Verdict::TransformRight),                    // L66
            false => Ok(Verdict::Hospital(HospitalFault::NodeKey)), // L65
        }
    }

    fn public(&self, case: &Case<'_>) -> Result<Public, Inadmissible> {
        use Verdict::{Encryptor, Hospital};
        let settled = |verdict| Ok(Public::Settled(verdict));
        self.transform.verify_signature(case, &self.capsule)?;
        if Digest::of(&self.capsule) != case.ctsym {
            return settled(Hospital(HospitalFault::OtherCapsule)); // L59
        }
        let capsule = match self.capsule_of(case) {
            Ok(capsule) => capsule,
            Err(fault) => return settled(Encryptor(fault)),
        };
        let Ok((semi, proof)) = self.parsed() else {
            return settled(Hospital(HospitalFault::Malformed)); // L61
        };
        match proof.verify(&semi, &capsule, case.doctor) {
            Ok(()) => {}
            Err(TransformError::Update) => return settled(Hospital(HospitalFault::Update)), // L62
            Err(TransformError::Attributes) => {
                return settled(Hospital(HospitalFault::Attributes)); // L63
            }
        }
        let base = proof.node_base(case.parameters, case.epoch);
        if base.is_one() {
            // A power of 1 is 1, and F is not.
            return settled(Hospital(HospitalFault::NodeKey));
        }
        Ok(Public::AllButShare {
            f: Box::new(*proof.f()),
            base: Box::new(base),
        })
    }

    /// The registered capsule, if its encryptor made it as he should.
    fn capsule_of(&self, case: &Case<'_>) -> Result<PreparedCapsule, EncryptorFault> {
        let capsule = bound_capsule(case, &self.capsule)?.prepare();
        check_for_everyone(&capsule).map_err(EncryptorFault::Check)?; // L60
        Ok(capsule)
    }

    fn parsed(&self) -> Result<(SemiCiphertext, TransformProof), DecodeError> {
        let semi = SemiCiphertext::from_bytes(&self.transform.semi)?;
        Ok((semi, TransformProof::from_bytes(&self.transform.proof)?))
    }

    /// What the hospital gave and signed.
    #[must_use]
    pub fn transform(&self) -> &SignedTransform {
        &self.transform
    }

    fn statement<'a>(&'a self, case: &'a Case<'a>, base: &'a Gt) -> Statement<'a> {
        Statement {
            case,
            complaint: self,
            base,
        }
    }

    /// The canonical encoding: `version || capsule || SemiCT || proof || signature 64 || 0, or 1 || E^beta || c || z`, the first three
    /// each behind its length of four bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_variable(&mut out, &self.capsule);
        put_variable(&mut out, &self.transform.semi);
        put_variable(&mut out, &self.transform.proof);
        out.extend_from_slice(&self.transform.signature.to_bytes());
        out.push(self.share.is_some().into());
        if let Some(share) = &self.share {
            out.extend_from_slice(&share.element.to_bytes());
            out.extend_from_slice(&share.c.to_bytes());
            out.extend_from_slice(&share.z.to_bytes());
        }
        out
    }

    /// Parses the canonical encoding: of what others made lengths only, for what is malformed must be presentable; the share in full.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::LIMIT)?;
        reader.version(VERSION).in_field("version")?;
        let capsule = reader.variable(Capsule::MAX_BYTES).in_field("capsule")?;
        let semi = reader.variable(SemiCiphertext::BYTES).in_field("SemiCT")?;
        let proof = reader.variable(TransformProof::MAX_BYTES);
        let proof = proof.in_field("proof")?;
        let signature = Signature::from_bytes(reader.array().in_field("signature")?);
        let share = match reader.u8().in_field("share")? {
            0 => None,
            1 => Some(Share {
                element: reader.gt().in_field("share")?,
                c: reader.scalar().in_field("c")?,
                z: reader.scalar().in_field("z")?,
            }),
            _ => return Err(DecodeError::NonCanonical.in_field("share")),
        };
        reader.finish()?;
        Ok(Self {
            capsule: capsule.to_vec(),
            transform: SignedTransform {
                semi: semi.to_vec(),
                proof: proof.to_vec(),
                signature,
            },
            share,
        })
    }
}

impl UserSecretKey {
    /// Tries Dec, and makes a complaint with its verdict where nothing opens. Nothing is revealed that opens a record.
    ///
    /// # Errors
    /// [`ComplaintRefused`].
    pub fn complain(
        &self,
        case: &Case<'_>,
        capsule: Vec<u8>,
        transform: SignedTransform,
        rng: &mut impl CryptoRng,
    ) -> Result<(Complaint, Verdict), ComplaintRefused> {
        if transform.open(case, &capsule, self).is_some() {
            return Err(ComplaintRefused::Opens);
        }
        let mut complaint = Complaint {
            capsule,
            transform,
            share: None,
        };
        if let Public::AllButShare { base, .. } = complaint.public(case)? {
            complaint.share = Some(Share::prove(&complaint.statement(case, &base), self, rng));
        }
        let verdict = complaint.settle(case)?;
        Ok((complaint, verdict))
    }
}
