//! A transform that opens nothing on the doctor's device: nothing is decrypted, and what shows whose fault it is survives until it is posted.

use std::fs;

use consilium_client::api::gateway::OpenedRecord;
use consilium_client::device::DeviceError;
use consilium_client::device::doctor::WrongTransform;
use consilium_contracts::{Digest, Fault, RecordId};

use crate::common::World;

fn wrong(w: &World, record: RecordId, answer: OpenedRecord) -> WrongTransform {
    match w.finish(record, answer).err() {
        Some(DeviceError::WrongTransform(wrong)) => *wrong,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_shows_the_fault_is_kept_until_it_is_posted() {
    let mut w = World::new();
    let (record, honest) = w.sealed("cthd");
    let found = wrong(&w, record, w.swapped(record, &honest));
    assert_eq!(
        (found.record(), found.fault()),
        (record, Fault::HospitalUpdate)
    );
    let folder = w.path("cases");
    assert_eq!(WrongTransform::kept(&folder, record).unwrap(), None);
    found.keep(&folder).unwrap();
    // A later attempt replaces it.
    found.keep(&folder).unwrap();
    let kept = WrongTransform::kept(&folder, record).unwrap().unwrap();
    assert_eq!(kept, found);
    let file = folder.join(format!("{record}.complaint.json"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let other = RecordId::from_bytes([9; 32]);
    fs::copy(&file, folder.join(format!("{other}.complaint.json"))).unwrap();
    let error = WrongTransform::kept(&folder, other).unwrap_err();
    assert!(matches!(error, DeviceError::Kept { .. }), "{error:?}");
    fs::write(&file, b"{}").unwrap();
    let error = WrongTransform::kept(&folder, record).unwrap_err();
    assert!(matches!(error, DeviceError::Kept { .. }), "{error:?}");
    WrongTransform::forget(&folder, record).unwrap();
    WrongTransform::forget(&folder, record).unwrap();
    assert_eq!(WrongTransform::kept(&folder, record).unwrap(), None);
}

#[test]
fn each_part_of_the_answer_that_lies_has_its_refusal() {
    let mut w = World::new();
    let (record, honest) = w.sealed("cthd");
    let parts = |answer: &OpenedRecord| {
        let semi = answer.semi_ciphertext.as_bytes().to_vec();
        (semi, answer.transform_proof.as_bytes().to_vec())
    };
    // Another digest was registered than that of the capsule that the gateway gives, and it signed for what it gives.
    let (semi, proof) = parts(&honest);
    let renamed = OpenedRecord {
        ctsym_digest: consilium_client::wire::Text(Digest::of(b"another")),
        ..honest.clone()
    };
    let answer = w.finish(record, renamed.clone());
    assert!(
        matches!(answer.err(), Some(DeviceError::WrongTransform(wrong))
        if wrong.fault() == Fault::HospitalOtherCapsule)
    );
    // It signed for the registered digest, not for what it gives.
    let answer = w.signed(*record.as_bytes(), renamed, semi, proof);
    let error = w.finish(record, answer).err();
    assert!(matches!(error, Some(DeviceError::Unsigned(_))));

    // C_sigma of the capsule: nobody but this device can see it, and the hospital is not at fault.
    let mut spoiled = honest.clone();
    let mut ctsym = honest.ctsym.as_bytes().to_vec();
    *ctsym.last_mut().unwrap() ^= 1;
    spoiled.ctsym_digest = consilium_client::wire::Text(Digest::of(&ctsym));
    let capsule = consilium_schemes::abe::Capsule::from_bytes(&ctsym).unwrap();
    spoiled.ctsym = ctsym.into();
    let (semi, proof) = w.pre_decrypted(&capsule);
    let answer = w.signed(*record.as_bytes(), spoiled, semi, proof);
    assert_eq!(wrong(&w, record, answer).fault(), Fault::TransformRight);

    // Too long to be presented to anybody.
    let mut long = honest.clone();
    long.semi_ciphertext = vec![0; 4096].into();
    let error = w.finish(record, long).err();
    assert!(matches!(
        error,
        Some(DeviceError::Answer {
            field: "transform",
            ..
        })
    ));
    assert!(w.finish(record, honest).is_ok());
}
