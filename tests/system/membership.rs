//! A hospital joins the validators and gets other keys, by the command, while the federation runs.

use std::fs;

use crate::common::dev::Dev;
use serde_json::{Value, json};

const KGC: &str = "consilium-dev/kgc";
const MARY: &str = "consilium-dev/st-mary";
const CLINIC: &str = "consilium-dev/city-clinic";

fn listed(dev: &Dev, home: &str) -> Value {
    dev.json(&["gateway", "validator", "list", "--home", home])
}

fn voting(list: &Value) -> Vec<&str> {
    let validators = list["validators"].as_array().unwrap().iter();
    validators
        .map(|one| one["hospital"].as_str().unwrap())
        .collect()
}

/// A transaction, hence a block.
fn authorize(dev: &Dev, from: &str, to: &str) {
    dev.json(&["gateway", "authorize", to, "--home", from]);
}

/// Calls what cannot be now; why.
fn refused(dev: &Dev, arguments: &[&str]) -> String {
    let error = dev.try_json(arguments).unwrap_err();
    error["error"].as_str().unwrap().to_owned()
}

/// Calls what the contracts must refuse, with these words.
fn rejected(dev: &Dev, arguments: &[&str], words: &str) {
    let error = dev.try_json(arguments).unwrap_err();
    assert_eq!(error["code"], "transaction-rejected", "{error}");
    assert!(error["error"].as_str().unwrap().contains(words), "{error}");
}

#[test]
fn a_hospital_joins_the_validators_gets_other_keys_and_the_ledger_goes_on() {
    let dev = Dev::new();
    dev.up("20");
    assert_eq!(voting(&listed(&dev, MARY)), ["st-mary"]);
    let propose = |kind, hospital| ["kgc", "validator", "propose", "--home", KGC, kind, hospital];
    let approve = |home| {
        let words = ["gateway", "validator", "approve", "--home", home];
        [&words[..], &["join", "city-clinic"]].concat()
    };
    rejected(&dev, &propose("join", "st-mary"), "is a validator already");
    rejected(&dev, &propose("leave", "st-mary"), "is the last validator");
    rejected(&dev, &propose("join", "nowhere"), "admit it first");
    dev.json(&propose("join", "city-clinic"));
    let open = dev.json(&["kgc", "validator", "list", "--home", KGC]);
    let change = json!({ "kind": "join", "hospital": "city-clinic" });
    assert_eq!(open["proposal"]["change"], change);
    rejected(&dev, &approve(CLINIC), "is not a validator");
    let approved = dev.json(&approve(MARY));
    let from = approved["validators"]["next"]["from"].as_u64().unwrap();
    while listed(&dev, MARY)["height"].as_u64().unwrap() < from {
        authorize(&dev, MARY, "city-clinic");
    }
    let both = listed(&dev, CLINIC);
    assert_eq!(voting(&both), ["city-clinic", "st-mary"]);
    assert_eq!(both["proposal"], Value::Null);

    // Both must vote now: the former key does until the new one is in force, and the call waits for that.
    let former = fs::read(dev.folder().join(CLINIC).join("gateway.keys")).unwrap();
    let rotated = dev.json(&["gateway", "rotate-keys", "--home", CLINIC]);
    assert_eq!(
        rotated["changed"],
        json!(["voting key", "network identity"])
    );
    let from = rotated["votes_from"].as_u64().unwrap();
    let renewed = fs::read(dev.folder().join(CLINIC).join("gateway.keys")).unwrap();
    assert_ne!(former, renewed);
    let beside = dev.folder().join(CLINIC).join("gateway.keys.next");
    assert!(!beside.exists());
    assert!(dev.kill("city-clinic"));
    dev.up("20");
    authorize(&dev, CLINIC, "st-mary");
    authorize(&dev, MARY, "city-clinic");
    // Another one the same day is not taken.
    let said = refused(&dev, &["gateway", "rotate-keys", "--home", CLINIC]);
    assert!(said.contains("less than a day ago"), "{said}");
    assert!(!beside.exists());
    let after = listed(&dev, CLINIC);
    assert!(after["height"].as_u64().unwrap() >= from);
    assert_eq!(voting(&after), ["city-clinic", "st-mary"]);
    assert_ne!(after["validators"][0]["key"], both["validators"][0]["key"]);
    assert_eq!(after["validators"][1]["key"], both["validators"][1]["key"]);
    let audit =
        |home: &str| fs::read_to_string(dev.folder().join(home).join("audit.jsonl")).unwrap();
    assert!(audit(KGC).contains("propose-validators"));
    assert!(audit(MARY).contains("approve-validators"));
}

#[test]
fn a_hospital_that_is_voted_out_keeps_its_voting_key_until_it_votes_no_more() {
    const LAKE: &str = "consilium-dev/lakeside";
    let dev = Dev::new();
    dev.json(&["dev", "up", "--hospitals", "4", "--matching-window", "20"]);
    let propose = ["kgc", "validator", "propose", "--home", KGC];
    dev.json(&[&propose[..], &["leave", "lakeside"]].concat());
    let mut from = None;
    for home in [MARY, CLINIC, "consilium-dev/university"] {
        let approve = ["gateway", "validator", "approve", "--home", home];
        let approved = dev.json(&[&approve[..], &["leave", "lakeside"]].concat());
        from = approved["validators"]["next"]["from"].as_u64();
    }
    let from = from.unwrap();
    let files = || {
        ["gateway.keys", "hospital.json"]
            .map(|name| fs::read(dev.home("lakeside").join(name)).unwrap())
    };
    let former = files();
    let rotate = ["gateway", "rotate-keys", "--home", LAKE];
    let said = refused(&dev, &rotate);
    assert!(
        said.contains(&format!("wait until height {from}")),
        "{said}"
    );
    assert_eq!(files(), former, "nothing is replaced");
    assert!(!dev.home("lakeside").join("gateway.keys.next").exists());
    // Its network identity is its own affair.
    let said = dev.json(&[&rotate[..], &["--peer"]].concat());
    assert_eq!(said["changed"], json!(["network identity"]));
    let former = files();
    // And its gateway starts, as ever.
    assert!(dev.kill("lakeside"));
    dev.up("20");
    while listed(&dev, LAKE)["height"].as_u64().unwrap() < from {
        authorize(&dev, MARY, "city-clinic");
    }
    assert!(!voting(&listed(&dev, LAKE)).contains(&"lakeside"));
    let rotated = dev.json(&rotate);
    assert_eq!(rotated["votes_from"], Value::Null);
    assert_eq!(
        rotated["changed"],
        json!(["voting key", "network identity"])
    );
    assert_ne!(files(), former);
    assert!(dev.kill("lakeside"));
    dev.up("20");
}
