//! The machine that a run was made on, and what its processes use.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;

/// What a reader must know to compare numbers.
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_mib: u64,
    /// What the data folder lies on.
    pub filesystem: String,
    pub commit: String,
    pub date: String,
}

impl Machine {
    /// This one; `data` is made if it is not there.
    pub fn examine(data: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(data)?;
        let processors = fs::read_to_string("/proc/cpuinfo")?;
        let memory = fs::read_to_string("/proc/meminfo")?;
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        Ok(Self {
            processor: field(&processors, "model name").unwrap_or_else(|| "unknown".into()),
            cores: cores(),
            memory_mib: field(&memory, "MemTotal").map_or(0, |text| kibibytes(&text) / 1024),
            filesystem: filesystem(&mounts, &data.canonicalize()?),
            commit: commit(),
            date: said("date", &["-u", "+%Y-%m-%d"]),
        })
    }
}

/// How many threads run at once.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The value after `name` and a colon in one of the lines.
fn field(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}

/// The number before ` kB`.
fn kibibytes(text: &str) -> u64 {
    let number = text.split_whitespace().next();
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The type of the file system with the longest mount point above `path`.
fn filesystem(mounts: &str, path: &Path) -> String {
    let above = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (point, kind) = (words.next()?, words.next()?);
        path.starts_with(point)
            .then(|| (point.len(), kind.to_owned()))
    });
    above
        .max()
        .map_or_else(|| "unknown".into(), |(_, kind)| kind)
}

/// The commit that is checked out, and whether something is not committed; the report itself does not count.
fn commit() -> String {
    let commit = said("git", &["rev-parse", "--short=12", "HEAD"]);
    let status = [
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ".",
        ":!docs",
    ];
    match said("git", &status).as_str() {
        "" => commit,
        _ => format!("{commit} with changes"),
    }
}

/// What a command says, or nothing.
fn said(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// The processor time that a process has used, its threads' together.
pub fn processor_time(process: u32) -> Result<Duration, Failure> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let ticks =
        ticks(&stat).ok_or_else(|| Failure::new(format!("/proc/{process}/stat: {stat}")))?;
    Ok(Duration::from_millis(ticks * TICK_MS))
}

/// A tick of `/proc/<pid>/stat`: USER_HZ is 100 on every Linux that this runs on (proc(5)).
const TICK_MS: u64 = 10;

/// Fields 14 and 15, utime and stime; the second field ends with the last parenthesis.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut times = after.split_whitespace().skip(11);
    let user: u64 = times.next()?.parse().ok()?;
    let system: u64 = times.next()?.parse().ok()?;
    Some(user + system)
}

/// The memory of a process that is in RAM, in MiB.
pub fn resident_mib(process: u32) -> Result<u64, Failure> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    Ok(field(&status, "VmRSS").map_or(0, |text| kibibytes(&text) / 1024))
}

/// The most memory that this process ever had in RAM, in KiB.
pub fn peak_kib() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = field(&status, "VmHWM").map(|text| kibibytes(&text));
    peak.ok_or_else(|| Failure::new("/proc/self/status has no VmHWM"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_proc_says() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194304 9 0 0 0 31 11 0 0 20 0 9 0 5 6 7";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a) S 1"), None);
        assert_eq!(kibibytes("2048 kB"), 2048);
        assert_eq!(field("A : 1\nB: 2 kB", "B").as_deref(), Some("2 kB"));
    }

    #[test]
    fn a_path_lies_on_its_deepest_mount() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmpfiles xfs rw 0 0";
        assert_eq!(filesystem(mounts, Path::new("/tmp/x")), "tmpfs");
        assert_eq!(filesystem(mounts, Path::new("/tmpfiles")), "xfs");
        assert_eq!(filesystem(mounts, Path::new("/home")), "ext4");
    }

    #[test]
    fn this_process_uses_memory() {
        let now = resident_mib(std::process::id()).unwrap();
        assert!(now > 0 && peak_kib().unwrap() >= 1024 * now);
        processor_time(std::process::id()).unwrap();
    }
}
