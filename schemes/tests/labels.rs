//! No two domain-separation labels of the workspace are equal.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file of a `src` folder below this one.
fn sources(folder: &Path, inside_src: bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "tests" {
            sources(&path, inside_src || name == "src", found);
        } else if inside_src && name.ends_with(".rs") && !name.starts_with("test") {
            found.push(path);
        }
    }
}

/// The text of each label that a file makes: a whole string literal, not the common beginning of several.
fn labels(text: &str) -> impl Iterator<Item = &str> {
    let literals = text.split("\"CONSILIUM-V1-").skip(1);
    literals
        .filter_map(|rest| rest.split('"').next())
        .filter(|label| {
            let plain = label
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
            plain && !label.is_empty() && !label.ends_with('-') && !label.starts_with("TEST")
        })
}

#[test]
fn labels_are_unique() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    sources(root, false, &mut files);
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for label in labels(&text) {
            if let Some(first) = seen.insert(label.to_owned(), file.clone()) {
                panic!("{label} in {} and in {}", first.display(), file.display());
            }
        }
    }
    for name in [
        "NODE",
        "POP",
        "POP-NONCE",
        "ATTR",
        "TIME",
        "W",
        "ENC",
        "MASK",
        "SYMKEY",
    ] {
        assert!(
            seen.contains_key(&format!("ABE-{name}")),
            "{name} was not found"
        );
    }
}
