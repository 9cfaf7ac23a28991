//! A federation with a prefilter: every match is found, others are not even compared, and who lies about what is encrypted hides nothing
//! for good.

use std::fs;

use consilium_client::device::doctor::DoctorKeys;
use consilium_client::http::{ClientSettings, HttpClient};
use consilium_client::keyfile::{KeyPayload, Protection, read_key_file, replace_key_file};
use consilium_contracts::{
    Action, BlockTime, Challenge, ChallengeStatus, Digest, FilterBytes, Height, Nonce, Outcome,
    PostIndex, PostTrapdoor, Prefilter, RecordId, RecordStatus, RecordTerms, Settings, SigningKey,
    Transaction, View, index_context, index_filter_context, trapdoor_context,
};
use consilium_gateway::GatewayKeys;
use consilium_schemes::matching::posting::post_trapdoor;
use consilium_schemes::matching::prefilter::{Bitmap, Buckets, FillKey, FilterContext, Weight};
use consilium_schemes::matching::{ClaimedHospitalKeys, HospitalKeys, index_build};
use consilium_schemes::tokens::KeywordToken;
use consilium_schemes::wrap::PublicKey;
use zeroize::Zeroizing;

use crate::world::*;

const TEXT: &[u8] = b"{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[]}";
pub const PREFILTER: Prefilter = Prefilter {
    bits: 1024,
    weight: 16,
};

pub fn filtered(matching_window_ms: u64) -> Settings {
    Settings {
        prefilter: Some(PREFILTER),
        matching_window_ms,
        ..settings()
    }
}

/// Pairs that a gateway compared since its start.
pub async fn compared(house: &House) -> u64 {
    let anyone = HttpClient::new(house.endpoint(), None, ClientSettings::default()).unwrap();
    let metrics = anyone.get_bytes("/metrics", 1 << 20).await.unwrap();
    let metrics = String::from_utf8(metrics).unwrap();
    let counter = "consilium_gateway_pairs_compared_total ";
    let mut values = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(counter));
    values.next().unwrap().parse().unwrap()
}

/// Nine pairs, of which those match, at both hospitals, whose interests are all among the keywords.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_match_is_found_and_what_shares_too_few_buckets_is_not_compared() {
    let world = World::new(filtered(20_000)).await;
    let (north, south) = (&world.north, &world.south);
    let status = north.operator().ledger_status().await.unwrap();
    let shown = status.prefilter.unwrap();
    assert_eq!((shown.bits, shown.weight), (1024, 16));
    let interests: [&[&str]; 3] = [&["i50"], &["i50", "e11"], &["j45", "n18", "e11"]];
    let mut doctors = Vec::new();
    for (house, interests) in [south, south, north].into_iter().zip(interests) {
        let doctor = doctor(&world, house, "role:cardiologist").await;
        interested(&world, house, &doctor, interests).await;
        doctors.push(doctor.id);
    }
    authorize(north, south).await;
    let patient = patient(north).await;
    let keywords: [&[&str]; 3] = [
        &["i50", "e11", "j45"],
        &["i50", "n18", "c50", "c18", "m16", "k80", "h25", "g20"],
        &["e11", "j45", "n18"],
    ];
    let mut records = Vec::new();
    for keywords in keywords {
        let case = NewRecord {
            policy: "role:cardiologist",
            keywords,
            consent: consent(&[south], 3_600_000),
            text: TEXT,
        };
        records.push(submit(&world, north, &patient, case).await.record);
    }
    let expected: Vec<Vec<bool>> = keywords
        .iter()
        .map(|keywords| {
            let among = |interests: &&[&str]| interests.iter().all(|one| keywords.contains(one));
            interests.iter().map(among).collect()
        })
        .collect();
    let found = || -> Vec<Vec<bool>> {
        let state = north.running().node().state();
        let view = View::new(&state);
        let of = |record| -> Vec<bool> {
            let doctors = doctors.iter();
            doctors
                .map(|doctor| view.matched(record, doctor).is_some())
                .collect()
        };
        records.iter().map(of).collect()
    };
    wait("the matches", async || (found() == expected).then_some(())).await;
    // Long enough for what else there is.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(found(), expected);
    let matches = expected.iter().flatten().filter(|one| **one).count() as u64;
    assert_eq!(matches, 4);
    // Of five others, each is covered by chance with probability 1/64 at most.
    let all = compared(north).await + compared(south).await;
    assert!(
        (matches..=matches + 2).contains(&all),
        "{all} of 9 compared"
    );
    world.end().await;
}

/// The key bundle's bytes, whatever is in it.
struct Bundle(Zeroizing<Vec<u8>>);

impl KeyPayload for Bundle {
    const KIND: &'static str = GatewayKeys::KIND;
    const VERSION: u32 = GatewayKeys::VERSION;

    fn to_payload(&self) -> Zeroizing<Vec<u8>> {
        self.0.clone()
    }

    fn from_payload(bytes: &[u8]) -> Result<Self, String> {
        Ok(Self(bytes.to_vec().into()))
    }
}

fn bundle(house: &House) -> serde_json::Value {
    let file = house.folder.join("gateway.keys");
    let bundle: Bundle = read_key_file(&file, Some(&passphrase())).unwrap();
    serde_json::from_slice(&bundle.0).unwrap()
}

/// A hospital's own key in the hands of who runs it.
pub struct Liar<'a> {
    world: &'a World,
    from: &'a House,
    to: &'a House,
    pub signing: SigningKey,
}

impl<'a> Liar<'a> {
    pub fn at(world: &'a World, from: &'a House, to: &'a House) -> Self {
        let signing = hex::decode(bundle(from)["signing"].as_str().unwrap()).unwrap();
        Self {
            world,
            from,
            to,
            signing: SigningKey::from_bytes(&signing.try_into().unwrap()),
        }
    }

    pub fn expires(&self) -> Height {
        let node = self.from.running().node();
        Height::new(node.status().height.value() + 500)
    }

    pub async fn post(&self, key: &SigningKey, expires: Height, action: Action) {
        let transaction = Transaction {
            federation: self.world.federation.id(),
            sender: key.verifying_key(),
            nonce: Nonce::new(rand::random()),
            expires,
            action,
        };
        let signed = transaction.sign(key);
        self.from.running().node().submit(signed).await.unwrap();
    }

    /// A record that the gateway knows nothing of.
    pub async fn register(&self) -> (RecordTerms, SigningKey) {
        let key = SigningKey::generate(&mut rng());
        let state = self.from.running().node().state();
        let terms = RecordTerms {
            record: RecordId::from_bytes(rand::random()),
            owner: self.from.id.clone(),
            cthd: Digest::of(b"cthd"),
            ctsym: Digest::of(b"ctsym"),
            epoch: View::new(&state).current_epoch().unwrap().epoch,
            record_key: key.verifying_key(),
            rsa_key: Digest::of(b"rsa"),
            consent: consent(&[self.to], 3_600_000),
        };
        let registration = terms.clone().co_sign(&self.world.federation.id(), &key);
        let action = Action::RegisterRecord(Box::new(registration));
        self.post(&self.signing, self.expires(), action).await;
        (terms, key)
    }

    /// An honest index of these keywords, with the filter that `lie` makes for it.
    pub async fn index(
        &self,
        terms: &RecordTerms,
        keywords: &[KeywordToken],
        lie: impl FnOnce(&FilterContext<'_>) -> Vec<u8>,
    ) {
        let (id, expires) = (self.world.federation.id(), self.expires());
        let (n, keys) = (self.world.federation.index_size(), matching_keys(self.to));
        let index = index_build(n, keywords, &mut rng()).unwrap();
        let context = index_context(&id, terms, &self.to.id, expires);
        let posted = index.post(&keys, &context, &mut rng());
        let alone = posted.index().to_bytes().try_into().unwrap();
        let filter = lie(&index_filter_context(&id, terms, &self.to.id, &alone));
        let action = Action::PostIndex(PostIndex {
            record: terms.record,
            to: self.to.id.clone(),
            index: posted.to_bytes().try_into().unwrap(),
            filter: Some(filter.try_into().unwrap()),
        });
        self.post(&self.signing, expires, action).await;
    }

    /// A bitmap of these keywords, and by no chance of `hidden`, with this weight, sealed by `key` for this context.
    pub fn sealed(
        &self,
        context: &FilterContext<'_>,
        (keywords, hidden): (&[KeywordToken], &[KeywordToken]),
        weight: u16,
        key: &SigningKey,
    ) -> Vec<u8> {
        let (size, _) = PREFILTER.parts().unwrap();
        let (weight, at) = (Weight::new(weight, size).unwrap(), context.hospital);
        let hidden = Buckets::of(hidden, at, size);
        let mut bitmaps = std::iter::repeat_with(|| {
            let fill = FillKey::generate(&mut rng());
            Bitmap::build(keywords, at, &context.subject, size, weight, &fill).unwrap()
        });
        let bitmap = bitmaps.find(|bitmap| !bitmap.covers(&hidden)).unwrap();
        let recipient = PublicKey::from_bytes(self.to.card.hpke_key.as_bytes()).unwrap();
        bitmap.seal(context, key, &recipient, &mut rng())
    }

    fn filter_of(&self, record: &RecordId) -> Option<FilterBytes> {
        let state = self.from.running().node().state();
        View::new(&state).index(record, &self.to.id)?.filter
    }
}

fn matching_keys(house: &House) -> HospitalKeys {
    let keys = house.card.matching_keys.as_bytes();
    ClaimedHospitalKeys::from_bytes(keys).unwrap().admitted()
}

/// A doctor's trapdoor with garbage in place of its buckets.
async fn interested_with_garbage(liar: &Liar<'_>, keys: &DoctorKeys, interests: &[KeywordToken]) {
    let (federation, expires) = (&liar.world.federation, liar.expires());
    let (doctor, at) = (keys.id(federation), &liar.to.id);
    let context = trapdoor_context(&federation.id(), &doctor, at, expires);
    let (n, to) = (federation.index_size(), matching_keys(liar.to));
    let posted = post_trapdoor(n, interests, &to, &context, &mut rng()).unwrap();
    let action = Action::PostTrapdoor(PostTrapdoor {
        hospital: at.clone(),
        trapdoor: posted.to_bytes().try_into().unwrap(),
        expiry: BlockTime::new(now_ms() + 3_600_000),
        filter: Some(vec![3; PREFILTER.sealed_length()].try_into().unwrap()),
    });
    liar.post(keys.signing(), expires, action).await;
}

/// What does not open or parse hides nothing: the pair is compared as if there were no filter.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_filter_that_is_garbage_copied_moved_or_of_another_weight_hides_no_match() {
    let world = World::new(filtered(40_000)).await;
    let (north, south) = (&world.north, &world.south);
    let honest = doctor(&world, south, "role:cardiologist").await;
    let careless = doctor(&world, south, "role:cardiologist").await;
    let keyword = || tokens(&world, &honest.client, &["i50"]);
    let (keywords, other) = (
        keyword().await,
        tokens(&world, &honest.client, &["e11"]).await,
    );
    interested(&world, south, &honest, &["i50"]).await;
    authorize(north, south).await;
    let liar = Liar::at(&world, north, south);
    interested_with_garbage(&liar, &careless.keys, &keywords).await;
    let (weight, lie) = (PREFILTER.weight, (&other[..], &keywords[..]));

    let mut records = Vec::new();
    let (terms, _) = liar.register().await;
    let garbage = |_: &FilterContext<'_>| vec![9; PREFILTER.sealed_length()];
    liar.index(&terms, &keywords, garbage).await;
    records.push(terms.record);
    for wrong in [weight - 1, weight + 1] {
        let (terms, _) = liar.register().await;
        let seal = |context: &FilterContext<'_>| liar.sealed(context, lie, wrong, &liar.signing);
        liar.index(&terms, &keywords, seal).await;
        records.push(terms.record);
    }
    // Right in itself, and another record's of the same owner.
    let (right, _) = liar.register().await;
    let seal = |context: &FilterContext<'_>| liar.sealed(context, lie, weight, &liar.signing);
    liar.index(&right, &other, seal).await;
    let copied = liar.filter_of(&right.record).unwrap();
    let (terms, _) = liar.register().await;
    liar.index(&terms, &keywords, |_| copied.as_bytes().to_vec())
        .await;
    records.push(terms.record);
    // Sealed by somebody else for this record.
    let stranger = SigningKey::generate(&mut rng());
    let (terms, _) = liar.register().await;
    let seal = |context: &FilterContext<'_>| liar.sealed(context, lie, weight, &stranger);
    liar.index(&terms, &keywords, seal).await;
    records.push(terms.record);

    for doctor in [&honest, &careless] {
        for record in &records {
            wait("the match", async || {
                let state = north.running().node().state();
                View::new(&state).matched(record, &doctor.id)
            })
            .await;
        }
    }
    // The right one was left out for the honest doctor, and compared for the other, whose buckets nobody has.
    assert_eq!(compared(south).await, 2 * records.len() as u64 + 1);
    // Who posted them stands in the audit log, each once.
    let mut told = south.audit("refuse-filter");
    told.sort();
    assert_eq!(told.len(), records.len() + 1, "{told:?}");
    let of_owner = format!("hospital {}: ", north.id);
    let of_doctor = format!("doctor {}: ", careless.id);
    let owners = told.iter().filter(|(_, why)| why.starts_with(&of_owner));
    assert_eq!(owners.count(), records.len());
    assert!(told.iter().any(|(_, why)| why.starts_with(&of_doctor)));
    assert!(told.iter().all(|(outcome, _)| outcome == "refused"));
    world.end().await;
}

/// An owner who sets other bits hides a match from an honest hospital. A challenge within the window brings it to light, and the doctor is
/// considered; one after the window shows it, and the hospital is not blamed.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wrong_bitmap_hides_a_match_until_it_is_challenged_and_the_hospital_is_not_blamed() {
    let world = World::new(filtered(15_000)).await;
    let (north, south) = (&world.north, &world.south);
    let cardiologist = doctor(&world, south, "role:cardiologist").await;
    interested(&world, south, &cardiologist, &["i50"]).await;
    let keywords = tokens(&world, &cardiologist.client, &["i50"]).await;
    let other = tokens(&world, &cardiologist.client, &["e11"]).await;
    authorize(north, south).await;
    let liar = Liar::at(&world, north, south);
    let (weight, lie, truth) = (
        PREFILTER.weight,
        (&other[..], &keywords[..]),
        (&keywords[..], &other[..]),
    );
    let mut records = Vec::new();
    for bits in [lie, lie, truth] {
        let (terms, key) = liar.register().await;
        let seal = |context: &FilterContext<'_>| liar.sealed(context, bits, weight, &liar.signing);
        liar.index(&terms, &keywords, seal).await;
        records.push((terms.record, key));
    }
    let matched = |record: &RecordId| {
        let state = north.running().node().state();
        View::new(&state).matched(record, &cardiologist.id)
    };
    // The last is found; so the engine has looked at all of them.
    wait("the match", async || matched(&records[2].0)).await;
    assert_eq!(compared(south).await, 1);
    assert_eq!(matched(&records[0].0), None);
    let challenge = |record| {
        Action::Challenge(Challenge {
            record,
            doctor: cardiologist.id,
        })
    };
    let (first, key) = &records[0];
    liar.post(key, liar.expires(), challenge(*first)).await;
    let answered = async |record| {
        wait("the answer", async || {
            let state = north.running().node().state();
            let view = View::new(&state);
            let status = view.challenge(record, &cardiologist.id)?.status;
            let posted = view.matched(record, &cardiologist.id).is_some();
            (status != ChallengeStatus::Open).then_some((posted, status))
        })
        .await
    };
    let shown = ChallengeStatus::Answered(Outcome::Match);
    assert_eq!(answered(first).await, (true, shown));

    let (second, key) = &records[1];
    wait("the window's end", async || {
        let state = north.running().node().state();
        let entry = View::new(&state).record(second).unwrap();
        matches!(entry.status, RecordStatus::Closed(_)).then_some(())
    })
    .await;
    liar.post(key, liar.expires(), challenge(*second)).await;
    assert_eq!(answered(second).await, (false, shown));
    let status = north.operator().ledger_status().await.unwrap();
    let conduct = &status.challenges[0];
    assert_eq!(conduct.hospital.0, south.id);
    assert_eq!((conduct.contradicted, conduct.matched), (0, 2));
    world.end().await;
}

/// A folder that an earlier build made has no key to fill up bitmaps with: it gets one at the start, and keeps it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_without_a_fill_key_get_one_at_the_start_and_keep_it() {
    for setting in [None, Some(PREFILTER)] {
        let mut world = World::new(Settings {
            prefilter: setting,
            ..settings()
        })
        .await;
        world.south.stop().await;
        let mut older = bundle(&world.south);
        let made = older.as_object_mut().unwrap().remove("fill").unwrap();
        let file = world.south.folder.join("gateway.keys");
        let secret = passphrase();
        let protection = Protection::PassphraseWithWork(&secret, cheap());
        let bytes = Bundle(serde_json::to_vec(&older).unwrap().into());
        replace_key_file(&file, &bytes, protection).unwrap();
        world.south.start().await;
        let completed = bundle(&world.south);
        match setting {
            None => assert_eq!(completed, older),
            Some(_) => {
                assert_ne!(completed["fill"], made);
                assert_eq!(completed["fill"].as_str().unwrap().len(), 64);
                assert_eq!(completed["signing"], older["signing"]);
            }
        }
        let before = fs::read(&file).unwrap();
        world.south.stop().await;
        world.south.start().await;
        assert_eq!(fs::read(&file).unwrap(), before);
        world.end().await;
    }
}
