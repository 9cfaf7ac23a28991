//! What the demo counted, and whether that is what it must be.

use std::collections::BTreeMap;
use std::time::Duration;

use consilium_contracts::Prefilter;
use consilium_schemes::parallel::processors;
use serde::Serialize;
use serde_json::{Value, json};

use super::disputes::Settled;
use super::outage::Outage;
use super::proofs::Proofs;
use super::services::Agreement;
use crate::cli::ledger::replay::Replayed;
use crate::cli::prefilter::shown;
use crate::cli::{Answer, table};

/// The share of records that must open, in percent.
const MUST_OPEN_PERCENT: usize = 80;

/// Something of the input that became no record.
#[derive(Debug, Clone, Serialize)]
pub struct Skipped {
    /// What.
    pub what: String,
    /// Why.
    pub reason: String,
}

/// Something that must be refused.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal {
    /// What was attempted.
    pub attempted: &'static str,
    /// Whether it was refused.
    pub refused: bool,
    /// The stable code of the service that refused; none where the device itself did.
    pub refused_with: Option<String>,
    /// In whose words, or what happened instead.
    pub reason: String,
}

/// Everything counted.
#[derive(Debug, Default)]
pub struct Summary {
    /// Patients found in the input.
    pub read: usize,
    /// Records on the ledger.
    pub registered: usize,
    /// Left out.
    pub skipped: Vec<Skipped>,
    /// Keywords that records can be found by.
    pub keywords: usize,
    /// Doctors with an attribute key.
    pub doctors: usize,
    /// Matches that the hospitals found and posted.
    pub matches: u64,
    /// Pairs that the hospitals compared, since each was last started.
    pub compared: u64,
    /// Proofs on the ledger.
    pub proofs: Proofs,
    /// Challenges that were answered as they must be.
    pub challenges: usize,
    /// Assignments on the ledger.
    pub assignments: usize,
    /// Cases passed on because a doctor's attributes did not satisfy the record's policy.
    pub passed_on: usize,
    /// Opened, and the SHA-256 equals the input's.
    pub decrypted: usize,
    /// Opened, and it does not.
    pub unequal: usize,
    /// Closed because no doctor suits.
    pub unmatched: Vec<String>,
    /// What was attempted.
    pub refusals: Vec<Refusal>,
    /// Disputes of reports, and what the ledger showed.
    pub disputes: Vec<Settled>,
    /// Reports that patients opened and acknowledged.
    pub reports_opened: usize,
    /// Hospitals, and how many of them vote.
    pub hospitals: (usize, usize),
    /// The federation's prefilter, if it has one.
    pub prefilter: Option<Prefilter>,
    /// What was done to a validator, where one was killed.
    pub outage: Option<Outage>,
    /// What all nodes have at the end.
    pub ledger: Option<Agreement>,
    /// The same ledger, replayed from genesis.
    pub verified: Option<Replayed>,
    /// Seconds per step.
    pub seconds: BTreeMap<&'static str, f64>,
    /// Processor time of all services and devices in these steps, where the system tells.
    pub busy: Option<Duration>,
    /// Seconds for the records' RSA keys, made in parallel beforehand.
    pub rsa_seconds: f64,
    /// What must have succeeded and did not.
    pub failures: Vec<String>,
}

impl Summary {
    /// A patient's record was refused or lost on its way.
    pub fn not_registered(&mut self, label: &str, reason: &str) {
        self.failures
            .push(format!("patient {label} is not registered: {reason}"));
        self.skipped.push(Skipped {
            what: format!("patient {label}"),
            reason: reason.to_owned(),
        });
    }

    /// Adds what the numbers say.
    pub fn judge(&mut self) {
        let mut rule = |holds: bool, text: String| {
            if !holds {
                self.failures.push(text);
            }
        };
        let enough =
            self.decrypted.saturating_mul(100) >= self.registered.saturating_mul(MUST_OPEN_PERCENT);
        rule(self.registered > 0, "no record was registered".to_owned());
        rule(
            enough,
            format!(
                "{} of {} records opened; at least {MUST_OPEN_PERCENT} % must",
                self.decrypted, self.registered
            ),
        );
        rule(
            self.unequal == 0,
            format!("{} opened records differ from the input", self.unequal),
        );
        rule(
            self.reports_opened == self.decrypted,
            format!(
                "{} reports were opened for {} opened records",
                self.reports_opened, self.decrypted
            ),
        );
        rule(
            self.proofs.of_match >= self.assignments as u64,
            format!(
                "{} assignments rest on {} proofs of Match",
                self.assignments, self.proofs.of_match
            ),
        );
        rule(
            self.challenges > 0 && self.proofs.of_no_match >= self.challenges as u64,
            format!(
                "{} challenges were answered by {} proofs of no match",
                self.challenges, self.proofs.of_no_match
            ),
        );
        rule(
            self.proofs.decrypted >= self.reports_opened as u64,
            format!(
                "{} reports are acknowledged with {} proofs of having decrypted",
                self.reports_opened, self.proofs.decrypted
            ),
        );
        for dispute in self.disputes.iter().filter(|one| !one.holds) {
            rule(
                false,
                format!("not settled: {}: {}", dispute.disputed, dispute.shown),
            );
        }
        rule(
            self.ledger.is_some(),
            "the nodes were not compared at the end".to_owned(),
        );
        rule(
            self.verified.is_some(),
            "the ledger was not replayed at the end".to_owned(),
        );
        if let Some(outage) = self.outage.iter().find(|one| !one.holds()) {
            rule(false, format!("no absence: {}", outage.line()));
        }
        for refusal in self.refusals.iter().filter(|one| !one.refused) {
            rule(
                false,
                format!("not refused: {}: {}", refusal.attempted, refusal.reason),
            );
        }
    }

    /// As the command's answer.
    pub fn into_answer(self) -> Answer {
        let answer = Answer::new(self.text(), self.json());
        match self.failures.is_empty() {
            true => answer,
            false => answer.unsuccessful(),
        }
    }

    fn json(&self) -> Value {
        let ledger = self.ledger.as_ref();
        json!({
            "patients": { "read": self.read, "registered": self.registered, "skipped": self.skipped },
            "records": self.registered,
            "keywords": self.keywords,
            "doctors": self.doctors,
            "matches": self.matches,
            "compared": self.compared,
            "proofs": self.proofs,
            "challenges": self.challenges,
            "disputes": self.disputes,
            "assignments": self.assignments,
            "passed_on": self.passed_on,
            "decrypted": self.decrypted,
            "unmatched": self.unmatched,
            "refusals": self.refusals,
            "reports_opened": self.reports_opened,
            "hospitals": self.hospitals.0,
            "prefilter": self.prefilter.map(|one| one.bits),
            "ledger": {
                "height": ledger.map(|one| one.height), "state_root": ledger.map(|one| &one.state_root),
                "nodes": ledger.map(|one| one.nodes), "validators": self.hospitals.1,
                "verified": self.verified.as_ref().map(Replayed::json),
            },
            "outage": self.outage,
            "seconds": self.seconds,
            "rsa_seconds": self.rsa_seconds,
            "processor_seconds": self.busy.map(|busy| busy.as_secs_f64()),
            "failures": self.failures,
        })
    }

    /// The share of what the machine's processors could have computed in these seconds.
    fn computing(&self, total: f64) -> String {
        let processors = processors();
        self.busy.map_or("not known here".to_owned(), |busy| {
            let busy = busy.as_secs_f64();
            let share = 100.0 * busy / (total * processors as f64).max(f64::MIN_POSITIVE);
            format!("{busy:.1} s of {processors} processors ({share:.0} %)")
        })
    }

    fn text(&self) -> String {
        let total: f64 = self.seconds.values().sum();
        let row = |name: &str, value: String| [name.to_owned(), value];
        let refused = self.refusals.iter().filter(|one| one.refused).count();
        let (hospitals, voting) = self.hospitals;
        let (height, nodes, root) = match &self.ledger {
            Some(one) => (one.height, one.nodes, one.state_root.as_str()),
            None => (0, 0, "none"),
        };
        let verified = self.verified.as_ref();
        let rows = [
            row("patients read", self.read.to_string()),
            row("records registered", self.registered.to_string()),
            row("files or parts skipped", self.skipped.len().to_string()),
            row("keywords", self.keywords.to_string()),
            row("doctors", self.doctors.to_string()),
            row(
                "pairs compared, matches",
                format!("{}, {}", self.compared, self.matches),
            ),
            row(
                "proofs of Match verified on the ledger",
                self.proofs.of_match.to_string(),
            ),
            row(
                "silent hospitals challenged, proved no match",
                format!("{}, {}", self.challenges, self.proofs.of_no_match),
            ),
            row("assignments", self.assignments.to_string()),
            row("cases passed on by policy", self.passed_on.to_string()),
            row("opened, equal to the input", self.decrypted.to_string()),
            row("closed without a doctor", self.unmatched.len().to_string()),
            row(
                "reports opened by patients",
                self.reports_opened.to_string(),
            ),
            row(
                "proofs of having decrypted a report",
                self.proofs.decrypted.to_string(),
            ),
            row(
                "disputes settled on the ledger",
                self.proofs.disputes.to_string(),
            ),
            row(
                "misuse refused",
                format!("{refused} of {}", self.refusals.len()),
            ),
            row(
                "hospitals, of them voting",
                format!("{hospitals}, {voting}"),
            ),
            row("prefilter", shown(self.prefilter.as_ref())),
            row("ledger height", height.to_string()),
            row("nodes with this state root", format!("{nodes}: {root}")),
            row(
                "replayed from genesis",
                verified.map_or("no".to_owned(), Replayed::line),
            ),
            row("seconds, all steps", format!("{total:.1}")),
            row("of them computing, the rest waiting", self.computing(total)),
            row(
                "seconds, RSA keys before",
                format!("{:.1}", self.rsa_seconds),
            ),
        ];
        let mut text = format!("\n{}", table(["summary", ""], rows));
        if let Some(outage) = &self.outage {
            text.push_str(&format!("\n{}", outage.line()));
        }
        for skipped in &self.skipped {
            text.push_str(&format!("\nskipped: {}: {}", skipped.what, skipped.reason));
        }
        for failure in &self.failures {
            text.push_str(&format!("\nFAILED: {failure}"));
        }
        text
    }
}
