//! Every wrong transform is detected, the one at fault named, and the complaint says so to everyone; nobody else can make one.

use consilium_schemes::abe::*;
use consilium_schemes::curve::{Gt, Scalar};
use consilium_schemes::digest::Digest;
use consilium_schemes::signature::{Signature, SigningKey, VerifyingKey};
use rand::SeedableRng;
use rand::rngs::StdRng;

const POLICY: &str =
    "(role:cardiologist and icu) or (role:surgeon and icu) or 2 of (er, ward, clearance >= 7)";
const EPOCH: Epoch = Epoch::new(3);
const LATER: Epoch = Epoch::new(4);
const FRAME: usize = 6;
const FEDERATION: [u8; 32] = [1; 32];

fn doctor() -> UserId {
    UserId::from_bytes([3; 32])
}

struct World {
    rng: StdRng,
    pp: PublicParameters,
    msk: MasterSecret,
    secret: UserSecretKey,
    key: AttributeKey,
    hospital: SigningKey,
    revoked: RevocationList,
}

impl World {
    fn new(attributes: &str) -> Self {
        let mut rng = StdRng::from_seed([12; 32]);
        let tree = Tree::new(TreeId::from_bytes([2; 32]), Depth::new(4).unwrap());
        let (pp, msk) = setup(tree, &mut rng);
        let (secret, key) = issued(&msk, doctor(), 5, attributes, &mut rng);
        let mut revoked = RevocationList::new(tree.depth());
        let stranger = Leaf::new(6, tree.depth()).unwrap();
        revoked.revoke([stranger], EPOCH).unwrap();
        let hospital = SigningKey::generate(&mut rng);
        Self {
            rng,
            pp,
            msk,
            secret,
            key,
            hospital,
            revoked,
        }
    }

    fn update(&mut self, epoch: Epoch) -> UpdateKey {
        let ticket = EpochTicket::after(None, epoch).unwrap();
        upd_keygen(&self.msk, ticket, &self.revoked, &mut self.rng).unwrap()
    }

    fn capsule(&mut self, record: u8, epoch: Epoch) -> Capsule {
        let context = RecordContext::new(FEDERATION, [record; 32]);
        encrypt(
            &self.pp,
            &POLICY.parse().unwrap(),
            epoch,
            context,
            &mut self.rng,
        )
        .0
    }

    /// What an honest hospital gives: (SemiCT, proof).
    fn transform(&mut self, capsule: &Capsule) -> (Vec<u8>, Vec<u8>) {
        let update = self.update(capsule.header().epoch());
        let prek = pre_keygen(&self.key, &update).unwrap();
        let (semi, proof) =
            pre_dec_proven(&prek, &capsule.prepare(), doctor(), &mut self.rng).unwrap();
        (semi.to_bytes(), proof.to_bytes())
    }

    fn case(&self, ctsym: &[u8]) -> Case<'_> {
        Case {
            context: RecordContext::new(FEDERATION, [1; 32]),
            doctor: doctor(),
            pk: self.secret.public_key(),
            hospital: self.hospital.verifying_key(),
            ctsym: Digest::of(ctsym),
            epoch: EPOCH,
            parameters: &self.pp,
        }
    }

    /// The doctor's complaint about what the hospital signed for a registered CTSym.
    fn complaint(
        &self,
        ctsym: &[u8],
        semi: Vec<u8>,
        proof: Vec<u8>,
    ) -> Result<(Complaint, Verdict), ComplaintRefused> {
        let case = self.case(ctsym);
        let signed = SignedTransform::sign(&case, semi, proof, &self.hospital);
        let mut rng = StdRng::from_seed([13; 32]);
        self.secret
            .complain(&case, ctsym.to_vec(), signed, &mut rng)
    }

    /// As everyone settles it, over the encoding.
    fn settled(&self, ctsym: &[u8], semi: &[u8], proof: &[u8]) -> Verdict {
        let (complaint, verdict) = self
            .complaint(ctsym, semi.to_vec(), proof.to_vec())
            .unwrap();
        let bytes = complaint.to_bytes();
        let posted = Complaint::from_bytes(&bytes).unwrap();
        assert_eq!(posted, complaint);
        assert_eq!(posted.settle(&self.case(ctsym)), Ok(verdict));
        verdict
    }
}

fn issued(
    msk: &MasterSecret,
    id: UserId,
    leaf: u32,
    attributes: &str,
    rng: &mut StdRng,
) -> (UserSecretKey, AttributeKey) {
    let registration = Registration::new(FEDERATION, id, [4; 32]);
    let (secret, pk) = user_keygen(rng);
    let proof = secret.prove_possession(&registration, rng);
    let pk = pk.verify(&proof, &registration).unwrap();
    let grant = LeafGrant::from_committed(Leaf::new(leaf, msk.tree().depth()).unwrap(), id);
    let key = att_keygen(msk, grant, &pk, &attributes.parse().unwrap(), rng).unwrap();
    (secret, key)
}

fn semi(a: &[u8], b: &[u8]) -> Vec<u8> {
    let good = [b"SMCT".as_slice(), &[1, 1]].concat();
    [&good, a, b].concat()
}

#[test]
fn an_honest_transform_is_proven_and_there_is_nothing_to_complain_about() {
    for attributes in [
        "role:cardiologist, icu",
        "role:surgeon, icu",
        "role:cardiologist, role:surgeon, icu, er, ward",
        "er, ward",
        "ward, clearance=9",
    ] {
        let mut w = World::new(attributes);
        let capsule = w.capsule(1, EPOCH);
        let (semi, proof) = w.transform(&capsule);
        let parsed = TransformProof::from_bytes(&proof).unwrap();
        assert_eq!(parsed.to_bytes(), proof);
        let pair = SemiCiphertext::from_bytes(&semi).unwrap();
        assert_eq!(
            parsed.verify(&pair, &capsule.prepare(), doctor()),
            Ok(()),
            "{attributes}"
        );
        let refused = w.complaint(&capsule.to_bytes(), semi, proof);
        assert_eq!(refused.err(), Some(ComplaintRefused::Opens), "{attributes}");
    }
}

/// What it is, A, B, the proof, and whose fault.
type Wrong<'a> = (&'a str, &'a [u8], &'a [u8], &'a [u8], HospitalFault);

#[test]
fn every_wrong_transform_shows_the_hospital_at_fault() {
    use HospitalFault::{Attributes, Malformed, NodeKey, Update};
    let mut w = World::new("role:cardiologist, icu");
    let capsule = w.capsule(1, EPOCH);
    let ctsym = capsule.to_bytes();
    let (good, proof) = w.transform(&capsule);
    let (a, b) = good[FRAME..].split_at(Gt::BYTES);
    let theirs = w.capsule(2, EPOCH);
    let (other, other_proof) = w.transform(&theirs);
    let (other_a, other_b) = other[FRAME..].split_at(Gt::BYTES);
    let late = w.capsule(1, LATER);
    let (late, late_proof) = w.transform(&late);
    let (late_a, late_b) = late[FRAME..].split_at(Gt::BYTES);
    let cube = |x: &[u8]| Gt::from_bytes(x).unwrap().pow(&Scalar::from(3)).to_bytes();
    let (cube_a, cube_b) = (cube(a), cube(b));
    let one = Gt::one().to_bytes();
    let mut outside = [0u8; Gt::BYTES];
    outside[47] = 2;
    let wrong: [Wrong<'_>; 18] = [
        ("A replaced", &cube_a, b, &proof, Attributes),
        ("B replaced", a, &cube_b, &proof, Update),
        ("A and B swapped", b, a, &proof, Update),
        ("A of another record", other_a, b, &proof, Attributes),
        ("B of another record", a, other_b, &proof, Update),
        ("both of another record", other_a, other_b, &proof, Update),
        (
            "another record's, complete",
            other_a,
            other_b,
            &other_proof,
            Update,
        ),
        (
            "A with another's proof",
            other_a,
            b,
            &other_proof,
            Attributes,
        ),
        ("A of another epoch", late_a, b, &proof, Attributes),
        ("B of another epoch", a, late_b, &proof, Update),
        (
            "another epoch's, complete",
            late_a,
            late_b,
            &late_proof,
            Update,
        ),
        ("A the identity", &one, b, &proof, Malformed),
        ("B the identity", a, &one, &proof, Malformed),
        ("A outside the subgroup", &outside, b, &proof, Malformed),
        ("B outside the subgroup", a, &outside, &proof, Malformed),
        ("nothing", &[], &[], &proof, Malformed),
        ("A twice", a, a, &proof, Update),
        ("right, without its proof", &cube_a, b, &[], Malformed),
    ];
    for (what, a, b, proof, fault) in wrong {
        let verdict = w.settled(&ctsym, &semi(a, b), proof);
        assert_eq!(verdict, Verdict::Hospital(fault), "{what}");
    }

    // Another doctor's attribute key, with everything else as it should be.
    let mut rng = StdRng::from_seed([14; 32]);
    let (_, colleague) = issued(&w.msk, doctor(), 4, "role:cardiologist, icu", &mut rng);
    let prek = pre_keygen(&colleague, &w.update(EPOCH)).unwrap();
    let (pair, proof) = pre_dec_proven(&prek, &capsule.prepare(), doctor(), &mut rng).unwrap();
    let verdict = w.settled(&ctsym, &pair.to_bytes(), &proof.to_bytes());
    assert_eq!(verdict, Verdict::Hospital(NodeKey));
}

#[test]
fn a_wrong_capsule_shows_its_encryptor_at_fault() {
    let mut w = World::new("role:cardiologist, icu");
    let capsule = w.capsule(1, EPOCH);
    let good = capsule.to_bytes();
    let (semi, proof) = w.transform(&capsule);
    let header = capsule.header().to_bytes().len();
    // The public check: C0 and Ct of another capsule under the same policy.
    let other = w.capsule(1, EPOCH).to_bytes();
    let mut mixed = good.clone();
    mixed[header..header + 96].copy_from_slice(&other[header..header + 96]);
    let verdict = w.settled(&mixed, &semi, &proof);
    let time = EncryptorFault::Check(MalformedCapsule::Time);
    assert_eq!(verdict, Verdict::Encryptor(time));
    // The second row, which PreDec uses; where no used one is wrong, the capsule opens and there is nothing to complain about.
    let rows = Capsule::from_bytes(&good)
        .unwrap()
        .header()
        .policy()
        .access_structure();
    let first = good.len() - 32 - 48 * rows.rows().len();
    let mut mixed = good.clone();
    mixed[first + 48..first + 96].copy_from_slice(&other[first + 48..first + 96]);
    let (semi, proof) = w.transform(&Capsule::from_bytes(&mixed).unwrap());
    let rows = EncryptorFault::Check(MalformedCapsule::Rows);
    assert_eq!(w.settled(&mixed, &semi, &proof), Verdict::Encryptor(rows));
    // Bound to something else; no capsule at all.
    for elsewhere in [w.capsule(2, EPOCH), w.capsule(1, LATER)] {
        let verdict = w.settled(&elsewhere.to_bytes(), &semi, &proof);
        assert_eq!(verdict, Verdict::Encryptor(EncryptorFault::Misbound));
    }
    let verdict = w.settled(b"junk", &semi, &proof);
    assert_eq!(verdict, Verdict::Encryptor(EncryptorFault::Malformed));
}

/// The encryptor's other fault, which nobody but the doctor can see: the transform is shown to be right.
#[test]
fn a_wrong_c_sigma_clears_the_hospital() {
    let mut w = World::new("er, ward");
    let mut ctsym = w.capsule(1, EPOCH).to_bytes();
    *ctsym.last_mut().unwrap() ^= 1;
    let capsule = Capsule::from_bytes(&ctsym).unwrap();
    let (semi, proof) = w.transform(&capsule);
    assert_eq!(w.settled(&ctsym, &semi, &proof), Verdict::TransformRight);
}

#[test]
fn a_hospital_that_pre_decrypts_another_capsule_than_the_registered_one_signed_it() {
    let mut w = World::new("er, ward");
    let (registered, given) = (w.capsule(1, EPOCH), w.capsule(1, EPOCH));
    let (semi, proof) = w.transform(&given);
    let presented = w.case(&given.to_bytes());
    let signed = SignedTransform::sign(&presented, semi, proof, &w.hospital);
    let case = w.case(&registered.to_bytes());
    let mut rng = StdRng::from_seed([15; 32]);
    let made = w.secret.complain(&case, given.to_bytes(), signed, &mut rng);
    let verdict = Verdict::Hospital(HospitalFault::OtherCapsule);
    assert_eq!(made.unwrap().1, verdict);
}

#[test]
fn nobody_can_invent_a_transform_or_move_one_to_another_case() {
    let mut w = World::new("er, ward");
    let capsule = w.capsule(1, EPOCH);
    let ctsym = capsule.to_bytes();
    let (good, proof) = w.transform(&capsule);
    let (a, b) = good[FRAME..].split_at(Gt::BYTES);
    let swapped = semi(b, a);
    let (complaint, _) = w.complaint(&ctsym, swapped.clone(), proof.clone()).unwrap();
    let refused = Err(Inadmissible::Signature);
    let mut rng = StdRng::from_seed([16; 32]);
    let case = || w.case(&ctsym);
    let thief = SigningKey::generate(&mut rng).verifying_key();
    let other_pk = UserSecretKey::from_bytes(&[b"ABUS\x01\x01".as_slice(), &[7; 32]].concat());
    let moved = [
        Case {
            hospital: thief,
            ..case()
        },
        Case {
            doctor: UserId::from_bytes([8; 32]),
            ..case()
        },
        Case {
            epoch: LATER,
            ..case()
        },
        Case {
            pk: other_pk.unwrap().public_key(),
            ..case()
        },
        Case {
            context: RecordContext::new(FEDERATION, [2; 32]),
            ..case()
        },
        Case {
            context: RecordContext::new([2; 32], [1; 32]),
            ..case()
        },
    ];
    for case in moved {
        assert_eq!(complaint.settle(&case), refused, "{case:?}");
    }
    let unsigned = Signature::from_bytes([0; 64]);
    let unsigned = SignedTransform::received(swapped, proof.clone(), unsigned).unwrap();
    let made = w
        .secret
        .complain(&case(), ctsym.clone(), unsigned, &mut rng);
    let expected = ComplaintRefused::Inadmissible(Inadmissible::Signature);
    assert_eq!(made.err(), Some(expected));
    // What the hospital signed, with another A than it signed.
    let signed = SignedTransform::sign(&case(), good.clone(), proof.clone(), &w.hospital);
    let altered = SignedTransform::received(semi(a, a), proof, *signed.signature()).unwrap();
    let made = w.secret.complain(&case(), ctsym.clone(), altered, &mut rng);
    assert_eq!(made.err(), Some(expected));
}

#[test]
fn a_doctor_cannot_lie_about_the_share() {
    let mut w = World::new("er, ward");
    let mut ctsym = w.capsule(1, EPOCH).to_bytes();
    *ctsym.last_mut().unwrap() ^= 1;
    let capsule = Capsule::from_bytes(&ctsym).unwrap();
    let (semi, proof) = w.transform(&capsule);
    let (complaint, verdict) = w.complaint(&ctsym, semi.clone(), proof.clone()).unwrap();
    assert_eq!(verdict, Verdict::TransformRight);
    let good = complaint.to_bytes();
    let share = good.len() - Gt::BYTES - 64;
    let refused = |bytes: &[u8]| {
        let parsed = Complaint::from_bytes(bytes).unwrap();
        parsed.settle(&w.case(&ctsym)).unwrap_err()
    };
    // Another element: F would not be it, and the hospital be shown at fault.
    let element = Gt::from_bytes(&good[share..share + Gt::BYTES]).unwrap();
    let mut other = good.clone();
    let cube = element.pow(&Scalar::from(3)).to_bytes();
    other[share..share + Gt::BYTES].copy_from_slice(&cube);
    assert_eq!(refused(&other), Inadmissible::Share);
    for answer in [good.len() - 1, good.len() - 33] {
        let mut other = good.clone();
        other[answer] ^= 1;
        assert_eq!(refused(&other), Inadmissible::Share);
    }
    let mut none = good[..share].to_vec();
    *none.last_mut().unwrap() = 0;
    assert_eq!(refused(&none), Inadmissible::Share);
    // The proof of another beta, made by somebody else's device for the same signed transform.
    let signed = SignedTransform::sign(&w.case(&ctsym), semi, proof, &w.hospital);
    let mut rng = StdRng::from_seed([17; 32]);
    let (liar, _) = user_keygen(&mut rng);
    let made = liar.complain(&w.case(&ctsym), ctsym.clone(), signed, &mut rng);
    let expected = ComplaintRefused::Inadmissible(Inadmissible::Share);
    assert_eq!(made.err(), Some(expected));
}

#[test]
fn encodings_are_complete_and_bounded() {
    let mut w = World::new("er, ward");
    let mut ctsym = w.capsule(1, EPOCH).to_bytes();
    *ctsym.last_mut().unwrap() ^= 1;
    let capsule = Capsule::from_bytes(&ctsym).unwrap();
    let (semi, proof) = w.transform(&capsule);
    let complaint = w
        .complaint(&ctsym, semi, proof.clone())
        .unwrap()
        .0
        .to_bytes();
    for length in (0..complaint.len()).step_by(31) {
        assert!(Complaint::from_bytes(&complaint[..length]).is_err());
    }
    for length in (0..proof.len()).step_by(7) {
        assert!(TransformProof::from_bytes(&proof[..length]).is_err());
    }
    let longer = |bytes: &[u8]| [bytes, &[0]].concat();
    assert!(Complaint::from_bytes(&longer(&complaint)).is_err());
    assert!(TransformProof::from_bytes(&longer(&proof)).is_err());
    assert!(Complaint::from_bytes(&vec![1; Complaint::LIMIT + 1]).is_err());
    let mut descending = proof.clone();
    let rows = FRAME + 48 + 96 + Gt::BYTES + 4;
    descending.swap(rows + 1, rows + 3);
    let error = TransformProof::from_bytes(&descending).unwrap_err();
    assert_eq!(error.to_string(), "rows: the rows are not ascending");
    let long = SignedTransform::received(vec![0; 2000], proof, Signature::from_bytes([0; 64]));
    assert!(long.is_err());
}

/// The same generator twice: other statements get other nonces, so that two answers never tell beta.
#[test]
fn nonces_do_not_depend_on_the_generator_alone() {
    let mut w = World::new("er, ward");
    let shares: Vec<Vec<u8>> = [1, 2]
        .map(|bit| {
            let mut ctsym = w.capsule(1, EPOCH).to_bytes();
            *ctsym.last_mut().unwrap() ^= bit;
            let capsule = Capsule::from_bytes(&ctsym).unwrap();
            let (semi, proof) = w.transform(&capsule);
            let complaint = w.complaint(&ctsym, semi, proof).unwrap().0.to_bytes();
            complaint[complaint.len() - 64..].to_vec()
        })
        .into();
    assert_ne!(shares[0][..32], shares[1][..32]);
    assert_ne!(shares[0][32..], shares[1][32..]);
}

/// A complaint that was made once, with everything that settles it.
#[derive(serde::Serialize, serde::Deserialize)]
struct Frozen {
    name: String,
    federation: String,
    record: String,
    doctor: String,
    pk: String,
    hospital: String,
    ctsym_digest: String,
    epoch: u64,
    pp: String,
    complaint: String,
    verdict: String,
}

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/complaint.json");

/// What the encodings, the signed bytes and both challenges were in version 1 settles as it did.
#[test]
fn frozen_complaints_settle_as_they_did() {
    let text = std::fs::read_to_string(VECTORS).unwrap();
    let cases: Vec<Frozen> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 4);
    let bytes = |text: &String| hex::decode(text).unwrap();
    let id = |text: &String| <[u8; 32]>::try_from(bytes(text)).unwrap();
    for one in &cases {
        let parameters = PublicParameters::from_bytes(&bytes(&one.pp)).unwrap();
        let case = Case {
            context: RecordContext::new(id(&one.federation), id(&one.record)),
            doctor: UserId::from_bytes(id(&one.doctor)),
            pk: UserPublicKey::from_bytes(&bytes(&one.pk)).unwrap(),
            hospital: VerifyingKey::from_bytes(&id(&one.hospital)).unwrap(),
            ctsym: Digest::from_bytes(id(&one.ctsym_digest)),
            epoch: Epoch::new(one.epoch),
            parameters: &parameters,
        };
        let encoded = bytes(&one.complaint);
        let complaint = Complaint::from_bytes(&encoded).unwrap();
        assert_eq!(complaint.to_bytes(), encoded, "{}", one.name);
        let settled = format!("{:?}", complaint.settle(&case));
        assert_eq!(settled, one.verdict, "{}", one.name);
    }
}

#[test]
#[ignore = "makes the frozen vectors"]
fn generate_vectors() {
    let mut w = World::new("role:cardiologist, icu");
    let honest = w.capsule(1, EPOCH).to_bytes();
    let (good, proof) = w.transform(&Capsule::from_bytes(&honest).unwrap());
    let (a, b) = good[FRAME..].split_at(Gt::BYTES);
    let cube = Gt::from_bytes(a).unwrap().pow(&Scalar::from(3)).to_bytes();
    let mut spoiled = honest.clone();
    *spoiled.last_mut().unwrap() ^= 1;
    let (semi_of_spoiled, proof_of_spoiled) = w.transform(&Capsule::from_bytes(&spoiled).unwrap());
    let mut rng = StdRng::from_seed([14; 32]);
    let (_, colleague) = issued(&w.msk, doctor(), 4, "role:cardiologist, icu", &mut rng);
    let prek = pre_keygen(&colleague, &w.update(EPOCH)).unwrap();
    let capsule = Capsule::from_bytes(&honest).unwrap();
    let (pair, other) = pre_dec_proven(&prek, &capsule.prepare(), doctor(), &mut rng).unwrap();
    let made = [
        ("A and B swapped", &honest, semi(b, a), proof.clone()),
        ("A replaced", &honest, semi(&cube, b), proof),
        (
            "another doctor's key",
            &honest,
            pair.to_bytes(),
            other.to_bytes(),
        ),
        (
            "C_sigma changed",
            &spoiled,
            semi_of_spoiled,
            proof_of_spoiled,
        ),
    ];
    let cases: Vec<Frozen> = made
        .into_iter()
        .map(|(name, ctsym, semi, proof)| {
            let (complaint, verdict) = w.complaint(ctsym, semi, proof).unwrap();
            Frozen {
                name: name.to_owned(),
                federation: hex::encode(FEDERATION),
                record: hex::encode([1; 32]),
                doctor: hex::encode(doctor().as_bytes()),
                pk: hex::encode(w.secret.public_key().to_bytes()),
                hospital: hex::encode(w.hospital.verifying_key().as_bytes()),
                ctsym_digest: hex::encode(Digest::of(ctsym).as_bytes()),
                epoch: EPOCH.number(),
                pp: hex::encode(w.pp.to_bytes()),
                complaint: hex::encode(complaint.to_bytes()),
                verdict: format!("{:?}", Ok::<_, Inadmissible>(verdict)),
            }
        })
        .collect();
    std::fs::write(
        VECTORS,
        serde_json::to_string_pretty(&cases).unwrap() + "\n",
    )
    .unwrap();
}
