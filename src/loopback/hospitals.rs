//! How many hospitals there are, what they are called, and which of them vote.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Ids and names of the first; those beyond have numbers.
const NAMED: [(&str, &str); 8] = [
    ("st-mary", "St. Mary's Hospital"),
    ("city-clinic", "City Clinic"),
    ("university", "University Hospital"),
    ("lakeside", "Lakeside Hospital"),
    ("st-luke", "St. Luke's Hospital"),
    ("north-hill", "North Hill Infirmary"),
    ("riverside", "Riverside Clinic"),
    ("county", "County Hospital"),
];
const LEAST: u8 = 2;
const MOST: u8 = 16;
/// With fewer validators a ledger stops with the first that fails: 3f + 1 of them survive f.
const ENOUGH_TO_VOTE: u8 = 4;

/// The number of hospitals on this machine, 2 to 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Hospitals(u8);

/// A number of hospitals that is none here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there can be {} to {} hospitals on one machine", LEAST, MOST)]
pub struct NotSoMany;

/// A hospital's id and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// As it stands in policies after `hospital:`; its folder's name.
    pub id: String,
    /// For people.
    pub name: String,
}

impl Hospitals {
    /// Each of them, in order.
    pub fn named(self) -> impl Iterator<Item = Named> {
        (0..usize::from(self.0)).map(|place| match NAMED.get(place) {
            Some((id, name)) => Named {
                id: (*id).to_owned(),
                name: (*name).to_owned(),
            },
            None => {
                let number = place.saturating_add(1);
                Named {
                    id: format!("hospital-{number}"),
                    name: format!("Hospital {number}"),
                }
            }
        })
    }

    /// How many.
    pub fn count(self) -> usize {
        self.0.into()
    }

    /// Whether all of them vote; else the first alone does.
    pub fn all_vote(self) -> bool {
        self.0 >= ENOUGH_TO_VOTE
    }

    /// How many of them vote: the first ones.
    pub fn voters(self) -> usize {
        match self.all_vote() {
            true => self.count(),
            false => 1,
        }
    }
}

impl Default for Hospitals {
    fn default() -> Self {
        Self(LEAST)
    }
}

impl TryFrom<u8> for Hospitals {
    type Error = NotSoMany;

    fn try_from(count: u8) -> Result<Self, NotSoMany> {
        match (LEAST..=MOST).contains(&count) {
            true => Ok(Self(count)),
            false => Err(NotSoMany),
        }
    }
}

impl From<Hospitals> for u8 {
    fn from(hospitals: Hospitals) -> Self {
        hospitals.0
    }
}

impl FromStr for Hospitals {
    type Err = NotSoMany;

    fn from_str(text: &str) -> Result<Self, NotSoMany> {
        let count: u8 = text.parse().map_err(|_| NotSoMany)?;
        count.try_into()
    }
}

impl fmt::Display for Hospitals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use consilium_contracts::HospitalId;

    use super::*;

    #[test]
    fn there_are_2_to_16_each_with_an_id_and_name_of_its_own() {
        for count in LEAST..=MOST {
            let hospitals: Hospitals = count.to_string().parse().unwrap();
            let named: Vec<_> = hospitals.named().collect();
            let ids: BTreeSet<_> = named.iter().map(|one| &one.id).collect();
            let names: BTreeSet<_> = named.iter().map(|one| &one.name).collect();
            let count = usize::from(count);
            assert_eq!((named.len(), ids.len(), names.len()), (count, count, count));
            assert!(named.iter().all(|one| one.id.parse::<HospitalId>().is_ok()));
        }
        for wrong in ["0", "1", "17", "300", "-4", "four", ""] {
            assert_eq!(wrong.parse::<Hospitals>(), Err(NotSoMany), "{wrong}");
        }
    }

    #[test]
    fn four_vote_and_of_three_the_first_alone() {
        let voters = |count: u8| Hospitals::try_from(count).unwrap().voters();
        assert_eq!([2, 3, 4, 16].map(voters), [1, 1, 4, 16]);
    }
}
