//! The memory that UpdKeyGen needs, each run in a process of its own.

use std::process::Command;

use super::setting::Setting;
use super::{DEPTH, Scale};
use crate::failure::Failure;
use crate::machine::peak_kib;
use crate::report::{Bound, Table};

/// The tree with which the largest is compared: 64 times fewer leaves.
const SMALLER: u8 = DEPTH - 6;
/// With 64 times the leaves at most so much more: a bit for each node of the larger tree is more than this.
const ALLOWED_KIB: u64 = 8 * 1024;

/// Makes an update key, and says on standard output how much memory the process needed more than before, in KiB.
pub fn make(depth: u8, revocations: usize) -> Result<(), Failure> {
    println!("{}", needed(depth, revocations)?);
    Ok(())
}

fn needed(depth: u8, revocations: usize) -> Result<u64, Failure> {
    let setting = Setting::new(depth)?;
    let revoked = setting.revoked(revocations)?;
    let before = peak_kib()?;
    setting.update_pieces(&revoked)?;
    Ok(peak_kib()? - before)
}

/// In trees of several depths; the processes are this program again.
pub fn measure(scale: &Scale) -> Result<(Table, Vec<Bound>), Failure> {
    eprintln!("schemes: memory of UpdKeyGen");
    let revocations = scale.revocations;
    let (mut rows, mut found) = (Vec::new(), Vec::new());
    for depth in [SMALLER - 2, SMALLER, SMALLER + 2, SMALLER + 4, DEPTH] {
        let setting = Setting::new(depth)?;
        let nodes = setting.cover(&setting.revoked(revocations)?);
        let kib = in_a_process(depth, revocations)?;
        rows.push(vec![
            format!("2^{depth}"),
            nodes.to_string(),
            kib.to_string(),
        ]);
        found.push((depth, kib));
    }
    let of = |wanted| found.iter().find(|(depth, _)| *depth == wanted);
    let kib = |wanted| of(wanted).map_or(0, |(_, kib)| *kib);
    let more = kib(DEPTH).saturating_sub(kib(SMALLER));
    let bound = Bound {
        asked: format!(
            "UpdKeyGen, {revocations} revocations: memory flat in the number of leaves, at most {ALLOWED_KIB} KiB more for 2^{DEPTH} \
             than for 2^{SMALLER}"
        ),
        found: format!("{more} KiB more"),
        holds: more <= ALLOWED_KIB,
    };
    let table = Table {
        caption: format!(
            "Memory of UpdKeyGen with {revocations} revocations: the peak of its process above what it had before, in KiB; the cover \
             grows with the logarithm of the leaves"
        ),
        head: vec!["leaves", "nodes of the cover", "KiB"],
        rows,
    };
    Ok((table, vec![bound]))
}

fn in_a_process(depth: u8, revocations: usize) -> Result<u64, Failure> {
    let output = Command::new(std::env::current_exe()?)
        .args(["update-key", &depth.to_string(), &revocations.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let kib = said.trim().parse();
    kib.map_err(|_| {
        let error = String::from_utf8_lossy(&output.stderr);
        Failure::new(format!("no memory of UpdKeyGen: {said}{error}"))
    })
}
