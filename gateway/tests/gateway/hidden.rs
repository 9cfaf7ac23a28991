//! Pairs that a wrong bitmap or wrong buckets hide, once they are challenged.

use consilium_contracts::{Action, Canonical as _, Challenge, Digest, RecordId, View};
use consilium_schemes::matching::prefilter::FilterContext;
use consilium_schemes::tokens::KeywordToken;

use crate::filter::{Liar, PREFILTER, compared, filtered};
use crate::world::*;

/// A record of these keywords whose bitmap hides them, with the patient's key.
async fn hidden(
    liar: &Liar<'_>,
    keywords: &[KeywordToken],
    shown: &[KeywordToken],
) -> (RecordId, consilium_contracts::SigningKey) {
    let (terms, key) = liar.register().await;
    let weight = PREFILTER.weight;
    let seal = |context: &FilterContext<'_>| {
        liar.sealed(context, (shown, keywords), weight, &liar.signing)
    };
    liar.index(&terms, keywords, seal).await;
    (terms.record, key)
}

/// A gateway's store, while the gateway does not run.
fn store(house: &House) -> rocksdb::DB {
    let path = house.folder.join("data/store");
    let options = rocksdb::Options::default();
    let columns = rocksdb::DB::list_cf(&options, &path).unwrap();
    rocksdb::DB::open_cf(&options, &path, columns).unwrap()
}

/// Puts a row into it.
pub fn put(house: &House, column: &str, key: &[u8], value: &[u8]) {
    let store = store(house);
    store
        .put_cf(store.cf_handle(column).unwrap(), key, value)
        .unwrap();
}

/// Whether it has a row.
pub fn has(house: &House, column: &str, key: &[u8]) -> bool {
    let store = store(house);
    let row = store.get_cf(store.cf_handle(column).unwrap(), key);
    row.unwrap().is_some()
}

/// A doctor whose interests were replaced before a match that a challenge brought to light was posted, and who posts the former ones again, byte
/// for byte: the gateway knows the pair, and that it owes the match.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_match_that_was_found_for_a_challenge_and_not_posted_is_posted_when_it_is_challenged_again()
 {
    let mut world = World::new(filtered(600_000)).await;
    let cardiologist = doctor(&world, &world.south, "role:cardiologist").await;
    interested(&world, &world.south, &cardiologist, &["i50"]).await;
    let keywords = tokens(&world, &cardiologist.client, &["i50"]).await;
    let other = tokens(&world, &cardiologist.client, &["e11"]).await;
    authorize(&world.north, &world.south).await;
    let (record, key) = {
        let liar = Liar::at(&world, &world.north, &world.south);
        hidden(&liar, &keywords, &other).await
    };
    world.south.stop().await;
    let trapdoor = {
        let state = world.north.running().node().state();
        let entry = View::new(&state).trapdoor(&world.south.id, &cardiologist.id);
        Digest::of(entry.unwrap().trapdoor.as_bytes())
    };
    let pair = [
        record.as_bytes(),
        cardiologist.id.as_bytes(),
        trapdoor.as_bytes(),
    ];
    let row = true.to_canonical_bytes();
    put(
        &world.south,
        "pairs",
        &pair.map(|part| &part[..]).concat(),
        &row,
    );
    world.south.start().await;

    let liar = Liar::at(&world, &world.north, &world.south);
    let challenge = Action::Challenge(Challenge {
        record,
        doctor: cardiologist.id,
    });
    liar.post(&key, liar.expires(), challenge).await;
    wait("the match", async || {
        let state = world.north.running().node().state();
        View::new(&state).matched(&record, &cardiologist.id)
    })
    .await;
    // Nothing was compared for it: it was known.
    assert_eq!(compared(&world.south).await, 0);
    world.end().await;
}
