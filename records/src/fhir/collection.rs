//! One collection Bundle of a patient's resources from several files.
//!
//! Each resource stands in it byte for byte as it was read. The order is Patient first, then by
//! type, id and text, whichever order the files had; a resource that is there twice stands once.
//! An entry without a `fullUrl` gets one under a base that leads nowhere, so that relative
//! references resolve inside the Bundle as FHIR says (R4, Bundle, 2.36.4).

/// The base under which entries get their `fullUrl`; `.invalid` is reserved (RFC 2606).
const BASE: &str = "https://record.invalid/fhir";

/// A resource for the collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member<'a> {
    pub(crate) kind: &'a str,
    pub(crate) id: Option<&'a str>,
    pub(crate) full_url: Option<&'a str>,
    pub(crate) json: &'a str,
}

/// Puts members in their order, each once.
pub(crate) fn collection(mut members: Vec<Member<'_>>) -> (Vec<Member<'_>>, Vec<u8>) {
    members.sort_by(|a, b| {
        (
            (a.kind != "Patient"),
            a.kind,
            a.id,
            a.json.trim(),
            a.full_url,
        )
            .cmp(&(
                (b.kind != "Patient"),
                b.kind,
                b.id,
                b.json.trim(),
                b.full_url,
            ))
    });
    members.dedup_by(|a, b| (a.kind, a.id, a.json.trim()) == (b.kind, b.id, b.json.trim()));
    let bytes = write(&members);
    (members, bytes)
}

fn write(members: &[Member<'_>]) -> Vec<u8> {
    let size = members
        .iter()
        .map(|member| member.json.len().saturating_add(128))
        .sum();
    let mut out = String::with_capacity(size);
    out.push_str(r#"{"resourceType":"Bundle","type":"collection","entry":["#);
    for (index, member) in members.iter().enumerate() {
        out.push_str(if index == 0 { "\n{" } else { ",\n{" });
        if let Some(url) = full_url(member) {
            out.push_str("\"fullUrl\":");
            out.push_str(&serde_json::Value::String(url).to_string());
            out.push(',');
        }
        out.push_str("\"resource\":");
        out.push_str(member.json.trim());
        out.push('}');
    }
    out.push_str("\n]}\n");
    out.into_bytes()
}

fn full_url(member: &Member<'_>) -> Option<String> {
    let made = || member.id.map(|id| format!("{BASE}/{}/{id}", member.kind));
    member.full_url.map(str::to_owned).or_else(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_files_does_not_matter_and_numbers_stay_as_written() {
        let patient = Member {
            kind: "Patient",
            id: Some("1"),
            full_url: None,
            json: "{\"a\":1.10}",
        };
        let a = Member {
            kind: "Condition",
            id: Some("a"),
            full_url: None,
            json: "{}",
        };
        let b = Member {
            kind: "Condition",
            id: Some("b"),
            full_url: Some("urn:uuid:b"),
            json: "{}\n",
        };
        let (_, first) = collection(vec![b, a, patient, a]);
        let (members, second) = collection(vec![a, patient, b, b]);
        assert_eq!(first, second);
        assert_eq!(
            members.iter().map(|m| m.kind).collect::<Vec<_>>(),
            ["Patient", "Condition", "Condition"]
        );
        let text = String::from_utf8(first).unwrap();
        assert!(text.contains("1.10"));
        assert!(text.contains("\"fullUrl\":\"https://record.invalid/fhir/Patient/1\""));
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
