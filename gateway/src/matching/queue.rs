//! The records of a run, the one whose window ends first before the others, and how far each of them is.
//!
//! The trapdoors of a run have places, in the order of their positions. Where not all fit into memory, those from the most urgent record's
//! place on are held; every record that goes on from a place among them is compared with them, by urgency; then comes the next
//! round. A record that is posted meanwhile joins the round if it is more urgent than another that was there when it began, and otherwise
//! comes with the next one: a round ends, however many are posted.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};

use consilium_contracts::{BlockTime, RecordId};

/// A record by urgency: when its window ends.
pub(super) type Urgent = (BlockTime, RecordId);

/// What is left to compare.
#[derive(Debug)]
pub(super) struct Queue {
    /// How many trapdoors there are.
    trapdoors: usize,
    /// Of each record, the place of the first trapdoor that it was not compared with.
    left: BTreeMap<Urgent, usize>,
    /// The places that are held.
    held: Range<usize>,
    /// Up to here this round has come.
    reached: Option<Urgent>,
    /// And here it ends.
    last: Option<Urgent>,
}

impl Queue {
    /// Nothing to compare with so many trapdoors, none of which is held.
    pub(super) fn new(trapdoors: usize) -> Self {
        Self {
            trapdoors,
            left: BTreeMap::new(),
            held: 0..0,
            reached: None,
            last: None,
        }
    }

    /// Adds a record that goes on from a place; gives how many pairs that adds. One that is there already stays as it is.
    pub(super) fn add(&mut self, record: Urgent, from: usize) -> usize {
        let pairs = self.trapdoors.saturating_sub(from);
        if pairs == 0 || self.left.contains_key(&record) {
            return 0;
        }
        self.left.insert(record, from);
        pairs
    }

    /// The place from which trapdoors are to be held for the next round; none when nothing is left.
    pub(super) fn next_round(&self) -> Option<usize> {
        self.left.first_key_value().map(|(_, from)| *from)
    }

    /// Begins a round with these places held.
    pub(super) fn hold(&mut self, held: Range<usize>) {
        self.held = held;
        self.reached = None;
        self.last = self.left.last_key_value().map(|(last, _)| *last);
    }

    /// The places that are held.
    pub(super) fn held(&self) -> Range<usize> {
        self.held.clone()
    }

    /// The next records of this round, at most so many, each with the place that it goes on from; none at the round's end.
    pub(super) fn next(&self, most: usize) -> Vec<(Urgent, usize)> {
        let after = self.reached.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = self.left.range((after, Bound::Unbounded));
        let rest = rest.take_while(|(one, _)| Some(**one) <= self.last);
        let now = rest.filter(|(_, from)| self.held.contains(*from));
        now.take(most).map(|(one, from)| (*one, *from)).collect()
    }

    /// The record was compared with all that are held; gives how many pairs that were.
    pub(super) fn compared(&mut self, record: &Urgent) -> usize {
        self.reached = self.reached.max(Some(*record));
        let Some(from) = self.left.get_mut(record) else {
            return 0;
        };
        let pairs = self.held.end.saturating_sub(*from);
        *from = self.held.end;
        if self.held.end >= self.trapdoors {
            self.left.remove(record);
        }
        pairs
    }

    /// The record cannot be used now; gives how many pairs are left out.
    pub(super) fn leave_out(&mut self, record: &Urgent) -> usize {
        let from = self.left.remove(record);
        from.map_or(0, |from| self.trapdoors.saturating_sub(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for one trapdoor.
    const TILE: usize = 1;

    fn record(end: u64, byte: u8) -> Urgent {
        (BlockTime::new(end), RecordId::from_bytes([byte; 32]))
    }

    /// One batch of at most `most` records, as a run takes them: who is compared with which places.
    fn batch(queue: &mut Queue, most: usize) -> Vec<(Urgent, Range<usize>)> {
        if queue.next(1).is_empty() {
            let Some(from) = queue.next_round() else {
                return Vec::new();
            };
            queue.hold(from..(from + TILE).min(queue.trapdoors));
        }
        let taken = queue.next(most);
        let end = queue.held().end;
        let pairs = taken.iter().map(|(one, from)| (*one, *from..end));
        let pairs: Vec<_> = pairs.collect();
        for (one, _) in taken {
            queue.compared(&one);
        }
        pairs
    }

    #[test]
    fn every_pair_comes_once_and_the_most_urgent_record_first_in_every_round() {
        let (late, soon, half_done) = (record(9, 1), record(5, 2), record(7, 3));
        let mut queue = Queue::new(3);
        let added = [(late, 0), (soon, 0), (half_done, 2), (record(1, 4), 3)];
        let added: Vec<_> = added
            .map(|(one, from)| queue.add(one, from))
            .into_iter()
            .collect();
        assert_eq!(added, [3, 3, 1, 0]);
        let all = std::iter::from_fn(|| Some(batch(&mut queue, 1)).filter(|one| !one.is_empty()));
        let all: Vec<_> = all.flatten().collect();
        let expected = [
            (soon, 0..1),
            (late, 0..1),
            (soon, 1..2),
            (late, 1..2),
            (soon, 2..3),
            (half_done, 2..3),
            (late, 2..3),
        ];
        assert_eq!(all, expected);
    }

    /// With room for one trapdoor and several trapdoors: a record that is posted in the midst is compared in the round that is under way, before
    /// those whose windows end later.
    #[test]
    fn a_record_that_comes_in_the_midst_does_not_wait_for_the_end() {
        let mut queue = Queue::new(4);
        for byte in 0..50 {
            queue.add(record(100, byte), 0);
        }
        assert_eq!(batch(&mut queue, 10).len(), 10);
        let urgent = record(99, 200);
        queue.add(urgent, 0);
        let pairs: Vec<_> = (0..100).flat_map(|_| batch(&mut queue, 10)).collect();
        let at = pairs.iter().position(|(one, _)| *one == urgent).unwrap();
        assert!(at <= 40, "with the first trapdoor, after {at} of 200 pairs");
        assert_eq!(pairs.len(), 40 + 3 * 50 + 4);
        assert_eq!(queue.next_round(), None);
    }

    /// An owner who posts records faster than they are compared: those that were there before, whose windows end before, are compared all the same.
    #[test]
    fn who_keeps_posting_keeps_nobody_waiting() {
        let mut queue = Queue::new(3);
        for byte in 0..40 {
            queue.add(record(10, byte), 0);
        }
        let mut done = 0;
        for at in 0..15_u8 {
            for other in 0..20 {
                queue.add(record(20 + u64::from(at), 100 + other), 0);
            }
            let pairs = batch(&mut queue, 20);
            done += pairs
                .iter()
                .filter(|(one, _)| one.0 < BlockTime::new(20))
                .count();
        }
        // Of 300 pairs, 20 in each batch, 120 are theirs.
        assert_eq!(done, 120);
    }

    /// A run that ends in the midst, since everything is to be looked at anew, and one that begins: nothing is compared twice, and the one whose
    /// window ends first is done first.
    #[test]
    fn a_run_goes_on_where_the_former_ended() {
        let records: Vec<_> = (0..9)
            .map(|byte| record(10 + u64::from(byte), byte))
            .collect();
        let mut positions = BTreeMap::from_iter(records.iter().map(|one| (*one, 0)));
        let (mut pairs, mut finished) = (0, Vec::new());
        for trapdoors in 2..20 {
            let mut queue = Queue::new(trapdoors);
            for (one, from) in &positions {
                queue.add(*one, *from);
            }
            for _ in 0..4 {
                for (one, places) in batch(&mut queue, 3) {
                    assert_eq!(positions[&one], places.start);
                    pairs += places.len();
                    positions.insert(one, places.end);
                }
            }
            let most = positions.iter().filter(|(_, at)| **at == trapdoors);
            finished.push(most.count());
        }
        assert_eq!(pairs, positions.values().sum::<usize>());
        assert!(finished.iter().all(|count| *count > 0), "{finished:?}");
    }

    #[test]
    fn a_record_that_cannot_be_used_is_left_out_until_it_is_added_again() {
        let (one, other) = (record(1, 1), record(2, 2));
        let mut queue = Queue::new(2);
        queue.add(one, 0);
        queue.add(other, 1);
        assert_eq!(queue.add(one, 1), 0, "it is there already");
        assert_eq!(queue.leave_out(&one), 2);
        assert_eq!(queue.leave_out(&one), 0);
        assert_eq!(queue.compared(&one), 0);
        assert_eq!(batch(&mut queue, 9), [(other, 1..2)]);
        assert_eq!(queue.add(one, 0), 2);
        assert_eq!(batch(&mut queue, 9), [(one, 0..1)]);
    }
}
