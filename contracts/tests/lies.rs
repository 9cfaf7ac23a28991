//! Postings and matches that are not what they claim: each is refused for its reason, by `apply` alone and ahead of it.

use consilium_schemes::curve::{G2, Scalar};
use consilium_schemes::matching::posting::PostedTrapdoor;
use consilium_schemes::matching::{self, EncryptedTrapdoor, IndexSize, encoded_size};

use crate::common::proofs::*;
use crate::common::*;
use consilium_contracts::*;

/// Bytes before the points: kind, version, n, proof.
const FRAME: usize = 8;
const SIZE_G1: usize = 48;
const SIZE_G2: usize = 96;

impl World {
    /// Refused by `apply` for the same reason with and without having been looked at ahead of it.
    #[track_caller]
    fn lie(&mut self, sender: &str, action: Action) -> Rejection {
        let transaction = self.transaction(sender, action);
        let verified = transaction.sign(&key(sender)).verify(&self.federation);
        let mut verified = verified.unwrap();
        let rejection = apply(&self.state, &self.context(), &verified).unwrap_err();
        assert_eq!(verified.proofs_hold(), None);
        verified.verify_proofs(&self.state);
        assert_eq!(verified.proofs_hold(), Some(false));
        let ahead = apply(&self.state, &self.context(), &verified).unwrap_err();
        assert_eq!(rejection, ahead);
        rejection
    }

    /// The height at which a transaction that is made now expires.
    fn expires(&mut self) -> Height {
        self.transaction("ada", Action::WithdrawTrapdoor).expires
    }

    /// A match of cleo at the south with record 1, and what it is about.
    fn true_match(&mut self) -> (PostMatch, Case) {
        let Action::PostMatch(action) = self.matched(1, "cleo") else {
            unreachable!()
        };
        let (view, at) = (self.view(), hospital("south"));
        let case = Case {
            federation: self.federation,
            terms: view.record(&record_id(1)).unwrap().terms,
            doctor: action.doctor,
            at: at.clone(),
            authorization: action.authorization,
            index: view.index(&record_id(1), &at).unwrap().index,
            trapdoor: view.trapdoor(&at, &action.doctor).unwrap().trapdoor,
            expires: self.expires(),
        };
        (action, case)
    }
}

/// What a proof of Match is about; the tests change one thing each.
#[derive(Clone)]
struct Case {
    federation: FederationId,
    terms: RecordTerms,
    doctor: DoctorId,
    at: HospitalId,
    authorization: Option<AuthorizationId>,
    index: IndexBytes,
    trapdoor: TrapdoorBytes,
    expires: Height,
}

impl Case {
    fn proof(&self) -> ProofBytes {
        let context = match_context(
            &self.federation,
            &self.terms,
            &self.doctor,
            &self.at,
            self.authorization,
            self.expires,
        );
        proof(&self.index, &self.trapdoor, &self.at, &context)
    }
}

/// The same trapdoor in another encryption to the north: D_j g2^e, M_j b^e.
fn rerandomised(encoded: &[u8]) -> Vec<u8> {
    let e = Scalar::from_bytes(&[5; 32]).unwrap();
    let card = card("north");
    // Behind kind, version and a.
    let b = &card.matching_keys.as_bytes()[5 + SIZE_G1..][..SIZE_G2];
    let b = G2::from_bytes(b).unwrap();
    let masks = [G2::generator() * e, b * e];
    let half = (encoded.len() - FRAME) / 2;
    let mut out = encoded[..FRAME].to_vec();
    for (points, mask) in encoded[FRAME..].chunks(half).zip(masks) {
        for point in points.chunks(SIZE_G2) {
            let moved = G2::from_bytes(point).unwrap() + mask;
            out.extend_from_slice(&moved.to_bytes());
        }
    }
    out
}

/// The points of both, multiplied: it asks for the interests of both.
fn product(one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut out = one.to_vec();
    let pairs = out[FRAME..]
        .chunks_mut(SIZE_G2)
        .zip(other[FRAME..].chunks(SIZE_G2));
    for (point, other) in pairs {
        let product = G2::from_bytes(point).unwrap() + G2::from_bytes(other).unwrap();
        point.copy_from_slice(&product.to_bytes());
    }
    out
}

fn post_index(to: &str, index: IndexBytes) -> Action {
    let (record, to) = (record_id(1), hospital(to));
    Action::PostIndex(PostIndex {
        record,
        to,
        index,
        filter: None,
    })
}

fn post_trapdoor(trapdoor: TrapdoorBytes) -> Action {
    Action::PostTrapdoor(PostTrapdoor {
        hospital: hospital("north"),
        trapdoor,
        expiry: time(80_000),
        filter: None,
    })
}

#[test]
fn what_was_proven_is_taken_only_where_the_state_says_the_same() {
    let mut world = World::with_record();
    let matched = world.matched(1, "cleo");
    let signed = world.transaction("south", matched).sign(&key("south"));
    let mut proven = signed.clone().verify(&world.federation).unwrap();
    proven.verify_proofs(&world.state);
    assert_eq!(proven.proofs_hold(), Some(true));
    let alone = signed.verify(&world.federation).unwrap();
    let (state, block) = (&world.state, world.context());
    assert_eq!(apply(state, &block, &proven), apply(state, &block, &alone));
    assert!(apply(state, &block, &proven).is_ok());
    // Another trapdoor of the same doctor takes the place of the one that the proof is about.
    world.ok("cleo", trapdoor("south", 1));
    let (record, doctor) = (record_id(1), world.doctor("cleo"));
    let refusal = Err(Rejection::MatchNotProven { record, doctor });
    assert_eq!(apply(&world.state, &world.context(), &proven), refusal);
    assert_eq!(apply(&world.state, &world.context(), &alone), refusal);
    let again = world.matched(1, "cleo");
    world.ok("south", again);
}

/// Neither a stranger nor another member makes a node verify what it refuses anyway.
#[test]
fn nothing_is_verified_ahead_for_who_may_not_post_it() {
    let mut world = World::with_record();
    let honest = world.matched(1, "cleo");
    for sender in ["nobody", "north", "cleo", "south"] {
        let signed = world.transaction(sender, honest.clone()).sign(&key(sender));
        let mut verified = signed.verify(&world.federation).unwrap();
        verified.verify_proofs(&world.state);
        let expected = (sender == "south").then_some(true);
        assert_eq!(verified.proofs_hold(), expected, "{sender}");
    }
    // To another hospital than her own, or with a nonce that she used; and once she is revoked, nothing.
    let elsewhere = world.transaction("cleo", trapdoor("north", 1));
    let mut again = world.transaction("cleo", trapdoor("south", 1));
    world.ok("cleo", trapdoor("south", 2));
    again.nonce = Nonce::new(world.nonce);
    let mut revoked = world.clone();
    let action = revoked.revoke("cleo");
    revoked.ok("south", action);
    let late = revoked.transaction("cleo", trapdoor("south", 3));
    for (transaction, state) in [
        (elsewhere, &world.state),
        (again, &world.state),
        (late, &revoked.state),
    ] {
        let signed = transaction.sign(&key("cleo"));
        let mut verified = signed.verify(&world.federation).unwrap();
        verified.verify_proofs(state);
        assert_eq!(verified.proofs_hold(), None);
    }
    // Cleo's own, posted by the north.
    let lie = trapdoor("south", 1);
    for (sender, proven) in [("north", None), ("cleo", Some(true))] {
        let signed = world.transaction(sender, lie.clone()).sign(&key(sender));
        let mut verified = signed.verify(&world.federation).unwrap();
        verified.verify_proofs(&world.state);
        assert_eq!(verified.proofs_hold(), proven, "{sender}");
    }
}

#[test]
fn what_stands_in_the_state_is_without_proofs_and_the_number_of_interests_is_the_proven_one() {
    let world = World::with_record();
    let index = world
        .view()
        .index(&record_id(1), &hospital("south"))
        .unwrap();
    matching::EncryptedIndex::from_bytes(index.index.as_bytes(), *N).unwrap();
    for (name, at, interests) in [
        ("ada", "north", 1),
        ("ben", "north", 2),
        ("cleo", "south", 3),
    ] {
        let entry = world
            .view()
            .trapdoor(&hospital(at), &world.doctor(name))
            .unwrap();
        EncryptedTrapdoor::from_bytes(entry.trapdoor.as_bytes(), *N).unwrap();
        assert_eq!(entry.interests, interests);
    }
}

#[test]
fn an_index_of_another_or_for_another_record_hospital_epoch_federation_or_time_is_refused() {
    let mut world = World::populated();
    let registration = register_record(&world, 1, "north", &["south"]);
    world.ok("north", registration);
    let (federation, expires, to) = (world.federation, world.expires(), hospital("north"));
    let honest = terms(1, "north", &["south"]);
    let refusal = Rejection::IndexNotProven {
        record: record_id(1),
        hospital: to.clone(),
    };
    let made = |federation: &FederationId, terms: &RecordTerms, keys: &HospitalId, expires| {
        let context = index_context(federation, terms, &to, expires);
        posted_index(keys, &context)
    };
    let elsewhere = FederationId::from_bytes([1; 32]);
    let mut another_epoch = honest.clone();
    another_epoch.epoch = Epoch::new(2);
    let (later, south) = (expires.plus(1), hospital("south"));
    for (what, index) in [
        ("federation", made(&elsewhere, &honest, &to, expires)),
        (
            "record",
            made(&federation, &terms(2, "north", &[]), &to, expires),
        ),
        (
            "owner",
            made(&federation, &terms(1, "west", &[]), &to, expires),
        ),
        ("epoch", made(&federation, &another_epoch, &to, expires)),
        ("expiry", made(&federation, &honest, &to, later)),
        (
            "the hospital's keys",
            made(&federation, &honest, &south, expires),
        ),
    ] {
        assert_eq!(
            world.lie("north", post_index("north", index)),
            refusal,
            "{what}"
        );
    }
    let context = index_context(&federation, &honest, &south, expires);
    let index = posted_index(&to, &context);
    assert_eq!(world.lie("north", post_index("north", index)), refusal);
    let index = made(&federation, &honest, &to, expires);
    world.ok("north", post_index("north", index));
}

#[test]
fn a_stolen_or_changed_index_is_refused() {
    let mut world = World::populated();
    let registration = register_record(&world, 1, "north", &["south"]);
    world.ok("north", registration);
    let (expires, to) = (world.expires(), hospital("north"));
    let terms = terms(1, "north", &["south"]);
    let context = index_context(&world.federation, &terms, &to, expires);
    let own = posted_index_of(&[4], &to, &context);
    let stolen = posted_index_of(&[1, 2, 3], &to, &context);
    // The points of another's index under one's own proof.
    let proof = FRAME + (2 * usize::from(N.get()) + 1) * SIZE_G1;
    let mixed = [&stolen.as_bytes()[..proof], &own.as_bytes()[proof..]].concat();
    let refusal = Rejection::IndexNotProven {
        record: record_id(1),
        hospital: to,
    };
    assert_eq!(
        world.lie("north", post_index("north", bytes(&mixed))),
        refusal
    );
    // One point of it in another's place.
    let mut swapped = own.as_bytes().to_vec();
    swapped[FRAME..FRAME + 2 * SIZE_G1].rotate_left(SIZE_G1);
    assert_eq!(
        world.lie("north", post_index("north", bytes(&swapped))),
        refusal
    );
    world.ok("north", post_index("north", own));
}

#[test]
fn a_stolen_rerandomised_or_foreign_trapdoor_is_refused() {
    let mut world = World::populated();
    let (federation, expires, north) = (world.federation, world.expires(), hospital("north"));
    let (ada, ben) = (world.doctor("ada"), world.doctor("ben"));
    let refusal = Rejection::TrapdoorNotProven { doctor: ada };
    let made = |federation: &FederationId, doctor: &DoctorId, to: &HospitalId, keys, expires| {
        let context = trapdoor_context(federation, doctor, to, expires);
        posted_trapdoor(2, keys, &context)
    };
    let (elsewhere, south) = (FederationId::from_bytes([1; 32]), hospital("south"));
    for (what, trapdoor) in [
        ("doctor", made(&federation, &ben, &north, &north, expires)),
        (
            "federation",
            made(&elsewhere, &ada, &north, &north, expires),
        ),
        ("hospital", made(&federation, &ada, &south, &north, expires)),
        ("keys", made(&federation, &ada, &north, &south, expires)),
        (
            "expiry",
            made(&federation, &ada, &north, &north, expires.plus(1)),
        ),
    ] {
        assert_eq!(world.lie("ada", post_trapdoor(trapdoor)), refusal, "{what}");
    }
    // Ben's ciphertext under ada's proofs, and under his, for ada's device could not make others; plain, re-randomised, times her own.
    let own = made(&federation, &ada, &north, &north, expires);
    let stolen = made(&federation, &ben, &north, &north, expires);
    let proofs = FRAME + 2 * usize::from(N.get() + 1) * SIZE_G2;
    for points in [
        stolen.as_bytes()[..proofs].to_vec(),
        rerandomised(&stolen.as_bytes()[..proofs]),
        product(&own.as_bytes()[..proofs], &stolen.as_bytes()[..proofs]),
    ] {
        for proven in [&own, &stolen] {
            let mixed = [&points, &proven.as_bytes()[proofs..]].concat();
            assert_eq!(world.lie("ada", post_trapdoor(bytes(&mixed))), refusal);
        }
    }
    world.ok("ada", post_trapdoor(own));
}

#[test]
fn more_interests_than_there_are_are_refused() {
    let mut world = World::populated();
    let (expires, north) = (world.expires(), hospital("north"));
    let doctor = world.doctor("ada");
    let context = trapdoor_context(&world.federation, &doctor, &north, expires);
    let one = posted_trapdoor(1, &north, &context);
    let three = posted_trapdoor(3, &north, &context);
    // The ciphertext and randomness of one interest, the proof of three.
    let rank = PostedTrapdoor::length(*N, 0) - 2 - 32;
    let (more, claimed) = (
        [&one.as_bytes()[..rank], &three.as_bytes()[rank..]].concat(),
        3,
    );
    let refusal = Rejection::InterestsNotProven { doctor, claimed };
    assert_eq!(world.lie("ada", post_trapdoor(bytes(&more))), refusal);
    world.ok("ada", post_trapdoor(one));
}

#[test]
fn a_proof_for_another_record_doctor_hospital_epoch_authorization_federation_or_time_is_refused() {
    let mut world = World::with_record();
    let (action, case) = world.true_match();
    let (record, doctor) = (action.record, action.doctor);
    let refusal = Rejection::MatchNotProven { record, doctor };
    let change = |change: &dyn Fn(&mut Case)| {
        let mut changed = case.clone();
        change(&mut changed);
        changed.proof()
    };
    let dan = world.doctor("dan");
    let index_of_north = world
        .view()
        .index(&record, &hospital("north"))
        .unwrap()
        .index;
    for (what, proof) in [
        (
            "federation",
            change(&|case| case.federation = FederationId::from_bytes([1; 32])),
        ),
        ("record", change(&|case| case.terms.record = record_id(2))),
        ("doctor", change(&|case| case.doctor = dan)),
        (
            "hospital and its keys",
            change(&|case| case.at = hospital("west")),
        ),
        ("epoch", change(&|case| case.terms.epoch = Epoch::new(2))),
        (
            "authorization",
            change(&|case| case.authorization = Some(authorization_id(2))),
        ),
        (
            "no authorization",
            change(&|case| case.authorization = None),
        ),
        (
            "expiry",
            change(&|case| case.expires = case.expires.plus(1)),
        ),
        ("index", change(&|case| case.index = index_of_north.clone())),
        ("anything", unrelated(&world.federation)),
    ] {
        // A proof about other keys or another ciphertext may show the other outcome.
        let Some(proof) = shows_match(&proof) else {
            continue;
        };
        let lie = Action::PostMatch(PostMatch {
            proof,
            ..action.clone()
        });
        assert_eq!(world.lie("south", lie), refusal, "{what}");
    }
    let proof = case.proof();
    world.ok("south", Action::PostMatch(PostMatch { proof, ..action }));
}

fn shows_match(proof: &ProofBytes) -> Option<ProofBytes> {
    (proof.as_bytes().len() == consilium_schemes::match_proof::MatchProof::MATCH)
        .then(|| proof.clone())
}

/// The hospital has its true secrets, and lies: an index without the doctor's keyword.
#[test]
fn what_does_not_match_cannot_be_posted_as_a_match() {
    let mut world = World::populated();
    let registration = register_record(&world, 1, "north", &["south"]);
    world.ok("north", registration);
    let (expires, north) = (world.expires(), hospital("north"));
    let terms = terms(1, "north", &["south"]);
    let context = index_context(&world.federation, &terms, &north, expires);
    world.ok(
        "north",
        post_index("north", posted_index_of(&[2, 3], &north, &context)),
    );
    world.ok("ada", trapdoor("north", 1));
    let (record, doctor) = (record_id(1), world.doctor("ada"));
    // The honest proof, of the other outcome.
    let honest = world.matched(1, "ada");
    let refusal = Rejection::ProofOfNoMatch { record, doctor };
    assert_eq!(world.refused("north", honest.clone()), refusal);
    // The same statement's proof with the claim turned: of another length, so cut to fit.
    let mut turned = world.transaction("north", honest);
    let Action::PostMatch(action) = &mut turned.action else {
        unreachable!()
    };
    let mut cut = action.proof.as_bytes().to_vec();
    cut[5] = 1;
    cut.truncate(134);
    action.proof = bytes(&cut);
    let refused = world.submit_signed(turned.sign(&key("north"))).unwrap_err();
    let not_proven = Rejection::MatchNotProven { record, doctor };
    assert!([Rejection::BadProof, not_proven.clone()].contains(&refused));
    // A true proof of Match for ada's interests and another index of the same keywords, encrypted to the same keys.
    let entry = world.view().trapdoor(&north, &doctor).unwrap();
    let other = plain_index(&[1, 2, 3]).encrypt(&public_keys(&north), &mut rng("other"));
    let context = match_context(&world.federation, &terms, &doctor, &north, None, expires);
    let proof = proof(&bytes(&other.to_bytes()), &entry.trapdoor, &north, &context);
    let authorization = None;
    let lie = Action::PostMatch(PostMatch {
        record,
        doctor,
        authorization,
        proof,
    });
    assert_eq!(world.lie("north", lie), not_proven);
}

#[test]
fn a_match_names_an_authorization_in_force_that_covers_the_record() {
    let mut world = World::with_record();
    let registration = register_record(&world, 2, "north", &["south"]);
    world.ok("north", registration);
    world.ok("north", authorize(2, "south", Scope::Record(record_id(2))));
    world.ok("north", authorize(3, "south", Scope::All));
    world.ok("north", withdraw(3));
    let wrong = |hospital| Rejection::WrongAuthorization {
        record: record_id(1),
        hospital,
    };
    let naming = |world: &World, doctor, authorization| {
        let Action::PostMatch(action) = world.matched(1, doctor) else {
            unreachable!()
        };
        Action::PostMatch(PostMatch {
            authorization,
            ..action
        })
    };
    for named in [None, Some(2), Some(3), Some(4)] {
        let lie = naming(&world, "cleo", named.map(authorization_id));
        assert_eq!(
            world.refused("south", lie),
            wrong(hospital("south")),
            "{named:?}"
        );
    }
    let lie = naming(&world, "ada", Some(authorization_id(1)));
    assert_eq!(world.refused("north", lie), wrong(hospital("north")));
    let honest = naming(&world, "cleo", Some(authorization_id(1)));
    world.ok("south", honest);
    let entry = world
        .view()
        .matched(&record_id(1), &world.doctor("cleo"))
        .unwrap();
    assert_eq!(entry.authorization, Some(authorization_id(1)));
}

#[test]
fn malformed_points_and_proofs_and_another_n_are_refused() {
    let mut world = World::with_record();
    let registration = register_record(&world, 2, "north", &[]);
    world.ok("north", registration);
    let (expires, north) = (world.expires(), hospital("north"));
    let terms = terms(2, "north", &[]);
    let index_context = index_context(&world.federation, &terms, &north, expires);
    let index = posted_index(&north, &index_context).as_bytes().to_vec();
    let post = |index: &[u8]| {
        let (record, to, index) = (record_id(2), hospital("north"), bytes(index));
        Action::PostIndex(PostIndex {
            record,
            to,
            index,
            filter: None,
        })
    };
    for at in [
        0,
        4,
        5,
        7,
        FRAME,
        index.len() - 32 - SIZE_G1,
        index.len() - 32,
    ] {
        let mut bad = index.clone();
        bad[at] ^= 0x80;
        assert_eq!(
            world.refused("north", post(&bad)),
            Rejection::BadIndex,
            "byte {at}"
        );
    }
    // V_n = 1: an index of identities.
    let mut identities = index.clone();
    let last = FRAME + 2 * usize::from(N.get()) * SIZE_G1;
    identities[last..last + SIZE_G1].fill(0);
    identities[last] = 0xc0;
    assert_eq!(
        world.refused("north", post(&identities)),
        Rejection::BadIndex
    );
    // U_0 and V_n on the curve, outside the subgroup: x = 4. Nothing later tests the order again.
    for at in [FRAME, last] {
        let mut bad = index.clone();
        bad[at..at + SIZE_G1].fill(0);
        (bad[at], bad[at + SIZE_G1 - 1]) = (0x80, 4);
        assert_eq!(
            world.refused("north", post(&bad)),
            Rejection::BadIndex,
            "byte {at}"
        );
    }
    let bare = world.view().index(&record_id(1), &north).unwrap().index;
    for bad in [&index[1..], &index[..index.len() - 1], &[], bare.as_bytes()] {
        let bad = if bad.is_empty() { &[0][..] } else { bad };
        assert_eq!(world.refused("north", post(bad)), Rejection::BadIndex);
    }
    let three = IndexSize::new(3).unwrap();
    let other = matching::index_build(three, &[token(1)], &mut rng("three")).unwrap();
    let other = other.post(&public_keys(&north), &index_context, &mut rng("three"));
    assert_eq!(encoded_size(&other.to_bytes()).unwrap(), three);
    let wrong = Rejection::WrongSize { n: 4 };
    assert_eq!(world.refused("north", post(&other.to_bytes())), wrong);

    let ada = world.doctor("ada");
    let context = trapdoor_context(&world.federation, &ada, &north, expires);
    let trapdoor = posted_trapdoor(1, &north, &context).as_bytes().to_vec();
    let claimed = PostedTrapdoor::length(*N, 0) - 32 - 1;
    for at in [0, 4, 5, 7, FRAME, claimed, trapdoor.len() - 32] {
        let mut bad = trapdoor.clone();
        bad[at] ^= 0x80;
        let refused = world.refused("ada", post_trapdoor(bytes(&bad)));
        assert_eq!(refused, Rejection::BadTrapdoor, "byte {at}");
    }
    // D_0 and M_n on the twist, outside the subgroup: x = 2. Nothing later tests the order again.
    for at in [FRAME, claimed - 1 - SIZE_G2] {
        let mut bad = trapdoor.clone();
        bad[at..at + SIZE_G2].fill(0);
        (bad[at], bad[at + SIZE_G2 - 1]) = (0x80, 2);
        let refused = world.refused("ada", post_trapdoor(bytes(&bad)));
        assert_eq!(refused, Rejection::BadTrapdoor, "byte {at}");
    }
    // No interests, one more than can be proven; every point the identity.
    for interests in [0, 4] {
        let mut bad = trapdoor.clone();
        bad[claimed] = interests;
        let refused = world.refused("ada", post_trapdoor(bytes(&bad)));
        assert_eq!(refused, Rejection::BadTrapdoor);
    }
    let mut identities = trapdoor.clone();
    for point in identities[FRAME..].chunks_mut(SIZE_G2).take(10) {
        point.fill(0);
        point[0] = 0xc0;
    }
    let refused = world.refused("ada", post_trapdoor(bytes(&identities)));
    assert_eq!(refused, Rejection::BadTrapdoor);

    let (action, case) = world.true_match();
    let good = case.proof();
    for at in [0, 4, 5] {
        let mut bad = good.as_bytes().to_vec();
        bad[at] ^= 0x80;
        let lie = Action::PostMatch(PostMatch {
            proof: bytes(&bad),
            ..action.clone()
        });
        assert_eq!(
            world.refused("south", lie),
            Rejection::BadProof,
            "byte {at}"
        );
    }
    // A scalar that is not reduced, one byte less, one more.
    let good = good.as_bytes();
    let unreduced = [&good[..6], &[0xff; 32], &good[38..]].concat();
    for bad in [
        unreduced,
        good[..good.len() - 1].to_vec(),
        [good, &[0]].concat(),
    ] {
        let lie = Action::PostMatch(PostMatch {
            proof: bytes(&bad),
            ..action.clone()
        });
        assert_eq!(world.refused("south", lie), Rejection::BadProof);
    }
}
