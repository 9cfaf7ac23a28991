//! Which patient a resource belongs to.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A reference, where a patient may stand, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PatientLink(String);

impl PatientLink {
    /// The reference as it is written.
    pub(crate) fn reference(&self) -> &str {
        &self.0
    }

    /// The logical id, if this names a patient: `Patient/1`, `https://…/Patient/1`, either with
    /// `/_history/…`, or `urn:uuid:…`.
    pub(crate) fn patient_id(&self) -> Option<&str> {
        let reference = self
            .0
            .split_once("/_history/")
            .map_or(self.0.as_str(), |(head, _)| head);
        let id = ["urn:uuid:", "urn:oid:"]
            .iter()
            .find_map(|prefix| reference.strip_prefix(prefix))
            .or_else(|| reference.strip_prefix("Patient/"))
            .or_else(|| reference.rsplit_once("/Patient/").map(|(_, id)| id))?;
        (!id.is_empty() && !id.contains(['/', '?', '#'])).then_some(id)
    }
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow)]
    reference: Option<&'a RawValue>,
    #[serde(borrow)]
    actor: Option<&'a RawValue>,
}

/// The references in a field that holds one, several, or participants with an actor each.
pub(crate) fn links(field: &RawValue) -> Vec<PatientLink> {
    let text = field.get();
    if let Ok(several) = serde_json::from_str::<Vec<&RawValue>>(text) {
        return several.into_iter().filter_map(link).collect();
    }
    link(field).into_iter().collect()
}

fn link(field: &RawValue) -> Option<PatientLink> {
    let parsed: Reference<'_> = serde_json::from_str(field.get()).ok()?;
    match (parsed.reference, parsed.actor) {
        (Some(reference), _) => text(reference).map(PatientLink),
        (None, Some(actor)) => {
            let actor: Reference<'_> = serde_json::from_str(actor.get()).ok()?;
            actor.reference.and_then(text).map(PatientLink)
        }
        (None, None) => None,
    }
}

/// A JSON string's value.
pub(crate) fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(reference: &str) -> Option<String> {
        PatientLink(reference.to_owned())
            .patient_id()
            .map(str::to_owned)
    }

    #[test]
    fn only_references_to_patients_name_one() {
        assert_eq!(id("Patient/1").as_deref(), Some("1"));
        assert_eq!(
            id("https://h.example/fhir/Patient/1/_history/2").as_deref(),
            Some("1")
        );
        assert_eq!(id("urn:uuid:a-b").as_deref(), Some("a-b"));
        for other in [
            "Group/1",
            "#p",
            "Patient/",
            "Patient?identifier=1",
            "Patient/1/x",
            "Patient",
        ] {
            assert_eq!(id(other), None, "{other}");
        }
    }

    #[test]
    fn references_are_found_alone_in_lists_and_with_actors() {
        let count = |json: &str| links(serde_json::from_str(json).unwrap()).len();
        assert_eq!(count(r#"{"reference": "Patient/1"}"#), 1);
        assert_eq!(
            count(r#"[{"reference": "Patient/1"}, {"actor": {"reference": "Patient/2"}}]"#),
            2
        );
        assert_eq!(count(r#"{"display": "somebody"}"#), 0);
        assert_eq!(count(r#""Patient/1""#), 0);
        assert_eq!(count(r#"[1, null, {"reference": 5}]"#), 0);
    }
}
