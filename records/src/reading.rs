//! The second pass: one record after the other, in the order of their first file.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::FusedIterator;
use std::path::{Path, PathBuf};

use crate::assemble::assemble;
use crate::dicom::Image;
use crate::files;
use crate::identity::{self, Group};
use crate::limits::Limits;
use crate::record::{Content, PatientLabel, RecordFormat, SourceRecord};
use crate::refusal::{ReadError, Refusal, Skipped};
use crate::survey::{Reasons, Survey};

/// The records under a path: an iterator, and the list of what was left out.
///
/// Opening surveys every file once, so that each patient becomes one record whichever files hold
/// parts of it; the records themselves are made one at a time.
pub struct Records {
    root: PathBuf,
    limits: Limits,
    survey: Survey,
    groups: Vec<Group>,
    plan: std::vec::IntoIter<Planned>,
    skipped: Vec<Skipped>,
    used_medications: BTreeSet<usize>,
    finished: bool,
}

/// A record that will be made, by its first file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Planned {
    file: usize,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Group(usize),
    Image(usize),
}

impl Records {
    /// Surveys a file, or a folder with everything below it.
    ///
    /// # Errors
    /// The path cannot be read, or the resources that must be put together across files exceed
    /// [`Limits::held_bytes`]. A file that is no record is no error: see [`Self::skipped`].
    pub fn open(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, ReadError> {
        let found = files::list(path.as_ref())?;
        let mut survey = Survey::of(found.paths, limits)?;
        let patients = identity::patients(&survey);
        let mut skipped = found.skipped;
        skipped.append(&mut survey.skipped);
        skipped.extend(patients.skipped);
        let plan = plan(&survey, &patients.groups);
        Ok(Self {
            root: path.as_ref().to_owned(),
            limits: *limits,
            survey,
            groups: patients.groups,
            plan: plan.into_iter(),
            skipped,
            used_medications: BTreeSet::new(),
            finished: false,
        })
    }

    /// The files and resources left out so far, each with the reason; complete when the iterator has ended.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// How many files were looked at.
    #[must_use]
    pub fn files(&self) -> usize {
        self.survey.files.len()
    }

    /// How many patients were found: those of the FHIR data, and the DICOM files, each for itself.
    #[must_use]
    pub fn patients(&self) -> usize {
        self.groups.len().saturating_add(self.survey.images.len())
    }

    /// The one record of a path, for a patient who encrypts their own.
    ///
    /// # Errors
    /// There is none (the reason of the first file left out is given), or there are several.
    pub fn one(path: impl AsRef<Path>, limits: &Limits) -> Result<SourceRecord, ReadError> {
        let mut records = Self::open(&path, limits)?;
        let count = records.patients();
        if count > 1 {
            return Err(ReadError::SeveralPatients {
                path: records.root,
                count,
            });
        }
        records.next().ok_or_else(|| ReadError::NoRecord {
            why: records
                .skipped
                .first()
                .map_or("there are no files".into(), ToString::to_string),
            path: records.root,
        })
    }

    fn make(&mut self, what: What) -> Result<SourceRecord, Skipped> {
        match what {
            What::Image(index) => self.image(index),
            What::Group(index) => {
                let group = self.groups.get(index);
                let group = group.ok_or_else(|| Skipped::file(&self.root, Refusal::Changed))?;
                let assembled = assemble(&self.survey, group, &self.limits)?;
                self.used_medications.extend(assembled.medications);
                Ok(assembled.record)
            }
        }
    }

    fn image(&self, index: usize) -> Result<SourceRecord, Skipped> {
        let found = self.survey.images.get(index);
        let one = found.ok_or_else(|| Skipped::file(&self.root, Refusal::Changed))?;
        let path = self.path(one.file);
        let Image {
            id,
            name,
            len,
            candidates,
        } = one.image.clone();
        Ok(SourceRecord {
            patient: PatientLabel::new(id, name),
            format: RecordFormat::Dicom,
            content: Content::file(&path, one.gzip, len),
            candidates,
            paths: vec![path],
        })
    }

    fn path(&self, file: usize) -> PathBuf {
        self.survey.files.get(file).cloned().unwrap_or_default()
    }

    /// Medications that no record refers to are nobody's.
    fn finish(&mut self) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        let mut reasons: BTreeMap<usize, Reasons> = BTreeMap::new();
        for (index, loose) in self.survey.loose.iter().enumerate() {
            if loose.kind == "Medication" && !self.used_medications.contains(&index) {
                let reason = Refusal::NoPatient {
                    kind: loose.kind.to_owned(),
                };
                reasons
                    .entry(loose.file)
                    .or_default()
                    .add(loose.place, reason);
            }
        }
        for (file, reasons) in reasons {
            let path = self.path(file);
            self.skipped.extend(reasons.into_skipped(&path));
        }
        self.skipped.sort_by(|a, b| a.path().cmp(b.path()));
    }
}

impl Iterator for Records {
    type Item = SourceRecord;

    fn next(&mut self) -> Option<SourceRecord> {
        while let Some(planned) = self.plan.next() {
            match self.make(planned.what) {
                Ok(record) => return Some(record),
                Err(skipped) => self.skipped.push(skipped),
            }
        }
        self.finish();
        None
    }
}

impl FusedIterator for Records {}

fn plan(survey: &Survey, groups: &[Group]) -> Vec<Planned> {
    let images = survey.images.iter().enumerate();
    let images = images.map(|(index, one)| Planned {
        file: one.file,
        what: What::Image(index),
    });
    let groups = groups.iter().enumerate().map(|(index, group)| {
        let bundles = group
            .bundles
            .iter()
            .filter_map(|i| survey.bundles.get(*i))
            .map(|b| b.file);
        let loose = group
            .loose
            .iter()
            .filter_map(|i| survey.loose.get(*i))
            .map(|l| l.file);
        let file = bundles.chain(loose).min().unwrap_or(usize::MAX);
        Planned {
            file,
            what: What::Group(index),
        }
    });
    let mut plan: Vec<_> = groups.chain(images).collect();
    plan.sort();
    plan
}
