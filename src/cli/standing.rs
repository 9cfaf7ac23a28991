//! How a doctor stands with hospital, KGC and ledger, and what comes next.

use std::path::Path;

use consilium_client::api::gateway::{Case, DeviceRole, DoctorStatus, InterestsView};
use consilium_client::api::kgc::{Enrolment, EnrolmentState};
use consilium_client::wire::word;
use serde_json::json;

use super::answer::{Answer, Failure, Outcome};
use super::device::Device;
use super::ledger::moment;
use super::patient::DeviceArgs;

/// `doctor status`.
pub async fn status(at: &DeviceArgs) -> Outcome {
    let device = at.of(DeviceRole::Doctor)?;
    let seen = device.gateway().doctor().await?;
    Ok(Answer::new(shown(&seen, device.home()), json!(seen)))
}

fn shown(seen: &DoctorStatus, home: &Path) -> String {
    let enrolment = seen.enrolment.as_ref();
    let epoch = seen.epoch;
    let epoch = epoch.map_or("none yet".to_owned(), |epoch| epoch.to_string());
    let interests = seen.interests.as_ref();
    let next = match (next(seen.enrolment.as_ref(), home), interests) {
        (Some(next), _) => format!("\nNext: {next}"),
        (None, None) => format!(
            "\nNext: consilium doctor interests --home {} SYSTEM|CODE...",
            home.display()
        ),
        (None, Some(_)) => String::new(),
    };
    format!(
        "doctor     {}\nhospital   {}\nenrolment  {}\nepoch      {epoch}, at height {}\ninterests  {}\ncases      {}{next}",
        seen.doctor.0,
        seen.hospital.0,
        enrolment.map_or("not asked for".to_owned(), enrolled),
        seen.height,
        interests.map_or("none".to_owned(), posted),
        counted(&seen.cases),
    )
}

fn enrolled(one: &Enrolment) -> String {
    let state = word(&one.state);
    match (one.attributes.as_str(), one.leaf) {
        ("", None) => state,
        ("", Some(leaf)) => format!("{state}; until it is issued, leaf {leaf} holds"),
        (attributes, None) => format!("{state}: {attributes}"),
        (attributes, Some(leaf)) => format!("{state}: {attributes} (leaf {leaf})"),
    }
}

fn posted(one: &InterestsView) -> String {
    let until = moment(one.expires_ms);
    format!("{}, until {until}", one.interests)
}

fn counted(cases: &[Case]) -> String {
    let open: Vec<_> = cases.iter().filter(|case| !case.reported).collect();
    let waiting = open.iter().filter(|case| !case.opened).count();
    let first = open.iter().map(|case| case.deadline_ms).min();
    let first = first.map_or(String::new(), |until| {
        format!("; the first lapses {}", moment(until))
    });
    format!(
        "{} open, {waiting} of them not read{first}; {} reported",
        open.len(),
        cases.len().saturating_sub(open.len())
    )
}

/// What must happen until a doctor has a key; nothing, where she has.
pub fn next(enrolment: Option<&Enrolment>, home: &Path) -> Option<String> {
    let home = home.display();
    let Some(one) = enrolment else {
        return Some(format!("consilium doctor enroll --home {home}"));
    };
    let doctor = one.doctor.0;
    Some(match one.state {
        EnrolmentState::AwaitsHospital => format!(
            "an operator of {} vouches: consilium gateway approve {doctor} --attributes ATTRIBUTES",
            one.hospital.0
        ),
        EnrolmentState::AwaitsIssue => format!(
            "the KGC's administrator issues: consilium kgc doctor issue {doctor} --attributes ATTRIBUTES (if he refuses, ask anew: \
             consilium doctor enroll --home {home} --renew)"
        ),
        EnrolmentState::Registered => {
            "the key comes by itself, as soon as the KGC answers".to_owned()
        }
        EnrolmentState::Issued => return None,
        EnrolmentState::Refused => format!(
            "ask the hospital why, then ask anew: consilium doctor enroll --home {home} --renew"
        ),
        EnrolmentState::Revoked => {
            "a revocation is for good; who returns enrols with new keys: consilium doctor keygen --home NEW, then consilium doctor enroll \
             with a new invitation"
                .to_owned()
        }
    })
}

/// Refuses what only a registered doctor can do, and says what must come first.
pub async fn check_registered(device: &Device) -> Result<(), Failure> {
    let seen = device.gateway().doctor().await?;
    if seen.leaf.is_some() {
        return Ok(());
    }
    let enrolment = seen.enrolment.as_ref();
    let state = enrolment.map(|one| one.state);
    let stands = state.map_or("not asked for".to_owned(), |state| word(&state));
    let next = next(enrolment, device.home()).unwrap_or_default();
    let text = format!(
        "doctor {} has no key: the enrolment is {stands}\nNext: {next}",
        seen.doctor.0
    );
    Err(match state {
        Some(
            EnrolmentState::AwaitsHospital
            | EnrolmentState::AwaitsIssue
            | EnrolmentState::Registered,
        ) => Failure::NotYet(text.into()),
        _ => Failure::said(text),
    })
}
