//! Made-up records and doctors: the same for the same seed, in every order and on every number of threads.

use std::fs;
use std::path::Path;

use consilium_schemes::matching::IndexSize;
use consilium_schemes::parallel::{in_parallel, processors};
use consilium_schemes::tokens::KeywordToken;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use crate::cli::answer::Failure;

/// Codes of the distribution that is built in.
const BUILT_IN: u64 = 1000;
/// The files with codes that `--codes` reads.
const FILES: [&str; 2] = ["condition-codes.csv", "other-codes.csv"];
/// Interests of a doctor, where n allows as many.
const INTERESTS: std::ops::RangeInclusive<usize> = 3..=6;
/// Records that a thread makes at once.
const PIECE: usize = 4096;

/// Numbers of records and doctors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub records: usize,
    pub doctors: usize,
    pub n: IndexSize,
}

/// From which everything is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Seed(pub u64);

impl Seed {
    /// The source for one thing of a kind.
    pub fn of(self, kind: &str, number: usize) -> StdRng {
        let hash = Sha256::new()
            .chain_update(b"consilium bench")
            .chain_update(self.0.to_be_bytes())
            .chain_update(number.to_be_bytes())
            .chain_update(kind);
        StdRng::from_seed(hash.finalize().into())
    }
}

/// Codes with their frequencies.
#[derive(Debug)]
pub struct Dictionary {
    codes: Vec<String>,
    /// The sums of the frequencies up to each code.
    sums: Vec<u64>,
}

impl Dictionary {
    /// Codes of which the k-th has frequency 1 / k.
    pub fn built_in() -> Self {
        let codes = (1..=BUILT_IN).map(|rank| (format!("rank|{rank}"), 1_000_000 / rank));
        Self::of(codes)
    }

    /// The codes of the files in a folder.
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let mut codes = Vec::new();
        for file in FILES {
            let path = folder.join(file);
            let at = |line: usize| format!("{}:{}", path.display(), line + 1);
            let text = fs::read_to_string(&path)
                .map_err(|error| {
                    let wanted = "--codes names a folder with condition-codes.csv and other-codes.csv, lines of system,code,display,count";
                    Failure::Usage(format!("{}: {error}; {wanted}", path.display()))
                })?;
            for (line, row) in text.lines().enumerate().skip(1) {
                let code = parsed(row).ok_or_else(|| {
                    Failure::Usage(format!("{}: not system,code,display,count", at(line)))
                })?;
                codes.push(code);
            }
        }
        let most = usize::from(u16::MAX);
        if !(*INTERESTS.end()..=most).contains(&codes.len()) {
            let (least, found) = (INTERESTS.end(), codes.len());
            let text = format!(
                "--codes: the files in {} hold {found} codes together; they must be {least} to {most}",
                folder.display()
            );
            return Err(Failure::Usage(text));
        }
        Ok(Self::of(codes))
    }

    fn of(frequencies: impl IntoIterator<Item = (String, u64)>) -> Self {
        let (codes, frequencies): (Vec<_>, Vec<u64>) = frequencies.into_iter().unzip();
        let sums = frequencies.iter().scan(0, |sum: &mut u64, one| {
            *sum += one;
            Some(*sum)
        });
        Self {
            sums: sums.collect(),
            codes,
        }
    }

    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// A code's number, drawn with its frequency.
    fn draw(&self, rng: &mut StdRng) -> u16 {
        let all = self.sums.last().copied().unwrap_or(1).max(1);
        let at = rng.random_range(0..all);
        u16::try_from(self.sums.partition_point(|sum| *sum <= at)).unwrap_or(u16::MAX)
    }

    /// So many codes, all different.
    fn distinct(&self, count: usize, rng: &mut StdRng) -> Vec<u16> {
        let mut codes = Vec::with_capacity(count);
        while codes.len() < count {
            let code = self.draw(rng);
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        codes
    }

    /// For each code what stands for its keyword token: SHA-256, shortened so that it is a scalar. No hospital's key is asked.
    pub fn tokens(&self) -> Result<Vec<KeywordToken>, Failure> {
        let token = |code: &String| {
            let mut hash: [u8; 32] = Sha256::digest(code).into();
            if let Some(first) = hash.first_mut() {
                *first &= 0x3f;
            }
            Ok(KeywordToken::from_bytes(&hash)?)
        };
        self.codes.iter().map(token).collect()
    }
}

/// System, code and count of a line; only the display between them may have commas.
fn parsed(line: &str) -> Option<(String, u64)> {
    let (rest, count) = line.rsplit_once(',')?;
    let (system, rest) = rest.split_once(',')?;
    let (code, _display) = rest.split_once(',')?;
    let count = count
        .parse()
        .ok()
        .filter(|count| (1..1 << 40).contains(count))?;
    Some((format!("{system}|{code}"), count))
}

/// Who there is, by the numbers of codes.
#[derive(Debug)]
pub struct Population {
    keywords: Vec<u16>,
    /// Where each record's keywords begin, and the end.
    starts: Vec<u32>,
    pub doctors: Vec<Vec<u16>>,
}

impl Population {
    /// Draws it.
    pub fn draw(size: Size, dictionary: &Dictionary, seed: Seed) -> Self {
        let pieces: Vec<usize> = (0..size.records).step_by(PIECE).collect();
        let drawn = in_parallel(processors(), &pieces, |from| {
            let numbers = *from..size.records.min(from + PIECE);
            let record = |number| {
                let mut rng = seed.of("record", number);
                let count = rng.random_range(1..=size.n.keywords());
                let mut codes: Vec<u16> = (0..count).map(|_| dictionary.draw(&mut rng)).collect();
                codes.sort_unstable();
                codes.dedup();
                codes
            };
            numbers.map(record).collect::<Vec<_>>()
        });
        let (mut keywords, mut starts) = (Vec::new(), vec![0]);
        for codes in drawn.into_iter().flatten() {
            keywords.extend(codes);
            starts.push(u32::try_from(keywords.len()).unwrap_or(u32::MAX));
        }
        let most = size.n.interests();
        let doctor = |number| {
            let mut rng = seed.of("doctor", number);
            dictionary.distinct(rng.random_range(INTERESTS).min(most), &mut rng)
        };
        Self {
            keywords,
            starts,
            doctors: (0..size.doctors).map(doctor).collect(),
        }
    }

    pub fn records(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// A record's keywords, all different.
    pub fn keywords(&self, record: usize) -> &[u16] {
        let start = |at: usize| self.starts.get(at).map(|start| *start as usize);
        let range = start(record).zip(start(record + 1));
        range
            .and_then(|(from, to)| self.keywords.get(from..to))
            .unwrap_or_default()
    }

    /// For each doctor the records that match, in order; the codes are numbered below `codes`.
    pub fn truth(&self, codes: usize) -> Vec<Vec<u32>> {
        let mut with: Vec<Vec<u32>> = vec![Vec::new(); codes];
        for (number, record) in (0_u32..).zip(0..self.records()) {
            for code in self.keywords(record) {
                let list = with.get_mut(usize::from(*code));
                list.into_iter().for_each(|list| list.push(number));
            }
        }
        let doctors: Vec<usize> = (0..self.doctors.len()).collect();
        in_parallel(processors(), &doctors, |doctor| {
            let interests = self.doctors.get(*doctor).into_iter().flatten();
            let lists = interests.filter_map(|code| with.get(usize::from(*code)));
            let rarest = lists.min_by_key(|list| list.len()).into_iter().flatten();
            let matching = rarest.filter(|record| self.matches(**record as usize, *doctor));
            matching.copied().collect()
        })
    }

    /// Whether a record has all that a doctor is interested in.
    pub fn matches(&self, record: usize, doctor: usize) -> bool {
        let keywords = self.keywords(record);
        let interests = self.doctors.get(doctor);
        interests.is_some_and(|all| all.iter().all(|one| keywords.binary_search(one).is_ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_population_in_which_frequent_codes_are_frequent() {
        let size = Size {
            records: 5000,
            doctors: 50,
            n: IndexSize::new(8).unwrap(),
        };
        let dictionary = Dictionary::built_in();
        let one = Population::draw(size, &dictionary, Seed(1));
        let again = Population::draw(size, &dictionary, Seed(1));
        assert_eq!(
            (&one.keywords, &one.doctors),
            (&again.keywords, &again.doctors)
        );
        let other = Population::draw(size, &dictionary, Seed(2));
        assert_ne!(one.keywords, other.keywords);
        assert_eq!(one.records(), 5000);
        let with = |code| {
            (0..5000)
                .filter(|record| one.keywords(*record).contains(&code))
                .count()
        };
        assert!(with(0) > 4 * with(9) && with(9) > with(500));
        assert!((0..5000).all(|record| (1..=8).contains(&one.keywords(record).len())));
        // n of 8 allows five interests.
        assert!(one.doctors.iter().all(|all| (3..=5).contains(&all.len())));
        let has = |record, doctor: usize| {
            let all = one.doctors[doctor].iter();
            all.clone().all(|code| one.keywords(record).contains(code))
        };
        let truth = one.truth(dictionary.len());
        for (doctor, matching) in truth.iter().enumerate() {
            let all = (0..5000_u32).filter(|record| has(*record as usize, doctor));
            assert_eq!(*matching, all.collect::<Vec<_>>());
        }
        for (record, doctor) in (0..5000).flat_map(|record| [(record, 0), (record, 7)]) {
            assert_eq!(one.matches(record, doctor), has(record, doctor));
        }
    }

    #[test]
    fn lines_of_codes_are_read_and_others_refused() {
        let line = "http://s,140,\"Influenza, seasonal\",516";
        assert_eq!(parsed(line), Some(("http://s|140".to_owned(), 516)));
        for wrong in ["", "a,b,3", "a,b,c,-1", "a,b,c,0", "a,b,c,"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
        assert!(Dictionary::read(Path::new("/nowhere")).is_err());
    }
}
