//! A trapdoor as it is posted.

use core::fmt;

use rand_core::CryptoRng;

use super::context::{PostingContext, PostingError, Subject};
use super::randomness::RandomnessProof;
use super::rank::RankProof;
use crate::curve::{DecodeError, G2};
use crate::matching::trapdoor::{EncryptedTrapdoor, InterestCount, KIND, generate};
use crate::matching::{FRAME, HospitalKeys, IndexSize, MatchingError, WITH_PROOF, frame, unframe};
use crate::tokens::KeywordToken;

/// (D, M) with the proof of d_0..d_n and the proof of the number m of interests: well-formed, not yet verified.
#[derive(Clone, PartialEq, Eq)]
pub struct PostedTrapdoor {
    trapdoor: EncryptedTrapdoor,
    randomness: RandomnessProof<G2>,
    rank: RankProof,
}

/// TrdGen, encryption to the doctor's hospital and both proofs, at once: no random scalar leaves this function.
///
/// Repeated interests count once, also in the number that is claimed.
///
/// # Errors
/// [`MatchingError::None`], [`MatchingError::TooMany`].
pub fn post_trapdoor(
    n: IndexSize,
    interests: &[KeywordToken],
    to: &HospitalKeys,
    context: &PostingContext<'_>,
    rng: &mut impl CryptoRng,
) -> Result<PostedTrapdoor, MatchingError> {
    let generated = generate(n, interests, rng)?;
    let (trapdoor, d) = generated.trapdoor.encrypt_keeping(to, rng);
    let subject = Subject::trapdoor(context, to, &trapdoor);
    let randomness = RandomnessProof::prove(&subject, &d, rng);
    let rank = RankProof::prove(&subject, to, &generated, &d, rng);
    Ok(PostedTrapdoor {
        trapdoor,
        randomness,
        rank,
    })
}

impl PostedTrapdoor {
    /// Bytes of the encoding with m interests.
    #[must_use]
    pub fn length(n: IndexSize, interests: usize) -> usize {
        FRAME + Self::body(n, interests)
    }

    fn body(n: IndexSize, interests: usize) -> usize {
        EncryptedTrapdoor::points(n) + RandomnessProof::<G2>::BYTES + RankProof::length(interests)
    }

    /// The trapdoor and its number of interests, once it is shown to be its poster's own and to have that many.
    ///
    /// # Errors
    /// [`PostingError::Randomness`], [`PostingError::Rank`].
    pub fn verify(
        &self,
        to: &HospitalKeys,
        context: &PostingContext<'_>,
    ) -> Result<(&EncryptedTrapdoor, InterestCount), PostingError> {
        let subject = Subject::trapdoor(context, to, &self.trapdoor);
        if !self.randomness.holds(&subject, self.trapdoor.d()) {
            return Err(PostingError::Randomness);
        }
        let claimed = self.rank.claimed();
        if self.rank.holds(&subject, to, &self.trapdoor) {
            Ok((&self.trapdoor, claimed))
        } else {
            Err(PostingError::Rank {
                claimed: claimed.get(),
            })
        }
    }

    /// The trapdoor as posted, whoever's it is: for a posting that was verified before it was stored.
    #[must_use]
    pub fn trapdoor(&self) -> &EncryptedTrapdoor {
        &self.trapdoor
    }

    /// The number m that is claimed.
    #[must_use]
    pub fn claimed_interests(&self) -> u16 {
        self.rank.claimed().get()
    }

    /// The canonical encoding: `"CMTD" || version || n 2 || with proof || D_0 .. D_n || M_0 .. M_n || R || s || m 2 || c ||
    /// s_nu_0 .. s_nu_{m-1} || s_eps_0 .. s_eps_{m-1}`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let n = self.trapdoor.size();
        let body = Self::body(n, self.claimed_interests().into());
        let mut out = frame(KIND, n, WITH_PROOF, body);
        self.trapdoor.put_points(&mut out);
        self.randomness.put(&mut out);
        self.rank.put(&mut out);
        out
    }

    /// Parses the canonical encoding for the federation's n, 1 <= m, 2m - 2 <= n. No point may be the identity.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field.
    pub fn from_bytes(bytes: &[u8], n: IndexSize) -> Result<Self, DecodeError> {
        let most = Self::body(n, n.interests());
        let mut reader = unframe(KIND, n, WITH_PROOF, most, bytes)?;
        let trapdoor = EncryptedTrapdoor::read_points(n, &mut reader)?;
        let randomness = RandomnessProof::read(&mut reader)?;
        let rank = RankProof::read(n, &mut reader)?;
        reader.finish()?;
        Ok(Self {
            trapdoor,
            randomness,
            rank,
        })
    }
}

impl fmt::Debug for PostedTrapdoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, m) = (self.trapdoor.size().get(), self.claimed_interests());
        write!(f, "PostedTrapdoor(n = {n}, m = {m})")
    }
}
