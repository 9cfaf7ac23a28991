//! A federation that `consilium dev up` made, in a folder of its own, on ports that are free.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;

use super::text;

/// The names of the services of two hospitals, as their folders are called.
pub const SERVICES: [&str; 3] = ["kgc", "st-mary", "city-clinic"];

/// A KGC, four hospitals, and one more.
const PORTS: u16 = 6;

/// A federation; it ends with this value.
pub struct Dev {
    folder: tempfile::TempDir,
    first_port: u16,
}

impl Dev {
    /// A folder and ports; nothing runs yet.
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            first_port: free_ports(),
        }
    }

    /// The folder in which every command is called.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The port of a service, as `dev up` gives them, and that of its ledger's node.
    pub fn ports(&self, number: u16) -> (u16, u16) {
        (self.first_port + number, self.first_port + 100 + number)
    }

    /// The folder of a service.
    pub fn home(&self, service: &str) -> PathBuf {
        self.folder().join("consilium-dev").join(service)
    }

    /// What a command needs to find this federation and its passphrase.
    pub fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let program = Path::new(env!("CARGO_BIN_EXE_consilium"));
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", program.parent().unwrap().display());
        command
            .current_dir(self.folder())
            .env("PATH", path)
            .env("CONSILIUM_DEV_FIRST_PORT", self.first_port.to_string())
            .env_remove("CONSILIUM_PASSPHRASE_FILE");
        let passphrase = "consilium-dev/passphrase";
        match self.folder().join(passphrase).exists() {
            true => command.env("CONSILIUM_PASSPHRASE_FILE", passphrase),
            false => command,
        }
    }

    /// A call of the command.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consilium"));
        self.environment(&mut command).arg("--json").args(arguments);
        command
    }

    /// Calls it.
    pub fn call(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Makes a device's keys without a passphrase, so that calls do not take the time that guessing one is to take.
    pub fn keygen(&self, role: &str, home: &str) {
        let mut command = self.command(&[role, "keygen", "--home", home, "--unprotected"]);
        let said = command.output().unwrap();
        assert!(said.status.success(), "{}", text(&said.stderr));
    }

    /// Calls it; the JSON that it printed, or what it said against it.
    pub fn try_json(&self, arguments: &[&str]) -> Result<Value, Value> {
        let said = self.call(arguments);
        let read = |bytes: &[u8]| {
            serde_json::from_slice(bytes)
                .unwrap_or_else(|_| panic!("{arguments:?}: {}", text(&said.stderr)))
        };
        match said.status.success() {
            true => Ok(read(&said.stdout)),
            false => Err(read(&said.stderr)),
        }
    }

    /// Calls what must succeed.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let answer = self.try_json(arguments);
        answer.unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    /// Calls what must be refused by a service, with its code.
    pub fn refused(&self, arguments: &[&str], code: &str) {
        match self.try_json(arguments) {
            Ok(answer) => panic!("{arguments:?} was not refused: {answer}"),
            Err(error) => assert_eq!(error["code"], code, "{arguments:?}: {error}"),
        }
    }

    /// Starts what does not run.
    pub fn up(&self, matching_window: &str) -> Value {
        self.json(&["dev", "up", "--matching-window", matching_window])
    }

    /// The process of a service.
    pub fn process(&self, service: &str) -> Option<String> {
        let pid = fs::read_to_string(self.home(service).join("service.pid")).ok()?;
        let pid = pid.trim().to_owned();
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        text_of(&line).contains("serve").then_some(pid)
    }

    /// Kills a service without a word. Whether it ran.
    pub fn kill(&self, service: &str) -> bool {
        let Some(pid) = self.process(service) else {
            return false;
        };
        let killed = Command::new("sh")
            .args(["-c", "kill -KILL \"$0\"", &pid])
            .status();
        killed.unwrap().success()
    }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Drop for Dev {
    fn drop(&mut self) {
        self.call(&["dev", "down"]);
        let folders = fs::read_dir(self.home(""));
        for folder in folders.into_iter().flatten().flatten() {
            self.kill(&folder.file_name().to_string_lossy());
        }
    }
}

/// The first of as many ports as a federation may need, so that they and those 100 above are free; below those that connections get.
fn free_ports() -> u16 {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let all_free = |first: &u16| (0..PORTS).all(|n| is_free(first + n) && is_free(first + 100 + n));
    // Tests of one process run beside each other: each looks from another place on.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = 20_000 + (std::process::id() % 40) as u16 * 200;
    let taken = NEXT.fetch_add(PORTS, Ordering::Relaxed);
    let mut firsts = (begin + taken % 96..32_000).step_by(200);
    firsts.find(all_free).expect("free ports")
}
