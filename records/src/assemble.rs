//! One patient's record from what the survey found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::fhir::{Bundle, Member, candidates, check_json, collection};
use crate::identity::Group;
use crate::input::read_document;
use crate::limits::Limits;
use crate::record::{Content, PatientLabel, RecordFormat, SourceRecord};
use crate::refusal::{Refusal, Skipped};
use crate::survey::{Loose, OneBundle, Survey};

/// A record, and which held Medication resources went into it.
pub(crate) struct Assembled {
    pub(crate) record: SourceRecord,
    pub(crate) medications: BTreeSet<usize>,
}

/// The record of a group: its only Bundle unchanged, else one collection.
pub(crate) fn assemble(
    survey: &Survey,
    group: &Group,
    limits: &Limits,
) -> Result<Assembled, Skipped> {
    let bundles: Vec<_> = group
        .bundles
        .iter()
        .filter_map(|index| survey.bundles.get(*index))
        .collect();
    let label = PatientLabel::new(group.id.clone(), group.name().map(str::to_owned));
    if let ([bundle], true) = (bundles.as_slice(), group.loose.is_empty()) {
        let record = unchanged(survey, bundle, label, limits)?;
        return Ok(Assembled {
            record,
            medications: BTreeSet::new(),
        });
    }
    collected(survey, group, &bundles, label, limits)
}

fn unchanged(
    survey: &Survey,
    bundle: &OneBundle,
    patient: PatientLabel,
    limits: &Limits,
) -> Result<SourceRecord, Skipped> {
    let path = path(survey, bundle.file);
    let bytes = again(&path, limits)?;
    let candidates = with_bundle(&bytes, bundle, |parsed| {
        candidates(parsed.entries.iter().map(|entry| Member {
            kind: entry.head.kind,
            id: entry.head.id.as_deref(),
            full_url: entry.full_url.as_deref(),
            json: entry.json,
        }))
    })
    .map_err(|reason| Skipped::file(&path, reason))?;
    Ok(SourceRecord {
        patient,
        format: RecordFormat::FhirBundle,
        content: Content::memory(bytes),
        candidates,
        paths: vec![path],
    })
}

fn collected(
    survey: &Survey,
    group: &Group,
    bundles: &[&OneBundle],
    patient: PatientLabel,
    limits: &Limits,
) -> Result<Assembled, Skipped> {
    let own: Vec<&Loose> = group
        .loose
        .iter()
        .filter_map(|index| survey.loose.get(*index))
        .collect();
    let medications: BTreeSet<usize> = own
        .iter()
        .flat_map(|loose| referenced_medication(survey, loose))
        .collect();
    let mut owned: Vec<Owned> = Vec::new();
    for bundle in bundles {
        let path = path(survey, bundle.file);
        let bytes = again(&path, limits)?;
        let members = with_bundle(&bytes, bundle, |parsed| {
            owned_members(parsed, &bundle.patient)
        })
        .map_err(|reason| Skipped::file(&path, reason))?;
        owned.extend(members);
    }
    let held = own.into_iter().chain(
        medications
            .iter()
            .filter_map(|index| survey.loose.get(*index)),
    );
    let held: Vec<&Loose> = held.collect();
    let files: BTreeSet<usize> = held
        .iter()
        .map(|loose| loose.file)
        .chain(bundles.iter().map(|b| b.file))
        .collect();
    let members = held
        .into_iter()
        .map(member)
        .chain(owned.iter().map(Owned::member))
        .collect();
    let (members, bytes) = collection(members);
    let record = SourceRecord {
        patient,
        format: RecordFormat::FhirCollection,
        candidates: candidates(members.iter().copied()),
        content: Content::memory(bytes),
        paths: files.into_iter().map(|file| path(survey, file)).collect(),
    };
    Ok(Assembled {
        record,
        medications,
    })
}

/// A resource of a Bundle that was read again and is merged with others.
struct Owned {
    kind: &'static str,
    id: Option<String>,
    full_url: Option<String>,
    json: String,
}

impl Owned {
    fn member(&self) -> Member<'_> {
        Member {
            kind: self.kind,
            id: self.id.as_deref(),
            full_url: self.full_url.as_deref(),
            json: &self.json,
        }
    }
}

/// The patient's own resources of a Bundle, and the medications that stand with them.
fn owned_members(bundle: &Bundle<'_>, patient: &str) -> Vec<Owned> {
    let own = bundle
        .entries
        .iter()
        .filter(|entry| entry.patients.contains(patient) || entry.head.kind == "Medication");
    own.map(|entry| Owned {
        kind: entry.head.kind,
        id: entry.head.id.clone(),
        full_url: entry.full_url.clone(),
        json: entry.json.to_owned(),
    })
    .collect()
}

fn member(loose: &Loose) -> Member<'_> {
    Member {
        kind: loose.kind,
        id: loose.id.as_deref(),
        full_url: loose.full_url.as_deref(),
        json: &loose.json,
    }
}

/// The bytes again; they must still be about the same patient.
fn again(path: &Path, limits: &Limits) -> Result<Vec<u8>, Skipped> {
    read_document(path, limits).map_err(|reason| Skipped::file(path, reason))
}

fn with_bundle<T>(
    bytes: &[u8],
    bundle: &OneBundle,
    take: impl FnOnce(&Bundle<'_>) -> T,
) -> Result<T, Refusal> {
    let parsed = Bundle::parse(check_json(bytes).map_err(|_| Refusal::Changed)?)?;
    let same = parsed.patients().into_iter().eq([bundle.patient.as_str()]);
    if same {
        Ok(take(&parsed))
    } else {
        Err(Refusal::Changed)
    }
}

/// The held Medication resource that a resource refers to: of several with its id, the one whose
/// file is nearest.
fn referenced_medication(survey: &Survey, loose: &Loose) -> Option<usize> {
    if !loose.kind.starts_with("Medication") || survey.medications.is_empty() {
        return None;
    }
    let resource: Value = serde_json::from_str(&loose.json).ok()?;
    let written = resource.get("medicationReference");
    let written = written.or_else(|| resource.get("medication")?.get("reference"));
    let reference = written?.get("reference")?.as_str()?;
    let relative = reference.rsplit(['/', ':']).next()?;
    let named = |name: &str| survey.medications.get(name).into_iter().flatten().copied();
    named(reference).chain(named(relative)).max_by_key(|index| {
        let near = survey
            .loose
            .get(*index)
            .map(|other| nearness(survey, other.file, loose.file));
        (near, std::cmp::Reverse(*index))
    })
}

/// How many folders two files have in common; most if they are one.
fn nearness(survey: &Survey, a: usize, b: usize) -> usize {
    let folder = |file: usize| survey.files.get(file).and_then(|path| path.parent());
    match (folder(a), folder(b)) {
        _ if a == b => usize::MAX,
        (Some(a), Some(b)) => a
            .components()
            .zip(b.components())
            .take_while(|(a, b)| a == b)
            .count(),
        _ => 0,
    }
}

fn path(survey: &Survey, file: usize) -> PathBuf {
    survey.files.get(file).cloned().unwrap_or_default()
}
