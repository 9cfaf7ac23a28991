//! A doctor complains about a transform: the verdict, who may, and what says nothing.

use consilium_schemes::abe::{
    self, Case, ComplaintRefused, SignedTransform, UserId, UserPublicKey, UserSecretKey,
};
use consilium_schemes::curve::Gt;
use consilium_schemes::{digest, tokens, wrap};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::common::*;
use consilium_contracts::*;

const FRAME: usize = 6;

/// Record 1 of the north, with a real capsule, assigned to cleo of the south.
struct Scene {
    world: World,
    beta: UserSecretKey,
    ctsym: Vec<u8>,
    semi: Vec<u8>,
    proof: Vec<u8>,
}

/// The KGC and the doctors' key that [`made`] made its public half of.
fn kgc() -> (abe::PublicParameters, abe::MasterSecret, UserSecretKey) {
    let mut rng = StdRng::seed_from_u64(7);
    let tree = abe::Tree::new(
        abe::TreeId::from_bytes([3; 32]),
        abe::Depth::new(4).unwrap(),
    );
    let (parameters, master) = abe::setup(tree, &mut rng);
    let _ = wrap::SecretKey::generate(&mut rng);
    let _ = tokens::KeyPair::generate(&mut rng);
    let (beta, pk) = abe::user_keygen(&mut rng);
    assert_eq!(pk.to_bytes(), made().abe_key.as_bytes());
    (parameters, master, beta)
}

impl Scene {
    /// What the encryptor makes of an honest capsule is registered; the hospital pre-decrypts that, if it can.
    fn new(change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut rng = StdRng::seed_from_u64(8);
        let (parameters, master, beta) = kgc();
        let mut world = World::populated();
        let doctor = user(&world, "cleo");
        let context =
            abe::RecordContext::new(*world.federation.as_bytes(), *record_id(1).as_bytes());
        let policy = "icu and (er or ward)".parse().unwrap();
        let epoch = Epoch::new(1);
        let (honest, _) = abe::encrypt(&parameters, &policy, epoch, context, &mut rng);
        let mut ctsym = honest.to_bytes();
        change(&mut ctsym);

        let registration = abe::Registration::new([0; 32], doctor, [0; 32]);
        let pk = beta.public_key();
        let possession = beta.prove_possession(&registration, &mut rng);
        let pk = pk.verify(&possession, &registration).unwrap();
        let leaf = abe::Leaf::new(2, parameters.tree().depth()).unwrap();
        let grant = abe::LeafGrant::from_committed(leaf, doctor);
        let set = "icu, ward".parse().unwrap();
        let key = abe::att_keygen(&master, grant, &pk, &set, &mut rng).unwrap();
        let revoked = abe::RevocationList::new(parameters.tree().depth());
        let ticket = abe::EpochTicket::after(None, epoch).unwrap();
        let update = abe::upd_keygen(&master, ticket, &revoked, &mut rng).unwrap();
        let prek = abe::pre_keygen(&key, &update).unwrap();
        let capsule = abe::Capsule::from_bytes(&ctsym).unwrap_or(honest);
        let (semi, proof) =
            abe::pre_dec_proven(&prek, &capsule.prepare(), doctor, &mut rng).unwrap();

        let mut terms = terms(1, "north", &["south"]);
        terms.ctsym = Digest::of(&ctsym);
        let registration = co_sign(&world.federation, 1, terms);
        world.ok("north", registration);
        world.ok("north", authorize(1, "south", Scope::Record(record_id(1))));
        world.ok("cleo", trapdoor("south", 3));
        world.ok("north", index(1, "south"));
        world.match_all(&[("cleo", "south")]);
        Self {
            world,
            beta,
            ctsym,
            semi: semi.to_bytes(),
            proof: proof.to_bytes(),
        }
    }

    fn accessed(mut self) -> Self {
        self.access();
        self
    }

    fn access(&mut self) {
        let access = self.world.access(1, "cleo");
        self.world.ok("south", access);
    }

    fn swapped(&self) -> Vec<u8> {
        let (a, b) = self.semi[FRAME..].split_at(Gt::BYTES);
        [&self.semi[..FRAME], b, a].concat()
    }

    /// Cleo's complaint about what a hospital signed for this record.
    fn made(&self, at: &str, record: u8, semi: Vec<u8>) -> Result<Vec<u8>, ComplaintRefused> {
        let parameters = kgc().0;
        let record = *record_id(record).as_bytes();
        let case = Case {
            context: abe::RecordContext::new(*self.world.federation.as_bytes(), record),
            doctor: user(&self.world, "cleo"),
            pk: UserPublicKey::from_bytes(made().abe_key.as_bytes()).unwrap(),
            hospital: public(at),
            ctsym: digest::Digest::of(&self.ctsym),
            epoch: Epoch::new(1),
            parameters: &parameters,
        };
        let signed = SignedTransform::sign(&case, semi, self.proof.clone(), &key(at));
        let mut rng = StdRng::seed_from_u64(9);
        let made = self
            .beta
            .complain(&case, self.ctsym.clone(), signed, &mut rng);
        made.map(|(complaint, _)| complaint.to_bytes())
    }

    fn about(&self, semi: Vec<u8>) -> Action {
        complain(self.made("south", 1, semi).unwrap())
    }

    /// The only complaint there is about the record.
    fn only_entry(&self) -> ComplaintEntry {
        let found: Vec<_> = self.world.view().complaints(&record_id(1)).collect();
        let [entry] = <[ComplaintEntry; 1]>::try_from(found).unwrap();
        entry
    }

    /// What a node remembers that looks at it before it is applied.
    fn ahead(&mut self, sender: &str, action: Action) -> Option<bool> {
        let signed = self.world.transaction(sender, action).sign(&key(sender));
        let mut tx = signed.verify(&self.world.federation).unwrap();
        tx.verify_proofs(&self.world.state);
        tx.proofs_hold()
    }
}

fn user(world: &World, doctor: &str) -> UserId {
    UserId::from_bytes(*world.doctor(doctor).as_bytes())
}

fn complain(bytes: Vec<u8>) -> Action {
    let (record, complaint) = (record_id(1), bytes.try_into().unwrap());
    Action::ComplainTransform(ComplainTransform { record, complaint })
}

#[test]
fn a_wrong_transform_is_settled_and_the_assignment_goes_on() {
    let mut scene = Scene::new(|_| ()).accessed();
    assert_eq!(
        scene.made("south", 1, scene.semi.clone()),
        Err(ComplaintRefused::Opens)
    );
    let action = scene.about(scene.swapped());
    let status = scene.world.status(1);
    let events = scene.world.ok("cleo", action);
    let (record, doctor) = (record_id(1), scene.world.doctor("cleo"));
    let fault = Fault::HospitalUpdate;
    let expected = Event::TransformComplained {
        record,
        owner: hospital("north"),
        doctor,
        hospital: hospital("south"),
        fault,
    };
    assert_eq!(events, [expected]);
    let entry = scene.only_entry();
    assert_eq!((entry.record, entry.doctor), (record, doctor));
    assert_eq!((entry.fault, entry.hospital), (fault, hospital("south")));
    assert_eq!(scene.world.status(1), status);
    // The doctor may still report, or decline.
    let decline = scene.world.decline(1, "cleo");
    assert!(scene.world.clone().submit("cleo", decline).is_ok());
    scene.world.ok("cleo", report(1));
}

/// What a hospital signed once counts against it once, however often it gives something else afterwards.
#[test]
fn one_signed_transform_is_complained_about_once_and_the_next_one_again() {
    let mut scene = Scene::new(|_| ()).accessed();
    let (record, doctor) = (record_id(1), scene.world.doctor("cleo"));
    let [one, other] =
        [scene.swapped(), scene.semi[..FRAME].to_vec()].map(|semi| scene.about(semi));
    scene.world.ok("cleo", one.clone());
    let complained = Rejection::Complained { record, doctor };
    assert_eq!(scene.world.refused("cleo", one.clone()), complained);
    assert_eq!(scene.ahead("cleo", one.clone()), None);
    scene.access();
    assert_eq!(scene.world.refused("cleo", one.clone()), complained);
    assert_eq!(scene.ahead("cleo", one), None);
    // Of one access or not: another transform that the hospital signed is another thing to answer for.
    assert_eq!(scene.ahead("cleo", other.clone()), Some(true));
    scene.world.ok("cleo", other);
    assert_eq!(scene.world.view().complaints(&record).count(), 2);
}

type End = fn(&mut World);

/// A hospital that gave a wrong transform does not get rid of the complaint by what it does next.
#[test]
fn what_became_of_assignment_and_record_since_the_access_takes_no_complaint_away() {
    let lapse = |world: &mut World| drop(world.block(REPORT));
    let decline = |world: &mut World| {
        let decline = world.decline(1, "cleo");
        world.ok("south", decline);
    };
    let unauthorized = |world: &mut World| drop(world.ok("north", withdraw(1)));
    let withdrawn = |world: &mut World| drop(world.ok("record 1", withdraw_consent(1)));
    let reported = |world: &mut World| drop(world.ok("cleo", report(1)));
    let closed = |world: &mut World| {
        world.ok("cleo", report(1));
        world.ok("record 1", acknowledge(1));
    };
    let ends: [(&str, End); 6] = [
        ("declined", decline),
        ("lapsed", lapse),
        ("no longer authorized", unauthorized),
        ("consent withdrawn", withdrawn),
        ("reported", reported),
        ("acknowledged", closed),
    ];
    for (what, end) in ends {
        let mut scene = Scene::new(|_| ()).accessed();
        let action = scene.about(scene.swapped());
        end(&mut scene.world);
        let status = scene.world.status(1);
        assert_eq!(scene.ahead("cleo", action.clone()), Some(true), "{what}");
        let outcome = scene.world.submit("cleo", action);
        assert!(outcome.is_ok(), "{what}: {outcome:?}");
        assert_eq!(scene.only_entry().fault, Fault::HospitalUpdate, "{what}");
        assert_eq!(scene.world.status(1), status, "{what}");
    }
    // A revoked doctor is nobody's sender.
    let mut scene = Scene::new(|_| ()).accessed();
    let action = scene.about(scene.swapped());
    let revoke = scene.world.revoke("cleo");
    scene.world.ok("south", revoke);
    assert_eq!(scene.ahead("cleo", action.clone()), None);
    let doctor = scene.world.doctor("cleo");
    let refused = scene.world.refused("cleo", action);
    assert_eq!(refused, Rejection::DoctorRevoked { doctor });
}

#[test]
fn each_fault_stands_on_the_ledger() {
    let mut junk = Scene::new(|ctsym| ctsym.truncate(40)).accessed();
    let action = junk.about(junk.semi.clone());
    junk.world.ok("cleo", action);
    assert_eq!(junk.only_entry().fault, Fault::EncryptorMalformed);

    // C_sigma: nobody but the doctor sees it; the hospital is cleared.
    let mut silent = Scene::new(|ctsym| *ctsym.last_mut().unwrap() ^= 1).accessed();
    let action = silent.about(silent.semi.clone());
    silent.world.ok("cleo", action);
    assert_eq!(silent.only_entry().fault, Fault::TransformRight);

    let mut honest = Scene::new(|_| ()).accessed();
    let untouched = honest.world.clone();
    let semi = honest.semi.clone();
    let (a, b) = semi[FRAME..].split_at(Gt::BYTES);
    let squared = |x: &[u8]| {
        let x = Gt::from_bytes(x).unwrap();
        (x * x).to_bytes()
    };
    let frame = &semi[..FRAME];
    for (semi, expected) in [
        ([frame, &squared(a), b].concat(), Fault::HospitalAttributes),
        ([frame, a, &squared(b)].concat(), Fault::HospitalUpdate),
        ([frame, a].concat(), Fault::HospitalMalformed),
    ] {
        honest.world = untouched.clone();
        let action = honest.about(semi);
        honest.world.ok("cleo", action);
        assert_eq!(honest.only_entry().fault, expected);
    }
}

#[test]
fn the_doctor_who_was_given_it_alone_complains_after_an_access() {
    let mut scene = Scene::new(|_| ());
    let action = scene.about(scene.swapped());
    let record = record_id(1);
    let early = scene.world.refused("cleo", action.clone());
    assert_eq!(early, Rejection::NoAccess { record });
    scene.access();
    for other in ["kgc", "north", "south", "record 1"] {
        let needed = Role::Doctor;
        let refused = scene.world.refused(other, action.clone());
        assert_eq!(refused, Rejection::Forbidden { needed });
    }
    // Nor may a doctor to whom nothing of this record was given, and looking at it ahead costs nobody anything.
    for other in ["kgc", "north", "south", "record 1", "dan"] {
        assert_eq!(scene.ahead(other, action.clone()), None, "{other}");
    }
    let refused = scene.world.refused("dan", action);
    assert_eq!(refused, Rejection::NoAccess { record });
}

#[test]
fn what_says_nothing_is_refused_for_its_reason() {
    let mut scene = Scene::new(|ctsym| *ctsym.last_mut().unwrap() ^= 1).accessed();
    let (record, doctor) = (record_id(1), scene.world.doctor("cleo"));
    let hospital = hospital("south");
    let not_signed = Rejection::TransformNotSigned { record, hospital };
    for (at, of) in [("west", 1), ("south", 2)] {
        let moved = scene.made(at, of, scene.swapped()).unwrap();
        assert_eq!(scene.world.refused("cleo", complain(moved)), not_signed);
    }
    // Nobody signed it: that is no proof of the doctor's own, and says nothing about the doctor.
    assert!(!not_signed.is_false_proof());
    let good = scene.made("south", 1, scene.semi.clone()).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    let refused = scene.world.refused("cleo", complain(bad));
    assert_eq!(refused, Rejection::ShareNotProven { record, doctor });
    assert!(refused.is_false_proof());
    let cut = good[..good.len() - 1].to_vec();
    let refused = scene.world.refused("cleo", complain(cut));
    assert_eq!(refused, Rejection::BadComplaint);
    // The fixture takes the untouched one.
    scene.world.ok("cleo", complain(good));
}

/// Whoever looks at it ahead, and whoever does not, come to the same; a verdict on another state is not used.
#[test]
fn the_verdict_is_the_same_ahead_of_apply_and_in_it() {
    let mut scene = Scene::new(|_| ()).accessed();
    let action = scene.about(scene.swapped());
    let transaction = scene.world.transaction("cleo", action);
    let alone = transaction
        .sign(&key("cleo"))
        .verify(&scene.world.federation);
    let alone = alone.unwrap();
    let mut ahead = alone.clone();
    ahead.verify_proofs(&scene.world.state);
    assert_eq!(ahead.proofs_hold(), Some(true));
    let context = scene.world.context();
    let applied = |tx: &VerifiedTransaction| {
        let transition = apply(&scene.world.state, &context, tx);
        transition.map(|transition| transition.into_parts().1)
    };
    assert!(applied(&alone).is_ok());
    assert_eq!(applied(&ahead), applied(&alone));
    // Before the access a stranger's flood makes no work.
    let mut flood = alone.clone();
    flood.verify_proofs(&Scene::new(|_| ()).world.state);
    assert_eq!(flood.proofs_hold(), None);

    // The doctor gets another key: the hospital never signed for that one.
    let other = abe::user_keygen(&mut StdRng::seed_from_u64(10)).1;
    let reissue = ReissueDoctor {
        doctor: scene.world.doctor("cleo"),
        abe_key: other.to_bytes().try_into().unwrap(),
        leaf: Leaf::new(6),
    };
    scene.world.ok("kgc", Action::ReissueDoctor(reissue));
    let context = scene.world.context();
    for tx in [alone, ahead] {
        let refused = apply(&scene.world.state, &context, &tx).unwrap_err();
        assert_eq!(refused.code(), "transform-not-signed");
    }
}

#[test]
fn the_longest_complaint_fits_into_a_transaction() {
    let limit = Settings::default().max_transaction_bytes as usize;
    // Version, federation, sender, nonce, expiry, tag, record, length, signature.
    let around = 1 + 32 + 32 + 8 + 8 + 1 + 32 + 4 + 64;
    assert!(MAX_COMPLAINT + around <= limit);
    assert!(ComplaintBytes::try_from(vec![0; MAX_COMPLAINT + 1]).is_err());
    let mut scene = Scene::new(|_| ()).accessed();
    let action = scene.about(scene.swapped());
    let signed = scene.world.transaction("cleo", action).sign(&key("cleo"));
    let Action::ComplainTransform(action) = &signed.transaction().action else {
        unreachable!()
    };
    let complaint = action.complaint.as_bytes().len();
    assert_eq!(signed.to_canonical_bytes().len(), complaint + around);
}
