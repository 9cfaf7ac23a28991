//! What a key may cost, and that nobody else waits while one is made.

use std::sync::Arc;
use std::time::Duration;

use crate::common::*;
use consilium_client::api::kgc::*;
use consilium_schemes::tokens::Blinding;
use tokio::task::JoinSet;

/// So many numbers: 32 attributes each.
fn numbers(count: u32) -> String {
    let numbers: Vec<_> = (0..count).map(|i| format!("n{i:02}={i}")).collect();
    numbers.join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_too_many_attributes_is_refused_at_enrolment_and_again_before_it_takes_a_leaf() {
    let federation = Federation::new().await;
    let north = &federation.north;
    let doctor = Doctor::new(&federation.id);

    // 9 * 32 = 288, and the default is 256.
    let kgc = federation.kgc().await;
    let refusal = federation.enrol(&kgc, north, &doctor, &numbers(9)).await;
    let text = format!("{:?}", refusal.as_ref().unwrap_err());
    assert!(
        text.contains("288") && text.contains("256") && text.contains("kgc.max_key_attributes"),
        "{text}"
    );
    refused(refusal, 422, "too-many-attributes");
    let admin = kgc.client(Some(&federation.admin));
    assert!(admin.enrolments().await.unwrap().enrolments.is_empty());
    federation
        .enrol(&kgc, north, &doctor, &numbers(8))
        .await
        .unwrap();
    kgc.stop().await;

    // The administrator lowers the limit before issuing.
    let key = passphrase();
    let kgc = RunningKgc::start_with(&federation.home, Some(&key), |config| {
        config.kgc.max_key_attributes = 255;
    })
    .await;
    epoch_reached(&kgc, 1).await;
    refused(
        federation.issue(&kgc, &doctor, &numbers(8)).await,
        422,
        "too-many-attributes",
    );
    let admin = kgc.client(Some(&federation.admin));
    let listed = admin.enrolments().await.unwrap().enrolments;
    assert_eq!(
        (listed[0].state, listed[0].leaf),
        (EnrolmentState::AwaitsIssue, None),
        "no leaf is spent on it"
    );
    kgc.stop().await;
    let kgc = federation.kgc().await;
    let issued = federation.issue(&kgc, &doctor, &numbers(8)).await.unwrap();
    assert_eq!(issued.leaf, 0);
    federation.key(&kgc, north, &doctor).await.unwrap();
    kgc.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_large_key_is_made_tokens_and_enrolments_go_on_and_only_so_many_wait_for_theirs() {
    // 2,048 attributes on 13 levels: seconds.
    let federation = Federation::with_depth(12).await;
    let (north, key) = (&federation.north, passphrase());
    let kgc = RunningKgc::start_with(&federation.home, Some(&key), |config| {
        config.kgc.max_key_attributes = 64 * 32;
        config.frame.limits.work_threads = 1;
    })
    .await;
    epoch_reached(&kgc, 1).await;
    let (large, other) = (Doctor::new(&federation.id), Doctor::new(&federation.id));
    let attributes = numbers(64);
    federation
        .enrol(&kgc, north, &large, &attributes)
        .await
        .unwrap();
    let admin = Arc::new(kgc.client(Some(&federation.admin)));
    let hospital = kgc.client(Some(&north.signing));
    let request = IssueRequest {
        attributes: attributes.clone(),
    };
    let (_, batch) = Blinding::new(&["s|1".parse().unwrap()], &mut rand::rng()).unwrap();
    let evaluation = TokenEvaluationRequest {
        blinded: batch.to_bytes().into(),
    };

    let meanwhile = async {
        // The leaf is committed: the key is being made.
        while admin.enrolments().await.unwrap().enrolments[0].state != EnrolmentState::Registered {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        hospital.evaluate_tokens(&evaluation).await.unwrap();
        admin.status().await.unwrap();
        federation.enrol(&kgc, north, &other, "icu").await.unwrap();
        let mut waiting = JoinSet::new();
        for _ in 0..12 {
            let (admin, request, id) = (Arc::clone(&admin), request.clone(), large.id);
            waiting.spawn(async move { admin.issue(&id, &request).await });
        }
        // Eight wait, and four are told so at once.
        for _ in 0..4 {
            refused(waiting.join_next().await.unwrap().unwrap(), 503, "busy");
        }
        let listed = admin.enrolments().await.unwrap().enrolments;
        let one = listed.iter().find(|one| one.doctor.0 == large.id).unwrap();
        assert_eq!(
            one.state,
            EnrolmentState::Registered,
            "all of it while the key was being made"
        );
        waiting
    };
    let (issued, waiting) = tokio::join!(admin.issue(&large.id, &request), meanwhile);
    let issued = issued.unwrap();
    let waited = waiting.join_all().await;
    assert_eq!(waited.len(), 8);
    for one in waited {
        assert_eq!(one.unwrap().leaf, issued.leaf);
    }
    federation.key(&kgc, north, &large).await.unwrap();
    kgc.stop().await;
}
