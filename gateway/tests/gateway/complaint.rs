//! Wrong transforms, signed with a hospital's real key, before the doctor's real device; its complaints on the real ledger.

use consilium_client::api::gateway::{OpenRequest, OpenedRecord, RecordSubmission};
use consilium_client::api::terms::PurposeOfUse;
use consilium_client::device::DeviceError;
use consilium_client::device::doctor::{self as device, RegisteredRecord, WrongTransform};
use consilium_contracts::{
    Action, Canonical as _, Event, Fault, Height, RecordId, RegisterRecord, SignedTransaction,
    SigningKey,
};
use consilium_schemes::abe::{
    self, Case, Complaint, RecordContext, SignedTransform, UserId, UserPublicKey,
};
use consilium_schemes::curve::Gt;
use consilium_schemes::digest::Digest;

use crate::refusals::{scene, south_key, to_south};
use crate::world::*;

const FRAME: usize = 6;
const POLICY: &str = "role:cardiologist";

/// What everyone knows of the doctor's case.
fn case<'a>(world: &'a World, reader: &Doctor, record: &RecordId, ctsym: &[u8]) -> Case<'a> {
    Case {
        context: RecordContext::new(*world.federation.id().as_bytes(), *record.as_bytes()),
        doctor: UserId::from_bytes(*reader.id.as_bytes()),
        pk: UserPublicKey::from_bytes(&reader.keys.abe().public_key().to_bytes()).unwrap(),
        hospital: reader.hospital,
        ctsym: Digest::of(ctsym),
        epoch: abe::Epoch::new(1),
        parameters: world.federation.parameters(),
    }
}

/// The hospital as it answers, with every access on the ledger.
async fn given(reader: &Doctor, record: &RecordId) -> OpenedRecord {
    let request = OpenRequest {
        purpose: PurposeOfUse::Treatment,
    };
    reader.client.open(record, &request).await.unwrap()
}

/// The answer with another transform, signed as the hospital would.
fn lie(case: &Case<'_>, honest: &OpenedRecord, semi: Vec<u8>, key: &SigningKey) -> OpenedRecord {
    let proof = honest.transform_proof.as_bytes().to_vec();
    let signed = SignedTransform::sign(case, semi, proof, key);
    OpenedRecord {
        semi_ciphertext: signed.semi().to_vec().into(),
        transform_signature: signed.signature().to_bytes().to_vec().into(),
        ..honest.clone()
    }
}

async fn finish(
    world: &World,
    reader: &Doctor,
    record: &RecordId,
    answer: OpenedRecord,
) -> Result<(), DeviceError> {
    let (keys, hospital) = (&reader.keys, &reader.hospital);
    let (client, federation) = (&reader.client, &world.federation);
    let since = Height::new(answer.access.height - 1);
    let registered = RegisteredRecord::prove(client, federation, *record, since).await?;
    let opened = device::finish_case(federation, keys, hospital, &registered, answer, &mut rng());
    opened.map(drop)
}

fn wrong(outcome: Result<(), DeviceError>) -> WrongTransform {
    match outcome {
        Err(DeviceError::WrongTransform(wrong)) => *wrong,
        other => panic!("{other:?}"),
    }
}

/// Two records of one patient that the doctor may open.
async fn two_records() -> (World, Doctor, [RecordId; 2]) {
    let (world, reader, patient) = scene(POLICY).await;
    let mut records = Vec::new();
    for _ in 0..2 {
        let sent = submit(&world, &world.north, &patient, to_south(&world, POLICY)).await;
        assigned(&reader, &sent.record).await;
        records.push(sent.record);
    }
    (world, reader, records.try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_wrong_transform_is_found_by_the_device_and_settled_on_the_ledger() {
    let (world, reader, [record, other]) = two_records().await;
    let key = south_key(&world);
    let theirs = given(&reader, &other).await;
    let theirs = theirs.semi_ciphertext.as_bytes()[FRAME..].to_vec();
    let (their_a, their_b) = theirs.split_at(Gt::BYTES);
    let honest = given(&reader, &record).await;
    let (ctsym, semi) = (honest.ctsym.as_bytes(), honest.semi_ciphertext.as_bytes());
    let (a, b) = semi[FRAME..].split_at(Gt::BYTES);
    let squared = |x: &[u8]| {
        let x = Gt::from_bytes(x).unwrap();
        (x * x).to_bytes()
    };
    let (replaced_a, replaced_b, one) = (squared(a), squared(b), Gt::one().to_bytes());
    let mut outside = [0u8; Gt::BYTES];
    outside[47] = 2;
    let lies: [(&str, &[u8], &[u8], Fault); 10] = [
        ("A replaced", &replaced_a, b, Fault::HospitalAttributes),
        ("B replaced", a, &replaced_b, Fault::HospitalUpdate),
        ("swapped", b, a, Fault::HospitalUpdate),
        ("A of another record", their_a, b, Fault::HospitalAttributes),
        ("B of another record", a, their_b, Fault::HospitalUpdate),
        ("another record's", their_a, their_b, Fault::HospitalUpdate),
        ("A is 1", &one, b, Fault::HospitalMalformed),
        ("B is 1", a, &one, Fault::HospitalMalformed),
        ("A of another order", &outside, b, Fault::HospitalMalformed),
        ("B of another order", a, &outside, Fault::HospitalMalformed),
    ];
    let about = case(&world, &reader, &record, ctsym);
    for (what, a, b, fault) in lies {
        let answer = lie(&about, &honest, [&semi[..FRAME], a, b].concat(), &key);
        let wrong = wrong(finish(&world, &reader, &record, answer).await);
        assert_eq!(wrong.fault(), fault, "{what}");
        let (client, keys) = (&reader.client, &reader.keys);
        let posted = device::complain(client, &world.federation, keys, &wrong, &mut rng()).await;
        let posted = posted.unwrap();
        let event = Event::from_canonical_bytes(posted.events[0].as_bytes()).unwrap();
        assert!(
            matches!(&event, Event::TransformComplained { fault: settled, hospital, .. }
                if *settled == fault && *hospital == world.south.id),
            "{what}: {event:?}"
        );
        // Once for each that the hospital signed.
        let again = device::complain(client, &world.federation, keys, &wrong, &mut rng()).await;
        assert_eq!(code_of(again), "transaction-rejected", "{what}");

        // An auditor at the other hospital, with what stands on the ledger alone.
        let auditor = world.north.client(Some(&world.north.operator));
        let seen = async || auditor.transaction(&posted.hash.0).await.ok();
        let seen = wait("the transaction in the north", seen).await;
        let signed = SignedTransaction::from_bytes(seen.transaction.as_bytes()).unwrap();
        let Action::ComplainTransform(action) = &signed.transaction().action else {
            panic!("{what}")
        };
        let complaint = Complaint::from_bytes(action.complaint.as_bytes()).unwrap();
        let verdict = complaint.settle(&about).unwrap();
        assert_eq!(Fault::from(verdict), fault, "{what}");
    }
    // The assignment went on: what is right opens.
    open(&world, &reader, &record).await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_unsigned_or_moved_transform_is_not_used_even_if_it_opens() {
    let (world, reader, [record, other]) = two_records().await;
    let honest = given(&reader, &record).await;
    let opened = finish(&world, &reader, &record, honest.clone()).await;
    opened.unwrap();
    let mut unsigned = honest.clone();
    unsigned.transform_signature = vec![0; 64].into();
    let mut cut = honest.clone();
    cut.transform_signature = Vec::new().into();
    let about = case(&world, &reader, &record, honest.ctsym.as_bytes());
    let semi = || honest.semi_ciphertext.as_bytes().to_vec();
    let by_another = lie(&about, &honest, semi(), &world.north.operator);
    let elsewhere = case(&world, &reader, &other, honest.ctsym.as_bytes());
    let for_another = lie(&elsewhere, &honest, semi(), &south_key(&world));
    let theirs = given(&reader, &other).await;
    for answer in [unsigned, cut, by_another, for_another] {
        let error = finish(&world, &reader, &record, answer).await.unwrap_err();
        assert!(
            matches!(error, DeviceError::Unsigned(found) if found == record),
            "{error:?}"
        );
    }
    let error = finish(&world, &reader, &record, theirs).await.unwrap_err();
    assert!(
        matches!(error, DeviceError::Untrusted(why) if why.contains("another capsule")),
        "{error:?}"
    );
    world.end().await;
}

/// What an encryptor makes of his capsule: C_0 of one, the rest of another, and co-signed.
fn misshapen(world: &World, one: &Sealed, other: &Sealed) -> RecordSubmission {
    let mut submission = one.sealed.submission().clone();
    let mut ctsym = submission.ctsym.as_bytes().to_vec();
    let header = abe::Capsule::from_bytes(&ctsym)
        .unwrap()
        .header()
        .to_bytes();
    let theirs = other.sealed.submission().ctsym.as_bytes();
    let c0 = header.len()..header.len() + 96;
    ctsym[c0.clone()].copy_from_slice(&theirs[c0]);
    let registered = RegisterRecord::from_canonical_bytes(submission.registration.as_bytes());
    let mut terms = registered.unwrap().terms;
    terms.ctsym = consilium_contracts::Digest::of(&ctsym);
    let again = terms.co_sign(&world.federation.id(), one.keys.signing());
    submission.registration = again.to_canonical_bytes().into();
    submission.ctsym = ctsym.into();
    submission
}

/// Replaces bytes by as many others in the row of a record.
async fn replace(store: &std::path::Path, record: &RecordId, changes: &[(&[u8], &[u8])]) {
    let options = rocksdb::Options::default();
    let columns = rocksdb::DB::list_cf(&options, store).unwrap();
    let opened = async || rocksdb::DB::open_cf(&options, store, &columns).ok();
    let db = wait("the stopped gateway to let go of its store", opened).await;
    let column = db.cf_handle("records").unwrap();
    let mut row = db.get_cf(column, record.as_bytes()).unwrap().unwrap();
    for (from, to) in changes {
        assert_eq!(from.len(), to.len());
        let at = row.windows(from.len()).position(|bytes| bytes == *from);
        let at = at.unwrap();
        row[at..at + to.len()].copy_from_slice(to);
    }
    db.put_cf(column, record.as_bytes(), row).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_malformed_capsule_is_refused_at_submission_and_before_pre_dec() {
    let (mut world, reader, patient) = scene(POLICY).await;
    let one = seal(&world, &world.north, &patient, to_south(&world, POLICY)).await;
    let other = seal(&world, &world.north, &patient, to_south(&world, POLICY)).await;
    let bad = misshapen(&world, &one, &other);
    let refused = patient.client.submit_record(&bad).await;
    assert_eq!(code_of(refused), "capsule-malformed");

    // An owner that did not look: the honest submission, exchanged in its store before it registers.
    let good = one.sealed.submission();
    patient.client.submit_record(good).await.unwrap();
    world.north.stop().await;
    let store = world.north.folder.join("data/store");
    let pairs = [
        // The row has it without the version in front.
        (
            &good.registration.as_bytes()[1..],
            &bad.registration.as_bytes()[1..],
        ),
        (good.ctsym.as_bytes(), bad.ctsym.as_bytes()),
    ];
    replace(&store, &one.record, &pairs).await;
    world.north.start().await;
    let uploaded = async || {
        let sent = patient.client.upload_cthd(&one.record, &one.cthd).await;
        sent.ok()
    };
    wait("the upload", uploaded).await;
    assigned(&reader, &one.record).await;
    let refused = async || {
        let code = code_of(open(&world, &reader, &one.record).await);
        (code != "owner-unreachable" && code != "tip-too-old").then_some(code)
    };
    assert_eq!(wait("an answer", refused).await, "capsule-malformed");
    world.end().await;
}
