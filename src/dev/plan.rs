//! With what a federation on this machine is made, once.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use clap::Args;
use consilium_client::api::ledger::PrefilterView;
use consilium_client::file::{Existing, Readers, write_atomically};
use consilium_contracts::{Prefilter, Settings};
use serde::{Deserialize, Serialize};

use crate::cli::Failure;
use crate::cli::prefilter::PrefilterOption;
use crate::loopback::{self, Hospitals, Plan, Ports};

/// Between the port of a service and that of its ledger's node.
const LEDGER_OFFSET: u16 = 100;
const FIRST_PORT: u16 = 8440;
const MATCHING_WINDOW: u64 = 20;

/// What the caller may choose when the federation is made.
#[derive(Debug, Args)]
pub struct Chosen {
    /// Hospitals, 2 to 16, by default 2. From 4 on all of them vote, and the ledger goes on when one stops (5 of 16); of 2 or 3 the first
    /// alone votes, because they would stop with the first that fails
    #[arg(long, value_name = "N", env = "CONSILIUM_DEV_HOSPITALS")]
    hospitals: Option<Hospitals>,
    /// The KGC's port, by default 8440; the hospitals take those after it, the ledger's nodes those 100 above
    #[arg(long, value_name = "PORT", env = "CONSILIUM_DEV_FIRST_PORT",
        value_parser = clap::value_parser!(u16).range(1024..=65_000))]
    first_port: Option<u16>,
    /// Seconds that doctors have to match a record, by default 20
    #[arg(long, value_name = "SECONDS", env = "CONSILIUM_DEV_MATCHING_WINDOW",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    matching_window: Option<u64>,
    #[command(flatten)]
    prefilter: PrefilterOption,
}

/// `dev.json`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    first_port: u16,
    matching_window_s: u64,
    /// Two where it does not stand: those that were made before there was a choice have two.
    #[serde(default)]
    hospitals: Hospitals,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefilter: Option<PrefilterView>,
}

impl Made {
    fn read(home: &Path) -> Result<Self, Failure> {
        let path = file(home);
        serde_json::from_slice(&fs::read(&path)?)
            .map_err(|error| Failure::said(format!("{}: {error}", path.display())))
    }

    /// With what is chosen, where it is.
    fn but(&self, chosen: &Chosen) -> Result<Self, Failure> {
        let prefilter = chosen.prefilter.setting(Settings::default().n)?;
        let prefilter = prefilter.map(|Prefilter { bits, weight }| PrefilterView { bits, weight });
        Ok(Self {
            first_port: chosen.first_port.unwrap_or(self.first_port),
            matching_window_s: chosen.matching_window.unwrap_or(self.matching_window_s),
            hospitals: chosen.hospitals.unwrap_or(self.hospitals),
            prefilter: prefilter.or(self.prefilter),
        })
    }

    /// As flags of `dev up`.
    fn flags(&self) -> String {
        let Self {
            first_port,
            matching_window_s,
            hospitals,
            prefilter,
        } = self;
        let prefilter = match prefilter {
            None => String::new(),
            Some(PrefilterView { bits, weight }) => {
                format!(" --prefilter {bits} --prefilter-weight {weight}")
            }
        };
        format!(
            "--hospitals {hospitals} --first-port {first_port} --matching-window {matching_window_s}{prefilter}"
        )
    }

    /// The KGC's, then each hospital's.
    fn ports(&self) -> Vec<Ports> {
        let last = u16::from(u8::from(self.hospitals));
        let numbers = 0..=last;
        numbers
            .map(|number| ports(self.first_port, number))
            .collect()
    }
}

impl Default for Made {
    fn default() -> Self {
        Self {
            first_port: FIRST_PORT,
            matching_window_s: MATCHING_WINDOW,
            hospitals: Hospitals::default(),
            prefilter: None,
        }
    }
}

/// The hospitals of the federation that was made here.
pub fn hospitals(home: &Path) -> Result<Hospitals, Failure> {
    Ok(Made::read(home)?.hospitals)
}

/// Whether a federation was made here.
pub fn is_there(home: &Path) -> bool {
    file(home).is_file()
}

fn file(home: &Path) -> PathBuf {
    home.join("dev.json")
}

/// Makes the federation, or checks that the one that is there is the one that was asked for.
pub fn make_unless_there(home: &Path, chosen: &Chosen) -> Result<(), Failure> {
    match is_there(home) {
        true => check(home, chosen),
        false => make(home, chosen),
    }
}

fn check(home: &Path, chosen: &Chosen) -> Result<(), Failure> {
    let made = Made::read(home)?;
    if made.but(chosen)? == made {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{} was made with {}, which stand in its genesis; give these, or another --home",
        home.display(),
        made.flags(),
    )))
}

/// Makes the whole federation beside its place and then moves it there: it is there whole or not at all.
fn make(home: &Path, chosen: &Chosen) -> Result<(), Failure> {
    if home.exists() {
        return Err(Failure::said(format!(
            "{} is there and holds no federation; give another folder",
            home.display()
        )));
    }
    let made = Made::default().but(chosen)?;
    let plan = Plan {
        name: "Federation on one machine",
        settings: Settings {
            matching_window_ms: made.matching_window_s.saturating_mul(1000),
            prefilter: made
                .prefilter
                .map(|PrefilterView { bits, weight }| Prefilter { bits, weight }),
            ..Settings::default()
        },
        hospitals: made.hospitals,
        ports: made.ports(),
    };
    plan.ports.iter().try_for_each(|ports| free(*ports))?;
    let parent = home.parent().filter(|one| !one.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let in_parent = |error| Failure::said(format!("{}: {error}", parent.display()));
    fs::create_dir_all(parent).map_err(in_parent)?;
    let staged = tempfile::Builder::new()
        .prefix(".consilium-dev-")
        .tempdir_in(parent)
        .map_err(in_parent)?;
    loopback::make(staged.path(), plan)?;
    let text = serde_json::to_vec_pretty(&made)?;
    write_atomically(
        &file(staged.path()),
        &text,
        Readers::Everyone,
        Existing::Keep,
    )?;
    fs::rename(staged.path(), home)?;
    Ok(())
}

fn ports(first: u16, number: u16) -> Ports {
    let http = first.saturating_add(number);
    Ports {
        http,
        ledger: http.saturating_add(LEDGER_OFFSET),
    }
}

fn free(ports: Ports) -> Result<(), Failure> {
    for port in [ports.http, ports.ledger] {
        TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
            Failure::said(format!(
                "port {port} of 127.0.0.1: {error}; give another --first-port, or end the federation that still has it"
            ))
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_federation_made_before_there_was_a_choice_has_two_hospitals() {
        let before = r#"{"first_port": 8440, "matching_window_s": 20}"#;
        let made: Made = serde_json::from_str(before).unwrap();
        assert_eq!(made, Made::default());
        assert_eq!(made.hospitals.count(), 2);
        let text = serde_json::to_string(&made).unwrap();
        assert_eq!(serde_json::from_str::<Made>(&text).unwrap(), made);
        let wrong = r#"{"first_port": 8440, "matching_window_s": 20, "hospitals": 17}"#;
        assert!(serde_json::from_str::<Made>(wrong).is_err());
    }

    #[test]
    fn every_service_has_ports_of_its_own() {
        let made = Made {
            hospitals: 16_u8.try_into().unwrap(),
            ..Made::default()
        };
        let ports = made.ports();
        assert_eq!(ports.len(), 17);
        let all: std::collections::BTreeSet<_> = ports
            .iter()
            .flat_map(|one| [one.http, one.ledger])
            .collect();
        assert_eq!(all.len(), 34);
        assert!(all.contains(&8440) && all.contains(&8556));
    }
}
