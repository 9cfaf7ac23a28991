//! `consilium gateway`: a hospital.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use consilium_client::GatewayClient;
use consilium_client::api::challenges::ChallengeRequest;
use consilium_client::api::gateway::{
    ApprovalRequest, AuthorizationList, AuthorizationRequest, AuthorizationScope, DeviceRole,
    GatewayStatus, HospitalRevocationRequest, InvitationRequest,
};
use consilium_client::api::terms::{PurposeOfUse, RevocationReason};
use consilium_client::passphrase::Passphrase;
use consilium_client::wire::Text;
use consilium_client::wire::word;
use consilium_contracts::{AuthorizationId, DoctorId, HospitalId, RecordId};
use consilium_gateway::{Gateway, GatewayConfig, InitRequest};
use serde_json::json;

use super::answer::{Answer, Failure, Outcome};
use super::ending::EndOption;
use super::kgc::enrolments;
use super::rotate::RotateArgs;
use super::secrets::{self, PassphraseOption};
use super::settings::{self, GatewayService, SettingFlags};
use super::validators::ApprovalCommand;
use super::{challenges, connect, listing, patient, rotate, validators, words};

/// The commands of a hospital's operator.
#[derive(Debug, Subcommand)]
pub enum GatewayCommand {
    /// Make the hospital's keys, public file and settings
    Init(InitArgs),
    /// Run the service
    Serve(ServeArgs),
    /// How the service stands
    Status(OperatorArgs),
    /// Print a one-time code with which a device registers
    Invite {
        #[command(flatten)]
        operator: OperatorArgs,
        /// For whom
        #[arg(value_enum)]
        role: InvitedRole,
        /// For the audit log; no patient's name
        #[arg(long, default_value = "")]
        note: String,
        /// Minutes that the code holds
        #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=43_200))]
        lifetime: u64,
    },
    /// Requests of this hospital's doctors
    Doctors(OperatorArgs),
    /// Vouch for a doctor's attributes; the KGC's administrator then issues
    Approve {
        #[command(flatten)]
        operator: OperatorArgs,
        /// The doctor
        doctor: DoctorId,
        /// As `role:cardiologist, icu, clearance=4`; `hospital:` of this hospital is added
        #[arg(long)]
        attributes: String,
    },
    /// Revoke a doctor of this hospital
    Revoke {
        #[command(flatten)]
        operator: OperatorArgs,
        /// The doctor
        doctor: DoctorId,
        /// Why; stands on the ledger
        #[arg(long, value_parser = words::reason())]
        reason: RevocationReason,
    },
    /// Let another hospital search records, within their patients' consent
    Authorize {
        #[command(flatten)]
        operator: OperatorArgs,
        /// The other hospital
        to: HospitalId,
        /// One record; by default all of this hospital
        #[arg(long)]
        record: Option<RecordId>,
        /// The purpose of use
        #[arg(long, default_value = "treatment", value_parser = words::purpose())]
        purpose: PurposeOfUse,
        /// Days that it holds
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=36_500))]
        days: u64,
    },
    /// Withdraw an authorization
    Withdraw {
        #[command(flatten)]
        operator: OperatorArgs,
        /// Its id, as `gateway authorizations` lists it
        authorization: AuthorizationId,
    },
    /// The authorizations of this hospital
    Authorizations(OperatorArgs),
    /// Who certifies the ledger's blocks
    #[command(subcommand)]
    Validator(ApprovalCommand),
    /// Replace keys and addresses of this hospital while the federation runs
    RotateKeys(RotateArgs),
    /// Doctors whose hospital had to compare their interests with a record, and what it said
    Pairs {
        #[command(flatten)]
        operator: OperatorArgs,
        /// A record of this hospital
        record: RecordId,
    },
    /// Ask a doctor's hospital to prove whether the doctor matches a record
    Challenge {
        #[command(flatten)]
        operator: OperatorArgs,
        /// A record of this hospital
        record: RecordId,
        /// The doctor, as `gateway pairs` lists it
        doctor: DoctorId,
    },
}

/// Which gateway, and the passphrase of the operator's key.
#[derive(Debug, Args)]
pub struct OperatorArgs {
    /// The gateway's folder
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseOption,
}

impl OperatorArgs {
    pub(super) fn client(&self) -> Result<GatewayClient, Failure> {
        self.client_with(self.passphrase.read()?.as_ref())
    }

    /// As [`OperatorArgs::client`], with a passphrase that was read: standard input gives it once.
    pub(super) fn client_with(
        &self,
        passphrase: Option<&Passphrase>,
    ) -> Result<GatewayClient, Failure> {
        connect::gateway_operator(&self.home, passphrase)
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    pub(super) fn passphrase(&self) -> &PassphraseOption {
        &self.passphrase
    }
}

/// What a hospital begins with.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The gateway's folder, made if it is not there
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// The hospital's id, as it stands in policies after `hospital:`
    id: HospitalId,
    /// The hospital's name
    #[arg(long)]
    name: String,
    /// URL under which devices, other hospitals and the KGC reach it; https, or http on loopback
    #[arg(long)]
    url: String,
    /// Address and port to answer on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8441")]
    http_listen: SocketAddr,
    /// Multiaddress that its ledger node listens on
    #[arg(
        long,
        value_name = "MULTIADDRESS",
        default_value = "/ip4/127.0.0.1/tcp/8541"
    )]
    ledger_listen: String,
    /// File with the passphrase that seals the keys; `-` reads standard input
    #[arg(long, value_name = "FILE", env = secrets::PASSPHRASE_VARIABLE)]
    passphrase_file: PathBuf,
    /// File with the passphrase of the operator's key, if it is another
    #[arg(long, value_name = "FILE")]
    operator_passphrase_file: Option<PathBuf>,
}

/// How the service runs.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The gateway's folder
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseOption,
    #[command(flatten)]
    end: EndOption,
    #[command(flatten)]
    settings: SettingFlags<GatewayService>,
}

/// Whom a code is for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum InvitedRole {
    /// A patient's device
    Patient,
    /// A doctor's device
    Doctor,
}

/// Runs a command of a hospital.
pub async fn run(command: GatewayCommand) -> Outcome {
    match command {
        GatewayCommand::Init(args) => init(&args),
        GatewayCommand::Serve(args) => serve(&args).await,
        GatewayCommand::Status(operator) => Ok(shown(&operator.client()?.status().await?)),
        GatewayCommand::Invite {
            operator,
            role,
            note,
            lifetime,
        } => invite(&operator, role, note, lifetime).await,
        GatewayCommand::Doctors(operator) => {
            Ok(enrolments(&operator.client()?.enrolments().await?))
        }
        GatewayCommand::Approve {
            operator,
            doctor,
            attributes,
        } => {
            let made = operator
                .client()?
                .approve(&doctor, &ApprovalRequest { attributes })
                .await?;
            let text = format!(
                "Approved: {}\nNext: the KGC's administrator issues.",
                made.attributes
            );
            Ok(Answer::new(text, json!(made)))
        }
        GatewayCommand::Revoke {
            operator,
            doctor,
            reason,
        } => {
            let request = HospitalRevocationRequest {
                doctor: Text(doctor),
                reason,
            };
            let receipt = operator.client()?.revoke(&request).await?;
            let text = format!("Revoked: doctor {doctor}, at height {}", receipt.height);
            Ok(Answer::new(text, json!(receipt)))
        }
        GatewayCommand::Authorize {
            operator,
            to,
            record,
            purpose,
            days,
        } => authorize(&operator, to, record, purpose, days).await,
        GatewayCommand::Withdraw {
            operator,
            authorization,
        } => {
            let receipt = operator
                .client()?
                .withdraw_authorization(&authorization)
                .await?;
            let text = format!("Withdrawn at height {}", receipt.height);
            Ok(Answer::new(text, json!(receipt)))
        }
        GatewayCommand::Validator(command) => validators::approve(command).await,
        GatewayCommand::RotateKeys(args) => rotate::run(args).await,
        GatewayCommand::Pairs { operator, record } => {
            challenges::pairs(&operator.client()?, &record).await
        }
        GatewayCommand::Challenge {
            operator,
            record,
            doctor,
        } => {
            let request = ChallengeRequest {
                doctor: Text(doctor),
            };
            let receipt = operator.client()?.challenge(&record, &request).await?;
            Ok(challenges::posted(&receipt))
        }
        GatewayCommand::Authorizations(operator) => {
            Ok(authorizations(&operator.client()?.authorizations().await?))
        }
    }
}

fn init(args: &InitArgs) -> Outcome {
    let passphrase = secrets::read(&args.passphrase_file)?;
    let operator = args
        .operator_passphrase_file
        .as_deref()
        .map(secrets::read)
        .transpose()?;
    let request = InitRequest {
        folder: &args.home,
        id: args.id.clone(),
        name: args.name.clone(),
        url: args.url.clone(),
        http_listen: args.http_listen.to_string(),
        ledger_listen: args.ledger_listen.clone(),
        passphrase: &passphrase,
        operator_passphrase: operator.as_ref(),
        work: None,
    };
    let made = Gateway::init(&request, &mut rand::rng())?;
    let text = format!(
        "The keys of {} are in {}\nOperator's key: {}\nPublic file:    {}\nSettings:       {}\n\
         Next: give the public file to the KGC's administrator, and put the genesis he signs into {} as genesis.bin.",
        args.id,
        made.keys.display(),
        made.operator_key.display(),
        made.hospital_file.display(),
        made.settings.display(),
        args.home.display(),
    );
    let json = json!({
        "hospital": args.id.to_string(), "keys": made.keys, "operator_key": made.operator_key,
        "hospital_file": made.hospital_file, "settings": made.settings,
    });
    Ok(Answer::new(text, json))
}

async fn serve(args: &ServeArgs) -> Outcome {
    let passphrase = args.passphrase.read()?;
    let file = args.home.join("gateway.toml");
    let config = GatewayConfig::load(&file, std::env::vars(), args.settings.given());
    let config = config.map_err(|error| settings::refused(error.is_wrong_setting(), error))?;
    settings::log(&config.frame.log.filter)?;
    let served = Gateway::serve(config, passphrase.as_ref(), args.end.asked());
    served
        .await
        .map_err(|error| settings::refused(error.is_wrong_setting(), error))?;
    Ok(Answer::new("stopped", json!({ "stopped": true })))
}

fn shown(status: &GatewayStatus) -> Answer {
    let (ledger, epoch) = (&status.ledger, status.epoch);
    let epoch = epoch.map_or("none yet".to_owned(), |epoch| epoch.to_string());
    let kgc = if status.kgc_reachable {
        "answers"
    } else {
        "does not answer"
    };
    let text = format!(
        "hospital   {}\nfederation {}\nledger     height {}, {}, {} peers\nepoch      {epoch}\nKGC        {kgc}\n\
         devices    {} doctors, {} patients\nrecords    {}, and {} queued\n\
         matching   {} pairs compared since the start, {} to go",
        status.hospital.0,
        ledger.federation.0,
        ledger.height,
        word(&ledger.sync),
        ledger.peers,
        status.doctors,
        status.patients,
        status.records,
        status.queued,
        status.pairs_compared,
        status.pairs_pending,
    );
    Answer::new(text, json!(status))
}

async fn invite(operator: &OperatorArgs, role: InvitedRole, note: String, minutes: u64) -> Outcome {
    let role = match role {
        InvitedRole::Patient => DeviceRole::Patient,
        InvitedRole::Doctor => DeviceRole::Doctor,
    };
    let request = InvitationRequest {
        role,
        note,
        lifetime_s: minutes.saturating_mul(60),
    };
    let invited = operator.client()?.invite(&request).await?;
    let code = invited.code.expose_secret().to_owned();
    let text =
        format!("One {role}'s device can register with this code, once, within {minutes} minutes:");
    let json = json!({ "role": role, "code": code, "expires_ms": invited.expires_ms });
    Ok(Answer::new(text, json).with_value(code))
}

async fn authorize(
    operator: &OperatorArgs,
    to: HospitalId,
    record: Option<RecordId>,
    purpose: PurposeOfUse,
    days: u64,
) -> Outcome {
    let client = operator.client()?;
    let now = client.ledger_status().await?.tip_time_ms;
    let scope = record.map_or(AuthorizationScope::All, |record| {
        AuthorizationScope::Record {
            record: Text(record),
        }
    });
    let request = AuthorizationRequest {
        to: Text(to),
        scope,
        purpose,
        expires_ms: patient::days_after(now, days),
    };
    let made = client.authorize(&request).await?;
    let text = format!("Authorized: {} as {}", made.to.0, made.authorization.0);
    Ok(Answer::new(text, json!(made)).with_value(made.authorization.0.to_string()))
}

fn authorizations(list: &AuthorizationList) -> Answer {
    let rows = list.authorizations.iter().map(|one| {
        let state = if one.withdrawn { "withdrawn" } else { "live" };
        let scope = match &one.scope {
            AuthorizationScope::All => "all records".to_owned(),
            AuthorizationScope::Record { record } => record.0.to_string(),
        };
        [
            one.authorization.0.to_string(),
            one.to.0.to_string(),
            scope,
            one.purpose.to_string(),
            state.to_owned(),
        ]
    });
    let heading = ["authorization", "to", "scope", "purpose", "state"];
    Answer::new(listing::table(heading, rows), json!(list))
}
