//! Where a report goes: what the device keeps of a record that was read, and what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::common::World;
use consilium_client::device::DeviceError;
use consilium_client::device::doctor::{OpenedCase, ReportRecipient};
use consilium_contracts::RecordId;
use consilium_schemes::report::{MIN_BITS, SecretKey};

/// A record that was read, and its case.
fn read(w: &mut World) -> (OpenedCase, ReportRecipient) {
    let (record, answer) = w.sealed("cthd");
    let case = w.finish(record, answer).unwrap();
    let read = w.decrypt(&case, &w.path("cthd"), &w.path("record"));
    (case, read.unwrap().recipient().clone())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_gateway_that_names_its_own_key_for_the_report_gets_no_recipient() {
    let mut w = World::new();
    let (record, mut answer) = w.sealed("cthd");
    let honest = w.terms(record, &answer);
    let theirs = SecretKey::generate(MIN_BITS, &mut w.rng).unwrap();
    answer.rsa_public_key = theirs.public_key().to_bytes().into();
    // Not where the record was registered with another one, and where it was registered with theirs, not with this header.
    let refused = w.finish_as(&honest, answer.clone()).err().unwrap();
    assert!(matches!(
        refused,
        DeviceError::Untrusted("it names another report key than the one that was registered")
    ));
    let case = w.finish(record, answer.clone()).unwrap();
    let refused = w.decrypt(&case, &w.path("cthd"), &w.path("record"));
    assert!(matches!(
        refused.err().unwrap(),
        DeviceError::Untrusted("the registered report key is not the one in the record's header")
    ));
    assert!(!w.path("record").exists());

    // Nor does it get another one once the record was read.
    answer.rsa_public_key = w.patient.report().public_key().to_bytes().into();
    let honest = w.finish(record, answer).unwrap();
    let read = w.decrypt(&honest, &w.path("cthd"), &w.path("record"));
    let read = read.unwrap();
    read.recipient().check(&honest).unwrap();
    let refused = read.recipient().check(&case).unwrap_err();
    assert!(matches!(refused, DeviceError::OtherReportKey(found) if found == record));
}

#[test]
fn what_was_read_is_kept_for_its_owner_alone_and_comes_back_the_same() {
    let mut w = World::new();
    let (case, recipient) = read(&mut w);
    let (folder, record) = (w.path("cases"), case.record());
    assert!(ReportRecipient::kept(&folder, record).unwrap().is_none());
    recipient.keep(&folder).unwrap();
    recipient.keep(&folder).unwrap();
    let kept = ReportRecipient::kept(&folder, record).unwrap().unwrap();
    assert!(kept == recipient && kept.record() == record);
    let file = folder.join(format!("{record}.json"));
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let other = RecordId::from_bytes([1; 32]);
    assert!(ReportRecipient::kept(&folder, other).unwrap().is_none());
}

#[test]
fn the_first_key_stays_and_a_damaged_file_is_named() {
    let mut w = World::new();
    let (case, recipient) = read(&mut w);
    let (folder, record) = (w.path("cases"), case.record());
    recipient.keep(&folder).unwrap();
    let file = folder.join(format!("{record}.json"));
    let text = fs::read_to_string(&file).unwrap();

    // As if another key had been there first.
    let theirs = SecretKey::generate(MIN_BITS, &mut w.rng).unwrap();
    let [ours, theirs] =
        [w.patient.report(), &theirs].map(|key| hex::encode(key.public_key().to_bytes()));
    let other = text.replace(&ours, &theirs);
    assert_ne!(other, text);
    fs::write(&file, &other).unwrap();
    let refused = recipient.keep(&folder).unwrap_err();
    assert!(matches!(refused, DeviceError::OtherReportKey(found) if found == record));
    assert_eq!(fs::read_to_string(&file).unwrap(), other);

    let another = RecordId::from_bytes([1; 32]);
    let renamed = text.replace(&record.to_string(), &another.to_string());
    let bent = text.replace(&ours, &ours.replace('a', "b"));
    let long = text.replace("{", &format!("{{{}", " ".repeat(1 << 20)));
    for damaged in ["", &text[..text.len() / 2], &renamed, &bent, &long] {
        fs::write(&file, damaged).unwrap();
        for refused in [
            ReportRecipient::kept(&folder, record).err().unwrap(),
            recipient.keep(&folder).unwrap_err(),
        ] {
            assert!(matches!(&refused, DeviceError::Kept { path, .. } if *path == file));
        }
    }
}
