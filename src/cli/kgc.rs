//! `consilium kgc`: the key generation centre.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use consilium_client::api::kgc::{
    AdmitHospitalRequest, EnrolmentList, IssueRequest, KgcStatus, RevocationRequest, UnsealRequest,
};
use consilium_client::api::terms::RevocationReason;
use consilium_client::endpoint::{EndpointError, ServiceUrl};
use consilium_client::keyfile::WorkFactor;
use consilium_client::wire::word;
use consilium_client::wire::{SecretText, Text};
use consilium_contracts::{Canonical as _, DoctorId};
use consilium_kgc::{DEFAULT_DEPTH, Home, InitRequest, Kgc, KgcConfig};
use consilium_service::hospital_file::read_hospital_file;
use serde_json::json;

use super::answer::{Answer, Failure, Outcome};
use super::ending::EndOption;
use super::epoch::{self, EpochCommand};
use super::genesis::{self, GenesisArgs};
use super::secrets::{self, PassphraseOption};
use super::settings::{self, KgcService, SettingFlags};
use super::validators::{self, ProposalCommand};
use super::{connect, listing, words};

/// The commands of the KGC's administrator.
#[derive(Debug, Subcommand)]
pub enum KgcCommand {
    /// Make the KGC's keys, public file and settings
    Init(InitArgs),
    /// Sign the federation's genesis from the hospitals' public files
    Genesis(GenesisArgs),
    /// Run the service
    Serve(ServeArgs),
    /// Open the sealed keys of the running service
    Unseal(UnsealArgs),
    /// How the service stands
    Status(HomeArgs),
    /// Write one encrypted file from which the KGC can be restored
    Backup(BackupArgs),
    /// Make the folder of a KGC from a backup
    Restore(RestoreArgs),
    /// Hospitals of the federation
    #[command(subcommand)]
    Hospital(HospitalCommand),
    /// Doctors: issue and revoke attribute keys
    #[command(subcommand)]
    Doctor(DoctorCommand),
    /// Epochs: publish the next update key
    #[command(subcommand)]
    Epoch(EpochCommand),
    /// Who certifies the ledger's blocks
    #[command(subcommand)]
    Validator(ProposalCommand),
}

/// Which KGC.
#[derive(Debug, Args)]
pub struct HomeArgs {
    /// The KGC's folder
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
}

impl HomeArgs {
    pub(super) fn home(&self) -> Home {
        Home::at(&self.home)
    }
}

/// Which KGC, and the passphrase of the administrator's key.
#[derive(Debug, Args)]
pub struct AdminArgs {
    #[command(flatten)]
    at: HomeArgs,
    #[command(flatten)]
    passphrase: PassphraseOption,
}

impl AdminArgs {
    pub(super) fn client(&self) -> Result<consilium_client::KgcClient, Failure> {
        connect::kgc_admin(&self.at.home(), &self.passphrase)
    }
}

/// What a KGC begins with.
#[derive(Debug, Args)]
pub struct InitArgs {
    #[command(flatten)]
    at: HomeArgs,
    /// URL under which hospitals reach it; https, or http on loopback
    #[arg(long, value_parser = service_url)]
    url: String,
    /// Address and port to answer on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8440")]
    http_listen: SocketAddr,
    /// Multiaddress that its ledger node listens on
    #[arg(
        long,
        value_name = "MULTIADDRESS",
        default_value = "/ip4/127.0.0.1/tcp/8540"
    )]
    ledger_listen: String,
    /// Host name or address for the certificate; may be repeated
    #[arg(long = "name", value_name = "HOST", default_values_t = ["localhost".to_owned(), "127.0.0.1".to_owned()])]
    names: Vec<String>,
    /// Levels of the revocation tree, for good: 2^depth leaves over the federation's life, one for each doctor and for each change of attributes
    #[arg(long, default_value_t = DEFAULT_DEPTH, value_parser = clap::value_parser!(u8).range(1..=20))]
    depth: u8,
    /// File with the passphrase that seals the keys; `-` reads standard input
    #[arg(long, value_name = "FILE", env = secrets::PASSPHRASE_VARIABLE)]
    passphrase_file: PathBuf,
    /// File with the passphrase of the administrator's key, if it is another
    #[arg(long, value_name = "FILE")]
    admin_passphrase_file: Option<PathBuf>,
}

/// How the service runs.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    at: HomeArgs,
    #[command(flatten)]
    passphrase: PassphraseOption,
    #[command(flatten)]
    end: EndOption,
    #[command(flatten)]
    settings: SettingFlags<KgcService>,
}

/// Opens the keys.
#[derive(Debug, Args)]
pub struct UnsealArgs {
    #[command(flatten)]
    at: HomeArgs,
    /// File with the passphrase of the sealed keys; `-` reads standard input
    #[arg(long, value_name = "FILE", env = secrets::PASSPHRASE_VARIABLE)]
    passphrase_file: PathBuf,
    /// File with the passphrase of the administrator's key, if it is another
    #[arg(long, value_name = "FILE")]
    admin_passphrase_file: Option<PathBuf>,
}

/// A backup.
#[derive(Debug, Args)]
pub struct BackupArgs {
    #[command(flatten)]
    at: HomeArgs,
    /// The file to write
    file: PathBuf,
    /// File with the backup's passphrase; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: PathBuf,
}

/// A restoration.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    at: HomeArgs,
    /// The backup
    file: PathBuf,
    /// File with the backup's passphrase; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: PathBuf,
}

/// Hospitals.
#[derive(Debug, Subcommand)]
pub enum HospitalCommand {
    /// Admit a hospital to the running federation
    Add {
        #[command(flatten)]
        admin: AdminArgs,
        /// Its public file
        #[arg(value_name = "HOSPITAL.JSON")]
        file: PathBuf,
    },
    /// The hospitals, as the ledger has them
    List(HomeArgs),
}

/// Doctors.
#[derive(Debug, Subcommand)]
pub enum DoctorCommand {
    /// Issue the attribute key that the doctor's hospital asked for
    Issue {
        #[command(flatten)]
        admin: AdminArgs,
        /// The doctor
        doctor: DoctorId,
        /// The attributes as you read them; refused if the request has others by now
        #[arg(long)]
        attributes: String,
    },
    /// Revoke a doctor
    Revoke {
        #[command(flatten)]
        admin: AdminArgs,
        /// The doctor
        doctor: DoctorId,
        /// Why; stands on the ledger
        #[arg(long, value_parser = words::reason())]
        reason: RevocationReason,
        /// Open a new epoch at once, so that the cryptography takes it too
        #[arg(long)]
        now: bool,
    },
    /// Requests and issued keys
    List(AdminArgs),
}

/// Runs a command of the KGC.
pub async fn run(command: KgcCommand) -> Outcome {
    match command {
        KgcCommand::Init(args) => init(&args),
        KgcCommand::Genesis(args) => genesis::make(&args),
        KgcCommand::Serve(args) => serve(&args).await,
        KgcCommand::Unseal(args) => unseal(&args).await,
        KgcCommand::Status(at) => Ok(shown(&connect::kgc(&at.home())?.status().await?)),
        KgcCommand::Backup(args) => backup(&args),
        KgcCommand::Restore(args) => restore(&args),
        KgcCommand::Hospital(command) => hospital(command).await,
        KgcCommand::Doctor(command) => doctor(command).await,
        KgcCommand::Epoch(command) => epoch::run(command).await,
        KgcCommand::Validator(command) => validators::propose(command).await,
    }
}

/// The URL as it is written, if it is one of a service.
fn service_url(text: &str) -> Result<String, EndpointError> {
    text.parse::<ServiceUrl>().map(|_| text.to_owned())
}

fn init(args: &InitArgs) -> Outcome {
    let passphrase = secrets::read(&args.passphrase_file)?;
    let admin = args
        .admin_passphrase_file
        .as_deref()
        .map(secrets::read)
        .transpose()?;
    let quoted = |text: &str| json!(text).to_string();
    let made = consilium_kgc::init(&InitRequest {
        home: args.at.home(),
        url: args.url.clone(),
        listen: args.ledger_listen.clone(),
        names: args.names.clone(),
        depth: args.depth,
        passphrase: &passphrase,
        admin_passphrase: admin.as_ref().unwrap_or(&passphrase),
        work: WorkFactor::STANDARD,
        settings: vec![
            (
                "http.listen".to_owned(),
                quoted(&args.http_listen.to_string()),
            ),
            ("http.public_url".to_owned(), quoted(&args.url)),
        ],
    })?;
    let home = args.at.home();
    let text = format!(
        "The KGC's keys are in {}; keep a copy of {} and its passphrase apart.\n\
         Administrator's key: {}\nPublic file:         {}\nSettings:            {}\n\
         Next: consilium kgc genesis --home {} --passphrase-file FILE --name NAME HOSPITAL.JSON...",
        home.path().display(),
        home.sealed().display(),
        made.admin_key.display(),
        home.public().display(),
        home.settings().display(),
        home.path().display(),
    );
    let json = json!({
        "home": home.path(), "admin_key": made.admin_key, "public": home.public(), "settings": home.settings(),
    });
    Ok(Answer::new(text, json))
}

async fn serve(args: &ServeArgs) -> Outcome {
    let passphrase = args.passphrase.read()?;
    let config = KgcConfig::load(&args.at.home(), std::env::vars(), args.settings.given());
    let config = config.map_err(|error| settings::refused(error.is_wrong_setting(), error))?;
    settings::log(&config.frame.log.filter)?;
    let served = Kgc::serve(config, passphrase.as_ref(), args.end.asked());
    served
        .await
        .map_err(|error| settings::refused(error.is_wrong_setting(), error))?;
    Ok(Answer::new("stopped", json!({ "stopped": true })))
}

async fn unseal(args: &UnsealArgs) -> Outcome {
    let passphrase = secrets::read(&args.passphrase_file)?;
    let of_admin = args
        .admin_passphrase_file
        .as_ref()
        .unwrap_or(&args.passphrase_file);
    if of_admin == Path::new("-") {
        let rule =
            "the administrator's key needs its passphrase too: give --admin-passphrase-file FILE";
        return Err(Failure::Usage(rule.to_owned()));
    }
    let of_admin = PassphraseOption {
        passphrase_file: Some(of_admin.clone()),
    };
    let client = connect::kgc_admin(&args.at.home(), &of_admin)?;
    let passphrase = SecretText::new(passphrase.expose_secret().to_owned());
    Ok(shown(&client.unseal(&UnsealRequest { passphrase }).await?))
}

fn shown(status: &KgcStatus) -> Answer {
    let sealed = match status.sealed {
        true => "sealed: no keys, tokens or epochs until `consilium kgc unseal`",
        false => "open",
    };
    let federation = status
        .federation
        .as_ref()
        .map_or("none yet".to_owned(), |id| id.0.to_string());
    let epoch = status
        .epoch
        .map_or("none yet".to_owned(), |epoch| epoch.to_string());
    let text = format!(
        "federation {federation}\nkeys       {sealed}\nledger     height {}\nepoch      {epoch}\n\
         doctors    {} in force, {} issued, {} revoked, {} waiting",
        status.height, status.in_force, status.issued, status.revoked, status.pending
    );
    Answer::new(text, json!(status))
}

fn backup(args: &BackupArgs) -> Outcome {
    let passphrase = secrets::read(&args.passphrase_file)?;
    consilium_kgc::backup(&args.at.home(), &args.file, &passphrase, None)?;
    let text = format!("Backup: {}", args.file.display());
    Ok(Answer::new(text, json!({ "backup": args.file })))
}

fn restore(args: &RestoreArgs) -> Outcome {
    let passphrase = secrets::read(&args.passphrase_file)?;
    let home = args.at.home();
    consilium_kgc::restore(&home, &args.file, &passphrase)?;
    let text = format!(
        "Restored: {}. Leaves and revocations are read from the ledger.",
        home.path().display()
    );
    Ok(Answer::new(text, json!({ "home": home.path() })))
}

async fn hospital(command: HospitalCommand) -> Outcome {
    match command {
        HospitalCommand::Add { admin, file } => {
            let card = read_hospital_file(&file)?;
            let request = AdmitHospitalRequest {
                card: card.to_canonical_bytes().into(),
            };
            let receipt = admin.client()?.admit_hospital(&request).await?;
            let text = format!("{} is admitted, at height {}", card.id, receipt.height);
            Ok(Answer::new(text, json!(receipt)))
        }
        HospitalCommand::List(at) => {
            let list = connect::kgc(&at.home())?.hospitals().await?;
            let rows = list.hospitals.iter().map(|one| {
                let votes = if one.validator { "validator" } else { "" };
                [
                    one.id.0.to_string(),
                    one.display_name.clone(),
                    votes.to_owned(),
                ]
            });
            Ok(Answer::new(
                listing::table(["hospital", "name", ""], rows),
                json!(list),
            ))
        }
    }
}

async fn doctor(command: DoctorCommand) -> Outcome {
    match command {
        DoctorCommand::Issue {
            admin,
            doctor,
            attributes,
        } => {
            let issued = admin
                .client()?
                .issue(&doctor, &IssueRequest { attributes })
                .await?;
            let text = format!("Issued: doctor {doctor} has leaf {}", issued.leaf);
            Ok(Answer::new(text, json!(issued)))
        }
        DoctorCommand::Revoke {
            admin,
            doctor,
            reason,
            now,
        } => {
            let request = RevocationRequest {
                doctor: Text(doctor),
                reason,
                now,
            };
            let revoked = admin.client()?.revoke(&request).await?;
            let epoch = revoked.epoch.as_ref();
            let epoch = epoch.map_or(String::new(), |one| {
                format!("; epoch {} is open", one.epoch)
            });
            let text = format!(
                "Revoked: doctor {doctor}, at height {}{epoch}",
                revoked.revocation.height
            );
            Ok(Answer::new(text, json!(revoked)))
        }
        DoctorCommand::List(admin) => Ok(enrolments(&admin.client()?.enrolments().await?)),
    }
}

/// Enrolments as a table.
pub fn enrolments(list: &EnrolmentList) -> Answer {
    let rows = list.enrolments.iter().map(|one| {
        let state = word(&one.state);
        [
            one.doctor.0.to_string(),
            one.hospital.0.to_string(),
            state,
            one.attributes.clone(),
        ]
    });
    Answer::new(
        listing::table(["doctor", "hospital", "state", "attributes"], rows),
        json!(list),
    )
}
