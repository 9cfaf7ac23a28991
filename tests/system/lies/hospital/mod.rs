//! The hospital south, consulted by north, lies. Its own gateway is down: the program in its place holds its keys, knows x and y, and
//! talks to north's gateway, or to west's, which follows the ledger and does not vote.

mod answers;
mod indexes;
mod matches;

use consilium_client::api::gateway::{AuthorizationRequest, AuthorizationScope};
use consilium_client::api::terms::PurposeOfUse;
use consilium_client::device::patient;
use consilium_client::wire::{PublicKey, Text};
use consilium_contracts::{
    Action, AuthorizationId, DoctorId, HospitalId, PostMatch, ProofBytes, RecordId, Rejection, Role,
};
use consilium_schemes::match_proof::MatchProof;
use consilium_schemes::matching::posting::{PostedIndex, PostedTrapdoor};
use consilium_schemes::matching::{EncryptedIndex, HospitalSecretKeys, IndexSize};

use super::forge::Case;
use super::ledger::Seen;
use super::program::{Program, Site, quiet_federation};
use crate::faults::devices::{Patient, later};
use crate::faults::process::wait;
use crate::faults::world::{World, now_s};

const KEYWORD: &str = "icd-10|e11";
const OTHER: &str = "icd-10|i10";

/// North's two records, indexed to south; south's doctors, one with another interest; what south knows.
struct Scene {
    world: World,
    north: Site,
    south: Site,
    west: Site,
    program: Program,
    secret: HospitalSecretKeys,
    seen: Seen,
    records: [RecordId; 2],
    /// Two whose interest both records have, one whose interest none has.
    doctors: [DoctorId; 3],
    /// One of north's.
    elsewhere: DoctorId,
    authorization: AuthorizationId,
    withdrawn: AuthorizationId,
}

impl Scene {
    async fn new() -> Self {
        let mut world = quiet_federation(&["south", "west"]).await;
        let [north, south, west] = ["north", "south", "west"].map(|id| Site::of(&world, id));
        let mut doctors = Vec::new();
        for keyword in [KEYWORD, KEYWORD, OTHER] {
            let keys = south.doctor(&world).await;
            doctors.push(south.interested(&world, &keys, keyword).await);
        }
        let elsewhere = north.doctor(&world).await.id(&world.federation);
        let withdrawn = authorize(&north, &south).await;
        let ended = north.operator().withdraw_authorization(&withdrawn).await;
        ended.unwrap();
        let authorization = authorize(&north, &south).await;
        // From here on the program is south's gateway.
        world.others[0].kill();
        let patient = Patient::new(&world).await;
        let mut records = Vec::new();
        for _ in 0..2 {
            let to = [south.card.id.clone(), west.card.id.clone()];
            let purposes = [consilium_contracts::PurposeOfUse::Treatment];
            let consent = patient::consent(to, purposes, later()).unwrap();
            let sealed = patient.seal_for(&world, 10, consent).await;
            patient.submit(&sealed).await.unwrap();
            records.push(sealed.record());
        }
        let (signing, secret) = south.secrets();
        let (federation, gateway) = (world.federation.id(), north.operator());
        let of = [&north, &south].map(|site| site.card.id.clone());
        let seen = wait("the indexes", async || {
            let seen = Seen::through(&gateway, &federation).await;
            let posted = |record: &RecordId, to: &HospitalId| {
                seen.indexes.contains_key(&(*record, to.clone()))
            };
            let all = |record| of.iter().all(|to| posted(record, to));
            records.iter().all(all).then_some(seen)
        })
        .await;
        Self {
            program: Program::new(&world, north.client(Some(&signing)), &signing).await,
            secret,
            seen,
            records: records.try_into().unwrap(),
            doctors: doctors.try_into().unwrap(),
            elsewhere,
            authorization,
            withdrawn,
            world,
            north,
            south,
            west,
        }
    }

    fn n(&self) -> IndexSize {
        self.world.federation.index_size()
    }

    fn index(&self, record: &RecordId, to: &Site) -> EncryptedIndex {
        let posted = &self.seen.indexes[&(*record, to.card.id.clone())];
        let posted = PostedIndex::from_bytes(posted.as_bytes(), self.n()).unwrap();
        posted.index().clone()
    }

    /// The truth about a record and a doctor, as the ledger has it.
    fn case(&self, record: &RecordId, doctor: &DoctorId) -> Case {
        let trapdoor = self.seen.trapdoors[doctor].as_bytes();
        let trapdoor = PostedTrapdoor::from_bytes(trapdoor, self.n()).unwrap();
        Case {
            federation: self.program.federation,
            terms: self.seen.terms[record].clone(),
            doctor: *doctor,
            hospital: self.south.card.id.clone(),
            authorization: Some(self.authorization),
            expires: self.program.expires,
            index: self.index(record, &self.south),
            trapdoor: trapdoor.trapdoor().clone(),
        }
    }

    fn matched(&self, record: &RecordId, doctor: &DoctorId, proof: ProofBytes) -> PostMatch {
        PostMatch {
            record: *record,
            doctor: *doctor,
            authorization: Some(self.authorization),
            proof,
        }
    }
}

async fn authorize(from: &Site, to: &Site) -> AuthorizationId {
    let request = AuthorizationRequest {
        to: Text(to.card.id.clone()),
        scope: AuthorizationScope::All,
        purpose: PurposeOfUse::Treatment,
        expires_ms: (now_s() + 24 * 3600) * 1000,
    };
    let given = from.operator().authorize(&request).await.unwrap();
    given.authorization.0
}

const fn forbidden(needed: Role) -> Rejection {
    Rejection::Forbidden { needed }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospitals_lies_are_refused_each_for_its_reason() {
    let scene = Scene::new().await;
    matches::false_matches(&scene).await;
    matches::denials(&scene).await;
    answers::false_answers(&scene).await;
    matches::proofs_of_something_else(&scene).await;
    matches::what_the_match_rests_on(&scene).await;
    matches::in_another_name(&scene).await;
    indexes::records_and_indexes(&scene).await;
    seen_by_honest_hospitals(&scene).await;
    truth(&scene).await;
}

/// Told to a gateway that does not vote, a lie reaches the validator as another node forwards it; the validator's gateway has a line that
/// names the liar.
async fn seen_by_honest_hospitals(scene: &Scene) {
    let (record, doctor) = (scene.records[1], scene.doctors[2]);
    let proof = scene.case(&record, &doctor).claimed(&scene.secret);
    let action = Action::PostMatch(scene.matched(&record, &doctor, proof));
    let why = Rejection::MatchNotProven { record, doctor };
    let lines = |site: &Site| site.audit("refuse-proof");
    let before = lines(&scene.north);
    let west = scene.program.through(&scene.west);
    west.level_with(&scene.program).await;
    west.refused("a false match, through west", action, &why)
        .await;
    let line = wait("the line", async || {
        let now = lines(&scene.north);
        (now.len() > before.len()).then(|| now[before.len()].clone())
    })
    .await;
    let (signing, _) = scene.south.secrets();
    let liar = PublicKey::from(signing.verifying_key()).to_string();
    assert_eq!(line, (liar.clone(), format!("hospital south: {why}")));
    // Those that were told to north itself have theirs.
    let direct = Rejection::MatchNotProven {
        record: scene.records[0],
        doctor,
    };
    assert!(before.contains(&(liar, format!("hospital south: {direct}"))));
}

/// The prover that claims whatever it likes is right where it is true, and so is the honest one; once each.
async fn truth(scene: &Scene) {
    let (record, [one, other, _]) = (scene.records[0], scene.doctors);
    let by_hand = scene.case(&record, &one).claimed(&scene.secret);
    assert_eq!(by_hand.as_bytes().len(), MatchProof::MATCH);
    let by_hand = scene.matched(&record, &one, by_hand);
    let honest = scene.case(&record, &other).proven(&scene.secret);
    let honest = scene.matched(&record, &other, honest);
    for (truth, action) in [("by hand", &by_hand), ("by the library", &honest)] {
        let action = Action::PostMatch(action.clone());
        scene.program.taken(truth, action).await;
    }
    let why = Rejection::AlreadyMatched {
        record,
        doctor: one,
    };
    let again = Action::PostMatch(by_hand);
    scene.program.refused("a match twice", again, &why).await;
}
