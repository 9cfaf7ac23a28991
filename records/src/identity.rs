//! Which resources belong to one patient, when ids alone do not say.
//!
//! FHIR's ids are unique on one server, and files have no server. The rule:
//!
//! - Two Patient resources of the same id are one patient if they stand in one folder and do not
//!   contradict each other (day of birth, gender, identifiers), or in two folders and are seen to be
//!   the same person (an identifier in common, or the same in every field and not bare).
//! - A reference `Patient/x` means the patient x of the same file; else of the same folder; else of the
//!   nearest folder above whose tree has one. If that place has two different ones, the resource is
//!   left out: nobody's data goes into somebody else's record by a guess.
//! - Without any Patient resource x, the resources of one folder that refer to x are one patient.

use std::collections::BTreeMap;
use std::path::Path;

use crate::fhir::PatientFacts;
use crate::refusal::{Refusal, Skipped};
use crate::survey::{Loose, Reasons, Survey};

/// One patient and where everything of theirs stands.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) id: String,
    facts: Vec<PatientFacts>,
    /// The files with the Patient resource.
    homes: Vec<usize>,
    /// Indices into the survey's Bundles.
    pub(crate) bundles: Vec<usize>,
    /// Indices into the survey's held resources.
    pub(crate) loose: Vec<usize>,
}

impl Group {
    /// A name for human eyes.
    pub(crate) fn name(&self) -> Option<&str> {
        self.facts.iter().find_map(PatientFacts::name)
    }
}

/// The patients of a survey and the resources that are nobody's.
pub(crate) struct Patients {
    pub(crate) groups: Vec<Group>,
    pub(crate) skipped: Vec<Skipped>,
}

struct Sorting<'s> {
    survey: &'s Survey,
    groups: Vec<Group>,
    by_id: BTreeMap<&'s str, Vec<usize>>,
    orphans: BTreeMap<(&'s Path, &'s str), usize>,
}

/// Sorts everything that was surveyed by patient.
pub(crate) fn patients(survey: &Survey) -> Patients {
    let mut sorting = Sorting {
        survey,
        groups: Vec::new(),
        by_id: BTreeMap::new(),
        orphans: BTreeMap::new(),
    };
    sorting.home_bundles();
    sorting.home_resources();
    sorting.referring_bundles();
    let skipped = sorting.referring_resources();
    Patients {
        groups: sorting.groups,
        skipped,
    }
}

impl<'s> Sorting<'s> {
    fn folder(&self, file: usize) -> &'s Path {
        self.survey
            .files
            .get(file)
            .and_then(|path| path.parent())
            .unwrap_or(Path::new(""))
    }

    fn home_bundles(&mut self) {
        for (index, bundle) in self.survey.bundles.iter().enumerate() {
            if let Some(facts) = &bundle.facts {
                let group = self.home(bundle.file, &bundle.patient, facts.clone());
                self.with(group, |group| group.bundles.push(index));
            }
        }
    }

    fn home_resources(&mut self) {
        for (index, loose) in self.survey.loose.iter().enumerate() {
            if let (true, Some(id)) = (loose.kind == "Patient", loose.patients.first()) {
                let group = self.home(loose.file, id, PatientFacts::parse(&loose.json));
                self.with(group, |group| group.loose.push(index));
            }
        }
    }

    fn referring_bundles(&mut self) {
        for (index, bundle) in self.survey.bundles.iter().enumerate() {
            if bundle.facts.is_none() {
                let group = match self.resolve(bundle.file, &bundle.patient) {
                    Ok(Some(group)) => group,
                    // Several fit: the Bundle is about one patient all the same, and stays alone.
                    Err(()) => self.push(Group {
                        id: bundle.patient.clone(),
                        ..Group::default()
                    }),
                    Ok(None) => self.orphan(bundle.file, &bundle.patient),
                };
                self.with(group, |group| group.bundles.push(index));
            }
        }
    }

    fn referring_resources(&mut self) -> Vec<Skipped> {
        let mut reasons: BTreeMap<usize, Reasons> = BTreeMap::new();
        for (index, loose) in self.survey.loose.iter().enumerate() {
            // A Medication has no patient; it goes with the requests that refer to it.
            if matches!(loose.kind, "Patient" | "Medication") {
                continue;
            }
            match self.owner(loose) {
                Ok(group) => self.with(group, |group| group.loose.push(index)),
                Err(reason) => reasons
                    .entry(loose.file)
                    .or_default()
                    .add(loose.place, reason),
            }
        }
        let path = |file: usize| {
            self.survey
                .files
                .get(file)
                .map_or(Path::new(""), |path| path)
        };
        reasons
            .into_iter()
            .flat_map(|(file, reasons)| reasons.into_skipped(path(file)))
            .collect()
    }

    fn owner(&mut self, loose: &'s Loose) -> Result<usize, Refusal> {
        let kind = || loose.kind.to_owned();
        let mut ids = loose.patients.iter();
        match (ids.next(), ids.next()) {
            (None, _) => Err(Refusal::NoPatient { kind: kind() }),
            (Some(_), Some(_)) => Err(Refusal::SharedResource { kind: kind() }),
            (Some(id), None) => match self.resolve(loose.file, id) {
                Ok(Some(group)) => Ok(group),
                Ok(None) => Ok(self.orphan(loose.file, id)),
                Err(()) => Err(Refusal::AmbiguousPatient {
                    kind: kind(),
                    id: id.clone(),
                }),
            },
        }
    }

    /// The group of a Patient resource, an old one or a new one.
    fn home(&mut self, file: usize, id: &'s str, facts: PatientFacts) -> usize {
        let fitting: Vec<_> = self
            .by_id
            .get(id)
            .into_iter()
            .flatten()
            .copied()
            .filter(|group| self.fits(*group, file, &facts))
            .collect();
        let group = match fitting.as_slice() {
            [group] => *group,
            _ => {
                let group = self.push(Group {
                    id: id.to_owned(),
                    ..Group::default()
                });
                self.by_id.entry(id).or_default().push(group);
                group
            }
        };
        self.with(group, |group| {
            group.facts.push(facts);
            group.homes.push(file);
        });
        group
    }

    fn fits(&self, group: usize, file: usize, facts: &PatientFacts) -> bool {
        self.groups.get(group).is_some_and(|group| {
            let near = group
                .homes
                .iter()
                .any(|home| self.folder(*home) == self.folder(file));
            let same = group.facts.iter().any(|known| known.same_person(facts));
            (near || same) && !group.facts.iter().any(|known| known.contradicts(facts))
        })
    }

    /// The patient that a reference means; `Err` if several fit equally well.
    fn resolve(&self, file: usize, id: &str) -> Result<Option<usize>, ()> {
        let Some(known) = self.by_id.get(id) else {
            return Ok(None);
        };
        let within = |group: usize, fits: &dyn Fn(usize) -> bool| {
            self.groups
                .get(group)
                .is_some_and(|group| group.homes.iter().any(|home| fits(*home)))
        };
        let folder = self.folder(file);
        let same_file = |home: usize| home == file;
        let same_folder = |home: usize| self.folder(home) == folder;
        let nearest = |fits: &dyn Fn(usize) -> bool| {
            known
                .iter()
                .copied()
                .filter(|group| within(*group, fits))
                .collect::<Vec<_>>()
        };
        let mut steps = vec![nearest(&same_file), nearest(&same_folder)];
        steps.extend(
            folder
                .ancestors()
                .map(|above| nearest(&|home| self.folder(home).starts_with(above))),
        );
        match steps
            .iter()
            .find(|found| !found.is_empty())
            .map(Vec::as_slice)
        {
            None => Ok(None),
            Some([group]) => Ok(Some(*group)),
            Some(_) => Err(()),
        }
    }

    fn orphan(&mut self, file: usize, id: &'s str) -> usize {
        let key = (self.folder(file), id);
        if let Some(group) = self.orphans.get(&key) {
            return *group;
        }
        let group = self.push(Group {
            id: id.to_owned(),
            ..Group::default()
        });
        self.orphans.insert(key, group);
        group
    }

    fn push(&mut self, group: Group) -> usize {
        self.groups.push(group);
        self.groups.len().saturating_sub(1)
    }

    fn with(&mut self, group: usize, change: impl FnOnce(&mut Group)) {
        if let Some(group) = self.groups.get_mut(group) {
            change(group);
        }
    }
}
