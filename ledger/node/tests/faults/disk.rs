//! The disk of one validator is full, or fails: it stops and says why, the others go on, it loses nothing and resumes.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::agreement::{compare, restarted};
use crate::load::{Fleet, Load};
use crate::machine::{SmallDisk, build_library};
use crate::network::{PATIENCE, Who, stop};
use crate::process::{Process, Special};
use crate::times;

/// Whose disk it is.
const VICTIM: usize = 3;
const SUBMITTERS: usize = 4;

fn victims(special: Special) -> Vec<Special> {
    let mut all = vec![Special::default(); VICTIM];
    all.push(special);
    all
}

/// Waits until the victim has halted; why it says that it has.
async fn halted(fleet: &Fleet, mut meanwhile: impl FnMut()) -> String {
    let begun = Instant::now();
    loop {
        meanwhile();
        let seen = fleet.node(VICTIM).unwrap().status().await.unwrap();
        if !seen.failure.is_empty() {
            return seen.failure;
        }
        assert!(begun.elapsed() < PATIENCE, "it goes on: {seen:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Starts it on the disk as that is: it refuses, or runs and halts; what it says.
async fn refusal(fleet: &Fleet, special: &Special) -> String {
    let (process, started) = Process::spawn(&fleet.network, Who::Hospital(VICTIM), special);
    let said = started.await;
    let said = said.unwrap_or_else(|| process.log());
    let said = match said.as_str() {
        "started" => {
            process
                .until("the end", |seen| !seen.failure.is_empty())
                .await
                .failure
        }
        _ => said,
    };
    process.killed();
    said
}

/// Everybody agrees; the victim's directory is at `dir`.
async fn agree(fleet: Arc<Fleet>, load: Load, dir: &Path, what: &str, begun: Instant) {
    load.more(20).await;
    let acknowledged = load.finish().await;
    let height = fleet.height().await;
    fleet
        .node(VICTIM)
        .unwrap()
        .until("the tip", |seen| seen.height >= height)
        .await;
    let network = fleet.stop().await;
    let mut nodes = restarted(&network, &[0, 1, 2]).await;
    let mut config = network.config(Who::Hospital(VICTIM));
    config.data_dir = dir.to_owned();
    nodes.push(consilium_node::start(config).await.unwrap());
    let agreed = compare(&network, &nodes, &acknowledged).await;
    println!("{what}: {agreed}, {:.1} s", begun.elapsed().as_secs_f64());
    for node in nodes {
        stop(node).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_one_by_name_and_it_resumes_once_there_is_space() {
    let begun = Instant::now();
    let folder = TempDir::new().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path(), 64) else {
        return;
    };
    let special = Special {
        prefix: disk.prefix(),
        dir: Some(folder.path().join("node")),
        ..Special::default()
    };
    let fleet = Fleet::start(victims(special.clone())).await;
    let load = Load::begin(&fleet, SUBMITTERS, 1);
    let rounds = times(1, 10);
    for _ in 0..rounds {
        load.more(20).await;
        let failure = halted(&fleet, || disk.fill()).await;
        assert!(failure.contains("No space left"), "{failure}");
        assert!(
            failure.contains(folder.path().to_str().unwrap()),
            "{failure}"
        );
        load.more(20).await;
        fleet.kill(&[VICTIM]);
        let said = refusal(&fleet, &special).await;
        assert!(said.contains("No space left"), "{said}");
        disk.free();
        fleet.restart(VICTIM).await;
    }
    let dir = disk.folder().join("node");
    agree(
        fleet,
        load,
        &dir,
        &format!("one disk full {rounds} times"),
        begun,
    )
    .await;
}

/// A switch for the disk of a process.
struct Faulty {
    folder: TempDir,
    library: PathBuf,
}

impl Faulty {
    fn build() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let library = build_library(folder.path(), "faulty", include_str!("faulty.c"))?;
        let faulty = Self { folder, library };
        fs::write(faulty.switch(), " ").unwrap();
        Some(faulty)
    }

    fn switch(&self) -> PathBuf {
        self.folder.path().join("switch")
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("node")
    }

    fn special(&self) -> Special {
        let environment = vec![
            ("LD_PRELOAD", self.library.clone()),
            ("FAULTY_SWITCH", self.switch()),
            ("FAULTY_FOLDER", self.dir()),
        ];
        Special {
            environment,
            dir: Some(self.dir()),
            ..Special::default()
        }
    }

    /// `w`: writes fail; `r`: reads; a space: nothing does.
    fn set(&self, kind: u8) {
        let file = File::options().write(true).open(self.switch()).unwrap();
        file.write_all_at(&[kind], 0).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_disk_stops_one_by_name_and_it_resumes_once_it_works() {
    let begun = Instant::now();
    let Some(faulty) = Faulty::build() else {
        return;
    };
    let special = faulty.special();
    let fleet = Fleet::start(victims(special.clone())).await;
    let load = Load::begin(&fleet, SUBMITTERS, 1);
    let rounds = times(1, 10);
    for _ in 0..rounds {
        load.more(20).await;
        faulty.set(b'w');
        let failure = halted(&fleet, || {}).await;
        assert!(failure.contains("Input/output error"), "{failure}");
        assert!(
            failure.contains(faulty.dir().to_str().unwrap()),
            "{failure}"
        );
        load.more(20).await;
        fleet.kill(&[VICTIM]);
        for kind in [b'w', b'r'] {
            faulty.set(kind);
            let said = refusal(&fleet, &special).await;
            assert!(said.contains("Input/output error"), "{said}");
            assert!(said.contains(faulty.dir().to_str().unwrap()), "{said}");
        }
        faulty.set(b' ');
        fleet.restart(VICTIM).await;
    }
    let dir = faulty.dir();
    agree(
        fleet,
        load,
        &dir,
        &format!("one disk failed {rounds} times"),
        begun,
    )
    .await;
}
