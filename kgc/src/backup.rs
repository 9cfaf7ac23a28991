//! One encrypted file with everything that the ledger does not have: sealed secrets, node identity, settings, genesis, store.
//!
//! ```text
//! age(passphrase, borsh(label, files: [(name, bytes)], columns: [(name, [(key, value)])]))
//! ```
//!
//! `kgc.sealed` and the administrator's `admin.key`, where that lies beside it, stay under their own passphrases inside. Leaves and
//! revocations are not in it: after a restore the node reads them from the ledger, so an old backup can neither give a leaf twice nor
//! forget a revocation. Of the update keys it holds the last, which perhaps no gateway has yet; the others come from the gateways.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor, scrypt};
use borsh::{BorshDeserialize, BorshSerialize};
use consilium_client::file::{Existing, Readers, write_atomically};
use consilium_client::passphrase::Passphrase;
use consilium_contracts::{Canonical as _, Epoch};
use consilium_service::update_keys::UpdateKeyPart;
use zeroize::Zeroizing;

use crate::home::Home;
use crate::init::{InitError, refuse_existing, staging_beside, sync_folder};
use crate::store::{Dump, Store, StoreError};

const LABEL: &str = "CONSILIUM-V1-KGC-BACKUP";
/// The name of the last update key in it.
const LAST_KEY: &str = "last-update-key";
/// The highest work factor that is accepted, as for key files.
const MAX_WORK: u8 = 20;

/// Why there is no backup, or no restored KGC.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Something is there already, or a folder cannot be made.
    #[error(transparent)]
    Target(#[from] InitError),
    /// The system's reason.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The passphrase does not open the backup.
    #[error("{path}: wrong passphrase")]
    WrongPassphrase {
        /// The backup.
        path: PathBuf,
    },
    /// Cut off, changed, or no backup.
    #[error("{path}: not a whole backup of a KGC ({detail})")]
    Damaged {
        /// The backup.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// Before `kgc genesis` there is no genesis, and the administrator may keep the key elsewhere; everything else must be there.
const MAY_BE_ABSENT: [&str; 2] = ["genesis.bin", "admin.key"];

#[derive(BorshSerialize, BorshDeserialize)]
struct Backup {
    label: String,
    files: Vec<(String, Vec<u8>)>,
    columns: Dump,
}

impl Drop for Backup {
    fn drop(&mut self) {
        for (_, bytes) in &mut self.files {
            zeroize::Zeroize::zeroize(bytes);
        }
    }
}

fn files(home: &Home) -> [(&'static str, PathBuf, Readers); 6] {
    [
        ("kgc.toml", home.settings(), Readers::Everyone),
        ("kgc.json", home.public(), Readers::Everyone),
        ("kgc.sealed", home.sealed(), Readers::Owner),
        ("kgc.node", home.node(), Readers::Owner),
        ("admin.key", home.admin_key(), Readers::Owner),
        ("genesis.bin", home.genesis(), Readers::Everyone),
    ]
}

/// Writes a backup of the KGC in `home` to `target`, encrypted to `passphrase`. The service may run meanwhile: the store is read as it
/// is at one moment. An existing file is kept and the call fails. `work`: scrypt's log N.
///
/// # Errors
/// [`BackupError`].
pub fn backup(
    home: &Home,
    target: &Path,
    passphrase: &Passphrase,
    work: Option<u8>,
) -> Result<(), BackupError> {
    refuse_existing(target)?;
    let mut contents = Backup {
        label: LABEL.to_owned(),
        files: Vec::new(),
        columns: Vec::new(),
    };
    for (name, path, _) in files(home) {
        match std::fs::read(&path) {
            Ok(bytes) => contents.files.push((name.to_owned(), bytes)),
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && MAY_BE_ABSENT.contains(&name) => {}
            Err(source) => return Err(BackupError::Io { path, source }),
        }
    }
    if home.store().exists() {
        let store = Store::open_for_backup(home)?;
        contents.columns = store.dump()?;
        contents.files.extend(last_update_key(&store)?);
    }
    let plain = Zeroizing::new(contents.to_canonical_bytes());
    let io = |source| BackupError::Io {
        path: target.to_owned(),
        source,
    };
    let sealed = encrypt(&plain, passphrase, work).map_err(io)?;
    write_atomically(target, &sealed, Readers::Owner, Existing::Keep).map_err(io)
}

/// Makes a KGC's folder from a backup. A folder with anything in it is refused; all is there afterwards, or nothing.
///
/// # Errors
/// [`BackupError`].
pub fn restore(home: &Home, source: &Path, passphrase: &Passphrase) -> Result<(), BackupError> {
    refuse_existing(home.path())?;
    let contents = open(source, passphrase)?;
    let staged = staging_beside(home.path())?;
    let filled = fill(&Home::at(&staged), &contents).and_then(|()| {
        let io = |source| BackupError::Io {
            path: home.path().to_owned(),
            source,
        };
        sync_folder(&staged).map_err(io)?;
        std::fs::rename(&staged, home.path()).map_err(io)
    });
    if filled.is_err() {
        // What was begun is of no use to anybody; the error that matters is the first.
        let _ = std::fs::remove_dir_all(&staged);
    }
    filled
}

fn fill(home: &Home, contents: &Backup) -> Result<(), BackupError> {
    for (name, path, readers) in files(home) {
        let found = contents.files.iter().find(|(found, _)| found == name);
        if let Some((_, bytes)) = found {
            write_atomically(&path, bytes, readers, Existing::Keep).map_err(|source| {
                BackupError::Io {
                    path: path.clone(),
                    source,
                }
            })?;
        }
    }
    let store = Store::open(home)?;
    store.load(&contents.columns)?;
    let last = store.last_update_key()?;
    let file = contents.files.iter().find(|(name, _)| name == LAST_KEY);
    if let (Some(entry), Some((_, bytes))) = (last, file) {
        let write = |mut part: UpdateKeyPart| part.write(bytes).and_then(|()| part.keep());
        let part = store.begin_update_key(Epoch::new(entry.epoch))?;
        write(part).map_err(StoreError::from)?;
    }
    Ok(())
}

/// The file of the last update key: whole, because its entry was read before. If it is gone there is a backup of all else.
fn last_update_key(store: &Store) -> Result<Option<(String, Vec<u8>)>, BackupError> {
    let Some(entry) = store.last_update_key()? else {
        return Ok(None);
    };
    let Some(path) = store.update_key_file(&entry)? else {
        return Ok(None);
    };
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some((LAST_KEY.to_owned(), bytes))),
        Err(source) => Err(BackupError::Io { path, source }),
    }
}

fn open(path: &Path, passphrase: &Passphrase) -> Result<Backup, BackupError> {
    let damaged = |detail: String| BackupError::Damaged {
        path: path.to_owned(),
        detail,
    };
    let file = std::fs::read(path).map_err(|source| BackupError::Io {
        path: path.to_owned(),
        source,
    })?;
    let plain = decrypt(&file, passphrase).map_err(|error| match error {
        DecryptError::DecryptionFailed
        | DecryptError::KeyDecryptionFailed
        | DecryptError::NoMatchingKeys => BackupError::WrongPassphrase {
            path: path.to_owned(),
        },
        error => damaged(error.to_string()),
    })?;
    let contents =
        Backup::from_canonical_bytes(&plain).map_err(|error| damaged(error.to_string()))?;
    match contents.label == LABEL {
        true => Ok(contents),
        false => Err(damaged("another kind of file".to_owned())),
    }
}

fn encrypt(plain: &[u8], passphrase: &Passphrase, work: Option<u8>) -> io::Result<Vec<u8>> {
    let mut recipient = scrypt::Recipient::new(SecretString::from(passphrase.expose_secret()));
    if let Some(work) = work {
        recipient.set_work_factor(work.clamp(1, MAX_WORK));
    }
    let recipients = std::iter::once(&recipient as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
    let mut writer = encryptor.wrap_output(Vec::new())?;
    writer.write_all(plain)?;
    writer.finish()
}

fn decrypt(file: &[u8], passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let decryptor = Decryptor::new_buffered(file)?;
    let mut identity = scrypt::Identity::new(SecretString::from(passphrase.expose_secret()));
    identity.set_max_work_factor(MAX_WORK);
    let mut reader = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))?;
    let mut plain = Zeroizing::new(Vec::with_capacity(file.len()));
    reader.read_to_end(&mut plain)?;
    Ok(plain)
}
