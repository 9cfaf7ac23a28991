//! Records and indexes of its own, and of others.

use consilium_contracts::{
    Action, Digest, Epoch, FederationId, HospitalId, PostIndex, RecordId, RecordTerms,
    RegisterRecord, Rejection, Role, SigningKey, index_context,
};
use consilium_schemes::curve::{G1, Scalar};
use consilium_schemes::matching::{HospitalKeys, Index, IndexSize, index_build};
use consilium_schemes::tokens::KeywordToken;

use super::super::forge::{FRAME, SIZE_G1, opened};
use super::super::points::{malformed, replaced};
use super::super::program::Site;
use super::{Scene, forbidden};
use crate::faults::devices::rng;

/// A record of south's own, registered without any device, and its index.
struct OwnRecord<'a> {
    scene: &'a Scene,
    terms: RecordTerms,
    key: SigningKey,
    index: Index,
}

impl<'a> OwnRecord<'a> {
    fn new(scene: &'a Scene) -> Self {
        let (key, of) = (SigningKey::generate(&mut rng()), &scene.records[0]);
        let token = KeywordToken::from_bytes(&[7; 32]).unwrap();
        Self {
            terms: RecordTerms {
                record: RecordId::from_bytes(rand::random()),
                owner: scene.south.card.id.clone(),
                record_key: key.verifying_key(),
                ctsym: Digest::of(b"anything"),
                ..scene.seen.terms[of].clone()
            },
            key,
            index: index_build(scene.n(), &[token], &mut rng()).unwrap(),
            scene,
        }
    }

    fn registered(&self, change: impl FnOnce(&mut RecordTerms), by: &SigningKey) -> Action {
        let mut terms = self.terms.clone();
        change(&mut terms);
        let signed: RegisterRecord = terms.co_sign(&self.scene.program.federation, by);
        Action::RegisterRecord(Box::new(signed))
    }

    /// The index, posted to south under these keys as that of these terms.
    fn posted(&self, terms: &RecordTerms, to: &HospitalId, keys: &HospitalKeys) -> Vec<u8> {
        let (program, expires) = (&self.scene.program, self.scene.program.expires);
        let context = index_context(&program.federation, terms, to, expires);
        self.index.post(keys, &context, &mut rng()).to_bytes()
    }

    fn post(&self, to: &Site, index: Vec<u8>) -> Action {
        Action::PostIndex(PostIndex {
            record: self.terms.record,
            to: to.card.id.clone(),
            index: index.try_into().unwrap(),
            filter: None,
        })
    }
}

pub(super) async fn records_and_indexes(scene: &Scene) {
    let own = OwnRecord::new(scene);
    let program = &scene.program;
    let (record, owner) = (own.terms.record, own.terms.owner.clone());
    let another = SigningKey::generate(&mut rng());
    let first = &scene.seen.terms[&scene.records[0]];
    let stale = Rejection::StaleEpoch {
        given: Epoch::new(9),
        current: first.epoch,
    };
    let lies = [
        (
            "a record that another key co-signed",
            own.registered(|_| {}, &another),
            Rejection::BadCoSignature { record },
        ),
        (
            "another hospital's record",
            own.registered(|terms| terms.owner = scene.north.card.id.clone(), &own.key),
            forbidden(Role::OwnerHospital),
        ),
        (
            "a record under another's id",
            own.registered(|terms| terms.record = first.record, &own.key),
            Rejection::RecordExists {
                record: first.record,
            },
        ),
        (
            "a record of an epoch that is not",
            own.registered(|terms| terms.epoch = Epoch::new(9), &own.key),
            stale,
        ),
    ];
    for (lie, action, why) in lies {
        program.refused(lie, action, &why).await;
    }
    let honest = own.registered(|_| {}, &own.key);
    program.taken("a record", honest).await;

    for (lie, action, why) in false_indexes(&own) {
        program.refused(&lie, action, &why).await;
    }
    let keys = scene.secret.public_keys();
    let honest = own.posted(&own.terms, &owner, &keys);
    let truth = own.post(&scene.south, honest.clone());
    program.taken("an index", truth.clone()).await;
    let hospital = owner;
    let twice = Rejection::IndexExists { record, hospital };
    program.refused("it again", truth, &twice).await;
}

fn false_indexes(own: &OwnRecord<'_>) -> Vec<(String, Action, Rejection)> {
    let scene = own.scene;
    let (record, hospital) = (own.terms.record, own.terms.owner.clone());
    let keys = scene.secret.public_keys();
    let honest = own.posted(&own.terms, &hospital, &keys);
    let n = usize::from(scene.n().get());
    let mut lies = Vec::new();
    let mut lie = |lie: String, index: Vec<u8>, why: Rejection| {
        lies.push((lie, own.post(&scene.south, index), why));
    };
    for (what, point) in malformed("G1") {
        for (field, at) in [("U", 0), ("V", n)] {
            let index = replaced(&honest, FRAME + SIZE_G1 * at, &point);
            lie(format!("{field}: {what}"), index, Rejection::BadIndex);
        }
    }
    // V_j = a^{u_j} and V_n = 1: what an index of identities is encrypted to.
    let last = FRAME + SIZE_G1 * 2 * n;
    let mut identities = honest.clone();
    let identity = [&[0xc0][..], &[0; 47]].concat();
    identities[last..last + SIZE_G1].copy_from_slice(&identity);
    lie("of identities".into(), identities, Rejection::BadIndex);
    lie(
        "a byte more".into(),
        [&honest[..], &[0]].concat(),
        Rejection::BadIndex,
    );

    let not_proven = || Rejection::IndexNotProven {
        record,
        hospital: hospital.clone(),
    };
    let stolen = &scene.seen.indexes[&(scene.records[0], hospital.clone())];
    lie("stolen".into(), stolen.as_bytes().to_vec(), not_proven());
    let moved = rerandomised(stolen.as_bytes(), n, opened(&scene.secret).2);
    lie("stolen and re-randomised".into(), moved, not_proven());
    let mut terms = own.terms.clone();
    terms.record = scene.records[0];
    let index = own.posted(&terms, &hospital, &keys);
    lie("made for another record".into(), index, not_proven());
    terms = own.terms.clone();
    terms.epoch = Epoch::new(9);
    let index = own.posted(&terms, &hospital, &keys);
    lie("made for another epoch".into(), index, not_proven());
    let index = own.posted(&own.terms, &scene.west.card.id, &keys);
    lie("made for another hospital".into(), index, not_proven());
    let of_west = scene.west.secrets().1.public_keys();
    let index = own.posted(&own.terms, &hospital, &of_west);
    lie("to another hospital's keys".into(), index, not_proven());
    let expires = scene.program.expires.plus(1);
    let context = index_context(&scene.program.federation, &own.terms, &hospital, expires);
    let index = own.index.post(&keys, &context, &mut rng()).to_bytes();
    lie("with another expiry".into(), index, not_proven());
    let (elsewhere, expires) = (FederationId::from_bytes([1; 32]), scene.program.expires);
    let federated = index_context(&elsewhere, &own.terms, &hospital, expires);
    let index = own.index.post(&keys, &federated, &mut rng()).to_bytes();
    lie("made for another federation".into(), index, not_proven());
    let (small, token) = (
        IndexSize::new(4).unwrap(),
        KeywordToken::from_bytes(&[7; 32]),
    );
    let small = index_build(small, &[token.unwrap()], &mut rng()).unwrap();
    let index = small.post(&keys, &context, &mut rng()).to_bytes();
    let n = scene.n().get();
    lie("of another n".into(), index, Rejection::WrongSize { n });

    let unauthorized = Rejection::NotAuthorized {
        hospital: scene.west.card.id.clone(),
        record,
    };
    let index = own.posted(&own.terms, &scene.west.card.id, &of_west);
    let action = own.post(&scene.west, index);
    lies.push(("to who is not authorized".into(), action, unauthorized));
    let of_north = Action::PostIndex(PostIndex {
        record: scene.records[0],
        to: scene.west.card.id.clone(),
        index: honest.try_into().unwrap(),
        filter: None,
    });
    let why = forbidden(Role::OwnerHospital);
    lies.push(("of another's record".into(), of_north, why));
    lies
}

/// U_0 moved by g1^e, V_0 by a^e.
fn rerandomised(posted: &[u8], n: usize, a: G1) -> Vec<u8> {
    let e = Scalar::random(&mut rng());
    let moved = |at: usize, by: G1| {
        let point = G1::from_bytes(&posted[at..at + SIZE_G1]).unwrap();
        (point + by).to_bytes()
    };
    let v_0 = FRAME + SIZE_G1 * n;
    let of_u = replaced(posted, FRAME, &moved(FRAME, G1::generator() * e));
    replaced(&of_u, v_0, &moved(v_0, a * e))
}
