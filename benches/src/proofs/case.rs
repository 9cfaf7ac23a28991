//! An index, a trapdoor that matches it and one that does not, encrypted to one hospital.

use std::time::Duration;

use consilium_schemes::match_proof::{MatchContext, Outcome, Statement};
use consilium_schemes::matching::posting::{
    PostedIndex, PostedTrapdoor, PostingContext, post_trapdoor,
};
use consilium_schemes::matching::{
    EncryptedIndex, EncryptedTrapdoor, HospitalKeys, HospitalSecretKeys, Index, IndexSize,
    index_build, trd_gen,
};
use consilium_schemes::tokens::KeywordToken;

use super::ms;
use crate::failure::Failure;
use crate::statistics::{done, medians};

pub use crate::ledger::federation::random;

/// What is proven and verified.
pub struct Case {
    pub n: IndexSize,
    pub secret: HospitalSecretKeys,
    keys: HospitalKeys,
    plain: Index,
    keywords: Vec<KeywordToken>,
    index: EncryptedIndex,
    matching: EncryptedTrapdoor,
    other: EncryptedTrapdoor,
}

/// A keyword that follows from a number.
pub fn token(number: u8) -> Result<KeywordToken, Failure> {
    let mut bytes = [number; 32];
    // Below the order of the group.
    bytes[0] = 0;
    Ok(KeywordToken::from_bytes(&bytes)?)
}

impl Case {
    /// With n keywords.
    pub fn new(n: u16) -> Result<Self, Failure> {
        let n = IndexSize::new(n)?;
        let secret = HospitalSecretKeys::generate(&mut random("hospital"));
        let keys = secret.public_keys();
        let keywords = (1..=n.get()).map(|number| token(u8::try_from(number)?));
        let keywords = keywords.collect::<Result<Vec<_>, Failure>>()?;
        let plain = index_build(n, &keywords, &mut random("index"))?;
        let interests = |tokens: &[KeywordToken]| -> Result<_, Failure> {
            let (trapdoor, _) = trd_gen(n, tokens, &mut random("trapdoor"))?;
            Ok(trapdoor.encrypt(&keys, &mut random("d")))
        };
        Ok(Self {
            index: plain.encrypt(&keys, &mut random("u")),
            matching: interests(keywords.get(..1).unwrap_or_default())?,
            other: interests(&[token(200)?])?,
            n,
            secret,
            keys,
            plain,
            keywords,
        })
    }

    pub fn context(&self) -> MatchContext<'static> {
        MatchContext {
            federation: [1; 32],
            record: [2; 32],
            doctor: [3; 32],
            hospital: b"hospital",
            epoch: 1,
            authorization: None,
            expires: 1,
        }
    }

    /// One that has this outcome.
    pub fn statement<'a>(
        &'a self,
        outcome: Outcome,
        context: &'a MatchContext<'a>,
    ) -> Statement<'a> {
        Statement {
            index: &self.index,
            trapdoor: match outcome {
                Outcome::Match => &self.matching,
                Outcome::NoMatch => &self.other,
            },
            keys: &self.keys,
            context,
        }
    }

    fn posting_context(&self) -> PostingContext<'static> {
        PostingContext {
            federation: [1; 32],
            poster: b"poster",
            subject: [2; 32],
            hospital: b"hospital",
            epoch: 1,
            expires: 1,
        }
    }

    /// Encrypting an index with its proof, and what it takes to believe it.
    pub fn posting_of_index(&self, repeats: usize) -> Result<Posting, Failure> {
        let (context, random) = (self.posting_context(), &mut random("poster"));
        let posted = self.plain.post(&self.keys, &context, random);
        let bytes = posted.to_bytes();
        let bare = posted.index().to_bytes().len();
        Posting::measure(
            repeats,
            [bytes.len(), bare],
            [
                &mut || done(self.plain.post(&self.keys, &context, random)),
                &mut || done(PostedIndex::from_bytes(&bytes, self.n)?),
                &mut || done(posted.verify(&self.keys, &context)?),
            ],
        )
    }

    /// Likewise a trapdoor of so many interests.
    pub fn posting_of_trapdoor(
        &self,
        interests: usize,
        repeats: usize,
    ) -> Result<Posting, Failure> {
        let (context, random) = (self.posting_context(), &mut random("poster"));
        let tokens = self.keywords.get(..interests).unwrap_or_default();
        let (n, keys) = (self.n, &self.keys);
        let posted = post_trapdoor(n, tokens, keys, &context, random)?;
        let bytes = posted.to_bytes();
        let bare = posted.trapdoor().to_bytes().len();
        Posting::measure(
            repeats,
            [bytes.len(), bare],
            [
                &mut || done(post_trapdoor(n, tokens, keys, &context, random)?),
                &mut || done(PostedTrapdoor::from_bytes(&bytes, n)?),
                &mut || done(posted.verify(keys, &context)?),
            ],
        )
    }
}

/// What a posting costs.
pub struct Posting {
    prove: Duration,
    parse: Duration,
    verify: Duration,
    bytes: usize,
    proof: usize,
}

impl Posting {
    /// Proving, parsing and verifying; its bytes with the proof and without.
    fn measure(
        repeats: usize,
        [bytes, bare]: [usize; 2],
        tasks: [&mut dyn FnMut() -> Result<(), Failure>; 3],
    ) -> Result<Self, Failure> {
        let [prove, parse, verify] = medians(repeats, tasks)?;
        Ok(Self {
            prove,
            parse,
            verify,
            bytes,
            proof: bytes - bare,
        })
    }

    pub fn row(&self, n: u16, what: String) -> Vec<String> {
        vec![
            n.to_string(),
            what,
            ms(self.prove),
            ms(self.parse),
            ms(self.verify),
            self.bytes.to_string(),
            self.proof.to_string(),
        ]
    }
}
