//! Who takes part: doctors whose interests cover the records, and the patients' policies.

use std::collections::{BTreeMap, BTreeSet};

use consilium_contracts::HospitalId;
use consilium_records::Keyword;

/// The fewest doctors that are looking for patients; no hospital is without one.
const MIN_DOCTORS: usize = 8;
/// The most.
const MAX_DOCTORS: usize = 24;
/// The share of records that some doctor should look for, in percent.
const WANTED_PERCENT: usize = 97;

/// The policies that patients choose among: k of n, a comparison, and hospitals are among them.
pub fn policies(hospitals: &[HospitalId]) -> Vec<String> {
    let (first, others) = match hospitals.split_first() {
        Some((first, others)) => (vec![first], others),
        None => (Vec::new(), hospitals),
    };
    let named = |ids: &[&HospitalId]| {
        let names = ids.iter().map(|id| format!("hospital:{id}"));
        names.collect::<Vec<_>>().join(" or ")
    };
    let others: Vec<_> = others.iter().collect();
    let roles = "role:internist or role:cardiologist";
    vec![
        roles.to_owned(),
        "2 of (icu, er, surgery)".to_owned(),
        format!("({roles}) and clearance >= 3"),
        format!(
            "{} or (({}) and clearance >= 2)",
            named(&first),
            named(&others)
        ),
    ]
}

/// What hospitals say about their doctors; each satisfies every one of [`policies`], each in another way.
const ATTRIBUTES: [&str; 8] = [
    "role:internist, icu, er, clearance=4",
    "role:cardiologist, icu, surgery, clearance=3",
    "role:internist, er, surgery, clearance=5",
    "role:cardiologist, icu, er, surgery, clearance=3",
    "role:cardiologist, er, surgery, clearance=4",
    "role:internist, icu, surgery, clearance=7",
    "role:internist, role:cardiologist, icu, er, clearance=3",
    "role:internist, icu, er, surgery, clearance=6",
];

/// What hospitals say about doctors with two interests. Theirs are the most interests, so a record goes to them first; no
/// policy but that of the first hospital lets them read, and what they may not read passes on.
const SPECIALIST: &str = "role:surgeon, surgery, clearance=1";

/// A policy that none of the demo's doctors satisfies.
pub const UNSATISFIED: &str = "role:geneticist and clearance >= 9";

/// A doctor who looks for patients.
#[derive(Debug, Clone)]
pub struct Role {
    /// Which hospital, by number.
    pub hospital: usize,
    /// What the hospital says about him.
    pub attributes: &'static str,
    /// What he is interested in: a record must have all of it.
    pub interests: Vec<Keyword>,
}

/// Doctors whose interests are drawn from the records' keyword frequencies: each next one takes the keyword that most records
/// still without a doctor have; those beyond take the most frequent pairs, and so go before the others.
pub fn doctors(records: &[Vec<Keyword>], hospitals: usize) -> Vec<Role> {
    let least = MIN_DOCTORS.max(hospitals);
    let covering = covering(records, least);
    let wanted = least.saturating_sub(covering.len());
    let pairs = frequent_pairs(records, wanted.max(2));
    let general = covering.into_iter().zip(ATTRIBUTES.into_iter().cycle());
    let specialists = pairs.into_iter().map(|interests| (interests, SPECIALIST));
    let numbered = general.chain(specialists).enumerate();
    let roles = numbered.map(|(number, (interests, attributes))| Role {
        hospital: number.checked_rem(hospitals).unwrap_or(0),
        attributes,
        interests,
    });
    roles.collect()
}

fn covering(records: &[Vec<Keyword>], least: usize) -> Vec<Vec<Keyword>> {
    let with_keywords = records
        .iter()
        .filter(|keywords| !keywords.is_empty())
        .count();
    let mut open: Vec<&Vec<Keyword>> = records.iter().filter(|one| !one.is_empty()).collect();
    let left = with_keywords.saturating_mul(100_usize.saturating_sub(WANTED_PERCENT)) / 100;
    let mut chosen = Vec::new();
    while chosen.len() < MAX_DOCTORS && (open.len() > left || chosen.len() < least) {
        let counted = count(open.iter().flat_map(|keywords| keywords.iter()));
        let Some(best) = most(counted) else { break };
        open.retain(|keywords| !keywords.contains(&best));
        chosen.push(vec![best]);
    }
    chosen
}

fn frequent_pairs(records: &[Vec<Keyword>], wanted: usize) -> Vec<Vec<Keyword>> {
    let mut counted: BTreeMap<(&Keyword, &Keyword), usize> = BTreeMap::new();
    for keywords in records {
        let sorted: BTreeSet<&Keyword> = keywords.iter().collect();
        for first in &sorted {
            for second in sorted.iter().filter(|second| *second > first) {
                let times = counted.entry((first, second)).or_default();
                *times = times.saturating_add(1);
            }
        }
    }
    let mut pairs: Vec<_> = counted.into_iter().collect();
    pairs.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let pairs = pairs
        .into_iter()
        .map(|((first, second), _)| vec![first.clone(), second.clone()]);
    let mut pairs: Vec<_> = pairs.take(wanted).collect();
    // Records with one keyword each have no pairs: further doctors share the most frequent interest.
    let frequent = most(count(records.iter().flatten()));
    while pairs.len() < wanted
        && let Some(keyword) = &frequent
    {
        pairs.push(vec![keyword.clone()]);
    }
    pairs
}

fn count<'a>(keywords: impl Iterator<Item = &'a Keyword>) -> BTreeMap<&'a Keyword, usize> {
    let mut counted: BTreeMap<&Keyword, usize> = BTreeMap::new();
    for keyword in keywords {
        let times = counted.entry(keyword).or_default();
        *times = times.saturating_add(1);
    }
    counted
}

fn most(counted: BTreeMap<&Keyword, usize>) -> Option<Keyword> {
    // The first in order among equals, so that equal records make equal doctors.
    let best = counted.into_iter().rev().max_by_key(|(_, times)| *times);
    best.map(|(keyword, _)| keyword.clone())
}

#[cfg(test)]
mod tests {
    use consilium_policies::{AttributeSet, Policy};

    use super::*;
    use crate::loopback::Hospitals;

    fn keywords(codes: &[&str]) -> Vec<Keyword> {
        codes
            .iter()
            .map(|code| Keyword::new("urn:x", code).unwrap())
            .collect()
    }

    fn ids(count: u8) -> Vec<HospitalId> {
        let hospitals = Hospitals::try_from(count).unwrap();
        hospitals
            .named()
            .map(|one| one.id.parse().unwrap())
            .collect()
    }

    #[test]
    fn every_doctor_of_every_hospital_satisfies_every_usual_policy_and_none_the_last() {
        for hospitals in [2, 4, 16].map(ids) {
            for (attributes, own) in ATTRIBUTES.iter().zip(hospitals.iter().cycle()) {
                let set = format!("{attributes}, hospital:{own}");
                let set: AttributeSet = set.parse().unwrap();
                for policy in policies(&hospitals) {
                    let policy: Policy = policy.parse().unwrap();
                    assert!(policy.is_satisfied_by(&set), "{policy} by {set}");
                }
                let never: Policy = UNSATISFIED.parse().unwrap();
                assert!(!never.is_satisfied_by(&set));
            }
        }
    }

    #[test]
    fn no_hospital_is_without_a_doctor() {
        let records = vec![keywords(&["A", "B"]), keywords(&["A"])];
        for hospitals in 2..=16 {
            let at: BTreeSet<_> = doctors(&records, hospitals)
                .iter()
                .map(|doctor| doctor.hospital)
                .collect();
            assert_eq!(at.len(), hospitals);
        }
    }

    #[test]
    fn doctors_look_for_nearly_every_record_and_are_at_least_eight() {
        let records: Vec<_> = (0..40_u32)
            .map(|number| keywords(&[&format!("A{}", number % 5), &format!("B{}", number % 9)]))
            .collect();
        let doctors = doctors(&records, 2);
        assert!(doctors.len() >= MIN_DOCTORS);
        let found = records.iter().filter(|record| {
            doctors
                .iter()
                .any(|doctor| doctor.interests.iter().all(|one| record.contains(one)))
        });
        assert_eq!(found.count(), records.len());
        assert!(doctors.iter().any(|doctor| doctor.interests.len() == 2));
    }

    #[test]
    fn records_of_one_keyword_each_have_doctors_too() {
        let records = vec![keywords(&["A"]); 3];
        assert!(doctors(&records, 2).len() >= MIN_DOCTORS);
    }
}
