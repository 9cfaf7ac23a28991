//! Reports sealed by doctors and opened by patients, with real keys; each made once for all tests.

use std::sync::OnceLock;

use consilium_contracts::*;
use consilium_schemes::report::{
    self, DecryptionStatement, Evidence, Opening, ReportContext, ReportParts, SealedReport,
    SecretKey, prove_decryption, seal,
};

use super::proofs::{once, rng};
use super::{DOCTORS, World, bytes, key};

/// The RSA key of every record: that of the schemes' vectors, since making one takes seconds.
pub fn patient() -> &'static SecretKey {
    static KEY: OnceLock<SecretKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let vectors = include_str!("../../../schemes/tests/vectors/report_v2.json");
        let (_, rest) = vectors.split_once("\"pkcs8\": \"").unwrap();
        let (digits, _) = rest.split_once('"').unwrap();
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let document: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
        SecretKey::from_pkcs8_der(&document, &mut rng("certificate")).unwrap()
    })
}

pub fn report_key() -> ReportKeyBytes {
    bytes(&patient().public_key().to_bytes())
}

pub fn context(federation: &FederationId, record: &RecordId) -> ReportContext {
    ReportContext {
        federation: *federation.as_bytes(),
        record: *record.as_bytes(),
    }
}

/// The report that this doctor writes on this record.
pub fn sealed(federation: &FederationId, record: &RecordId, doctor: &str) -> SealedReport {
    let name = format!("sealed {federation} {record} {doctor}");
    let kept: Blob<{ SealedReport::LIMIT }> = once(&name, || {
        let text = report::Report::new(b"text".to_vec().into()).unwrap();
        let context = context(federation, record);
        let (key, doctor) = (patient().public_key(), key(doctor));
        let sealed = seal(&text, &context, key, &doctor, &mut rng(&name));
        sealed.unwrap().to_bytes()
    });
    SealedReport::from_bytes(kept.as_bytes()).unwrap()
}

/// z of a report.
pub fn opening(context: &ReportContext, sealed: &SealedReport, doctor: &str) -> Opening {
    let doctor = key(doctor).verifying_key();
    let z = patient().decapsulate(sealed, context, &doctor, &mut rng("blinding"));
    z.unwrap()
}

/// That the patient decrypted this report, truly.
pub fn decrypted(federation: &FederationId, record: &RecordId, doctor: &str) -> Decrypted {
    let (sealed, context) = (
        sealed(federation, record, doctor),
        context(federation, record),
    );
    let name = format!("decrypted {federation} {record} {doctor}");
    let proof = once(&name, || {
        let statement = DecryptionStatement {
            context: &context,
            report: &sealed.digest(),
            key: patient().public_key(),
            c: sealed.encapsulation(),
        };
        let opening = opening(&context, &sealed, doctor);
        let proof = prove_decryption(&statement, &opening, &mut rng(&name));
        proof.unwrap().to_bytes()
    });
    let digests = ReportParts::from(&sealed).digests();
    Decrypted {
        record: *record,
        key: report_key(),
        c: bytes(sealed.encapsulation()),
        header: digests.header.into(),
        ciphertext: digests.ciphertext.into(),
        proof,
    }
}

/// The same with one bit of its ciphertext changed: it does not open.
pub fn broken(federation: &FederationId, record: &RecordId, doctor: &str) -> ReportParts {
    let mut encoded = sealed(federation, record, doctor).to_bytes();
    let last = encoded.len() - 65;
    encoded[last] ^= 1;
    ReportParts::from_bytes(&encoded).unwrap()
}

/// z with these parts, put together without asking what it shows.
pub fn evidence(opening: Opening, parts: ReportParts) -> EvidenceBytes {
    bytes(&Evidence::new(opening, parts).expose_secret())
}

/// What a patient reveals of the report that waits.
pub fn revealed(world: &World, record: &RecordId) -> EvidenceBytes {
    let (federation, doctor) = (&world.federation, waiting(world, record));
    let sealed = sealed(federation, record, doctor);
    let opening = opening(&context(federation, record), &sealed, doctor);
    let broken = broken(federation, record, doctor);
    let posted = world.view().report(record, &world.doctor(doctor));
    let parts = match posted {
        Some(posted) if posted.digest == broken.digest().into() => broken,
        _ => ReportParts::from(&sealed),
    };
    evidence(opening, parts)
}

/// The doctor whose report waits on the record; where none does, one who could have written one.
pub fn waiting(world: &World, record: &RecordId) -> &'static str {
    let entry = world.view().record(record);
    let waits = |name: &str| match entry.as_ref().map(|entry| &entry.status) {
        Some(RecordStatus::Reported { doctor }) => world.doctor(name) == *doctor,
        _ => true,
    };
    let mut names = DOCTORS.iter().map(|(name, _)| *name);
    names.find(|name| waits(name)).unwrap()
}
