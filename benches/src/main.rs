//! The benchmarks of Consilium: one subject per module, one report for all of them.
//!
//! `make bench` builds this and runs every subject; each prints what it found, and whether the bounds that the project sets
//! itself hold. With `--report` everything is also written to `benchmarks.md` and its plots in a folder. Subjects use the real
//! parts (real nodes, sockets, disks and cryptography) and make what they measure with ahead of the measured time.

mod failure;
mod growth;
mod ledger;
mod machine;
mod plot;
mod proofs;
mod report;
mod schemes;
mod statistics;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use failure::Failure;
use report::Section;

/// What Consilium's parts cost on this machine.
#[derive(Parser)]
#[command(name = "consilium-bench", version)]
struct Options {
    /// Where nodes keep their data while they are measured: a folder on the disk to be measured.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Write `benchmarks.md` and its plots to this folder.
    #[arg(long)]
    report: Option<PathBuf>,
    /// A run of a minute that shows that everything works; its numbers mean nothing.
    #[arg(long)]
    quick: bool,
    /// What is measured.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Subject::Schemes, Subject::Growth, Subject::Proofs, Subject::Ledger])]
    subjects: Vec<Subject>,
    /// The program of the peers (`benches/peers`), to which the schemes are compared.
    #[arg(long)]
    peers: Option<PathBuf>,
    /// The numbers of validators of the ledger's runs.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 7, 10, 16])]
    validators: Vec<usize>,
    /// Transactions in flight where the ledger is saturated, over all nodes where they are submitted.
    #[arg(long, default_value_t = 128)]
    in_flight: usize,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// The algorithms of the schemes, beside bare loops and other implementations.
    Schemes,
    /// How the cost of each algorithm grows.
    Growth,
    /// The proofs of postings and of Match.
    Proofs,
    /// The replicated ledger.
    Ledger,
}

#[derive(Subcommand)]
enum Role {
    /// Runs one node of a federation that is measured; started by the ledger's subject.
    #[command(hide = true)]
    Node {
        /// The federation's folder.
        federation: PathBuf,
        /// Which hospital's node.
        hospital: usize,
    },
    /// Makes one update key and says how much memory that took; started by the schemes' subject.
    #[command(hide = true)]
    UpdateKey {
        /// The depth of the tree.
        depth: u8,
        /// How many leaves are revoked.
        revocations: usize,
    },
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    match &options.role {
        Some(Role::Node {
            federation,
            hospital,
        }) => ledger::run_node(federation, *hospital),
        Some(Role::UpdateKey { depth, revocations }) => {
            schemes::make_update_key(*depth, *revocations)
        }
        None => run(&options),
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let machine = machine::Machine::examine(&options.dir)?;
    let (validators, in_flight) = (options.validators.clone(), options.in_flight);
    let scale = match options.quick {
        true => ledger::Scale::quick(validators, in_flight),
        false => ledger::Scale::full(validators, in_flight),
    };
    let of_proofs = match options.quick {
        true => proofs::Scale::quick(),
        false => proofs::Scale::full(),
    };
    let (of_schemes, of_growth) = match options.quick {
        true => (schemes::Scale::quick(), growth::Scale::quick()),
        false => (schemes::Scale::full(), growth::Scale::full()),
    };
    let peers = options.peers.as_deref();
    let mut sections: Vec<Section> = Vec::new();
    for subject in &options.subjects {
        sections.push(match subject {
            Subject::Schemes => schemes::measure(peers, &of_schemes)?,
            Subject::Growth => growth::measure(&options.dir, &of_growth)?,
            Subject::Proofs => proofs::measure(&of_proofs)?,
            Subject::Ledger => ledger::measure(&options.dir, &scale)?,
        });
    }
    let text = report::text(&machine, options.quick, &sections);
    println!("{text}");
    match &options.report {
        Some(folder) => report::write(folder, &text, &sections),
        None => Ok(()),
    }
}
