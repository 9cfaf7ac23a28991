//! The doctor's device against a gateway that lies: what it checks before anything is decrypted or written.

use std::fs;

use crate::common::{EPOCH, TEXT, World, fixture};
use consilium_client::device::DeviceError;
use consilium_client::device::doctor::decrypt_record;
use consilium_contracts::{Digest, Fault, RecordId};
use consilium_schemes::abe::{self, Epoch, HeaderMismatch, RecordContext};
use consilium_schemes::envelope::{self, HeaderCore, HeaderFields};

fn refused<T>(outcome: Result<T, DeviceError>) -> DeviceError {
    outcome.err().unwrap()
}

fn fault(error: DeviceError) -> Fault {
    match error {
        DeviceError::WrongTransform(wrong) => wrong.fault(),
        other => panic!("{other:?}"),
    }
}

fn untrusted(error: DeviceError) -> &'static str {
    match error {
        DeviceError::Untrusted(what) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_record_opens_into_a_new_private_file_or_not_at_all() {
    let mut w = World::new();
    let (record, answer) = w.sealed("cthd");
    let case = w.finish(record, answer).unwrap();
    let (cthd, out) = (w.path("cthd"), w.path("record"));
    let read = w.decrypt(&case, &cthd, &out).unwrap();
    assert_eq!(read.plaintext_bytes(), TEXT.len() as u64);
    assert_eq!(fs::read(&out).unwrap(), TEXT);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            fs::metadata(&out).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    // What is there already is neither replaced nor the reason for plaintext to stay beside it.
    fs::write(&out, b"mine").unwrap();
    let folder = w.path("folder");
    fs::create_dir(&folder).unwrap();
    for taken in [&out, &folder] {
        let error = refused(w.decrypt(&case, &cthd, taken));
        assert!(matches!(error, DeviceError::File(_)), "{error:?}");
        assert!(!taken.with_added_extension("partial").exists());
    }
    assert_eq!(fs::read(&out).unwrap(), b"mine");
}

#[test]
fn another_record_federation_or_key_than_was_registered_is_refused() {
    let mut w = World::new();
    let (record, answer) = w.sealed("cthd");
    let (other, theirs) = w.sealed("other");
    let error = refused(w.finish(other, answer.clone()));
    assert!(matches!(error, DeviceError::Unsigned(found) if found == other));
    let foreign = RecordContext::new([8; 32], *record.as_bytes());
    let policy = "icu".parse().unwrap();
    let parameters = w.federation.parameters().clone();
    let (capsule, _) = abe::encrypt(&parameters, &policy, EPOCH, foreign, &mut w.rng);
    let elsewhere = w.answer(&capsule, Digest::of(b""), 0);
    let error = refused(w.finish(record, elsewhere));
    assert_eq!(fault(error), Fault::EncryptorMisbound);

    // The CTHD of another record, and one whose digest was not registered.
    let case = w.finish(record, answer.clone()).unwrap();
    let out = w.path("record");
    let error = refused(w.decrypt(&case, &w.path("other"), &out));
    let expected = HeaderMismatch::Record;
    assert!(matches!(error, DeviceError::Header(found) if found == expected));
    let mut misnamed = answer.clone();
    misnamed.cthd_digest = theirs.cthd_digest;
    let case = w.finish(record, misnamed).unwrap();
    assert_eq!(
        untrusted(refused(w.decrypt(&case, &w.path("cthd"), &out))),
        "the encrypted record has another digest than the one that was registered"
    );

    let mut stolen = answer;
    stolen.record_key = fixture::public("thief").into();
    let case = w.finish(record, stolen).unwrap();
    assert_eq!(
        untrusted(refused(w.decrypt(&case, &w.path("cthd"), &out))),
        "the registered record key is not the one in the record's header"
    );
    assert!(!out.exists() && !out.with_added_extension("partial").exists());
}

/// The encryptor knows sigma and could put anything into the header, an epoch that never was included.
#[test]
fn a_header_of_another_epoch_than_the_capsules_is_refused_before_a_key_is_derived() {
    let mut w = World::new();
    let record = RecordId::from_bytes([5; 32]);
    let context = RecordContext::new(*w.federation.id().as_bytes(), *record.as_bytes());
    let policy = "icu".parse().unwrap();
    let parameters = w.federation.parameters().clone();
    let (capsule, _) = abe::encrypt(&parameters, &policy, EPOCH, context, &mut w.rng);
    let later = Epoch::new(EPOCH.number() + 1);
    let fields = HeaderFields {
        record: *record.as_bytes(),
        epoch: later.number(),
        record_key: w.patient.signing().verifying_key(),
        report_key: w.patient.report().public_key().to_bytes(),
    };
    let header = HeaderCore::new(fields, &mut w.rng).unwrap();
    let any = envelope::SymKey::new([7; 32].into());
    let mut cthd = Vec::new();
    let made = envelope::encrypt(&any, &header, TEXT, &mut cthd).unwrap();
    let named = Digest::from_bytes(made.digest.to_bytes());
    let answer = w.answer(&capsule, named, made.ciphertext_bytes);
    let case = w.finish(record, answer).unwrap();
    let error = refused(decrypt_record(&case, &cthd[..], &w.path("record")));
    let expected = HeaderMismatch::Epoch {
        capsule: EPOCH,
        header: later,
    };
    assert!(
        matches!(error, DeviceError::Header(found) if found == expected),
        "{error:?}"
    );
    assert!(!w.path("record").exists());
}
