//! False matches, denials, and proofs of something else.

use consilium_contracts::{
    Access, Action, AuthorizationId, DoctorId, Epoch, FederationId, PostMatch, ProofBytes,
    Rejection, Role,
};
use consilium_schemes::curve::Gt;
use consilium_schemes::matching::index_build;
use consilium_schemes::tokens::KeywordToken;

use super::super::forge::Case;
use super::super::points::replaced;
use super::super::program::Program;
use super::{Scene, forbidden};
use crate::faults::devices::rng;

/// With the true secrets.
pub(super) async fn false_matches(scene: &Scene) {
    let (record, doctor) = (scene.records[0], scene.doctors[2]);
    let case = scene.case(&record, &doctor);
    let lies = [
        (
            "a false match, by a prover who skips the check",
            case.claimed(&scene.secret),
            Rejection::MatchNotProven { record, doctor },
        ),
        (
            "an honest proof of no match, posted as a match",
            case.proven(&scene.secret),
            Rejection::ProofOfNoMatch { record, doctor },
        ),
    ];
    for (lie, proof, why) in lies {
        let action = Action::PostMatch(scene.matched(&record, &doctor, proof));
        scene.program.refused(lie, action, &why).await;
    }
}

/// Of a true match; as answers to nobody's question, which is all that can be posted.
pub(super) async fn denials(scene: &Scene) {
    let (record, doctor) = (scene.records[0], scene.doctors[0]);
    let case = scene.case(&record, &doctor);
    let mut one = [0; Gt::BYTES];
    one[47] = 1;
    // p - 1, of order 2.
    let p = "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaaa";
    let mut minus_one = [0; Gt::BYTES];
    minus_one[..48].copy_from_slice(&hex::decode(p).unwrap());
    for (lie, z) in [
        ("Z = E^delta = 1", one),
        ("Z = -1", minus_one),
        ("Z = 0", [0; Gt::BYTES]),
        ("a Z that is not canonical", [0xff; Gt::BYTES]),
    ] {
        let proof = case.denied(&scene.secret, &z);
        let action = Action::PostMatch(scene.matched(&record, &doctor, proof));
        let why = Rejection::BadProof;
        scene.program.refused(lie, action, &why).await;
    }
    let good = case.proven(&scene.secret).as_bytes().to_vec();
    for (lie, proof) in [
        (
            "a scalar that is not reduced",
            replaced(&good, 6, &[0xff; 32]),
        ),
        ("a byte less", good[..good.len() - 1].to_vec()),
        ("a byte more", [&good[..], &[0]].concat()),
        ("another version", replaced(&good, 4, &[2])),
    ] {
        let proof = proof.try_into().unwrap();
        let action = Action::PostMatch(scene.matched(&record, &doctor, proof));
        let why = Rejection::BadProof;
        scene.program.refused(lie, action, &why).await;
    }
}

/// A proof that holds for something else than what is posted.
pub(super) async fn proofs_of_something_else(scene: &Scene) {
    let ([record, other], [doctor, colleague, _]) = (scene.records, scene.doctors);
    let case = scene.case(&record, &doctor);
    let change = |change: &dyn Fn(&mut Case)| {
        let mut changed = case.clone();
        change(&mut changed);
        changed.claimed(&scene.secret)
    };
    // An index of its own with the doctor's interest as far as it knows, which stands nowhere.
    let token = KeywordToken::from_bytes(&[7; 32]).unwrap();
    let own = index_build(scene.n(), &[token], &mut rng()).unwrap();
    let own = own.encrypt(&scene.secret.public_keys(), &mut rng());
    let (_, of_west) = scene.west.secrets();
    let of_other = scene.case(&other, &doctor);
    let of_colleague = scene.case(&record, &colleague);
    let lies: [(&str, ProofBytes); 13] = [
        (
            "of another federation",
            change(&|case| case.federation = FederationId::from_bytes([1; 32])),
        ),
        ("of another record", of_other.claimed(&scene.secret)),
        (
            "of this index under another record's name",
            change(&|case| case.terms.record = other),
        ),
        ("of another doctor", of_colleague.claimed(&scene.secret)),
        (
            "of this trapdoor under another doctor's name",
            change(&|case| case.doctor = colleague),
        ),
        (
            "at another hospital",
            change(&|case| case.hospital = scene.west.card.id.clone()),
        ),
        (
            "of another epoch",
            change(&|case| case.terms.epoch = Epoch::new(2)),
        ),
        (
            "under another authorization",
            change(&|case| case.authorization = Some(scene.withdrawn)),
        ),
        ("under none", change(&|case| case.authorization = None)),
        (
            "with another expiry",
            change(&|case| case.expires = case.expires.plus(1)),
        ),
        (
            "with an index that is not on the ledger",
            change(&|case| case.index = own.clone()),
        ),
        (
            "with the index to another hospital",
            change(&|case| case.index = scene.index(&record, &scene.north)),
        ),
        ("with another hospital's keys", case.claimed(&of_west)),
    ];
    for (lie, proof) in lies {
        let action = Action::PostMatch(scene.matched(&record, &doctor, proof));
        let why = Rejection::MatchNotProven { record, doctor };
        scene.program.refused(lie, action, &why).await;
    }
}

/// A proof that holds, for an authorization that does not.
pub(super) async fn what_the_match_rests_on(scene: &Scene) {
    let (record, doctor) = (scene.records[0], scene.doctors[0]);
    let unknown = AuthorizationId::from_bytes([3; 32]);
    for (lie, authorization) in [
        ("no authorization", None),
        ("one that was withdrawn", Some(scene.withdrawn)),
        ("one that nobody gave", Some(unknown)),
    ] {
        let case = Case {
            authorization,
            ..scene.case(&record, &doctor)
        };
        let proof = case.proven(&scene.secret);
        let action = Action::PostMatch(PostMatch {
            authorization,
            ..scene.matched(&record, &doctor, proof)
        });
        let hospital = scene.south.card.id.clone();
        let why = Rejection::WrongAuthorization { record, hospital };
        scene.program.refused(lie, action, &why).await;
    }
}

/// For other hospitals' doctors, in another hospital's name, with another's signature.
pub(super) async fn in_another_name(scene: &Scene) {
    let (record, doctor) = (scene.records[0], scene.doctors[0]);
    let proof = scene.case(&record, &doctor).proven(&scene.secret);
    let honest = scene.matched(&record, &doctor, proof);
    let (program, why) = (&scene.program, forbidden(Role::DoctorsHospital));
    let of_north = scene.matched(&record, &scene.elsewhere, honest.proof.clone());
    let lie = "a match of another hospital's doctor";
    program
        .refused(lie, Action::PostMatch(of_north), &why)
        .await;
    let unknown = DoctorId::from_bytes([5; 32]);
    let of_nobody = scene.matched(&record, &unknown, honest.proof.clone());
    let nobody = Rejection::UnknownDoctor { doctor: unknown };
    let lie = "a match of nobody";
    program
        .refused(lie, Action::PostMatch(of_nobody), &nobody)
        .await;
    let access = Action::Access(Access { record, doctor });
    let unassigned = Rejection::NotAssigned { record, doctor };
    let lie = "access without an assignment";
    program.refused(lie, access, &unassigned).await;

    let (west, _) = scene.west.secrets();
    let gateway = scene.north.client(Some(&west));
    let west = Program::new(&scene.world, gateway, &west).await;
    let lie = "another hospital posts it";
    west.refused(lie, Action::PostMatch(honest.clone()), &why)
        .await;
    let mut elsewhere = program.transaction(Action::PostMatch(honest.clone()));
    elsewhere.federation = FederationId::from_bytes([1; 32]);
    let (named, expected) = (elsewhere.federation, program.federation);
    let why = Rejection::WrongFederation { named, expected };
    let signed = program.sign(elsewhere);
    let lie = "a transaction of another federation";
    program.refused_as_signed(lie, &signed, &why).await;
    let forged = west.sign(program.transaction(Action::PostMatch(honest)));
    let lie = "signed by another hospital";
    let why = Rejection::BadSignature;
    program.refused_as_signed(lie, &forged, &why).await;
}
