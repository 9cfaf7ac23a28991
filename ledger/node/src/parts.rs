//! What travels on the engine's proposal channel: the bodies of proposed blocks in parts, and
//! transactions on their way to the validators.
//!
//! The engine delivers what any configured peer publishes, signed by that peer, to every node. It
//! looks at no part itself, so transactions need no second network (decision 0102).

use std::collections::{BTreeMap, HashMap};

use arc_malachitebft_app_channel::app::types::PeerId;
use arc_malachitebft_app_channel::app::types::core::ProposalPart;
use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{Height, TransactionHash};
use consilium_ledger::{BlockHash, Round, ValidatorAddress};

use crate::engine::LedgerContext;

/// The most bytes of a body in one part.
pub(crate) const CHUNK: usize = 256 << 10;
/// Bodies that one publisher may have under way; the oldest is dropped for a newer one.
const STREAMS_PER_PUBLISHER: usize = 4;
/// Bodies are taken for this many heights beyond the next.
const HEIGHTS_AHEAD: u64 = 8;

/// One message on the proposal channel.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum Part {
    /// A body follows.
    Begin(Begin),
    /// A piece of it; the message's sequence number says which.
    Chunk(Vec<u8>),
    /// Signed transactions, in their canonical bytes.
    Transactions(Vec<Vec<u8>>),
    /// A validator rejected a transaction against the state at a height. A hint: who submitted
    /// it looks at its own state before it believes it.
    Refused {
        transaction: TransactionHash,
        height: Height,
    },
}

impl ProposalPart<LedgerContext> for Part {
    fn is_first(&self) -> bool {
        matches!(self, Self::Begin(_))
    }

    fn is_last(&self) -> bool {
        false
    }
}

/// What a body is, and how it was proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Begin {
    pub(crate) height: Height,
    pub(crate) round: Round,
    /// The earlier round in which it found a quorum of prevotes.
    pub(crate) valid_round: Option<Round>,
    pub(crate) proposer: ValidatorAddress,
    pub(crate) block: BlockHash,
    /// How many chunks follow.
    pub(crate) chunks: u32,
}

/// A body with all its parts; not yet looked into.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) publisher: PeerId,
    pub(crate) begin: Begin,
    pub(crate) bytes: Vec<u8>,
}

/// The parts of a body, in order.
pub(crate) fn split(begin: &Begin, bytes: &[u8]) -> Vec<Part> {
    let chunks = bytes.chunks(CHUNK);
    let begin = Begin {
        chunks: u32::try_from(chunks.len()).unwrap_or(u32::MAX),
        ..*begin
    };
    std::iter::once(Part::Begin(begin))
        .chain(chunks.map(|c| Part::Chunk(c.to_vec())))
        .collect()
}

/// Puts bodies together from parts that come in any order from several publishers.
pub(crate) struct Assembler {
    streams: HashMap<(PeerId, Vec<u8>), Stream>,
    /// The most bytes of a body.
    limit: usize,
    arrivals: u64,
}

#[derive(Default)]
struct Stream {
    arrival: u64,
    begin: Option<Begin>,
    chunks: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
}

impl Stream {
    fn is_complete(&self) -> bool {
        let chunks = self.chunks.len() as u64;
        self.begin
            .is_some_and(|begin| u64::from(begin.chunks) == chunks)
    }

    fn into_body(self, publisher: PeerId) -> Option<Body> {
        let begin = self.begin?;
        let bytes = self.chunks.into_values().flatten().collect();
        Some(Body {
            publisher,
            begin,
            bytes,
        })
    }
}

impl Assembler {
    /// An assembler of bodies of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            streams: HashMap::new(),
            limit,
            arrivals: 0,
        }
    }

    /// Takes a part; the body, if that was the last one missing.
    pub(crate) fn begin(
        &mut self,
        from: (PeerId, Vec<u8>),
        begin: Begin,
        tip: Height,
    ) -> Option<Body> {
        let ahead = tip.plus(1)..=tip.plus(1 + HEIGHTS_AHEAD);
        let most = self.limit.div_ceil(CHUNK);
        if !ahead.contains(&begin.height) || begin.chunks as usize > most {
            self.streams.remove(&from);
            return None;
        }
        let stream = self.stream(&from);
        stream.begin.get_or_insert(begin);
        self.finish(from)
    }

    /// Takes a chunk; the body, if that was the last part missing.
    pub(crate) fn chunk(
        &mut self,
        from: (PeerId, Vec<u8>),
        sequence: u64,
        bytes: Vec<u8>,
    ) -> Option<Body> {
        let limit = self.limit;
        let stream = self.stream(&from);
        stream.bytes += bytes.len();
        if stream.bytes > limit || bytes.len() > CHUNK {
            self.streams.remove(&from);
            return None;
        }
        stream.chunks.entry(sequence).or_insert(bytes);
        self.finish(from)
    }

    /// Forgets bodies that were begun for heights up to `tip`.
    pub(crate) fn forget(&mut self, tip: Height) {
        self.streams
            .retain(|_, stream| stream.begin.is_none_or(|begin| begin.height > tip));
    }

    fn stream(&mut self, from: &(PeerId, Vec<u8>)) -> &mut Stream {
        if !self.streams.contains_key(from) {
            self.make_room(from.0);
        }
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.streams.entry(from.clone()).or_insert(Stream {
            arrival,
            ..Stream::default()
        })
    }

    fn make_room(&mut self, publisher: PeerId) {
        let theirs = self
            .streams
            .iter()
            .filter(|((peer, _), _)| *peer == publisher);
        let mut theirs: Vec<_> = theirs
            .map(|(name, stream)| (stream.arrival, name.clone()))
            .collect();
        if theirs.len() >= STREAMS_PER_PUBLISHER {
            theirs.sort();
            if let Some((_, oldest)) = theirs.into_iter().next() {
                self.streams.remove(&oldest);
            }
        }
    }

    fn finish(&mut self, from: (PeerId, Vec<u8>)) -> Option<Body> {
        if !self.streams.get(&from)?.is_complete() {
            return None;
        }
        self.streams.remove(&from)?.into_body(from.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consilium_schemes::signature::SigningKey;

    const LIMIT: usize = 4 * CHUNK;

    fn publisher(seed: u8) -> PeerId {
        crate::engine::peer_id(&SigningKey::from_bytes(&[seed; 32]).verifying_key())
    }

    fn begin(height: u64) -> Begin {
        Begin {
            height: Height::new(height),
            round: Round::new(0),
            valid_round: None,
            proposer: ValidatorAddress::from_bytes([1; 32]),
            block: BlockHash::from_bytes([2; 32]),
            chunks: 0,
        }
    }

    fn feed(assembler: &mut Assembler, stream: u8, sequence: u64, part: Part) -> Option<Body> {
        let from = (publisher(1), vec![stream]);
        match part {
            Part::Begin(begin) => assembler.begin(from, begin, Height::new(0)),
            Part::Chunk(bytes) => assembler.chunk(from, sequence, bytes),
            _ => None,
        }
    }

    #[test]
    fn a_body_is_put_together_from_parts_in_any_order() {
        let bytes: Vec<u8> = (0..3 * CHUNK + 7).map(|i| i as u8).collect();
        let parts = split(&begin(1), &bytes);
        assert_eq!(parts.len(), 5);
        for rotation in 0..5 {
            let mut assembler = Assembler::new(LIMIT);
            let mut parts: Vec<_> = (0..).zip(parts.clone()).collect();
            parts.rotate_left(rotation);
            let bodies: Vec<_> = parts
                .into_iter()
                .filter_map(|(s, part)| feed(&mut assembler, 0, s, part))
                .collect();
            assert_eq!(bodies.len(), 1);
            assert_eq!(bodies[0].bytes, bytes);
            assert!(assembler.streams.is_empty());
        }
    }

    #[test]
    fn a_publisher_holds_no_more_than_its_streams() {
        let mut assembler = Assembler::new(LIMIT);
        for stream in 0..100 {
            assert_eq!(
                feed(&mut assembler, stream, 1, Part::Chunk(vec![0; CHUNK])),
                None
            );
        }
        assert_eq!(assembler.streams.len(), STREAMS_PER_PUBLISHER);
        assert!(assembler.streams.keys().all(|(_, stream)| stream[0] >= 96));
    }

    #[test]
    fn a_body_above_the_limit_is_dropped() {
        let mut assembler = Assembler::new(LIMIT);
        for sequence in 1..=5 {
            feed(&mut assembler, 0, sequence, Part::Chunk(vec![0; CHUNK]));
        }
        assert!(assembler.streams.is_empty());
        let huge = Begin {
            chunks: 5,
            ..begin(1)
        };
        assert_eq!(feed(&mut assembler, 1, 0, Part::Begin(huge)), None);
        assert!(assembler.streams.is_empty());
    }

    #[test]
    fn bodies_of_the_past_and_of_the_far_future_are_dropped() {
        let mut assembler = Assembler::new(LIMIT);
        let one = Begin {
            chunks: 1,
            ..begin(0)
        };
        feed(&mut assembler, 0, 0, Part::Begin(one));
        feed(
            &mut assembler,
            1,
            0,
            Part::Begin(Begin {
                height: Height::new(10),
                ..one
            }),
        );
        assert!(assembler.streams.is_empty());
        feed(
            &mut assembler,
            2,
            0,
            Part::Begin(Begin {
                height: Height::new(9),
                ..one
            }),
        );
        assert_eq!(assembler.streams.len(), 1);
        assembler.forget(Height::new(9));
        assert!(assembler.streams.is_empty());
    }
}
