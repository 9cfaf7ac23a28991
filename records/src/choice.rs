//! The patient chooses what a record can be found by; nothing else is sent.
//!
//! The default, in three levels, each taken only if those before it are empty:
//! 1. the active conditions, not refuted or entered in error;
//! 2. all conditions not refuted or entered in error;
//! 3. other codings not refuted, entered in error, cancelled or not done.
//!
//! A level brings the broader keywords of its codes with it. An index has n places, and a broader
//! keyword takes one as any other, so they count towards n. If there are more than n, the order is:
//! codes before categories before blocks; then the kind of resource as in [`Source`](crate::Source);
//! then the latest first; then by the keyword's text. So a crowded record loses its blocks first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use thiserror::Error;

use crate::candidates::{Candidate, Candidates, Source, Standing};
use crate::coding::Keyword;

/// What the patient wants a record to be found by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// The default of this module.
    Default,
    /// Exactly these, and nothing derived from them.
    Exactly(Vec<Keyword>),
    /// These, and the ICD-10 categories and blocks that they lie in.
    WithBroader(Vec<Keyword>),
}

/// Why a choice cannot be followed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChoiceError {
    /// The record does not hold a chosen keyword.
    #[error("the record has no {keyword}: choose among its own keywords")]
    NotInRecord {
        /// The keyword.
        keyword: Keyword,
    },
    /// More than the federation's n were chosen.
    #[error("{chosen} keywords were chosen and an index holds {n}: choose fewer")]
    TooMany {
        /// How many were chosen.
        chosen: usize,
        /// How many an index holds.
        n: usize,
    },
}

/// The keywords to send: at most `n`, each one of `candidates`, none that `choice` does not cover.
///
/// # Errors
/// A keyword chosen by name is not in the record, or more than `n` are chosen by name. Broader ones
/// that no longer fit are left out silently: they only repeat what is chosen, less exactly.
pub fn choose(
    candidates: &Candidates,
    n: usize,
    choice: &Choice,
) -> Result<Vec<Keyword>, ChoiceError> {
    match choice {
        Choice::Default => Ok(by_default(candidates, n)),
        Choice::Exactly(wanted) => named(candidates, n, wanted),
        Choice::WithBroader(wanted) => {
            let mut chosen = named(candidates, n, wanted)?;
            let broader: BTreeSet<_> = chosen.iter().flat_map(Keyword::broader).collect();
            let mut extra: Vec<_> = broader
                .into_iter()
                .filter(|k| !chosen.contains(k))
                .collect();
            extra.sort_by_key(|keyword| (keyword.breadth(), keyword.clone()));
            chosen.extend(extra);
            chosen.truncate(n);
            Ok(chosen)
        }
    }
}

fn named(
    candidates: &Candidates,
    n: usize,
    wanted: &[Keyword],
) -> Result<Vec<Keyword>, ChoiceError> {
    let mut seen = BTreeSet::new();
    let chosen: Vec<_> = wanted
        .iter()
        .filter(|keyword| seen.insert(*keyword))
        .cloned()
        .collect();
    if let Some(keyword) = chosen
        .iter()
        .find(|keyword| candidates.get(keyword).is_none())
    {
        return Err(ChoiceError::NotInRecord {
            keyword: keyword.clone(),
        });
    }
    if chosen.len() > n {
        return Err(ChoiceError::TooMany {
            chosen: chosen.len(),
            n,
        });
    }
    Ok(chosen)
}

/// What makes a coding belong to a level.
type Level = fn(Source, Standing) -> bool;

const LEVELS: [Level; 3] = [
    |source, standing| source == Source::Condition && standing == Standing::Active,
    |source, standing| source == Source::Condition && standing != Standing::Refuted,
    |source, standing| source != Source::Condition && standing != Standing::Refuted,
];

fn by_default(candidates: &Candidates, n: usize) -> Vec<Keyword> {
    let mut chosen: Vec<&Candidate> = LEVELS
        .iter()
        .map(|level| {
            candidates
                .iter()
                .filter(|c| c.has(level))
                .collect::<Vec<_>>()
        })
        .find(|found| !found.is_empty())
        .unwrap_or_default();
    chosen.sort_by_key(|candidate| {
        let keyword = candidate.keyword();
        (
            keyword.breadth(),
            candidate.best_source(),
            Reverse(candidate.latest()),
            keyword,
        )
    });
    chosen
        .into_iter()
        .take(n)
        .map(|candidate| candidate.keyword().clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::Found;
    use proptest::prelude::*;

    fn found(source: Source, standing: Standing, code: &str, date: &str) -> Found {
        Found {
            system: "icd-10-cm".into(),
            code: code.into(),
            display: Some("for humans".into()),
            source,
            standing,
            date: Some(date.into()),
        }
    }

    fn candidates(found: impl IntoIterator<Item = Found>) -> Candidates {
        let mut candidates = Candidates::default();
        found.into_iter().for_each(|f| candidates.add(f));
        candidates
    }

    fn codes(candidates: &Candidates, n: usize) -> Vec<String> {
        let chosen = choose(candidates, n, &Choice::Default).unwrap();
        chosen.iter().map(|k| k.code().to_owned()).collect()
    }

    use Source::{Condition, Observation, Procedure};
    use Standing::{Active, Recorded, Refuted};

    #[test]
    fn active_conditions_come_alone_with_their_broader_ones() {
        let all = candidates([
            found(Condition, Active, "E11.9", "2020"),
            found(Condition, Recorded, "J45.2", "2024"),
            found(Condition, Refuted, "C50.1", "2024"),
            found(Procedure, Recorded, "Z51.1", "2024"),
        ]);
        assert_eq!(codes(&all, 32), ["E11.9", "E11", "E10-E14"]);
    }

    #[test]
    fn without_active_ones_all_that_are_not_refuted() {
        let all = candidates([
            found(Condition, Recorded, "J45.2", "2024"),
            found(Condition, Refuted, "C50.1", "2024"),
            found(Procedure, Recorded, "Z51.1", "2024"),
        ]);
        assert_eq!(codes(&all, 32), ["J45.2", "J45", "J40-J47"]);
    }

    #[test]
    fn without_conditions_other_codings_and_never_refuted_ones() {
        let all = candidates([
            found(Condition, Refuted, "C50.1", "2024"),
            found(Observation, Recorded, "R50.9", "2024"),
            found(Procedure, Recorded, "Z51.1", "2020"),
            found(Procedure, Refuted, "Z52.1", "2024"),
        ]);
        assert_eq!(
            codes(&all, 2),
            ["Z51.1", "R50.9"],
            "procedures before observations"
        );
        assert_eq!(
            codes(&candidates([found(Condition, Refuted, "C50.1", "2024")]), 9),
            [""; 0]
        );
    }

    #[test]
    fn when_crowded_codes_and_the_latest_are_kept() {
        let all = candidates([
            found(Condition, Active, "E11.9", "2020-01-02"),
            found(Condition, Active, "J45.2", "2024"),
            found(Condition, Active, "I10.1", "2021-05-01"),
        ]);
        assert_eq!(codes(&all, 4), ["J45.2", "I10.1", "E11.9", "J45"]);
        assert_eq!(codes(&all, 0), [""; 0]);
    }

    #[test]
    fn a_named_choice_sends_nothing_else() {
        let all = candidates([
            found(Condition, Active, "E11.9", "2020"),
            found(Condition, Active, "F32.1", "2020"),
        ]);
        let wanted: Keyword = "icd-10-cm|E11.9".parse().unwrap();
        let exactly = Choice::Exactly(vec![wanted.clone(), wanted.clone()]);
        assert_eq!(choose(&all, 32, &exactly), Ok(vec![wanted.clone()]));
        assert_eq!(choose(&all, 32, &Choice::Exactly(vec![])), Ok(vec![]));
        let with = choose(&all, 32, &Choice::WithBroader(vec![wanted.clone()])).unwrap();
        assert_eq!(
            with.iter().map(Keyword::code).collect::<Vec<_>>(),
            ["E11.9", "E11", "E10-E14"]
        );
        assert_eq!(
            choose(&all, 2, &Choice::WithBroader(vec![wanted]))
                .unwrap()
                .len(),
            2
        );
    }

    #[test]
    fn foreign_and_too_many_keywords_are_refused() {
        let all = candidates([
            found(Condition, Active, "E11.9", "2020"),
            found(Condition, Active, "F32.1", "2020"),
        ]);
        let foreign: Keyword = "icd-10-cm|C50.1".parse().unwrap();
        let refused = choose(&all, 32, &Choice::Exactly(vec![foreign.clone()]));
        assert_eq!(refused, Err(ChoiceError::NotInRecord { keyword: foreign }));
        let two = ["icd-10-cm|E11.9", "icd-10-cm|F32.1"]
            .map(|k| k.parse().unwrap())
            .to_vec();
        let refused = choose(&all, 1, &Choice::Exactly(two));
        assert_eq!(refused, Err(ChoiceError::TooMany { chosen: 2, n: 1 }));
    }

    proptest! {
        #[test]
        fn the_default_sends_at_most_n_of_the_record_and_nothing_refuted(
            rows in proptest::collection::vec((0..3u8, 0..3u8, "[A-Z][0-9]{2}\\.[0-9]", "20[0-9]{2}"), 0..40),
            n in 0..12usize,
        ) {
            let all = candidates(rows.iter().map(|(source, standing, code, date)| {
                let source = [Condition, Procedure, Observation][usize::from(*source)];
                found(source, [Active, Recorded, Refuted][usize::from(*standing)], code, date)
            }));
            let chosen = choose(&all, n, &Choice::Default).unwrap();
            prop_assert!(chosen.len() <= n);
            prop_assert_eq!(&chosen, &choose(&all, n, &Choice::Default).unwrap());
            for keyword in &chosen {
                let candidate = all.get(keyword).expect("chosen from the record");
                prop_assert!(candidate.origins().any(|(_, standing)| standing != Refuted));
            }
        }
    }
}
