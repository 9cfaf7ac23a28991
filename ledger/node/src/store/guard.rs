//! Whose data directory it is: a lock against a second process, a marker against another
//! federation, another node, another machine.
//!
//! A hospital may get other keys on the ledger. Its directory moves on to them with it, and never
//! back: a key that is replaced never votes again, so no two votes of one height come of a change.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use consilium_contracts::{
    Digest, FederationId, HospitalCard, KeyName, Principal, StateRead, View,
};
use consilium_schemes::signature::VerifyingKey;

use super::Snapshot;
use crate::disk;
use crate::error::StoreError;

/// The layout of the data directory and of the columns.
const FORMAT: u32 = 3;
const LOCK: &str = "lock";
const MARKER: &str = "node";
const PROBE: &str = "probe";

/// Who uses a data directory.
pub(crate) struct Owner {
    pub(crate) federation: FederationId,
    /// The node's network identity.
    pub(crate) node: VerifyingKey,
    /// The key it votes with, if it does.
    pub(crate) validator: Option<VerifyingKey>,
}

/// Holds the lock while it lives.
pub(crate) struct Guard {
    dir: PathBuf,
    _lock: File,
    found: Marker,
}

impl Guard {
    /// Takes the directory, making it if absent, and checks or writes the marker: federation, format
    /// and machine. [`Guard::settle`] checks the keys.
    pub(crate) fn acquire(dir: &Path, owner: &Owner) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(|error| disk::failed(dir, &error))?;
        let path = dir.join(LOCK);
        let lock = open_lock(&path).map_err(|error| disk::failed(&path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(StoreError::Locked { path }),
            Err(fs::TryLockError::Error(error)) => return Err(disk::failed(&path, &error)),
        }
        let found = check_marker(dir.join(MARKER), owner)?;
        Ok(Self {
            dir: dir.to_owned(),
            _lock: lock,
            found,
        })
    }

    /// Whether the directory belongs to the owner's keys: they are those of the marker, or those that replaced them on the card of
    /// their hospital. Then the marker names the new ones from now on.
    pub(crate) fn settle(&self, owner: &Owner, state: &Snapshot) -> Result<(), StoreError> {
        let (found, expected) = (&self.found, Marker::of(owner));
        if found.keys() == expected.keys() {
            return Ok(());
        }
        let (path, view) = (self.dir.join(MARKER), View::new(state));
        if !found.is_replaced_by(owner, &view) {
            return Err(StoreError::OtherNode {
                path,
                found: found.keys(),
                expected: expected.keys(),
            });
        }
        // Without it there may be no quorum for the heights that are left to it, and no way back.
        let schedule = view.validator_schedule();
        let mut in_force = schedule.in_force(state.height().plus(1)).iter();
        let votes = in_force.any(|one| one.key.to_string() == found.validator);
        if found.validator != expected.validator && votes {
            let from = schedule.next.as_ref().map(|next| next.from);
            let from = from.unwrap_or_default();
            return Err(StoreError::KeyInForce { path, from });
        }
        expected.write(&path)
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether the directory can be written: a file of more than a page, synced and removed again.
    pub(crate) fn probe(&self) -> Result<(), StoreError> {
        let path = self.dir.join(PROBE);
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&[0; 8 << 10])?;
            file.sync_all()
        });
        // It may not have been made at all.
        let _ = fs::remove_file(&path);
        written.map_err(|error| disk::failed(&path, &error))
    }
}

fn open_lock(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}

fn check_marker(path: PathBuf, owner: &Owner) -> Result<Marker, StoreError> {
    let marker = match fs::read_to_string(&path) {
        Ok(text) => Marker::parse(&text, &path)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let marker = Marker::of(owner);
            marker.write(&path)?;
            marker
        }
        Err(error) => return Err(disk::failed(&path, &error)),
    };
    marker.check(path, owner)?;
    Ok(marker)
}

/// The marker file: five lines of `name value`.
struct Marker {
    format: u32,
    federation: String,
    node: String,
    validator: String,
    machine: String,
}

/// In place of a key or machine that is not there.
const NONE: &str = "none";

impl Marker {
    fn of(owner: &Owner) -> Self {
        Self {
            format: FORMAT,
            federation: owner.federation.to_string(),
            node: owner.node.to_string(),
            validator: validator_text(owner),
            machine: machine(),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, StoreError> {
        let field = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.map(str::to_owned).ok_or_else(|| StoreError::Corrupt {
                path: path.to_owned(),
                detail: format!("it has no line {name:?}"),
            })
        };
        let format = field("format")?.parse().map_err(|_| StoreError::Corrupt {
            path: path.to_owned(),
            detail: "its format is not a number".into(),
        })?;
        Ok(Self {
            format,
            federation: field("federation")?,
            node: field("node")?,
            validator: field("validator")?,
            machine: field("machine")?,
        })
    }

    fn check(&self, path: PathBuf, owner: &Owner) -> Result<(), StoreError> {
        let expected = Self::of(owner);
        if self.format != FORMAT {
            return Err(StoreError::Format {
                path,
                found: self.format,
                expected: FORMAT,
            });
        }
        if self.federation != expected.federation {
            let (found, expected) = (self.federation.clone(), expected.federation);
            return Err(StoreError::OtherFederation {
                path,
                found,
                expected,
            });
        }
        // Only votes can equivocate: another node may move freely.
        if owner.validator.is_some() && self.machine != expected.machine {
            return Err(StoreError::OtherMachine { path });
        }
        Ok(())
    }

    /// Its keys, for people.
    fn keys(&self) -> String {
        format!("{} voting with {}", self.node, self.validator)
    }

    /// Whether each key is the owner's, or was its hospital's where the owner has the one that the card names now.
    fn is_replaced_by(&self, owner: &Owner, view: &View<&impl StateRead>) -> bool {
        let Some(card) = card_of(&owner.node, view) else {
            return false;
        };
        let of_hospital = |former: &str| {
            let key = former.parse::<KeyName>().ok();
            let key = key.and_then(|name| VerifyingKey::from_bytes(name.as_bytes()).ok());
            key.and_then(|key| view.key_owner(&key)) == Some(Principal::Hospital(card.id.clone()))
        };
        let moves = |former: &str, given: &str, named: VerifyingKey| {
            former == given || (given == named.to_string() && of_hospital(former))
        };
        moves(&self.node, &owner.node.to_string(), card.peer_key)
            && moves(&self.validator, &validator_text(owner), card.validator_key)
    }

    fn write(&self, path: &Path) -> Result<(), StoreError> {
        let Self {
            format,
            federation,
            node,
            validator,
            machine,
        } = self;
        let text = format!(
            "format {format}\nfederation {federation}\nnode {node}\nvalidator {validator}\nmachine {machine}\n"
        );
        disk::replace(path, &text)
    }
}

/// The card of the hospital whose node has, or had, this key.
fn card_of(node: &VerifyingKey, view: &View<&impl StateRead>) -> Option<HospitalCard> {
    match view.key_owner(node)? {
        Principal::Hospital(id) => view.hospital(&id).map(|entry| entry.card),
        Principal::Kgc | Principal::Doctor(_) | Principal::Record(_) => None,
    }
}

fn validator_text(owner: &Owner) -> String {
    owner
        .validator
        .map_or_else(|| NONE.to_owned(), |key| key.to_string())
}

/// A digest of the machine's id: the id itself is nobody's business.
fn machine() -> String {
    fs::read("/etc/machine-id").map_or_else(|_| NONE.to_owned(), |id| Digest::of(&id).to_string())
}
