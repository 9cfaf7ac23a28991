//! Why the KGC refuses, and the one place where that gets a status and a code.

use actix_web::http::StatusCode;
use consilium_client::api::errors::{ErrorCode, codes};
use consilium_contracts::{DoctorId, HospitalId};
use consilium_node::SubmitError;
use consilium_service::ApiError;
use consilium_service::ledger::submit_error;

use crate::store::StoreError;

/// 403: the passphrase does not open the sealed secrets.
pub const WRONG_PASSPHRASE: ErrorCode = ErrorCode::new("wrong-passphrase");
/// 409: the nonce is unknown, used or too old; ask for another and prove again.
pub const STALE_NONCE: ErrorCode = ErrorCode::new("stale-nonce");
/// 409: the attributes are no longer those that the administrator read.
pub const ATTRIBUTES_CHANGED: ErrorCode = ErrorCode::new("attributes-changed");
/// 422: the key would have more attributes than this KGC makes.
pub const TOO_MANY_ATTRIBUTES: ErrorCode = ErrorCode::new("too-many-attributes");
/// 409: the epoch is not the next one.
pub const WRONG_EPOCH: ErrorCode = ErrorCode::new("wrong-epoch");
/// 409: the doctor was revoked.
pub const REVOKED: ErrorCode = ErrorCode::new("revoked");

/// Why the KGC does not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KgcError {
    /// A field that breaks a rule.
    #[error("{field}: {rule}")]
    Field {
        /// Which.
        field: &'static str,
        /// The rule.
        rule: String,
    },
    /// The hospital speaks for another one.
    #[error("{caller} cannot vouch for the doctors of {named}")]
    OtherHospital {
        /// Who called.
        caller: HospitalId,
        /// Whom it named.
        named: HospitalId,
    },
    /// The hospital's signature does not hold.
    #[error("signature: the hospital did not sign these fields")]
    Attestation,
    /// The nonce is unknown, used, too old or somebody else's.
    #[error("nonce: unknown, used or expired; ask for another and prove again")]
    StaleNonce,
    /// Too many nonces wait.
    #[error("too many proofs of this hospital's doctors are awaited")]
    TooManyNonces,
    /// The doctor was revoked.
    #[error("doctor {0} was revoked, for good: a doctor who returns enrols with new keys")]
    Revoked(DoctorId),
    /// No such enrolment.
    #[error("there is no enrolment of doctor {0}")]
    NoEnrolment(DoctorId),
    /// There is no key to give.
    #[error("there is no attribute key of doctor {0} for this hospital")]
    NoKey(DoctorId),
    /// The registration is under way.
    #[error("doctor {0} is registered and the key is being made; try again shortly")]
    UnderWay(DoctorId),
    /// The enrolment was issued or refused before.
    #[error("the enrolment of doctor {doctor} is {state}")]
    Settled {
        /// Whose.
        doctor: DoctorId,
        /// What it is.
        state: &'static str,
    },
    /// More than one key may cost.
    #[error(
        "attributes: the key would have {count} attributes, at most {limit} are issued: a label is one, a number is 32 (the KGC's setting kgc.max_key_attributes)"
    )]
    TooManyAttributes {
        /// How many it would have.
        count: usize,
        /// The setting.
        limit: usize,
    },
    /// Not what the administrator read.
    #[error("attributes: the enrolment of doctor {0} has other attributes now; read it again")]
    AttributesChanged(DoctorId),
    /// Not the next epoch.
    #[error("epoch: the next epoch is {next}")]
    WrongEpoch {
        /// It.
        next: u64,
    },
    /// The ledger does not take the transaction.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A rule of the scheme that only a fault of ours can break.
    #[error("{0}")]
    Fault(String),
}

impl KgcError {
    pub(crate) fn field(field: &'static str, rule: impl ToString) -> Self {
        Self::Field {
            field,
            rule: rule.to_string(),
        }
    }
}

impl From<KgcError> for ApiError {
    fn from(error: KgcError) -> Self {
        let text = error.to_string();
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, text.clone());
        match error {
            KgcError::Field { field, rule } => Self::malformed(field, rule),
            KgcError::OtherHospital { .. } => Self::forbidden(text).about("hospital"),
            KgcError::Attestation => Self::forbidden(text).about("signature"),
            KgcError::StaleNonce => conflict(STALE_NONCE).about("nonce"),
            KgcError::TooManyNonces => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, codes::RATE_LIMITED, text)
            }
            KgcError::Revoked(_) => conflict(REVOKED),
            KgcError::NoEnrolment(doctor) => Self::not_found(format!("enrolment of {doctor}")),
            KgcError::NoKey(doctor) => Self::not_found(format!("attribute key of {doctor} here")),
            KgcError::UnderWay(_) | KgcError::Settled { .. } => Self::conflict(text),
            KgcError::TooManyAttributes { .. } => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Self::new(status, TOO_MANY_ATTRIBUTES, text).about("attributes")
            }
            KgcError::AttributesChanged(_) => conflict(ATTRIBUTES_CHANGED).about("attributes"),
            KgcError::WrongEpoch { .. } => conflict(WRONG_EPOCH).about("epoch"),
            KgcError::Submit(error) => submit_error(error),
            KgcError::Store(error) => Self::internal(error),
            KgcError::Fault(error) => Self::internal(error),
        }
    }
}
