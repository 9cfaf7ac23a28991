//! Who certifies the ledger's blocks, and how that changes.
//!
//! | endpoint | scope | request → response |
//! |---|---|---|
//! | `GET /v1/validators` | anyone | → [`ValidatorList`] |
//! | `POST /v1/validators/proposal`, at the KGC | kgc.admin | [`ValidatorProposalRequest`] → receipt |
//! | `POST /v1/validators/approval`, at a gateway | gateway.operator | [`ValidatorApprovalRequest`] → receipt |

use consilium_contracts::{HospitalId, ValidatorChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::wire::{PublicKey, Text};

/// How the validators are to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum ValidatorChangeView {
    /// A hospital votes.
    Join {
        /// Which.
        #[schema(value_type = String)]
        hospital: Text<HospitalId>,
    },
    /// A hospital votes no more.
    Leave {
        /// Which.
        #[schema(value_type = String)]
        hospital: Text<HospitalId>,
    },
}

impl From<ValidatorChange> for ValidatorChangeView {
    fn from(change: ValidatorChange) -> Self {
        match change {
            ValidatorChange::Join { hospital } => Self::Join {
                hospital: Text(hospital),
            },
            ValidatorChange::Leave { hospital } => Self::Leave {
                hospital: Text(hospital),
            },
        }
    }
}

impl From<ValidatorChangeView> for ValidatorChange {
    fn from(change: ValidatorChangeView) -> Self {
        match change {
            ValidatorChangeView::Join { hospital } => Self::Join {
                hospital: hospital.0,
            },
            ValidatorChangeView::Leave { hospital } => Self::Leave {
                hospital: hospital.0,
            },
        }
    }
}

/// Proposes a change of the validators, in place of an open proposal.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidatorProposalRequest {
    /// What is proposed.
    pub change: ValidatorChangeView,
}

/// Approves the open proposal; refused when it is another by now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidatorApprovalRequest {
    /// What is proposed.
    pub change: ValidatorChangeView,
    /// The height it was proposed at.
    pub proposed: u64,
}

/// Who votes, who will, and what is proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorList {
    /// The height it was read at.
    pub height: u64,
    /// Those in force at that height, by hospital.
    pub validators: Vec<ValidatorView>,
    /// Those that are scheduled.
    pub next: Option<ScheduledValidatorsView>,
    /// What is proposed; an approved proposal may wait for a scheduled change.
    pub proposal: Option<ValidatorProposalView>,
}

/// A validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorView {
    /// The hospital.
    #[schema(value_type = String)]
    pub hospital: Text<HospitalId>,
    /// The key it votes with.
    pub key: PublicKey,
    /// Why the hospital cannot replace the key just now, in words.
    pub keeps_key: Option<String>,
}

/// Validators that are not in force yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduledValidatorsView {
    /// The first height that they certify.
    pub from: u64,
    /// Who they are, by hospital.
    pub validators: Vec<ValidatorView>,
}

/// An open proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorProposalView {
    /// What is proposed.
    pub change: ValidatorChangeView,
    /// The height it was proposed at.
    pub proposed: u64,
    /// Until when it takes approvals, in milliseconds since the Unix epoch, in block time.
    pub expires_ms: u64,
    /// Whether that is over.
    pub expired: bool,
    /// Who approved it.
    #[schema(value_type = Vec<String>)]
    pub approvals: Vec<Text<HospitalId>>,
}
