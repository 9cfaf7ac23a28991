//! `deploy/four-hospitals`: a folder for each machine, and the services that run from them.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::sandbox::Sandbox;
use super::unit::{self, Unit, has_systemd};
use crate::common::dev::Dev;
use crate::common::text;

const PATIENCE: Duration = Duration::from_secs(120);
const KGC: &str = "kgc";
const HOSPITALS: [&str; 4] = ["st-mary", "city-clinic", "university", "lakeside"];
/// Its node is known to the others under a name, and listens on an address.
const NAMED: &str = "lakeside";

/// The folders, and what runs from them.
struct Machines {
    dev: Dev,
    running: Vec<(&'static str, Child)>,
    sandbox: Option<Sandbox>,
}

impl Drop for Machines {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for machine in [KGC].into_iter().chain(HOSPITALS) {
                let log = fs::read_to_string(self.log(machine)).unwrap_or_default();
                let last: Vec<_> = log.lines().rev().take(10).collect();
                eprintln!("--- {machine}, last line first:\n{}", last.join("\n"));
            }
        }
    }
}

impl Machines {
    fn new() -> Self {
        let dev = Dev::new();
        fs::write(dev.folder().join("machines"), listed(&dev)).unwrap();
        Self {
            dev,
            running: Vec::new(),
            sandbox: None,
        }
    }

    /// From now on services run under what their units forbid, where this machine can do that.
    fn restrict(&mut self) {
        if has_systemd() {
            self.sandbox = Sandbox::build(&Unit::of("gateway"), self.dev.folder());
        }
    }

    fn make(&self, options: &[&str]) -> Output {
        let mut command = Command::new(unit::folder().join("four-hospitals"));
        command.args(["machines", "federation"]).args(options);
        self.dev.environment(&mut command).output().unwrap()
    }

    fn folder(&self, machine: &str) -> PathBuf {
        self.dev.folder().join("federation").join(machine)
    }

    fn home(&self, machine: &str) -> PathBuf {
        self.folder(machine).join("home")
    }

    fn log(&self, machine: &str) -> PathBuf {
        self.dev.folder().join(format!("{machine}.log"))
    }

    /// Runs what the unit runs, under what it forbids.
    fn start(&mut self, machine: &'static str) {
        let noun = if machine == KGC { KGC } else { "gateway" };
        let home = self.home(machine);
        let line = Unit::of(noun).command(noun, &home, &self.folder(machine).join("passphrase"));
        let mut words = match &self.sandbox {
            Some(sandbox) => sandbox.prefix(&home),
            None => Vec::new(),
        };
        words.extend(line.into_iter().map(OsString::from));
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.log(machine))
            .unwrap();
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if machine == NAMED {
            let listen = format!("/ip4/127.0.0.1/tcp/{}", self.dev.ports(4).1);
            command.env("CONSILIUM_GATEWAY_LEDGER_LISTEN", listen);
        }
        self.running.push((machine, command.spawn().unwrap()));
    }

    /// As `systemctl stop`; the exit code.
    fn stop(&mut self, machine: &str) -> Option<i32> {
        let mut running = self.running.iter();
        let place = running.position(|(name, _)| *name == machine).unwrap();
        let (_, mut child) = self.running.remove(place);
        let asked = Command::new("sh")
            .args(["-c", "kill -TERM \"$0\"", &child.id().to_string()])
            .status();
        assert!(asked.unwrap().success());
        child.wait().unwrap().code()
    }

    /// Calls what must succeed, with the machine's folder and passphrase.
    fn call(&self, arguments: &[&str], machine: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        let (home, passphrase) = (self.home(machine), self.folder(machine).join("passphrase"));
        let rest = ["--home", home.to_str().unwrap()];
        let secret = ["--passphrase-file", passphrase.to_str().unwrap()];
        let without = matches!(
            arguments,
            ["kgc", "status"] | ["kgc", "hospital", "list"] | ["kgc", "epoch", "show"]
        );
        let secret = if without { &[][..] } else { &secret[..] };
        loop {
            match self.dev.try_json(&[arguments, &rest, secret].concat()) {
                Ok(value) => return value,
                Err(error) => assert!(Instant::now() < until, "{arguments:?}: {error}"),
            }
            sleep(Duration::from_millis(200));
        }
    }

    /// The height that every node has, once they have the same, and are all at `least` or above.
    fn agreed(&self, least: u64) -> u64 {
        let until = Instant::now() + PATIENCE;
        loop {
            let seen: Vec<_> = HOSPITALS
                .iter()
                .map(|machine| self.call(&["gateway", "status"], machine)["ledger"].clone())
                .collect();
            let kgc = self.call(&["kgc", "status"], KGC)["height"].clone();
            let height = seen[0]["height"].as_u64().unwrap();
            let same = seen.iter().all(|one| one["height"] == height) && kgc == height;
            if same && height >= least {
                for one in &seen {
                    assert_eq!(one["state_root"], seen[0]["state_root"]);
                    assert_eq!(one["validators"].as_array().unwrap().len(), 4);
                }
                return height;
            }
            assert!(Instant::now() < until, "{kgc} {seen:#?}");
            sleep(Duration::from_millis(200));
        }
    }
}

/// The file that the user edits, for this machine.
fn listed(dev: &Dev) -> String {
    let mut text = String::from("# A comment, and an empty line.\n\n");
    for (number, id) in (0..).zip([KGC].into_iter().chain(HOSPITALS)) {
        let (http, ledger) = dev.ports(number);
        let node = if id == NAMED {
            "dns4/localhost"
        } else {
            "ip4/127.0.0.1"
        };
        let address = format!("127.0.0.1:{http}");
        writeln!(
            text,
            "{id}  https://{address}  {address}  /{node}/tcp/{ledger}  Machine of {id}"
        )
        .unwrap();
    }
    text
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn four_hospitals_run_on_machines_of_their_own_as_the_units_run_them() {
    let mut machines = Machines::new();
    machines.restrict();
    let options = ["--prefilter", "512", "--depth", "5", "--keywords", "16"];
    let made = machines.make(&options);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let again = machines.make(&options);
    assert_eq!(again.status.code(), Some(1), "keys are made once");
    assert!(text(&again.stderr).contains("is there already"));

    let genesis = fs::read(machines.home(KGC).join("genesis.bin")).unwrap();
    let mut secrets = Vec::new();
    for machine in [KGC].into_iter().chain(HOSPITALS) {
        let (folder, home) = (machines.folder(machine), machines.home(machine));
        assert_eq!(fs::read(home.join("genesis.bin")).unwrap(), genesis);
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join("passphrase")), 0o600);
        secrets.push(fs::read_to_string(folder.join("passphrase")).unwrap());
    }
    assert!(secrets.iter().all(|one| one.len() == 64));
    secrets.sort();
    secrets.dedup();
    assert_eq!(secrets.len(), 5, "each has a passphrase of its own");

    for machine in [KGC].into_iter().chain(HOSPITALS) {
        machines.start(machine);
    }
    machines.agreed(1);
    let list = machines.call(&["kgc", "hospital", "list"], KGC);
    let list = list["hospitals"].as_array().unwrap();
    assert_eq!(list.len(), 4);
    assert!(list.iter().all(|one| one["validator"] == true), "{list:?}");

    // One is stopped as systemd stops it; the others commit, and it has that when it is back.
    assert_eq!(machines.stop("university"), Some(0));
    let made = machines.call(&["kgc", "epoch", "publish"], KGC);
    machines.start("university");
    let height = machines.agreed(made["height"].as_u64().unwrap());
    assert!(height > 1);
    for machine in HOSPITALS {
        let status = machines.call(&["gateway", "status"], machine);
        assert_eq!(status["epoch"], made["epoch"], "{machine}");
        // The options were passed on.
        assert_eq!(status["ledger"]["prefilter"]["bits"], 512);
        assert_eq!(status["ledger"]["prefilter"]["weight"], 32);
        assert_eq!(status["ledger"]["keywords"], 16);
    }
    for machine in [KGC].into_iter().chain(HOSPITALS) {
        assert_eq!(machines.stop(machine), Some(0), "{machine} ends in order");
    }
}

#[test]
fn an_option_that_is_none_makes_nothing() {
    let machines = Machines::new();
    for (options, why) in [
        (&["--prefilter", "300"][..], "--prefilter"),
        (&["--depth"], "--depth"),
        (&["--depth", "21"], "1..=20"),
        (&["--wings"], "--wings"),
    ] {
        let said = machines.make(options);
        assert_eq!(said.status.code(), Some(2), "{options:?}");
        let words = text(&said.stderr);
        assert!(words.contains(why), "{options:?}: {words}");
        assert!(!machines.dev.folder().join("federation").exists());
    }
}

#[test]
fn a_list_that_is_none_makes_nothing() {
    let machines = Machines::new();
    let list = machines.dev.folder().join("machines");
    for (wrong, why) in [
        ("# nothing\n", "no KGC and hospital"),
        (
            "kgc https://127.0.0.1:1 127.0.0.1:1 /ip4/127.0.0.1/tcp/2 F\nst-mary https://127.0.0.1:3\n",
            "five words",
        ),
        (
            "kgc ftp://127.0.0.1:1 127.0.0.1:1 /ip4/127.0.0.1/tcp/2 F\nst-mary u a n N\n",
            "url",
        ),
    ] {
        fs::write(&list, wrong).unwrap();
        let said = machines.make(&[]);
        assert!(!said.status.success(), "{wrong}");
        assert!(
            text(&said.stderr).contains(why),
            "{wrong}: {}",
            text(&said.stderr)
        );
        let left = fs::read_dir(machines.dev.folder()).unwrap();
        let left = left.map(|one| one.unwrap().file_name().into_string().unwrap());
        assert_eq!(
            left.filter(|name| name.contains("federation") || name.contains("four"))
                .count(),
            0
        );
    }
}
