//! Network namespaces of the test's own: one for each validator, joined by a bridge. Cut-off packets are lost here, not held back.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::network::now;

/// A process that keeps namespaces open as long as it is spoken to.
struct Holder {
    process: Child,
    _keep: Option<ChildStdin>,
}

impl Holder {
    /// Runs a script that ends in `echo ready && exec cat`; `None` where the machine does not allow it.
    fn hold(line: &[OsString]) -> Option<Self> {
        let process = Command::new(&line[0])
            .args(&line[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut process = process.ok()?;
        let mut said = String::new();
        let read = BufReader::new(process.stdout.take()?).read_line(&mut said);
        let holder = Self {
            _keep: process.stdin.take(),
            process,
        };
        (read.is_ok() && said.trim() == "ready").then_some(holder)
    }

    /// What to put before a command that runs inside.
    fn prefix(&self) -> Vec<OsString> {
        let id = self.process.id().to_string();
        words(&[
            "nsenter",
            "-t",
            &id,
            "-U",
            "-n",
            "--preserve-credentials",
            "--",
        ])
    }

    /// Runs a script inside; whether it worked.
    fn run(&self, script: &str) -> bool {
        let line = [self.prefix(), words(&["sh", "-ec", script])].concat();
        let ran = Command::new(&line[0])
            .args(&line[1..])
            .stderr(Stdio::null())
            .status();
        ran.is_ok_and(|status| status.success())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Gone already, perhaps.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// Four hospitals' machines on one bridge.
pub struct Lan {
    homes: Vec<Holder>,
    hub: Holder,
}

const MACHINES: usize = 4;

impl Lan {
    /// Builds it; `None`, with a word on the terminal, where this machine does not allow it.
    pub fn build() -> Option<Self> {
        let lan = Self::try_build();
        if lan.is_none() {
            eprintln!("skipped: no network namespaces on this machine");
        }
        lan
    }

    fn try_build() -> Option<Self> {
        let bridges = "ip link add lan type bridge && ip link add island type bridge && \
            ip link set lan up && ip link set island up && echo ready && exec cat";
        let hub = Holder::hold(&words(&["unshare", "-rn", "sh", "-c", bridges]))?;
        let mut homes = Vec::new();
        for i in 0..MACHINES {
            let inside = words(&["unshare", "-n", "sh", "-c", "echo ready && exec cat"]);
            let home = Holder::hold(&[hub.prefix(), inside].concat())?;
            let id = home.process.id();
            let wired = hub.run(&format!(
                "ip link add port{i} type veth peer name wire netns {id}; ip link set port{i} master lan up"
            ));
            let address = format!(
                "ip link set lo up; ip addr add 10.77.0.{}/24 dev wire; ip link set wire up",
                i + 1
            );
            if !wired || !home.run(&address) {
                return None;
            }
            homes.push(home);
        }
        Some(Self { homes, hub })
    }

    /// Where hospital `i` listens.
    pub fn address(i: usize) -> String {
        format!("/ip4/10.77.0.{}/tcp/7400", i + 1)
    }

    /// What puts a process on machine `i`.
    pub fn prefix(&self, i: usize) -> Vec<OsString> {
        self.homes[i].prefix()
    }

    /// Puts these machines on another bridge: every packet between them and the others is lost.
    pub fn cut_off(&self, these: &[usize]) {
        self.plug(these, "island");
    }

    /// Puts all machines on one bridge again.
    pub fn heal(&self) {
        self.plug(&[0, 1, 2, 3], "lan");
    }

    fn plug(&self, these: &[usize], bridge: &str) {
        for i in these {
            assert!(
                self.hub
                    .run(&format!("ip link set port{i} master {bridge}"))
            );
        }
    }

    /// Delays and loses what each machine sends; whether this machine can.
    pub fn impair(&self, delay_ms: u64, loss: u64) -> bool {
        let netem = format!("tc qdisc replace dev wire root netem delay {delay_ms}ms loss {loss}%");
        self.homes.iter().all(|home| home.run(&netem))
    }
}

/// A plan of four validators on these machines.
pub fn plan() -> crate::fixtures::Plan {
    crate::fixtures::Plan {
        hospitals: (0..MACHINES).map(Lan::address).collect(),
        validators: MACHINES,
        kgc: "/ip4/10.77.0.9/tcp/7400".into(),
        created: now(),
        heartbeat_ms: 10_000,
    }
}
