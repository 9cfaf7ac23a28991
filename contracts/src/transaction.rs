//! Transactions: unverified, signed, verified. Only the verifier makes the last.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::matching::posting::{PostedIndex, PostedTrapdoor};
use consilium_schemes::signature::{Signature, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::action::{Action, RegisterRecord};
use crate::codec::{Canonical, DecodeError};
use crate::crypto::{
    RECORD_CONSENT, TRANSACTION, read_key, read_signature, write_key, write_signature,
};
use crate::ids::{FederationId, Height, Nonce, TransactionHash};
use crate::parse;
use crate::proof::{Carried, Verdict};
use crate::rejection::Rejection;

/// The most bytes of a signed transaction in any federation; a setting may be lower.
pub const MAX_TRANSACTION_BYTES: usize = 1024 * 1024;

/// What a sender wants done.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Transaction {
    /// The federation it is for.
    pub federation: FederationId,
    /// Who signs it.
    #[borsh(serialize_with = "write_key", deserialize_with = "read_key")]
    pub sender: VerifyingKey,
    /// Chosen by the sender; a (sender, nonce) is used once.
    pub nonce: Nonce,
    /// The last height it may be applied at.
    pub expires: Height,
    /// What it does.
    pub action: Action,
}

impl Transaction {
    /// The bytes that the sender signs under [`TRANSACTION`] in the context of the federation.
    pub fn signing_bytes(&self) -> Vec<u8> {
        self.to_canonical_bytes()
    }

    /// Signs it. The key must be the sender's, or nobody will take it.
    pub fn sign(self, key: &SigningKey) -> SignedTransaction {
        let signature = key.sign(
            TRANSACTION,
            self.federation.as_bytes(),
            &self.signing_bytes(),
        );
        SignedTransaction {
            transaction: self,
            signature,
        }
    }
}

/// A transaction with a signature that nobody has checked yet.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct SignedTransaction {
    transaction: Transaction,
    #[borsh(
        serialize_with = "write_signature",
        deserialize_with = "read_signature"
    )]
    signature: Signature,
}

impl SignedTransaction {
    /// Puts a transaction and a signature made elsewhere together.
    pub const fn new(transaction: Transaction, signature: Signature) -> Self {
        Self {
            transaction,
            signature,
        }
    }

    /// Reads the canonical bytes; longer ones than any federation takes are refused unread.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_TRANSACTION_BYTES {
            return Err(DecodeError::TooLong {
                found: bytes.len(),
                limit: MAX_TRANSACTION_BYTES,
            });
        }
        Self::from_canonical_bytes(bytes)
    }

    /// The transaction.
    pub const fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// The sender's signature.
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// SHA-256 of the canonical bytes.
    pub fn hash(&self) -> TransactionHash {
        TransactionHash::from_bytes(Sha256::digest(self.to_canonical_bytes()).into())
    }

    /// Checks everything that needs no state: federation, signatures, proofs of possession, points and encodings. The other proofs
    /// are about what stands in the state: [`VerifiedTransaction::verify_proofs`].
    ///
    /// # Errors
    /// [`Rejection::WrongFederation`], [`Rejection::BadSignature`],
    /// [`Rejection::BadCoSignature`], [`Rejection::BadHospitalCard`], [`Rejection::BadPossession`], malformed points and proofs, a
    /// proof of no match.
    pub fn verify(self, federation: &FederationId) -> Result<VerifiedTransaction, Rejection> {
        let transaction = &self.transaction;
        if transaction.federation != *federation {
            let (named, expected) = (transaction.federation, *federation);
            return Err(Rejection::WrongFederation { named, expected });
        }
        let bytes = transaction.signing_bytes();
        transaction
            .sender
            .verify(TRANSACTION, federation.as_bytes(), &bytes, &self.signature)
            .map_err(|_| Rejection::BadSignature)?;
        verify_action(transaction, federation)?;
        let carried = parse::carried(&transaction.action)?;
        let canonical = self.to_canonical_bytes();
        let hash = TransactionHash::from_bytes(Sha256::digest(&canonical).into());
        Ok(VerifiedTransaction {
            hash,
            length: canonical.len(),
            signed: self,
            carried: Arc::new(carried),
            verdict: None,
        })
    }
}

/// The checks of an action that need no state.
fn verify_action(transaction: &Transaction, federation: &FederationId) -> Result<(), Rejection> {
    match &transaction.action {
        Action::AdmitHospital(card) => card.verify().map_err(Rejection::from),
        Action::RegisterRecord(registration) => verify_co_signature(registration, federation),
        Action::UpdateCard(update) => update.verify(federation, &transaction.sender),
        _ => Ok(()),
    }
}

fn verify_co_signature(
    registration: &RegisterRecord,
    federation: &FederationId,
) -> Result<(), Rejection> {
    let RegisterRecord {
        terms,
        co_signature,
    } = registration;
    terms
        .record_key
        .verify(
            RECORD_CONSENT,
            federation.as_bytes(),
            &terms.signing_bytes(),
            co_signature,
        )
        .map_err(|_| Rejection::BadCoSignature {
            record: terms.record,
        })
}

/// A transaction for this federation whose signatures hold and whose points are points.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedTransaction {
    hash: TransactionHash,
    length: usize,
    signed: SignedTransaction,
    carried: Arc<Carried>,
    /// On its proofs, if they were verified.
    verdict: Option<Verdict>,
}

impl VerifiedTransaction {
    /// SHA-256 of the canonical signed bytes.
    pub const fn hash(&self) -> TransactionHash {
        self.hash
    }

    /// How many bytes the canonical signed transaction has.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// The transaction.
    pub const fn transaction(&self) -> &Transaction {
        &self.signed.transaction
    }

    /// The signed transaction, to forward or store it.
    pub const fn signed(&self) -> &SignedTransaction {
        &self.signed
    }

    /// Whether its proofs hold, where they were verified ahead: `apply` need not, as long as the state says the same.
    pub fn proofs_hold(&self) -> Option<bool> {
        self.verdict.as_ref().map(Verdict::holds)
    }

    pub(crate) fn carried(&self) -> &Carried {
        &self.carried
    }

    pub(crate) const fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// For the module that verifies proofs, and nobody else.
    pub(crate) fn remember(&mut self, verdict: Verdict) {
        self.verdict = Some(verdict);
    }

    /// The index that it posts.
    pub(crate) fn posted_index(&self) -> Option<&PostedIndex> {
        match self.carried() {
            Carried::Index(posted) => Some(posted),
            Carried::Nothing
            | Carried::Trapdoor(_)
            | Carried::Match(_)
            | Carried::Decryption(_) => None,
        }
    }

    /// The trapdoor that it posts.
    pub(crate) fn posted_trapdoor(&self) -> Option<&PostedTrapdoor> {
        match self.carried() {
            Carried::Trapdoor(posted) => Some(posted),
            Carried::Nothing | Carried::Index(_) | Carried::Match(_) | Carried::Decryption(_) => {
                None
            }
        }
    }
}
