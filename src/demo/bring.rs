//! Steps 3 and 4: patients bring their records, a few at once; where all hospitals vote, one is away meanwhile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use consilium_client::device::patient::RecordKeys;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::input::Input;
use super::patients::{self, Plan, Registered};
use super::services::Services;
use super::show::{Show, Step};
use super::summary::Summary;
use super::{outage, people, refusals};
use crate::cli::Failure;

/// Patients' devices that work at once.
const AT_ONCE: usize = 4;

fn plans(services: &Services, inputs: Vec<Input>) -> Result<Vec<Plan>, Failure> {
    let hospitals = services.ids();
    let smallest = inputs
        .iter()
        .min_by_key(|input| input.source.content().len());
    let smallest = smallest.map(|input| Arc::clone(&input.source));
    let others = |owner: usize| {
        let ids = hospitals.iter().enumerate();
        ids.filter(move |(number, _)| *number != owner)
            .map(|(_, id)| id.clone())
            .collect()
    };
    let count = hospitals.len().max(1);
    let mut plans = Vec::new();
    let policies = people::policies(&hospitals);
    let chosen = policies.iter().cloned().cycle();
    for ((number, input), policy) in inputs.into_iter().enumerate().zip(chosen) {
        let owner = number.checked_rem(count).unwrap_or(0);
        plans.push(Plan {
            source: input.source,
            keywords: input.keywords,
            policy,
            consent: others(owner),
            owner,
        });
    }
    for (code, policy, shared) in refusals::RECORDS {
        let source = smallest
            .clone()
            .ok_or_else(|| Failure::said("there is no record"))?;
        plans.push(Plan {
            source,
            keywords: vec![refusals::trial_keyword(code)?],
            policy: policy.to_owned(),
            consent: if shared { others(0) } else { Vec::new() },
            owner: 0,
        });
    }
    Ok(plans)
}

/// Registers every record; those that fail are `None` in their place. Where all hospitals vote, one of them is away for a while.
pub async fn submit(
    show: &mut Show,
    folder: &Path,
    services: &Arc<Services>,
    inputs: Vec<Input>,
    keys: Vec<RecordKeys>,
    summary: &mut Summary,
) -> Result<Vec<Option<Registered>>, Failure> {
    let plans = plans(services, inputs)?;
    let line = "3  Patients encrypt their records under a policy and hand them to a hospital, which (4) builds and posts the index";
    let step = show.begin("3 encrypt, 4 index", line, plans.len());
    let begin = plans.len() / 3;
    let (tell, done) = watch::channel(0);
    let brought = bring(&step, folder, services, plans.into_iter().zip(keys), tell);
    let brought = match summary.hospitals.1 > 1 {
        false => brought.await?,
        true => {
            let outage = outage::befall(show, services, done, begin);
            let (brought, outage) = tokio::try_join!(brought, outage)?;
            summary.outage = Some(outage);
            brought
        }
    };
    let mut registered = Vec::new();
    for (label, outcome) in brought {
        registered.push(match outcome {
            Ok(one) => Some(one),
            Err(error) => {
                summary.not_registered(&label, &error.to_string());
                None
            }
        });
    }
    let count = registered.iter().flatten().count();
    show.end(
        &step,
        &format!(
            "{count} records registered, ciphertexts at their hospitals, digests on the ledger"
        ),
    );
    Ok(registered)
}

/// A record's label in the input, and what came of it.
type Brought = (String, Result<Registered, Failure>);

/// Brings every record to its hospital, a few at once, and tells how many are done; what came of each, in order.
async fn bring(
    step: &Step,
    folder: &Path,
    services: &Arc<Services>,
    records: impl Iterator<Item = (Plan, RecordKeys)>,
    tell: watch::Sender<usize>,
) -> Result<Vec<Brought>, Failure> {
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for (number, (plan, keys)) in records.enumerate() {
        let (services, at_once) = (Arc::clone(services), Arc::clone(&at_once));
        let (folder, label) = (folder.to_owned(), plan.source.patient().id().to_owned());
        running.spawn(async move {
            let outcome = one_of_few(services, &at_once, plan, keys, folder).await;
            (number, (label, outcome))
        });
    }
    let mut brought = BTreeMap::new();
    while let Some(done) = running.join_next().await {
        let (number, one) = done?;
        brought.insert(number, one);
        step.advance();
        tell.send_replace(brought.len());
    }
    Ok(brought.into_values().collect())
}

/// Waits for its turn and until the hospital is open; who waits before a closed door takes nobody's turn.
async fn one_of_few(
    services: Arc<Services>,
    at_once: &Semaphore,
    plan: Plan,
    keys: RecordKeys,
    folder: PathBuf,
) -> Result<Registered, Failure> {
    let hospital = services.hospital(plan.owner)?;
    let (_turn, _door) = loop {
        drop(hospital.door.read().await);
        let turn = at_once.acquire().await?;
        if let Ok(door) = hospital.door.try_read() {
            break (turn, door);
        }
    };
    patients::register_record(&services, plan, keys, folder).await
}
