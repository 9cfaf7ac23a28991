//! The first pass over all files: what is there, and which resources are whose.
//!
//! A Bundle about one patient is noted and read again when its turn comes; a DICOM file is walked
//! once and noted; all other resources are held, bounded by [`Limits::held_bytes`], because the rest
//! of their patient may stand in the last file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::dicom::{self, Image};
use crate::fhir::{Bundle, Head, PatientFacts, check_json};
use crate::input::{self, Input};
use crate::limits::Limits;
use crate::refusal::{Place, Refusal, Skipped};

/// A Bundle about one patient.
pub(crate) struct OneBundle {
    pub(crate) file: usize,
    pub(crate) patient: String,
    /// Known if the Bundle holds the Patient resource itself.
    pub(crate) facts: Option<PatientFacts>,
}

/// A resource that is held until its patient is put together.
pub(crate) struct Loose {
    pub(crate) file: usize,
    pub(crate) place: Place,
    pub(crate) kind: &'static str,
    pub(crate) id: Option<String>,
    pub(crate) full_url: Option<String>,
    pub(crate) patients: BTreeSet<String>,
    pub(crate) json: Box<str>,
}

/// A DICOM file that was walked to its end.
pub(crate) struct OneImage {
    pub(crate) file: usize,
    pub(crate) gzip: bool,
    pub(crate) image: Image,
}

/// Everything that was found.
#[derive(Default)]
pub(crate) struct Survey {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) bundles: Vec<OneBundle>,
    pub(crate) loose: Vec<Loose>,
    pub(crate) images: Vec<OneImage>,
    pub(crate) skipped: Vec<Skipped>,
    /// The held Medication resources by id and by `fullUrl`.
    pub(crate) medications: BTreeMap<String, Vec<usize>>,
    held: u64,
}

/// Reasons within one file: resources with the same reason are told together, so that a file of a
/// million bad lines is one entry.
#[derive(Default)]
pub(crate) struct Reasons(BTreeMap<String, (Place, usize, Refusal)>);

impl Reasons {
    pub(crate) fn add(&mut self, place: Place, reason: Refusal) {
        let key = match reason {
            Refusal::NotJson { .. } => "not JSON".to_owned(),
            Refusal::NotUtf8 { .. } => "not UTF-8".to_owned(),
            Refusal::TooDeep { .. } => "too deep".to_owned(),
            Refusal::AmbiguousPatient { .. } => "ambiguous".to_owned(),
            Refusal::UnknownResource { .. } => "unknown".to_owned(),
            _ => reason.to_string(),
        };
        let entry = self.0.entry(key).or_insert((place, 0, reason));
        entry.1 = entry.1.saturating_add(1);
    }

    pub(crate) fn into_skipped(self, path: &Path) -> impl Iterator<Item = Skipped> + use<'_> {
        self.0
            .into_values()
            .map(|(place, count, reason)| Skipped::at(path, place, count, reason))
    }
}

impl Survey {
    /// Reads every file once.
    pub(crate) fn of(files: Vec<PathBuf>, limits: &Limits) -> Result<Self, Skipped> {
        let mut survey = Self {
            files,
            ..Self::default()
        };
        for file in 0..survey.files.len() {
            let path = survey.files.get(file).cloned().unwrap_or_default();
            if let Err(reason) = survey.file(file, &path, limits) {
                survey.skipped.push(Skipped::file(&path, reason));
            }
            if survey.held > limits.held_bytes() {
                return Err(Skipped::file(
                    &path,
                    Refusal::HeldTooMuch {
                        limit: limits.held_bytes(),
                    },
                ));
            }
        }
        Ok(survey)
    }

    fn file(&mut self, file: usize, path: &Path, limits: &Limits) -> Result<(), Refusal> {
        match input::open(path, limits)? {
            Input::Dicom { gzip } => {
                let image = dicom::read(path, gzip, limits)?;
                self.images.push(OneImage { file, gzip, image });
            }
            Input::Document(bytes) => self.document(file, Place::File, check_json(&bytes)?)?,
            Input::Lines(lines) => {
                let mut reasons = Reasons::default();
                for (line, bytes) in lines {
                    let place = Place::Line(line);
                    let read = bytes.and_then(|bytes| {
                        self.document(
                            file,
                            place,
                            check_json(&bytes).map_err(|r| on_line(r, line))?,
                        )
                    });
                    if let Err(reason) = read {
                        reasons.add(place, reason);
                    }
                    if self.held > limits.held_bytes() {
                        break;
                    }
                }
                self.skipped.extend(reasons.into_skipped(path));
            }
        }
        Ok(())
    }

    fn document(&mut self, file: usize, place: Place, json: &str) -> Result<(), Refusal> {
        let head = Head::parse(json)?;
        match (head.kind, place) {
            ("Bundle", Place::File) => self.bundle(file, json),
            // A Bundle on a line of NDJSON is taken apart: its file is not the record.
            ("Bundle", _) => {
                self.split(file, &Bundle::parse(json)?);
                Ok(())
            }
            _ => {
                self.single(file, place, json, head);
                Ok(())
            }
        }
    }

    fn bundle(&mut self, file: usize, json: &str) -> Result<(), Refusal> {
        let bundle = Bundle::parse(json)?;
        let patients: Vec<_> = bundle.patients().into_iter().collect();
        match patients.as_slice() {
            [] => {
                let kinds: BTreeSet<_> = bundle.entries.iter().map(|e| e.head.kind).collect();
                let kinds: Vec<_> = kinds.into_iter().collect();
                let kind = format!(
                    "a Bundle of {}",
                    if kinds.is_empty() {
                        "nothing".into()
                    } else {
                        kinds.join(", ")
                    }
                );
                return Err(Refusal::NoPatient { kind });
            }
            [patient] => {
                let resource = bundle
                    .entries
                    .iter()
                    .find(|entry| entry.head.kind == "Patient");
                let facts = resource.map(|entry| PatientFacts::parse(entry.json));
                self.bundles.push(OneBundle {
                    file,
                    patient: (*patient).to_owned(),
                    facts,
                });
            }
            _ => self.split(file, &bundle),
        }
        Ok(())
    }

    fn split(&mut self, file: usize, bundle: &Bundle<'_>) {
        for entry in &bundle.entries {
            self.hold(Loose {
                file,
                place: Place::Entry(entry.index),
                kind: entry.head.kind,
                id: entry.head.id.clone(),
                full_url: entry.full_url.clone(),
                patients: entry.patients.clone(),
                json: entry.json.into(),
            });
        }
    }

    fn single(&mut self, file: usize, place: Place, json: &str, head: Head) {
        let patients = match (head.kind, &head.id) {
            ("Patient", Some(id)) => BTreeSet::from([id.clone()]),
            ("Patient", None) => BTreeSet::from([format!("#{place:?}")]),
            _ => {
                let ids = head.links.iter().filter_map(|link| link.patient_id());
                ids.map(str::to_owned).collect()
            }
        };
        let (kind, id, json) = (head.kind, head.id, json.trim().into());
        self.hold(Loose {
            file,
            place,
            kind,
            id,
            full_url: None,
            patients,
            json,
        });
    }

    fn hold(&mut self, loose: Loose) {
        self.held = self.held.saturating_add(loose.json.len() as u64);
        if loose.kind == "Medication" {
            for name in loose.id.iter().chain(&loose.full_url) {
                self.medications
                    .entry(name.clone())
                    .or_default()
                    .push(self.loose.len());
            }
        }
        self.loose.push(loose);
    }
}

fn on_line(refusal: Refusal, line: usize) -> Refusal {
    match refusal {
        Refusal::NotJson { column, .. } => Refusal::NotJson { line, column },
        other => other,
    }
}
