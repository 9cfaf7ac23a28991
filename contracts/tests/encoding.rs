//! The canonical encoding: frozen bytes of every action, and what is refused.

use crate::common::*;
use consilium_contracts::*;

/// One signed transaction of every action, from fixed values.
fn transactions() -> Vec<(&'static str, SignedTransaction)> {
    let federation = FederationId::from_bytes([0xfe; 32]);
    let (record, doctor) = (record_id(1), DoctorId::from_bytes([0xd0; 32]));
    let abe_key: AbeKeyBytes = vec![0xab; 49].try_into().unwrap();
    let (signing_key, leaf) = (public("ada"), Leaf::new(3));
    let new = RegisterDoctor {
        hospital: hospital("north"),
        signing_key,
        abe_key: abe_key.clone(),
        leaf,
    };
    let reason = RevocationReason::KeyCompromised;
    let index = vec![0x1d; 20].try_into().unwrap();
    let trapdoor = vec![0x7d; 20].try_into().unwrap();
    let mut hospital_card = card("east");
    hospital_card.matching_keys = vec![0x3a; 32].try_into().unwrap();
    hospital_card.hpke_key = vec![0x4e; 40].try_into().unwrap();
    let decrypted = Decrypted {
        key: bytes(&[0x4b; 20]),
        c: bytes(&[0xc0; 20]),
        proof: bytes(&[0x6b; 20]),
        ..undecrypted(1)
    };
    let record_terms = RecordTerms {
        rsa_key: digest("rsa"),
        ..terms(1, "north", &["south", "west"])
    };
    let dispute = Dispute {
        record,
        key: bytes(&[0x4b; 20]),
        evidence: bytes(&[0xe0; 20]),
    };
    let actions = [
        (
            "admit-hospital",
            Action::AdmitHospital(Box::new(hospital_card)),
        ),
        ("publish-epoch", epoch(2, 7)),
        ("register-doctor", Action::RegisterDoctor(new)),
        (
            "reissue-doctor",
            Action::ReissueDoctor(ReissueDoctor {
                doctor,
                abe_key,
                leaf,
            }),
        ),
        (
            "revoke-doctor",
            Action::RevokeDoctor(RevokeDoctor { doctor, reason }),
        ),
        ("register-record", co_sign(&federation, 1, record_terms)),
        ("authorize-all", authorize(1, "south", Scope::All)),
        (
            "authorize-record",
            authorize(1, "south", Scope::Record(record)),
        ),
        ("withdraw-authorization", withdraw(1)),
        ("withdraw-consent", withdraw_consent(1)),
        (
            "post-index",
            Action::PostIndex(PostIndex {
                record,
                to: hospital("south"),
                index,
                filter: None,
            }),
        ),
        (
            "post-trapdoor",
            Action::PostTrapdoor(PostTrapdoor {
                hospital: hospital("north"),
                trapdoor,
                expiry: time(5),
                filter: None,
            }),
        ),
        (
            "post-index-filtered",
            Action::PostIndex(PostIndex {
                record,
                to: hospital("south"),
                index: bytes(&[0x1d; 20]),
                filter: Some(vec![0x5c; 20].try_into().unwrap()),
            }),
        ),
        (
            "post-trapdoor-filtered",
            Action::PostTrapdoor(PostTrapdoor {
                hospital: hospital("north"),
                trapdoor: bytes(&[0x7d; 20]),
                expiry: time(5),
                filter: Some(vec![0x5c; 20].try_into().unwrap()),
            }),
        ),
        ("withdraw-trapdoor", Action::WithdrawTrapdoor),
        (
            "post-match",
            Action::PostMatch(PostMatch {
                record,
                doctor,
                authorization: Some(authorization_id(1)),
                proof: vec![0x3f; 20].try_into().unwrap(),
            }),
        ),
        (
            "post-match-own",
            Action::PostMatch(PostMatch {
                record,
                doctor,
                authorization: None,
                proof: vec![0x3f; 20].try_into().unwrap(),
            }),
        ),
        (
            "decline",
            Action::Decline(Decline {
                record,
                doctor,
                reason: DeclineReason::CannotOpen,
            }),
        ),
        ("access", Action::Access(Access { record, doctor })),
        ("report", report(1)),
        (
            "acknowledge",
            Action::Acknowledge(Box::new(decrypted.clone())),
        ),
        ("dispute", Action::Dispute(Box::new(dispute))),
        ("propose-validator-change", propose(join("east"))),
        ("approve-validator-change", approve(leave("west"), 7)),
        (
            "update-card",
            update(UpdateCard {
                listen: Some("/ip4/127.0.0.1/tcp/4002".parse().unwrap()),
                url: Some("https://elsewhere.example".parse().unwrap()),
                tls_pin: Some(digest("another")),
                ..rotated(&federation, "north", Some("one"), Some("two"))
            }),
        ),
        ("challenge", Action::Challenge(Challenge { record, doctor })),
        (
            "answer-challenge",
            Action::AnswerChallenge(AnswerChallenge {
                record,
                doctor,
                proof: vec![0x3f; 20].try_into().unwrap(),
            }),
        ),
        (
            "complain-transform",
            Action::ComplainTransform(ComplainTransform {
                record,
                complaint: vec![0xc0; 20].try_into().unwrap(),
            }),
        ),
        (
            "complain",
            Action::Complain(Box::new(Complain {
                decrypted,
                reason: ComplaintReason::Incorrect,
            })),
        ),
    ];
    let sign = |(name, action)| {
        let (nonce, expires) = (Nonce::new(42), Height::new(99));
        let tx = Transaction {
            federation,
            sender: public("north"),
            nonce,
            expires,
            action,
        };
        (name, tx.sign(&key("north")))
    };
    actions.into_iter().map(sign).collect()
}

/// `CONSILIUM_WRITE_VECTORS=1` writes them anew, for a new encoding version only.
#[test]
fn every_action_has_its_frozen_bytes() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/vectors/transactions-v1.txt"
    );
    let lines: Vec<String> = transactions()
        .iter()
        .map(|(name, signed)| {
            format!(
                "{name} {} {}",
                signed.hash(),
                hex::encode(signed.to_canonical_bytes())
            )
        })
        .collect();
    if std::env::var_os("CONSILIUM_WRITE_VECTORS").is_some() {
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    }
    let frozen = std::fs::read_to_string(path).unwrap();
    assert_eq!(frozen.lines().collect::<Vec<_>>(), lines);
}

#[test]
fn every_action_round_trips_and_refuses_trailing_bytes_truncation_and_other_versions() {
    for (name, signed) in transactions() {
        let bytes = signed.to_canonical_bytes();
        assert_eq!(
            SignedTransaction::from_bytes(&bytes).unwrap(),
            signed,
            "{name}"
        );
        assert!(
            SignedTransaction::from_bytes(&[&bytes[..], &[0]].concat()).is_err(),
            "{name}"
        );
        for end in 0..bytes.len() {
            assert!(
                SignedTransaction::from_bytes(&bytes[..end]).is_err(),
                "{name} at {end}"
            );
        }
        let other = [&[2], &bytes[1..]].concat();
        let version = DecodeError::Version { found: 2 };
        assert_eq!(
            SignedTransaction::from_bytes(&other),
            Err(version),
            "{name}"
        );
    }
}

/// Whatever still decodes after one byte was changed encodes to exactly the changed bytes, and does
/// not verify.
#[test]
fn every_encoding_is_the_only_one_of_its_value() {
    for (name, signed) in transactions() {
        let bytes = signed.to_canonical_bytes();
        let federation = signed.transaction().federation;
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            if let Ok(decoded) = SignedTransaction::from_bytes(&changed) {
                assert_eq!(decoded.to_canonical_bytes(), changed, "{name} at {at}");
                assert!(decoded.verify(&federation).is_err(), "{name} at {at}");
            }
        }
    }
}

#[test]
fn lengths_are_refused_before_allocation_and_sets_must_increase() {
    let huge = [&[ENCODING_VERSION], &u32::MAX.to_le_bytes()[..]].concat();
    assert!(matches!(
        IndexBytes::from_canonical_bytes(&huge),
        Err(DecodeError::Malformed(_))
    ));
    assert!(DisplayName::from_canonical_bytes(&huge).is_err());
    assert!(OrderedSet::<u64, 4>::from_canonical_bytes(&huge).is_err());
    let set = OrderedSet::<u8, 4>::collect([3, 1, 3]).unwrap();
    assert_eq!(set.to_canonical_bytes(), [1, 2, 0, 0, 0, 1, 3]);
    for unordered in [[1, 2, 0, 0, 0, 3, 1], [1, 2, 0, 0, 0, 3, 3]] {
        assert!(OrderedSet::<u8, 4>::from_canonical_bytes(&unordered).is_err());
    }
    let long = vec![0; MAX_TRANSACTION_BYTES + 1];
    assert!(matches!(
        SignedTransaction::from_bytes(&long),
        Err(DecodeError::TooLong { .. })
    ));
}

#[test]
fn names_and_identifiers_are_checked() {
    for bad in [
        "",
        "-a",
        "a-",
        "A",
        "st mary",
        "st/mary",
        "ä",
        &"a".repeat(65),
    ] {
        assert!(bad.parse::<HospitalId>().is_err(), "{bad}");
    }
    assert_eq!(
        "st-mary-2".parse::<HospitalId>().unwrap().as_str(),
        "st-mary-2"
    );
    assert!("a\nb".parse::<DisplayName>().is_err());
    let id = record_id(0xab);
    assert_eq!(id.to_string().parse::<RecordId>().unwrap(), id);
    assert!(id.to_string().to_uppercase().parse::<RecordId>().is_err());
}

#[test]
fn rejections_travel() {
    let rejection = Rejection::UnknownSender {
        sender: public("ada").into(),
    };
    let bytes = rejection.to_canonical_bytes();
    assert_eq!(Rejection::from_canonical_bytes(&bytes).unwrap(), rejection);
    assert_eq!(rejection.code(), "unknown-sender");
}
