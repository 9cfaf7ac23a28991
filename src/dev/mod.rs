//! `consilium dev`: a federation on this machine that stays: a KGC and hospitals, each a process of its own.
//!
//! | in the folder | what |
//! |---|---|
//! | `dev.json` | with what it was made |
//! | `lock` | held by the command that starts or stops it |
//! | `passphrase` | the passphrase of every key |
//! | `kgc/`, one folder for each hospital | what `kgc init` and `gateway init` make, the service's log and process id |

mod plan;
mod process;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::{Answer, Failure, Outcome, table};
use crate::loopback::PASSPHRASE;
use plan::Chosen;
use process::Service;

/// How long a service may take to be ready, or to end.
const PATIENCE: Duration = Duration::from_secs(90);

/// The commands of a federation on this machine.
#[derive(Debug, Subcommand)]
pub enum DevCommand {
    /// Make the federation if it is not there, and start what does not run
    Up {
        #[command(flatten)]
        at: FolderArgs,
        #[command(flatten)]
        chosen: Chosen,
    },
    /// Stop it; everything stays
    Down(FolderArgs),
    /// What runs; fails unless all of it is ready
    Status(FolderArgs),
}

/// Where it lies.
#[derive(Debug, Args)]
pub struct FolderArgs {
    /// The federation's folder
    #[arg(
        long,
        value_name = "DIR",
        default_value = "consilium-dev",
        env = "CONSILIUM_DEV_HOME"
    )]
    home: PathBuf,
}

/// Runs a command of a federation on this machine.
pub async fn run(command: DevCommand) -> Outcome {
    match command {
        DevCommand::Up { at, chosen } => up(&at.home, &chosen).await,
        DevCommand::Down(at) => down(&at.home).await,
        DevCommand::Status(at) => status(&at.home).await,
    }
}

/// The services of a folder, the KGC's first, by absolute paths: they run elsewhere than this command was called.
fn services(home: &Path) -> Result<Vec<Service>, Failure> {
    if !plan::is_there(home) {
        return Err(Failure::said(format!(
            "{} holds no federation: give --home, or make one with `consilium dev up`",
            home.display()
        )));
    }
    let hospitals = plan::hospitals(home)?;
    let home = home.canonicalize()?;
    let gateways = hospitals.named();
    let gateways = gateways.map(|one| Service::new("gateway", home.join(one.id)));
    Ok(std::iter::once(Service::new("kgc", home.join("kgc")))
        .chain(gateways)
        .collect())
}

async fn up(home: &Path, chosen: &Chosen) -> Outcome {
    plan::make_unless_there(home, chosen)?;
    let _lock = process::lock(home)?;
    let services = services(home)?;
    let passphrase = home.canonicalize()?.join(PASSPHRASE);
    let mut ours = Vec::new();
    for service in &services {
        let start = service.running().is_none();
        if start {
            service.start(&passphrase).await?;
        }
        ours.push(start);
    }
    let started = Instant::now();
    for (service, mut ours) in services.iter().zip(ours) {
        while !service.is_ready().await {
            let ended = service.running().is_none();
            if ended && !ours {
                // It was about to end when we looked.
                ours = true;
                service.start(&passphrase).await?;
            } else if ended || started.elapsed() > PATIENCE {
                return Err(Failure::said(service.complaint().await));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let seen = look(&services).await?;
    let text = format!(
        "The federation runs.\n\n{}\n\n{}",
        listing(&seen),
        credentials(&home.canonicalize()?, &services)
    );
    Ok(Answer::new(text, as_json(&seen, home)))
}

fn credentials(home: &Path, services: &[Service]) -> String {
    let mut rows = vec![[
        "KGC's administrator".to_owned(),
        home.join("kgc").join("admin.key").display().to_string(),
    ]];
    for hospital in services.iter().skip(1) {
        let key = hospital.home().join("operator.key");
        rows.push([
            format!("operator of {}", hospital.name()),
            key.display().to_string(),
        ]);
    }
    format!(
        "{}\n\nEvery key here opens with one passphrase: export CONSILIUM_PASSPHRASE_FILE={}\n\
         Doctors and patients make their own keys. Stop everything: consilium dev down --home {}",
        table(["credential", "file"], rows),
        home.join(PASSPHRASE).display(),
        home.display()
    )
}

/// A service as it stands now.
struct Seen<'a> {
    service: &'a Service,
    url: String,
    process: Option<u32>,
    ready: bool,
}

async fn look(services: &[Service]) -> Result<Vec<Seen<'_>>, Failure> {
    let ready = of_each(services, |one| async move { one.is_ready().await }).await?;
    let seen = services.iter().zip(ready).map(|(service, ready)| {
        Ok(Seen {
            service,
            url: service.url()?,
            process: service.running(),
            ready,
        })
    });
    seen.collect()
}

/// Asks every service at once, so that those that hang cost the time of one; the answers in the services' order.
async fn of_each<T: Send + 'static, F>(
    services: &[Service],
    ask: impl Fn(Service) -> F,
) -> Result<Vec<T>, Failure>
where
    F: Future<Output = T> + Send + 'static,
{
    let asked = services.iter().cloned().map(|one| tokio::spawn(ask(one)));
    let mut answers = Vec::new();
    for one in asked.collect::<Vec<_>>() {
        answers.push(one.await?);
    }
    Ok(answers)
}

fn listing(seen: &[Seen<'_>]) -> String {
    let rows = seen.iter().map(|one| {
        let state = match (one.process, one.ready) {
            (None, _) => "stopped".to_owned(),
            (Some(id), true) => format!("ready, process {id}"),
            (Some(id), false) => format!("not ready, process {id}"),
        };
        let log = one.service.log().display().to_string();
        [one.service.name(), one.url.clone(), state, log]
    });
    table(["service", "URL", "state", "log"], rows)
}

fn as_json(seen: &[Seen<'_>], home: &Path) -> Value {
    let listed = seen.iter().map(|one| {
        json!({
            "service": one.service.name(), "url": one.url, "process": one.process, "ready": one.ready,
            "home": one.service.home(), "log": one.service.log(),
        })
    });
    let listed: Vec<_> = listed.collect();
    json!({ "home": home, "passphrase_file": home.join(PASSPHRASE), "services": listed })
}

async fn down(home: &Path) -> Outcome {
    let services = services(home)?;
    let _lock = process::lock(home)?;
    for service in &services {
        service.ask_to_stop()?;
    }
    let started = Instant::now();
    for service in &services {
        while service.running().is_some() {
            if started.elapsed() > PATIENCE {
                let text = format!(
                    "{} does not stop; see {}",
                    service.name(),
                    service.log().display()
                );
                return Err(Failure::said(text));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    // Nothing may be left that no command can stop any more.
    let free = of_each(
        &services,
        |one| async move { one.refuse_taken_port().await },
    )
    .await?;
    free.into_iter().collect::<Result<(), _>>()?;
    let text = format!("Stopped. Everything stays in {}", home.display());
    Ok(Answer::new(text, json!({ "stopped": true, "home": home })))
}

async fn status(home: &Path) -> Outcome {
    let services = services(home)?;
    let seen = look(&services).await?;
    let answer = Answer::new(listing(&seen), as_json(&seen, home));
    Ok(match seen.iter().all(|one| one.ready) {
        true => answer,
        false => answer.unsuccessful(),
    })
}
