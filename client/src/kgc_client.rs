//! The typed client of the key service.

use consilium_contracts::DoctorId;

use crate::api::kgc::{
    AdmitHospitalRequest, Enrolment, EnrolmentList, EnrolmentRequest, IssueRequest, Issued,
    KgcStatus, ProofNonce, ProofNonceRequest, PublishEpochRequest, RevocationRequest, Revoked,
    TokenEvaluation, TokenEvaluationRequest, UnsealRequest, WrappedAttributeKey,
};
use crate::api::ledger::{EpochView, TransactionReceipt};
use crate::api::validators::ValidatorProposalRequest;
use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::error::ClientError;
use crate::http::{ClientSettings, HttpClient};

/// The typed client of the key service. One method per endpoint, named as in [`crate::api::kgc`].
#[derive(Debug)]
pub struct KgcClient {
    pub(crate) http: HttpClient,
}

impl KgcClient {
    /// A client of the service at `endpoint`; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Setup`].
    pub fn new(
        endpoint: Endpoint,
        credentials: Option<Credentials>,
        settings: ClientSettings,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            http: HttpClient::new(endpoint, credentials, settings)?,
        })
    }

    /// `GET /v1/status`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<KgcStatus, ClientError> {
        self.http.get("/v1/status").await
    }

    /// `POST /v1/unseal`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn unseal(&self, request: &UnsealRequest) -> Result<KgcStatus, ClientError> {
        self.http.post("/v1/unseal", request).await
    }

    /// `POST /v1/hospitals`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn admit_hospital(
        &self,
        request: &AdmitHospitalRequest,
    ) -> Result<TransactionReceipt, ClientError> {
        self.http.post("/v1/hospitals", request).await
    }

    /// `POST /v1/proof-nonces`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn proof_nonce(
        &self,
        request: &ProofNonceRequest,
    ) -> Result<ProofNonce, ClientError> {
        self.http.post("/v1/proof-nonces", request).await
    }

    /// `POST /v1/enrolments`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn enrol(&self, request: &EnrolmentRequest) -> Result<Enrolment, ClientError> {
        self.http.post("/v1/enrolments", request).await
    }

    /// `GET /v1/enrolments`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn enrolments(&self) -> Result<EnrolmentList, ClientError> {
        self.http.get("/v1/enrolments").await
    }

    /// `POST /v1/enrolments/{doctor}/issue`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn issue(
        &self,
        doctor: &DoctorId,
        request: &IssueRequest,
    ) -> Result<Issued, ClientError> {
        self.http
            .post(&format!("/v1/enrolments/{doctor}/issue"), request)
            .await
    }

    /// `DELETE /v1/enrolments/{doctor}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn refuse_enrolment(&self, doctor: &DoctorId) -> Result<(), ClientError> {
        self.http.delete(&format!("/v1/enrolments/{doctor}")).await
    }

    /// `GET /v1/attribute-keys/{doctor}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn attribute_key(
        &self,
        doctor: &DoctorId,
    ) -> Result<WrappedAttributeKey, ClientError> {
        self.http.get(&format!("/v1/attribute-keys/{doctor}")).await
    }

    /// `POST /v1/revocations`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revoke(&self, request: &RevocationRequest) -> Result<Revoked, ClientError> {
        self.http.post("/v1/revocations", request).await
    }

    /// `POST /v1/epochs`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn publish_epoch(
        &self,
        request: &PublishEpochRequest,
    ) -> Result<EpochView, ClientError> {
        self.http.post("/v1/epochs", request).await
    }

    /// `POST /v1/validators/proposal`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn propose_validator_change(
        &self,
        request: &ValidatorProposalRequest,
    ) -> Result<TransactionReceipt, ClientError> {
        self.http.post("/v1/validators/proposal", request).await
    }

    /// `POST /v1/keyword-tokens/evaluate`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn evaluate_tokens(
        &self,
        request: &TokenEvaluationRequest,
    ) -> Result<TokenEvaluation, ClientError> {
        self.http.post("/v1/keyword-tokens/evaluate", request).await
    }
}
