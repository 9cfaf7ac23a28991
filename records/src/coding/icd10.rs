//! The shape of ICD-10 codes, the same in every edition: category, subcategory, block.
//!
//! A code is a letter, a digit, a digit or letter (the category), and after a full stop up to four
//! more. Written forms accepted beside that: lower case, no full stop (`E119`), a trailing full stop
//! or hyphen for "the whole category" (`E11.-`), and the German and WHO marks `+`, `*`, `!`, `#` behind it.

use super::icd10_blocks::block_of;

/// A code in its one spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Icd10 {
    /// A range of categories, as `E10-E14`.
    Block(String),
    /// Three characters, as `E11`.
    Category(String),
    /// More than three, as `E11.9`.
    Subcategory(String),
}

impl Icd10 {
    /// Reads one written form; `None` if it is not shaped like ICD-10.
    pub(crate) fn parse(written: &str) -> Option<Self> {
        let code = written.trim().to_ascii_uppercase();
        if let Some(block) = parse_block(&code) {
            return Some(Self::Block(block));
        }
        let code = code
            .trim_end_matches(['+', '*', '!', '#'])
            .trim_end_matches(['-', '.']);
        let plain: String = match code.split_once('.') {
            Some((head, tail)) if head.len() == 3 => format!("{head}{tail}"),
            Some(_) => return None,
            None => code.to_owned(),
        };
        let (category, tail) = plain.split_at_checked(3)?;
        let shaped = is_category(category)
            && tail.len() <= 4
            && tail
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        match (shaped, tail) {
            (false, _) => None,
            (true, "") => Some(Self::Category(category.to_owned())),
            (true, tail) => Some(Self::Subcategory(format!("{category}.{tail}"))),
        }
    }

    /// The broader codes: the category if this is below one, then the block.
    pub(crate) fn broader(&self) -> Vec<Icd10> {
        let category = match self {
            Self::Block(_) => return Vec::new(),
            Self::Category(code) => code.as_str(),
            Self::Subcategory(code) => code.split('.').next().unwrap_or_default(),
        };
        let block = block_of(category).map(Self::Block);
        match self {
            Self::Subcategory(_) => std::iter::once(Self::Category(category.to_owned()))
                .chain(block)
                .collect(),
            _ => block.into_iter().collect(),
        }
    }

    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Block(code) | Self::Category(code) | Self::Subcategory(code) => code,
        }
    }
}

fn is_category(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b, c]
        if a.is_ascii_uppercase() && b.is_ascii_digit() && (c.is_ascii_digit() || c.is_ascii_uppercase()))
}

fn parse_block(code: &str) -> Option<String> {
    let (first, last) = code.split_once(['-', '–'])?;
    (is_category(first) && is_category(last) && first <= last).then(|| format!("{first}-{last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_forms_give_one_spelling() {
        for written in ["E11.9", "e11.9", " E119 ", "E11.9+", "E11.9*", "E11.9!"] {
            assert_eq!(Icd10::parse(written).unwrap().code(), "E11.9", "{written}");
        }
        for written in ["E11", "E11.", "E11.-", "e11-"] {
            assert_eq!(
                Icd10::parse(written),
                Some(Icd10::Category("E11".into())),
                "{written}"
            );
        }
        assert_eq!(Icd10::parse("S04.032A").unwrap().code(), "S04.032A");
        assert_eq!(Icd10::parse("h21.1x3").unwrap().code(), "H21.1X3");
        assert_eq!(
            Icd10::parse("e10-E14"),
            Some(Icd10::Block("E10-E14".into()))
        );
    }

    #[test]
    fn other_shapes_are_no_icd10() {
        for written in [
            "",
            "E1",
            "11E",
            "EE1.9",
            "E11.99999",
            "E1.19",
            "44054006",
            "E11.9.1",
            "E14-E10",
            "É11.9",
        ] {
            assert_eq!(Icd10::parse(written), None, "{written}");
        }
    }

    #[test]
    fn broader_is_category_then_block() {
        let codes = |written: &str| {
            Icd10::parse(written)
                .unwrap()
                .broader()
                .iter()
                .map(|c| c.code().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(codes("E11.9"), ["E11", "E10-E14"]);
        assert_eq!(codes("E11"), ["E10-E14"]);
        assert_eq!(codes("E10-E14"), [""; 0]);
        assert_eq!(
            codes("Z68.1"),
            ["Z68"],
            "a category outside the WHO's blocks has no block"
        );
    }
}
