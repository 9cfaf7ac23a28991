//! *I decrypted it*: a proof of knowledge of z = c^{1/e}, which shows nothing of z.
//!
//! Guillou and Quisquater, "A practical zero-knowledge protocol fitted to security microprocessor minimizing both
//! transmission and memory", EUROCRYPT '88, made non-interactive by hashing (Fiat-Shamir). Lines of `docs/spec/match_proof.md`
//! are cited as `// L12`.
//!
//! ```text
//! u_i <- Z_N*, i = 1..8;  t_i = u_i^e
//! ch_1 .. ch_8 = the first 16 bytes of SHA-256("REPORT-GQ", federation, record, report digest, N, e, c, t_1 .. t_8)
//! answers r_i = u_i z^{ch_i};  a proof is (ch_1 .. ch_8, r_1 .. r_8)
//! check: t_i = r_i^e c^{-ch_i} give the same ch_1 .. ch_8
//! ```
//! Two answers to one t_i give (r/r')^e = c^{ch - ch'}, and e = 65537 is a prime above |ch - ch'| < 2^16, so an e-th root of c follows by
//! Bezout; c and the answers must be coprime to N for the divisions. Who does not know z passes one round with 2^-16, all eight with
//! 2^-128; whoever tries Q hashes offline, with Q · 2^-128: 2^-64 after 2^64 tries. That c has *one* root is what N's certificate
//! shows, hence [`PublicKey`], which has it checked.
//!
//! A proof has 17 + 8 |N| bytes (3,089 with 3072 bits). Proving and verifying take eight powers to e and eight to 16 bits each, and
//! an inversion modulo N.
//!
//! **What it does not show**: who made it. The doctor, who drew z, can make it too: it says nothing without the signature of the
//! record's key on the transaction that carries it. Nor does it show that c belongs to the report of that digest: that is what
//! [`PartDigests`](super::PartDigests) are for.
//!
//! Constant time: multiplication and reduction of the crate `crypto-bigint` (`mul_mod`) do not branch on their values, the
//! exponents e and ch_i are public. Whether a nonce was drawn again (not in (0, N), or not coprime to it) shows, its value does
//! not. Products are wiped where they end up; the library's temporaries are not. Nonces are hedged, as are all others.

use core::fmt;

use rand_core::CryptoRng;
use rsa::BoxedUint;
use rsa::traits::PublicKeyParts as _;
use zeroize::Zeroizing;

use super::error::DecryptionProofError;
use super::key::PublicKey;
use super::modulus::{E, fixed_bytes, inverse, is_accepted_size, is_coprime, residue};
use super::sealed::{MODULUS_LIMIT, encapsulation, power};
use super::{Opening, ReportContext};
use crate::curve::{DecodeError, InField as _, Label, Reader, Transcript};
use crate::digest::Digest;
use crate::hedged::FRESH;
use crate::kdf;

const LABEL: Label = Label::new("CONSILIUM-V1-REPORT-GQ");
const LABEL_NONCE: Label = Label::new("CONSILIUM-V1-REPORT-GQ-NONCE");

const VERSION: u8 = 1;
/// Rounds of 16-bit challenges: 8 · 16 = 128.
const ROUNDS: usize = 8;
const CHALLENGE_BITS: u32 = u16::BITS;
const CHALLENGES: usize = ROUNDS * 2;
const HEAD: usize = 1 + CHALLENGES;

/// What is proven to have been decrypted: c, of this report, under this key.
#[derive(Debug, Clone, Copy)]
pub struct DecryptionStatement<'a> {
    /// Federation and record.
    pub context: &'a ReportContext,
    /// The report's digest on the ledger.
    pub report: &'a Digest,
    /// N with its certificate.
    pub key: &'a PublicKey,
    /// c, big-endian, as long as N.
    pub c: &'a [u8],
}

impl DecryptionStatement<'_> {
    /// federation, record, report digest, N, e, c.
    fn append(&self, start: Transcript) -> Transcript {
        start
            .fixed(&self.context.federation)
            .fixed(&self.context.record)
            .fixed(self.report.as_bytes())
            .variable(&self.key.rsa().n_bytes())
            .u64(E)
            .variable(self.c)
    }

    /// ch_1 .. ch_8, two bytes each.
    fn challenges<'t>(&self, t: impl Iterator<Item = &'t [u8]>) -> [u8; CHALLENGES] {
        let start = Transcript::new().variable(LABEL.as_bytes());
        let message = t.fold(self.append(start), Transcript::variable);
        let digest = Digest::of(message.as_bytes()).to_bytes();
        let (head, _) = digest.split_first_chunk().expect("32 bytes begin with 16");
        *head
    }
}

/// ch_1..ch_8 and r_1..r_8: well-formed, not yet verified.
#[derive(Clone, PartialEq, Eq)]
pub struct DecryptionProof {
    challenges: [u8; CHALLENGES],
    /// Eight integers, big-endian, of equal length.
    answers: Vec<u8>,
}

/// Proves to know the opening of a report.
///
/// # Errors
/// [`DecryptionProofError::Encapsulation`], [`DecryptionProofError::Opening`].
pub fn prove_decryption(
    statement: &DecryptionStatement<'_>,
    opening: &Opening,
    rng: &mut impl CryptoRng,
) -> Result<DecryptionProof, DecryptionProofError> {
    let key = statement.key;
    encapsulation(key, statement.c).ok_or(DecryptionProofError::Encapsulation)?;
    let z = residue(key.rsa(), opening.expose_secret())
        .map(Zeroizing::new)
        .ok_or(DecryptionProofError::Opening)?;
    if power(key, opening.expose_secret()).ok().as_deref() != Some(statement.c) {
        return Err(DecryptionProofError::Opening);
    }

    let mut fresh = Zeroizing::new([0; FRESH]);
    rng.fill_bytes(fresh.as_mut());
    let nonces: Vec<_> = (0..)
        .zip(0..ROUNDS)
        .map(|(i, _)| nonce(statement, opening, &fresh, i))
        .collect(); // L36
    let commitments = nonces
        .iter()
        .map(|u| power(key, &fixed_bytes(key.rsa(), u)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| DecryptionProofError::Opening)?; // L37
    let challenges = statement.challenges(commitments.iter().map(Vec::as_slice)); // L38
    let mut answers = Vec::with_capacity(ROUNDS * key.size());
    for (u, ch) in nonces.iter().zip(each(&challenges)) {
        let r = u.mul_mod(&small_power(&z, ch, key), key.rsa().n()); // L39
        answers.extend_from_slice(&fixed_bytes(key.rsa(), &r));
    }
    Ok(DecryptionProof {
        challenges,
        answers,
    })
}

impl DecryptionProof {
    /// Largest encoding.
    pub const LIMIT: usize = Self::length(MODULUS_LIMIT);

    /// Bytes of the encoding for a modulus of so many bytes.
    #[must_use]
    pub const fn length(modulus: usize) -> usize {
        HEAD + ROUNDS * modulus
    }

    /// Whether whoever made this knows z.
    ///
    /// # Errors
    /// [`DecryptionProofError`]; not [`DecryptionProofError::Opening`].
    pub fn verify(&self, statement: &DecryptionStatement<'_>) -> Result<(), DecryptionProofError> {
        let key = statement.key;
        let (expected, actual) = (key.size(), self.answers.len() / ROUNDS);
        if expected != actual {
            return Err(DecryptionProofError::Size { expected, actual });
        }
        let c = encapsulation(key, statement.c).ok_or(DecryptionProofError::Encapsulation)?;
        let inverse = inverse(key.rsa(), &c).ok_or(DecryptionProofError::Encapsulation)?;
        let mut commitments = Vec::with_capacity(ROUNDS);
        let mut product = c;
        for (answer, ch) in self
            .answers
            .chunks_exact(actual)
            .zip(each(&self.challenges))
        {
            let r = residue(key.rsa(), answer).ok_or(DecryptionProofError::Answer)?;
            product = product.mul_mod(&r, key.rsa().n());
            let r_e = power(key, answer)
                .ok()
                .and_then(|bytes| residue(key.rsa(), &bytes))
                .ok_or(DecryptionProofError::Answer)?;
            let t = r_e.mul_mod(&small_power(&inverse, ch, key), key.rsa().n()); // L41
            commitments.push(fixed_bytes(key.rsa(), &t));
        }
        if !is_coprime(key.rsa(), &product) {
            return Err(DecryptionProofError::Answer); // L40
        }
        let again = statement.challenges(commitments.iter().map(|t| t.as_slice()));
        if again == self.challenges {
            Ok(()) // L42
        } else {
            Err(DecryptionProofError::DoesNotHold)
        }
    }

    /// The canonical encoding: `version || ch_1 .. ch_8, 2 each || r_1 .. r_8`, integers big-endian, as long as N.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + self.answers.len());
        out.push(VERSION);
        out.extend_from_slice(&self.challenges);
        out.extend_from_slice(&self.answers);
        out
    }

    /// Parses the canonical encoding. Whether the answers fit the modulus is checked with it.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::LIMIT)?;
        reader.version(VERSION).in_field("version")?;
        let challenges = reader.array().in_field("challenges")?;
        let rest = bytes.len().saturating_sub(HEAD);
        let bits = u32::try_from(rest / ROUNDS * 8).unwrap_or(u32::MAX);
        if !rest.is_multiple_of(ROUNDS) || !is_accepted_size(bits) {
            let rule = DecodeError::Rule("eight answers, as long as an accepted modulus");
            return Err(rule.in_field("answers"));
        }
        let answers = reader.take(rest).in_field("answers")?.to_vec();
        reader.finish()?;
        Ok(Self {
            challenges,
            answers,
        })
    }
}

impl fmt::Debug for DecryptionProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptionProof({} bytes)", HEAD + self.answers.len())
    }
}

/// u_i = HKDF("REPORT-GQ-NONCE", z || fresh, SHA-256(statement) || i || attempt, |N| bytes), for the first attempt that gives an
/// integer in (0, N) coprime to N.
fn nonce(
    statement: &DecryptionStatement<'_>,
    opening: &Opening,
    fresh: &[u8; FRESH],
    i: u32,
) -> Zeroizing<BoxedUint> {
    let key = statement.key;
    let mut secret = Zeroizing::new(Vec::with_capacity(MODULUS_LIMIT + FRESH));
    secret.extend_from_slice(opening.expose_secret());
    secret.extend_from_slice(fresh);
    let about = Digest::of(statement.append(Transcript::new()).as_bytes());
    let mut bytes = Zeroizing::new(vec![0; key.size()]);
    let mut attempt = 0;
    loop {
        let info = Transcript::new()
            .fixed(about.as_bytes())
            .u32(i)
            .u32(attempt);
        kdf::derive_into(LABEL_NONCE, &secret, info.as_bytes(), &mut bytes);
        let drawn = residue(key.rsa(), &bytes).map(Zeroizing::new);
        if let Some(u) = drawn.filter(|u| is_coprime(key.rsa(), u)) {
            return u;
        }
        attempt += 1;
    }
}

/// ch_1, ch_2, ..
fn each(challenges: &[u8; CHALLENGES]) -> impl Iterator<Item = u16> {
    let (pairs, _) = challenges.as_chunks();
    pairs.iter().map(|pair| u16::from_be_bytes(*pair))
}

/// base^ch mod N: branches on ch only, which is public.
fn small_power(base: &BoxedUint, ch: u16, key: &PublicKey) -> Zeroizing<BoxedUint> {
    let n = key.rsa().n();
    let one = BoxedUint::one_with_precision(n.bits_precision());
    (0..CHALLENGE_BITS)
        .rev()
        .fold(Zeroizing::new(one), |power, bit| {
            let squared = Zeroizing::new(power.mul_mod(&power, n));
            match ch >> bit & 1 {
                0 => squared,
                _ => Zeroizing::new(squared.mul_mod(base, n)),
            }
        })
}
