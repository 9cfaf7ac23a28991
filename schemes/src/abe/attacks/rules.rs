//! The rules of operation: broken on purpose the attack works, kept it fails.

use super::*;

/// The owner of a key in which two nodes share r sees g1^{a_x − a_y}, and turns the update key of an
/// honest neighbour's node into one for the node under which he was revoked.
fn shared_r_attack(w: &mut World, rex: &User, at_root: &NodeKey, at_y: (NodeId, &NodeKey)) -> bool {
    let update = w.update(NOW);
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    let (y, at_y) = at_y;
    let difference = (at_root.p0 - at_y.p0) * &rex.secret.inverse(); // g1^{a_root - a_y}, if r is shared
    let part = update.part(y).expect("y was chosen among KUNodes");
    let q1 = part.q1 - difference; // g1^{alpha - a_root} H("time", t)^{s_y}
    let forged = UpdatePart { q1, q2: part.q2 };
    let b = time_half(&forged, &capsule);
    let set: AttributeSet = "cardio, icu".parse().unwrap();
    let point = |a: &Attribute| rex.key.key_attributes().point(at_root, a);
    let omega = weights(&capsule, &set);
    let a = policy_half((at_root.p0, at_root.p1), point, &capsule, &omega).unwrap();
    rex.finish(a, b) == key
}

#[test]
fn shared_r_between_nodes_undoes_revocation_and_fresh_r_does_not() {
    let mut w = World::new(12);
    // Two keys of one user: the first revoked, the second (without the attributes) on an honest node.
    let rex = w.join("cardio, icu");
    w.revoke(&[&rex], NOW);
    let y = rex.key.leaf().path().next().unwrap();
    let sibling = w.join("surgeon");
    let y_node = sibling.key.leaf().node();
    assert_eq!(y_node.parent(), y.parent());
    let attributes = rex.key.key_attributes().sorted().iter();
    let hashes: Vec<_> = attributes.map(|a| w.msk.hash_table(a)).collect();
    let pk = FixedG1::new(&rex.public.point());
    let r = SecretScalar::random(&mut w.rng);
    let broken_root = NodeKey::new(&pk, &w.msk.node_secret(NodeId::ROOT), &hashes, &r);
    let broken_y = NodeKey::new(&pk, &w.msk.node_secret(y_node), &hashes, &r);
    assert!(
        shared_r_attack(&mut w, &rex, &broken_root, (y_node, &broken_y)),
        "the attack works"
    );
    let fresh = SecretScalar::random(&mut w.rng);
    let ours_y = NodeKey::new(&pk, &w.msk.node_secret(y_node), &hashes, &fresh);
    assert!(!shared_r_attack(
        &mut w,
        &rex,
        &broken_root,
        (y_node, &ours_y)
    ));
}

#[test]
fn no_two_nodes_of_an_issued_key_share_r_and_no_two_issues() {
    let mut w = World::new(13);
    let (first, second) = (w.join("cardio"), w.join("cardio"));
    let mut seen: Vec<[u8; 96]> = Vec::new();
    for (_, part) in first.key.parts().chain(second.key.parts()) {
        assert!(!seen.contains(&part.p1.to_bytes()));
        seen.push(part.p1.to_bytes());
    }
    let update = {
        w.revoke(&[&first], NOW);
        w.update(NOW)
    };
    let q2: Vec<G2> = all_parts(&update).iter().map(|(_, part)| part.q2).collect();
    assert!(
        q2.iter()
            .enumerate()
            .all(|(i, q)| !q2.iter().skip(i + 1).any(|other| q == other))
    );
}

#[test]
fn reuse_of_s_across_epochs_opens_to_the_revoked_and_a_fresh_s_does_not() {
    let mut w = World::new(14);
    let rex = w.join("cardio, icu");
    let old = w.update(BEFORE);
    w.revoke(&[&rex], NOW);
    let read = |w: &mut World, s: &Scalar| {
        let (earlier, _) = w.capsule(POLICY, BEFORE, s);
        let b = time_half(old.part(NodeId::ROOT).unwrap(), &earlier);
        rex.finish(rex.half(NodeId::ROOT, &earlier), b)
    };
    let s = Scalar::random(&mut w.rng);
    let (_, key) = w.capsule(POLICY, NOW, &s);
    assert_eq!(read(&mut w, &s), key, "the attack works");
    let fresh = Scalar::random(&mut w.rng);
    assert_ne!(read(&mut w, &fresh), key);
}

#[test]
fn reuse_of_s_across_policies_opens_to_the_unsatisfying() {
    let mut w = World::new(15);
    let (eve, update) = (w.join("cardio"), w.update(NOW));
    let s = Scalar::random(&mut w.rng);
    let (_, key) = w.capsule(POLICY, NOW, &s);
    let (weaker, _) = w.capsule("cardio", NOW, &s);
    let b = time_half(update.part(NodeId::ROOT).unwrap(), &weaker);
    assert_eq!(
        eve.finish(eve.half(NodeId::ROOT, &weaker), b),
        key,
        "the attack works"
    );
}

#[test]
fn encrypt_never_reuses_s() {
    let mut w = World::new(16);
    let policy: Policy = POLICY.parse().unwrap();
    let context = RecordContext::new([1; 32], [3; 32]);
    let (one, _) = encrypt(&w.pp, &policy, NOW, context, &mut w.rng);
    let (two, _) = encrypt(&w.pp, &policy, NOW, context, &mut w.rng);
    assert_ne!(one.c0, two.c0);
    // Even one sigma gives another s for another epoch, policy or record.
    let (again, _) = encrypt(
        &w.pp,
        &policy,
        NOW,
        context,
        &mut StdRng::from_seed([1; 32]),
    );
    let (epoch, _) = encrypt(
        &w.pp,
        &policy,
        BEFORE,
        context,
        &mut StdRng::from_seed([1; 32]),
    );
    let weaker: Policy = "cardio".parse().unwrap();
    let (weaker, _) = encrypt(
        &w.pp,
        &weaker,
        NOW,
        context,
        &mut StdRng::from_seed([1; 32]),
    );
    let record = RecordContext::new([1; 32], [4; 32]);
    let (record, _) = encrypt(&w.pp, &policy, NOW, record, &mut StdRng::from_seed([1; 32]));
    for other in [epoch, weaker, record] {
        assert_ne!(again.c0, other.c0);
    }
}

#[test]
fn two_update_keys_of_one_epoch_undo_a_revocation_and_the_ticket_prevents_them() {
    let mut w = World::new(17);
    let rex = w.join("cardio, icu");
    let early = w.update(NOW); // before the revocation at NOW was known
    w.revoke(&[&rex], NOW);
    let late = w.update(NOW);
    assert!(pre_keygen(&rex.key, &late).is_err());
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    let b = time_half(early.part(NodeId::ROOT).unwrap(), &capsule);
    assert_eq!(
        rex.finish(rex.half(NodeId::ROOT, &capsule), b),
        key,
        "the attack works"
    );
    let refused = IssueError::EpochNotNew {
        epoch: NOW,
        last: NOW,
    };
    assert_eq!(EpochTicket::after(Some(NOW), NOW).err(), Some(refused));
    assert!(EpochTicket::after(Some(NOW), BEFORE).is_err());
    assert!(EpochTicket::after(Some(BEFORE), NOW).is_ok());
    let ticket = EpochTicket::after(None, BEFORE).unwrap();
    let refused = IssueError::ListAhead {
        epoch: BEFORE,
        found: NOW,
    };
    assert_eq!(
        upd_keygen(&w.msk, ticket, &w.revoked, &mut w.rng).err(),
        Some(refused)
    );
}

#[test]
fn a_leaf_given_out_again_revives_the_revoked_key() {
    let mut w = World::new(18);
    let rex = w.join_at(0, "cardio, icu");
    w.revoke(&[&rex], BEFORE);
    assert!(pre_keygen(&rex.key, &w.update(NOW)).is_err());
    w.revoked = RevocationList::new(w.revoked.depth()); // dropped, to give the leaf to a newcomer
    let _newcomer = w.join_at(0, "surgeon");
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    let update = w.update(NOW);
    let semi = pre_dec(&pre_keygen(&rex.key, &update).unwrap(), &capsule.prepare()).unwrap();
    assert_eq!(
        rex.finish(semi.a, semi.b),
        key,
        "the attack works: hence a leaf is never reused"
    );
}

/// With H("time", t) = H("w") the capsule's Ct is H("w")^s and strips P0 of its blinding without any row.
#[test]
fn equal_hash_domains_break_the_policy() {
    let mut w = World::new(19);
    let (eve, update) = (w.join("surgeon"), w.update(NOW));
    let s = Scalar::random(&mut w.rng);
    let (capsule, key) = w.capsule(POLICY, NOW, &s);
    let part = eve.part(NodeId::ROOT);
    let b = time_half(update.part(NodeId::ROOT).unwrap(), &capsule);
    let strip = |ct: G1| eve.finish(multi_pairing([(part.p0, capsule.c0), (-ct, part.p1)]), b);
    assert_eq!(strip(labels::h_w() * s), key, "the attack works");
    assert_ne!(strip(capsule.ct), key);
    assert_ne!(labels::h_time(NOW), labels::h_w());
}

/// rogue pk = pk_honest · g1^c: without a proof of possession it would be issued keys.
#[test]
fn a_key_made_of_anothers_has_no_proof_of_possession() {
    let mut w = World::new(20);
    let registration = Registration::new([1; 32], UserId::from_bytes([7; 32]), [2; 32]);
    let (honest, public) = user_keygen(&mut w.rng);
    let (mine, _) = user_keygen(&mut w.rng);
    let proof = honest.prove_possession(&registration, &mut w.rng);
    assert!(public.verify(&proof, &registration).is_ok());
    assert_eq!(
        mine.public_key().verify(&proof, &registration).err(),
        Some(IssueError::Possession)
    );
    let variants = [
        Registration::new([0; 32], UserId::from_bytes([7; 32]), [2; 32]),
        Registration::new([1; 32], UserId::from_bytes([8; 32]), [2; 32]),
        Registration::new([1; 32], UserId::from_bytes([7; 32]), [3; 32]),
    ];
    for other in variants {
        assert_eq!(
            public.verify(&proof, &other).err(),
            Some(IssueError::Possession),
            "{other:?}"
        );
    }
    let mut bytes = proof.to_bytes();
    *bytes.last_mut().unwrap() ^= 1;
    let changed = ProofOfPossession::from_bytes(&bytes).unwrap();
    assert_eq!(
        public.verify(&changed, &registration).err(),
        Some(IssueError::Possession)
    );
}

#[test]
fn a_leaf_of_another_user_or_tree_gets_no_key() {
    let mut w = World::new(21);
    let ann = w.join("cardio");
    let set = "cardio".parse().unwrap();
    let leaf = Leaf::new(3, w.pp.tree().depth()).unwrap();
    let grant = LeafGrant::from_committed(leaf, UserId::from_bytes([8; 32]));
    let refused = att_keygen(&w.msk, grant, &ann.public, &set, &mut w.rng).err();
    assert_eq!(refused, Some(IssueError::OtherUsersLeaf { leaf }));
    let other = Leaf::new(3, Depth::new(4).unwrap()).unwrap();
    let grant = LeafGrant::from_committed(other, UserId::from_bytes([7; 32]));
    let refused = att_keygen(&w.msk, grant, &ann.public, &set, &mut w.rng).err();
    assert_eq!(refused, Some(IssueError::OtherTree));
}
