//! A service that goes on when the command that started it has ended.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use consilium_client::file::{Existing, FileLock, Readers, write_atomically};
use consilium_client::{GatewayClient, KgcClient};
use consilium_kgc::Home;

use crate::cli::{Failure, connect};
use crate::loopback;

/// A service of a federation on this machine.
#[derive(Clone)]
pub struct Service {
    noun: &'static str,
    home: PathBuf,
}

/// How long a service that runs may take to say whether it is ready, and one that ended to give back its port.
const LOOK: Duration = Duration::from_secs(5);

enum Client {
    Kgc(KgcClient),
    Gateway(GatewayClient),
}

/// Keeps a second command from starting or stopping the same federation meanwhile.
pub fn lock(home: &Path) -> Result<FileLock, Failure> {
    let path = home.join("lock");
    let taken = FileLock::take(&path);
    let taken = taken.map_err(|error| Failure::said(format!("{}: {error}", path.display())))?;
    taken.ok_or_else(|| {
        Failure::said(format!(
            "another `consilium dev` is at work in {}; wait for it",
            home.display()
        ))
    })
}

impl Service {
    /// The service of a noun (`kgc`, `gateway`) with its folder.
    pub fn new(noun: &'static str, home: PathBuf) -> Self {
        Self { noun, home }
    }

    /// Its folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Its name: its folder's.
    pub fn name(&self) -> String {
        let name = self.home.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Its log.
    pub fn log(&self) -> PathBuf {
        self.home.join(loopback::LOG)
    }

    fn pid_file(&self) -> PathBuf {
        self.home.join("service.pid")
    }

    /// Its process, if that runs: an id that another program took meanwhile does not count.
    pub fn running(&self) -> Option<u32> {
        let text = fs::read_to_string(self.pid_file()).ok()?;
        let pid: u32 = text.trim().parse().ok()?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let own = self.home.as_os_str().as_encoded_bytes();
        let mut words = line.split(|byte| *byte == 0);
        words.any(|word| word == own).then_some(pid)
    }

    /// Refuses where something answers on its port that is not its process. A process that was killed a moment ago may still have it.
    pub async fn refuse_taken_port(&self) -> Result<(), Failure> {
        let url = self.url()?;
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let started = Instant::now();
        while TcpListener::bind(address).is_err() && started.elapsed() < LOOK {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        match TcpListener::bind(address) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::said(format!(
                "{address}, where {} is to answer: {error}; another program has it, or a federation whose folder was moved, copied or \
                 deleted while it ran: end that process first",
                self.name()
            ))),
        }
    }

    /// Starts it in a process group of its own, so that Ctrl-C in this terminal does not reach it.
    pub async fn start(&self, passphrase: &Path) -> Result<(), Failure> {
        self.refuse_taken_port().await?;
        let mut command = loopback::serve(self.noun, &self.home, passphrase)?;
        let child = command.current_dir("/").process_group(0).spawn()?;
        let pid = format!("{}\n", child.id());
        write_atomically(
            &self.pid_file(),
            pid.as_bytes(),
            Readers::Everyone,
            Existing::Replace,
        )?;
        Ok(())
    }

    /// Sends SIGTERM, if it runs.
    pub fn ask_to_stop(&self) -> Result<(), Failure> {
        if let Some(pid) = self.running() {
            // The shell's own `kill`: it is there where no package has brought the program.
            let asked = Command::new("sh")
                .args(["-c", "kill -TERM \"$0\"", &pid.to_string()])
                .status()?;
            if !asked.success() && self.running().is_some() {
                let text = format!("process {pid} of {} cannot be stopped", self.name());
                return Err(Failure::said(text));
            }
        }
        Ok(())
    }

    /// Whether its process runs and takes work.
    pub async fn is_ready(&self) -> bool {
        self.lacks().await.is_none()
    }

    /// What it lacks to take work.
    async fn lacks(&self) -> Option<String> {
        if self.running().is_none() {
            return Some("its process has ended".to_owned());
        }
        let asked = async {
            match self.client() {
                Ok(Client::Kgc(kgc)) => loopback::lacks(kgc.http()).await,
                Ok(Client::Gateway(gateway)) => loopback::lacks(gateway.http()).await,
                Err(failure) => Some(failure.to_string()),
            }
        };
        let answered = tokio::time::timeout(LOOK, asked).await;
        answered.unwrap_or_else(|_| Some("it does not answer".to_owned()))
    }

    /// Where it answers.
    pub fn url(&self) -> Result<String, Failure> {
        let client = self.client()?;
        let endpoint = match &client {
            Client::Kgc(kgc) => kgc.http().endpoint(),
            Client::Gateway(gateway) => gateway.http().endpoint(),
        };
        Ok(endpoint.url().as_str().to_owned())
    }

    fn client(&self) -> Result<Client, Failure> {
        Ok(match self.noun {
            "kgc" => Client::Kgc(connect::kgc(&Home::at(&self.home))?),
            _ => Client::Gateway(connect::gateway(&self.home)?),
        })
    }

    /// What to say when it does not become ready.
    pub async fn complaint(&self) -> String {
        let lacks = self.lacks().await;
        format!(
            "{} does not become ready: {}; its log {} ends with:\n{}",
            self.name(),
            lacks.as_deref().unwrap_or("it is now"),
            self.log().display(),
            loopback::last_lines(&self.home)
        )
    }
}
