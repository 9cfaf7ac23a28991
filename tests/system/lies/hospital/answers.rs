//! False answers to challenges about a record of north: one doctor whose interest it has, one whose it has not.

use consilium_client::api::challenges::{ChallengeRequest, ChallengeState};
use consilium_client::wire::Text;
use consilium_contracts::{
    Action, AnswerChallenge, ChallengeRejection, DoctorId, FederationId, PostMatch, ProofBytes,
    RecordId, Rejection, Role,
};
use consilium_schemes::curve::{G1, G2, Gt, pairing};

use super::super::forge::Case;
use super::super::program::Program;
use super::{Scene, forbidden};

/// As the truth of a challenge is proven: it rests on no authorization.
fn asked(scene: &Scene, record: &RecordId, doctor: &DoctorId) -> Case {
    Case {
        authorization: None,
        ..scene.case(record, doctor)
    }
}

fn answer(record: RecordId, doctor: DoctorId, proof: ProofBytes) -> Action {
    Action::AnswerChallenge(AnswerChallenge {
        record,
        doctor,
        proof,
    })
}

async fn challenge(scene: &Scene, record: &RecordId, doctor: &DoctorId) {
    let request = ChallengeRequest {
        doctor: Text(*doctor),
    };
    let operator = scene.north.operator();
    operator.challenge(record, &request).await.unwrap();
}

async fn settled(scene: &Scene, record: &RecordId, doctor: &DoctorId) -> ChallengeState {
    let pairs = scene.north.operator().pairs(record).await.unwrap().pairs;
    let pair = pairs.into_iter().find(|pair| pair.doctor.0 == *doctor);
    pair.unwrap().challenge.unwrap().status
}

/// Neither outcome can be said falsely, for whatever pair, with whatever secrets; what is true is taken.
pub(super) async fn false_answers(scene: &Scene) {
    let ([other, record], [doctor, _, unsuited]) = (scene.records, scene.doctors);
    let unasked = ChallengeRejection::NotChallenged { record, doctor };
    let early = asked(scene, &record, &doctor).proven(&scene.secret);
    let early = answer(record, doctor, early);
    let lie = "an answer that nobody asked for";
    scene.program.refused(lie, early, &unasked.into()).await;
    challenge(scene, &record, &doctor).await;
    challenge(scene, &record, &unsuited).await;

    denials(scene, &record, &doctor).await;
    let true_match = asked(scene, &record, &doctor).proven(&scene.secret);
    let said = ChallengeRejection::PostTheMatch {
        record,
        doctor,
        hospital: scene.south.card.id.clone(),
    };
    let lie = "a match that is only said and not posted";
    let action = answer(record, doctor, true_match);
    scene.program.refused(lie, action, &said.into()).await;

    let case = asked(scene, &record, &unsuited);
    let change = |change: &dyn Fn(&mut Case)| {
        let mut changed = case.clone();
        change(&mut changed);
        changed.proven(&scene.secret)
    };
    let (_, of_west) = scene.west.secrets();
    let mut z = [0; Gt::BYTES];
    z.copy_from_slice(&pairing(&G1::generator(), &G2::generator()).to_bytes());
    for (lie, proof) in [
        (
            "of another record",
            asked(scene, &other, &unsuited).proven(&scene.secret),
        ),
        (
            "of another federation",
            change(&|case| case.federation = FederationId::from_bytes([1; 32])),
        ),
        (
            "of this trapdoor under another doctor's name",
            change(&|case| case.doctor = doctor),
        ),
        (
            "with the index to another hospital",
            Case {
                index: scene.index(&record, &scene.north),
                ..case.clone()
            }
            .denied(&scene.secret, &z),
        ),
        (
            "with another expiry",
            change(&|case| case.expires = case.expires.plus(1)),
        ),
        ("with another hospital's keys", case.denied(&of_west, &z)),
    ] {
        let action = answer(record, unsuited, proof);
        let why = ChallengeRejection::NotProven {
            record,
            doctor: unsuited,
        };
        scene.program.refused(lie, action, &why.into()).await;
    }

    let truth = case.proven(&scene.secret);
    let (signing, _) = scene.west.secrets();
    let client = scene.north.client(Some(&signing));
    let west = Program::new(&scene.world, client, &signing).await;
    let (lie, needed) = ("the truth, by another hospital", Role::DoctorsHospital);
    let action = answer(record, unsuited, truth.clone());
    west.refused(lie, action.clone(), &forbidden(needed)).await;
    scene.program.taken("that they do not match", action).await;
    let shown = settled(scene, &record, &unsuited).await;
    assert_eq!(shown, ChallengeState::NoMatch);

    let proof = scene.case(&record, &doctor).proven(&scene.secret);
    let posted = PostMatch {
        proof,
        ..scene.matched(&record, &doctor, truth)
    };
    scene
        .program
        .taken("that they do", Action::PostMatch(posted))
        .await;
    let shown = settled(scene, &record, &doctor).await;
    assert_eq!(shown, ChallengeState::Match);
}

/// A true match, denied by a prover who picks Z as he likes.
async fn denials(scene: &Scene, record: &RecordId, doctor: &DoctorId) {
    let case = asked(scene, record, doctor);
    let mut one = [0; Gt::BYTES];
    one[47] = 1;
    let p = "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaaa";
    let mut minus_one = [0; Gt::BYTES];
    minus_one[..48].copy_from_slice(&hex::decode(p).unwrap());
    let some = pairing(&G1::generator(), &G2::generator()).to_bytes();
    let not_proven = ChallengeRejection::NotProven {
        record: *record,
        doctor: *doctor,
    };
    for (lie, z, why) in [
        ("Z = E^delta = 1", one, Rejection::BadProof),
        ("Z = -1", minus_one, Rejection::BadProof),
        ("a Z of order r", some, not_proven.into()),
    ] {
        let proof = case.denied(&scene.secret, &z);
        let action = answer(*record, *doctor, proof);
        scene.program.refused(lie, action, &why).await;
    }
}
