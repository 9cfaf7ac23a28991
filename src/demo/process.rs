//! A service of the demo: a process of this same command, which ends with the demo.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

use super::processors;
use crate::cli::Failure;
use crate::loopback;

/// A service with a folder of its own.
pub struct Process {
    noun: &'static str,
    home: PathBuf,
    passphrase: PathBuf,
    child: Child,
    /// Processor time of the processes before this one.
    before: Duration,
}

impl Process {
    /// Starts the service of a noun (`kgc`, `gateway`) in its folder.
    pub fn start(noun: &'static str, home: &Path, passphrase: &Path) -> Result<Self, Failure> {
        Ok(Self {
            noun,
            home: home.to_owned(),
            passphrase: passphrase.to_owned(),
            child: spawn(noun, home, passphrase)?,
            before: Duration::ZERO,
        })
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        Ok(self.child.try_wait()?)
    }

    /// The processor time that it took until now; nothing where the system does not tell.
    pub fn processor_time(&self) -> Duration {
        let now = self.child.id().and_then(processors::time_of);
        self.before.saturating_add(now.unwrap_or_default())
    }

    /// Ends it without a word (SIGKILL), and waits until it is gone.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        self.before = self.processor_time();
        Ok(self.child.kill().await?)
    }

    /// Starts it again, after it ended.
    pub fn start_again(&mut self) -> Result<(), Failure> {
        self.child = spawn(self.noun, &self.home, &self.passphrase)?;
        Ok(())
    }

    /// Why it ended, or its last words.
    pub fn last_lines(&self) -> String {
        loopback::last_lines(&self.home)
    }
}

fn spawn(noun: &str, home: &Path, passphrase: &Path) -> Result<Child, Failure> {
    let mut command = loopback::serve(noun, home, passphrase)?;
    command.args(["--log-filter", "warn", "--until-stdin-closes"]);
    // Nothing is ever written: the demo's end of it closes with the demo, even when that is killed.
    command.stdin(Stdio::piped());
    Ok(Command::from(command).kill_on_drop(true).spawn()?)
}
