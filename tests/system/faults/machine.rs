//! The machine as a test wants it: a small disk of its own, a clock that is off.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// A disk of a few megabytes, mounted in namespaces that a sleeping process holds open.
pub struct SmallDisk {
    holder: Child,
    /// The holder ends when this closes.
    _keep: Option<ChildStdin>,
    mount: PathBuf,
}

impl SmallDisk {
    /// Mounts it at the folder `mount`; `None`, with a word on the terminal, where this machine does not allow it.
    pub fn mount(mount: &Path, megabytes: u32) -> Option<Self> {
        let script = format!(
            "mount -t tmpfs -o size={megabytes}M,mode=0700 none \"$1\" && echo mounted && exec cat"
        );
        let holder = Command::new("unshare")
            .args(["-rm", "sh", "-c", &script, "sh"])
            .arg(mount)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let skip = |why: &str| eprintln!("skipped: no small disk on this machine: {why}");
        let mut holder = match holder {
            Ok(holder) => holder,
            Err(error) => {
                skip(&error.to_string());
                return None;
            }
        };
        let mut said = String::new();
        let out = BufReader::new(holder.stdout.take()?).read_line(&mut said);
        let disk = Self {
            _keep: holder.stdin.take(),
            holder,
            mount: mount.to_owned(),
        };
        if out.is_err() || said.trim() != "mounted" {
            skip("user and mount namespaces are not allowed");
            return None;
        }
        if !disk
            .inside("true")
            .status()
            .is_ok_and(|said| said.success())
        {
            skip("nsenter does not work");
            return None;
        }
        Some(disk)
    }

    /// Its folder, as this process reaches it.
    pub fn folder(&self) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.id());
        Path::new(&root).join(self.mount.strip_prefix("/").unwrap())
    }

    /// What to put before a command that runs where the disk is mounted.
    pub fn prefix(&self) -> Vec<OsString> {
        let target = self.holder.id().to_string();
        [
            "nsenter",
            "-t",
            &target,
            "-U",
            "-m",
            "--preserve-credentials",
            "--",
        ]
        .map(OsString::from)
        .to_vec()
    }

    fn inside(&self, program: &str) -> Command {
        let prefix = self.prefix();
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).arg(program);
        command
    }

    /// Bytes that are left.
    pub fn left(&self) -> u64 {
        let said = self
            .inside("df")
            .args(["-B1", "--output=avail"])
            .arg(&self.mount)
            .output()
            .unwrap();
        let text = String::from_utf8(said.stdout).unwrap();
        text.lines().last().unwrap().trim().parse().unwrap()
    }

    fn filler(&self) -> PathBuf {
        self.folder().join("filler")
    }

    /// Fills it up to so many bytes.
    pub fn fill_up_to(&self, left: u64) {
        let take = self.left().saturating_sub(left);
        let mut file = self.open_filler();
        let piece = vec![7; 1 << 16];
        let mut missing = take;
        while missing > 0 {
            let now = missing.min(piece.len() as u64);
            file.write_all(&piece[..now as usize]).unwrap();
            missing -= now;
        }
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file = self.open_filler();
        for size in [1 << 16, 1 << 12, 1] {
            let piece = vec![7; size];
            let full = loop {
                if let Err(error) = file.write_all(&piece) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
        }
    }

    fn open_filler(&self) -> File {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        options.open(self.filler()).unwrap()
    }

    /// Gives back what was filled.
    pub fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Gone already where it could not mount.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Builds a library for `LD_PRELOAD`; `None`, with a word on the terminal, where there is no C compiler.
pub fn build_library(folder: &Path, name: &str, code: &str) -> Option<PathBuf> {
    let source = folder.join(format!("{name}.c"));
    let library = folder.join(format!("{name}.so"));
    fs::write(&source, code).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let built = Command::new(&compiler)
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(&source)
        .output();
    match built {
        Ok(said) if said.status.success() => Some(library),
        Ok(said) => panic!("{}", String::from_utf8_lossy(&said.stderr)),
        Err(error) => {
            eprintln!("skipped: no C compiler ({compiler}): {error}");
            None
        }
    }
}

/// The wall clock of those processes that are started with its environment.
pub struct WallClock {
    library: PathBuf,
    offset: PathBuf,
}

impl WallClock {
    /// Builds the library; `None`, with a word on the terminal, where there is no C compiler.
    pub fn build(folder: &Path) -> Option<Self> {
        let library = build_library(folder, "clock", include_str!("clock.c"))?;
        Some(Self::of(library, folder.join("offset")))
    }

    fn of(library: PathBuf, offset: PathBuf) -> Self {
        let clock = Self { library, offset };
        clock.shift_ms(0);
        clock
    }

    /// Another clock through the same library.
    pub fn another(&self, name: &str) -> Self {
        Self::of(self.library.clone(), self.offset.with_file_name(name))
    }

    /// What a process is started with in order to have this clock.
    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("LD_PRELOAD", self.library.clone()),
            ("CLOCK_OFFSET_FILE", self.offset.clone()),
        ]
    }

    /// Lets it differ from the machine's by so many milliseconds, from now on.
    pub fn shift_ms(&self, offset: i64) {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.offset)
            .unwrap();
        // Eight bytes at once: who reads them sees the former or these.
        file.write_all_at(&offset.to_ne_bytes(), 0).unwrap();
    }
}
