//! Another implementation of attribute-based encryption, in a process of its own: `benches/peers`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::setting::{Setting, attributes};
use super::{BOUND_ROWS, DEPTH, times};
use crate::failure::Failure;
use crate::report::{Bound, Table};
use crate::statistics::{done, medians_of, milliseconds, timed};

/// At least so many times faster than GHW11's server.
const SERVER: f64 = 40.0;
/// Than its final step.
const FINAL: f64 = 8.0;
/// Than AC17's encryption.
const ENCRYPT: f64 = 40.0;

/// How long each operation is done before its time is taken.
const WARM_UP: Duration = Duration::from_millis(10);

/// The peers' process, which waits for what it is asked to do.
struct Peers {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peers {
    fn start(program: &Path) -> Result<Self, Failure> {
        let mut child = Command::new(program)
            .arg(BOUND_ROWS.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::new(format!("{}: {error}", program.display())))?;
        let missing = || Failure::new("the peers' process has no pipes");
        let asked = child.stdin.take().ok_or_else(missing)?;
        let answers = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        Ok(Self {
            child,
            asked,
            answers,
        })
    }

    /// How long an operation takes there.
    fn time(&mut self, operation: &str) -> Result<Duration, Failure> {
        writeln!(self.asked, "{operation}")?;
        self.asked.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let nanoseconds = line.trim().parse();
        nanoseconds
            .map(Duration::from_nanos)
            .map_err(|_| Failure::new(format!("the peers do not answer {operation}: {line:?}")))
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long it takes after it was done for [`WARM_UP`], as the peers do it, too: waiting for them cools the processor.
fn warm(mut task: impl FnMut() -> Result<(), Failure>) -> Result<Duration, Failure> {
    let begun = Instant::now();
    while begun.elapsed() < WARM_UP {
        task()?;
    }
    timed(task)
}

/// Ours and theirs by turns, under ten attributes that are all needed.
pub fn measure(program: &Path, repeats: usize) -> Result<(Table, Vec<Bound>), Failure> {
    eprintln!("schemes: peers");
    let (setting, peers) = (Setting::new(DEPTH)?, Peers::start(program)?);
    let record = setting.record(BOUND_ROWS)?;
    let held = attributes(BOUND_ROWS)?;
    let peers = std::cell::RefCell::new(peers);
    let theirs = |operation: &'static str| peers.borrow_mut().time(operation);
    let [
        keygen,
        encrypt,
        server,
        last,
        ac17_keygen,
        ac17_encrypt,
        ac17_decrypt,
        bsw_keygen,
        bsw_encrypt,
        bsw_decrypt,
        ghw_keygen,
        ghw_encrypt,
        ghw_server,
        ghw_last,
    ] = medians_of(
        repeats,
        [
            &mut || warm(|| done(setting.attribute_key(&held)?)),
            &mut || warm(|| done(setting.encrypt(&record.policy))),
            &mut || warm(|| done(record.pre_decrypt()?)),
            &mut || warm(|| done(record.decrypt(&setting.beta)?)),
            &mut || theirs("ac17/keygen"),
            &mut || theirs("ac17/encrypt"),
            &mut || theirs("ac17/decrypt"),
            &mut || theirs("bsw/keygen"),
            &mut || theirs("bsw/encrypt"),
            &mut || theirs("bsw/decrypt"),
            &mut || theirs("ghw11/keygen"),
            &mut || theirs("ghw11/encrypt"),
            &mut || theirs("ghw11/transform"),
            &mut || theirs("ghw11/decrypt_out"),
        ],
    )?;
    let row = |what: &str, times: [Option<Duration>; 4]| {
        let cell = |time: Option<Duration>| {
            time.map_or("-".to_owned(), |time| format!("{:.2}", milliseconds(time)))
        };
        let mut row = vec![what.to_owned()];
        row.extend(times.map(cell));
        row
    };
    let (some, none) = (Some, None);
    let table = Table {
        caption: format!(
            "Peers in the same run, {BOUND_ROWS} attributes, in ms (median): rabe 0.4.2, a library in Rust over a curve of 254 bits; \
             our key is for the {} nodes of a tree of depth {DEPTH}",
            DEPTH + 1
        ),
        head: vec!["", "ours", "rabe AC17", "rabe BSW", "rabe GHW11"],
        rows: vec![
            row(
                "a key",
                [keygen, ac17_keygen, bsw_keygen, ghw_keygen].map(some),
            ),
            row(
                "encryption",
                [encrypt, ac17_encrypt, bsw_encrypt, ghw_encrypt].map(some),
            ),
            row(
                "the server's step",
                [some(server), none, none, some(ghw_server)],
            ),
            row("the final step", [some(last), none, none, some(ghw_last)]),
            row(
                "decryption, all steps",
                [
                    server + last,
                    ac17_decrypt,
                    bsw_decrypt,
                    ghw_server + ghw_last,
                ]
                .map(some),
            ),
        ],
    };
    let bound = |what: &str, least: f64, ours: Duration, peer: Duration| {
        let found = times(peer, ours);
        Bound {
            asked: format!("{what}, {BOUND_ROWS} attributes: at least {least:.0} times faster"),
            found: format!("{found:.1} times"),
            holds: found >= least,
        }
    };
    let bounds = vec![
        bound(
            "PreDec than rabe GHW11's server step",
            SERVER,
            server,
            ghw_server,
        ),
        bound("Dec than rabe GHW11's final step", FINAL, last, ghw_last),
        bound("Encrypt than rabe AC17's", ENCRYPT, encrypt, ac17_encrypt),
    ];
    Ok((table, bounds))
}
