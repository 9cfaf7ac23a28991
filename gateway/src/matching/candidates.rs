//! Which records a trapdoor must be compared with, by the prefilter, for many records at once.
//!
//! The table is bit-sliced: for each bucket one row with a bit for each record, set if the record's bitmap has the bucket. A trapdoor's
//! candidates are the AND of its buckets' rows: 64 records with one instruction for each bucket, where comparing bitmaps takes a
//! pass over each. It takes B bits for each record, as the bitmaps themselves.

use consilium_schemes::matching::prefilter::{Bitmap, Buckets, FilterSize};

const WORD: usize = u64::BITS as usize;

/// Records by their buckets; the first is number 0.
#[derive(Debug, Clone)]
pub struct Candidates {
    /// For each bucket, a bit for each record.
    rows: Vec<Vec<u64>>,
    /// Records without a bitmap: candidates of every trapdoor.
    always: Vec<u64>,
    records: usize,
}

impl Candidates {
    /// No records, in bitmaps of this size.
    #[must_use]
    pub fn new(size: FilterSize) -> Self {
        Self {
            rows: vec![Vec::new(); size.bits().into()],
            always: Vec::new(),
            records: 0,
        }
    }

    /// Adds the next record. One whose bitmap is of no use (none, or of another size) is a candidate of every trapdoor.
    pub fn push(&mut self, bitmap: Option<&Bitmap>) {
        let (word, bit) = (self.records / WORD, 1 << (self.records % WORD));
        if self.records.is_multiple_of(WORD) {
            let rows = self.rows.iter_mut().chain([&mut self.always]);
            rows.for_each(|row| row.push(0));
        }
        self.records += 1;
        let bytes = bitmap.map(Bitmap::to_bytes);
        let own = bytes.filter(|bytes| bytes.len() * 8 == self.rows.len());
        match own {
            None => self
                .always
                .get_mut(word)
                .into_iter()
                .for_each(|w| *w |= bit),
            Some(bytes) => {
                for row in set_bits(&bytes) {
                    let row = self.rows.get_mut(row).and_then(|row| row.get_mut(word));
                    row.into_iter().for_each(|w| *w |= bit);
                }
            }
        }
    }

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// The records that cover these buckets, in their order. All of them, where a trapdoor's buckets are of no use (none, or of another
    /// size).
    #[must_use]
    pub fn of(&self, buckets: Option<&Buckets>) -> Vec<usize> {
        let bytes = buckets.map(Buckets::to_bytes);
        let Some(bytes) = bytes.filter(|bytes| bytes.len() * 8 == self.rows.len()) else {
            return (0..self.records).collect();
        };
        let asked: Vec<&[u64]> = set_bits(&bytes)
            .filter_map(|row| self.rows.get(row).map(Vec::as_slice))
            .collect();
        let mut candidates = Vec::new();
        for (at, always) in self.always.iter().enumerate() {
            let rows = asked.iter().filter_map(|row| row.get(at));
            let mut left = rows.fold(u64::MAX, |left, row| left & row) | always;
            while left != 0 {
                candidates.push(at * WORD + left.trailing_zeros() as usize);
                left &= left - 1;
            }
        }
        // Without a bucket every bit of the last word is set.
        candidates.truncate(candidates.partition_point(|record| *record < self.records));
        candidates
    }
}

/// The numbers of the bits that are set; bit i stands in byte i / 8 at 2^(i mod 8).
fn set_bits(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes.iter().enumerate().flat_map(|(at, byte)| {
        let bits = (0..8).filter(move |bit| byte & (1 << bit) != 0);
        bits.map(move |bit| at * 8 + bit)
    })
}

#[cfg(test)]
mod tests {
    use consilium_schemes::matching::prefilter::{FillKey, Weight};
    use consilium_schemes::tokens::KeywordToken;

    use super::*;

    fn token(byte: u8) -> KeywordToken {
        KeywordToken::from_bytes(&[byte; 32]).unwrap()
    }

    /// 130 records of which some have no bitmap, or one of another size: the table says what `covers` says.
    #[test]
    fn the_table_says_what_each_bitmap_says() {
        let size = FilterSize::new(256).unwrap();
        let other = FilterSize::new(512).unwrap();
        let key = FillKey::generate(&mut rand::rng());
        let bitmap = |number: u8, size| {
            let tokens = [token(number % 7 + 1), token(number % 5 + 20)];
            let weight = Weight::new(9, size).unwrap();
            Bitmap::build(&tokens, b"south", &[number; 32], size, weight, &key).unwrap()
        };
        let bitmaps: Vec<Option<Bitmap>> = (0..130)
            .map(|number| match number % 13 {
                11 => None,
                12 => Some(bitmap(number, other)),
                _ => Some(bitmap(number, size)),
            })
            .collect();
        let mut table = Candidates::new(size);
        bitmaps.iter().for_each(|one| table.push(one.as_ref()));
        assert_eq!(table.records(), 130);
        for (first, second) in (1..9).flat_map(|one| (19..26).map(move |two| (one, two))) {
            let buckets = Buckets::of(&[token(first), token(second)], b"south", size);
            let covered = |number: &usize| match &bitmaps[*number] {
                Some(bitmap) if bitmap.to_bytes().len() == 32 => bitmap.covers(&buckets),
                _ => true,
            };
            let expected: Vec<usize> = (0..130).filter(covered).collect();
            assert_eq!(table.of(Some(&buckets)), expected);
            let strange = Buckets::of(&[token(first)], b"south", other);
            assert_eq!(table.of(Some(&strange)).len(), 130);
        }
        assert_eq!(table.of(None).len(), 130);
    }
}
