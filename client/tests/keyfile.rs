//! Key files: what opens, what does not, and that nothing is ever half there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use consilium_client::keyfile::{
    AbeUserSecretFile, KeyFileError, Protection, WorkFactor, needs_passphrase, read_key_file,
    replace_key_file, write_key_file,
};
use consilium_client::passphrase::Passphrase;
use consilium_schemes::signature::SigningKey;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text).unwrap()
}

fn cheap(passphrase: &Passphrase) -> Protection<'_> {
    Protection::PassphraseWithWork(passphrase, WorkFactor::new(2).unwrap())
}

fn read(path: &Path, word: &str) -> Result<SigningKey, KeyFileError> {
    read_key_file(path, Some(&passphrase(word)))
}

#[test]
fn a_key_comes_back_under_its_passphrase_and_is_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doctor.key");
    let key = SigningKey::from_bytes(&[7; 32]);
    write_key_file(&path, &key, cheap(&passphrase("right"))).unwrap();
    assert_eq!(
        read(&path, "right").unwrap().verifying_key(),
        key.verifying_key()
    );
    assert!(needs_passphrase(&path).unwrap());
    let file = fs::read(&path).unwrap();
    assert!(file.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----"));
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_wrong_or_missing_passphrase_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doctor.key");
    let key = SigningKey::from_bytes(&[7; 32]);
    write_key_file(&path, &key, cheap(&passphrase("right"))).unwrap();
    assert!(matches!(
        read(&path, "wrong"),
        Err(KeyFileError::WrongPassphrase { .. })
    ));
    let missing = read_key_file::<SigningKey>(&path, None).unwrap_err();
    assert!(matches!(missing, KeyFileError::PassphraseNeeded { .. }));
}

#[test]
fn a_file_cut_off_anywhere_or_changed_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doctor.key");
    let key = SigningKey::from_bytes(&[7; 32]);
    write_key_file(&path, &key, cheap(&passphrase("right"))).unwrap();
    let whole = fs::read(&path).unwrap();
    let trimmed = String::from_utf8(whole.clone()).unwrap().trim_end().len();
    for length in (0..trimmed).step_by(7) {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(read(&path, "right").is_err(), "cut off at {length}");
    }
    let body = whole.iter().rposition(|byte| *byte == b'-').unwrap() - 60;
    let mut changed = whole.clone();
    changed[body] = if changed[body] == b'A' { b'B' } else { b'A' };
    fs::write(&path, &changed).unwrap();
    assert!(read(&path, "right").is_err());
    fs::write(&path, &whole).unwrap();
    read(&path, "right").unwrap();
}

#[test]
fn one_kind_of_key_is_not_read_as_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doctor.key");
    let word = passphrase("right");
    write_key_file(&path, &SigningKey::from_bytes(&[7; 32]), cheap(&word)).unwrap();
    let refused = read_key_file::<AbeUserSecretFile>(&path, Some(&word)).unwrap_err();
    assert!(matches!(refused, KeyFileError::OtherKind { .. }));
    let text = refused.to_string();
    assert!(
        text.contains("signing-key 1") && text.contains("abe-user-secret 1"),
        "{text}"
    );
}

#[test]
fn a_file_without_a_passphrase_is_asked_for_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doctor.key");
    let key = SigningKey::from_bytes(&[7; 32]);
    write_key_file(&path, &key, Protection::None).unwrap();
    assert!(!needs_passphrase(&path).unwrap());
    let read = read_key_file::<SigningKey>(&path, None).unwrap();
    assert_eq!(read.verifying_key(), key.verifying_key());
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let refused = read_key_file::<SigningKey>(&path, None).unwrap_err();
        assert!(
            matches!(refused, KeyFileError::Damaged { .. }),
            "cut off at {length}"
        );
    }
}

#[test]
fn a_key_is_never_overwritten_by_accident_and_replaced_whole_when_meant() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doctor.key");
    let (first, second) = (
        SigningKey::from_bytes(&[1; 32]),
        SigningKey::from_bytes(&[2; 32]),
    );
    let word = passphrase("right");
    write_key_file(&path, &first, cheap(&word)).unwrap();
    let refused = write_key_file(&path, &second, cheap(&word)).unwrap_err();
    assert!(matches!(refused, KeyFileError::Io { .. }));
    assert_eq!(
        read(&path, "right").unwrap().verifying_key(),
        first.verifying_key()
    );
    replace_key_file(&path, &second, cheap(&passphrase("changed"))).unwrap();
    assert_eq!(
        read(&path, "changed").unwrap().verifying_key(),
        second.verifying_key()
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

#[test]
fn the_standard_work_factor_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doctor.key");
    let word = passphrase("right");
    write_key_file(
        &path,
        &SigningKey::from_bytes(&[7; 32]),
        Protection::Passphrase(&word),
    )
    .unwrap();
    assert!(fs::read_to_string(&path).unwrap().len() > 100);
    read(&path, "right").unwrap();
    assert!(WorkFactor::new(21).is_none() && WorkFactor::new(0).is_none());
}
