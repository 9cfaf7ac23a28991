//! The key service from outside: what it does, and what it refuses.

use crate::common::*;
use consilium_client::api::kgc::*;
use consilium_client::api::terms::RevocationReason;
use consilium_client::wire::Text;
use consilium_contracts::{Canonical as _, View};
use consilium_schemes::tokens::{Blinding, EvaluatedBatch, IndexSize, PublicKey};

fn revocation(doctor: &Doctor, now: bool) -> RevocationRequest {
    RevocationRequest {
        doctor: Text(doctor.id),
        reason: RevocationReason::Departed,
        now,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_is_enrolled_issued_reissued_and_revoked() {
    let federation = Federation::new().await;
    let kgc = federation.kgc().await;
    epoch_reached(&kgc, 1).await;
    let admin = kgc.client(Some(&federation.admin));
    let (ada, ben) = (Doctor::new(&federation.id), Doctor::new(&federation.id));
    let policy = "role:cardiologist and hospital:north";
    let attributes = "role:cardiologist, hospital:north";

    // Each at the same moment: leaves are given one after the other.
    for doctor in [&ada, &ben] {
        let given = "hospital:north\nrole:cardiologist # both";
        let enrolled = federation
            .enrol(&kgc, &federation.north, doctor, given)
            .await
            .unwrap();
        assert_eq!(enrolled.state, EnrolmentState::AwaitsIssue);
        assert_eq!(enrolled.leaf, None);
    }
    let listed = admin.enrolments().await.unwrap().enrolments;
    let shown = listed
        .iter()
        .map(|one| one.attributes.clone())
        .collect::<Vec<_>>();
    assert_eq!(shown.len(), 2);
    assert_eq!(admin.status().await.unwrap().pending, 2);
    refused(
        federation
            .key(&kgc, &federation.north, &ada)
            .await
            .map(|_| ()),
        404,
        "not-found",
    );
    let (first, second) = tokio::join!(
        federation.issue(&kgc, &ada, attributes),
        federation.issue(&kgc, &ben, attributes),
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(
        std::collections::BTreeSet::from([first.leaf, second.leaf]),
        std::collections::BTreeSet::from([0, 1])
    );
    let again = federation.issue(&kgc, &ada, attributes).await.unwrap();
    assert_eq!(
        (again.leaf, &again.registration),
        (first.leaf, &first.registration)
    );

    let update = federation.update_key(&kgc, 1).await;
    let key = federation.key(&kgc, &federation.north, &ada).await.unwrap();
    assert!(federation.opens(&ada, &key, &update, policy));
    assert!(
        !federation.opens(&ben, &key, &update, policy),
        "ada's key needs ada's beta"
    );
    assert!(!federation.opens(&ada, &key, &update, "role:surgeon"));
    // Only the doctor's hospital gets it, and the same bytes each time.
    refused(
        federation
            .key(&kgc, &federation.south, &ada)
            .await
            .map(|_| ()),
        404,
        "not-found",
    );
    let north = kgc.client(Some(&federation.north.signing));
    let one = north.attribute_key(&ada.id).await.unwrap();
    assert_eq!(
        one.ciphertext,
        north.attribute_key(&ada.id).await.unwrap().ciphertext
    );

    // New attributes: a new leaf, and an epoch that excludes the old one.
    federation
        .enrol(&kgc, &federation.north, &ada, "role:surgeon")
        .await
        .unwrap();
    refused(
        federation.issue(&kgc, &ada, attributes).await,
        409,
        "attributes-changed",
    );
    let reissued = federation.issue(&kgc, &ada, "role:surgeon").await.unwrap();
    assert_eq!(reissued.leaf, 2);
    let update = federation.update_key(&kgc, 2).await;
    let new_key = federation.key(&kgc, &federation.north, &ada).await.unwrap();
    assert!(federation.opens(&ada, &new_key, &update, "role:surgeon"));
    assert!(
        !federation.opens(&ada, &key, &update, policy),
        "the old leaf is excluded"
    );

    // Revoked, and the cryptography takes it at once.
    let revoked = admin.revoke(&revocation(&ben, true)).await.unwrap();
    assert_eq!(revoked.epoch.unwrap().epoch, 3);
    refused(
        admin.revoke(&revocation(&ben, false)).await,
        422,
        "transaction-rejected",
    );
    refused(
        federation
            .key(&kgc, &federation.north, &ben)
            .await
            .map(|_| ()),
        409,
        "revoked",
    );
    refused(
        federation
            .enrol(&kgc, &federation.north, &ben, attributes)
            .await,
        409,
        "revoked",
    );
    refused(
        federation.issue(&kgc, &ben, attributes).await,
        409,
        "revoked",
    );

    // Epochs count up by one.
    refused(
        admin.publish_epoch(&PublishEpochRequest { epoch: 3 }).await,
        409,
        "wrong-epoch",
    );
    refused(
        admin.publish_epoch(&PublishEpochRequest { epoch: 5 }).await,
        409,
        "wrong-epoch",
    );
    let published = admin
        .publish_epoch(&PublishEpochRequest { epoch: 4 })
        .await
        .unwrap();
    assert_eq!(published.epoch, 4);

    for (action, allowed, refused) in [
        ("issue-attribute-key", 4, 2),
        ("enrol", 3, 1),
        ("revoke", 1, 1),
        ("publish-epoch", 2, 2),
    ] {
        let found = (
            federation.audited(action, "allowed"),
            federation.audited(action, "refused"),
        );
        assert_eq!(
            found,
            (allowed, refused),
            "{action}: {:#?}",
            federation.audit()
        );
    }
    kgc.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_that_breaks_a_rule_is_refused_and_nothing_is_stored() {
    let federation = Federation::new().await;
    let kgc = federation.kgc().await;
    let (north, south) = (&federation.north, &federation.south);
    let client = kgc.client(Some(&north.signing));
    let doctor = Doctor::new(&federation.id);
    let nonce = federation.nonce(&client, &doctor).await;
    let good = doctor.request(&federation.id, north, &nonce, "icu");

    let other = south.card.id.clone();
    let mut changed = good.clone();
    changed.hospital = Text(other);
    refused(
        client.enrol(&signed(changed, &federation.id, south)).await,
        403,
        "forbidden",
    );
    let mut changed = good.clone();
    changed.attributes = "icu, role:head".to_owned();
    refused(client.enrol(&changed).await, 403, "forbidden");
    let theirs = doctor.request(&federation.id, north, &nonce, "icu, hospital:south");
    refused(client.enrol(&theirs).await, 400, "malformed-body");
    let unreadable = doctor.request(&federation.id, north, &nonce, "icu and er");
    refused(client.enrol(&unreadable).await, 400, "malformed-body");

    // Another doctor's pseudonym; a proof by another beta; a proof under another nonce.
    let ben = Doctor::new(&federation.id);
    let mut changed = good.clone();
    changed.doctor = Text(ben.id);
    refused(
        client.enrol(&signed(changed, &federation.id, north)).await,
        400,
        "malformed-body",
    );
    let mut changed = good.clone();
    changed.abe_public_key = ben.pk.to_bytes().into();
    refused(
        client.enrol(&signed(changed, &federation.id, north)).await,
        400,
        "malformed-body",
    );
    let second = federation.nonce(&client, &doctor).await;
    let mut changed = good.clone();
    changed.nonce = second.into();
    refused(
        client.enrol(&signed(changed, &federation.id, north)).await,
        400,
        "malformed-body",
    );
    let mut changed = good.clone();
    changed.proof = vec![0; 100].into();
    refused(
        client.enrol(&signed(changed, &federation.id, north)).await,
        400,
        "malformed-body",
    );

    // A nonce nobody gave; one for another doctor; one for another hospital.
    let made_up = doctor.request(&federation.id, north, &[7; 32], "icu");
    refused(client.enrol(&made_up).await, 409, "stale-nonce");
    let bens = federation.nonce(&client, &ben).await;
    let swapped = doctor.request(&federation.id, north, &bens, "icu");
    refused(client.enrol(&swapped).await, 409, "stale-nonce");
    let souths = federation
        .nonce(&kgc.client(Some(&south.signing)), &doctor)
        .await;
    let swapped = doctor.request(&federation.id, north, &souths, "icu");
    refused(client.enrol(&swapped).await, 409, "stale-nonce");

    assert!(
        client.enrolments().await.unwrap().enrolments.is_empty(),
        "nothing was stored"
    );
    client.enrol(&good).await.unwrap();
    refused(client.enrol(&good).await, 409, "stale-nonce");

    // Who may not.
    let stranger = kgc.client(Some(&doctor.signing));
    let ask = ProofNonceRequest {
        doctor: Text(doctor.id),
    };
    refused(stranger.proof_nonce(&ask).await, 403, "scope-refused");
    refused(
        kgc.client(Some(&federation.admin)).proof_nonce(&ask).await,
        403,
        "forbidden",
    );
    refused(
        client
            .issue(
                &doctor.id,
                &IssueRequest {
                    attributes: "icu".into(),
                },
            )
            .await,
        403,
        "forbidden",
    );
    refused(
        client.revoke(&revocation(&doctor, true)).await,
        403,
        "forbidden",
    );
    refused(
        client
            .publish_epoch(&PublishEpochRequest { epoch: 2 })
            .await,
        403,
        "forbidden",
    );
    refused(
        client.unseal(&unseal_request(PASSPHRASE)).await,
        403,
        "forbidden",
    );
    let listed = kgc.client(Some(&south.signing)).enrolments().await.unwrap();
    assert!(listed.enrolments.is_empty(), "a hospital sees its own only");

    // Refused by the administrator, and enrolled again.
    let admin = kgc.client(Some(&federation.admin));
    refused(federation.issue(&kgc, &ben, "icu").await, 404, "not-found");
    admin.refuse_enrolment(&doctor.id).await.unwrap();
    refused(
        federation.issue(&kgc, &doctor, "icu").await,
        409,
        "conflict",
    );
    federation.enrol(&kgc, north, &doctor, "icu").await.unwrap();
    federation.issue(&kgc, &doctor, "icu").await.unwrap();
    refused(admin.refuse_enrolment(&doctor.id).await, 409, "conflict");

    // A hospital that joins later is one at once; a card twice is refused.
    let west = Hospital::new("west");
    let request = AdmitHospitalRequest {
        card: west.card.to_canonical_bytes().into(),
    };
    refused(
        kgc.client(Some(&west.signing)).proof_nonce(&ask).await,
        403,
        "scope-refused",
    );
    admin.admit_hospital(&request).await.unwrap();
    refused(
        admin.admit_hospital(&request).await,
        422,
        "transaction-rejected",
    );
    kgc.client(Some(&west.signing))
        .proof_nonce(&ask)
        .await
        .unwrap();
    let mut false_card = Hospital::new("east").card;
    false_card.matching_keys = west.card.matching_keys.clone();
    let request = AdmitHospitalRequest {
        card: false_card.to_canonical_bytes().into(),
    };
    refused(admin.admit_hospital(&request).await, 400, "malformed-body");
    kgc.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_evaluated_verifiably_and_limited_per_hospital() {
    let federation = Federation::new().await;
    let kgc = federation.kgc().await;
    let client = kgc.client(Some(&federation.north.signing));
    let public = PublicKey::from_bytes(&federation.genesis.genesis().token_key).unwrap();
    let n = IndexSize::new(32).unwrap();
    let keywords: Vec<_> = (0..30)
        .map(|number| format!("http://snomed.info/sct|{number}").parse().unwrap())
        .collect();
    let mut tokens = Vec::new();
    for words in [&keywords[..30], &keywords[..2]] {
        let (blinding, batch) = Blinding::new(words, &mut rand::rng()).unwrap();
        let request = TokenEvaluationRequest {
            blinded: batch.to_bytes().into(),
        };
        let answer = client.evaluate_tokens(&request).await.unwrap();
        let evaluated = EvaluatedBatch::from_bytes(answer.evaluated.as_bytes()).unwrap();
        tokens.push(blinding.finalize(&evaluated, &public, n).unwrap());
    }
    assert_eq!(*tokens[0][1].expose_secret(), *tokens[1][1].expose_secret());
    // 40 at once, and 32 are used.
    let (_, batch) = Blinding::new(&keywords[..9], &mut rand::rng()).unwrap();
    let request = TokenEvaluationRequest {
        blinded: batch.to_bytes().into(),
    };
    refused(client.evaluate_tokens(&request).await, 429, "rate-limited");
    let south = kgc.client(Some(&federation.south.signing));
    south
        .evaluate_tokens(&request)
        .await
        .expect("another hospital has its own bucket");
    let broken = TokenEvaluationRequest {
        blinded: vec![0; 50].into(),
    };
    refused(client.evaluate_tokens(&broken).await, 400, "malformed-body");
    assert_eq!(federation.audited("evaluate-tokens", "allowed"), 3);
    assert_eq!(federation.audited("evaluate-tokens", "refused"), 2);
    kgc.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_it_answers_what_needs_no_key_and_refuses_the_rest() {
    let federation = Federation::new().await;
    let kgc = RunningKgc::start(&federation.home, None).await;
    let admin = kgc.client(Some(&federation.admin));
    let north = kgc.client(Some(&federation.north.signing));
    let doctor = Doctor::new(&federation.id);

    assert!(admin.status().await.unwrap().sealed);
    admin.health().await.unwrap();
    admin.ledger_status().await.unwrap();
    federation
        .enrol(&kgc, &federation.north, &doctor, "icu")
        .await
        .expect("needs no secret");
    refused(federation.issue(&kgc, &doctor, "icu").await, 503, "sealed");
    refused(
        admin.revoke(&revocation(&doctor, true)).await,
        503,
        "sealed",
    );
    refused(
        admin.publish_epoch(&PublishEpochRequest { epoch: 1 }).await,
        503,
        "sealed",
    );
    let (_, batch) = Blinding::new(&["s|1".parse().unwrap()], &mut rand::rng()).unwrap();
    let request = TokenEvaluationRequest {
        blinded: batch.to_bytes().into(),
    };
    refused(north.evaluate_tokens(&request).await, 503, "sealed");
    let card = Hospital::new("west").card.to_canonical_bytes();
    let admit = AdmitHospitalRequest { card: card.into() };
    refused(admin.admit_hospital(&admit).await, 503, "sealed");

    refused(
        admin.unseal(&unseal_request("wrong")).await,
        403,
        "wrong-passphrase",
    );
    refused(
        admin.unseal(&unseal_request("")).await,
        400,
        "malformed-body",
    );
    assert!(admin.status().await.unwrap().sealed);
    assert!(
        !admin
            .unseal(&unseal_request(PASSPHRASE))
            .await
            .unwrap()
            .sealed
    );
    refused(
        admin.unseal(&unseal_request("wrong")).await,
        429,
        "rate-limited",
    );
    assert_eq!(federation.audited("unseal", "allowed"), 1);
    assert_eq!(federation.audited("unseal", "refused"), 3);

    // Open for the first time: the first epoch comes by itself.
    epoch_reached(&kgc, 1).await;
    federation.issue(&kgc, &doctor, "icu").await.unwrap();
    assert_eq!(
        View::new(kgc.node.state())
            .current_epoch()
            .unwrap()
            .epoch
            .number(),
        1
    );
    kgc.stop().await;
}
