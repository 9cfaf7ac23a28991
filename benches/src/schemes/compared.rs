//! The algorithms beside their reference loops.

use std::time::Duration;

use consilium_schemes::abe::pre_dec_proven;

use super::reference::{AttKeyGen, Dec, Encrypt, PreDec, PreDecProven, UpdKeyGen};
use super::setting::{Setting, attributes, random};
use super::{BOUND_ROWS, DEPTH, Scale, times};
use crate::failure::Failure;
use crate::machine::cores;
use crate::report::{Bound, Table};
use crate::statistics::{done, medians, milliseconds};

/// At most so many times the bare loop.
const BOUND: f64 = 1.25;

/// What was found of one algorithm.
struct Compared {
    what: String,
    ours: Duration,
    bare: Duration,
    bounded: bool,
}

impl Compared {
    fn measure(
        what: impl Into<String>,
        bounded: bool,
        repeats: usize,
        ours: &mut dyn FnMut() -> Result<(), Failure>,
        bare: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        let what = what.into();
        eprintln!("schemes: {what}");
        let [ours, bare] = medians(repeats, [ours, bare])?;
        Ok(Self {
            what,
            ours,
            bare,
            bounded,
        })
    }

    fn ratio(&self) -> f64 {
        times(self.ours, self.bare)
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.what.clone(),
            format!("{:.3}", milliseconds(self.ours)),
            format!("{:.3}", milliseconds(self.bare)),
            format!("{:.2}", self.ratio()),
        ]
    }

    fn bound(&self) -> Bound {
        Bound {
            asked: format!("{}: at most {BOUND} times its bare loop", self.what),
            found: format!("{:.2} times", self.ratio()),
            holds: self.ratio() <= BOUND,
        }
    }
}

/// All of them.
pub fn measure(scale: &Scale) -> Result<(Table, Vec<Bound>), Failure> {
    let mut all = of_records(scale)?;
    all.extend(of_keys(scale)?);
    let table = Table {
        caption: "Ours beside the bare loop of the same operations, by turns, in ms (median)"
            .into(),
        head: vec!["", "ours", "bare loop", "ratio"],
        rows: all.iter().map(Compared::row).collect(),
    };
    let bounded = all.iter().filter(|one| one.bounded);
    Ok((table, bounded.map(Compared::bound).collect()))
}

fn of_records(scale: &Scale) -> Result<Vec<Compared>, Failure> {
    let setting = Setting::new(DEPTH)?;
    let mut all = Vec::new();
    for rows in [BOUND_ROWS, 100] {
        let record = setting.record(rows)?;
        let bare = PreDec::new(rows);
        all.push(Compared::measure(
            format!("PreDec, {rows} attributes"),
            true,
            scale.repeats,
            &mut || done(record.pre_decrypt()?),
            &mut || done(bare.run()),
        )?);
        let (mut bare, rng) = (PreDecProven::new(rows), &mut random("prover"));
        let (key, checked) = (&record.prepared, &record.checked);
        all.push(Compared::measure(
            format!("PreDec with its proof, {rows} attributes"),
            false,
            scale.repeats,
            &mut || done(pre_dec_proven(key, checked, setting.doctor, rng)?),
            &mut || {
                bare.run();
                Ok(())
            },
        )?);
    }
    let record = setting.record(BOUND_ROWS)?;
    let bare = Dec::new();
    all.push(Compared::measure(
        "Dec",
        true,
        scale.repeats,
        &mut || done(record.decrypt(&setting.beta)?),
        &mut || {
            bare.run();
            Ok(())
        },
    )?);
    let bare = Encrypt::new(BOUND_ROWS);
    all.push(Compared::measure(
        format!("Encrypt, {BOUND_ROWS} rows"),
        false,
        scale.repeats,
        &mut || done(setting.encrypt(&record.policy)),
        &mut || {
            bare.run();
            Ok(())
        },
    )?);
    Ok(all)
}

fn of_keys(scale: &Scale) -> Result<[Compared; 2], Failure> {
    let setting = Setting::new(DEPTH)?;
    let held = attributes(BOUND_ROWS)?;
    let bare = AttKeyGen::new(DEPTH, BOUND_ROWS);
    let attribute_key = Compared::measure(
        format!("AttKeyGen, depth {DEPTH}, {BOUND_ROWS} attributes"),
        true,
        scale.repeats,
        &mut || done(setting.attribute_key(&held)?),
        &mut || {
            bare.run();
            Ok(())
        },
    )?;
    let revoked = setting.revoked(scale.revocations)?;
    let nodes = setting.cover(&revoked);
    let bare = UpdKeyGen::new(nodes, cores());
    let update_key = Compared::measure(
        format!(
            "UpdKeyGen on {} threads, 2^{DEPTH} leaves, {} revocations, {nodes} nodes",
            cores(),
            scale.revocations
        ),
        true,
        scale.repeats_of_updates,
        &mut || setting.update_pieces(&revoked),
        &mut || bare.run(),
    )?;
    Ok([attribute_key, update_key])
}
