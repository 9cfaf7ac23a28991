//! A node as a process of its own: it can be killed, measured, put on another disk or clock.
//!
//! The test binary runs itself. Requests go in as lines, each with a number; answers come out as lines with that number.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use consilium_contracts::{BlockTime, Canonical as _, Height, SignedTransaction};
use consilium_node::{NodeConfig, NodeHandle, Peer, start};
use tokio::io::AsyncBufReadExt as _;
use tokio::sync::oneshot;

use crate::fixtures::{Plan, name, public};
use crate::network::{Network, PATIENCE, Who, config, label};

const TOLD: &str = "CONSILIUM_TEST_NODE";
/// Marks answers among what the test harness prints.
const MARK: &str = "node> ";
/// The number of the word that the node has started, or why not.
const START: u64 = 0;

/// What is different about a node.
#[derive(Clone, Default)]
pub struct Special {
    /// Before the program: what puts it elsewhere.
    pub prefix: Vec<std::ffi::OsString>,
    pub environment: Vec<(&'static str, PathBuf)>,
    /// The folder of its data as the process sees it.
    pub dir: Option<PathBuf>,
    /// What says that its key never voted, instead of its own.
    pub never_voted: Option<PathBuf>,
    pub listen: Option<String>,
    /// Where it reaches hospitals, instead of where they listen.
    pub peers: Vec<(usize, String)>,
    /// The network key of this node instead of its own.
    pub peer_key: Option<Who>,
    pub submit_timeout: Option<Duration>,
}

/// How a node says that it stands.
#[derive(Clone, Debug)]
pub struct Seen {
    pub height: u64,
    pub evidence: u64,
    pub ahead_ms: u64,
    pub sync: String,
    pub failure: String,
}

/// A running node.
pub struct Process {
    child: Mutex<Child>,
    stdin: Mutex<ChildStdin>,
    /// `None` once the process is gone.
    waiting: Arc<Mutex<Option<Waiting>>>,
    requests: AtomicU64,
    log: PathBuf,
}

type Waiting = HashMap<u64, oneshot::Sender<String>>;

impl Process {
    /// Starts a node of the network and waits until it runs.
    pub async fn start(network: &Network, who: Who) -> Self {
        Self::start_special(network, who, &Special::default()).await
    }

    pub async fn start_special(network: &Network, who: Who, special: &Special) -> Self {
        let (process, started) = Self::spawn(network, who, special);
        let started = started.await.expect("the process ended");
        assert_eq!(started, "started", "{who:?}: {}", process.log());
        process
    }

    /// Starts a node; what it says of its start.
    pub fn spawn(
        network: &Network,
        who: Who,
        special: &Special,
    ) -> (Self, impl Future<Output = Option<String>> + use<>) {
        let name = special.peer_key.unwrap_or(who);
        let log = network.root().join(format!("{}.log", label(name)));
        let mut options = File::options();
        let file = options.create(true).append(true).open(&log).unwrap();
        let program = std::env::current_exe().unwrap();
        let line = [special.prefix.clone(), vec![program.into_os_string()]].concat();
        let mut child = Command::new(&line[0])
            .args(&line[1..])
            .args([
                "process::node",
                "--exact",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(TOLD, told(network, who, special))
            .envs(special.environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap();
        let (sender, started) = oneshot::channel();
        let waiting = Arc::new(Mutex::new(Some(HashMap::from([(START, sender)]))));
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        std::thread::spawn({
            let waiting = Arc::clone(&waiting);
            move || pass_on(stdout, &waiting)
        });
        let process = Self {
            child: Mutex::new(child),
            stdin: Mutex::new(stdin),
            waiting,
            requests: AtomicU64::new(START + 1),
            log,
        };
        let started = async move {
            let said = tokio::time::timeout(PATIENCE, started).await;
            said.expect("it neither started nor refused to").ok()
        };
        (process, started)
    }

    /// Asks; `None` if the process is gone before it answers.
    async fn ask(&self, request: &str) -> Option<String> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap()
            .as_mut()?
            .insert(number, sender);
        let line = format!("{number} {request}\n");
        let written = self.stdin.lock().unwrap().write_all(line.as_bytes());
        written.ok()?;
        answer.await.ok()
    }

    /// Submits a transaction; where it was committed, or why not.
    pub async fn submit(&self, transaction: &SignedTransaction) -> Result<(Height, u32), String> {
        let bytes = hex(&transaction.to_canonical_bytes());
        let answer = self.ask(&format!("submit {bytes}")).await;
        let answer = answer.ok_or_else(|| "gone".to_owned())?;
        match answer.strip_prefix("at ").and_then(|at| at.split_once(' ')) {
            Some((height, index)) => {
                Ok((Height::new(height.parse().unwrap()), index.parse().unwrap()))
            }
            None => Err(answer),
        }
    }

    pub async fn status(&self) -> Option<Seen> {
        let answer = self.ask("status").await?;
        let fields: Vec<&str> = answer.splitn(5, '|').collect();
        Some(Seen {
            height: fields[0].parse().unwrap(),
            evidence: fields[1].parse().unwrap(),
            ahead_ms: fields[2].parse().unwrap(),
            sync: fields[3].to_owned(),
            failure: fields[4].to_owned(),
        })
    }

    /// Waits until its status is as wanted.
    pub async fn until(&self, what: &str, mut wanted: impl FnMut(&Seen) -> bool) -> Seen {
        let begun = std::time::Instant::now();
        loop {
            let seen = self.status().await;
            let seen = seen.unwrap_or_else(|| panic!("{what}: gone: {}", self.log()));
            if wanted(&seen) {
                return seen;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{what} did not happen: {seen:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// kill -9; does not wait.
    pub fn kill(&self) {
        self.child.lock().unwrap().kill().unwrap();
    }

    /// kill -9, and it is gone.
    pub fn killed(&self) {
        self.kill();
        self.child.lock().unwrap().wait().unwrap();
    }

    /// Stops it in order.
    pub async fn stop(self) {
        let answer = self.ask("stop").await;
        assert_eq!(answer.as_deref(), Some("stopped"), "{}", self.log());
        self.child.lock().unwrap().wait().unwrap();
    }

    /// What it wrote to its standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Nothing in it panicked.
    pub fn assert_sound(&self) {
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }

    fn proc(&self, file: &str) -> String {
        let id = self.child.lock().unwrap().id();
        fs::read_to_string(format!("/proc/{id}/{file}")).unwrap()
    }

    /// Its memory now, in megabytes.
    pub fn megabytes(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap() >> 10
    }

    /// The processor time it has used, in hundredths of a second.
    pub fn ticks(&self) -> u64 {
        let stat = self.proc("stat");
        let fields = stat.rsplit_once(')').unwrap().1;
        let used: Vec<u64> = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse().unwrap())
            .collect();
        used[0] + used[1]
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap();
        // Gone already, where the test stopped or killed it.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Passes answers on until the process ends.
fn pass_on(stdout: ChildStdout, waiting: &Mutex<Option<Waiting>>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let Some((_, said)) = line.split_once(MARK) else {
            continue;
        };
        // The last line may be cut off by a kill.
        let Some((number, answer)) = said.split_once(' ') else {
            continue;
        };
        let asked = number.parse().ok().and_then(|number: u64| {
            let mut waiting = waiting.lock().unwrap();
            waiting.as_mut()?.remove(&number)
        });
        if let Some(asked) = asked {
            let _ = asked.send(answer.to_owned());
        }
    }
    *waiting.lock().unwrap() = None;
}

/// What the process is told, as lines of a name and a value.
fn told(network: &Network, who: Who, special: &Special) -> String {
    let plan = &network.plan;
    let mut lines = vec![
        format!("who {}", label(who)),
        format!("root {}", network.root().display()),
        format!("created {}", plan.created.value()),
        format!("heartbeat {}", plan.heartbeat_ms),
        format!("validators {}", plan.validators),
        format!("kgc {}", plan.kgc),
    ];
    lines.extend(plan.hospitals.iter().map(|at| format!("hospital {at}")));
    lines.extend(
        special
            .dir
            .iter()
            .map(|dir| format!("dir {}", dir.display())),
    );
    let word = special.never_voted.iter();
    lines.extend(word.map(|path| format!("never-voted {}", path.display())));
    lines.extend(special.listen.iter().map(|at| format!("listen {at}")));
    lines.extend(special.peers.iter().map(|(i, at)| format!("peer {i} {at}")));
    lines.extend(
        special
            .peer_key
            .iter()
            .map(|who| format!("key {}", label(*who))),
    );
    lines.extend(
        special
            .submit_timeout
            .iter()
            .map(|timeout| format!("timeout {}", timeout.as_millis())),
    );
    lines.join("\n")
}

fn named(label: &str) -> Who {
    match label.strip_prefix('h') {
        Some(number) => Who::Hospital(number.parse().unwrap()),
        None => Who::Kgc,
    }
}

fn read(told: &str) -> NodeConfig {
    let all = |wanted: &str| {
        let pairs = told.lines().filter_map(|line| line.split_once(' '));
        let values = pairs.filter(|(name, _)| *name == wanted);
        values
            .map(|(_, value)| value.to_owned())
            .collect::<Vec<_>>()
    };
    let one = |wanted: &str| all(wanted).into_iter().next();
    let number = |wanted: &str| one(wanted).unwrap().parse::<u64>().unwrap();
    let plan = Plan {
        hospitals: all("hospital"),
        validators: number("validators") as usize,
        kgc: one("kgc").unwrap(),
        created: BlockTime::new(number("created")),
        heartbeat_ms: number("heartbeat"),
    };
    let (root, who) = (
        PathBuf::from(one("root").unwrap()),
        named(&one("who").unwrap()),
    );
    let mut config = config(&plan, plan.genesis(), &root, who);
    if let Some(dir) = one("dir") {
        config.data_dir = dir.into();
    }
    if let Some(word) = one("never-voted") {
        config.never_voted = Some(word.into());
    }
    if let Some(listen) = one("listen") {
        config.listen = listen;
    }
    if let Some(other) = one("key") {
        config.peer_key = crate::fixtures::key(&format!("{other}/peer"));
    }
    if let Some(timeout) = one("timeout") {
        config.tuning.submit_timeout = Duration::from_millis(timeout.parse().unwrap());
    }
    let peers = all("peer");
    let peers = peers.iter().map(|peer| peer.split_once(' ').unwrap());
    config.peers = peers
        .map(|(i, address)| at(i.parse().unwrap(), address))
        .collect();
    config
}

/// A hospital, reached at an address.
pub fn at(hospital: usize, address: &str) -> Peer {
    Peer {
        key: public(&format!("{}/peer", name(hospital))),
        address: address.to_owned(),
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

fn say(number: u64, what: &str) {
    println!("{MARK}{number} {}", what.replace('\n', " "));
}

/// The process: runs a node and answers. Does nothing unless a test runs it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn node() {
    let Ok(told) = std::env::var(TOLD) else {
        return;
    };
    let node = match start(read(&told)).await {
        Ok(node) => node,
        Err(error) => return say(START, &error.to_string()),
    };
    say(START, "started");
    let mut lines = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let (number, request) = line.split_once(' ').unwrap();
        let number = number.parse().unwrap();
        match request.split_once(' ').unwrap_or((request, "")) {
            ("submit", bytes) => drop(tokio::spawn(submit(node.clone(), number, unhex(bytes)))),
            ("status", _) => say(number, &status(&node)),
            _ => {
                node.shutdown().await;
                say(number, "stopped");
                break;
            }
        }
    }
    // Without a word when the test itself is gone.
    std::process::exit(0);
}

async fn submit(node: NodeHandle, number: u64, bytes: Vec<u8>) {
    let transaction = SignedTransaction::from_bytes(&bytes).unwrap();
    match node.submit(transaction).await {
        Ok(receipt) => say(number, &format!("at {} {}", receipt.height, receipt.index)),
        Err(error) => say(number, &error.to_string()),
    }
}

fn status(node: &NodeHandle) -> String {
    let status = node.status();
    format!(
        "{}|{}|{}|{:?}|{}",
        status.height,
        status.evidence,
        status.ahead_ms,
        status.sync,
        status.failure.unwrap_or_default()
    )
}
