//! A full disk: what does not fit is refused by name, what was there before stays as it was, and everything goes on once
//! there is space.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use consilium_client::api::gateway::{DeviceRole, InvitationRequest, RecordState};
use consilium_contracts::Settings;

use super::devices::{Doctor, Patient, refusal};
use super::machine::SmallDisk;
use super::process::wait;
use super::world::{Place, World};

const MB: u64 = 1 << 20;

fn settings(heartbeat_ms: u64) -> Settings {
    Settings {
        n: 8,
        matching_window_ms: 1500,
        heartbeat_ms,
        ..Settings::default()
    }
}

/// A federation whose hospital has a small disk of its own. The ledger writes a block at least every `heartbeat_ms`.
fn cramped(megabytes: u32, heartbeat_ms: u64) -> Option<(World, SmallDisk)> {
    let mut disk = None;
    let place = |dir: &Path| {
        let inside = dir.join("north");
        fs::create_dir(&inside).unwrap();
        let here = disk.insert(SmallDisk::mount(&inside, megabytes)?).folder();
        Some(Place { inside, here })
    };
    let mut world = World::prepare(settings(heartbeat_ms), place, &[])?;
    let disk = disk?;
    world.gateway.prefix = disk.prefix();
    world.keep_back(0);
    Some((world, disk))
}

impl World {
    /// So many bytes no record may take, from the gateway's next start on.
    fn keep_back(&mut self, bytes: u64) {
        const FLAG: &str = "--gateway-reserve-bytes=";
        let flags = &mut self.gateway.flags;
        flags.retain(|flag| !flag.starts_with(FLAG));
        flags.push(format!("{FLAG}{bytes}"));
    }

    /// Nothing lies in the folder of ciphertexts but whole ones.
    fn assert_whole_files(&self, count: usize) {
        let files = fs::read_dir(self.folder.join("data/cthd")).unwrap();
        let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        assert_eq!(names.len(), count, "{names:?}");
        let whole = |name: &std::ffi::OsString| name.to_str().unwrap().ends_with(".cthd");
        assert!(names.iter().all(whole), "{names:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_record_that_does_not_fit_is_refused_and_goes_through_once_there_is_space() {
    let Some((mut world, disk)) = cramped(96, 4000) else {
        return;
    };
    world.start().await;
    let (patient, doctor) = (Patient::new(&world).await, Doctor::new(&world).await);
    let before = patient.submitted(&world, 100_000).await;
    doctor.assigned(&before.record()).await;

    let large = patient.seal(&world, 6 << 20).await;
    disk.fill_up_to(3 * MB);
    assert!(disk.left() < 4 * MB, "the database gave space back");
    let (status, code, text) = refusal(patient.submit(&large).await);
    assert_eq!((status, code.as_str()), (507, "storage-full"));
    assert!(
        text.contains("disk") && text.contains("nothing was stored"),
        "{text}"
    );
    let state = patient.state(&large.record()).await;
    assert_eq!(state, RecordState::AwaitsCthd);
    assert_eq!(world.operator().status().await.unwrap().records, 1);
    world.assert_whole_files(1);
    doctor.assert_reads(&world, &before).await;

    world.gateway.kill();
    world.gateway.start();
    world.ready().await;
    world.assert_whole_files(1);

    disk.free();
    let view = patient.submit(&large).await.unwrap();
    assert!(view.registration.is_some(), "{view:?}");
    doctor.assigned(&large.record()).await;
    doctor.assert_reads(&world, &large).await;
    doctor.assert_reads(&world, &before).await;
    world.assert_same_ledger().await;
    world.gateway.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_record_does_not_take_the_space_that_the_ledger_needs() {
    let Some((mut world, disk)) = cramped(96, 500) else {
        return;
    };
    let kept_back = 4 * MB;
    world.keep_back(kept_back);
    world.start().await;
    let patient = Patient::new(&world).await;
    let record = patient.seal(&world, 2 << 20).await;
    disk.fill_up_to(5 * MB);
    let (status, code, _) = refusal(patient.submit(&record).await);
    assert_eq!((status, code.as_str()), (507, "storage-full"));
    assert!(disk.left() >= kept_back);
    world.assert_whole_files(0);
    // Everything else goes on.
    world.blocks(2).await;
    Patient::new(&world).await;
    disk.free();
    let view = patient.submit(&record).await.unwrap();
    assert!(view.registration.is_some(), "{view:?}");
    world.gateway.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_uploads_at_once_do_not_take_the_space_that_the_ledger_needs() {
    let Some((mut world, disk)) = cramped(96, 4000) else {
        return;
    };
    let kept_back = 4 * MB;
    world.keep_back(kept_back);
    world.start().await;
    let patient = Patient::new(&world).await;
    let first = patient.seal(&world, 3 << 20).await;
    let second = patient.seal(&world, 3 << 20).await;
    // For either, and not for both.
    disk.fill_up_to(8 * MB + MB / 2);

    // The first is announced, and nothing of it has come yet.
    let submission = first.sealed.submission();
    patient.client.submit_record(submission).await.unwrap();
    let body = fs::read(&first.cthd).unwrap();
    let (path, token) = (
        format!("/v1/records/{}/cthd", first.record()),
        patient.token(&world),
    );
    let headers =
        format!("Authorization: Bearer {token}\r\nContent-Type: application/octet-stream\r\n");
    let mut upload = world
        .gateway
        .begin("PUT", &path, &headers, body.len())
        .unwrap();
    let part = world
        .folder
        .join(format!("data/cthd/{}.part", first.record()));
    wait("the upload to begin", async || part.exists().then_some(())).await;

    let (status, code, _) = refusal(patient.submit(&second).await);
    assert_eq!((status, code.as_str()), (507, "storage-full"));
    upload.write_all(&body).unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(disk.left() >= kept_back);
    // What was promised to the first is given back; now its ciphertext is what takes the space.
    let (status, ..) = refusal(patient.submit(&second).await);
    assert_eq!(status, 507);
    disk.free();
    let view = patient.submit(&second).await.unwrap();
    assert!(view.registration.is_some(), "{view:?}");
    world.gateway.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_ledger_without_space_stops_says_so_and_goes_on_where_it_was() {
    let Some((mut world, disk)) = cramped(12, 300) else {
        return;
    };
    world.start().await;
    let (patient, doctor) = (Patient::new(&world).await, Doctor::new(&world).await);
    let before = patient.submitted(&world, 10_000).await;
    doctor.assigned(&before.record()).await;

    // The database writes into what it has reserved, until that is used up, too.
    disk.fill();
    let invite = InvitationRequest {
        role: DeviceRole::Patient,
        note: String::new(),
        lifetime_s: 60,
    };
    let operator = world.operator();
    let (status, code, text) = wait("a refusal", async || {
        disk.fill();
        let invited = operator.invite(&invite).await;
        invited.is_err().then(|| refusal(invited))
    })
    .await;
    assert_eq!((status, code.as_str()), (507, "storage-full"), "{text}");
    let checks = wait("the ledger to stop", async || {
        disk.fill();
        let (ready, checks) = world.gateway.readiness()?;
        (!ready && checks["ledger"]["ok"] == false).then_some(checks)
    })
    .await;
    let detail = checks["ledger"]["detail"].as_str().unwrap();
    assert!(
        detail.contains("halted") && detail.contains("No space left"),
        "{detail}"
    );
    let (status, code, _) = refusal(doctor.post_interests(&world).await);
    assert!([503, 507].contains(&status), "{status} {code}");
    let (height, _) = world.tip().await;
    world.gateway.assert_sound();

    // While there is no space it does not start, or starts and says why it is not ready.
    world.gateway.kill();
    world.gateway.start();
    let told = wait("a word about the disk", async || {
        if let Some(status) = world.gateway.ended(Duration::from_millis(10)) {
            assert_eq!(status.code(), Some(1));
            return Some(world.gateway.log());
        }
        let (ready, checks) = world.gateway.readiness()?;
        assert!(!ready, "it says that it is ready");
        Some(checks.to_string())
    })
    .await;
    assert!(told.contains("No space left"), "{told}");
    assert!(
        !world.gateway.log().contains("panicked"),
        "{}",
        world.gateway.log()
    );
    world.gateway.kill();

    disk.free();
    world.gateway.start();
    world.ready().await;
    assert!(world.tip().await.0 >= height, "blocks were lost");
    world.blocks(2).await;
    doctor.assert_reads(&world, &before).await;
    let after = patient.submitted(&world, 10_000).await;
    doctor.assigned(&after.record()).await;
    doctor.assert_reads(&world, &after).await;
    world.assert_same_ledger().await;
    world.gateway.assert_sound();
}
