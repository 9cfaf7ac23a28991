//! From a record's keywords to those that tokens are made of: the one place where the two meet.

use consilium_records as records;
use consilium_schemes::tokens;

/// Keywords ready for tokens, and those that cannot be.
#[derive(Default)]
pub struct Converted {
    /// In their order.
    pub keywords: Vec<tokens::Keyword>,
    /// Left out, each with the reason; shown to the caller, never dropped silently.
    pub dropped: Vec<Dropped>,
}

/// A keyword that no token can be made of.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Dropped {
    /// Its text.
    pub keyword: String,
    /// The rule it breaks.
    pub reason: String,
}

/// Converts: both sides spell a keyword `system|CODE`, so nothing is changed, only checked.
pub fn convert<'a>(chosen: impl IntoIterator<Item = &'a records::Keyword>) -> Converted {
    let mut converted = Converted::default();
    for keyword in chosen {
        match keyword.as_str().parse() {
            Ok(parsed) => converted.keywords.push(parsed),
            Err(error) => converted.dropped.push(dropped(keyword, error)),
        }
    }
    converted
}

fn dropped(keyword: &records::Keyword, error: tokens::KeywordError) -> Dropped {
    Dropped {
        keyword: keyword.as_str().to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_records_normalise_becomes_a_token_keyword_of_the_same_text() {
        for text in [
            "icd-10-cm|E11.9",
            "urn:x:Local | abc  D ",
            "|a1",
            "snomed|44054006",
        ] {
            let keyword: records::Keyword = text.parse().unwrap();
            let converted = convert([&keyword]);
            assert!(converted.dropped.is_empty(), "{text}");
            assert_eq!(converted.keywords[0].expose(), keyword.as_str());
        }
    }
}
