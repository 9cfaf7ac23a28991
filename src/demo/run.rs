//! The demo's course.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use consilium_client::api::gateway::{RecordState, RecordView};
use consilium_client::device::patient::RecordKeys;
use consilium_contracts::RecordId;
use consilium_records::Keyword;
use tokio::task::JoinSet;

use super::cases::{self, AT_ONCE, Cast};
use super::doctors::{self, Doctor};
use super::input::{self, Input};
use super::patients::{self, Plan, Registered};
use super::people::{self, POLICIES, Role};
use super::refusals::{self, Trials};
use super::services::Services;
use super::show::{Show, Step};
use super::summary::{Skipped, Summary};
use crate::cli::Failure;

/// How long the end of a matching window may be late.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs everything.
pub async fn run(
    show: &mut Show,
    folder: &Path,
    path: &Path,
    window: Option<u64>,
) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    let inputs = input::read(show, path, &mut summary)?;
    let trials = refusals::RECORDS.len();
    let keys = input::make_keys(show, inputs.len().saturating_add(trials)).await?;
    // Matching takes time for each record, and every record must have as long as the last one needs.
    let window = window.unwrap_or_else(|| 15_u64.saturating_add(inputs.len() as u64 / 3));
    let services = Arc::new(setup(show, folder, window).await?);
    let patience = PATIENCE.saturating_add(Duration::from_secs(window));
    let outcome = course(
        show,
        folder,
        &services,
        inputs,
        keys,
        patience,
        &mut summary,
    )
    .await;
    if let Ok(services) = Arc::try_unwrap(services) {
        services.stop().await;
    }
    outcome?;
    summary.seconds = show.seconds().clone();
    if let Some(seconds) = summary.seconds.remove("rsa keys") {
        summary.rsa_seconds = seconds;
    }
    summary.judge();
    Ok(summary)
}

async fn course(
    show: &mut Show,
    folder: &Path,
    services: &Arc<Services>,
    inputs: Vec<Input>,
    keys: Vec<RecordKeys>,
    patience: Duration,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let all: Vec<Vec<Keyword>> = inputs.iter().map(|input| input.keywords.clone()).collect();
    let mut roles = people::doctors(&all, services.hospitals.len());
    let looking = roles.len();
    roles.extend(refusals::roles()?);
    let mut doctors = enrol(show, services, &roles).await?;
    summary.doctors = doctors.len();
    let step = show.begin(
        "5 authorize",
        "5  Each hospital lets the other search its records, as far as patients consent",
        1,
    );
    let made = services.authorize().await?;
    show.end(&step, &format!("{made} authorizations on the ledger"));
    interests(show, services, &doctors, &roles).await?;

    let mut records = submit(show, folder, services, inputs, keys, summary).await?;
    let trials = records.split_off(records.len().saturating_sub(refusals::RECORDS.len()));
    let trials = Trials::new(trials.into_iter().flatten().collect());
    let trials =
        trials.ok_or_else(|| Failure::said("the records for the refusals are not registered"))?;
    let records: Vec<Registered> = records.into_iter().flatten().collect();
    summary.registered = records.len();
    // While its matching window is open: a closed record would be refused for that reason.
    let beyond_consent = refusals::beyond_consent(services, &trials).await?;

    matched(show, services, records.len(), patience).await?;
    let trying = doctors.split_off(looking);
    let cast = Cast {
        services: Arc::clone(services),
        doctors: Arc::new(doctors),
        records: Arc::new(records),
    };
    let opened = cases::open(show, folder, &cast, summary).await?;
    // Before the reports: afterwards the ciphertext is not served any more.
    let tampered = match opened
        .iter()
        .find_map(|one| Some((cast.doctors.get(one.doctor)?, &one.case)))
    {
        Some((doctor, case)) => Some(refusals::tampered(doctor, case, folder).await),
        None => None,
    };
    cases::report(show, &cast, &opened, summary).await?;

    let line = "What must not be possible is tried";
    let step = show.begin("refusals", line, 1);
    summary.refusals = vec![beyond_consent];
    let attempts = refusals::attempt(services, &trials, &trying).await?;
    summary.refusals.extend(attempts);
    summary.refusals.extend(tampered);
    for refusal in &summary.refusals {
        let mark = if refusal.refused {
            "refused"
        } else {
            "NOT REFUSED"
        };
        show.say(&format!(
            "     {mark}: {}\n              {}",
            refusal.attempted, refusal.reason
        ));
    }
    show.end(&step, "done");
    count(services, &cast.records, summary).await
}

async fn setup(show: &mut Show, folder: &Path, window: u64) -> Result<Services, Failure> {
    let line = "1  A KGC and two hospitals start, each a service with its own keys, store and copy of the ledger";
    let step = show.begin("1 setup", line, 1);
    let services = Services::start(folder, window.saturating_mul(1000)).await?;
    show.end(&step, &format!("federation {}", services.federation.id()));
    Ok(services)
}

async fn enrol(
    show: &mut Show,
    services: &Services,
    roles: &[Role],
) -> Result<Vec<Doctor>, Failure> {
    let line = "2  Doctors make their keys; their hospitals vouch for attributes; the KGC registers them, then issues (7)";
    let step = show.begin("2 registration", line, roles.len());
    let mut doctors = Vec::new();
    for role in roles {
        doctors.push(doctors::enrol_doctor(services, role).await?);
        step.advance();
    }
    show.end(
        &step,
        &format!(
            "{} doctors in {} hospitals",
            doctors.len(),
            services.hospitals.len()
        ),
    );
    Ok(doctors)
}

async fn interests(
    show: &mut Show,
    services: &Services,
    doctors: &[Doctor],
    roles: &[Role],
) -> Result<(), Failure> {
    let line = "8  Doctors post what they look for, encrypted to their hospital";
    let step = show.begin("8 trapdoors", line, doctors.len());
    for (doctor, role) in doctors.iter().zip(roles) {
        doctors::post_interests(services, doctor, &role.interests).await?;
        step.advance();
    }
    show.end(&step, &format!("{} trapdoors on the ledger", doctors.len()));
    Ok(())
}

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
    for ((number, input), policy) in inputs
        .into_iter()
        .enumerate()
        .zip(POLICIES.into_iter().cycle())
    {
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
            policy,
            consent: if shared { others(0) } else { Vec::new() },
            owner: 0,
        });
    }
    Ok(plans)
}

/// Registers every record; those that fail are `None` in their place.
async fn submit(
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
    let mut registered: Vec<Option<Registered>> = plans.iter().map(|_| None).collect();
    let mut waiting = plans.into_iter().zip(keys).enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < AT_ONCE
            && let Some((number, (plan, keys))) = waiting.next()
        {
            let (services, folder) = (Arc::clone(services), folder.to_owned());
            let label = plan.source.patient().id().to_owned();
            running.spawn(async move {
                (
                    number,
                    label,
                    patients::register_record(services, plan, keys, folder).await,
                )
            });
        }
        let Some(done) = running.join_next().await else {
            break;
        };
        step.advance();
        match done? {
            (number, _, Ok(one)) => {
                if let Some(place) = registered.get_mut(number) {
                    *place = Some(one);
                }
            }
            (_, label, Err(error)) => {
                let reason = error.to_string();
                summary
                    .failures
                    .push(format!("patient {label} is not registered: {reason}"));
                summary.skipped.push(Skipped {
                    what: format!("patient {label}"),
                    reason,
                });
            }
        }
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

async fn views(services: &Services) -> Result<BTreeMap<RecordId, RecordView>, Failure> {
    let mut views = BTreeMap::new();
    for hospital in &services.hospitals {
        let list = hospital.operator.records().await?;
        views.extend(list.records.into_iter().map(|view| (view.record.0, view)));
    }
    Ok(views)
}

/// Waits until every record has a doctor or is closed without one.
async fn matched(
    show: &mut Show,
    services: &Services,
    count: usize,
    patience: Duration,
) -> Result<(), Failure> {
    let line = "6  Hospitals compare encrypted indexes with trapdoors; 9  the ledger assigns the doctor with most interests";
    let step: Step = show.begin("6 search, 9 match", line, count);
    let started = Instant::now();
    loop {
        let views = views(services).await?;
        let settled = |view: &RecordView| {
            !matches!(
                view.state,
                RecordState::AwaitsCthd
                    | RecordState::Queued
                    | RecordState::Registered
                    | RecordState::Matching
            )
        };
        let done = views.values().filter(|view| settled(view)).count();
        step.bar()
            .set_position(u64::try_from(done).unwrap_or(u64::MAX));
        if done == views.len() {
            let assigned = views
                .values()
                .filter(|view| !view.assignments.is_empty())
                .count();
            show.end(&step, &format!("{assigned} records have a doctor"));
            return Ok(());
        }
        if started.elapsed() > patience {
            return Err(Failure::said(format!(
                "{} records are still being matched",
                views.len().saturating_sub(done)
            )));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn count(
    services: &Services,
    records: &[Registered],
    summary: &mut Summary,
) -> Result<(), Failure> {
    let views = views(services).await?;
    summary.assignments = views.values().map(|view| view.assignments.len()).sum();
    let unmatched = records.iter().filter(|one| {
        views
            .get(&one.record)
            .is_some_and(|view| view.state == RecordState::Unmatched)
    });
    for one in unmatched {
        let hospital = &services.hospital(one.owner)?.card.id;
        summary
            .unmatched
            .push(format!("{} at {hospital}", one.label));
    }
    for hospital in &services.hospitals {
        let text = hospital
            .operator
            .http()
            .get_bytes("/metrics", 4 << 20)
            .await?;
        summary.matches = summary
            .matches
            .saturating_add(matches(&String::from_utf8_lossy(&text)));
        let status = hospital.operator.ledger_status().await?;
        summary.height = summary.height.max(status.height);
    }
    Ok(())
}

/// The counter of matches in a gateway's metrics.
fn matches(metrics: &str) -> u64 {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("consilium_gateway_matches_total "));
    line.and_then(|value| value.trim().parse().ok())
        .unwrap_or(0)
}
