//! A clock that jumps: block time never turns back, the ledger goes on and says how far the clock is off, what was issued at
//! a wrong time is refused by name, and everything goes on when the clock is right.

use std::path::Path;

use consilium_client::api::auth::{ASSERTION_TYPE, GRANT_TYPE, ScopeSet};
use consilium_client::api::kgc::PublishEpochRequest;
use consilium_client::credentials::Credentials;
use consilium_contracts::Settings;
use serde_json::Value;

use super::devices::{Doctor, Patient, refusal};
use super::machine::WallClock;
use super::process::wait;
use super::world::{Place, World, copy_of, now_s};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// From now to the first hour of 1970.
fn to_1970() -> i64 {
    HOUR_MS / 2 - i64::try_from(now_s() * 1000).unwrap()
}

fn settings() -> Settings {
    Settings {
        n: 8,
        matching_window_ms: 1500,
        heartbeat_ms: 300,
        ..Settings::default()
    }
}

/// A federation with a clock for the hospital north and one for the KGC.
fn with_clocks(others: &[&str]) -> Option<(World, WallClock, WallClock)> {
    let place = |dir: &Path| Some(Place::beside(dir, "north"));
    let mut world = World::prepare(settings(), place, others)?;
    let of_gateway = WallClock::build(world.dir.path())?;
    let of_kgc = of_gateway.another("offset-kgc");
    world.gateway.environment = of_gateway.environment();
    world.kgc.environment = of_kgc.environment();
    Some((world, of_gateway, of_kgc))
}

impl World {
    /// A transaction of the KGC, whose clock is right, is committed by the hospital, whose clock is not.
    async fn publish_epoch(&self) {
        let kgc = self.kgc_admin();
        let current = kgc.epochs().await.unwrap().current.unwrap();
        let request = PublishEpochRequest { epoch: current + 1 };
        let published = kgc.publish_epoch(&request).await.unwrap();
        assert_eq!(published.epoch, current + 1);
    }

    /// The ledger goes on: blocks, a transaction; and block time has not turned back from `before`.
    async fn assert_goes_on(&mut self, before: u64) -> u64 {
        self.publish_epoch().await;
        let (_, after) = self.blocks(3).await;
        assert!(after > before, "block time {after} after {before}");
        self.gateway.assert_sound();
        self.kgc.assert_sound();
        after
    }

    fn ledger_check(&self) -> (bool, String) {
        let (ready, checks) = self.gateway.readiness().unwrap();
        let detail = checks["ledger"]["detail"].as_str().unwrap();
        (ready, detail.to_owned())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_ledger_outlives_every_jump_of_its_only_validators_clock() {
    let Some((mut world, clock, _)) = with_clocks(&[]) else {
        return;
    };
    world.start().await;
    let (patient, doctor) = (Patient::new(&world).await, Doctor::new(&world).await);
    let first = patient.submitted(&world, 1000).await;
    doctor.assigned(&first.record()).await;
    let (_, mut time) = world.tip().await;

    clock.shift_ms(HOUR_MS);
    time = world.assert_goes_on(time).await;
    let (status, code, text) = refusal(doctor.client.inbox().await);
    assert_eq!((status, code.as_str()), (401, "invalid-assertion"));
    assert!(text.contains("check the clock"), "{text}");

    // The ledger is an hour ahead of every clock now. A window that is an hour away would be no window.
    clock.shift_ms(0);
    time = world.assert_goes_on(time).await;
    let (_, detail) = world.ledger_check();
    assert!(detail.contains("ahead of this machine's clock"), "{detail}");
    doctor.assert_reads(&world, &first).await;
    let second = patient.submitted(&world, 1000).await;
    doctor.assigned(&second.record()).await;

    for wrong in [-DAY_MS, to_1970()] {
        clock.shift_ms(wrong);
        time = world.assert_goes_on(time).await;
        let (_, detail) = world.ledger_check();
        assert!(detail.contains("ahead of this machine's clock"), "{detail}");
        let (status, code, text) = refusal(doctor.client.inbox().await);
        assert_eq!((status, code.as_str()), (401, "invalid-assertion"));
        assert!(text.contains("check the clock"), "{text}");
    }

    clock.shift_ms(0);
    world.assert_goes_on(time).await;
    world.ready().await;
    for record in [&first, &second] {
        doctor.assert_reads(&world, record).await;
    }
    world.assert_same_ledger().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_validators_clock_does_not_carry_block_time_away() {
    let Some((mut world, clock, _)) = with_clocks(&["south"]) else {
        return;
    };
    world.start().await;
    let (_, mut time) = world.blocks(1).await;
    for wrong in [HOUR_MS, -DAY_MS] {
        clock.shift_ms(wrong);
        time = world.assert_goes_on(time).await;
        // South refuses to go along, by its own clock, which is right.
        let ahead = time.saturating_sub(now_s() * 1000);
        assert!(ahead < 60_000, "block time is {ahead} ms ahead");
        let (ready, checks) = world.others[0].readiness().unwrap();
        assert!(ready, "{checks}");
    }
    clock.shift_ms(0);
    world.assert_goes_on(time).await;
    world.ready().await;
    world.assert_same_ledger().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_validator_starts_at_any_time_and_goes_on_where_it_was() {
    let Some((mut world, clock, _)) = with_clocks(&[]) else {
        return;
    };
    world.start().await;
    let (mut height, mut time) = world.blocks(2).await;
    for wrong in [-DAY_MS, to_1970(), HOUR_MS, 0] {
        world.gateway.stop();
        clock.shift_ms(wrong);
        world.gateway.start();
        wait("the gateway to answer", async || {
            world.gateway.assert_sound();
            world.gateway.readiness()
        })
        .await;
        let (now, _) = world.tip().await;
        assert!(now >= height, "blocks were lost: {now} after {height}");
        time = world.assert_goes_on(time).await;
        height = world.tip().await.0;
    }
    world.ready().await;
    world.assert_same_ledger().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_whose_clock_is_off_says_so_until_it_is_right() {
    let Some((mut world, _, clock)) = with_clocks(&[]) else {
        return;
    };
    world.start().await;
    let check = |world: &World| world.kgc.readiness().unwrap();
    clock.shift_ms(HOUR_MS);
    let (ready, checks) = check(&world);
    let detail = checks["ledger"]["detail"].as_str().unwrap();
    assert!(!ready && detail.contains("at most 60000"), "{detail}");
    clock.shift_ms(-DAY_MS);
    let (_, checks) = check(&world);
    let detail = checks["ledger"]["detail"].as_str().unwrap();
    assert!(detail.contains("ahead of this machine's clock"), "{detail}");
    clock.shift_ms(0);
    world.ready().await;
    world.publish_epoch().await;
    world.assert_same_ledger().await;
}

impl World {
    /// The operator's assertion, made at a time of his clock.
    fn assertion(&self, now_s: u64) -> String {
        let key = Credentials::new(copy_of(&self.operator), ScopeSet::none());
        key.assertion(self.card.url.as_str(), now_s)
    }

    /// Status, and the token or the refusal's text.
    pub fn exchange(&self, assertion: &str) -> (u16, String) {
        let form = format!(
            "grant_type={GRANT_TYPE}&client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}"
        );
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        let (status, body) = self.gateway.call("POST", "/v1/token", kind, &form).unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        let text = match status {
            200 => &body["access_token"],
            _ => &body["issue"][0]["details"]["text"],
        };
        (status, text.as_str().unwrap().to_owned())
    }

    fn status_with(&self, token: &str) -> (u16, String) {
        let bearer = format!("Authorization: Bearer {token}\r\n");
        self.gateway.call("GET", "/v1/status", &bearer, "").unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_issued_at_a_wrong_time_is_refused_when_the_clock_is_right() {
    let Some((mut world, clock, _)) = with_clocks(&[]) else {
        return;
    };
    world.start().await;
    let used = world.assertion(now_s());
    assert_eq!(world.exchange(&used).0, 200);

    clock.shift_ms(HOUR_MS);
    let (status, text) = world.exchange(&world.assertion(now_s()));
    assert_eq!(status, 401);
    assert!(text.contains("check the clock"), "{text}");
    let (status, token) = world.exchange(&world.assertion(now_s() + 3600));
    assert_eq!(status, 200, "{token}");
    assert_eq!(world.status_with(&token).0, 200);

    clock.shift_ms(0);
    let (status, body) = world.status_with(&token);
    assert_eq!(
        status, 401,
        "a token of the future is good for an hour: {body}"
    );
    assert!(
        body.contains("token-expired") && body.contains("clock"),
        "{body}"
    );
    let (status, text) = world.exchange(&used);
    assert_eq!(status, 401, "an assertion was used twice");
    assert!(text.contains("used before"), "{text}");
    for wrong in [now_s() + 3600, now_s() - 3600] {
        let (status, text) = world.exchange(&world.assertion(wrong));
        assert_eq!(status, 401);
        assert!(text.contains("check the clock"), "{text}");
    }
    let (status, token) = world.exchange(&world.assertion(now_s()));
    assert_eq!(status, 200, "{token}");
    assert_eq!(world.status_with(&token).0, 200);
    world.gateway.assert_sound();
}
