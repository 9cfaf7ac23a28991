//! A doctor of north with an attribute key lies about her interests. Her colleague's trapdoor is on the ledger.

use consilium_contracts::{
    Action, Decline, DeclineReason, Digest, DoctorId, FederationId, PostIndex, PostMatch,
    PostTrapdoor, RecordId, Rejection, Report, Role, TrapdoorBytes, trapdoor_context,
};
use consilium_schemes::curve::Scalar;
use consilium_schemes::matching::HospitalSecretKeys;
use consilium_schemes::matching::posting::{PostedTrapdoor, PostingContext, post_trapdoor};
use consilium_schemes::tokens::{IndexSize, KeywordToken};

use super::forge::{self, FRAME, SIZE_G2, opened, product, rerandomised};
use super::ledger::Seen;
use super::points::{malformed, replaced};
use super::program::{Program, Site, quiet_federation};
use crate::faults::devices::{later, rng};

struct Scene {
    program: Program,
    north: Site,
    /// Of north: the forger of postings encrypts by hand, and takes b from them. No lie uses x or y.
    keys: HospitalSecretKeys,
    south: HospitalSecretKeys,
    me: DoctorId,
    colleague: DoctorId,
    stolen: TrapdoorBytes,
    n: IndexSize,
}

fn tokens(numbers: &[u8]) -> Vec<KeywordToken> {
    let token = |number: &u8| KeywordToken::from_bytes(&[*number; 32]).unwrap();
    numbers.iter().map(token).collect()
}

impl Scene {
    fn context(&self) -> PostingContext<'_> {
        let Program {
            federation,
            expires,
            ..
        } = &self.program;
        trapdoor_context(federation, &self.me, &self.north.card.id, *expires)
    }

    /// By the rules, but for the context and the keys.
    fn posted(
        &self,
        interests: &[u8],
        context: &PostingContext<'_>,
        keys: &HospitalSecretKeys,
    ) -> Vec<u8> {
        let keys = keys.public_keys();
        let posted = post_trapdoor(self.n, &tokens(interests), &keys, context, &mut rng());
        posted.unwrap().to_bytes()
    }

    /// With T_j = g2^{t_j}, where t_j sums weight times root^j.
    fn by_hand(&self, terms: &[(u64, u64)], claimed: usize) -> Vec<u8> {
        let mut powers: Vec<_> = terms
            .iter()
            .map(|(weight, root)| (Scalar::from(*weight), Scalar::from(*root)))
            .collect();
        let mut next = || {
            let sum = powers
                .iter()
                .fold(Scalar::ZERO, |sum, (power, _)| sum + *power);
            powers
                .iter_mut()
                .for_each(|(power, root)| *power = *power * *root);
            sum
        };
        let t: Vec<Scalar> = (0..=self.n.get()).map(|_| next()).collect();
        let keys = self.keys.public_keys();
        forge::trapdoor(&self.context(), &keys, &self.keys, &t, claimed)
    }

    fn post(&self, trapdoor: Vec<u8>) -> Action {
        Action::PostTrapdoor(PostTrapdoor {
            hospital: self.north.card.id.clone(),
            trapdoor: trapdoor.try_into().unwrap(),
            expiry: later(),
            filter: None,
        })
    }

    async fn refused(&self, lie: &str, trapdoor: Vec<u8>, why: &Rejection) {
        self.program.refused(lie, self.post(trapdoor), why).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctors_lies_are_refused_each_for_its_reason() {
    // South is in the federation, but never runs: only its keys matter.
    let world = quiet_federation(&["south"]).await;
    let [north, south] = ["north", "south"].map(|id| Site::of(&world, id));
    let (mine, colleague) = (north.doctor(&world).await, north.doctor(&world).await);
    let colleague = north.interested(&world, &colleague, "icd-10|e11").await;
    let program = Program::new(&world, north.client(Some(mine.signing())), mine.signing()).await;
    let seen = Seen::through(&program.gateway, &program.federation).await;
    let scene = Scene {
        keys: north.secrets().1,
        south: south.secrets().1,
        me: mine.id(&world.federation),
        stolen: seen.trapdoors[&colleague].clone(),
        n: world.federation.index_size(),
        colleague,
        program,
        north,
    };
    malformed_trapdoors(&scene).await;
    stolen_trapdoors(&scene).await;
    trapdoors_for_something_else(&scene).await;
    false_numbers(&scene).await;
    what_others_do(&scene, south).await;
    let honest = scene.posted(&[1, 1, 2], &scene.context(), &scene.keys);
    let counted = PostedTrapdoor::from_bytes(&honest, scene.n).unwrap();
    assert_eq!(counted.claimed_interests(), 2, "duplicates count once");
    let own = scene.post(honest);
    scene.program.taken("her own, by the library", own).await;
    let by_hand = scene.post(scene.by_hand(&[(5, 7), (6, 8)], 1));
    let truth = "two interests, one of them claimed, by hand";
    scene.program.taken(truth, by_hand).await;
}

async fn malformed_trapdoors(scene: &Scene) {
    let honest = scene.posted(&[1], &scene.context(), &scene.keys);
    let half = SIZE_G2 * (usize::from(scene.n.get()) + 1);
    for (what, point) in malformed("G2") {
        for (field, at) in [("D", 0), ("M", half), ("R", 2 * half)] {
            let bad = replaced(&honest, FRAME + at, &point);
            let lie = format!("{field}: {what}");
            scene.refused(&lie, bad, &Rejection::BadTrapdoor).await;
        }
    }
    let identity = [&[0xc0][..], &[0; 95]].concat();
    let all = identity.repeat(2 * half / SIZE_G2);
    let claimed = FRAME + 2 * half + SIZE_G2 + 32;
    for (lie, bad) in [
        ("identities, not encrypted", replaced(&honest, FRAME, &all)),
        ("no interest", replaced(&honest, claimed, &[0, 0])),
        (
            "more interests than can be proven",
            replaced(&honest, claimed, &[0, 6]),
        ),
        ("a byte more", [&honest[..], &[0]].concat()),
        ("cut off", honest[..honest.len() - 1].to_vec()),
    ] {
        scene.refused(lie, bad, &Rejection::BadTrapdoor).await;
    }
}

async fn stolen_trapdoors(scene: &Scene) {
    let why = Rejection::TrapdoorNotProven { doctor: scene.me };
    let (stolen, n) = (scene.stolen.as_bytes(), scene.n.get());
    let own = scene.posted(&[1], &scene.context(), &scene.keys);
    let proofs = FRAME + 2 * SIZE_G2 * (usize::from(n) + 1);
    let moved = rerandomised(stolen, n, opened(&scene.keys).3);
    let under_own = |points: &[u8]| [&points[..proofs], &own[proofs..]].concat();
    for (lie, trapdoor) in [
        ("a colleague's", stolen.to_vec()),
        ("a colleague's, under her own proofs", under_own(stolen)),
        ("a colleague's, re-randomised", moved.clone()),
        ("the same under her own proofs", under_own(&moved)),
        ("a product of both, her proofs", product(&own, stolen, n)),
        ("a product of both, his proofs", product(stolen, &own, n)),
    ] {
        scene.refused(lie, trapdoor, &why).await;
    }
}

async fn trapdoors_for_something_else(scene: &Scene) {
    let (id, expires) = (&scene.north.card.id, scene.program.expires);
    let south = "south".parse().unwrap();
    let (federation, me) = (&scene.program.federation, &scene.me);
    let elsewhere = FederationId::from_bytes([1; 32]);
    for (lie, context, keys) in [
        (
            "made for a colleague",
            trapdoor_context(federation, &scene.colleague, id, expires),
            &scene.keys,
        ),
        (
            "made for another federation",
            trapdoor_context(&elsewhere, me, id, expires),
            &scene.keys,
        ),
        (
            "made for another hospital",
            trapdoor_context(federation, me, &south, expires),
            &scene.keys,
        ),
        (
            "made for another time",
            trapdoor_context(federation, me, id, expires.plus(1)),
            &scene.keys,
        ),
        (
            "to another hospital's keys",
            trapdoor_context(federation, me, id, expires),
            &scene.south,
        ),
    ] {
        let why = Rejection::TrapdoorNotProven { doctor: scene.me };
        let trapdoor = scene.posted(&[1], &context, keys);
        scene.refused(lie, trapdoor, &why).await;
    }
    let small = IndexSize::new(4).unwrap();
    let keys = scene.keys.public_keys();
    let small = post_trapdoor(small, &tokens(&[1]), &keys, &scene.context(), &mut rng());
    let why = Rejection::WrongSize { n: scene.n.get() };
    scene
        .refused("of another n", small.unwrap().to_bytes(), &why)
        .await;
}

async fn false_numbers(scene: &Scene) {
    let claims = |claimed| Rejection::InterestsNotProven {
        doctor: scene.me,
        claimed,
    };
    for (lie, terms, claimed) in [
        ("identities, encrypted", &[(0, 7)][..], 1),
        ("a duplicate counted twice", &[(5, 7), (6, 7)], 2),
        ("an interest without weight", &[(5, 7), (0, 8)], 2),
        ("one more than there are", &[(5, 7), (6, 8)], 3),
    ] {
        let why = claims(u16::try_from(claimed).unwrap());
        let trapdoor = scene.by_hand(terms, claimed);
        scene.refused(lie, trapdoor, &why).await;
    }
    // The points and randomness of one, the proof of three.
    let [one, three] =
        [&[1][..], &[1, 2, 3]].map(|of| scene.posted(of, &scene.context(), &scene.keys));
    let rank = PostedTrapdoor::length(scene.n, 0) - 2 - 32;
    let more = [&one[..rank], &three[rank..]].concat();
    scene
        .refused("one's points, three's proof", more, &claims(3))
        .await;
}

/// What is other parties' to do.
async fn what_others_do(scene: &Scene, south: Site) {
    let (record, doctor) = (RecordId::from_bytes([4; 32]), scene.me);
    let unknown = Rejection::UnknownRecord { record };
    let honest = scene.posted(&[1], &scene.context(), &scene.keys);
    let to_south = Action::PostTrapdoor(PostTrapdoor {
        hospital: south.card.id.clone(),
        trapdoor: honest.try_into().unwrap(),
        expiry: later(),
        filter: None,
    });
    let lies = [
        (
            "interests at another hospital",
            to_south,
            Rejection::WrongHospital {
                given: south.card.id.clone(),
                expected: scene.north.card.id.clone(),
            },
        ),
        (
            "a report on a record that is not",
            Action::Report(Report {
                record,
                digest: Digest::of(b"report"),
            }),
            unknown.clone(),
        ),
        (
            "a case that is not, declined",
            Action::Decline(Decline {
                record,
                doctor,
                reason: DeclineReason::Other,
            }),
            unknown.clone(),
        ),
        (
            "a match, with a proof that is none",
            Action::PostMatch(PostMatch {
                record,
                doctor,
                authorization: None,
                proof: vec![1; 134].try_into().unwrap(),
            }),
            Rejection::BadProof,
        ),
        (
            "an index, with a trapdoor's bytes",
            Action::PostIndex(PostIndex {
                record,
                to: south.card.id,
                index: scene.stolen.as_bytes().to_vec().try_into().unwrap(),
                filter: None,
            }),
            Rejection::BadIndex,
        ),
        (
            "an epoch",
            Action::PublishEpoch(consilium_contracts::PublishEpoch {
                epoch: consilium_contracts::Epoch::new(2),
                update_key: Digest::of(b"key"),
                as_of: consilium_contracts::Height::new(1),
            }),
            Rejection::Forbidden { needed: Role::Kgc },
        ),
    ];
    for (lie, action, why) in lies {
        scene.program.refused(lie, action, &why).await;
    }
}
