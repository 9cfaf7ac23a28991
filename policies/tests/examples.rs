//! The example files: each parses, prints back, and suits exactly the roles it is meant for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use consilium_policies::{AttributeSet, Policy};

fn files<T: FromStr<Err: std::fmt::Debug>>(extension: &str) -> BTreeMap<String, T> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let wanted = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    wanted
        .map(|path| {
            let role = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let parsed = fs::read_to_string(&path).unwrap().parse();
            (
                role.clone(),
                parsed.unwrap_or_else(|error| panic!("{role}: {error:?}")),
            )
        })
        .collect()
}

#[test]
fn every_policy_prints_in_canonical_form_and_parses_back() {
    let policies = files::<Policy>("policy");
    assert_eq!(policies.len(), 10);
    for (role, policy) in policies {
        assert_eq!(policy.to_string().parse(), Ok(policy.clone()), "{role}");
        assert_eq!(Policy::from_bytes(&policy.to_bytes()), Ok(policy), "{role}");
    }
}

#[test]
fn every_attribute_file_prints_in_canonical_form_and_parses_back() {
    for (role, attributes) in files::<AttributeSet>("attributes") {
        assert_eq!(
            attributes.to_string().parse(),
            Ok(attributes.clone()),
            "{role}"
        );
        assert_eq!(
            AttributeSet::from_bytes(&attributes.to_bytes()),
            Ok(attributes),
            "{role}"
        );
    }
}

#[test]
fn each_role_satisfies_its_own_policy_and_nobody_elses() {
    let (policies, roles) = (
        files::<Policy>("policy"),
        files::<AttributeSet>("attributes"),
    );
    assert!(policies.keys().eq(roles.keys()));
    for (wanted, policy) in &policies {
        let suited: Vec<_> = roles
            .iter()
            .filter(|(_, set)| policy.is_satisfied_by(set))
            .map(|(role, _)| role.as_str())
            .collect();
        let expected = match wanted.as_str() {
            "cardiologist" => vec!["cardiologist", "intensive-care"],
            own => vec![own],
        };
        assert_eq!(suited, expected, "{wanted}");
    }
}
