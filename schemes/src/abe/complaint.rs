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
//! What it reveals is E^beta, a power of something that the hospital names, *by* beta. It is a key of no record: for the true E the
//! hospital computes it itself, F = e(P0,g2) / e(H("w"),P1). For an E of its own making it learns powers by beta of elements of GT that it made
//! of points, each beta times a known sum; the exponent of a record's key has no beta, and nothing here divides by it. **That is an argument
//! in the generic group model, not a proof.** The share's proof is Chaum's and Pedersen's (CRYPTO 1992), Fiat-Shamir over the complete statement.
//!
//! "Hospital" means: it, or the KGC that gave it a wrong attribute key or update key; what the KGC gave is signed, and the hospital can show it.

use rand_core::CryptoRng;

use super::capsule::{Capsule, RecordContext};
use super::check::check_for_everyone;
use super::decrypt::dec;
use super::encrypt::SharedSecret;
use super::error::MalformedCapsule;
use super::pre_decrypt::SemiCiphertext;
use super::setup::PublicParameters;
use super::transform::{TransformError, TransformProof};
use super::tree::Epoch;
use super::user_keygen::{UserId, UserPublicKey, UserSecretKey};
use crate::curve::{
    DecodeError, G1, Gt, InField as _, Label, Reader, Scalar, Transcript, hash_to_scalar,
    put_variable,
};
use crate::digest::Digest;
use crate::hedged::Nonces;
use crate::signature::{Purpose, Signature, SigningKey, VerifyingKey};

/// The hospital's signature under a transform; the context is the federation.
pub const TRANSFORM: Purpose = Purpose::new("CONSILIUM-V1-SIG-ABE-TRANSFORM");
const SHARE: Label = Label::new("CONSILIUM-V1-ABE-SHARE");
const SHARE_NONCE: Label = Label::new("CONSILIUM-V1-ABE-SHARE-NONCE");
const VERSION: u8 = 1;

/// What everyone knows of a case.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// Federation and record.
    pub context: RecordContext,
    /// The doctor.
    pub doctor: UserId,
    /// The doctor's pk.
    pub pk: UserPublicKey,
    /// What the doctor's hospital signs with.
    pub hospital: VerifyingKey,
    /// SHA-256 of the registered CTSym.
    pub ctsym: Digest,
    /// The record's epoch.
    pub epoch: Epoch,
    /// pp.
    pub parameters: &'a PublicParameters,
}

impl Case<'_> {
    /// record, doctor, pk, epoch, then the digests of CTSym, SemiCT and the proof.
    fn signed(&self, capsule: &Digest, semi: &[u8], proof: &[u8]) -> Transcript {
        Transcript::new()
            .fixed(self.context.record())
            .fixed(self.doctor.as_bytes())
            .g1(&self.pk.unproven())
            .u64(self.epoch.number())
            .fixed(capsule.as_bytes())
            .fixed(Digest::of(semi).as_bytes())
            .fixed(Digest::of(proof).as_bytes())
    }
}

/// SemiCT and its proof as the hospital gave them, with its signature. Of any content, for what is malformed must be presentable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTransform {
    semi: Vec<u8>,
    proof: Vec<u8>,
    signature: Signature,
}

impl SignedTransform {
    /// Signs a transform of the case's registered capsule; `key` is the case's hospital's.
    #[must_use]
    pub fn sign(case: &Case<'_>, semi: Vec<u8>, proof: Vec<u8>, key: &SigningKey) -> Self {
        let message = case.signed(&case.ctsym, &semi, &proof);
        Self {
            signature: key.sign(TRANSFORM, case.context.federation(), message.as_bytes()),
            semi,
            proof,
        }
    }

    /// Puts together what a hospital sent.
    ///
    /// # Errors
    /// [`DecodeError::Limit`]: longer than any transform, and not to be presented.
    pub fn received(
        semi: Vec<u8>,
        proof: Vec<u8>,
        signature: Signature,
    ) -> Result<Self, DecodeError> {
        Reader::new(&semi, SemiCiphertext::BYTES).in_field("SemiCT")?;
        Reader::new(&proof, TransformProof::MAX_BYTES).in_field("proof")?;
        Ok(Self {
            semi,
            proof,
            signature,
        })
    }

    /// SemiCT.
    #[must_use]
    pub fn semi(&self) -> &[u8] {
        &self.semi
    }

    /// The proof.
    #[must_use]
    pub fn proof(&self) -> &[u8] {
        &self.proof
    }

    /// By the hospital.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Dec, if the capsule is the registered one and bound to the case; nothing where anything is wrong.
    #[must_use]
    pub fn open(
        &self,
        case: &Case<'_>,
        capsule: &[u8],
        secret: &UserSecretKey,
    ) -> Option<SharedSecret> {
        let capsule = bound_capsule(case, capsule).ok()?;
        let semi = SemiCiphertext::from_bytes(&self.semi).ok()?;
        dec(secret, &semi, &capsule, &case.ctsym).ok()
    }

    /// That the case's hospital signed it for this case and this capsule.
    ///
    /// # Errors
    /// [`Inadmissible::Signature`].
    pub fn verify_signature(&self, case: &Case<'_>, capsule: &[u8]) -> Result<(), Inadmissible> {
        let message = case.signed(&Digest::of(capsule), &self.semi, &self.proof);
        let (hospital, federation) = (&case.hospital, case.context.federation());
        hospital
            .verify(TRANSFORM, federation, message.as_bytes(), &self.signature)
            .map_err(|_| Inadmissible::Signature) // L58
    }
}

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

/// E^beta, and (c, z) that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Share {
    element: Gt,
    c: Scalar,
    z: Scalar,
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
    fn capsule_of(&self, case: &Case<'_>) -> Result<Capsule, EncryptorFault> {
        let capsule = bound_capsule(case, &self.capsule)?;
        check_for_everyone(&capsule).map_err(EncryptorFault::Check)?; // L60
        Ok(capsule)
    }

    fn parsed(&self) -> Result<(SemiCiphertext, TransformProof), DecodeError> {
        let semi = SemiCiphertext::from_bytes(&self.transform.semi)?;
        Ok((semi, TransformProof::from_bytes(&self.transform.proof)?))
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

/// log_{g1}(pk) = log_E(E^beta), for this complaint in this case.
struct Statement<'a> {
    case: &'a Case<'a>,
    complaint: &'a Complaint,
    base: &'a Gt,
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
    fn prove(statement: &Statement<'_>, secret: &UserSecretKey, rng: &mut impl CryptoRng) -> Self {
        let beta = secret.expose_secret();
        let element = statement.base.pow_secret(beta); // L67
        let bound = |seed| statement.append(seed);
        let k = Nonces::new(SHARE_NONCE, &[beta], bound, rng).draw(); // L68
        let (r1, r2) = (G1::generator() * &k, statement.base.pow_secret(&k)); // L69
        let c = statement.challenge(&element, &r1, &r2); // L70
        let z = *(&k + &(beta * &c)).expose_secret(); // L71
        Self { element, c, z }
    }

    /// R1 = g1^z · pk^{-c}, R2 = E^z · (E^beta)^{-c}.
    fn holds(&self, statement: &Statement<'_>) -> bool {
        let back = -self.c;
        let r1 = G1::generator() * self.z + statement.case.pk.unproven() * back;
        let r2 = statement.base.pow(&self.z) * self.element.pow(&back);
        statement.challenge(&self.element, &r1, &r2) == self.c
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
