//! Who opens is who should: policy logic and equations agree on what is drawn at random.

use super::*;

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
        prop_assert_eq!(check_capsule(&capsule.prepare(), &mut w.rng), Ok(()));
        for (i, user) in users.iter().enumerate() {
            let satisfied = capsule.header().policy().is_satisfied_by(user.key.attributes());
            match pre_keygen(&user.key, &update) {
                Err(error) => prop_assert!(mask >> i & 1 == 1, "{}", error),
                Ok(prek) => {
                    prop_assert!(mask >> i & 1 == 0);
                    match pre_dec(&prek, &capsule.prepare()) {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Policies and keys of any shape, numbers and repeated attributes among them.
    #[test]
    fn a_key_opens_exactly_the_policies_that_it_satisfies(
        seed in any::<u64>(),
        policy in consilium_policies::arb_policy(),
        set in consilium_policies::arb_attribute_set(),
    ) {
        let mut w = World::new(seed);
        let (user, update) = (w.join(&set.to_string()), w.update(NOW));
        let (capsule, key) = w.random_capsule(policy.as_str(), NOW);
        prop_assert_eq!(check_capsule(&capsule.prepare(), &mut w.rng), Ok(()));
        let result = pre_dec(&pre_keygen(&user.key, &update).unwrap(), &capsule.prepare());
        if policy.is_satisfied_by(&set) {
            let semi = result.unwrap();
            prop_assert_eq!(user.finish(semi.a, semi.b), key);
        } else {
            prop_assert_eq!(result, Err(PreDecryptError::Unsatisfied));
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
    let semi = pre_dec(&pre_keygen(&ann.key, &update).unwrap(), &capsule.prepare()).unwrap();
    let a_x = w.msk.node_secret(NodeId::ROOT);
    let e = pairing(&G1::generator(), &G2::generator());
    assert_eq!(semi.a, e.pow(&(ann.beta() * *a_x.expose_secret() * s)));
    assert_eq!(semi.b, e.pow_secret(&w.msk.remainder(NodeId::ROOT)).pow(&s));
}
