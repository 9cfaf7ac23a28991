//! What a patient's device submits, and every check of it that needs no ciphertext.

use std::sync::Arc;

use actix_web::http::StatusCode;
use consilium_client::api::gateway::{RecordState, RecordSubmission};
use consilium_client::wire::{PublicKey, word};
use consilium_contracts::{
    Action, Canonical as _, Digest, RecordId, RecordTerms, RegisterRecord, Rejection, View,
};
use consilium_schemes::abe::{Capsule, RecordContext, check_capsule};
use consilium_schemes::report;
use consilium_schemes::tokens::KeywordToken;
use consilium_service::ApiError;
use consilium_service::ledger::STALE_EPOCH;
use zeroize::Zeroizing;

use super::view;
use crate::codes;
use crate::hospital::Hospital;
use crate::store::{Changes, OF_PATIENT, RECORDS, RecordRow, STAGED, Stage, StagedRow, TOKENS};

/// Submissions of one patient that may wait for their ciphertexts.
const MAX_WAITING: usize = 256;

/// A submission whose form is right.
pub(crate) struct Submission {
    patient: PublicKey,
    registration: RegisterRecord,
    rsa_key: Vec<u8>,
    ctsym: Vec<u8>,
    cthd_length: u64,
    tokens: Zeroizing<Vec<u8>>,
}

impl Submission {
    pub(crate) fn record(&self) -> &RecordId {
        &self.registration.terms.record
    }
}

/// Parses each field; nothing of it is believed yet.
pub(crate) fn parse(
    hospital: &Hospital,
    patient: PublicKey,
    request: RecordSubmission,
) -> Result<Submission, ApiError> {
    let registration = RegisterRecord::from_canonical_bytes(request.registration.as_bytes())
        .map_err(|error| ApiError::malformed("registration", error))?;
    let limit = hospital.settings.max_record_bytes;
    if !(1..=limit).contains(&request.cthd_length) {
        return Err(ApiError::malformed(
            "cthd_length",
            format!("must be from 1 to {limit}"),
        ));
    }
    let most = hospital.n.keywords();
    let count = request.keyword_tokens.len();
    if !(1..=most).contains(&count) {
        let rule = format!("{count} given; the federation takes 1 to {most} keywords per record");
        return Err(ApiError::malformed("keyword_tokens", rule));
    }
    let mut tokens = Zeroizing::new(Vec::with_capacity(
        count.saturating_mul(KeywordToken::LENGTH),
    ));
    for (index, token) in request.keyword_tokens.iter().enumerate() {
        let field = || format!("keyword_tokens[{index}]");
        let bytes = hex::decode(token.expose_secret()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| ApiError::malformed(field(), "must be hexadecimal"))?;
        KeywordToken::from_bytes(&bytes).map_err(|error| ApiError::malformed(field(), error))?;
        tokens.extend_from_slice(&bytes);
    }
    Ok(Submission {
        patient,
        registration,
        rsa_key: request.rsa_public_key.into_bytes(),
        ctsym: request.ctsym.into_bytes(),
        cthd_length: request.cthd_length,
        tokens,
    })
}

/// Verifies a submission and stores it, to await its ciphertext. What is here already stays as it is.
pub(crate) async fn accept(hospital: &Arc<Hospital>, one: Submission) -> Result<(), ApiError> {
    if is_here(hospital, &one)? {
        return Ok(());
    }
    check_free(hospital, &one)?;
    check_terms(hospital, &one.registration)?;
    let (terms, federation, tree) = (
        one.registration.terms.clone(),
        hospital.federation,
        hospital.parameters.tree().id(),
    );
    let (ctsym, rsa_key) = (one.ctsym.clone(), one.rsa_key.clone());
    let context = RecordContext::new(*federation.as_bytes(), *terms.record.as_bytes());
    let checked = hospital.frame.pool().run(move || {
        check_report_key(&rsa_key, &terms)?;
        check_ctsym(&ctsym, &terms, &context, tree)
    });
    checked.await??;
    store(hospital, one)
}

/// Whether the same patient submitted the same and it has gone on since: her device asks again where an answer was lost.
fn is_here(hospital: &Hospital, one: &Submission) -> Result<bool, ApiError> {
    let record = one.record();
    let row = hospital.store.get(&RECORDS, record)?;
    let Some(row) = row.filter(|row| row.patient == *one.patient.as_bytes()) else {
        return Ok(false);
    };
    if matches!(row.stage, Stage::AwaitsCthd | Stage::Refused(_)) {
        return Ok(false);
    }
    let state = view::of_row(hospital, &row)?.state;
    let over = matches!(state, RecordState::Withdrawn | RecordState::Unmatched);
    if row.registration == one.registration && !over {
        return Ok(true);
    }
    let id = &hospital.id;
    let text = match over {
        true => format!(
            "record {record} is at {id} already, and {}: it is over for good; encrypt it again as a new one (`consilium patient encrypt`)",
            word(&state)
        ),
        false => format!(
            "record {record} is at {id} already, {}, with other content",
            word(&state)
        ),
    };
    Err(ApiError::conflict(text))
}

/// The id is free, or the same patient tries again before it was registered.
fn check_free(hospital: &Hospital, one: &Submission) -> Result<(), ApiError> {
    let record = one.record();
    let taken = || {
        ApiError::conflict(format!(
            "registration: record {record} exists already; draw a fresh random id"
        ))
    };
    if View::new(hospital.state()).record(record).is_some() {
        return Err(taken());
    }
    let again = match hospital.store.get(&RECORDS, record)? {
        None => false,
        Some(row) => {
            let free = matches!(row.stage, Stage::AwaitsCthd | Stage::Refused(_));
            if row.patient != *one.patient.as_bytes() || !free {
                return Err(taken());
            }
            true
        }
    };
    let mut waiting = 0_usize;
    for row in hospital.store.rows(STAGED) {
        let his = row?.1.patient == *one.patient.as_bytes();
        waiting = waiting.saturating_add(usize::from(his));
    }
    if !again && waiting >= MAX_WAITING {
        let text =
            format!("{MAX_WAITING} records of this device wait for their ciphertexts already");
        return Err(ApiError::conflict(text));
    }
    Ok(())
}

/// Owner, co-signature, epoch, consent: what the contracts will check again.
fn check_terms(hospital: &Hospital, registration: &RegisterRecord) -> Result<(), ApiError> {
    let (state, terms) = (hospital.state(), &registration.terms);
    let view = View::new(&state);
    if terms.owner != hospital.id {
        let rule = format!("must be this hospital, {}", hospital.id);
        return Err(ApiError::malformed("registration.terms.owner", rule));
    }
    // The transaction's verification checks the co-signature.
    let transaction = hospital
        .ledger
        .sign(Action::RegisterRecord(Box::new(registration.clone())));
    transaction
        .verify(&hospital.federation)
        .map_err(|error| ApiError::malformed("registration.co_signature", error))?;
    let current = view.current_epoch().map(|entry| entry.epoch);
    match current {
        None => return Err(ApiError::rejected(Rejection::NoEpoch)),
        Some(current) if current != terms.epoch => {
            let stale = Rejection::StaleEpoch {
                given: terms.epoch,
                current,
            };
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                STALE_EPOCH,
                stale.to_string(),
            ));
        }
        Some(_) => {}
    }
    let consent = &terms.consent;
    let field = "registration.terms.consent";
    if consent.expiry <= state.time() {
        return Err(ApiError::malformed(
            format!("{field}.expiry"),
            "must be later than now",
        ));
    }
    if let Some(unknown) = consent
        .hospitals
        .iter()
        .find(|id| view.hospital(id).is_none())
    {
        let rule = format!("{unknown} is not in the federation");
        return Err(ApiError::malformed(format!("{field}.hospitals"), rule));
    }
    if !consent.hospitals.is_empty() && consent.purposes.is_empty() {
        let rule = "must name a purpose where hospitals are named";
        return Err(ApiError::malformed(format!("{field}.purposes"), rule));
    }
    Ok(())
}

/// The RSA key is the one whose digest is registered, and certified.
fn check_report_key(bytes: &[u8], terms: &RecordTerms) -> Result<(), ApiError> {
    let field = "rsa_public_key";
    if Digest::of(bytes) != terms.rsa_key {
        return Err(ApiError::malformed(
            field,
            "must have the digest in the registration",
        ));
    }
    report::PublicKey::from_bytes(bytes).map_err(|error| ApiError::malformed(field, error))?;
    Ok(())
}

/// CTSym is the one whose digest is registered, bound to this record, and made as it should be.
fn check_ctsym(
    bytes: &[u8],
    terms: &RecordTerms,
    context: &RecordContext,
    tree: consilium_schemes::abe::TreeId,
) -> Result<(), ApiError> {
    let malformed = |rule: &dyn std::fmt::Display| ApiError::malformed("ctsym", rule);
    if Digest::of(bytes) != terms.ctsym {
        return Err(malformed(&"must have the digest in the registration"));
    }
    let capsule = Capsule::from_bytes(bytes).map_err(|error| malformed(&error))?;
    let header = capsule.header();
    if header.context() != context {
        return Err(malformed(&"is bound to another record or federation"));
    }
    if header.epoch() != terms.epoch {
        return Err(malformed(
            &"is encrypted to another epoch than the registration says",
        ));
    }
    if header.tree() != tree {
        return Err(malformed(&"is encrypted under other public parameters"));
    }
    check_capsule(&capsule.prepare(), &mut rand::rng()).map_err(|error| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        ApiError::new(status, codes::CAPSULE_MALFORMED, format!("ctsym: {error}")).about("ctsym")
    })
}

fn store(hospital: &Hospital, one: Submission) -> Result<(), ApiError> {
    let record = *one.record();
    let storage = &hospital.keys.storage;
    let sealed = storage.seal(
        TOKENS.name(),
        record.as_bytes(),
        &one.tokens,
        &mut rand::rng(),
    );
    let row = RecordRow {
        patient: *one.patient.as_bytes(),
        registration: one.registration,
        rsa_key: one.rsa_key,
        ctsym: one.ctsym,
        cthd_length: one.cthd_length,
        submitted_ms: hospital.clock().now_ms(),
        stage: Stage::AwaitsCthd,
        transaction: None,
        waits_for: None,
    };
    let staged = StagedRow {
        patient: row.patient,
        since_ms: row.submitted_ms,
    };
    let changes = Changes::new()
        .put(&RECORDS, &record, &row)
        .put(&TOKENS, &record, &sealed)
        .put(&STAGED, &record, &staged)
        .put(&OF_PATIENT, &(one.patient, record), &());
    Ok(hospital.store.commit(changes)?)
}
