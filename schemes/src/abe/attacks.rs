//! Each security claim and each rule of the scheme, attacked on the equations themselves: the local checks
//! (policy, epoch, revocation) are bypassed, so that what refuses is the mathematics.
//!
//! Where a rule is at stake the test first breaks it on purpose and shows that the attack then works.

use consilium_policies::{Attribute, AttributeSet, Policy};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::attribute_keygen::NodeKey;
use super::encrypt::{Exponents, elements};
use super::pre_decrypt::{policy_half, time_half};
use super::update_keygen::UpdatePart;
use super::*;
use crate::curve::{FieldElement, G1, G2, Gt, Scalar, SecretScalar, multi_pairing, pairing};

const POLICY: &str = "cardio and (icu or er)";
/// The epoch of the revocations; [`BEFORE`] is the one before.
const NOW: Epoch = Epoch::new(5);
const BEFORE: Epoch = Epoch::new(4);

struct User {
    secret: UserSecretKey,
    public: VerifiedPublicKey,
    key: AttributeKey,
}

/// A KGC with a tree of 8 leaves, its list of revocations and its randomness.
struct World {
    pp: PublicParameters,
    msk: MasterSecret,
    revoked: RevocationList,
    next_leaf: u32,
    rng: StdRng,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let depth = Depth::new(3).unwrap();
        let (pp, msk) = setup(Tree::new(TreeId::from_bytes([9; 32]), depth), &mut rng);
        Self {
            pp,
            msk,
            revoked: RevocationList::new(depth),
            next_leaf: 0,
            rng,
        }
    }

    fn join(&mut self, attributes: &str) -> User {
        let leaf = self.next_leaf;
        self.next_leaf += 1;
        self.join_at(leaf, attributes)
    }

    fn join_at(&mut self, leaf: u32, attributes: &str) -> User {
        let leaf = Leaf::new(leaf, self.pp.tree().depth()).unwrap();
        let id = UserId::from_bytes([7; 32]);
        let registration = Registration::new([1; 32], id, [2; 32]);
        let (secret, public) = user_keygen(&mut self.rng);
        let proof = secret.prove_possession(&registration, &mut self.rng);
        let public = public.verify(&proof, &registration).unwrap();
        let grant = LeafGrant::from_committed(leaf, id);
        let set = attributes.parse().unwrap();
        let key = att_keygen(&self.msk, grant, &public, &set, &mut self.rng).unwrap();
        User {
            secret,
            public,
            key,
        }
    }

    fn revoke(&mut self, users: &[&User], epoch: Epoch) {
        self.revoked
            .revoke(users.iter().map(|user| user.key.leaf()), epoch)
            .unwrap();
    }

    /// The update key of an epoch by the equations, whatever was made before.
    fn update(&mut self, epoch: Epoch) -> UpdateKey {
        let mut list = RevocationList::new(self.revoked.depth());
        for index in 0..8 {
            let leaf = Leaf::new(index, self.revoked.depth()).unwrap();
            if let Some(since) = self
                .revoked
                .revoked_since(leaf)
                .filter(|since| *since <= epoch)
            {
                list.revoke([leaf], since).unwrap();
            }
        }
        upd_keygen(&self.msk, EpochTicket { epoch }, &list, &mut self.rng).unwrap()
    }

    /// A capsule of explicit exponents, with its Y^s.
    fn capsule(&mut self, policy: &str, epoch: Epoch, s: &Scalar) -> (Capsule, Gt) {
        let policy: Policy = policy.parse().unwrap();
        let access = policy.access_structure();
        let mut random = |n: usize| {
            (0..n)
                .map(|_| SecretScalar::random(&mut self.rng))
                .collect::<Vec<_>>()
        };
        let (repetitions, columns) = (
            random(access.max_repetition() + 1),
            random(access.columns() - 1),
        );
        let exponents = Exponents::new(SecretScalar::new(*s), repetitions, columns, &access);
        let (c0, c2, ct, rows) = elements(epoch, &access, &exponents);
        let context = RecordContext::new([1; 32], [3; 32]);
        let header = CapsuleHeader {
            tree: self.pp.tree().id(),
            epoch,
            context,
            policy,
        };
        let capsule = Capsule {
            header,
            c0,
            c2,
            ct,
            rows,
            c_sigma: [0; 32],
        };
        (capsule, self.pp.y().pow(s))
    }

    fn random_capsule(&mut self, policy: &str, epoch: Epoch) -> (Capsule, Gt) {
        let s = Scalar::random(&mut self.rng);
        self.capsule(policy, epoch, &s)
    }
}

impl User {
    fn part(&self, node: NodeId) -> &NodeKey {
        self.key.parts().find(|(x, _)| *x == node).unwrap().1
    }

    fn point(&self, node: NodeId, attribute: &Attribute) -> Option<G1> {
        self.key.key_attributes().point(self.part(node), attribute)
    }

    /// A at this node, with the rows that this set of attributes selects, whatever the key holds: a point
    /// that it lacks is left out.
    fn half_as(&self, node: NodeId, capsule: &Capsule, pretended: &str) -> Gt {
        let set: AttributeSet = pretended.parse().unwrap();
        let part = self.part(node);
        let point = |a: &Attribute| Some(self.point(node, a).unwrap_or_default());
        policy_half((part.p0, part.p1), point, capsule, &weights(capsule, &set)).unwrap()
    }

    /// A at this node with the key's own attributes.
    fn half(&self, node: NodeId, capsule: &Capsule) -> Gt {
        self.half_as(node, capsule, &self.key.attributes().to_string())
    }

    /// A^{1/beta} · B.
    fn finish(&self, a: Gt, b: Gt) -> Gt {
        a.pow_secret(&self.secret.inverse()) * b
    }

    fn beta(&self) -> Scalar {
        self.secret
            .inverse()
            .invert()
            .unwrap()
            .expose_secret()
            .to_owned()
    }
}

fn weights(capsule: &Capsule, set: &AttributeSet) -> Vec<(usize, Scalar)> {
    let selection = capsule
        .access()
        .select::<FieldElement>(set)
        .expect("satisfies the policy");
    selection
        .rows()
        .iter()
        .map(|(row, weight)| (*row, (*weight).into()))
        .collect()
}

fn nodes_of(user: &User) -> Vec<NodeId> {
    user.key.leaf().path().collect()
}

fn all_parts(update: &UpdateKey) -> Vec<(NodeId, UpdatePart)> {
    update
        .nodes()
        .map(|x| (x, update.part(x).unwrap().clone()))
        .collect()
}

#[test]
fn an_unrevoked_satisfying_user_opens() {
    let mut w = World::new(1);
    let (ann, rex) = (w.join("cardio, icu"), w.join("cardio, er"));
    w.revoke(&[&rex], NOW);
    let update = w.update(NOW);
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    let semi = pre_dec(&pre_keygen(&ann.key, &update).unwrap(), &capsule).unwrap();
    assert_eq!(ann.finish(semi.a, semi.b), key);
}

#[test]
fn an_unsatisfying_user_opens_with_no_choice_of_rows() {
    let mut w = World::new(2);
    let (eve, update) = (w.join("cardio"), w.update(NOW));
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    let b = time_half(update.part(NodeId::ROOT).unwrap(), &capsule);
    for pretended in ["cardio, icu", "cardio, er"] {
        assert_ne!(
            eve.finish(eve.half_as(NodeId::ROOT, &capsule, pretended), b),
            key
        );
    }
    let part = eve.part(NodeId::ROOT);
    let point = |a: &Attribute| eve.point(NodeId::ROOT, a);
    for weight in [Scalar::ZERO, Scalar::ONE, Scalar::random(&mut w.rng)] {
        let a = policy_half((part.p0, part.p1), point, &capsule, &[(0, weight)]).unwrap();
        assert_ne!(eve.finish(a, b), key);
    }
}

#[test]
fn points_of_two_users_do_not_mix() {
    let mut w = World::new(3);
    let (eve, ivy, update) = (w.join("cardio"), w.join("icu"), w.update(NOW));
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    let b = time_half(update.part(NodeId::ROOT).unwrap(), &capsule);
    let both: AttributeSet = "cardio, icu".parse().unwrap();
    let point = |a: &Attribute| {
        eve.point(NodeId::ROOT, a)
            .or_else(|| ivy.point(NodeId::ROOT, a))
    };
    for (owner, other) in [(&eve, &ivy), (&ivy, &eve)] {
        let part = owner.part(NodeId::ROOT);
        let a = policy_half(
            (part.p0, part.p1),
            point,
            &capsule,
            &weights(&capsule, &both),
        )
        .unwrap();
        assert_ne!(owner.finish(a, b), key);
        assert_ne!(other.finish(a, b), key);
    }
}

#[test]
fn bits_of_two_keys_do_not_make_a_larger_number() {
    let mut w = World::new(4);
    // 1 and 2 have between them the bits of 3.
    let (one, two, update) = (w.join("level=1"), w.join("level=2"), w.update(NOW));
    let (capsule, key) = w.random_capsule("level >= 3", NOW);
    assert!(
        !capsule
            .header()
            .policy()
            .is_satisfied_by(one.key.attributes())
    );
    let three: AttributeSet = "level=3".parse().unwrap();
    let b = time_half(update.part(NodeId::ROOT).unwrap(), &capsule);
    let point = |a: &Attribute| {
        one.point(NodeId::ROOT, a)
            .or_else(|| two.point(NodeId::ROOT, a))
    };
    for owner in [&one, &two] {
        let part = owner.part(NodeId::ROOT);
        let omega = weights(&capsule, &three);
        let a = policy_half((part.p0, part.p1), point, &capsule, &omega).unwrap();
        assert_ne!(owner.finish(a, b), key);
    }
    assert!("level=1, level=2".parse::<AttributeSet>().is_err());
}

#[test]
fn a_revoked_user_opens_with_no_node_and_no_update_key() {
    let mut w = World::new(5);
    let (rex, _ann) = (w.join("cardio, icu"), w.join("cardio, icu"));
    let old = w.update(BEFORE);
    w.revoke(&[&rex], NOW);
    let update = w.update(NOW);
    let refused = PreDecryptError::Revoked {
        leaf: rex.key.leaf(),
        epoch: NOW,
    };
    assert_eq!(pre_keygen(&rex.key, &update).err(), Some(refused));
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    for node in nodes_of(&rex) {
        let a = rex.half(node, &capsule);
        assert_ne!(rex.finish(a, Gt::one()), key);
        for (_, part) in all_parts(&update).iter().chain(&all_parts(&old)) {
            assert_ne!(rex.finish(a, time_half(part, &capsule)), key);
        }
    }
    let (earlier, key) = w.random_capsule(POLICY, BEFORE);
    let b = time_half(old.part(NodeId::ROOT).unwrap(), &earlier);
    assert_eq!(
        rex.finish(rex.half(NodeId::ROOT, &earlier), b),
        key,
        "before his revocation he reads"
    );
}

#[test]
fn an_update_key_of_another_epoch_does_not_open() {
    let mut w = World::new(6);
    let ann = w.join("cardio, icu");
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    for epoch in [BEFORE, Epoch::new(6)] {
        let update = w.update(epoch);
        let prek = pre_keygen(&ann.key, &update).unwrap();
        let refused = PreDecryptError::Epoch {
            capsule: NOW,
            key: epoch,
        };
        assert_eq!(pre_dec(&prek, &capsule), Err(refused));
        let b = time_half(&prek.update, &capsule);
        assert_ne!(ann.finish(ann.half(NodeId::ROOT, &capsule), b), key);
    }
}

#[test]
fn a_wrong_beta_does_not_open() {
    let mut w = World::new(7);
    let (ann, bob, update) = (w.join("cardio, icu"), w.join("cardio, icu"), w.update(NOW));
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    let semi = pre_dec(&pre_keygen(&ann.key, &update).unwrap(), &capsule).unwrap();
    assert_eq!(ann.finish(semi.a, semi.b), key);
    assert_ne!(bob.finish(semi.a, semi.b), key);
    assert_ne!(semi.a * semi.b, key, "the hospital alone");
    let plus_one = (ann.beta() + Scalar::ONE).invert().unwrap();
    assert_ne!(semi.a.pow(&plus_one) * semi.b, key);
}

/// The attack that breaks the scheme of Cui et al.: at a common node two keys divide to a value without the
/// node's mask.
#[test]
fn two_revoked_users_do_not_cancel_the_node_secret() {
    let mut w = World::new(8);
    let (rex, dan, _ann) = (
        w.join("cardio, icu"),
        w.join("cardio, er"),
        w.join("cardio, icu"),
    );
    w.revoke(&[&rex, &dan], NOW);
    let update = w.update(NOW);
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    let (a, b) = (
        rex.half(NodeId::ROOT, &capsule),
        dan.half(NodeId::ROOT, &capsule),
    );
    let difference = (rex.beta() - dan.beta()).invert().unwrap();
    let quotient = (a / b).pow(&difference); // e(g1,g2)^{a_root s}: no alpha in it
    assert_ne!(quotient, key);
    for (_, part) in all_parts(&update) {
        assert_ne!(quotient * time_half(&part, &capsule), key);
    }
}

#[test]
fn a_revoked_user_and_a_hospital_with_honest_keys_do_not_open() {
    let mut w = World::new(9);
    let (rex, ann) = (w.join("cardio, icu"), w.join("cardio, icu"));
    w.revoke(&[&rex], NOW);
    let update = w.update(NOW);
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    let semi = pre_dec(&pre_keygen(&ann.key, &update).unwrap(), &capsule).unwrap();
    let inverse = rex.secret.inverse();
    for node in nodes_of(&rex)
        .into_iter()
        .filter(|x| nodes_of(&ann).contains(x))
    {
        let (hers, his) = (ann.half(node, &capsule), rex.half(node, &capsule));
        for a in [
            his,
            hers,
            semi.a,
            semi.a * hers / his,
            semi.a / hers * his,
            his / hers,
        ] {
            assert_ne!(a.pow_secret(&inverse) * semi.b, key);
            assert_ne!(a.pow_secret(&inverse), key);
        }
    }
}

#[test]
fn pooled_halves_of_unsatisfying_users_do_not_open() {
    let mut w = World::new(10);
    let (eve, ivy, rex) = (w.join("cardio"), w.join("icu"), w.join("surgeon"));
    w.revoke(&[&rex], NOW);
    let update = w.update(NOW);
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    let halves: Vec<(usize, Gt)> = [&eve, &ivy]
        .into_iter()
        .enumerate()
        .flat_map(|(i, user)| nodes_of(user).into_iter().map(move |x| (i, x, user)))
        .map(|(i, x, user)| (i, user.half_as(x, &capsule, "cardio, icu")))
        .collect();
    for (_, part) in all_parts(&update) {
        let b = time_half(&part, &capsule);
        for (i, a) in &halves {
            for (_, other) in halves.iter().filter(|(j, _)| j != i) {
                assert_ne!(eve.finish(*a, b), key);
                assert_ne!(ivy.finish(*a, b), key);
                assert_ne!(eve.finish(*a * *other, b), key);
            }
        }
    }
}

#[test]
fn when_all_leaves_are_revoked_nobody_opens() {
    let mut w = World::new(11);
    let users: Vec<User> = (0..8).map(|_| w.join("cardio, icu")).collect();
    w.revoke(&users.iter().collect::<Vec<_>>(), NOW);
    let update = w.update(NOW);
    assert_eq!(update.nodes().count(), 0);
    for user in &users {
        assert!(matches!(
            pre_keygen(&user.key, &update),
            Err(PreDecryptError::Revoked { .. })
        ));
    }
    assert_eq!(UpdateKey::from_bytes(&update.to_bytes()), Ok(update));
}

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
    let hashes = rex.key.key_attributes().hashes();
    let pk = rex.public.point();
    let r = SecretScalar::random(&mut w.rng);
    let broken_root = NodeKey::new(pk, &w.msk.node_secret(NodeId::ROOT), &hashes, &r);
    let broken_y = NodeKey::new(pk, &w.msk.node_secret(y_node), &hashes, &r);
    assert!(
        shared_r_attack(&mut w, &rex, &broken_root, (y_node, &broken_y)),
        "the attack works"
    );
    let fresh = SecretScalar::random(&mut w.rng);
    let ours_y = NodeKey::new(pk, &w.msk.node_secret(y_node), &hashes, &fresh);
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
    let semi = pre_dec(&pre_keygen(&rex.key, &update).unwrap(), &capsule).unwrap();
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any collusion of three users over any policy of a pool: by policy logic, and by the equations.
    #[test]
    fn who_opens_is_what_policy_and_revocation_say(
        seed in any::<u64>(),
        policy in prop::sample::select(&["a", "a and b", "a or b", "2 of (a, b, c)", "a and (b or c)",
            "2 of (a, a, b)", "(a and b) or (a and c)", "a and level >= 5", "level < 4 or b"][..]),
        sets in prop::collection::vec(prop::sample::select(
            &["a", "b", "c", "a, b", "b, c", "a, level=5", "b, level=3", "a, b, c, level=9"][..]), 3),
        mask in 0u8..8,
    ) {
        let mut w = World::new(seed);
        let users: Vec<User> = sets.iter().map(|set| w.join(set)).collect();
        let revoked: Vec<&User> =
            users.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, u)| u).collect();
        w.revoke(&revoked, NOW);
        let update = w.update(NOW);
        let (capsule, key) = w.random_capsule(policy, NOW);
        prop_assert_eq!(check_capsule(&capsule, &mut w.rng), Ok(()));
        for (i, user) in users.iter().enumerate() {
            let satisfied = capsule.header().policy().is_satisfied_by(user.key.attributes());
            match pre_keygen(&user.key, &update) {
                Err(error) => prop_assert!(mask >> i & 1 == 1, "{}", error),
                Ok(prek) => {
                    prop_assert!(mask >> i & 1 == 0);
                    match pre_dec(&prek, &capsule) {
                        Ok(semi) => {
                            prop_assert!(satisfied);
                            prop_assert_eq!(user.finish(semi.a, semi.b), key);
                            for other in users.iter().filter(|other| !core::ptr::eq(*other, user)) {
                                prop_assert_ne!(other.finish(semi.a, semi.b), key);
                            }
                        }
                        Err(error) => {
                            prop_assert_eq!(error, PreDecryptError::Unsatisfied);
                            prop_assert!(!satisfied);
                        }
                    }
                }
            }
        }
    }
}

/// A = e(g1, g2)^{beta a_x s} and B = e(g1, g2)^{(alpha − a_x) s}, as the correctness proof says.
#[test]
fn the_halves_have_the_exponents_of_the_proof() {
    let mut w = World::new(22);
    let (ann, update) = (w.join("cardio, icu"), w.update(NOW));
    let s = Scalar::random(&mut w.rng);
    let (capsule, _) = w.capsule(POLICY, NOW, &s);
    let semi = pre_dec(&pre_keygen(&ann.key, &update).unwrap(), &capsule).unwrap();
    let a_x = w.msk.node_secret(NodeId::ROOT);
    let e = pairing(&G1::generator(), &G2::generator());
    assert_eq!(semi.a, e.pow(&(ann.beta() * *a_x.expose_secret() * s)));
    assert_eq!(semi.b, e.pow_secret(&w.msk.remainder(NodeId::ROOT)).pow(&s));
}
