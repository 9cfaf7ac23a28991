//! The match engine's core against Match itself: every pair, in every tiling, within its bound.

use std::ops::Range;

use consilium_gateway::matching::candidates::Candidates;
use consilium_gateway::matching::engine::{Capacity, Counts, Engine, EngineError, Work};
use consilium_schemes::matching::prefilter::{Bitmap, Buckets, FillKey, FilterSize, Weight};
use consilium_schemes::matching::{
    Index, IndexSize, PreparedIndex, PreparedTrapdoor, Trapdoor, index_build, matches, trd_gen,
};
use consilium_schemes::tokens::KeywordToken;
use rand::RngExt as _;

const RECORDS: usize = 11;
const DOCTORS: usize = 7;

/// Records and doctors with keywords from a small dictionary, so that some match.
struct Pairs {
    n: IndexSize,
    keywords: Vec<Vec<KeywordToken>>,
    interests: Vec<Vec<KeywordToken>>,
    indexes: Vec<Index>,
    trapdoors: Vec<Trapdoor>,
    /// By Match, for each record and doctor.
    truth: Vec<Vec<bool>>,
}

impl Pairs {
    fn random() -> Self {
        let n = IndexSize::new(6).unwrap();
        let mut rng = crate::world::rng();
        let mut some = |most: usize| -> Vec<KeywordToken> {
            let count = rng.random_range(1..=most);
            let bytes = (0..count).map(|_| rng.random_range(1..=6_u8));
            bytes
                .map(|byte| KeywordToken::from_bytes(&[byte; 32]).unwrap())
                .collect()
        };
        let keywords: Vec<_> = (0..RECORDS).map(|_| some(6)).collect();
        let interests: Vec<_> = (0..DOCTORS).map(|_| some(2)).collect();
        let random = &mut crate::world::rng();
        let mut index = |own: &Vec<KeywordToken>| index_build(n, own, random).unwrap();
        let indexes: Vec<Index> = keywords.iter().map(&mut index).collect();
        let random = &mut crate::world::rng();
        let mut trapdoor = |own: &Vec<KeywordToken>| trd_gen(n, own, random).unwrap().0;
        let trapdoors: Vec<Trapdoor> = interests.iter().map(&mut trapdoor).collect();
        let of = |index: &Index| -> Vec<bool> {
            let trapdoors = trapdoors.iter();
            trapdoors.map(|one| matches(index, one).unwrap()).collect()
        };
        let truth = indexes.iter().map(of).collect();
        Self {
            n,
            keywords,
            interests,
            indexes,
            trapdoors,
            truth,
        }
    }

    fn bytes(&self, trapdoors: usize, indexes: usize) -> u64 {
        let (trapdoor, index) = (
            PreparedTrapdoor::bytes(self.n),
            PreparedIndex::bytes(self.n),
        );
        (trapdoors * trapdoor + indexes * index) as u64
    }

    /// Compares what `chosen` says with an engine of its own, tile by tile.
    fn compared(
        &self,
        bytes: u64,
        threads: usize,
        chosen: impl Fn(usize, Range<usize>) -> Vec<usize>,
    ) -> (Vec<Vec<bool>>, Counts) {
        let capacity = Capacity::within(bytes, self.n).unwrap();
        let mut engine = Engine::new(capacity, threads);
        let mut found = vec![vec![false; DOCTORS]; RECORDS];
        let doctors: Vec<usize> = (0..DOCTORS).collect();
        let mut tile = 0..0;
        while tile.end < DOCTORS {
            let open = |doctor: &usize| Some(self.trapdoors[*doctor].clone());
            let held = engine.hold(&doctors[tile.end..], open);
            assert!(held <= capacity.trapdoors());
            tile = tile.end..tile.end + held;
            let works: Vec<_> = (0..RECORDS)
                .map(|record| Work {
                    index: record,
                    trapdoors: chosen(record, tile.clone()),
                })
                .collect();
            let open = |record: &usize| Some(PreparedIndex::new(&self.indexes[*record]));
            let matched = engine.compare(&works, open).unwrap();
            for (work, matched) in works.iter().zip(matched) {
                assert_eq!(work.trapdoors.len(), matched.len());
                for (doctor, matched) in work.trapdoors.iter().zip(matched) {
                    found[work.index][*doctor] = matched;
                }
            }
        }
        (found, engine.counts())
    }
}

/// Whatever fits at once, each pair is compared once and each trapdoor prepared once, and no more is held than may be.
#[test]
fn every_pair_is_as_match_says_in_every_tiling_and_the_bound_holds() {
    let pairs = Pairs::random();
    let all = |_, tile: Range<usize>| tile.collect();
    let smallest = pairs.bytes(1, 1);
    let mut bounds = vec![smallest, smallest * 2, smallest * 3, smallest * 5];
    bounds.push(pairs.bytes(DOCTORS * 2, RECORDS * 2));
    for bytes in bounds {
        for threads in [1, 3] {
            let (found, counts) = pairs.compared(bytes, threads, all);
            assert_eq!(found, pairs.truth, "{bytes} bytes, {threads} threads");
            assert_eq!(counts.compared as usize, RECORDS * DOCTORS);
            assert_eq!(counts.trapdoors as usize, DOCTORS);
            assert!(counts.most_bytes as u64 <= bytes, "{counts:?} of {bytes}");
            assert!(counts.most_bytes > 0);
        }
    }
    let one = Capacity::within(smallest, pairs.n).unwrap();
    assert_eq!((one.trapdoors(), one.indexes()), (1, 1));
    let error = Capacity::within(smallest - 1, pairs.n).unwrap_err();
    assert_eq!(error.least, smallest);
    // With room for all, each index is opened once for all tiles.
    let (_, counts) = pairs.compared(pairs.bytes(DOCTORS * 2, RECORDS * 2), 2, all);
    assert_eq!(counts.indexes as usize, RECORDS);
}

/// With the prefilter every match is found, in every tiling, and only candidates are compared.
#[test]
fn with_the_prefilter_every_match_is_found() {
    let pairs = Pairs::random();
    for bits in [256, 512, 1024] {
        let size = FilterSize::new(bits).unwrap();
        let weight = Weight::new(12, size).unwrap();
        let key = FillKey::generate(&mut crate::world::rng());
        let mut table = Candidates::new(size);
        for (record, keywords) in pairs.keywords.iter().enumerate() {
            let id = [u8::try_from(record).unwrap(); 32];
            let bitmap = Bitmap::build(keywords, b"south", &id, size, weight, &key).unwrap();
            // One has no bitmap that is of use.
            table.push(Some(&bitmap).filter(|_| record != 3));
        }
        let candidates: Vec<_> = pairs
            .interests
            .iter()
            .map(|interests| table.of(Some(&Buckets::of(interests, b"south", size))))
            .collect();
        let chosen = |record: usize, tile: Range<usize>| {
            tile.filter(|doctor| candidates[*doctor].contains(&record))
                .collect()
        };
        let passed: usize = candidates.iter().map(Vec::len).sum();
        for tiles in [1, 2, DOCTORS * 2] {
            let (found, counts) = pairs.compared(pairs.bytes(tiles, tiles), 2, chosen);
            assert_eq!(found, pairs.truth);
            assert_eq!(counts.compared as usize, passed);
        }
        let matches = pairs.truth.iter().flatten().filter(|one| **one).count();
        assert!(passed >= matches + DOCTORS - pairs.truth[3].iter().filter(|one| **one).count());
    }
}

/// What does not open matches nothing; what is not held is not taken for compared.
#[test]
fn what_does_not_open_matches_nothing_and_what_is_not_held_is_an_error() {
    let pairs = Pairs::random();
    let capacity = Capacity::within(pairs.bytes(8, 8), pairs.n).unwrap();
    let mut engine = Engine::new(capacity, 1);
    let own = |doctor: &usize| (*doctor != 1).then(|| pairs.trapdoors[0].clone());
    assert_eq!(engine.hold(&[0, 1], own), 2);
    let work = |index, doctor| {
        let trapdoors = vec![doctor];
        [Work { index, trapdoors }]
    };
    let matching = index_build(pairs.n, &pairs.interests[0], &mut crate::world::rng()).unwrap();
    let matching = PreparedIndex::new(&matching);
    let open = |record: &usize| (*record != 1).then(|| matching.clone());
    let mut matched = |index, doctor| engine.compare(&work(index, doctor), open);
    assert_eq!(matched(0, 0).unwrap(), [[true]]);
    assert_eq!(matched(0, 1).unwrap(), [[false]]);
    assert_eq!(matched(1, 0).unwrap(), [[false]]);
    assert!(matches!(matched(0, 2), Err(EngineError::NotHeld)));
    assert_eq!(engine.counts().compared, 3);
}
