//! The code systems that are known by several names, each with its one canonical URI.
//!
//! Compared after: white space trimmed, a `|version` cut off, `urn:oid:`, `http://`, `https://` and
//! `www.` removed, trailing slashes removed, ASCII letters lowered. An unknown system keeps its own
//! URI, trimmed, without version and trailing slashes, its scheme and host in lower case (the path
//! of a URI may be case-sensitive).

/// The system of a coding that names none.
pub const LOCAL: &str = "urn:consilium:local";
/// DICOM's body part examined (0018,0015): defined terms without a coding scheme.
pub const DICOM_BODY_PART: &str = "urn:consilium:dicom:body-part-examined";
/// DICOM's study description (0008,1030), by which departments name their studies.
pub const DICOM_STUDY_DESCRIPTION: &str = "urn:consilium:dicom:study-description";

/// The shared home of ICD-10 categories and blocks, whichever edition a code was taken from.
pub(crate) const ICD10: &str = "http://hl7.org/fhir/sid/icd-10";
/// DICOM Controlled Terminology.
pub(crate) const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";

/// A system's canonical URI and whether its codes are built like ICD-10's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct System {
    pub(crate) uri: String,
    pub(crate) icd10: bool,
}

/// Canonical URI, and the other spellings in compared form (see the module).
type Known = (&'static str, &'static [&'static str]);

/// Editions of ICD-10.
const ICD10_EDITIONS: &[Known] = &[
    (
        ICD10,
        &[
            "hl7.org/fhir/sid/icd-10",
            "icd-10",
            "icd10",
            "i10",
            "2.16.840.1.113883.6.3",
            "id.who.int/icd/release/10",
        ],
    ),
    (
        "http://hl7.org/fhir/sid/icd-10-cm",
        &[
            "hl7.org/fhir/sid/icd-10-cm",
            "icd-10-cm",
            "icd10cm",
            "i10c",
            "2.16.840.1.113883.6.90",
        ],
    ),
    (
        "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
        &[
            "fhir.de/codesystem/bfarm/icd-10-gm",
            "fhir.de/codesystem/dimdi/icd-10-gm",
            "hl7.org/fhir/sid/icd-10-gm",
            "hl7.org/fhir/sid/icd-10-de",
            "icd-10-gm",
            "icd10gm",
        ],
    ),
    (
        "http://hl7.org/fhir/sid/icd-10-am",
        &[
            "hl7.org/fhir/sid/icd-10-am",
            "icd-10-am",
            "2.16.840.1.113883.6.135",
        ],
    ),
    (
        "http://hl7.org/fhir/sid/icd-10-ca",
        &["hl7.org/fhir/sid/icd-10-ca", "icd-10-ca"],
    ),
    (
        "http://hl7.org/fhir/sid/icd-10-nl",
        &["hl7.org/fhir/sid/icd-10-nl", "icd-10-nl"],
    ),
];

/// Every other system known by several names.
const OTHERS: &[Known] = &[
    (
        "http://snomed.info/sct",
        &[
            "snomed.info/sct",
            "snomed",
            "snomed-ct",
            "sct",
            "2.16.840.1.113883.6.96",
        ],
    ),
    ("http://snomed.info/srt", &["srt", "snm3", "99sdm"]),
    (
        "http://loinc.org",
        &["loinc.org", "loinc", "ln", "2.16.840.1.113883.6.1"],
    ),
    (
        "http://www.nlm.nih.gov/research/umls/rxnorm",
        &[
            "nlm.nih.gov/research/umls/rxnorm",
            "rxnorm",
            "2.16.840.1.113883.6.88",
        ],
    ),
    (
        "http://hl7.org/fhir/sid/cvx",
        &["hl7.org/fhir/sid/cvx", "cvx", "2.16.840.1.113883.12.292"],
    ),
    (
        "http://hl7.org/fhir/sid/ndc",
        &["hl7.org/fhir/sid/ndc", "ndc", "2.16.840.1.113883.6.69"],
    ),
    (
        "http://www.whocc.no/atc",
        &["whocc.no/atc", "atc", "2.16.840.1.113883.6.73"],
    ),
    (
        "http://id.who.int/icd/release/11/mms",
        &[
            "id.who.int/icd/release/11/mms",
            "id.who.int/icd11/mms",
            "hl7.org/fhir/sid/icd-11",
            "icd-11",
            "icd11",
        ],
    ),
    (
        "http://hl7.org/fhir/sid/icd-9-cm",
        &[
            "hl7.org/fhir/sid/icd-9-cm",
            "icd-9-cm",
            "i9c",
            "2.16.840.1.113883.6.103",
        ],
    ),
    (
        "http://www.cms.gov/Medicare/Coding/ICD10",
        &[
            "cms.gov/medicare/coding/icd10",
            "hl7.org/fhir/sid/icd-10-pcs",
            "icd-10-pcs",
            "icd10pcs",
            "i10p",
            "2.16.840.1.113883.6.4",
        ],
    ),
    (
        "http://www.ama-assn.org/go/cpt",
        &["ama-assn.org/go/cpt", "cpt", "c4", "2.16.840.1.113883.6.12"],
    ),
    (
        "http://fhir.de/CodeSystem/bfarm/ops",
        &[
            "fhir.de/codesystem/bfarm/ops",
            "fhir.de/codesystem/dimdi/ops",
            "ops",
        ],
    ),
    (
        DCM,
        &[
            "dicom.nema.org/resources/ontology/dcm",
            "dcm",
            "1.2.840.10008.2.16.4",
        ],
    ),
];

/// The canonical form of a system as somebody wrote it.
pub(crate) fn canonical(written: &str) -> System {
    let written = written.split('|').next().unwrap_or_default();
    let written = written
        .trim_start()
        .trim_end_matches(|c: char| c == '/' || c.is_whitespace());
    let compared = compared(written);
    if compared.is_empty() {
        return System {
            uri: LOCAL.to_owned(),
            icd10: false,
        };
    }
    if compared.starts_with("snomed.info/sct/") {
        return System {
            uri: "http://snomed.info/sct".to_owned(),
            icd10: false,
        };
    }
    if let Some(uri) = find(ICD10_EDITIONS, &compared) {
        return System { uri, icd10: true };
    }
    if let Some(uri) = find(OTHERS, &compared) {
        return System { uri, icd10: false };
    }
    System {
        uri: lower_host(written),
        icd10: names_icd10(&compared),
    }
}

fn find(known: &[Known], compared: &str) -> Option<String> {
    known
        .iter()
        .find(|(_, names)| names.contains(&compared))
        .map(|(uri, _)| (*uri).to_owned())
}

fn compared(written: &str) -> String {
    let lower = written.to_ascii_lowercase();
    let mut rest = lower.as_str();
    for prefix in ["urn:oid:", "http://", "https://", "www."] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    rest.to_owned()
}

/// A national edition that we do not list: its codes are still ICD-10's. Procedure codes (PCS) are not.
fn names_icd10(compared: &str) -> bool {
    (compared.contains("icd-10") || compared.contains("icd10") || compared.contains("cim-10"))
        && !compared.contains("pcs")
}

fn lower_host(written: &str) -> String {
    let Some((scheme, rest)) = written.split_once("://") else {
        return written.to_owned();
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!(
        "{}://{}{path}",
        scheme.to_ascii_lowercase(),
        host.to_ascii_lowercase()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_known_system_gives_its_one_uri() {
        for (uri, names) in ICD10_EDITIONS.iter().chain(OTHERS) {
            assert_eq!(canonical(uri).uri, *uri);
            for name in *names {
                assert_eq!(canonical(name).uri, *uri, "{name}");
            }
        }
        for written in [
            "HTTP://SNOMED.info/sct/",
            " http://snomed.info/sct ",
            "https://www.snomed.info/sct",
            "http://snomed.info/sct|http://snomed.info/sct/900000000000207008",
            "http://snomed.info/sct/900000000000207008/version/20230901",
            "urn:oid:2.16.840.1.113883.6.96",
        ] {
            assert_eq!(
                canonical(written).uri,
                "http://snomed.info/sct",
                "{written}"
            );
        }
    }

    #[test]
    fn no_name_stands_for_two_systems() {
        let mut names: Vec<_> = ICD10_EDITIONS
            .iter()
            .chain(OTHERS)
            .flat_map(|(_, names)| names.iter())
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn unknown_systems_keep_their_path_and_lose_slash_and_version() {
        assert_eq!(
            canonical("HTTPS://Example.ORG/Codes/Local/|4").uri,
            "https://example.org/Codes/Local"
        );
        assert_eq!(canonical("urn:x:Local").uri, "urn:x:Local");
        assert_eq!(canonical("  ").uri, LOCAL);
    }

    #[test]
    fn unlisted_national_editions_are_icd10_and_procedure_codes_are_not() {
        assert!(canonical("http://example.at/CodeSystem/icd-10-bmg").icd10);
        assert!(canonical("https://example.fr/terminologie-cim-10").icd10);
        assert!(!canonical("http://hl7.org/fhir/sid/icd-10-pcs").icd10);
        assert!(!canonical("http://id.who.int/icd/release/11/mms").icd10);
    }
}
