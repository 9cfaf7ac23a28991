//! `consilium gateway rotate-keys`: other keys for a hospital, without a day off.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use consilium_client::genesis::read_genesis;
use consilium_client::passphrase::Passphrase;
use consilium_client::{ClientError, GatewayClient};
use consilium_contracts::{Canonical as _, Height, HospitalCard, HospitalId, Nonce, UpdateCard};
use consilium_gateway::{GatewayConfig, Rotation, RotationRequest};
use consilium_service::hospital_file::read_hospital_file;
use indicatif::ProgressBar;
use serde_json::json;

use super::answer::{Answer, Failure, Outcome};
use super::gateway::OperatorArgs;
use super::secrets;

/// Between two looks at the ledger.
const LOOK: Duration = Duration::from_millis(250);
/// The longest that the transaction lives, in blocks.
const LIFETIME: u64 = 1000;

/// What is to change; by default the validator key and the node's network identity.
#[derive(Debug, Args)]
pub struct RotateArgs {
    #[command(flatten)]
    operator: OperatorArgs,
    /// File with the passphrase of the gateway's keys, if it is another than the operator's
    #[arg(long, value_name = "FILE")]
    keys_passphrase_file: Option<PathBuf>,
    /// The key it votes with
    #[arg(long)]
    validator: bool,
    /// The network identity of its ledger's node
    #[arg(long)]
    peer: bool,
    /// The TLS key; devices that pinned the old one must be invited again
    #[arg(long)]
    tls: bool,
    /// Another URL of the gateway
    #[arg(long)]
    url: Option<String>,
    /// Another multiaddress of its ledger's node
    #[arg(long, value_name = "MULTIADDRESS")]
    ledger_listen: Option<String>,
    /// Seconds to wait until the former voting key is out of force
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    wait: u64,
}

impl RotateArgs {
    fn names_nothing(&self) -> bool {
        let keys = self.validator || self.peer || self.tls;
        !keys && self.url.is_none() && self.ledger_listen.is_none()
    }
}

/// Makes the new keys, puts them on the ledger, takes them over; says from when.
pub async fn run(args: RotateArgs) -> Outcome {
    let home = args.operator.home();
    let config = GatewayConfig::load(&home.join("gateway.toml"), std::env::vars(), [])?;
    let hospital_file = home.join("hospital.json");
    let _lock = Rotation::lock(&config.gateway.keys)?;
    if let Some(card) = Rotation::finish(&config.gateway.keys, &hospital_file)? {
        return Ok(finished(&card));
    }
    let (of_operator, of_keys) = passphrases(&args)?;
    let client = args.operator.client_with(of_operator.as_ref())?;
    let genesis = read_genesis(&config.gateway.genesis, None)?;
    let standard = args.names_nothing();
    let request = RotationRequest {
        keys: &config.gateway.keys,
        hospital_file: &hospital_file,
        passphrase: of_keys.as_ref().or(of_operator.as_ref()),
        federation: genesis.federation(),
        validator: args.validator || standard,
        peer: args.peer || standard,
        tls: args.tls,
        url: args.url.clone(),
        listen: args.ledger_listen.clone(),
    };
    if request.validator && Rotation::waiting(request.keys).is_none() {
        check_voting_key(&client, &request).await?;
    }
    let rotation = Rotation::prepare(&request, &mut rand::rng())?;
    let id = rotation.hospital().clone();
    let mut card = card_of(&client, &id).await?;
    if !rotation.is_committed(&card) {
        let height = client.ledger_status().await?.height;
        let most = genesis.genesis().settings.max_transaction_lifetime;
        let expires = Height::new(height.saturating_add(most.min(LIFETIME)));
        let signed = rotation.sign(&card, Nonce::new(rand::random()), expires);
        let submitted = client.submit(&signed).await;
        submitted.map_err(|source| NotReplaced {
            keys: Rotation::waiting(&config.gateway.keys),
            source,
        })?;
        card = card_of(&client, &id).await?;
    }
    let votes_from = votes_from(&client, &id, &card).await?;
    in_force(&client, votes_from, args.wait).await?;
    let update = rotation.update().clone();
    rotation.take_over(&card)?;
    Ok(told(&id, &update, votes_from))
}

/// The ledger does not take it, or not yet.
#[derive(Debug, thiserror::Error)]
#[error("{source}. Nothing is replaced{}", waits(.keys.as_deref()))]
struct NotReplaced {
    keys: Option<PathBuf>,
    source: ClientError,
}

fn waits(keys: Option<&Path>) -> String {
    keys.map_or_else(String::new, |keys| {
        format!(
            "; the new keys wait in {} for the next call",
            keys.display()
        )
    })
}

/// Those of the operator's key and, if it is another, of the gateway's keys; each file, and standard input, is read once.
fn passphrases(args: &RotateArgs) -> Result<(Option<Passphrase>, Option<Passphrase>), Failure> {
    let of_operator = args.operator.passphrase();
    let other = args.keys_passphrase_file.as_ref();
    let other = other.filter(|file| of_operator.passphrase_file.as_ref() != Some(file));
    let of_keys = other.map(|file| secrets::read(file)).transpose()?;
    Ok((of_operator.read()?, of_keys))
}

/// Makes no keys where the ledger is known not to take them: they would wait there, and other changes behind them.
async fn check_voting_key(
    client: &GatewayClient,
    request: &RotationRequest<'_>,
) -> Result<(), Failure> {
    let id = read_hospital_file(request.hospital_file)?.id;
    let list = client.validators().await?;
    let will = list.next.into_iter().flat_map(|next| next.validators);
    let mut all = list.validators.into_iter().chain(will);
    let keeps = all.find(|one| one.hospital.0 == id);
    match keeps.and_then(|one| one.keeps_key) {
        Some(why) => Err(Failure::said(format!("{why}. Nothing is replaced"))),
        None => Ok(()),
    }
}

/// The card as the ledger has it, by this hospital's own gateway.
async fn card_of(client: &GatewayClient, id: &HospitalId) -> Result<HospitalCard, Failure> {
    let hospitals = client.hospitals().await?.hospitals;
    let own = hospitals.into_iter().find(|one| one.id.0 == *id);
    let own = own.ok_or_else(|| Failure::said(format!("{id} is not in the federation")))?;
    Ok(HospitalCard::from_canonical_bytes(own.card.as_bytes())?)
}

/// The height from which on the hospital votes with the key of its card; none where it does not vote.
async fn votes_from(
    client: &GatewayClient,
    id: &HospitalId,
    card: &HospitalCard,
) -> Result<Option<u64>, Failure> {
    let list = client.validators().await?;
    let is_own = |one: &consilium_client::api::validators::ValidatorView| {
        one.hospital.0 == *id && *one.key.verifying_key() == card.validator_key
    };
    if list.validators.iter().any(is_own) {
        return Ok(Some(list.height));
    }
    let next = list.next.filter(|next| next.validators.iter().any(is_own));
    Ok(next.map(|next| next.from))
}

/// Waits until the former key votes no more: where few vote, the ledger cannot do without it before.
async fn in_force(client: &GatewayClient, from: Option<u64>, seconds: u64) -> Result<(), Failure> {
    let Some(from) = from else {
        return Ok(());
    };
    let begun = Instant::now();
    // Hidden where standard error is no terminal.
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(LOOK);
    loop {
        let height = client.validators().await?.height;
        if height.saturating_add(1) >= from {
            spinner.finish_and_clear();
            return Ok(());
        }
        spinner.set_message(format!(
            "height {height}; the former key votes up to that before {from}"
        ));
        if begun.elapsed() > Duration::from_secs(seconds) {
            return Err(Failure::said(format!(
                "the ledger names the new keys; the former one votes up to the height before {from}, and the ledger is at {height}: call again then"
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What a call before was cut off with is in place now.
fn finished(card: &HospitalCard) -> Answer {
    let id = &card.id;
    let text = format!(
        "A call before was cut off when the ledger already named the new keys and addresses of {id}. They took the old ones' place now, \
         and nothing else was changed.\n\
         Next: set http.public_url, http.listen and ledger.listen in gateway.toml if an address changed ({}), and restart the gateway. To \
         change something else, call again then.",
        card.url
    );
    Answer::new(
        text,
        json!({ "hospital": id.to_string(), "finished": true, "restart": true }),
    )
}

fn told(id: &HospitalId, update: &UpdateCard, votes_from: Option<u64>) -> Answer {
    let (votes, peer) = (update.validator_key.is_some(), update.peer_key.is_some());
    let (tls, moved) = (
        update.tls_pin.is_some(),
        update.url.is_some() || update.listen.is_some(),
    );
    let what: Vec<_> = [
        (votes, "voting key"),
        (peer, "network identity"),
        (tls, "TLS key"),
        (moved, "address"),
    ]
    .into_iter()
    .filter_map(|(changed, what)| changed.then_some(what))
    .collect();
    let mut text = format!("The ledger names another {} of {id}.", what.join(", "));
    if votes {
        text += &match votes_from {
            Some(from) => format!(" It votes with the new key from height {from} on."),
            None => " It is not a validator.".to_owned(),
        };
    }
    text += "\nNext: ";
    if moved {
        text += "set http.public_url, http.listen and ledger.listen in gateway.toml as they are now, then ";
    }
    text += "restart the gateway. Until then it runs as before, and";
    let until_then = [
        (votes, " does not vote;"),
        (peer, " is let in by the other nodes for an hour only;"),
        (
            tls,
            " answers under the former TLS key, which the other services refuse;",
        ),
        (moved, " is looked for where it is not;"),
    ];
    until_then
        .iter()
        .filter(|(changed, _)| *changed)
        .for_each(|(_, what)| text += what);
    let mut text = text.trim_end_matches(';').to_owned() + ".";
    if tls {
        text += "\nDevices that pinned the former TLS key must be invited again.";
    }
    Answer::new(
        text,
        json!({
            "hospital": id.to_string(),
            "changed": what,
            "votes_from": votes_from,
            "finished": false,
            "restart": true,
        }),
    )
}
