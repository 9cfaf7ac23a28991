//! One made-up patient as FHIR R4 resources.

use rand_core::Rng;
use serde_json::{Value, json};

use super::clinic::{ALLERGIES, FAMILY, GIVEN, PICTURES, Picture};

/// The code systems in which a patient's conditions are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// ICD-10-CM and SNOMED CT.
    American,
    /// ICD-10-GM as published by the BfArM.
    German,
    /// ICD-11 and a local system.
    Other,
    /// No conditions at all.
    WithoutConditions,
}

/// A patient and all that is said about them; the Patient resource comes first.
pub(super) struct Person {
    pub(super) id: String,
    pub(super) resources: Vec<Value>,
    /// A Medication resource that a request refers to, by relative reference.
    pub(super) medication: Option<Value>,
}

/// How resources refer to the patient.
pub(super) type Reference = fn(&str) -> String;

/// A number below `bound`.
pub(super) fn below(rng: &mut impl Rng, bound: u32) -> u32 {
    // The bias of the remainder (below 2^-20 for these bounds) does not matter for made-up people.
    rng.next_u32() % bound.max(1)
}

fn one_of<'t, T>(rng: &mut impl Rng, table: &'t [T]) -> Option<&'t T> {
    let at = below(rng, u32::try_from(table.len()).unwrap_or(u32::MAX));
    table.get(at as usize)
}

/// A random identifier in the form of a UUID, version 4.
pub(super) fn uuid(rng: &mut impl Rng) -> String {
    let high = rng.next_u64() & 0xffff_ffff_ffff_0fff | 0x4000;
    let low = rng.next_u64() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    let (high, low) = (format!("{high:016x}"), format!("{low:016x}"));
    let part = |text: &str, from: usize, to: usize| text.get(from..to).unwrap_or("0").to_owned();
    [
        part(&high, 0, 8),
        part(&high, 8, 12),
        part(&high, 12, 16),
        part(&low, 0, 4),
        part(&low, 4, 16),
    ]
    .join("-")
}

fn day(rng: &mut impl Rng, from: u32, years: u32) -> String {
    let year = from.saturating_add(below(rng, years));
    format!(
        "{year:04}-{:02}-{:02}",
        below(rng, 12) + 1,
        below(rng, 28) + 1
    )
}

/// Makes a patient with one to three clinical pictures.
pub(super) fn person(rng: &mut impl Rng, dialect: Dialect, reference: Reference) -> Person {
    let id = uuid(rng);
    let subject = json!({ "reference": reference(&id) });
    let mut person = Person {
        resources: vec![patient(rng, &id)],
        id,
        medication: None,
    };
    let count = below(rng, 3) + 1;
    let mut taken = Vec::new();
    for _ in 0..count {
        // The smaller of two draws: the common pictures come more often.
        let at = below(rng, 12).min(below(rng, 12)) as usize;
        if let (false, Some(picture)) = (taken.contains(&at), PICTURES.get(at)) {
            taken.push(at);
            add_picture(rng, &mut person, &subject, picture, dialect);
        }
    }
    let allergy = below(rng, 3) == 0;
    if let (true, Some((code, name))) = (allergy, one_of(rng, &ALLERGIES)) {
        person.resources.push(json!({
            "resourceType": "AllergyIntolerance", "id": uuid(rng), "patient": subject,
            "clinicalStatus": status("allergyintolerance-clinical", "active"),
            "verificationStatus": status("allergyintolerance-verification", "confirmed"),
            "code": concept("http://snomed.info/sct", code, name),
        }));
    }
    person
}

fn patient(rng: &mut impl Rng, id: &str) -> Value {
    let gender = if below(rng, 2) == 0 { "female" } else { "male" };
    json!({
        "resourceType": "Patient", "id": id,
        "identifier": [{ "system": "urn:consilium:sample:patient", "value": format!("S-{:06}", below(rng, 1_000_000)) }],
        "name": [{ "family": one_of(rng, &FAMILY), "given": [one_of(rng, &GIVEN)] }],
        "gender": gender,
        "birthDate": day(rng, 1935, 70),
    })
}

fn add_picture(
    rng: &mut impl Rng,
    person: &mut Person,
    subject: &Value,
    picture: &Picture,
    dialect: Dialect,
) {
    if dialect != Dialect::WithoutConditions {
        let condition = condition(rng, subject, picture, dialect);
        person.resources.push(condition);
    }
    let ((code, name), unit, usual, varies) = picture.observation;
    let tenths = usual
        .saturating_sub(varies / 2)
        .saturating_add(below(rng, varies));
    person.resources.push(json!({
        "resourceType": "Observation", "id": uuid(rng), "status": "final", "subject": subject,
        "code": concept("http://loinc.org", code, name),
        "effectiveDateTime": day(rng, 2022, 4),
        "valueQuantity": { "value": f64::from(tenths) / 10.0, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit },
    }));
    let (code, name) = picture.procedure;
    person.resources.push(json!({
        "resourceType": "Procedure", "id": uuid(rng), "status": "completed", "subject": subject,
        "code": concept("http://snomed.info/sct", code, name),
        "performedDateTime": day(rng, 2022, 4),
    }));
    request(rng, person, subject, picture);
}

/// The first medication stands in a resource of its own, the others in their request.
fn request(rng: &mut impl Rng, person: &mut Person, subject: &Value, picture: &Picture) {
    let (code, name) = picture.medication;
    let medication = concept("http://www.nlm.nih.gov/research/umls/rxnorm", code, name);
    let mut request = json!({
        "resourceType": "MedicationRequest", "id": uuid(rng), "status": "active", "intent": "order",
        "subject": subject, "authoredOn": day(rng, 2022, 4),
    });
    let (field, value) = if person.medication.is_none() {
        let id = uuid(rng);
        person.medication =
            Some(json!({ "resourceType": "Medication", "id": id, "code": medication }));
        (
            "medicationReference",
            json!({ "reference": format!("Medication/{id}") }),
        )
    } else {
        ("medicationCodeableConcept", medication)
    };
    if let Some(fields) = request.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
    person.resources.push(request);
}

fn condition(rng: &mut impl Rng, subject: &Value, picture: &Picture, dialect: Dialect) -> Value {
    let coding = |system: &str, code: &str, display: &str| json!({ "system": system, "code": code, "display": display });
    let mut codings = match dialect {
        Dialect::German => vec![coding(
            "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
            picture.gm,
            picture.name,
        )],
        Dialect::Other => vec![coding(
            "https://klinik.example/codes",
            picture.icd10cm,
            picture.name,
        )],
        _ => vec![coding(
            "http://hl7.org/fhir/sid/icd-10-cm",
            picture.icd10cm,
            picture.name,
        )],
    };
    let snomed = picture.snomed.filter(|_| dialect == Dialect::American);
    codings.extend(snomed.map(|(code, name)| coding("http://snomed.info/sct", code, name)));
    // Type 2 diabetes in ICD-11, for every patient who is coded otherwise.
    if dialect == Dialect::Other {
        codings.push(coding(
            "http://id.who.int/icd/release/11/mms",
            "5A11",
            "as coded at discharge",
        ));
    }
    let active = if below(rng, 5) == 0 {
        "resolved"
    } else {
        "active"
    };
    json!({
        "resourceType": "Condition", "id": uuid(rng), "subject": subject,
        "clinicalStatus": status("condition-clinical", active),
        "verificationStatus": status("condition-ver-status", "confirmed"),
        "code": { "coding": codings, "text": picture.name },
        "recordedDate": day(rng, 2015, 11),
    })
}

fn status(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code }] })
}

fn concept(system: &str, code: &str, display: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code, "display": display }], "text": display })
}
