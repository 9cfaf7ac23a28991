//! What the services say of themselves: `/readyz` and why not, `/metrics`.

use consilium_client::api::kgc::UnsealRequest;
use consilium_client::wire::SecretText;
use consilium_contracts::Settings;

use super::process::{Service, wait};
use super::world::{Place, SECRET, World};

fn prepared(settings: Settings) -> World {
    World::prepare(settings, |dir| Some(Place::beside(dir, "north")), &[]).unwrap()
}

fn settings() -> Settings {
    Settings {
        heartbeat_ms: 300,
        max_tip_age_ms: 2000,
        ..Settings::default()
    }
}

/// The samples of a metrics text in the OpenMetrics form, each line of which is looked at.
fn samples(text: &str) -> Vec<(String, f64)> {
    let mut samples = Vec::new();
    assert_eq!(text.lines().last(), Some("# EOF"));
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let word = comment.split(' ').next().unwrap();
            assert!(["HELP", "TYPE", "UNIT", "EOF"].contains(&word), "{line}");
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        let (bare, labels) = name.split_once('{').unwrap_or((name, "}"));
        let letter = |letter: char| letter.is_ascii_lowercase() || "_0123456789".contains(letter);
        assert!(
            bare.starts_with("consilium_") && bare.chars().all(letter),
            "{line}"
        );
        assert!(labels.ends_with('}'), "{line}");
        samples.push((name.to_owned(), value.parse().unwrap()));
    }
    samples
}

fn metric(service: &Service, name: &str) -> f64 {
    let (status, text) = service.get("/metrics").unwrap();
    assert_eq!(status, 200);
    let samples = samples(&text);
    let found = samples.iter().find(|(of, _)| of == name);
    found
        .unwrap_or_else(|| panic!("there is no {name}:\n{text}"))
        .1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readyz_says_what_is_missing_and_metrics_follow() {
    let mut world = prepared(settings());
    world.kgc.passphrase = None;
    world.kgc.start();
    world.gateway.start();
    let sealed = wait("the KGC", async || world.kgc.readiness()).await;
    assert!(!sealed.0);
    let detail = sealed.1["seal"]["detail"].as_str().unwrap();
    assert!(
        detail.contains("sealed") && detail.contains("unseal"),
        "{detail}"
    );
    assert_eq!(sealed.1["epoch"]["ok"], false);
    assert!((metric(&world.kgc, "consilium_kgc_sealed") - 1.0).abs() < 0.1);

    let request = UnsealRequest {
        passphrase: SecretText::new(SECRET.to_owned()),
    };
    world.kgc_admin().unseal(&request).await.unwrap();
    world.ready().await;
    assert!(metric(&world.kgc, "consilium_kgc_sealed").abs() < 0.1);
    wait("the metrics to follow", async || {
        let names = ["consilium_kgc_epoch", "consilium_ledger_height"];
        let above = names.iter().all(|name| metric(&world.kgc, name) >= 1.0);
        above.then_some(())
    })
    .await;
    for service in [&world.kgc, &world.gateway] {
        let of = |name: &str| metric(service, &format!("consilium_ledger_{name}"));
        let is = |value: f64, expected: f64| (value - expected).abs() < 0.1;
        assert!(is(of("validators"), 1.0) && is(of("halted"), 0.0) && is(of("evidence"), 0.0));
        assert!(of("tip_age_seconds") < 60.0 && of("height") >= 1.0);
        for name in ["peers", "pool_transactions", "pool_bytes"] {
            assert!(of(name) >= 0.0);
        }
        // The only validator voted for every block.
        let name = r#"validator_last_vote_age_blocks{hospital="north"}"#;
        assert!(is(of(name), 0.0));
    }
    assert!(metric(&world.gateway, "consilium_ledger_votes") > 0.9);
    assert!(metric(&world.kgc, "consilium_ledger_votes") < 0.1);
    for name in ["keys_issued_total", "token_evaluations_total"] {
        metric(&world.kgc, &format!("consilium_kgc_{name}"));
    }
    for name in ["pairs_compared_total", "matches_total"] {
        metric(&world.gateway, &format!("consilium_gateway_{name}"));
    }

    // Without the only validator no block comes: the KGC's copy of the ledger gets old.
    world.gateway.stop();
    let old = wait("an old tip", async || {
        let (ready, checks) = world.kgc.readiness()?;
        (!ready).then_some(checks)
    })
    .await;
    assert_eq!(
        (&old["ledger"]["ok"], &old["seal"]["ok"]),
        (&false.into(), &true.into())
    );
    let detail = old["ledger"]["detail"].as_str().unwrap();
    assert!(detail.contains("at most 2000"), "{detail}");
    world.gateway.start();
    world.ready().await;
}
