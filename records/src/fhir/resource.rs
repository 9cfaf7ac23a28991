//! The few fields by which resources are told apart and put together.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::links::{PatientLink, links, text};
use super::resource_types::known;
use crate::refusal::Refusal;

/// Type, id and patient references of one resource.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) kind: &'static str,
    pub(crate) id: Option<String>,
    pub(crate) links: BTreeSet<PatientLink>,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "resourceType")]
    resource_type: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    subject: Option<&'a RawValue>,
    #[serde(borrow)]
    patient: Option<&'a RawValue>,
    #[serde(borrow)]
    beneficiary: Option<&'a RawValue>,
    #[serde(borrow)]
    individual: Option<&'a RawValue>,
    #[serde(borrow, rename = "for")]
    task_for: Option<&'a RawValue>,
    #[serde(borrow)]
    participant: Option<&'a RawValue>,
}

impl Head {
    /// Reads the head of a JSON text that was checked before.
    pub(crate) fn parse(json: &str) -> Result<Self, Refusal> {
        if !json.trim_start().starts_with('{') {
            return Err(Refusal::NoResourceType);
        }
        let fields: Fields<'_> = serde_json::from_str(json)
            .map_err(|_| Refusal::malformed("the resource", "has a field twice"))?;
        let name = fields
            .resource_type
            .and_then(text)
            .ok_or(Refusal::NoResourceType)?;
        let kind = known(&name).ok_or_else(|| Refusal::UnknownResource {
            name: name.chars().take(64).collect(),
        })?;
        Ok(Self {
            kind,
            id: fields.id.and_then(text).filter(|id| !id.is_empty()),
            links: fields.links(),
        })
    }
}

impl Fields<'_> {
    fn links(&self) -> BTreeSet<PatientLink> {
        [
            self.subject,
            self.patient,
            self.beneficiary,
            self.individual,
            self.task_for,
            self.participant,
        ]
        .into_iter()
        .flatten()
        .flat_map(links)
        .collect()
    }
}

/// What tells two Patient resources of the same id apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct PatientFacts {
    name: Option<String>,
    birth_date: Option<String>,
    gender: Option<String>,
    identifiers: BTreeSet<(String, String)>,
    content: String,
}

impl PatientFacts {
    /// Reads them from a Patient resource; what is missing or of another shape is absent.
    pub(crate) fn parse(json: &str) -> Self {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(json) else {
            return Self::default();
        };
        fields.remove("meta");
        fields.remove("text");
        let string = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
        let (birth_date, gender) = (string("birthDate"), string("gender"));
        let name = fields
            .get("name")
            .and_then(|names| names.get(0))
            .and_then(full_name);
        let identifiers = fields
            .get("identifier")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|identifier| {
                let part = |key| {
                    identifier
                        .get(key)
                        .and_then(Value::as_str)
                        .map(str::to_owned)
                };
                Some((part("system")?, part("value")?))
            })
            .collect();
        Self {
            name,
            birth_date,
            gender,
            identifiers,
            content: Value::Object(fields).to_string(),
        }
    }

    /// A name for human eyes.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// These two cannot be one person: another day of birth, another gender, or other numbers in
    /// every system of identifiers that both have.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        let shares_system = self
            .identifiers
            .iter()
            .any(|(system, _)| other.identifiers.iter().any(|(theirs, _)| theirs == system));
        differ(&self.birth_date, &other.birth_date)
            || differ(&self.gender, &other.gender)
            || (shares_system && !self.shares_identifier(other))
    }

    /// These two are one person: a number in common, or all the same and enough to know by.
    pub(crate) fn same_person(&self, other: &Self) -> bool {
        let knowable =
            !self.identifiers.is_empty() || (self.name.is_some() && self.birth_date.is_some());
        !self.contradicts(other)
            && (self.shares_identifier(other) || (knowable && self.content == other.content))
    }

    fn shares_identifier(&self, other: &Self) -> bool {
        !self.identifiers.is_disjoint(&other.identifiers)
    }
}

fn full_name(name: &Value) -> Option<String> {
    if let Some(text) = name.get("text").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    let given = name
        .get("given")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let words: Vec<_> = given
        .filter_map(Value::as_str)
        .chain(name.get("family").and_then(Value::as_str))
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(json: &str) -> PatientFacts {
        PatientFacts::parse(json)
    }

    #[test]
    fn heads_are_read_and_wrong_ones_named() {
        let head = Head::parse(
            r#"{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/1"}}"#,
        );
        let head = head.unwrap();
        assert_eq!(
            (head.kind, head.id.as_deref(), head.links.len()),
            ("Condition", Some("c"), 1)
        );
        assert_eq!(Head::parse("[]").unwrap_err(), Refusal::NoResourceType);
        assert_eq!(
            Head::parse(r#"{"resourceType": 7}"#).unwrap_err(),
            Refusal::NoResourceType
        );
        let unknown = Head::parse(r#"{"resourceType": "Nonsense"}"#).unwrap_err();
        assert_eq!(
            unknown,
            Refusal::UnknownResource {
                name: "Nonsense".into()
            }
        );
        let twice = Head::parse(r#"{"resourceType": "Patient", "id": "1", "id": "2"}"#);
        assert!(matches!(twice, Err(Refusal::Malformed { .. })));
    }

    #[test]
    fn one_person_needs_evidence_and_no_contradiction() {
        let a = facts(
            r#"{"id":"1","birthDate":"1970-01-01","identifier":[{"system":"s","value":"7"}]}"#,
        );
        let b = facts(
            r#"{"id":"1","meta":{"versionId":"2"},"identifier":[{"system":"s","value":"7"}]}"#,
        );
        let c = facts(
            r#"{"id":"1","birthDate":"1980-01-01","identifier":[{"system":"s","value":"7"}]}"#,
        );
        let bare = facts(r#"{"id":"1"}"#);
        assert!(a.same_person(&b) && b.same_person(&c));
        assert!(a.contradicts(&c) && !a.same_person(&c));
        assert!(!bare.same_person(&bare), "an id alone is nobody");
        assert!(!bare.contradicts(&a));
        let other = facts(r#"{"id":"1","identifier":[{"system":"s","value":"8"}]}"#);
        assert!(other.contradicts(&b));
    }
}
