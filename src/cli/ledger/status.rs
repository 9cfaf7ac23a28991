//! `consilium ledger status`.

use consilium_client::api::challenges::ConductView;
use consilium_client::api::ledger::{
    LedgerStatus, PoolStatus, PrefilterView, SyncState, ValidatorStatus,
};
use consilium_client::wire::word;
use consilium_contracts::Prefilter;
use serde_json::json;

use super::measure::{bytes, count, span};
use crate::cli::answer::Answer;
use crate::cli::genesis::keywords;
use crate::cli::listing::table;

/// The status of a service's node, for people and programs.
pub fn shown(status: &LedgerStatus) -> Answer {
    let lines = [
        ("federation", status.federation.to_string()),
        ("height", height(status)),
        ("block", status.hash.to_string()),
        ("state root", word(&status.state_root)),
        ("kept", kept(status)),
        ("peers", status.peers.to_string()),
        ("pool", pool(&status.pool)),
        ("evidence", evidence(status.evidence)),
        ("keywords", keywords(status.keywords)),
    ];
    let abstains = status.abstains.iter();
    let lines: Vec<String> = lines
        .into_iter()
        .chain(status.prefilter.map(|one| ("prefilter", prefilter(one))))
        .chain(abstains.map(|why| ("NO VOTE", why.clone())))
        .map(|(name, value)| format!("{name:10}  {value}"))
        .collect();
    let rows = status.validators.iter().map(|one| {
        [
            one.hospital.to_string(),
            last_vote(one, status),
            one.key.to_string(),
        ]
    });
    let validators = table(["validator", "last vote", "key"], rows);
    let challenges = match status.challenges.as_slice() {
        [] => String::new(),
        challenged => format!("\n\n{}", conducts(challenged)),
    };
    let text = format!("{}\n\n{validators}{challenges}", lines.join("\n"));
    Answer::new(text, json!(status))
}

/// Who answers challenges, and who does not.
fn conducts(challenged: &[ConductView]) -> String {
    let heading = [
        "challenged",
        "open",
        "match",
        "no match",
        "contradicted",
        "overdue",
    ];
    let rows = challenged.iter().map(|one| {
        let bad = |count: u64| match count {
            0 => "0".to_owned(),
            count => format!("{count} (!)"),
        };
        [
            one.hospital.to_string(),
            one.open.to_string(),
            one.matched.to_string(),
            one.unmatched.to_string(),
            bad(one.contradicted),
            bad(one.overdue),
        ]
    });
    table(heading, rows)
}

fn height(status: &LedgerStatus) -> String {
    let (age, most) = (span(status.tip_age_ms), span(status.max_tip_age_ms));
    let old = match status.tip_age_ms > status.max_tip_age_ms {
        true => format!("{age} old, more than the {most} at which services refuse"),
        false => format!("{age} old (at most {most})"),
    };
    let sync = match (status.sync, &status.failure) {
        (SyncState::Halted, Some(failure)) => format!("HALTED: {failure}"),
        (sync, _) => word(&sync),
    };
    format!("{}, {old}, {sync}", status.height)
}

fn kept(status: &LedgerStatus) -> String {
    match status.oldest_block {
        0 | 1 => "every block".to_owned(),
        oldest => format!("blocks from {oldest} on"),
    }
}

fn pool(pool: &PoolStatus) -> String {
    format!(
        "{} of {} transactions, {} of {}",
        pool.transactions,
        pool.max_transactions,
        bytes(pool.bytes),
        bytes(pool.max_bytes)
    )
}

fn prefilter(setting: PrefilterView) -> String {
    let PrefilterView { bits, weight } = setting;
    crate::cli::prefilter::shown(Some(&Prefilter { bits, weight }))
}

fn evidence(pieces: u64) -> String {
    match pieces {
        0 => "none".to_owned(),
        pieces => format!("{} (consilium ledger evidence)", count(pieces, "piece")),
    }
}

fn last_vote(validator: &ValidatorStatus, status: &LedgerStatus) -> String {
    let Some(last) = validator.last_vote else {
        return format!("none since block {}", status.votes_since);
    };
    match status.height.saturating_sub(last) {
        0 => format!("block {last}, the last"),
        ago => format!("block {last}, {} ago", count(ago, "block")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> LedgerStatus {
        let key = consilium_contracts::SigningKey::from_bytes(&[7; 32]).verifying_key();
        let validator = |hospital: &str, last_vote| json!({ "hospital": hospital, "key": key.to_string(), "last_vote": last_vote });
        let status = json!({
            "federation": "00".repeat(32), "height": 42, "hash": "11".repeat(32), "oldest_block": 1, "snapshot": null,
            "state_root": "22", "tip_time_ms": 0, "tip_age_ms": 3000, "max_tip_age_ms": 60_000, "heartbeat_ms": 10_000,
            "validators": [validator("a", Some(42)), validator("b", Some(40)), validator("c", None::<u64>)],
            "votes_since": 7, "peers": 3,
            "pool": { "transactions": 2, "bytes": 500, "max_transactions": 10_000, "max_bytes": 64 << 20 },
            "evidence": 0, "sync": "following", "abstains": null, "failure": null, "challenges": [], "keywords": 16,
        });
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn a_status_says_who_voted_when_and_what_waits() {
        let text = shown(&status()).rendered(false);
        for words in [
            "42, 3 s old (at most 60 s), following",
            "every block",
            "2 of 10000 transactions, 500 bytes of 64 MiB",
            "block 42, the last",
            "block 40, 2 blocks ago",
            "none since block 7",
            "keywords    at most 16 in a record",
        ] {
            assert!(text.contains(words), "{words}:\n{text}");
        }
    }

    #[test]
    fn a_prefilter_is_named_with_what_it_tells_hospitals() {
        assert!(!shown(&status()).rendered(false).contains("prefilter"));
        let (bits, weight) = (512, 64);
        let filtered = LedgerStatus {
            prefilter: Some(PrefilterView { bits, weight }),
            ..status()
        };
        let text = shown(&filtered).rendered(false);
        let line = "prefilter   512 bits, 64 of them set: hospitals learn keyword buckets";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn who_does_not_answer_a_challenge_stands_out() {
        assert!(!shown(&status()).rendered(false).contains("overdue"));
        let south = ConductView {
            hospital: consilium_client::wire::Text("south".parse().unwrap()),
            open: 0,
            matched: 1,
            unmatched: 2,
            contradicted: 0,
            overdue: 3,
        };
        let challenged = LedgerStatus {
            challenges: vec![south],
            ..status()
        };
        let text = shown(&challenged).rendered(false);
        assert!(
            text.contains("south       0     1      2         0             3 (!)"),
            "{text}"
        );
    }

    #[test]
    fn a_halted_node_an_old_tip_and_evidence_stand_out() {
        let halted = LedgerStatus {
            sync: SyncState::Halted,
            failure: Some("the disk is full".to_owned()),
            abstains: Some("its log is lost".to_owned()),
            tip_age_ms: 200_000,
            evidence: 2,
            oldest_block: 30,
            ..status()
        };
        let text = shown(&halted).rendered(false);
        for words in [
            "HALTED: the disk is full",
            "NO VOTE     its log is lost",
            "3 min old, more than the 60 s",
            "2 pieces (consilium ledger evidence)",
            "blocks from 30 on",
        ] {
            assert!(text.contains(words), "{words}:\n{text}");
        }
    }
}
