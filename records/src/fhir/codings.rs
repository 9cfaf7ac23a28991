//! The codings of the resources that say what a patient has, had, was given or was examined for.
//!
//! | resource | codings | refuted |
//! |---|---|---|
//! | Condition | `code` | `verificationStatus` refuted, entered-in-error |
//! | AllergyIntolerance | `code` | the same |
//! | Procedure | `code` | `status` entered-in-error, not-done, cancelled |
//! | Observation | `code`, `component.code` | the same |
//! | MedicationRequest | `medication[x]`, contained or referenced | the same, or `doNotPerform` |
//! | ImagingStudy | `modality`, `procedureCode`, `series.modality`, `series.bodySite` | the same |
//!
//! Fields of another shape than FHIR gives them are passed over: a record with one odd field still
//! has its other keywords. Read leniently: a single value where a list belongs, a status as a plain
//! string (DSTU2, STU3), `medication.concept` and `medication.reference` (R5).

use std::collections::BTreeMap;

use serde_json::Value;

use super::collection::Member;
use crate::candidates::{Candidates, Found, Source, Standing};

/// The candidates of one patient's resources.
pub(crate) fn candidates<'a>(members: impl Iterator<Item = Member<'a>> + Clone) -> Candidates {
    let medications = medications(members.clone());
    let mut candidates = Candidates::default();
    for member in members {
        let Some(source) = source(member.kind) else {
            continue;
        };
        let Ok(resource) = serde_json::from_str::<Value>(member.json) else {
            continue;
        };
        for concept in concepts(source, &resource, &medications) {
            add(&mut candidates, source, &resource, concept);
        }
    }
    candidates
}

fn source(kind: &str) -> Option<Source> {
    Some(match kind {
        "Condition" => Source::Condition,
        "AllergyIntolerance" => Source::AllergyIntolerance,
        "Procedure" => Source::Procedure,
        "MedicationRequest" => Source::MedicationRequest,
        "ImagingStudy" => Source::ImagingStudy,
        "Observation" => Source::Observation,
        _ => return None,
    })
}

type Medications = BTreeMap<String, Value>;

/// Medication resources by every reference that can mean them.
fn medications<'a>(members: impl Iterator<Item = Member<'a>>) -> Medications {
    let mut found = BTreeMap::new();
    for member in members.filter(|member| member.kind == "Medication") {
        let Ok(resource) = serde_json::from_str::<Value>(member.json) else {
            continue;
        };
        if let Some(id) = member.id {
            found.insert(format!("Medication/{id}"), resource.clone());
        }
        if let Some(url) = member.full_url {
            found.insert(url.to_owned(), resource);
        }
    }
    found
}

/// The CodeableConcepts and Codings of a resource.
fn concepts<'v>(source: Source, resource: &'v Value, known: &'v Medications) -> Vec<&'v Value> {
    let mut found = Vec::new();
    match source {
        Source::MedicationRequest => {
            found.extend(list(resource, "medicationCodeableConcept"));
            let r5 = resource.get("medication");
            found.extend(r5.and_then(|medication| medication.get("concept")));
            let references = [
                resource.get("medicationReference"),
                r5.and_then(|m| m.get("reference")),
            ];
            let medication = references
                .into_iter()
                .flatten()
                .find_map(|r| referenced(resource, r, known));
            found.extend(
                medication
                    .into_iter()
                    .flat_map(|medication| list(medication, "code")),
            );
        }
        Source::ImagingStudy => {
            found.extend(list(resource, "modality").chain(list(resource, "procedureCode")));
            for series in list(resource, "series") {
                found.extend(list(series, "modality").chain(list(series, "bodySite")));
            }
        }
        _ => {
            found.extend(list(resource, "code"));
            found.extend(list(resource, "component").flat_map(|part| list(part, "code")));
        }
    }
    found
}

fn referenced<'v>(
    resource: &'v Value,
    reference: &Value,
    known: &'v Medications,
) -> Option<&'v Value> {
    let reference = reference.get("reference")?.as_str()?;
    if let Some(id) = reference.strip_prefix('#') {
        return list(resource, "contained").find(|inner| text(inner, "id") == Some(id));
    }
    let relative = reference
        .rfind("Medication/")
        .and_then(|at| reference.get(at..));
    known.get(reference).or_else(|| known.get(relative?))
}

/// The values of a field that holds one or a list.
fn list<'v>(value: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    let field = value.get(field);
    let (one, many) = match field {
        Some(Value::Array(many)) => (None, many.as_slice()),
        one => (one, [].as_slice()),
    };
    one.into_iter().chain(many)
}

fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field).and_then(Value::as_str)
}

/// Adds the codings of a CodeableConcept, or a Coding that stands by itself.
fn add(candidates: &mut Candidates, source: Source, resource: &Value, concept: &Value) {
    let (standing, date) = (standing(source, resource), date(resource));
    let alone = concept.get("code").is_some().then_some(concept);
    for coding in list(concept, "coding").chain(alone) {
        let Some(code) = text(coding, "code") else {
            continue;
        };
        candidates.add(Found {
            system: text(coding, "system").unwrap_or_default().to_owned(),
            code: code.to_owned(),
            display: text(coding, "display")
                .or_else(|| text(concept, "text"))
                .map(str::to_owned),
            source,
            standing,
            date: date.clone(),
        });
    }
}

fn standing(source: Source, resource: &Value) -> Standing {
    let refuted = says(
        resource,
        "verificationStatus",
        &["refuted", "entered-in-error"],
    ) || says(
        resource,
        "status",
        &["entered-in-error", "not-done", "cancelled"],
    ) || resource.get("doNotPerform") == Some(&Value::Bool(true));
    let active = source == Source::Condition
        && says(
            resource,
            "clinicalStatus",
            &["active", "recurrence", "relapse"],
        );
    match (refuted, active) {
        (true, _) => Standing::Refuted,
        (false, true) => Standing::Active,
        (false, false) => Standing::Recorded,
    }
}

/// Whether a status, a plain code or a CodeableConcept, is one of `codes`.
fn says(resource: &Value, field: &str, codes: &[&str]) -> bool {
    list(resource, field).any(|status| {
        let among = |code: &str| {
            codes
                .iter()
                .any(|known| known.eq_ignore_ascii_case(code.trim()))
        };
        status.as_str().is_some_and(among)
            || list(status, "coding")
                .filter_map(|coding| text(coding, "code"))
                .any(among)
    })
}

/// The day on which the resource says it: the first of the fields that FHIR has for that.
fn date(resource: &Value) -> Option<String> {
    const DAYS: [&str; 9] = [
        "recordedDate",
        "onsetDateTime",
        "performedDateTime",
        "occurrenceDateTime",
        "effectiveDateTime",
        "authoredOn",
        "started",
        "assertedDate",
        "issued",
    ];
    const PERIODS: [&str; 4] = [
        "onsetPeriod",
        "performedPeriod",
        "occurrencePeriod",
        "effectivePeriod",
    ];
    let day = DAYS.iter().find_map(|field| text(resource, field));
    let start = || {
        PERIODS
            .iter()
            .find_map(|field| text(resource.get(field)?, "start"))
    };
    day.or_else(start)
        .map(|date| date.chars().take("2024-03-01".len()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(resources: &[&str]) -> Candidates {
        let kinds: Vec<_> = resources
            .iter()
            .map(|json| {
                let value: Value = serde_json::from_str(json).unwrap();
                let part = |field| text(&value, field).map(str::to_owned);
                (part("resourceType").unwrap(), part("id"), *json)
            })
            .collect();
        candidates(kinds.iter().map(|(kind, id, json)| Member {
            kind,
            id: id.as_deref(),
            full_url: None,
            json,
        }))
    }

    fn texts(candidates: &Candidates) -> Vec<String> {
        candidates.iter().map(|c| c.keyword().to_string()).collect()
    }

    #[test]
    fn every_coding_of_a_condition_counts_with_its_broader_ones() {
        let all = of(&[
            r#"{"resourceType":"Condition","recordedDate":"2024-02-03T10:00:00Z",
            "clinicalStatus":{"coding":[{"code":"relapse"}]},
            "code":{"text":"Type 2 diabetes","coding":[
              {"system":"http://fhir.de/CodeSystem/bfarm/icd-10-gm","code":"E11.90"},
              {"system":"http://snomed.info/sct","code":"44054006","display":"Diabetes"},
              {"system":"http://id.who.int/icd/release/11/mms","code":"5A11"},
              {"code":"local7"}, {"system":"urn:x"}, 5]}}"#,
        ]);
        let expected = [
            "http://fhir.de/CodeSystem/bfarm/icd-10-gm|E11.90",
            "http://hl7.org/fhir/sid/icd-10|E10-E14",
            "http://hl7.org/fhir/sid/icd-10|E11",
            "http://id.who.int/icd/release/11/mms|5A11",
            "http://snomed.info/sct|44054006",
            "urn:consilium:local|LOCAL7",
        ];
        assert_eq!(texts(&all), expected);
        let gm = all.iter().next().unwrap();
        assert_eq!(gm.display(), Some("Type 2 diabetes"));
        assert_eq!(gm.latest(), Some("2024-02-03"));
        assert!(
            all.iter()
                .all(|c| c.origins().eq([(Source::Condition, Standing::Active)]))
        );
    }

    #[test]
    fn medications_are_found_contained_referenced_and_coded() {
        let medication = r#"{"resourceType":"Medication","id":"m","code":{"coding":[{"system":"rxnorm","code":"1"}]}}"#;
        let by_id = r#"{"resourceType":"MedicationRequest","medicationReference":{"reference":"https://h/Medication/m"}}"#;
        let contained = r##"{"resourceType":"MedicationRequest","medicationReference":{"reference":"#c"},
            "contained":[{"resourceType":"Medication","id":"c","code":{"coding":[{"system":"rxnorm","code":"2"}]}}]}"##;
        let coded = r#"{"resourceType":"MedicationRequest","medicationCodeableConcept":{"coding":[{"system":"rxnorm","code":"3"}]}}"#;
        let dangling = r#"{"resourceType":"MedicationRequest","medicationReference":{"reference":"Medication/none"}}"#;
        let all = of(&[medication, by_id, contained, coded, dangling]);
        let codes: Vec<_> = all.iter().map(|c| c.keyword().code().to_owned()).collect();
        assert_eq!(codes, ["1", "2", "3"]);
    }

    #[test]
    fn components_modalities_and_body_sites_count() {
        let all = of(&[
            r#"{"resourceType":"Observation","code":{"coding":[{"system":"loinc","code":"85354-9"}]},
               "component":[{"code":{"coding":[{"system":"loinc","code":"8480-6"}]}}]}"#,
            r#"{"resourceType":"ImagingStudy","modality":[{"system":"dcm","code":"ct"}],
               "procedureCode":[{"coding":[{"system":"loinc","code":"24727-0"}]}],
               "series":[{"modality":{"system":"dcm","code":"DX"},"bodySite":{"system":"sct","code":"72696002"}}]}"#,
        ]);
        let codes: Vec<_> = all.iter().map(|c| c.keyword().code().to_owned()).collect();
        assert_eq!(
            codes,
            ["CT", "DX", "24727-0", "8480-6", "85354-9", "72696002"]
        );
    }

    #[test]
    fn what_was_refuted_or_not_done_is_known_as_such() {
        let refuted = [
            r#"{"resourceType":"Condition","clinicalStatus":"active","verificationStatus":"refuted","code":{"coding":[{"code":"1"}]}}"#,
            r#"{"resourceType":"Condition","verificationStatus":{"coding":[{"code":"entered-in-error"}]},"code":{"coding":[{"code":"1"}]}}"#,
            r#"{"resourceType":"Procedure","status":"not-done","code":{"coding":[{"code":"1"}]}}"#,
            r#"{"resourceType":"MedicationRequest","doNotPerform":true,"medicationCodeableConcept":{"coding":[{"code":"1"}]}}"#,
        ];
        for json in refuted {
            let all = of(&[json]);
            assert!(
                all.iter()
                    .all(|c| c.has(|_, standing| standing == Standing::Refuted)),
                "{json}"
            );
            assert_eq!(all.len(), 1);
        }
    }

    #[test]
    fn odd_shapes_are_passed_over() {
        for json in [
            r#"{"resourceType":"Condition","code":"E11"}"#,
            r#"{"resourceType":"Condition","code":{"coding":{"code":"E11","system":5}}}"#,
            r#"{"resourceType":"Observation","component":[[],{"code":[{"coding":[null]}]}]}"#,
            r#"{"resourceType":"ImagingStudy","series":{"modality":["CT"]}}"#,
            r#"{"resourceType":"MedicationRequest","medicationReference":"Medication/1"}"#,
        ] {
            assert!(of(&[json]).len() <= 1, "{json}");
        }
    }
}
