//! The gateway's own refusals, beside those of [`consilium_client::api::errors::codes`] and [`consilium_service::ledger`].

use consilium_client::api::errors::ErrorCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        $($(#[$doc])* pub const $name: ErrorCode = ErrorCode::new($code);)*
    };
}

codes! {
    /// 403: the invitation is unknown, used, expired, or for another role.
    INVITATION_INVALID = "invitation-invalid";
    /// 403: the attributes name another hospital.
    FOREIGN_HOSPITAL = "foreign-hospital";
    /// 403: the record is not assigned to this doctor (or to a doctor of this hospital).
    NOT_ASSIGNED = "not-assigned";
    /// 403: the doctor is revoked.
    DOCTOR_REVOKED = "doctor-revoked";
    /// 403: the patient's consent is over.
    CONSENT_WITHDRAWN = "consent-withdrawn";
    /// 403: the hospital's authorization is over.
    AUTHORIZATION_WITHDRAWN = "authorization-withdrawn";
    /// 403: neither consent nor authorization is for this purpose of use.
    PURPOSE_NOT_ALLOWED = "purpose-not-allowed";
    /// 403: the doctor's attributes do not satisfy the record's policy; the hospital has declined for him.
    POLICY_NOT_SATISFIED = "policy-not-satisfied";
    /// 409: the case is opened first.
    NOT_OPENED = "not-opened";
    /// 503: the gateway's copy of the ledger is too old to decide on.
    TIP_TOO_OLD = "tip-too-old";
    /// 502: the owner's CTSym is not the one on the ledger.
    CAPSULE_DIGEST_MISMATCH = "capsule-digest-mismatch";
    /// 502: the owner's CTHD is not the one on the ledger.
    RECORD_DIGEST_MISMATCH = "record-digest-mismatch";
    /// 422: the record's CTSym was not made as it should be.
    CAPSULE_MALFORMED = "capsule-malformed";
    /// 502: the record's RSA key from the owner is not the one on the ledger.
    REPORT_KEY_MISMATCH = "report-key-mismatch";
    /// 503: the update key of the record's epoch cannot be had now.
    UPDATE_KEY_UNAVAILABLE = "update-key-unavailable";
    /// 502: the update key of the record's epoch, as the KGC published it, is none or has no usable node over the doctor's leaf.
    UPDATE_KEY_MALFORMED = "update-key-malformed";
    /// 503: the doctor's attribute key is not here yet.
    ATTRIBUTE_KEY_UNAVAILABLE = "attribute-key-unavailable";
    /// 503: the owner hospital's gateway does not answer.
    OWNER_UNREACHABLE = "owner-unreachable";
    /// 503: the KGC does not answer.
    KGC_UNREACHABLE = "kgc-unreachable";
    /// 422: the report, its digest and its transaction do not belong together.
    REPORT_MISMATCH = "report-mismatch";
    /// 503: the report's transaction has not reached this gateway yet; send it again.
    REPORT_NOT_COMMITTED = "report-not-committed";
}
