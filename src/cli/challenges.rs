//! What was compared for a record, and challenges to prove it: the same words for the owner's operator and for the patient.

use consilium_client::GatewayClient;
use consilium_client::api::challenges::{ChallengeState, ChallengeView, PairList, PairView};
use consilium_client::api::ledger::TransactionReceipt;
use consilium_contracts::RecordId;
use serde_json::json;

use super::answer::{Answer, Outcome};
use super::ledger::moment;
use super::listing;

/// Lists the doctors whose hospital had to compare their interests with a record.
pub async fn pairs(gateway: &GatewayClient, record: &RecordId) -> Outcome {
    let list = gateway.pairs(record).await?;
    Ok(Answer::new(table(&list), json!(list)))
}

fn table(list: &PairList) -> String {
    let rows = list.pairs.iter().map(|pair| {
        [
            pair.doctor.to_string(),
            pair.hospital.to_string(),
            pair.interests
                .map_or(String::new(), |count| count.to_string()),
            said(pair),
            pair.challenge.as_ref().map_or(String::new(), challenged),
        ]
    });
    let heading = ["doctor", "hospital", "interests", "said", "challenge"];
    listing::table(heading, rows)
}

fn said(pair: &PairView) -> String {
    match pair.matched_height {
        Some(height) => format!("match, proven at {height}"),
        None => "nothing".to_owned(),
    }
}

fn challenged(challenge: &ChallengeView) -> String {
    match challenge.status {
        ChallengeState::Open => format!("open until {}", moment(challenge.until_ms)),
        ChallengeState::Match => "proved a match".to_owned(),
        ChallengeState::NoMatch => "proved no match".to_owned(),
        ChallengeState::Contradicted => "CONTRADICTED: had hidden a match".to_owned(),
        ChallengeState::Overdue => "OVERDUE: no answer".to_owned(),
    }
}

/// A challenge stands on the ledger.
pub fn posted(receipt: &TransactionReceipt) -> Answer {
    let text = format!(
        "Challenged at height {}. The hospital's gateway answers by itself; the command pairs shows what it proved.",
        receipt.height
    );
    Answer::new(text, json!(receipt))
}

#[cfg(test)]
mod tests {
    use consilium_client::api::challenges::ChallengerView;
    use consilium_client::wire::Text;
    use consilium_contracts::DoctorId;

    use super::*;

    #[test]
    fn silence_matches_and_what_challenges_showed_are_told_apart() {
        let pair = |number: u8, matched_height, status: Option<ChallengeState>| PairView {
            doctor: Text(DoctorId::from_bytes([number; 32])),
            hospital: Text("south".parse().unwrap()),
            interests: Some(2),
            matched_height,
            challenge: status.map(|status| ChallengeView {
                by: ChallengerView::Patient,
                height: 7,
                until_ms: 0,
                status,
            }),
        };
        let pairs = vec![
            pair(1, Some(5), None),
            pair(2, None, Some(ChallengeState::NoMatch)),
            pair(3, None, Some(ChallengeState::Overdue)),
            pair(4, None, Some(ChallengeState::Open)),
        ];
        let text = table(&PairList { height: 9, pairs });
        for words in [
            "south     2          match, proven at 5",
            "nothing             proved no match",
            "nothing             OVERDUE: no answer",
            "open until 1970-01-01 00:00:00 UTC",
        ] {
            assert!(text.contains(words), "{words}:\n{text}");
        }
    }
}
