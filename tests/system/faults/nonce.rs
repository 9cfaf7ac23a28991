//! A nonce for a doctor's proof holds for as long as the KGC says.

use std::path::Path;
use std::time::Duration;

use consilium_client::api::gateway::{ApprovalRequest, DeviceRole};
use consilium_client::api::kgc::EnrolmentState;
use consilium_client::device::doctor::{self, DoctorKeys};
use consilium_contracts::Settings;

use super::devices::{invited, refusal, rng};
use super::process::wait;
use super::world::{Place, World};

/// Seconds that a nonce holds here.
const LIFETIME_S: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_nonce_that_is_over_enrols_nobody_and_a_fresh_one_does() {
    let place = |dir: &Path| Some(Place::beside(dir, "north"));
    let mut world = World::prepare(Settings::default(), place, &[]).unwrap();
    let lifetime = format!("--kgc-nonce-lifetime-s={LIFETIME_S}");
    world.kgc.flags.push(lifetime);
    world.start().await;
    let (keys, federation) = (DoctorKeys::generate(&mut rng()), &world.federation);
    let client = invited(&world, DeviceRole::Doctor, keys.signing()).await;
    let (id, operator, kgc) = (keys.id(federation), world.operator(), world.kgc_admin());
    let approval = ApprovalRequest {
        attributes: "role:cardiologist".to_owned(),
    };

    let asked = doctor::enrol(&client, federation, &keys, &mut rng()).await;
    assert_eq!(asked.unwrap().state, EnrolmentState::AwaitsHospital);
    tokio::time::sleep(Duration::from_millis(LIFETIME_S * 1000 + 100)).await;
    // The hospital takes its time; the KGC knows how much.
    let (status, code, text) = refusal(operator.approve(&id, &approval).await);
    assert_eq!((status, code.as_str()), (409, "stale-nonce"));
    assert!(text.contains("nonce"), "{text}");
    assert!(kgc.enrolments().await.unwrap().enrolments.is_empty());

    // A machine under load may need more than one attempt.
    wait("an approval in time", async || {
        let asked = doctor::enrol(&client, federation, &keys, &mut rng()).await;
        assert_eq!(asked.unwrap().state, EnrolmentState::AwaitsHospital);
        operator.approve(&id, &approval).await.ok()
    })
    .await;
    assert_eq!(kgc.enrolments().await.unwrap().enrolments.len(), 1);
    world.gateway.assert_sound();
    world.kgc.assert_sound();
}
