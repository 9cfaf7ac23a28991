//! A doctor's complaint about a transform that does not open: what is posted, and who it shows at fault.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::abe::{
    self, EncryptorFault, HospitalFault, Inadmissible, RecordContext, UserId,
};

use crate::action::RecordTerms;
use crate::codec::Blob;
use crate::genesis::ParameterBytes;
use crate::ids::{Digest, DoctorId, FederationId, Height, HospitalId, RecordId};
use crate::rejection::Rejection;
use crate::state::{DoctorEntry, HospitalEntry, StateRead, View};
use crate::transaction::Transaction;
use crate::{parse, proof};

/// The most bytes of a complaint: a capsule of the longest policy, SemiCT, its proof, the hospital's signature and the doctor's share.
pub const MAX_COMPLAINT: usize = abe::Complaint::LIMIT;

/// A complaint in the encoding of `schemes::abe`.
pub type ComplaintBytes = Blob<MAX_COMPLAINT>;

/// Payload of [`Action::ComplainTransform`](crate::Action::ComplainTransform); the doctor is the sender.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ComplainTransform {
    /// The record, of which something was given to the doctor.
    pub record: RecordId,
    /// Capsule, signed transform and share.
    pub complaint: ComplaintBytes,
}

/// Who a complaint shows at fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum Fault {
    /// The hospital pre-decrypted another capsule than the registered one.
    HospitalOtherCapsule,
    /// The hospital gave what is no transform.
    HospitalMalformed,
    /// The hospital's B is wrong.
    HospitalUpdate,
    /// The hospital's A is wrong or unproven.
    HospitalAttributes,
    /// The hospital used keys that do not belong to doctor, node and epoch.
    HospitalNodeKey,
    /// The encryptor registered what is no capsule.
    EncryptorMalformed,
    /// The encryptor bound the capsule to something else.
    EncryptorMisbound,
    /// The encryptor's capsule fails the public check.
    EncryptorCheck,
    /// The transform is right, so not the hospital. That it does not open, hence that the encryptor's C_sigma is wrong, is the
    /// doctor's word.
    TransformRight,
}

impl From<abe::Verdict> for Fault {
    fn from(verdict: abe::Verdict) -> Self {
        match verdict {
            abe::Verdict::Hospital(HospitalFault::OtherCapsule) => Self::HospitalOtherCapsule,
            abe::Verdict::Hospital(HospitalFault::Malformed) => Self::HospitalMalformed,
            abe::Verdict::Hospital(HospitalFault::Update) => Self::HospitalUpdate,
            abe::Verdict::Hospital(HospitalFault::Attributes) => Self::HospitalAttributes,
            abe::Verdict::Hospital(HospitalFault::NodeKey) => Self::HospitalNodeKey,
            abe::Verdict::Encryptor(EncryptorFault::Malformed) => Self::EncryptorMalformed,
            abe::Verdict::Encryptor(EncryptorFault::Misbound) => Self::EncryptorMisbound,
            abe::Verdict::Encryptor(EncryptorFault::Check(_)) => Self::EncryptorCheck,
            abe::Verdict::TransformRight => Self::TransformRight,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HospitalOtherCapsule => {
                "the hospital: it pre-decrypted another capsule than the registered one"
            }
            Self::HospitalMalformed => "the hospital: what it gave is no pre-decryption and proof",
            Self::HospitalUpdate => {
                "the hospital: B is not what the update key gives for this capsule"
            }
            Self::HospitalAttributes => {
                "the hospital: A is not shown to be what the attribute key gives for this capsule"
            }
            Self::HospitalNodeKey => {
                "the hospital: its keys do not belong to this doctor, node and epoch"
            }
            Self::EncryptorMalformed => "the encryptor: the registered CTSym is no capsule",
            Self::EncryptorMisbound => {
                "the encryptor: the capsule is bound to another federation, record, epoch or tree"
            }
            Self::EncryptorCheck => "the encryptor: the capsule fails the public check",
            Self::TransformRight => {
                "not the hospital: its pre-decryption is right. That the capsule does not open, so that its encryptor erred, only the doctor can see"
            }
        })
    }
}

/// A settled complaint of a doctor about one transform that a hospital signed.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ComplaintEntry {
    /// The record.
    pub record: RecordId,
    /// The doctor.
    pub doctor: DoctorId,
    /// The hospital that pre-decrypted.
    pub hospital: HospitalId,
    /// Which transform it is about: SHA-256 of the hospital's signature over it.
    pub transform: Digest,
    /// Who is shown at fault.
    pub fault: Fault,
    /// When.
    pub height: Height,
}

/// Which transform a complaint is about. The hospital makes a signature of its own for each that it gives, and nobody else makes one.
pub(crate) fn transform(complaint: &abe::Complaint) -> Digest {
    Digest::of(&complaint.transform().signature().to_bytes())
}

/// A complaint with what it is about, as the state has it.
pub(crate) struct Complained<'a> {
    complaint: &'a abe::Complaint,
    terms: RecordTerms,
    doctor: DoctorEntry,
    parameters: ParameterBytes,
}

impl<'a> Complained<'a> {
    /// The record, the sending doctor and the doctor's hospital as they stand now.
    pub(crate) fn of<S: StateRead>(
        view: &View<S>,
        transaction: &Transaction,
        record: &RecordId,
        complaint: &'a abe::Complaint,
    ) -> Result<(HospitalEntry, Self), Rejection> {
        let doctor = DoctorId::derive(&transaction.federation, &transaction.sender);
        let known = view.doctor(&doctor);
        let doctor = known.ok_or(Rejection::UnknownDoctor { doctor })?;
        let at = proof::hospital(view, &doctor.hospital)?;
        let about = Self {
            complaint,
            terms: proof::terms(view, record)?,
            doctor,
            parameters: view.federation().parameters,
        };
        Ok((at, about))
    }

    /// Something of the record was given to the doctor, who is not revoked, and no complaint stands about this transform yet.
    pub(crate) fn may_be_posted<S: StateRead>(&self, view: &View<S>) -> bool {
        let (record, doctor) = (&self.terms.record, &self.doctor.id);
        let transform = transform(self.complaint);
        self.doctor.revocation.is_none()
            && view.access(record, doctor).is_some()
            && view.complaint(record, doctor, &transform).is_none()
    }

    /// Everything in the state that the verdict depends on, beside the hospital's key.
    pub(crate) fn parts(&self) -> impl BorshSerialize {
        (
            &self.terms,
            &self.doctor.id,
            &self.doctor.abe_key,
            &self.parameters,
        )
    }

    pub(crate) fn settle(
        &self,
        federation: &FederationId,
        hospital: &HospitalEntry,
    ) -> Result<Fault, Rejection> {
        let parameters = parse::parameters(&self.parameters);
        let (terms, doctor) = (&self.terms, self.doctor.id);
        let case = abe::Case {
            context: RecordContext::new(*federation.as_bytes(), *terms.record.as_bytes()),
            doctor: UserId::from_bytes(*doctor.as_bytes()),
            pk: parse::abe_key(&self.doctor.abe_key)?,
            hospital: hospital.card.signing_key,
            ctsym: terms.ctsym.into(),
            epoch: terms.epoch,
            parameters: &parameters,
        };
        let record = terms.record;
        let verdict = self.complaint.settle(&case);
        verdict.map(Fault::from).map_err(|error| match error {
            Inadmissible::Signature => Rejection::TransformNotSigned {
                record,
                hospital: hospital.card.id.clone(),
            },
            Inadmissible::Share => Rejection::ShareNotProven { record, doctor },
        })
    }
}
