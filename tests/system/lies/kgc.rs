//! The KGC lies to the federation: hospitals whose keys are bad, doctors whose keys are no keys, epochs and leaves out of order. Its own
//! process is down; the program in its place has its signing key, and north's operator carries what it signs to north's gateway.

use consilium_client::api::kgc::AdmitHospitalRequest;
use consilium_client::keyfile::WorkFactor;
use consilium_client::passphrase::Passphrase;
use consilium_contracts::{
    Action, Canonical as _, CardError, Digest, Epoch, Height, HospitalCard, Leaf, PublishEpoch,
    RegisterDoctor, Rejection, Role, SigningKey, ValidatorChange, WithdrawConsent,
};
use consilium_gateway::{Gateway, InitRequest};
use consilium_schemes::abe;
use consilium_schemes::curve::Scalar;
use consilium_schemes::matching::KeyContext;

use super::forge::matching_keys;
use super::ledger::Seen;
use super::points::{malformed, replaced};
use super::program::{Program, Site, kgc_key, quiet_federation};
use crate::faults::devices::{refusal, rng};
use crate::faults::world::{SECRET, World};

struct Scene {
    program: Program,
    north: Site,
    /// Of a hospital that was never asked.
    east: HospitalCard,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kgcs_lies_are_refused_each_for_its_reason() {
    let mut world = quiet_federation(&[]).await;
    let north = Site::of(&world, "north");
    let doctor = north.doctor(&world).await;
    let program = Program::new(&world, north.operator(), &kgc_key(&world)).await;
    let east = card_of("east", &world.dir.path().join("east"));
    cards_for_an_honest_kgc(&world, &north, &east).await;
    world.kgc.kill();
    let scene = Scene {
        east,
        program,
        north,
    };
    matching_keys_of_a_hospital(&scene).await;
    other_keys_of_a_hospital(&scene).await;
    doctors(&scene, doctor.signing()).await;
    epochs(&scene).await;
    what_others_do(&scene).await;

    let east = Box::new(scene.east.clone());
    let admitted = Action::AdmitHospital(east.clone());
    scene.program.taken("a hospital", admitted.clone()).await;
    let hospital = east.id.clone();
    let why = Rejection::HospitalExists { hospital };
    scene.program.refused("it again", admitted, &why).await;
}

fn card_of(id: &str, folder: &std::path::Path) -> HospitalCard {
    let passphrase = Passphrase::new(SECRET).unwrap();
    let request = InitRequest {
        folder,
        id: id.parse().unwrap(),
        name: format!("{id} hospital"),
        url: "http://127.0.0.1:9".to_owned(),
        http_listen: "127.0.0.1:9".to_owned(),
        ledger_listen: "/ip4/127.0.0.1/tcp/9".to_owned(),
        passphrase: &passphrase,
        operator_passphrase: None,
        work: Some(WorkFactor::new(1).unwrap()),
    };
    Gateway::init(&request, &mut rng()).unwrap().card
}

/// What a lying hospital hands in: an honest KGC refuses it before the ledger would.
async fn cards_for_an_honest_kgc(world: &World, north: &Site, east: &HospitalCard) {
    let hospital = east.id.clone();
    let context = KeyContext {
        hospital: hospital.as_str().as_bytes(),
        hpke_key: east.hpke_key.as_bytes(),
    };
    let x = Scalar::random(&mut rng());
    let same = matching_keys(&context, x, x).try_into().unwrap();
    let of_north = north.card.matching_keys.clone();
    let not_possessed = CardError::NotPossessed {
        hospital: hospital.clone(),
    };
    for (matching_keys, error) in [
        (of_north, not_possessed),
        (same, CardError::SameExponent { hospital }),
    ] {
        let card = HospitalCard {
            matching_keys,
            ..east.clone()
        };
        let card = card.to_canonical_bytes().into();
        let answer = world
            .kgc_admin()
            .admit_hospital(&AdmitHospitalRequest { card })
            .await;
        let (status, code, words) = refusal(answer);
        assert_eq!((status, code.as_str()), (400, "malformed-body"));
        assert!(words.contains(&error.to_string()), "{words}");
    }
}

/// a = g1^x, b = g2^y and their proofs.
async fn matching_keys_of_a_hospital(scene: &Scene) {
    let east = &scene.east;
    let hospital = east.id.clone();
    let honest = east.matching_keys.as_bytes();
    let context = |hospital: &'static [u8]| KeyContext {
        hospital,
        hpke_key: east.hpke_key.as_bytes(),
    };
    let [x, y] = [Scalar::random(&mut rng()), Scalar::random(&mut rng())];
    let mut lies = Vec::new();
    let malformed_error = || CardError::MatchingKeys {
        hospital: hospital.clone(),
    };
    for (group, field, at) in [("G1", "a", 5), ("G2", "b", 53)] {
        for (what, point) in malformed(group) {
            let keys = replaced(honest, at, &point);
            lies.push((format!("{field}: {what}"), keys, malformed_error()));
        }
    }
    let not_possessed = || CardError::NotPossessed {
        hospital: hospital.clone(),
    };
    let of_north = scene.north.card.matching_keys.as_bytes().to_vec();
    let for_west = matching_keys(&context(b"west"), x, y);
    let one_of_each = replaced(honest, 53, &of_north[53..149]);
    for (lie, keys) in [
        ("another hospital's keys and proofs", of_north),
        ("proofs for another hospital", for_west),
        ("another hospital's b under its own proofs", one_of_each),
    ] {
        lies.push((lie.to_owned(), keys, not_possessed()));
    }
    let same = matching_keys(&context(b"east"), x, x);
    let error = CardError::SameExponent {
        hospital: hospital.clone(),
    };
    lies.push(("e(a, g2) = e(g1, b)".to_owned(), same, error));
    for (lie, keys, error) in lies {
        let card = HospitalCard {
            matching_keys: keys.try_into().unwrap(),
            ..east.clone()
        };
        let action = Action::AdmitHospital(Box::new(card));
        let why = Rejection::BadHospitalCard { error };
        scene.program.refused(&lie, action, &why).await;
    }
    // The proofs are bound to the HPKE key, too.
    let card = HospitalCard {
        hpke_key: scene.north.card.hpke_key.clone(),
        ..east.clone()
    };
    let error = not_possessed();
    let why = Rejection::BadHospitalCard { error };
    let action = Action::AdmitHospital(Box::new(card));
    let lie = "another hospital's HPKE key";
    scene.program.refused(lie, action, &why).await;

    // The forger's own, with x ≠ y, are good.
    let good = matching_keys(&context(b"east"), x, y);
    let card = HospitalCard {
        matching_keys: good.try_into().unwrap(),
        ..east.clone()
    };
    card.verify().unwrap();
}

async fn other_keys_of_a_hospital(scene: &Scene) {
    let (east, north) = (&scene.east, &scene.north.card);
    let hospital = east.id.clone();
    let taken = |key| Rejection::KeyTaken { key };
    let bad = |error| Rejection::BadHospitalCard { error };
    let mut card = east.clone();
    card.peer_key = card.signing_key;
    let same = CardError::SameKeys {
        hospital: hospital.clone(),
    };
    let mut of_north = east.clone();
    of_north.validator_key = north.validator_key;
    let mut hpke = east.clone();
    hpke.hpke_key = vec![0xff; hpke.hpke_key.as_bytes().len()]
        .try_into()
        .unwrap();
    let no_key = CardError::HpkeKey { hospital };
    for (lie, card, why) in [
        ("one key twice", card, bad(same)),
        (
            "another hospital's validator key",
            of_north,
            taken(north.validator_key.into()),
        ),
        ("an HPKE key that is none", hpke, bad(no_key)),
    ] {
        let action = Action::AdmitHospital(Box::new(card));
        scene.program.refused(lie, action, &why).await;
    }
}

async fn doctors(scene: &Scene, known: &SigningKey) {
    let hospital = &scene.north.card.id;
    let (_, pk) = abe::user_keygen(&mut rng());
    let honest = pk.to_bytes();
    let key = SigningKey::generate(&mut rng()).verifying_key();
    // Kind and version stand before the point.
    let at = honest.len() - 48;
    let register = |abe_key: Vec<u8>| RegisterDoctor {
        hospital: hospital.clone(),
        signing_key: key,
        abe_key: abe_key.try_into().unwrap(),
        leaf: Leaf::new(1),
    };
    for (what, point) in malformed("G1") {
        let action = Action::RegisterDoctor(register(replaced(&honest, at, &point)));
        let lie = format!("pk: {what}");
        let why = Rejection::BadAbeKey;
        scene.program.refused(&lie, action, &why).await;
    }
    let good = || register(honest.to_vec());
    let wrong_leaf = |given| Rejection::WrongLeaf {
        given,
        next: Leaf::new(1),
    };
    let nowhere = "nowhere".parse().unwrap();
    let unknown = Rejection::UnknownHospital { hospital: nowhere };
    let known = known.verifying_key();
    for (lie, doctor, why) in [
        (
            "a leaf that was given",
            RegisterDoctor {
                leaf: Leaf::new(0),
                ..good()
            },
            wrong_leaf(Leaf::new(0)),
        ),
        (
            "a leaf ahead",
            RegisterDoctor {
                leaf: Leaf::new(2),
                ..good()
            },
            wrong_leaf(Leaf::new(2)),
        ),
        (
            "a doctor's key again",
            RegisterDoctor {
                signing_key: known,
                ..good()
            },
            Rejection::KeyTaken { key: known.into() },
        ),
        (
            "a doctor of no hospital",
            RegisterDoctor {
                hospital: "nowhere".parse().unwrap(),
                ..good()
            },
            unknown,
        ),
    ] {
        let action = Action::RegisterDoctor(doctor);
        scene.program.refused(lie, action, &why).await;
    }
    let truth = Action::RegisterDoctor(good());
    scene.program.taken("a doctor", truth).await;
}

async fn epochs(scene: &Scene) {
    let status = scene.program.gateway.ledger_status().await.unwrap();
    let publish = |epoch, as_of| {
        Action::PublishEpoch(PublishEpoch {
            epoch: Epoch::new(epoch),
            update_key: Digest::of(b"any"),
            as_of: Height::new(as_of),
        })
    };
    let wrong = |given, next| Rejection::WrongEpoch {
        given: Epoch::new(given),
        next: Epoch::new(next),
    };
    let (tip, next) = (status.height, status.height + 1);
    for (lie, epoch) in [("the current epoch again", 1), ("an epoch left out", 3)] {
        let why = wrong(epoch, 2);
        scene.program.refused(lie, publish(epoch, tip), &why).await;
    }
    let Program {
        gateway,
        federation,
        ..
    } = &scene.program;
    let seen = Seen::through(gateway, federation).await;
    let from = seen.epochs[0].as_of;
    let why = Rejection::WrongRevocationHeight {
        given: Height::new(next),
        from,
        height: Height::new(next),
    };
    let lie = "revocations that are not known yet";
    scene.program.refused(lie, publish(2, next), &why).await;
    scene.program.taken("an epoch", publish(2, tip)).await;
    let lie = "a second key for it";
    let why = wrong(2, 3);
    scene.program.refused(lie, publish(2, tip), &why).await;
}

async fn what_others_do(scene: &Scene) {
    let hospital = scene.north.card.id.clone();
    let record = consilium_contracts::RecordId::from_bytes([4; 32]);
    let lies = [
        (
            "the last validator voted out",
            Action::ProposeValidatorChange(ValidatorChange::Leave {
                hospital: hospital.clone(),
            }),
            Rejection::LastValidator { hospital },
        ),
        (
            "a patient's consent withdrawn",
            Action::WithdrawConsent(WithdrawConsent { record }),
            Rejection::UnknownRecord { record },
        ),
        (
            "interests withdrawn",
            Action::WithdrawTrapdoor,
            Rejection::Forbidden {
                needed: Role::Doctor,
            },
        ),
    ];
    for (lie, action, why) in lies {
        scene.program.refused(lie, action, &why).await;
    }
}
