//! A service of the command as a process.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A patience that only a fault exhausts.
pub const LONG: Duration = Duration::from_secs(90);

/// `consilium kgc serve` or `consilium gateway serve`, running or not.
pub struct Service {
    what: &'static str,
    address: String,
    home: PathBuf,
    /// The file with the passphrase; without it, a KGC starts sealed.
    pub passphrase: Option<PathBuf>,
    log: PathBuf,
    /// What it is started through: `nsenter` into the namespace with the small disk.
    pub prefix: Vec<OsString>,
    pub environment: Vec<(&'static str, PathBuf)>,
    pub flags: Vec<String>,
    child: Option<Child>,
}

impl Service {
    pub fn new(
        what: &'static str,
        address: &str,
        home: &Path,
        passphrase: &Path,
        log: &Path,
    ) -> Self {
        Self {
            what,
            address: address.to_owned(),
            home: home.to_owned(),
            passphrase: Some(passphrase.to_owned()),
            log: log.to_owned(),
            prefix: Vec::new(),
            environment: Vec::new(),
            flags: Vec::new(),
            child: None,
        }
    }

    pub fn start(&mut self) {
        assert!(self.child.is_none(), "{} runs", self.what);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let program = OsString::from(env!("CARGO_BIN_EXE_consilium"));
        let mut words = self.prefix.clone();
        words.push(program);
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .args([self.what, "serve", "--home"])
            .arg(&self.home)
            .args(&self.flags)
            .envs(self.environment.iter().map(|(name, path)| (name, path)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if let Some(file) = &self.passphrase {
            command.arg("--passphrase-file").arg(file);
        }
        self.child = Some(command.spawn().unwrap());
    }

    /// As `systemctl stop`.
    pub fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
        assert!(
            ended(&mut child, LONG).is_some(),
            "{} does not stop",
            self.what
        );
    }

    /// As the kernel does when memory is short.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// How it ended by itself, if it did within `patience`.
    pub fn ended(&mut self, patience: Duration) -> Option<ExitStatus> {
        let status = ended(self.child.as_mut()?, patience)?;
        self.child = None;
        Some(status)
    }

    /// Everything it ever logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// It runs, and nothing in it panicked.
    pub fn assert_sound(&mut self) {
        if let Some(child) = &mut self.child {
            assert_eq!(child.try_wait().unwrap(), None, "it ended:\n{}", self.log());
        }
        let log = self.log();
        assert!(!log.contains("panicked"), "{log}");
    }

    /// `GET path`, without a token.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        self.call("GET", path, "", "")
    }

    /// `/readyz`: whether it is ready, and the checks.
    pub fn readiness(&self) -> Option<(bool, Value)> {
        let (status, body) = self.get("/readyz")?;
        let body: Value = serde_json::from_str(&body).ok()?;
        let ready = body["ready"].as_bool()?;
        assert_eq!(status, if ready { 200 } else { 503 });
        Some((ready, body["checks"].clone()))
    }

    /// The head of a request; so many bytes of a body may follow.
    pub fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        length: usize,
    ) -> Option<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(LONG)).ok()?;
        let host = &self.address;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).ok()?;
        Some(stream)
    }

    /// A request as bytes, for what the client library would not send; `None` where nobody answers.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> Option<(u16, String)> {
        let mut stream = self.begin(method, path, headers, body.len())?;
        stream.write_all(body.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<_> = log.lines().rev().take(30).collect();
            let last: Vec<_> = last.into_iter().rev().collect();
            eprintln!("--- {}:\n{}", self.what, last.join("\n"));
        }
    }
}

fn ended(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if begun.elapsed() > patience {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until `ready` gives something.
pub async fn wait<T>(what: &str, mut ready: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = ready().await {
            return value;
        }
        assert!(begun.elapsed() < LONG, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
