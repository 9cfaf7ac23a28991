//! Why a complaint reveals neither A^{1/beta} nor Y^s, and transforms that only its last checks find.

use super::*;
use crate::abe::pre_keygen::KeyLines;
use crate::signature::SigningKey;

/// A hospital, its doctor, and two records that the doctor may read: capsule and Y^s of each.
struct Ward {
    w: World,
    doctor: User,
    hospital: SigningKey,
}

impl Ward {
    fn new() -> Self {
        let mut w = World::new(31);
        let doctor = w.join("cardio, icu");
        let hospital = SigningKey::generate(&mut w.rng);
        Self {
            w,
            doctor,
            hospital,
        }
    }

    fn case(&self, capsule: &Capsule) -> Case<'_> {
        Case {
            context: capsule.header.context,
            doctor: self.doctor.public.user(),
            pk: self.doctor.secret.public_key(),
            hospital: self.hospital.verifying_key(),
            ctsym: capsule.digest(),
            epoch: capsule.header.epoch,
            parameters: &self.w.pp,
        }
    }

    fn settled(
        &mut self,
        capsule: &Capsule,
        semi: &SemiCiphertext,
        proof: &TransformProof,
    ) -> Verdict {
        let mut rng = StdRng::seed_from_u64(5);
        let case = self.case(capsule);
        let (semi, proof) = (semi.to_bytes(), proof.to_bytes());
        let signed = SignedTransform::sign(&case, semi, proof, &self.hospital);
        let secret = &self.doctor.secret;
        let made = secret.complain(&case, capsule.to_bytes(), signed, &mut rng);
        let (complaint, verdict) = made.unwrap();
        assert_eq!(complaint.settle(&case), Ok(verdict));
        verdict
    }

    fn transform(
        &mut self,
        capsule: &Capsule,
        update: &UpdateKey,
    ) -> (SemiCiphertext, TransformProof) {
        let prek = pre_keygen(&self.doctor.key, update).unwrap();
        let doctor = self.doctor.public.user();
        pre_dec_proven(&prek, &capsule.prepare(), doctor, &mut self.w.rng).unwrap()
    }
}

/// A doctor who shows that a transform does not open by revealing A^{1/beta} decrypts for the hospital, which blinded another record's A.
#[test]
fn revealing_a_to_the_inverse_of_beta_would_open_another_record() {
    let mut ward = Ward::new();
    let update = ward.w.update(NOW);
    let (first, _) = ward.w.random_capsule(POLICY, NOW);
    let (second, key) = ward.w.random_capsule(POLICY, NOW);
    let (own, proof) = ward.transform(&first, &update);
    let (stolen, _) = ward.transform(&second, &update);
    let k = Scalar::random(&mut ward.w.rng);
    let given = SemiCiphertext {
        a: stolen.a.pow(&k),
        b: own.b,
    };
    let revealed = given.a.pow_secret(&ward.doctor.secret.inverse());
    let unblinded = revealed.pow(&k.invert().unwrap());
    assert_eq!(unblinded * stolen.b, key, "the attack works");
    // What is revealed instead shows the same hospital at fault.
    let verdict = ward.settled(&first, &given, &proof);
    assert_eq!(verdict, Verdict::Hospital(HospitalFault::Attributes));
}

/// An encryptor's capsule may carry the elements of another record's: what opens it opens that.
#[test]
fn revealing_y_to_the_s_would_open_the_record_whose_elements_were_copied() {
    let mut ward = Ward::new();
    let update = ward.w.update(NOW);
    let (theirs, key) = ward.w.random_capsule(POLICY, NOW);
    let mut copied = theirs.clone();
    copied.header.context = RecordContext::new([1; 32], [4; 32]);
    assert_ne!(copied.digest(), theirs.digest());
    assert_eq!(check_capsule(&copied.prepare(), &mut ward.w.rng), Ok(()));
    let (semi, proof) = ward.transform(&copied, &update);
    assert_eq!(ward.doctor.finish(semi.a, semi.b), key, "the attack works");
    let verdict = ward.settled(&copied, &semi, &proof);
    assert_eq!(verdict, Verdict::TransformRight);
}

/// Q1, Q2 and B of another epoch fit each other; the attribute key's node does not fit them, and the doctor's share shows it.
#[test]
fn an_update_key_of_another_epoch_or_node_is_the_hospitals_fault() {
    let mut ward = Ward::new();
    let (now, before) = (ward.w.update(NOW), ward.w.update(BEFORE));
    let stranger = ward.w.join("er");
    ward.w.revoke(&[&stranger], NOW);
    let after = ward.w.update(NOW);
    let (capsule, _) = ward.w.random_capsule(POLICY, NOW);
    let mut prek = pre_keygen(&ward.doctor.key, &now).unwrap();
    let mut other_node = pre_keygen(&ward.doctor.key, &after).unwrap();
    assert_ne!(other_node.node.p0, prek.node.p0);
    // The doctor's part of another node than the update key's.
    other_node.node = prek.node.clone();
    prek.update = all_parts(&before).remove(0).1;
    for mut prek in [prek, other_node] {
        prek.lines = KeyLines::new(&prek.node, &prek.update);
        let doctor = ward.doctor.public.user();
        let made = pre_dec_proven(&prek, &capsule.prepare(), doctor, &mut ward.w.rng);
        let (semi, proof) = made.unwrap();
        assert_eq!(proof.verify(&semi, &capsule.prepare(), doctor), Ok(()));
        let verdict = ward.settled(&capsule, &semi, &proof);
        assert_eq!(verdict, Verdict::Hospital(HospitalFault::NodeKey));
    }
}

/// An attribute key that was not issued for these attributes gives no proof.
#[test]
fn a_forged_attribute_key_proves_nothing() {
    let mut ward = Ward::new();
    let update = ward.w.update(NOW);
    let (capsule, key) = ward.w.random_capsule(POLICY, NOW);
    let doctor = ward.doctor.public.user();
    let mut prek = pre_keygen(&ward.doctor.key, &update).unwrap();
    prek.node.pa[0] += G1::generator();
    let (semi, proof) = pre_dec_proven(&prek, &capsule.prepare(), doctor, &mut ward.w.rng).unwrap();
    assert_ne!(ward.doctor.finish(semi.a, semi.b), key);
    let refused = proof.verify(&semi, &capsule.prepare(), doctor);
    assert_eq!(refused, Err(TransformError::Attributes));
    let verdict = ward.settled(&capsule, &semi, &proof);
    assert_eq!(verdict, Verdict::Hospital(HospitalFault::Attributes));
    // Nor does a right one for another capsule, or for another doctor.
    let (semi, proof) = ward.transform(&capsule, &update);
    assert_eq!(proof.verify(&semi, &capsule.prepare(), doctor), Ok(()));
    let colleague = UserId::from_bytes([8; 32]);
    let refused = proof.verify(&semi, &capsule.prepare(), colleague);
    assert_eq!(refused, Err(TransformError::Attributes));
}
