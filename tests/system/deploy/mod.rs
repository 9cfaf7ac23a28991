//! What stands in `deploy/`: the units, as systemd sees them; the machines of four hospitals, with their services run as the units say.

mod machines;
mod sandbox;
mod unit;

use std::process::Command;

use crate::common::text;
use unit::{Unit, has_systemd};

#[test]
fn the_units_are_sound_and_little_exposed() {
    if !has_systemd() {
        return;
    }
    let said = Command::new(unit::folder().join("check"))
        .arg(env!("CARGO_BIN_EXE_consilium"))
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", text(&said.stderr));
    let lines = text(&said.stdout);
    assert_eq!(
        lines.matches("Overall exposure level").count(),
        2,
        "{lines}"
    );
}

#[test]
fn the_two_units_forbid_the_same() {
    let names = ["kgc", "gateway"];
    let [kgc, gateway] = names.map(|noun| {
        let path = unit::folder().join(format!("consilium-{noun}.service"));
        let text = std::fs::read_to_string(path).unwrap();
        let settings = text.split_once("\n[Service]\n").unwrap().1;
        let settings = settings.lines().filter(|line| !line.starts_with('#'));
        let own = format!("consilium-{noun}");
        settings
            .filter(|line| !line.contains(&own) && !line.contains(&format!("/{noun}.")))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    assert!(kgc.len() > 30);
    assert_eq!(kgc, gateway);
    assert_eq!(Unit::of("kgc").values("Restart"), ["on-failure"]);
}
