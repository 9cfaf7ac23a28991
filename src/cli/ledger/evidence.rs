//! `consilium ledger evidence`: what a service shows against validators, verified here.

use consilium_client::api::ledger::EvidenceView;
use consilium_contracts::FederationId;
use consilium_ledger::{Equivocation, Evidence};
use serde_json::json;

use super::at::LedgerArgs;
use crate::cli::answer::{Answer, Outcome};
use crate::cli::listing::table;

/// Shows each piece and whether its signatures prove it.
pub async fn run(at: &LedgerArgs) -> Outcome {
    let federation = at.genesis().await?.federation();
    let list = at.principal()?.evidence().await?;
    let checked: Vec<_> = list
        .evidence
        .iter()
        .map(|one| (one, proven(one, &federation)))
        .collect();
    let rows = checked.iter().map(|(one, proven)| row(one, proven));
    let heading = ["height", "round", "validator", "signed two", "proven"];
    let mut text = table(heading, rows);
    if list.total > list.evidence.len() as u64 {
        text += &format!("\nthe last {} of {}", list.evidence.len(), list.total);
    }
    let json = checked
        .iter()
        .map(|(one, proven)| json!({ "evidence": one, "proven": proven.is_ok() }));
    let json = json!({ "total": list.total, "pieces": json.collect::<Vec<_>>() });
    let answer = Answer::new(text, json);
    Ok(match checked.iter().all(|(_, proven)| proven.is_ok()) {
        true => answer,
        false => answer.unsuccessful(),
    })
}

/// What the two signed statements prove; or why not what the service says.
fn proven(view: &EvidenceView, federation: &FederationId) -> Result<Equivocation, String> {
    let evidence = Evidence::from_bytes(view.evidence.as_bytes());
    let evidence = evidence.map_err(|error| error.to_string())?;
    let proven = evidence.verify(federation);
    let proven = proven.map_err(|error| error.to_string())?;
    let same = proven.validator().as_bytes() == view.validator.as_bytes()
        && proven.height().value() == view.height
        && proven.round().value() == view.round
        && proven.kind().to_string() == view.kind;
    match same {
        true => Ok(proven),
        false => Err("the statements prove something else".to_owned()),
    }
}

fn row(view: &EvidenceView, proven: &Result<Equivocation, String>) -> [String; 5] {
    let hospital = view.hospital.as_ref().map(ToString::to_string);
    [
        view.height.to_string(),
        view.round.to_string(),
        hospital.unwrap_or_else(|| view.validator.to_string()),
        format!("{}s", view.kind),
        match proven {
            Ok(_) => "yes, by both signatures".to_owned(),
            Err(why) => format!("NO: {why}"),
        },
    ]
}

#[cfg(test)]
mod tests {
    use consilium_contracts::{Height, SigningKey};
    use consilium_ledger::{
        Ballot, BlockHash, ConsensusStatement, Round, SignedStatement, ValidatorAddress,
    };

    use super::*;

    /// As a service shows two prevotes of a validator at height 9, the second signed by `second`.
    fn shown(federation: &FederationId, second: &SigningKey) -> EvidenceView {
        let liar = SigningKey::from_bytes(&[1; 32]);
        let prevote = |block: u8, key: &SigningKey| {
            let statement = ConsensusStatement::Prevote(Ballot {
                height: Height::new(9),
                round: Round::new(0),
                block: Some(BlockHash::from_bytes([block; 32])),
                voter: ValidatorAddress::of(&liar.verifying_key()),
            });
            let signature = statement.sign(federation, key);
            SignedStatement {
                statement,
                signature,
            }
        };
        EvidenceView {
            validator: liar.verifying_key().into(),
            hospital: None,
            height: 9,
            round: 0,
            kind: "prevote".to_owned(),
            blocks: [None, None],
            evidence: Evidence::new(prevote(1, &liar), prevote(2, second))
                .to_bytes()
                .into(),
        }
    }

    #[test]
    fn evidence_is_proven_by_both_signatures_or_not_at_all() {
        let federation = FederationId::from_bytes([5; 32]);
        let honest = shown(&federation, &SigningKey::from_bytes(&[1; 32]));
        assert!(proven(&honest, &federation).is_ok());
        let forged = shown(&federation, &SigningKey::from_bytes(&[2; 32]));
        assert!(proven(&forged, &federation).is_err());
        assert!(proven(&honest, &FederationId::from_bytes([6; 32])).is_err());
        let another = SigningKey::from_bytes(&[2; 32]).verifying_key();
        for lie in [
            EvidenceView {
                validator: another.into(),
                ..honest.clone()
            },
            EvidenceView {
                height: 8,
                ..honest.clone()
            },
        ] {
            assert!(proven(&lie, &federation).is_err());
        }
    }
}
