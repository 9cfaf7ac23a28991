//! The keyword: what a record can be found by.
//!
//! | paper | here |
//! |---|---|
//! | keyword w | [`Keyword`], the text `system\|code` |
//!
//! One spelling, so that patient and doctor, who never see each other's text, blind the same bytes:
//! the system is the canonical URI; the code is trimmed, inner white space made one space, ASCII
//! letters raised. Codes of every edition of ICD-10 have one shape ([`Keyword::broader`]); their
//! categories and blocks stand under the one system of the WHO, so that an interest in `E11` finds
//! `E11.9` whether it was written in ICD-10, ICD-10-CM or ICD-10-GM. The subcategories stay in their
//! edition, because editions give them different meanings.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::icd10::Icd10;
use super::systems::{ICD10, System, canonical};

/// A code of a code system, in its one spelling: `system|code`, at most 256 bytes of UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keyword {
    text: String,
    bar: usize,
    breadth: Breadth,
}

/// How specific a keyword is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Breadth {
    /// A code as recorded.
    Code,
    /// An ICD-10 category, as `E11`.
    Category,
    /// An ICD-10 block, as `E10-E14`.
    Block,
}

/// Why a text is not a keyword.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeywordError {
    /// There is no code.
    #[error("a keyword needs a code: write system|code, as icd-10|E11.9")]
    NoCode,
    /// Longer than [`Keyword::MAX_BYTES`].
    #[error("a keyword is at most {max} bytes long, this one has {len}", max = Keyword::MAX_BYTES)]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Control characters.
    #[error("a keyword has no control characters")]
    Control,
}

impl Keyword {
    /// The longest keyword, in bytes of `system|code`.
    pub const MAX_BYTES: usize = 256;

    /// The keyword of a coding, whatever way its system and code are written.
    ///
    /// # Errors
    /// No code, control characters, or more than [`Self::MAX_BYTES`].
    pub fn new(system: &str, code: &str) -> Result<Self, KeywordError> {
        if system
            .chars()
            .chain(code.trim().chars())
            .any(|c| c.is_control() && !c.is_whitespace())
        {
            return Err(KeywordError::Control);
        }
        let system = canonical(&single_spaced(system));
        match Icd10::parse(code).filter(|_| system.icd10) {
            Some(icd10) => Self::icd10(&system, &icd10),
            None => Self::build(
                &system.uri,
                &single_spaced(code).to_ascii_uppercase(),
                Breadth::Code,
            ),
        }
    }

    fn icd10(system: &System, code: &Icd10) -> Result<Self, KeywordError> {
        let (home, breadth) = match code {
            Icd10::Subcategory(_) => (system.uri.as_str(), Breadth::Code),
            Icd10::Category(_) => (ICD10, Breadth::Category),
            Icd10::Block(_) => (ICD10, Breadth::Block),
        };
        Self::build(home, code.code(), breadth)
    }

    fn build(system: &str, code: &str, breadth: Breadth) -> Result<Self, KeywordError> {
        if code.is_empty() {
            return Err(KeywordError::NoCode);
        }
        let text = format!("{system}|{code}");
        if text.len() > Self::MAX_BYTES {
            return Err(KeywordError::TooLong { len: text.len() });
        }
        Ok(Self {
            bar: system.len(),
            text,
            breadth,
        })
    }

    /// The canonical text, `system|code`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The canonical URI of the code system.
    #[must_use]
    pub fn system(&self) -> &str {
        self.text.get(..self.bar).unwrap_or_default()
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.text
            .get(self.bar.saturating_add(1)..)
            .unwrap_or_default()
    }

    /// How specific it is.
    #[must_use]
    pub fn breadth(&self) -> Breadth {
        self.breadth
    }

    /// The broader keywords, nearest first: for ICD-10 the category and the block, for others none.
    #[must_use]
    pub fn broader(&self) -> Vec<Keyword> {
        let system = canonical(self.system());
        Icd10::parse(self.code())
            .filter(|_| system.icd10)
            .iter()
            .flat_map(Icd10::broader)
            .filter_map(|code| Self::icd10(&system, &code).ok())
            .collect()
    }
}

/// White space trimmed, inner runs of it made one space.
pub(crate) fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl FromStr for Keyword {
    type Err = KeywordError;

    /// Reads `system|code`; the system may be a URI, an OID or a short name as `icd-10`.
    fn from_str(text: &str) -> Result<Self, KeywordError> {
        let (system, code) = text.split_once('|').ok_or(KeywordError::NoCode)?;
        Self::new(system, code)
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyword({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keyword(text: &str) -> Keyword {
        text.parse().unwrap()
    }

    #[test]
    fn an_interest_in_a_category_finds_the_code_of_every_edition() {
        let interest = keyword("icd-10|E11");
        for code in [
            "http://hl7.org/fhir/sid/icd-10|E11.9",
            "http://hl7.org/fhir/sid/icd-10-cm|E11.65",
            "http://fhir.de/CodeSystem/bfarm/icd-10-gm|E11.90",
            "http://fhir.de/CodeSystem/dimdi/icd-10-gm|E11.90",
            "urn:oid:2.16.840.1.113883.6.90|e1165",
            "http://example.at/CodeSystem/icd-10-bmg|E11.9",
        ] {
            assert!(keyword(code).broader().contains(&interest), "{code}");
            assert!(
                keyword(code)
                    .broader()
                    .contains(&keyword("icd-10-cm|E10-E14")),
                "{code}"
            );
        }
        assert_eq!(keyword("icd-10-gm|E11.-"), interest);
        assert!(!keyword("icd-10|E12.9").broader().contains(&interest));
        assert!(keyword("icd-11|5A11").broader().is_empty());
        assert!(keyword("snomed|44054006").broader().is_empty());
    }

    #[test]
    fn subcategories_of_different_editions_stay_apart() {
        assert_ne!(keyword("icd-10-cm|E11.9"), keyword("icd-10|E11.9"));
        assert_eq!(
            keyword("icd-10-cm|E11.9").as_str(),
            "http://hl7.org/fhir/sid/icd-10-cm|E11.9"
        );
    }

    #[test]
    fn local_codes_are_folded_and_bounded() {
        assert_eq!(
            keyword(" urn:x:Local |  abc   D ").as_str(),
            "urn:x:Local|ABC D"
        );
        assert_eq!(keyword("|a1").as_str(), "urn:consilium:local|A1");
        assert_eq!("icd-10|  ".parse::<Keyword>(), Err(KeywordError::NoCode));
        assert_eq!("E11.9".parse::<Keyword>(), Err(KeywordError::NoCode));
        assert_eq!(Keyword::new("urn:x", "a\u{0}b"), Err(KeywordError::Control));
        let long = Keyword::new("urn:x", &"a".repeat(251));
        assert_eq!(long, Err(KeywordError::TooLong { len: 257 }));
        assert!(Keyword::new("urn:x", &"a".repeat(250)).is_ok());
    }

    proptest! {
        #[test]
        fn the_spelling_is_stable_and_the_broader_ones_end(system in ".{0,40}", code in "\\PC{1,12}") {
            if let Ok(keyword) = Keyword::new(&system, &code) {
                prop_assert_eq!(keyword.as_str().parse::<Keyword>(), Ok(keyword.clone()));
                prop_assert!(keyword.as_str().len() <= Keyword::MAX_BYTES);
                for broader in keyword.broader() {
                    prop_assert!(broader.breadth() > keyword.breadth());
                    prop_assert_eq!(broader.as_str().parse::<Keyword>(), Ok(broader.clone()));
                }
            }
        }

        #[test]
        fn every_icd10_code_has_its_category(letter in "[A-Z]", two in "[0-9][0-9A-Z]", rest in "[0-9A-Z]{1,4}") {
            let keyword = Keyword::new("icd-10-cm", &format!("{letter}{two}.{rest}")).unwrap();
            let category = Keyword::new("icd-10", &format!("{letter}{two}")).unwrap();
            prop_assert_eq!(keyword.broader().into_iter().next(), Some(category));
        }
    }
}
