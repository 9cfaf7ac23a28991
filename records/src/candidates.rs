//! What a record could be found by: every coding it holds, with what is said about it.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use crate::coding::{Breadth, Keyword};

/// Where a coding was found, in the order in which other codings are preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A FHIR Condition.
    Condition,
    /// A FHIR AllergyIntolerance.
    AllergyIntolerance,
    /// A FHIR Procedure.
    Procedure,
    /// A FHIR MedicationRequest.
    MedicationRequest,
    /// A FHIR ImagingStudy.
    ImagingStudy,
    /// The header of a DICOM file.
    Dicom,
    /// A FHIR Observation.
    Observation,
}

/// What the record says about a coding, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// A condition that is active, recurring or relapsed.
    Active,
    /// Anything else that is neither refuted nor entered in error: resolved, or silent about it.
    Recorded,
    /// Refuted, entered in error, cancelled or not done.
    Refuted,
}

/// One keyword that a patient may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    keyword: Keyword,
    display: Option<String>,
    origins: BTreeSet<(Source, Standing)>,
    latest: Option<String>,
}

impl Candidate {
    /// The keyword.
    #[must_use]
    pub fn keyword(&self) -> &Keyword {
        &self.keyword
    }

    /// A name for human eyes, as the record gives it. It is never sent.
    #[must_use]
    pub fn display(&self) -> Option<&str> {
        self.display.as_deref()
    }

    /// Where it was found and what was said there, best first.
    pub fn origins(&self) -> impl Iterator<Item = (Source, Standing)> {
        self.origins.iter().copied()
    }

    /// The latest day on which the record says it, as FHIR writes dates (`2024-03-01`, `2024`).
    #[must_use]
    pub fn latest(&self) -> Option<&str> {
        self.latest.as_deref()
    }

    pub(crate) fn has(&self, wanted: impl Fn(Source, Standing) -> bool) -> bool {
        self.origins
            .iter()
            .any(|(source, standing)| wanted(*source, *standing))
    }

    pub(crate) fn best_source(&self) -> Option<Source> {
        self.origins.iter().map(|(source, _)| *source).min()
    }
}

/// A coding as it stands in a record.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) system: String,
    pub(crate) code: String,
    pub(crate) display: Option<String>,
    pub(crate) source: Source,
    pub(crate) standing: Standing,
    pub(crate) date: Option<String>,
}

/// Every keyword of a record once, with the broader ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    by_keyword: BTreeMap<Keyword, Candidate>,
    unusable: usize,
}

impl Candidates {
    /// Adds a coding and what is broader than it. One that makes no keyword is counted, not kept.
    pub(crate) fn add(&mut self, found: Found) {
        let Ok(keyword) = Keyword::new(&found.system, &found.code) else {
            self.unusable = self.unusable.saturating_add(1);
            return;
        };
        for broader in keyword.broader() {
            self.merge(broader, None, &found);
        }
        self.merge(keyword, found.display.as_deref(), &found);
    }

    fn merge(&mut self, keyword: Keyword, display: Option<&str>, found: &Found) {
        let candidate = match self.by_keyword.entry(keyword) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let keyword = entry.key().clone();
                entry.insert(Candidate {
                    keyword,
                    display: None,
                    origins: BTreeSet::new(),
                    latest: None,
                })
            }
        };
        candidate.origins.insert((found.source, found.standing));
        if candidate.display.is_none() {
            candidate.display = display
                .filter(|text| !text.trim().is_empty())
                .map(str::to_owned);
        }
        if found.date > candidate.latest {
            candidate.latest.clone_from(&found.date);
        }
    }

    /// The candidates, by keyword.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Candidate> {
        self.by_keyword.values()
    }

    /// The candidate of a keyword.
    #[must_use]
    pub fn get(&self, keyword: &Keyword) -> Option<&Candidate> {
        self.by_keyword.get(keyword)
    }

    /// How many keywords there are, the broader ones among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_keyword.len()
    }

    /// Whether the record has no codings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_keyword.is_empty()
    }

    /// How many are codes as recorded, not counting categories and blocks that were derived.
    #[must_use]
    pub fn codes(&self) -> usize {
        self.iter()
            .filter(|candidate| candidate.keyword.breadth() == Breadth::Code)
            .count()
    }

    /// How many codings made no keyword: no code, control characters, or too long.
    #[must_use]
    pub fn unusable(&self) -> usize {
        self.unusable
    }
}
