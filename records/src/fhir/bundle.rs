//! A Bundle taken apart: its resources as they stand, each with the patients it belongs to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::links::text;
use super::resource::Head;
use crate::refusal::Refusal;

/// One resource of a Bundle.
pub(crate) struct BundleEntry<'a> {
    pub(crate) index: usize,
    pub(crate) full_url: Option<String>,
    pub(crate) json: &'a str,
    pub(crate) head: Head,
    /// The ids of the patients it belongs to; of a Patient, its own.
    pub(crate) patients: BTreeSet<String>,
}

/// The resources of a Bundle of any type.
pub(crate) struct Bundle<'a> {
    pub(crate) entries: Vec<BundleEntry<'a>>,
}

#[derive(Deserialize)]
struct RawBundle<'a> {
    #[serde(borrow)]
    entry: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawEntry<'a> {
    #[serde(borrow, rename = "fullUrl")]
    full_url: Option<&'a RawValue>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
}

impl<'a> Bundle<'a> {
    /// Takes apart a JSON text that was checked and says that it is a Bundle.
    ///
    /// Entries without a resource (deletions, answers to a transaction) are passed over.
    pub(crate) fn parse(json: &'a str) -> Result<Self, Refusal> {
        let bundle: RawBundle<'a> = serde_json::from_str(json)
            .map_err(|_| Refusal::malformed("Bundle", "has a field twice"))?;
        let entries: Vec<&'a RawValue> = match bundle.entry {
            None => Vec::new(),
            Some(entry) => serde_json::from_str(entry.get())
                .map_err(|_| Refusal::malformed("Bundle.entry", "must be a list"))?,
        };
        let mut parsed = Vec::with_capacity(entries.len());
        for (index, entry) in entries.into_iter().enumerate() {
            parsed.extend(parse_entry(index, entry)?);
        }
        let mut bundle = Self { entries: parsed };
        bundle.resolve();
        Ok(bundle)
    }

    /// The ids of all patients that the Bundle is about.
    pub(crate) fn patients(&self) -> BTreeSet<&str> {
        self.entries
            .iter()
            .flat_map(|entry| entry.patients.iter().map(String::as_str))
            .collect()
    }

    /// Turns references into ids of patients: by `fullUrl` within the Bundle, else by what they say.
    fn resolve(&mut self) {
        let mut by_url = BTreeMap::new();
        for entry in &mut self.entries {
            let id = (entry.head.kind == "Patient").then(|| patient_id(entry));
            entry.patients.extend(id.clone());
            if let Some(url) = &entry.full_url {
                by_url.insert(url.clone(), id);
            }
        }
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.head.kind != "Patient")
        {
            let ids =
                entry
                    .head
                    .links
                    .iter()
                    .filter_map(|link| match by_url.get(link.reference()) {
                        Some(id) => id.clone(),
                        None => link.patient_id().map(str::to_owned),
                    });
            entry.patients = ids.collect();
        }
    }
}

/// A Patient's id; without one the end of its `fullUrl`; without that a name that no reference has.
fn patient_id(entry: &BundleEntry<'_>) -> String {
    let from_url = || {
        let url = entry.full_url.as_deref()?;
        url.rsplit(['/', ':'])
            .next()
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
    };
    entry
        .head
        .id
        .clone()
        .or_else(from_url)
        .unwrap_or_else(|| format!("#entry{}", entry.index))
}

fn parse_entry(index: usize, entry: &RawValue) -> Result<Option<BundleEntry<'_>>, Refusal> {
    let at = |field: &str, rule| Refusal::malformed(format!("Bundle.entry[{index}]{field}"), rule);
    let parsed: RawEntry<'_> = serde_json::from_str(entry.get())
        .map_err(|_| at("", "must be an object, each field once"))?;
    let Some(resource) = parsed.resource else {
        return Ok(None);
    };
    let head = Head::parse(resource.get()).map_err(|refusal| match refusal {
        Refusal::NoResourceType => at(".resource", "must be a resource with a resourceType"),
        Refusal::Malformed { rule, .. } => at(".resource", rule),
        other => other,
    })?;
    if head.kind == "Bundle" {
        return Err(Refusal::BundleOfBundles { entry: index });
    }
    let full_url = parsed.full_url.and_then(text);
    let patients = BTreeSet::new();
    Ok(Some(BundleEntry {
        index,
        full_url,
        json: resource.get(),
        head,
        patients,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(json: &str) -> Refusal {
        Bundle::parse(json).err().expect("refused")
    }

    #[test]
    fn references_resolve_by_full_url_and_by_id() {
        let bundle = Bundle::parse(
            r#"{"resourceType":"Bundle","type":"transaction","entry":[
              {"fullUrl":"urn:uuid:u1","resource":{"resourceType":"Patient","id":"p1"}},
              {"fullUrl":"urn:uuid:u2","resource":{"resourceType":"Group","id":"g"}},
              {"resource":{"resourceType":"Condition","subject":{"reference":"urn:uuid:u1"}}},
              {"resource":{"resourceType":"Condition","subject":{"reference":"Patient/p2"}}},
              {"resource":{"resourceType":"Condition","subject":{"reference":"urn:uuid:u2"}}},
              {"request":{"method":"DELETE","url":"Patient/9"}}]}"#,
        )
        .unwrap();
        assert_eq!(bundle.entries.len(), 5);
        assert_eq!(
            bundle.patients().into_iter().collect::<Vec<_>>(),
            ["p1", "p2"]
        );
        assert!(
            bundle.entries[4].patients.is_empty(),
            "a group is no patient"
        );
    }

    #[test]
    fn patients_without_id_are_known_by_full_url() {
        let of = |url: &str| {
            let json = format!(r#"{{"entry":[{{{url}"resource":{{"resourceType":"Patient"}}}}]}}"#);
            Bundle::parse(&json).unwrap().entries[0]
                .patients
                .first()
                .cloned()
                .unwrap()
        };
        assert_eq!(of(r#""fullUrl":"urn:uuid:abc","#), "abc");
        assert_eq!(of(r#""fullUrl":"https://h.example/Patient/7","#), "7");
        assert_eq!(of(""), "#entry0");
    }

    #[test]
    fn wrong_shapes_are_named() {
        let inner = r#"{"entry":[{"resource":{"resourceType":"Patient"}},{"resource":{"resourceType":"Bundle"}}]}"#;
        assert_eq!(refusal(inner), Refusal::BundleOfBundles { entry: 1 });
        assert_eq!(
            refusal(r#"{"entry": {}}"#).to_string(),
            "malformed FHIR: Bundle.entry must be a list"
        );
        assert!(
            refusal(r#"{"entry": [5]}"#)
                .to_string()
                .contains("Bundle.entry[0] must be an object")
        );
        let nameless = refusal(r#"{"entry": [{"resource": {"id": "x"}}]}"#);
        assert!(
            nameless
                .to_string()
                .contains("Bundle.entry[0].resource must be a resource")
        );
        let unknown = refusal(r#"{"entry": [{"resource": {"resourceType": "Nonsense"}}]}"#);
        assert_eq!(
            unknown,
            Refusal::UnknownResource {
                name: "Nonsense".into()
            }
        );
    }
}
