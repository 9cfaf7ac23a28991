//! Who votes: as everybody sees it, what the KGC proposes, what a hospital approves.

use clap::{Args, Subcommand, ValueEnum};
use consilium_client::api::validators::{
    ValidatorApprovalRequest, ValidatorChangeView, ValidatorList, ValidatorProposalRequest,
    ValidatorProposalView, ValidatorView,
};
use consilium_client::wire::Text;
use consilium_contracts::{HospitalId, ValidatorChange};
use serde_json::json;

use super::answer::{Answer, Failure, Outcome};
use super::gateway::OperatorArgs;
use super::kgc::{AdminArgs, HomeArgs};
use super::{connect, listing};

/// What the KGC's administrator does about the validators.
#[derive(Debug, Subcommand)]
pub enum ProposalCommand {
    /// Propose that a hospital joins or leaves them; more than two thirds of them must approve
    Propose {
        #[command(flatten)]
        admin: AdminArgs,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Who votes, who will, and what is proposed
    List(HomeArgs),
}

/// What a hospital's operator does about the validators.
#[derive(Debug, Subcommand)]
pub enum ApprovalCommand {
    /// Approve what the KGC proposes
    Approve {
        #[command(flatten)]
        operator: OperatorArgs,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Who votes, who will, and what is proposed
    List(OperatorArgs),
}

/// A change, in words: `join st-mary`.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// What becomes of it
    #[arg(value_enum)]
    kind: Kind,
    /// The hospital
    hospital: HospitalId,
}

/// The two kinds of change.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// It votes
    Join,
    /// It votes no more
    Leave,
}

impl ChangeArgs {
    fn view(&self) -> ValidatorChangeView {
        let hospital = Text(self.hospital.clone());
        match self.kind {
            Kind::Join => ValidatorChangeView::Join { hospital },
            Kind::Leave => ValidatorChangeView::Leave { hospital },
        }
    }
}

/// Runs a command of the KGC's administrator.
pub async fn propose(command: ProposalCommand) -> Outcome {
    let (admin, change) = match command {
        ProposalCommand::Propose { admin, change } => (admin, change.view()),
        ProposalCommand::List(at) => {
            return Ok(listed(&connect::kgc(&at.home())?.validators().await?));
        }
    };
    let request = ValidatorProposalRequest {
        change: change.clone(),
    };
    let receipt = admin.client()?.propose_validator_change(&request).await?;
    let text = format!(
        "Proposed at height {}: {}\nNext: more than two thirds of the validators approve, each with `consilium gateway validator approve {}`.",
        receipt.height,
        words(&change),
        words(&change),
    );
    Ok(Answer::new(text, json!(receipt)))
}

/// Runs a command of a hospital's operator.
pub async fn approve(command: ApprovalCommand) -> Outcome {
    let (operator, change) = match command {
        ApprovalCommand::Approve { operator, change } => (operator, change.view()),
        ApprovalCommand::List(operator) => {
            let client = connect::gateway(operator.home())?;
            return Ok(listed(&client.validators().await?));
        }
    };
    let client = operator.client()?;
    let proposed = client.validators().await?.proposal;
    let proposed = proposed.filter(|proposal| proposal.change == change);
    let Some(proposal) = proposed else {
        return Err(Failure::said(format!(
            "{} is not what is proposed; look with `consilium gateway validator list`",
            words(&change)
        )));
    };
    let request = ValidatorApprovalRequest {
        change: proposal.change,
        proposed: proposal.proposed,
    };
    let receipt = client.approve_validator_change(&request).await?;
    let now = client.validators().await?;
    let text = format!(
        "Approved at height {}: {}\n\n{}",
        receipt.height,
        words(&change),
        shown(&now)
    );
    Ok(Answer::new(
        text,
        json!({ "receipt": receipt, "validators": now }),
    ))
}

fn words(change: &ValidatorChangeView) -> String {
    ValidatorChange::from(change.clone()).to_string()
}

fn listed(list: &ValidatorList) -> Answer {
    Answer::new(shown(list), json!(list))
}

fn shown(list: &ValidatorList) -> String {
    let mut text = format!("At height {}:\n{}", list.height, keys(&list.validators));
    if let Some(next) = &list.next {
        text += &format!(
            "\n\nFrom height {} on:\n{}",
            next.from,
            keys(&next.validators)
        );
    }
    match &list.proposal {
        Some(proposal) => text + "\n\n" + &open(proposal, list),
        None => text,
    }
}

fn keys(validators: &[ValidatorView]) -> String {
    let rows = validators
        .iter()
        .map(|one| [one.hospital.0.to_string(), one.key.to_string()]);
    listing::table(["validator", "key"], rows)
}

fn open(proposal: &ValidatorProposalView, list: &ValidatorList) -> String {
    let names: Vec<_> = proposal
        .approvals
        .iter()
        .map(|id| id.0.to_string())
        .collect();
    let (approved, all) = (names.len(), list.validators.len());
    let names = match names.is_empty() {
        true => "nobody yet".to_owned(),
        false => names.join(", "),
    };
    let state = if proposal.expired { "; expired" } else { "" };
    format!(
        "Proposed at height {}: {}\napproved by {names} ({approved} of {all}, more than two thirds are needed){state}",
        proposal.proposed,
        words(&proposal.change),
    )
}
