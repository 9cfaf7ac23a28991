//! The proofs of postings and of Match: what proving and verifying them costs, what of it a bare loop of the same group operations
//! costs, what a block of them costs on one core and on all, and their bytes on the ledger.

mod blocks;
mod case;
mod reference;

use std::time::Duration;

use consilium_schemes::match_proof::{self, MatchProof, Outcome};

use crate::failure::Failure;
use crate::machine::cores;
use crate::report::{Bound, Section, Table};
use crate::statistics::{done, medians, milliseconds};

use case::Case;

pub use case::token;

/// The sizes of indexes.
const SIZES: [u16; 4] = [8, 16, 32, 64];
/// The size whose bound is asked for.
const BOUND_AT: u16 = 16;
/// Verification costs at most so many times the bare loop.
const BOUND: f64 = 1.3;
/// Proofs in a block.
const BLOCKS: [usize; 3] = [1, 10, 100];

/// How often each is done.
pub struct Scale {
    repeats: usize,
    largest_block: usize,
}

impl Scale {
    /// What the report is made of.
    pub fn full() -> Self {
        Self {
            repeats: 41,
            largest_block: 100,
        }
    }

    /// Just enough to see that everything works.
    pub fn quick() -> Self {
        Self {
            repeats: 3,
            largest_block: 10,
        }
    }
}

/// Measures everything.
pub fn measure(scale: &Scale) -> Result<Section, Failure> {
    let (mut matches, mut postings, mut bounds) = (Vec::new(), Vec::new(), Vec::new());
    for n in SIZES {
        eprintln!("proofs: n = {n}");
        let case = Case::new(n)?;
        for outcome in [Outcome::Match, Outcome::NoMatch] {
            let of = of_match(&case, outcome, scale.repeats)?;
            if n == BOUND_AT {
                bounds.push(of.bound(outcome));
            }
            matches.push(of.row(n, outcome));
        }
        postings.extend(of_postings(&case, n, scale.repeats)?);
    }
    let sizes = BLOCKS
        .into_iter()
        .filter(|size| *size <= scale.largest_block);
    let blocks = blocks::measure(&sizes.collect::<Vec<_>>(), scale.repeats)?;
    Ok(Section {
        title: "Proofs",
        words: include_str!("words.md"),
        tables: vec![
            Table {
                caption: "Match and no match, in ms (median); the bare loop does the multiplications, Miller loops and the final exponentiation of verifying, nothing else".into(),
                head: vec![
                    "n", "outcome", "prove", "parse", "verify", "bare loop", "ratio", "bytes",
                ],
                rows: matches,
            },
            Table {
                caption: "Postings, in ms (median): the proof that they are their sender's own, and for trapdoors that they have m interests".into(),
                head: vec!["n", "posting", "prove", "parse", "verify", "bytes", "of them proof"],
                rows: postings,
            },
            blocks,
        ],
        bounds,
        plots: Vec::new(),
    })
}

struct OfMatch {
    prove: Duration,
    parse: Duration,
    verify: Duration,
    bare: Duration,
    bytes: usize,
}

fn of_match(case: &Case, outcome: Outcome, repeats: usize) -> Result<OfMatch, Failure> {
    let context = case.context();
    let statement = case.statement(outcome, &context);
    let random = &mut case::random("prover");
    let proof = match_proof::prove(&statement, &case.secret, random)?;
    if match_proof::verify(&statement, &proof)? != outcome {
        return Err(Failure::new("the outcome is another"));
    }
    let bytes = proof.to_bytes();
    let bare = reference::Loop::of(case.n, outcome);
    let [prove, parse, verify, bare] = medians(
        repeats,
        [
            &mut || done(match_proof::prove(&statement, &case.secret, random)?),
            &mut || done(MatchProof::from_bytes(&bytes)?),
            &mut || done(match_proof::verify(&statement, &proof)?),
            &mut || {
                bare.run();
                Ok(())
            },
        ],
    )?;
    Ok(OfMatch {
        prove,
        parse,
        verify,
        bare,
        bytes: bytes.len(),
    })
}

impl OfMatch {
    fn ratio(&self) -> f64 {
        self.verify.as_secs_f64() / self.bare.as_secs_f64()
    }

    fn bound(&self, outcome: Outcome) -> Bound {
        Bound {
            asked: format!(
                "{}, n = {BOUND_AT}: verifying costs at most {BOUND} times the bare loop",
                name(outcome)
            ),
            found: format!("{:.2} times", self.ratio()),
            holds: self.ratio() <= BOUND,
        }
    }

    fn row(&self, n: u16, outcome: Outcome) -> Vec<String> {
        vec![
            n.to_string(),
            name(outcome).to_owned(),
            ms(self.prove),
            ms(self.parse),
            ms(self.verify),
            ms(self.bare),
            format!("{:.2}", self.ratio()),
            self.bytes.to_string(),
        ]
    }
}

fn of_postings(case: &Case, n: u16, repeats: usize) -> Result<Vec<Vec<String>>, Failure> {
    let mut rows = Vec::new();
    let index = case.posting_of_index(repeats)?;
    rows.push(index.row(n, "index".to_owned()));
    for interests in [1, case.n.interests()] {
        let trapdoor = case.posting_of_trapdoor(interests, repeats)?;
        rows.push(trapdoor.row(n, format!("trapdoor, m = {interests}")));
    }
    Ok(rows)
}

fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Match => "match",
        Outcome::NoMatch => "no match",
    }
}

fn ms(duration: Duration) -> String {
    format!("{:.2}", milliseconds(duration))
}

/// Every core that this machine has, and one.
fn threads() -> Vec<usize> {
    match cores() {
        1 => vec![1],
        all => vec![1, all],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_filled() {
        let scale = Scale {
            repeats: 1,
            largest_block: 1,
        };
        let section = measure(&scale).unwrap();
        let rows: Vec<_> = section
            .tables
            .iter()
            .map(|table| table.rows.len())
            .collect();
        assert_eq!(rows, [8, 12, threads().len()]);
        assert_eq!(section.bounds.len(), 2);
    }
}
