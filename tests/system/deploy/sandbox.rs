//! What a unit forbids its service, as far as a test can forbid it: nothing but the service's folder can be written, no capabilities,
//! only the listed system calls and address families, no memory that is both written and executed.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::unit::Unit;

/// Everything is read-only but `$1`, and what is beside that folder is read-only too.
const MOUNTS: &str = "
    beside=$(dirname \"$1\")
    mount --bind \"$beside\" \"$beside\" && mount --bind \"$1\" \"$1\" &&
    mount -o remount,bind,ro \"$beside\" && mount -o remount,bind,ro / && cd \"$1\" && shift && exec \"$@\"";

pub struct Sandbox {
    program: PathBuf,
}

impl Sandbox {
    /// Builds it for a unit; `None`, with a word on the terminal, where this machine cannot.
    pub fn build(unit: &Unit, folder: &Path) -> Option<Self> {
        let (source, program) = (folder.join("sandbox.c"), folder.join("sandbox"));
        fs::write(&source, include_str!("sandbox.c")).unwrap();
        fs::write(folder.join("lists.h"), lists(unit)).unwrap();
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let built = Command::new(&compiler)
            .args(["-Wall", "-o"])
            .args([&program, &source])
            .output();
        match built {
            Ok(said) if said.status.success() => {}
            Ok(said) => panic!("{}", String::from_utf8_lossy(&said.stderr)),
            Err(error) => {
                eprintln!("skipped: no sandbox, no C compiler ({compiler}): {error}");
                return None;
            }
        }
        let sandbox = Self { program };
        let home = folder.join("tried");
        fs::create_dir(&home).unwrap();
        let said = sandbox.run(&home, "true");
        if !said.status.success() {
            let why = String::from_utf8_lossy(&said.stderr);
            eprintln!("skipped: no sandbox on this machine: {why}");
            return None;
        }
        sandbox.assert_tight(&home);
        Some(sandbox)
    }

    /// What to put before a command whose folder is `home`.
    pub fn prefix(&self, home: &Path) -> Vec<OsString> {
        let words = ["unshare", "-rm", "sh", "-c", MOUNTS, "sh"].map(OsString::from);
        let paths = [home, &self.program].map(OsString::from);
        words.into_iter().chain(paths).collect()
    }

    fn run(&self, home: &Path, script: &str) -> Output {
        let prefix = self.prefix(home);
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).args(["sh", "-c", script]);
        command.output().unwrap()
    }

    /// It forbids what it says: a sandbox that lets everything through would show nothing.
    fn assert_tight(&self, home: &Path) {
        let allowed = |script: &str| {
            let said = self.run(home, script);
            said.status.success() && said.stderr.is_empty()
        };
        assert!(allowed("touch here && echo"), "its own folder");
        assert!(!allowed("touch ../beside"), "the folder beside");
        assert!(!allowed("nice -n 5 true"), "@resources");
        assert!(!allowed("chown 0 here"), "@privileged");
    }
}

fn lists(unit: &Unit) -> String {
    let families = unit.families().join(", ");
    let mut text =
        format!("static const int families[] = {{{families}}};\nstatic const int calls[] = {{\n");
    for name in unit.system_calls() {
        writeln!(text, "#ifdef __NR_{name}\n__NR_{name},\n#endif").unwrap();
    }
    text.push_str("};\n");
    text
}
