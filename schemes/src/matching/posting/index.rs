//! An index as it is posted.

use core::fmt;

use rand_core::CryptoRng;

use super::context::{PostingContext, PostingError, Subject};
use super::randomness::RandomnessProof;
use crate::curve::{DecodeError, G1};
use crate::matching::index::{EncryptedIndex, Index, KIND};
use crate::matching::{FRAME, HospitalKeys, IndexSize, WITH_PROOF, frame, unframe};

/// (U, V) with the proof of u_0..u_{n-1}: well-formed, not yet verified.
#[derive(Clone, PartialEq, Eq)]
pub struct PostedIndex {
    index: EncryptedIndex,
    randomness: RandomnessProof<G1>,
}

impl Index {
    /// Encrypts to a hospital and proves to know the randomness, at once: no random scalar leaves this function.
    #[must_use]
    pub fn post(
        &self,
        to: &HospitalKeys,
        context: &PostingContext<'_>,
        rng: &mut impl CryptoRng,
    ) -> PostedIndex {
        let (index, u) = self.encrypt_keeping(to, rng);
        let subject = Subject::index(context, to, &index);
        let randomness = RandomnessProof::prove(&subject, &u, rng);
        PostedIndex { index, randomness }
    }
}

impl PostedIndex {
    /// Bytes of the encoding.
    #[must_use]
    pub fn length(n: IndexSize) -> usize {
        FRAME + Self::body(n)
    }

    fn body(n: IndexSize) -> usize {
        EncryptedIndex::points(n) + RandomnessProof::<G1>::BYTES
    }

    /// The index, once it is shown to be its poster's own: posted in this context, to the hospital with these keys.
    ///
    /// # Errors
    /// [`PostingError::Randomness`].
    pub fn verify(
        &self,
        to: &HospitalKeys,
        context: &PostingContext<'_>,
    ) -> Result<&EncryptedIndex, PostingError> {
        let subject = Subject::index(context, to, &self.index);
        if self.randomness.holds(&subject, self.index.u()) {
            Ok(&self.index)
        } else {
            Err(PostingError::Randomness)
        }
    }

    /// The index as posted, whoever's it is: for a posting that was verified before it was stored.
    #[must_use]
    pub fn index(&self) -> &EncryptedIndex {
        &self.index
    }

    /// The canonical encoding: `"CMIX" || version || n 2 || with proof || U_0 .. U_{n-1} || V_0 .. V_n || R || s`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let n = self.index.size();
        let mut out = frame(KIND, n, WITH_PROOF, Self::body(n));
        self.index.put_points(&mut out);
        self.randomness.put(&mut out);
        out
    }

    /// Parses the canonical encoding for the federation's n. No point may be the identity.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field.
    pub fn from_bytes(bytes: &[u8], n: IndexSize) -> Result<Self, DecodeError> {
        let mut reader = unframe(KIND, n, WITH_PROOF, Self::body(n), bytes)?;
        let index = EncryptedIndex::read_points(n, &mut reader)?;
        let randomness = RandomnessProof::read(&mut reader)?;
        reader.finish()?;
        Ok(Self { index, randomness })
    }
}

impl fmt::Debug for PostedIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostedIndex(n = {})", self.index.size().get())
    }
}
