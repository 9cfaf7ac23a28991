//! Blind, evaluate, finalize: the three messages' contents and their encodings.

use core::fmt;

use voprf::{BlindedElement, EvaluationElement, Proof, Ristretto255, VoprfClient};
use zeroize::Zeroizing;

use super::rng::Lent;
use super::{ELEMENT, IndexSize, Keyword, KeywordToken, PublicKey, TokenError};
use crate::curve::{DecodeError, InField as _, Reader, put_count};

const VERSION: u8 = 1;
/// RFC 9497, ristretto255-SHA512, verifiable mode.
const SUITE: u8 = 1;

/// Most keywords in one batch.
pub const BATCH_LIMIT: usize = 256;

const PROOF: usize = 2 * ELEMENT;

/// The device's side of a running evaluation: keywords and their blinds. Consumed by
/// [`Blinding::finalize`].
pub struct Blinding {
    inputs: Vec<Zeroizing<Vec<u8>>>,
    clients: Vec<VoprfClient<Ristretto255>>,
}

impl Blinding {
    /// Blind: hides each keyword behind a random factor.
    ///
    /// # Errors
    /// [`TokenError::Empty`], [`TokenError::BatchTooLarge`].
    pub fn new(
        keywords: &[Keyword],
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<(Self, BlindedBatch), TokenError> {
        let inputs = keywords.iter().map(|keyword| keyword.expose().as_bytes());
        Self::of_inputs(
            inputs.map(|bytes| Zeroizing::new(bytes.to_vec())).collect(),
            rng,
        )
    }

    /// Blind, for any non-empty inputs below 2^16 bytes.
    pub(super) fn of_inputs(
        inputs: Vec<Zeroizing<Vec<u8>>>,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<(Self, BlindedBatch), TokenError> {
        match inputs.len() {
            0 => return Err(TokenError::Empty),
            1..=BATCH_LIMIT => {}
            actual => return Err(TokenError::BatchTooLarge { actual }),
        }
        let mut rng = Lent(rng);
        let blind = |input: &Zeroizing<Vec<u8>>| {
            let blinded = VoprfClient::blind(input, &mut rng);
            let blinded = blinded.expect("the input is bounded, and hashes to 1 never");
            (blinded.state, blinded.message)
        };
        let (clients, elements) = inputs.iter().map(blind).unzip();
        Ok((Self { inputs, clients }, BlindedBatch(elements)))
    }

    /// Finalize: checks the proof under the federation's key, takes the blinds off, and derives the
    /// tokens, in the keywords' order.
    ///
    /// # Errors
    /// [`TokenError::WrongCount`], [`TokenError::Proof`].
    pub fn finalize(
        self,
        evaluated: &EvaluatedBatch,
        key: &PublicKey,
        n: IndexSize,
    ) -> Result<Vec<KeywordToken>, TokenError> {
        let outputs = self.outputs(evaluated, key)?;
        Ok(outputs
            .iter()
            .map(|output| KeywordToken::derive(n, output))
            .collect())
    }

    /// The outputs of the VOPRF itself.
    pub(super) fn outputs(
        self,
        evaluated: &EvaluatedBatch,
        key: &PublicKey,
    ) -> Result<Vec<Zeroizing<[u8; 64]>>, TokenError> {
        let (expected, actual) = (self.clients.len(), evaluated.elements.len());
        if expected != actual {
            return Err(TokenError::WrongCount { expected, actual });
        }
        let inputs: Vec<&[u8]> = self.inputs.iter().map(|input| input.as_slice()).collect();
        VoprfClient::batch_finalize(
            &inputs,
            &self.clients,
            &evaluated.elements,
            &evaluated.proof,
            key.0,
        )
        .map_err(|_| TokenError::Proof)?
        .map(|output| {
            let mut wiped = Zeroizing::new([0u8; 64]);
            wiped
                .copy_from_slice(&output.expect("the inputs were accepted when they were blinded"));
            Ok(wiped)
        })
        .collect()
    }
}

impl fmt::Debug for Blinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blinding({} keywords, REDACTED)", self.inputs.len())
    }
}

/// Blinded elements: what the KGC gets to see. At least one, none the identity.
#[derive(Clone)]
pub struct BlindedBatch(Vec<BlindedElement<Ristretto255>>);

impl BlindedBatch {
    /// Largest encoding.
    pub const LIMIT: usize = 2 + 4 + BATCH_LIMIT * ELEMENT;

    pub(super) fn elements(&self) -> &Vec<BlindedElement<Ristretto255>> {
        &self.0
    }

    /// How many evaluations are asked for: what a rate limit counts.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The canonical encoding: `version || suite || count 4 || elements`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, SUITE];
        put_count(&mut out, self.0.len());
        self.0
            .iter()
            .for_each(|element| out.extend_from_slice(&element.serialize()));
        out
    }

    /// Parses the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`]: also an identity or non-canonical element, an empty or too large batch.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::LIMIT)?;
        let count = read_count(&mut reader)?;
        let elements = read_elements(&mut reader, count, BlindedElement::deserialize)?;
        reader.finish()?;
        Ok(Self(elements))
    }
}

impl fmt::Debug for BlindedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlindedBatch({} elements)", self.0.len())
    }
}

/// Evaluated elements and the proof that the KGC's one key made them all.
#[derive(Clone)]
pub struct EvaluatedBatch {
    elements: Vec<EvaluationElement<Ristretto255>>,
    proof: Proof<Ristretto255>,
}

impl EvaluatedBatch {
    /// Largest encoding.
    pub const LIMIT: usize = 2 + 4 + BATCH_LIMIT * ELEMENT + PROOF;

    pub(super) fn new(result: voprf::VoprfServerBatchEvaluateResult<Ristretto255>) -> Self {
        Self {
            elements: result.messages,
            proof: result.proof,
        }
    }

    /// The canonical encoding: `version || suite || count 4 || elements || proof 64`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, SUITE];
        put_count(&mut out, self.elements.len());
        self.elements
            .iter()
            .for_each(|element| out.extend_from_slice(&element.serialize()));
        out.extend_from_slice(&self.proof.serialize());
        out
    }

    /// Parses the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`], as [`BlindedBatch::from_bytes`], and for scalars of the proof that are zero
    /// or not reduced.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::LIMIT)?;
        let count = read_count(&mut reader)?;
        let elements = read_elements(&mut reader, count, EvaluationElement::deserialize)?;
        let proof = Proof::deserialize(reader.take(PROOF).in_field("proof")?)
            .map_err(|_| DecodeError::NonCanonical.in_field("proof"))?;
        reader.finish()?;
        Ok(Self { elements, proof })
    }
}

impl fmt::Debug for EvaluatedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EvaluatedBatch({} elements)", self.elements.len())
    }
}

fn read_count(reader: &mut Reader<'_>) -> Result<usize, DecodeError> {
    reader.version(VERSION).in_field("version")?;
    reader.version(SUITE).in_field("suite")?;
    match reader.count(BATCH_LIMIT).in_field("count")? {
        0 => Err(DecodeError::Zero.in_field("count")),
        count => Ok(count),
    }
}

fn read_elements<T>(
    reader: &mut Reader<'_>,
    count: usize,
    parse: impl Fn(&[u8]) -> voprf::Result<T>,
) -> Result<Vec<T>, DecodeError> {
    (0..count)
        .map(|_| {
            let bytes = reader.take(ELEMENT).in_field("element")?;
            if bytes.iter().all(|byte| *byte == 0) {
                return Err(DecodeError::Identity.in_field("element"));
            }
            parse(bytes).map_err(|_| DecodeError::NonCanonical.in_field("element"))
        })
        .collect()
}
