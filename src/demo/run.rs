//! The demo's course.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use consilium_client::api::gateway::{RecordState, RecordView};
use consilium_client::device::patient::RecordKeys;
use consilium_contracts::{RecordId, Settings};
use consilium_records::Keyword;

use super::audit;
use super::bring;
use super::cases::{self, Cast};
use super::challenges;
use super::disputes;
use super::doctors::{self, Doctor};
use super::input::{self, Input};
use super::patients::Registered;
use super::people::{self, Role};
use super::processors;
use super::proofs::Proofs;
use super::refusals::{self, Trials};
use super::services::Services;
use super::show::{Show, Step};
use super::summary::Summary;
use crate::cli::Failure;
use crate::cli::prefilter::PrefilterOption;
use crate::loopback::Hospitals;

/// How long the end of a matching window may be late.
const PATIENCE: Duration = Duration::from_secs(120);

/// The shortest matching window.
const WINDOW_S: u64 = 8;

/// How long a validator is away, generously: a record whose doctors are at its hospital must still be matched in time.
const ABSENCE_S: u64 = 15;

/// What a demo is told.
pub struct Course<'a> {
    /// Where everything is made.
    pub folder: &'a Path,
    /// The records.
    pub input: &'a Path,
    /// How many hospitals take part.
    pub hospitals: Hospitals,
    /// Seconds for matching; by default as many as the records need on this machine.
    pub matching_window_s: Option<u64>,
    /// Whether hospitals leave pairs out by a prefilter.
    pub prefilter: PrefilterOption,
}

impl Course<'_> {
    /// Runs everything.
    pub async fn run(self, show: &mut Show) -> Result<Summary, Failure> {
        let (folder, hospitals) = (self.folder, self.hospitals);
        let mut summary = Summary {
            hospitals: (hospitals.count(), hospitals.voters()),
            ..Summary::default()
        };
        let inputs = input::read(show, self.input, &mut summary)?;
        let trials = refusals::RECORDS.len();
        let keys = input::make_keys(show, inputs.len().saturating_add(trials)).await?;
        let made = show.seconds().get("rsa keys").copied();
        let window = self.window(made.unwrap_or_default());
        let devices_before = processors::time_of(std::process::id());
        let mut settings = Settings {
            matching_window_ms: window.saturating_mul(1000),
            ..Settings::default()
        };
        settings.prefilter = self.prefilter.setting(settings.n)?;
        summary.prefilter = settings.prefilter;
        let services = Arc::new(setup(show, folder, hospitals, settings).await?);
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
        let devices = processors::time_of(std::process::id());
        let devices = devices
            .zip(devices_before)
            .map(|(now, then)| now.saturating_sub(then));
        let of_services = services.processor_time().await;
        summary.busy = devices.map(|devices| devices.saturating_add(of_services));
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

    /// Every record must have as long as the last one needs to be matched. That is far less than half of what the RSA keys of all records took
    /// this machine (`made`, in seconds), as busy as it is; where many vote, each block takes longer.
    fn window(&self, made: f64) -> u64 {
        let absence = match self.hospitals.all_vote() {
            true => ABSENCE_S,
            false => 0,
        };
        let needed = WINDOW_S.max((made / 2.0) as u64).saturating_add(absence);
        let fours = self.hospitals.voters().div_ceil(4) as u64;
        let window = self.matching_window_s;
        window.unwrap_or_else(|| needed.saturating_mul(fours))
    }
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
    authorize(show, services).await?;
    interests(show, services, &doctors, &roles).await?;

    let mut records = bring::submit(show, folder, services, inputs, keys, summary).await?;
    let trials = records.split_off(records.len().saturating_sub(refusals::RECORDS.len()));
    let trials = Trials::new(trials.into_iter().flatten().collect());
    let trials = trials.ok_or_else(|| {
        Failure::said(format!(
            "the records for the refusals are not registered: {}",
            summary.failures.join("; ")
        ))
    })?;
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
    challenges::ask(show, &cast, summary).await?;
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
    let line = "11 Reports are disputed: the ledger shows who is at fault";
    let step = show.begin("11 disputes", line, 2);
    summary.disputes = disputes::settle(services, &trials, &trying).await?;
    for dispute in &summary.disputes {
        show.say(&format!("     {}: {}", dispute.disputed, dispute.shown));
    }
    show.end(&step, "done");
    count(show, services, &cast.records, summary).await?;
    if let Some(agreement) = &summary.ledger {
        let replayed = audit::replayed(show, folder, services, agreement).await?;
        summary.proofs = Proofs::of(&replayed);
        summary.verified = Some(replayed);
    }
    Ok(())
}

async fn setup(
    show: &mut Show,
    folder: &Path,
    hospitals: Hospitals,
    settings: Settings,
) -> Result<Services, Failure> {
    let voting = match hospitals.all_vote() {
        true => "every hospital's",
        false => "the first hospital's",
    };
    let line = format!(
        "1  A KGC and {hospitals} hospitals start, each a service with its own keys, store and copy of the ledger; {voting} node votes"
    );
    let step = show.begin("1 setup", &line, 1);
    let services = Services::start(folder, hospitals, settings).await?;
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

async fn authorize(show: &mut Show, services: &Arc<Services>) -> Result<(), Failure> {
    let line = "5  Each hospital lets the others search its records, as far as patients consent";
    let step = show.begin("5 authorize", line, services.hospitals.len());
    let jobs = (0..services.hospitals.len()).map(|number| {
        let (services, bar) = (Arc::clone(services), step.bar());
        async move {
            let made = services.authorize(number).await;
            bar.inc(1);
            made
        }
    });
    let made = cases::together(jobs).await?;
    let made = made.into_iter().sum::<Result<usize, _>>()?;
    show.end(&step, &format!("{made} authorizations on the ledger"));
    Ok(())
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
    show: &Show,
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
    let before = summary.outage.as_ref().map_or(0, |one| one.matches);
    summary.matches = before;
    for hospital in &services.hospitals {
        let matches = hospital.matches().await?;
        summary.matches = summary.matches.saturating_add(matches);
        let compared = hospital.compared().await?;
        summary.compared = summary.compared.saturating_add(compared);
    }
    let agreement = services.agreement().await?;
    show.say(&format!(
        "   All {} nodes have the same state at height {}: root {}",
        agreement.nodes, agreement.height, agreement.state_root
    ));
    summary.ledger = Some(agreement);
    Ok(())
}
