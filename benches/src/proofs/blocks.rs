//! Blocks of matches, as a validator reads and verifies them before it votes.

use std::time::Duration;

use consilium_contracts::Canonical as _;
use consilium_schemes::matching::{self, IndexSize};

use super::case::{random, token};
use super::{ms, threads};
use crate::failure::Failure;
use crate::ledger::federation::{Federation, N, consulted_keys};
use crate::ledger::limits::Ledger;
use crate::report::Table;
use crate::statistics::medians;

/// How often a block is verified: large ones need fewer runs for the same certainty.
fn runs(repeats: usize, size: usize) -> usize {
    (repeats / size.isqrt()).max(1)
}

/// Blocks of so many matches each.
pub fn measure(sizes: &[usize], repeats: usize) -> Result<Table, Failure> {
    eprintln!("proofs: blocks of {sizes:?} matches");
    let federation = Federation::draft(1)?;
    let most = sizes.iter().copied().max().unwrap_or_default();
    let mut ledger = prepared(&federation, most)?;
    let matches = (0..most).map(|number| {
        let signed = federation.matched(ledger.state(), 0, number)?;
        Ok(signed.to_canonical_bytes())
    });
    let matches = matches.collect::<Result<Vec<_>, Failure>>()?;
    let mut rows = Vec::new();
    for &size in sizes {
        let block = matches.get(..size).unwrap_or_default();
        let bytes: usize = block.iter().map(Vec::len).sum();
        let mut alone = Duration::ZERO;
        for threads in threads() {
            let [time] = medians(
                runs(repeats, size),
                [&mut || ledger.verify_on(threads, block)],
            )?;
            if threads == 1 {
                alone = time;
            }
            rows.push(vec![
                size.to_string(),
                threads.to_string(),
                ms(time),
                ms(time / u32::try_from(size)?),
                format!("{:.2}", alone.as_secs_f64() / time.as_secs_f64()),
                bytes.to_string(),
            ]);
        }
    }
    // They are matches: the contracts take them.
    ledger.block(&matches)?;
    Ok(Table {
        caption: format!(
            "Blocks of matches, n = {N}: reading, signatures and proofs, in ms (median); bytes of the block's transactions"
        ),
        head: vec!["matches", "threads", "block", "each", "gain", "bytes"],
        rows,
    })
}

/// A ledger with so many records whose index is posted to the doctor's hospital, and the doctor's interests.
fn prepared<'a>(federation: &'a Federation, records: usize) -> Result<Ledger<'a>, Failure> {
    let mut ledger = Ledger::genesis(federation)?;
    let (common, to) = (token(1)?, consulted_keys().public_keys());
    let first = [
        federation.epoch(),
        federation.authorization(0)?,
        federation.doctor()?,
    ];
    ledger.block(&first.map(|one| one.to_canonical_bytes()))?;
    let registered = (0..records).map(|number| federation.record(0, number));
    let registered = registered.chain([federation.trapdoor(&[token(1)?])]);
    let registered = registered
        .map(|one| Ok(one?.to_canonical_bytes()))
        .collect::<Result<Vec<_>, Failure>>()?;
    ledger.block(&registered)?;
    let posts = (0..records).map(|number| {
        let mut random = random(&format!("matching index {number}"));
        let keywords = std::slice::from_ref(&common);
        let index = matching::index_build(IndexSize::new(N)?, keywords, &mut random)?;
        let post = federation.post(0, number, &index, &to)?;
        Ok(post.to_canonical_bytes())
    });
    ledger.block(&posts.collect::<Result<Vec<_>, Failure>>()?)?;
    Ok(ledger)
}
