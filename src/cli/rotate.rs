//! `consilium gateway rotate-keys`: other keys for a hospital, without a day off.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use consilium_client::GatewayClient;
use consilium_client::genesis::read_genesis;
use consilium_contracts::{Canonical as _, Height, HospitalCard, HospitalId, Nonce};
use consilium_gateway::{GatewayConfig, Rotation, RotationRequest};
use indicatif::ProgressBar;
use serde_json::json;

use super::answer::{Answer, Failure, Outcome};
use super::gateway::OperatorArgs;
use super::secrets::PassphraseOption;

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
    let client = args.operator.client()?;
    let home = args.operator.home();
    let config = GatewayConfig::load(&home.join("gateway.toml"), std::env::vars(), [])?;
    let genesis = read_genesis(&config.gateway.genesis, None)?;
    let of_keys = args.keys_passphrase_file.clone().map(Some);
    let passphrase = PassphraseOption {
        passphrase_file: of_keys.unwrap_or(args.operator.passphrase_file()),
    };
    let passphrase = passphrase.read()?;
    let standard = args.names_nothing();
    let request = RotationRequest {
        keys: &config.gateway.keys,
        hospital_file: &home.join("hospital.json"),
        passphrase: passphrase.as_ref(),
        federation: genesis.federation(),
        validator: args.validator || standard,
        peer: args.peer || standard,
        tls: args.tls,
        url: args.url.clone(),
        listen: args.ledger_listen.clone(),
    };
    let rotation = Rotation::prepare(&request, &mut rand::rng())?;
    let id = rotation.hospital().clone();
    let mut card = card_of(&client, &id).await?;
    if !rotation.is_committed(&card) {
        let height = client.ledger_status().await?.height;
        let most = genesis.genesis().settings.max_transaction_lifetime;
        let expires = Height::new(height.saturating_add(most.min(LIFETIME)));
        client
            .submit(&rotation.sign(Nonce::new(rand::random()), expires))
            .await?;
        card = card_of(&client, &id).await?;
    }
    let votes_from = votes_from(&client, &id, &card).await?;
    in_force(&client, votes_from, args.wait).await?;
    rotation.take_over(&card)?;
    Ok(told(&id, &args, votes_from))
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

fn told(id: &HospitalId, args: &RotateArgs, votes_from: Option<u64>) -> Answer {
    let votes = match votes_from {
        Some(from) => format!("It votes with the new one from height {from} on."),
        None => "It is not a validator.".to_owned(),
    };
    let mut text = format!(
        "The ledger names the new keys of {id}, and they took the old ones' place. {votes}\n\
         Next: restart the gateway now. Until then it runs with the former keys: it does not vote, and within an hour the other \
         nodes no longer let it in."
    );
    if args.url.is_some() || args.ledger_listen.is_some() {
        text += "\nBefore that, set http.public_url, http.listen and ledger.listen in gateway.toml as they are now.";
    }
    Answer::new(
        text,
        json!({ "hospital": id.to_string(), "votes_from": votes_from, "restart": true }),
    )
}
