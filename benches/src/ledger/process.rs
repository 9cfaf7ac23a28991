//! The measuring process' side of the nodes.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command as Program, Stdio};
use std::time::{Duration, Instant};

use consilium_contracts::SignedTransaction;

use super::messages::{Command, DONE, FAILED, READY, Standing, Timing};
use crate::failure::Failure;
use crate::machine;

/// How long nodes are given to find each other, or to agree after a load.
const PATIENCE: Duration = Duration::from_secs(120);

/// A node in a process of its own; ends with this value.
pub struct Node {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Node {
    fn start(federation: &Path, hospital: usize) -> Result<Self, Failure> {
        let mut process = Program::new(std::env::current_exe()?)
            .arg("node")
            .arg(federation)
            .arg(hospital.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = (process.stdin.take(), process.stdout.take());
        let (Some(input), Some(output)) = pipes else {
            return Err(Failure::new("a node's pipes are not there"));
        };
        Ok(Self {
            process,
            input,
            output: BufReader::new(output),
        })
    }

    fn tell(&mut self, command: &Command) -> Result<(), Failure> {
        Ok(writeln!(self.input, "{command}")?)
    }

    fn hear(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        match line.trim_end() {
            "" => Err(Failure::new("a node ended; see above")),
            line if line.starts_with(FAILED) => Err(Failure::new(format!("a node {line}"))),
            line => Ok(line.to_owned()),
        }
    }

    fn expect(&mut self, answer: &str) -> Result<(), Failure> {
        match self.hear()? {
            line if line == answer => Ok(()),
            line => Err(Failure::new(format!("a node said {line}, not {answer}"))),
        }
    }

    fn standing(&mut self) -> Result<Standing, Failure> {
        self.tell(&Command::Status)?;
        self.hear()?.parse()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// All nodes of a federation.
pub struct Nodes {
    nodes: Vec<Node>,
    folder: PathBuf,
    /// Makes the names of files unique.
    files: usize,
}

impl Nodes {
    /// Starts a node for each validator and waits until all are connected.
    pub fn start(folder: &Path, validators: usize) -> Result<Self, Failure> {
        let folder = folder.canonicalize()?;
        let nodes = (0..validators).map(|hospital| Node::start(&folder, hospital));
        let mut nodes = Self {
            nodes: nodes.collect::<Result<_, _>>()?,
            folder,
            files: 0,
        };
        nodes
            .nodes
            .iter_mut()
            .try_for_each(|node| node.expect(READY))?;
        nodes.until("connected", |all| {
            all.iter().all(|standing| standing.peers + 1 >= validators)
        })?;
        Ok(nodes)
    }

    fn until(
        &mut self,
        what: &str,
        done: impl Fn(&[Standing]) -> bool,
    ) -> Result<Vec<Standing>, Failure> {
        let begun = Instant::now();
        loop {
            let standings = self.nodes.iter_mut().map(Node::standing);
            let standings: Vec<Standing> = standings.collect::<Result<_, _>>()?;
            if done(&standings) {
                return Ok(standings);
            }
            if begun.elapsed() > PATIENCE {
                return Err(Failure::new(format!(
                    "not all nodes are {what}: {standings:?}"
                )));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until all nodes have the same last block and the same state; its height.
    pub fn agree(&mut self) -> Result<u64, Failure> {
        let same = |all: &[Standing]| {
            let mut tips = all.iter().map(|standing| &standing.tip);
            let first = tips.next();
            tips.all(|tip| Some(tip) == first)
        };
        let standings = self.until("at one block", same)?;
        Ok(standings.first().map_or(0, |standing| standing.height))
    }

    /// The first nodes submit one share each, all at once; ends when everything is committed.
    pub fn submit(
        &mut self,
        shares: &[Vec<SignedTransaction>],
        in_flight: usize,
    ) -> Result<Vec<Timing>, Failure> {
        let mut files = Vec::new();
        for (node, share) in self.nodes.iter_mut().zip(shares) {
            let command = command(
                &self.folder,
                &mut self.files,
                share,
                in_flight,
                Duration::ZERO,
            )?;
            node.tell(&command.0)?;
            files.push(command.1);
        }
        let mut timings = Vec::new();
        for (node, file) in self.nodes.iter_mut().zip(&files) {
            node.expect(DONE)?;
            timings.extend(read(file)?);
        }
        Ok(timings)
    }

    /// One node after the other submits its share one at a time, with a pause after each.
    pub fn submit_in_turn(
        &mut self,
        shares: &[Vec<SignedTransaction>],
        pause: Duration,
    ) -> Result<Vec<Timing>, Failure> {
        let mut timings = Vec::new();
        for (node, share) in self.nodes.iter_mut().zip(shares) {
            let (command, file) = command(&self.folder, &mut self.files, share, 1, pause)?;
            node.tell(&command)?;
            node.expect(DONE)?;
            timings.extend(read(&file)?);
        }
        Ok(timings)
    }

    /// The processor time that each has used.
    pub fn processor_times(&self) -> Result<Vec<Duration>, Failure> {
        let of = |node: &Node| machine::processor_time(node.process.id());
        self.nodes.iter().map(of).collect()
    }

    /// The memory of each, in MiB.
    pub fn resident_mib(&self) -> Result<Vec<u64>, Failure> {
        let of = |node: &Node| machine::resident_mib(node.process.id());
        self.nodes.iter().map(of).collect()
    }
}

/// Writes a share to a file of its own: the command that submits it, and the file of its timings.
fn command(
    folder: &Path,
    files: &mut usize,
    share: &[SignedTransaction],
    in_flight: usize,
    pause: Duration,
) -> Result<(Command, PathBuf), Failure> {
    *files += 1;
    let file = folder.join(format!("share-{files}.transactions"));
    fs::write(&file, borsh::to_vec(share)?)?;
    let timings = file.with_extension("timings");
    let pause_ms = u64::try_from(pause.as_millis())?;
    let command = Command::Submit {
        file,
        in_flight,
        pause_ms,
    };
    Ok((command, timings))
}

fn read(file: &Path) -> Result<Vec<Timing>, Failure> {
    Ok(borsh::from_slice(&fs::read(file)?)?)
}
