//! More than two hospitals on one machine: `consilium dev up --hospitals`.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::dev::Dev;
use crate::common::{consilium, text};

const PATIENCE: Duration = Duration::from_secs(120);
const SERVICES: [&str; 5] = ["kgc", "st-mary", "city-clinic", "university", "lakeside"];

/// Asks until it is so.
fn until(dev: &Dev, arguments: &[&str], so: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let seen = dev.try_json(arguments);
        if let Ok(value) = &seen
            && so(value)
        {
            return value.clone();
        }
        assert!(started.elapsed() < PATIENCE, "{arguments:?}: {seen:?}");
        sleep(Duration::from_millis(200));
    }
}

#[test]
fn four_hospitals_all_vote_and_go_on_without_one() {
    let dev = Dev::new();
    let up = dev.json(&["dev", "up", "--hospitals", "4", "--matching-window", "5"]);
    let services = up["services"].as_array().unwrap();
    assert_eq!(services.len(), SERVICES.len());
    for (number, (service, name)) in (0..).zip(services.iter().zip(SERVICES)) {
        assert_eq!(service["service"], name);
        assert_eq!(service["ready"], true);
        let url = format!("http://127.0.0.1:{}", dev.ports(number).0);
        assert_eq!(service["url"], url);
    }
    let list = dev.json(&["kgc", "hospital", "list", "--home", "consilium-dev/kgc"]);
    let votes = list["hospitals"].as_array().unwrap().iter();
    assert!(votes.clone().all(|one| one["validator"] == true), "{list}");
    assert_eq!(votes.count(), 4);

    // Killed without a word, it is missed by nobody, and seen to be missing.
    assert!(dev.kill("lakeside"));
    let publish = ["kgc", "epoch", "publish", "--home", "consilium-dev/kgc"];
    assert_eq!(dev.json(&publish)["epoch"], 2);
    let said = dev.call(&["dev", "status"]);
    assert_eq!(said.status.code(), Some(1));
    let seen: Value = serde_json::from_slice(&said.stdout).unwrap();
    let ready = seen["services"].as_array().unwrap().iter();
    let ready: Vec<_> = ready.map(|one| one["ready"] == true).collect();
    assert_eq!(ready, [true, true, true, true, false]);

    // Those that hang cost the time of one.
    let hang = |signal: &str| {
        for service in &SERVICES[..4] {
            let process = dev.process(service).unwrap();
            let call = ["-c", "kill -\"$0\" \"$1\"", signal, &process];
            let said = std::process::Command::new("sh").args(call).status();
            assert!(said.unwrap().success());
        }
    };
    hang("STOP");
    let begun = Instant::now();
    let said = dev.call(&["dev", "status"]);
    let took = begun.elapsed();
    hang("CONT");
    assert_eq!(said.status.code(), Some(1));
    assert!(took < Duration::from_secs(10), "{took:?}");

    // Called again without a word of how many, it starts what is missing, and that has what the others committed.
    dev.json(&["dev", "up"]);
    let status = ["gateway", "status", "--home", "consilium-dev/lakeside"];
    until(&dev, &status, |status| status["epoch"] == 2);

    let other = dev.call(&["dev", "up", "--hospitals", "5"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("was made with --hospitals 4"));
    dev.json(&["dev", "up", "--hospitals", "4"]);
    dev.json(&["dev", "down"]);
    for service in SERVICES {
        assert_eq!(dev.process(service), None, "{service} still runs");
    }
}

#[test]
fn a_federation_is_made_with_a_prefilter_and_keeps_it() {
    let dev = Dev::new();
    let up = ["dev", "up"];
    let refused = |flags: &[&str], parts: &[&str]| {
        let said = dev.call(&[&up[..], flags].concat());
        let words = text(&said.stderr);
        assert_eq!(said.status.code(), Some(2), "{words}");
        for part in parts {
            assert!(words.contains(part), "no `{part}` in: {words}");
        }
    };
    // Nothing is made with a weight that no bitmap has.
    refused(
        &["--prefilter", "512", "--prefilter-weight", "31"],
        &["--prefilter-weight is 31", "from 32 to 256"],
    );
    let weight = ["--prefilter", "512", "--prefilter-weight", "48"];
    dev.json(&[&up[..], &weight].concat());
    let status = dev.json(&["ledger", "status", "--home", "consilium-dev/city-clinic"]);
    assert_eq!(status["prefilter"]["bits"], 512);
    assert_eq!(status["prefilter"]["weight"], 48);
    assert_eq!(status["keywords"], 32);
    dev.json(&["dev", "down"]);
    refused(
        &["--prefilter", "1024"],
        &["was made with", "--prefilter 512 --prefilter-weight 48"],
    );
    dev.json(&up);
    dev.json(&[&up[..], &weight].concat());
}

#[test]
fn a_number_of_hospitals_that_is_none_is_wrong_usage() {
    for number in ["1", "17", "four"] {
        for command in [&["dev", "up"][..], &["demo"]] {
            let said = consilium(&[command, &["--hospitals", number]].concat());
            assert_eq!(said.status.code(), Some(2));
            assert!(
                text(&said.stderr).contains("2 to 16 hospitals"),
                "{}",
                text(&said.stderr)
            );
        }
    }
}
