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
        let (semi, proof) = abe::pre_dec_proven(&prek, &capsule, doctor, &mut rng).unwrap();

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

    fn entry(&self, access: u64) -> Option<ComplaintEntry> {
        let doctor = self.world.doctor("cleo");
        self.world.view().complaint(&record_id(1), &doctor, access)
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
fn a_wrong_transform_is_settled_once_for_each_access_and_the_assignment_goes_on() {
    let mut scene = Scene::new(|_| ()).accessed();
    assert_eq!(
        scene.made("south", 1, scene.semi.clone()),
        Err(ComplaintRefused::Opens)
    );
    let action = scene.about(scene.swapped());
    let status = scene.world.status(1);
    let events = scene.world.ok("cleo", action.clone());
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
    let entry = scene.entry(1).unwrap();
    assert_eq!((entry.fault, entry.access), (fault, 1));
    assert_eq!(entry.hospital, hospital("south"));
    assert_eq!(scene.world.status(1), status);

    let again = scene.world.refused("cleo", action.clone());
    assert_eq!(again, Rejection::Complained { record, doctor });
    scene.access();
    scene.world.ok("cleo", action);
    assert_eq!(scene.entry(2).unwrap().fault, fault);
    assert_eq!(scene.world.view().complaints(&record).count(), 2);
    // The doctor may still report, or decline.
    let decline = scene.world.decline(1, "cleo");
    assert!(scene.world.clone().submit("cleo", decline).is_ok());
    scene.world.ok("cleo", report(1));
    scene.access();
    let late = scene.about(scene.swapped());
    let refused = scene.world.refused("cleo", late);
    assert_eq!(refused, Rejection::ReportPosted { record });
}

#[test]
fn each_fault_stands_on_the_ledger() {
    let junk = Scene::new(|ctsym| ctsym.truncate(40)).accessed();
    let action = junk.about(junk.semi.clone());
    let mut world = junk.world.clone();
    world.ok("cleo", action);
    let fault = |scene: &Scene, world: World| {
        let doctor = scene.world.doctor("cleo");
        world
            .view()
            .complaint(&record_id(1), &doctor, 1)
            .unwrap()
            .fault
    };
    assert_eq!(fault(&junk, world), Fault::EncryptorMalformed);

    // C_sigma: nobody but the doctor sees it; the hospital is cleared.
    let silent = Scene::new(|ctsym| *ctsym.last_mut().unwrap() ^= 1).accessed();
    let action = silent.about(silent.semi.clone());
    let mut world = silent.world.clone();
    world.ok("cleo", action);
    assert_eq!(fault(&silent, world), Fault::TransformRight);

    let honest = Scene::new(|_| ()).accessed();
    let (a, b) = honest.semi[FRAME..].split_at(Gt::BYTES);
    let squared = |x: &[u8]| {
        let x = Gt::from_bytes(x).unwrap();
        (x * x).to_bytes()
    };
    let frame = &honest.semi[..FRAME];
    for (semi, expected) in [
        ([frame, &squared(a), b].concat(), Fault::HospitalAttributes),
        ([frame, a, &squared(b)].concat(), Fault::HospitalUpdate),
        ([frame, a].concat(), Fault::HospitalMalformed),
    ] {
        let mut world = honest.world.clone();
        world.ok("cleo", honest.about(semi));
        assert_eq!(fault(&honest, world), expected);
    }
}

#[test]
fn the_assigned_doctor_alone_complains_after_an_access() {
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
    let doctor = scene.world.doctor("dan");
    let refused = scene.world.refused("dan", action.clone());
    assert_eq!(refused, Rejection::NotAssigned { record, doctor });
    // Nor is there anything to say when the time for the report is over.
    scene.world.block(REPORT);
    let refused = scene.world.refused("cleo", action);
    assert_eq!(refused.code(), "record-closed");
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
    let good = scene.made("south", 1, scene.semi.clone()).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    let refused = scene.world.refused("cleo", complain(bad));
    assert_eq!(refused, Rejection::ShareNotProven { record, doctor });
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
