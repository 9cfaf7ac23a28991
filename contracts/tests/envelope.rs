//! Replay, expiry, federation, signatures; hospitals, epochs and leaves.

use crate::common::*;
use consilium_contracts::*;

#[test]
fn a_nonce_is_used_once_and_forgotten_after_expiry() {
    let mut world = World::populated();
    let signed = world
        .transaction("ada", trapdoor("north", 1))
        .sign(&key("ada"));
    let nonce = signed.transaction().nonce;
    world.submit_signed(signed.clone()).unwrap();
    world.block(1);
    assert_eq!(
        world.submit_signed(signed.clone()),
        Err(Rejection::NonceUsed { nonce })
    );
    let mut other = world.transaction("ada", Action::WithdrawTrapdoor);
    other.nonce = nonce;
    let other = other.sign(&key("ada"));
    assert_eq!(
        world.submit_signed(other),
        Err(Rejection::NonceUsed { nonce })
    );
    let expires = signed.transaction().expires;
    while Height::new(world.height) < expires {
        world.block(1);
        assert_eq!(
            world.submit_signed(signed.clone()),
            Err(Rejection::NonceUsed { nonce })
        );
    }
    assert!(world.view().nonce_used(&public("ada"), nonce));
    world.block(1);
    assert!(!world.view().nonce_used(&public("ada"), nonce));
    let height = Height::new(world.height);
    assert_eq!(
        world.submit_signed(signed),
        Err(Rejection::Expired { expires, height })
    );
}

#[test]
fn another_federation_a_long_life_and_a_foreign_signature_are_refused() {
    let mut world = World::populated();
    let foreign = FederationId::from_bytes([1; 32]);
    let mut tx = world.transaction("ada", trapdoor("north", 1));
    tx.federation = foreign;
    let wrong = Rejection::WrongFederation {
        named: foreign,
        expected: world.federation,
    };
    let signed = tx.sign(&key("ada"));
    assert_eq!(world.submit_signed(signed.clone()), Err(wrong.clone()));
    // Verified for the other federation, it is refused by this one's state.
    let verified = signed.verify(&foreign).unwrap();
    assert_eq!(apply(&world.state, &world.context(), &verified), Err(wrong));
    let mut tx = world.transaction("ada", trapdoor("north", 1));
    tx.expires = Height::new(world.height + 101);
    let (expires, latest) = (tx.expires, Height::new(world.height + 100));
    let signed = tx.sign(&key("ada"));
    assert_eq!(
        world.submit_signed(signed),
        Err(Rejection::ExpiresTooLate { expires, latest })
    );
    let signed = world
        .transaction("ada", trapdoor("north", 1))
        .sign(&key("ben"));
    assert_eq!(world.submit_signed(signed), Err(Rejection::BadSignature));
    let signed = world
        .transaction("ada", trapdoor("north", 1))
        .sign(&key("ada"));
    let tampered = world.transaction("ada", trapdoor("north", 2));
    let moved = SignedTransaction::new(tampered, *signed.signature());
    assert_eq!(world.submit_signed(moved), Err(Rejection::BadSignature));
    let sender = public("nobody").into();
    let refusal = Rejection::UnknownSender { sender };
    assert_eq!(world.refused("nobody", trapdoor("north", 1)), refusal);
}

#[test]
fn epochs_count_by_one_and_cover_revocations_without_going_back() {
    let mut world = World::new();
    world.block(1);
    world.block(1);
    let wrong = |given, next| Rejection::WrongEpoch {
        given: Epoch::new(given),
        next: Epoch::new(next),
    };
    assert_eq!(world.refused("kgc", epoch(2, 0)), wrong(2, 1));
    let height = Height::new(world.height);
    let not_yet = Rejection::WrongRevocationHeight {
        given: height,
        from: Height::new(0),
        height,
    };
    assert_eq!(world.refused("kgc", epoch(1, world.height)), not_yet);
    world.ok("kgc", epoch(1, 1));
    assert_eq!(world.refused("kgc", epoch(1, 1)), wrong(1, 2));
    assert_eq!(world.refused("kgc", epoch(3, 1)), wrong(3, 2));
    let refusal = world.refused("kgc", epoch(2, 0));
    assert!(matches!(refusal, Rejection::WrongRevocationHeight { .. }));
    world.ok("kgc", register_doctor("ada", "north", 0));
    let revoke = world.revoke("ada");
    world.ok("north", revoke);
    let revoked = world.view().leaf(Leaf::new(0)).unwrap().revoked.unwrap();
    // Read before the revocation: the key of epoch 2 does not exclude the leaf, that of 3 does.
    world.ok("kgc", epoch(2, revoked.height.value() - 1));
    assert_eq!(world.view().revoked_since(&revoked), Epoch::new(3));
    world.ok("kgc", epoch(3, revoked.height.value()));
    assert_eq!(world.view().revoked_since(&revoked), Epoch::new(3));
    assert_eq!(world.view().current_epoch().unwrap().epoch, Epoch::new(3));
}

#[test]
fn leaves_are_given_once_in_order_until_the_tree_is_full() {
    let mut world = World::new();
    world.block(1);
    let wrong = |given, next| Rejection::WrongLeaf {
        given: Leaf::new(given),
        next: Leaf::new(next),
    };
    assert_eq!(
        world.refused("kgc", register_doctor("ada", "north", 1)),
        wrong(1, 0)
    );
    world.ok("kgc", register_doctor("ada", "north", 0));
    assert_eq!(
        world.refused("kgc", register_doctor("ben", "north", 0)),
        wrong(0, 1)
    );
    let taken = Rejection::KeyTaken {
        key: public("ada").into(),
    };
    assert_eq!(
        world.refused("kgc", register_doctor("ada", "south", 1)),
        taken
    );
    let doctor = world.doctor("ada");
    let reissue = |leaf| {
        let (abe_key, leaf) = (made().abe_key.clone(), Leaf::new(leaf));
        Action::ReissueDoctor(ReissueDoctor {
            doctor,
            abe_key,
            leaf,
        })
    };
    assert_eq!(world.refused("kgc", reissue(0)), wrong(0, 1));
    world.ok("kgc", reissue(1));
    let leaves: Vec<_> = world.view().leaves().collect();
    assert!(leaves[0].revoked.is_some() && leaves[1].revoked.is_none());
    assert_eq!(world.view().doctor(&doctor).unwrap().leaf, Leaf::new(1));
    assert_eq!(world.view().doctor(&doctor).unwrap().revocation, None);
    let revoke = world.revoke("ada");
    world.ok("kgc", revoke);
    assert_eq!(
        world.refused("kgc", reissue(2)),
        Rejection::DoctorRevoked { doctor }
    );
    for leaf in 2..16 {
        world.ok(
            "kgc",
            register_doctor(&format!("doctor {leaf}"), "north", leaf),
        );
    }
    let full = Rejection::TreeFull { capacity: 16 };
    assert_eq!(
        world.refused("kgc", register_doctor("late", "north", 16)),
        full
    );
}

#[test]
fn a_hospital_joins_with_fresh_id_and_keys_and_only_a_valid_card() {
    let mut world = World::populated();
    let admit = |card: HospitalCard| Action::AdmitHospital(Box::new(card));
    let exists = Rejection::HospitalExists {
        hospital: hospital("north"),
    };
    assert_eq!(world.refused("kgc", admit(card("north"))), exists);
    for taken in ["ada", "kgc", "north", "north/validator", "kgc/peer"] {
        let refusal = Rejection::KeyTaken {
            key: public(taken).into(),
        };
        let with = HospitalCard {
            validator_key: public(taken),
            ..card("east")
        };
        assert_eq!(world.refused("kgc", admit(with)), refusal);
    }
    let stolen = HospitalCard {
        matching_keys: card("north").matching_keys,
        ..card("east")
    };
    let error = CardError::NotPossessed {
        hospital: hospital("east"),
    };
    assert_eq!(
        world.refused("kgc", admit(stolen)),
        Rejection::BadHospitalCard { error }
    );
    let same = HospitalCard {
        peer_key: public("east"),
        ..card("east")
    };
    let error = CardError::SameKeys {
        hospital: hospital("east"),
    };
    assert_eq!(
        world.refused("kgc", admit(same)),
        Rejection::BadHospitalCard { error }
    );
    world.ok("kgc", admit(card("east")));
    world.ok("kgc", register_doctor("gus", "east", 6));
    assert_eq!(world.view().doctors_of(&hospital("east")).count(), 1);
    let bad = Action::RegisterDoctor(RegisterDoctor {
        hospital: hospital("east"),
        signing_key: public("hal"),
        abe_key: vec![0; 49].try_into().unwrap(),
        leaf: Leaf::new(7),
    });
    assert_eq!(world.refused("kgc", bad), Rejection::BadAbeKey);
}

#[test]
fn genesis_refuses_every_broken_rule() {
    let check = |change: &dyn Fn(&mut Genesis)| {
        let mut genesis = genesis();
        change(&mut genesis);
        genesis.sign(&key("kgc")).verify().unwrap_err()
    };
    let refusal = genesis().sign(&key("north")).verify().unwrap_err();
    assert_eq!(refusal, GenesisError::BadSignature);
    let refusal = check(&|genesis| genesis.validators = OrderedSet::collect([]).unwrap());
    assert_eq!(refusal, GenesisError::NoValidator);
    let refusal =
        check(&|genesis| genesis.validators = OrderedSet::collect([hospital("x")]).unwrap());
    assert_eq!(refusal, GenesisError::UnknownValidator(hospital("x")));
    let refusal = check(&|genesis| {
        genesis.hospitals = Hospitals::collect([card("north"), card("north")]).unwrap()
    });
    assert_eq!(refusal, GenesisError::HospitalTwice(hospital("north")));
    let refusal = check(&|genesis| genesis.kgc.peer_key = public("north"));
    assert_eq!(refusal, GenesisError::KeyTwice(public("north").into()));
    let refusal = check(&|genesis| genesis.settings.n = 129);
    assert!(matches!(
        refusal,
        GenesisError::Settings(SettingsError::OutOfRange { name: "n", .. })
    ));
    let prefilter = |bits, weight| Some(Prefilter { bits, weight });
    let refusal = check(&|genesis| genesis.settings.prefilter = prefilter(128, 64));
    let bits = SettingsError::FilterBits { bits: 128 };
    assert_eq!(refusal, GenesisError::Settings(bits));
    // A record of n = 4 keywords would not fit; more than half of the bits set would leave out too little.
    for weight in [3, 129] {
        let refusal = check(&|genesis| genesis.settings.prefilter = prefilter(256, weight));
        let why = refusal.to_string();
        let range = format!("prefilter.weight is {weight}; it must be from 4 to 128");
        assert!(why.contains(&range), "{why}");
    }
    let refusal = check(&|genesis| genesis.parameters = vec![1; 9].try_into().unwrap());
    assert_eq!(refusal, GenesisError::Parameters);
    let refusal = check(&|genesis| genesis.token_key = [0; 32]);
    assert_eq!(refusal, GenesisError::TokenKey);
    let short = HospitalCard {
        hpke_key: vec![1].try_into().unwrap(),
        ..card("east")
    };
    let refusal =
        check(&|genesis| genesis.hospitals = Hospitals::collect([short.clone()]).unwrap());
    assert!(matches!(
        refusal,
        GenesisError::Card(CardError::HpkeKey { .. })
    ));
}

#[test]
fn genesis_round_trips_and_its_hash_is_the_federation() {
    let signed = genesis().sign(&key("kgc"));
    let bytes = signed.to_canonical_bytes();
    assert_eq!(SignedGenesis::from_bytes(&bytes).unwrap(), signed);
    let federation = signed.clone().verify().unwrap().federation();
    assert_eq!(
        federation.as_bytes(),
        Digest::of(&genesis().to_canonical_bytes()).as_bytes()
    );
    assert!(SignedGenesis::from_bytes(&[bytes, vec![0]].concat()).is_err());
    let validators: Vec<_> = World::new().view().validators().collect();
    assert_eq!(validators[0].key, public("north/validator"));
}
