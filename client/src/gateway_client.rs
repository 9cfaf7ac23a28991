//! The typed client of a gateway.

use std::path::Path;

use consilium_contracts::{AuthorizationId, DoctorId, RecordId};
use tokio::io::AsyncWrite;

use crate::api::challenges::{ChallengeRequest, PairList};
use crate::api::gateway::{
    ApprovalRequest, AuthorizationList, AuthorizationRequest, AuthorizationView,
    DoctorEnrolmentRequest, DoctorStatus, GatewayStatus, HospitalRevocationRequest, Inbox,
    InvitationRequest, Invited, OpenRequest, OpenedRecord, RecordList, RecordSubmission,
    RecordView, Registration, RegistrationRequest, ReportSubmission, ReportView, SharedRecord,
    SharedReport,
};
use crate::api::kgc::{
    Enrolment, EnrolmentList, ProofNonce, ProofNonceRequest, TokenEvaluation,
    TokenEvaluationRequest,
};
use crate::api::ledger::TransactionReceipt;
use crate::api::validators::ValidatorApprovalRequest;
use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::error::ClientError;
use crate::http::{ClientSettings, HttpClient};

/// The typed client of a gateway. One method per endpoint, named as in [`crate::api::gateway`].
#[derive(Debug)]
pub struct GatewayClient {
    pub(crate) http: HttpClient,
}

impl GatewayClient {
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
    pub async fn status(&self) -> Result<GatewayStatus, ClientError> {
        self.http.get("/v1/status").await
    }

    /// `POST /v1/invitations`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn invite(&self, request: &InvitationRequest) -> Result<Invited, ClientError> {
        self.http.post("/v1/invitations", request).await
    }

    /// `POST /v1/registrations`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn register(
        &self,
        request: &RegistrationRequest,
    ) -> Result<Registration, ClientError> {
        self.http.post("/v1/registrations", request).await
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
    pub async fn enrol(&self, request: &DoctorEnrolmentRequest) -> Result<Enrolment, ClientError> {
        self.http.post("/v1/enrolments", request).await
    }

    /// `GET /v1/enrolments`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn enrolments(&self) -> Result<EnrolmentList, ClientError> {
        self.http.get("/v1/enrolments").await
    }

    /// `POST /v1/enrolments/{doctor}/approve`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn approve(
        &self,
        doctor: &DoctorId,
        request: &ApprovalRequest,
    ) -> Result<Enrolment, ClientError> {
        self.http
            .post(&format!("/v1/enrolments/{doctor}/approve"), request)
            .await
    }

    /// `DELETE /v1/enrolments/{doctor}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn refuse_enrolment(&self, doctor: &DoctorId) -> Result<(), ClientError> {
        self.http.delete(&format!("/v1/enrolments/{doctor}")).await
    }

    /// `POST /v1/revocations`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revoke(
        &self,
        request: &HospitalRevocationRequest,
    ) -> Result<TransactionReceipt, ClientError> {
        self.http.post("/v1/revocations", request).await
    }

    /// `POST /v1/validators/approval`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn approve_validator_change(
        &self,
        request: &ValidatorApprovalRequest,
    ) -> Result<TransactionReceipt, ClientError> {
        self.http.post("/v1/validators/approval", request).await
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

    /// `POST /v1/records`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn submit_record(
        &self,
        request: &RecordSubmission,
    ) -> Result<RecordView, ClientError> {
        self.http.post("/v1/records", request).await
    }

    /// `GET /v1/records`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn records(&self) -> Result<RecordList, ClientError> {
        self.http.get("/v1/records").await
    }

    /// `GET /v1/records/{record}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn record(&self, record: &RecordId) -> Result<RecordView, ClientError> {
        self.http.get(&format!("/v1/records/{record}")).await
    }

    /// `GET /v1/records/{record}/report`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn report(&self, record: &RecordId) -> Result<ReportView, ClientError> {
        self.http.get(&format!("/v1/records/{record}/report")).await
    }

    /// `GET /v1/records/{record}/pairs`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn pairs(&self, record: &RecordId) -> Result<PairList, ClientError> {
        self.http.get(&format!("/v1/records/{record}/pairs")).await
    }

    /// `POST /v1/records/{record}/challenges`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn challenge(
        &self,
        record: &RecordId,
        request: &ChallengeRequest,
    ) -> Result<TransactionReceipt, ClientError> {
        self.http
            .post(&format!("/v1/records/{record}/challenges"), request)
            .await
    }

    /// `POST /v1/authorizations`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn authorize(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<AuthorizationView, ClientError> {
        self.http.post("/v1/authorizations", request).await
    }

    /// `GET /v1/authorizations`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn authorizations(&self) -> Result<AuthorizationList, ClientError> {
        self.http.get("/v1/authorizations").await
    }

    /// `DELETE /v1/authorizations/{authorization}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn withdraw_authorization(
        &self,
        authorization: &AuthorizationId,
    ) -> Result<TransactionReceipt, ClientError> {
        self.http
            .delete(&format!("/v1/authorizations/{authorization}"))
            .await
    }

    /// `GET /v1/doctor`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn doctor(&self) -> Result<DoctorStatus, ClientError> {
        self.http.get("/v1/doctor").await
    }

    /// `GET /v1/inbox`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn inbox(&self) -> Result<Inbox, ClientError> {
        self.http.get("/v1/inbox").await
    }

    /// `POST /v1/records/{record}/open`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn open(
        &self,
        record: &RecordId,
        request: &OpenRequest,
    ) -> Result<OpenedRecord, ClientError> {
        self.http
            .post(&format!("/v1/records/{record}/open"), request)
            .await
    }

    /// `POST /v1/records/{record}/reports`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn submit_report(
        &self,
        record: &RecordId,
        request: &ReportSubmission,
    ) -> Result<TransactionReceipt, ClientError> {
        self.http
            .post(&format!("/v1/records/{record}/reports"), request)
            .await
    }

    /// `GET /v1/shared/records/{record}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn shared_record(&self, record: &RecordId) -> Result<SharedRecord, ClientError> {
        self.http.get(&format!("/v1/shared/records/{record}")).await
    }

    /// `POST /v1/shared/reports`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn share_report(&self, request: &SharedReport) -> Result<(), ClientError> {
        self.http.post("/v1/shared/reports", request).await
    }

    /// `PUT /v1/records/{record}/cthd`, streamed from a file; registers the record.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn upload_cthd(
        &self,
        record: &RecordId,
        file: &Path,
    ) -> Result<RecordView, ClientError> {
        self.http
            .upload(&format!("/v1/records/{record}/cthd"), file)
            .await
    }

    /// `GET /v1/records/{record}/cthd`, streamed into `sink`, at most `max_bytes`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn download_cthd(
        &self,
        record: &RecordId,
        sink: &mut (impl AsyncWrite + Unpin),
        max_bytes: u64,
    ) -> Result<u64, ClientError> {
        self.http
            .download(&format!("/v1/records/{record}/cthd"), sink, max_bytes)
            .await
    }

    /// `GET /v1/shared/records/{record}/cthd`, streamed into `sink`, at most `max_bytes`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn download_shared_cthd(
        &self,
        record: &RecordId,
        sink: &mut (impl AsyncWrite + Unpin),
        max_bytes: u64,
    ) -> Result<u64, ClientError> {
        self.http
            .download(
                &format!("/v1/shared/records/{record}/cthd"),
                sink,
                max_bytes,
            )
            .await
    }
}
