//! A federation that changes while it runs.

use consilium_client::api::gateway::ApprovalRequest;
use consilium_client::api::kgc::EnrolmentState;

use crate::world::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_doctor_whose_key_would_cost_too_much_is_not_approved() {
    let world = World::new(settings()).await;
    let south = &world.south;
    let reader = asking(&world, south).await;
    let numbers: Vec<_> = (0..8).map(|number| format!("n{number}=1")).collect();
    // Eight numbers are 256 attributes, and `hospital:south` is one more.
    let approval = ApprovalRequest {
        attributes: numbers.join(", "),
    };
    let refused = south.operator().approve(&reader.id, &approval).await;
    assert_eq!(code_of(refused), "too-many-attributes");
    let listed = reader.client.enrolments().await.unwrap().enrolments;
    assert_eq!(listed[0].state, EnrolmentState::AwaitsHospital);
    issued(&world, south, &reader, &numbers[1..].join(", ")).await;
    world.end().await;
}
