//! Who may not read does not: unsatisfying, revoked, of another epoch, alone or together.

use super::*;

#[test]
fn an_unrevoked_satisfying_user_opens() {
    let mut w = World::new(1);
    let (ann, rex) = (w.join("cardio, icu"), w.join("cardio, er"));
    w.revoke(&[&rex], NOW);
    let update = w.update(NOW);
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    let semi = pre_dec(&pre_keygen(&ann.key, &update).unwrap(), &capsule.prepare()).unwrap();
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
        assert_eq!(pre_dec(&prek, &capsule.prepare()), Err(refused));
        let b = time_half(&prek.update, &capsule);
        assert_ne!(ann.finish(ann.half(NodeId::ROOT, &capsule), b), key);
    }
}

#[test]
fn a_wrong_beta_does_not_open() {
    let mut w = World::new(7);
    let (ann, bob, update) = (w.join("cardio, icu"), w.join("cardio, icu"), w.update(NOW));
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    let semi = pre_dec(&pre_keygen(&ann.key, &update).unwrap(), &capsule.prepare()).unwrap();
    assert_eq!(ann.finish(semi.a, semi.b), key);
    assert_ne!(bob.finish(semi.a, semi.b), key);
    assert_ne!(semi.a * semi.b, key, "the hospital alone");
    let plus_one = (ann.beta() + Scalar::ONE).invert().unwrap();
    assert_ne!(semi.a.pow(&plus_one) * semi.b, key);
}

/// The attack that breaks the scheme of Cui et al.: at a common node two keys divide to a value without the
/// node's mask.
#[test]
fn a_beta_and_the_update_key_without_an_attribute_key_do_not_open() {
    let mut w = World::new(14);
    let (ann, update) = (w.join("cardio, icu"), w.update(NOW));
    let (capsule, key) = w.random_capsule(POLICY, NOW);
    let semi = pre_dec(&pre_keygen(&ann.key, &update).unwrap(), &capsule.prepare()).unwrap();
    assert_eq!(ann.finish(semi.a, semi.b), key);
    // B is anyone's; what is public stands in for A.
    let b = time_half(update.part(NodeId::ROOT).unwrap(), &capsule);
    assert_eq!(b, semi.b);
    let own = pairing(&ann.public.point(), &capsule.c0);
    for a in [
        b,
        own,
        pairing(&G1::generator(), &capsule.c0),
        *w.pp.y(),
        own / b,
    ] {
        assert_ne!(a, semi.a);
        assert_ne!(ann.finish(a, b), key);
        assert_ne!(a * b, key);
    }
}

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
    let semi = pre_dec(&pre_keygen(&ann.key, &update).unwrap(), &capsule.prepare()).unwrap();
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
