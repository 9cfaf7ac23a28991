//! What the measuring process and a node's process tell each other: one line each way, and files.
//!
//! The node says `ready` when it runs. Then each line that it gets is a command, answered by one line; a line that begins with
//! `failed` says why it could not be done. The end of the input ends the node.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::failure::Failure;

/// The node's first line.
pub const READY: &str = "ready";
/// The answer to [`Command::Submit`].
pub const DONE: &str = "done";
/// How an answer to a command begins that could not be done.
pub const FAILED: &str = "failed";

/// What a node is told.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Submit the transactions of a file, `in_flight` at once, with a pause after each; write what each took beside it.
    Submit {
        file: PathBuf,
        in_flight: usize,
        pause_ms: u64,
    },
    /// Say where the ledger stands here.
    Status,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submit {
                file,
                in_flight,
                pause_ms,
            } => write!(f, "submit {in_flight} {pause_ms} {}", file.display()),
            Self::Status => f.write_str("status"),
        }
    }
}

impl FromStr for Command {
    type Err = Failure;

    fn from_str(line: &str) -> Result<Self, Failure> {
        let unknown = || Failure::new(format!("no command: {line}"));
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("status"), None, ..) => Ok(Self::Status),
            (Some("submit"), Some(in_flight), Some(pause_ms), Some(file)) => Ok(Self::Submit {
                file: file.into(),
                in_flight: in_flight.parse()?,
                pause_ms: pause_ms.parse()?,
            }),
            _ => Err(unknown()),
        }
    }
}

/// Where the ledger stands at a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub height: u64,
    pub peers: usize,
    /// The last block's hash and the state's root after it.
    pub tip: String,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.height, self.peers, self.tip)
    }
}

impl FromStr for Standing {
    type Err = Failure;

    fn from_str(line: &str) -> Result<Self, Failure> {
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some(height), Some(peers), Some(tip)) => Ok(Self {
                height: height.parse()?,
                peers: peers.parse()?,
                tip: tip.to_owned(),
            }),
            _ => Err(Failure::new(format!("no standing: {line}"))),
        }
    }
}

/// One submission, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Timing {
    /// When it was answered, since 1970: all processes share a clock.
    pub answered: u64,
    /// From submission to the answer: committed, and applied at this node.
    pub took: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let submit = Command::Submit {
            file: "/a b/c".into(),
            in_flight: 3,
            pause_ms: 5,
        };
        for command in [submit, Command::Status] {
            assert_eq!(command.to_string().parse::<Command>().unwrap(), command);
        }
        let standing = Standing {
            height: 7,
            peers: 3,
            tip: "ab cd".into(),
        };
        assert_eq!(standing.to_string().parse::<Standing>().unwrap(), standing);
        assert!("stop".parse::<Command>().is_err());
    }
}
