//! A unit of `deploy/`, as the test reads it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// Whether systemd's tools are here; a word on the terminal where not.
pub fn has_systemd() -> bool {
    match Command::new("systemd-analyze").arg("--version").output() {
        Ok(said) if said.status.success() => true,
        _ => {
            eprintln!("skipped: there is no systemd-analyze on this machine");
            false
        }
    }
}

/// `consilium-NOUN.service`.
pub struct Unit {
    text: String,
}

impl Unit {
    pub fn of(noun: &str) -> Self {
        let path = folder().join(format!("consilium-{noun}.service"));
        let text = fs::read_to_string(path).unwrap();
        Self { text }
    }

    /// Each value of a setting, in order.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let lines = self.text.lines().filter_map(|line| line.split_once('='));
        lines
            .filter_map(|(found, value)| (found == name).then_some(value))
            .collect()
    }

    fn value(&self, name: &str) -> &str {
        let values = self.values(name);
        assert_eq!(values.len(), 1, "{name} stands {} times", values.len());
        values[0]
    }

    /// The words of `ExecStart=`, with what systemd puts for its specifiers.
    pub fn command(&self, noun: &str, home: &Path, passphrase: &Path) -> Vec<String> {
        let folder = self.value("StateDirectory");
        assert_eq!(folder, format!("consilium-{noun}"));
        let state = format!("%S/{folder}");
        let credential = self.value("LoadCredential").split_once(':').unwrap().0;
        let credential = format!("%d/{credential}");
        let words = self.value("ExecStart").split(' ').map(|word| match word {
            "/usr/local/bin/consilium" => env!("CARGO_BIN_EXE_consilium").to_owned(),
            word if word == state => home.to_str().unwrap().to_owned(),
            word if word == credential => passphrase.to_str().unwrap().to_owned(),
            word => word.to_owned(),
        });
        let words: Vec<_> = words.collect();
        assert!(words.iter().all(|word| !word.contains('%')), "{words:?}");
        words
    }

    /// The address families that may be used.
    pub fn families(&self) -> Vec<&str> {
        self.value("RestrictAddressFamilies").split(' ').collect()
    }

    /// The names of the system calls that may be used, with systemd's sets taken apart.
    pub fn system_calls(&self) -> BTreeSet<String> {
        let mut allowed = in_set("@default");
        for line in self.values("SystemCallFilter") {
            let (denied, names) = match line.strip_prefix('~') {
                Some(names) => (true, names),
                None => (false, line),
            };
            for name in names.split(' ').flat_map(in_set) {
                match denied {
                    true => allowed.remove(&name),
                    false => allowed.insert(name),
                };
            }
        }
        allowed
    }
}

/// The calls in a set of systemd's, or the call itself.
fn in_set(name: &str) -> BTreeSet<String> {
    if !name.starts_with('@') {
        return BTreeSet::from([name.to_owned()]);
    }
    let said = Command::new("systemd-analyze")
        .args(["--no-pager", "syscall-filter", name])
        .output()
        .unwrap();
    assert!(said.status.success(), "{name}");
    let text = String::from_utf8(said.stdout).unwrap();
    let lines = text.lines().skip(1).map(str::trim);
    let names = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.flat_map(in_set).collect()
}
