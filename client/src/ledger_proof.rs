//! What stands on the ledger, for those who run no node: a file that is checked from the genesis alone.
//!
//! | what is checked | by |
//! |---|---|
//! | the genesis is the federation's | its hash, which the caller knows or compares |
//! | who the validators of that height are | handovers, from the genesis on |
//! | a quorum of them signed the header | commit certificate |
//! | the value, or nothing, stands under the key in the header's state | path of the Jellyfish Merkle tree |
//! | the key is that of what the file says it is about | [`Subject::key`] |
//!
//! A header certifies the state *before* its block: what a proof says is so as of one block earlier, until the time of the header's
//! block. A proof stays true of its block and does not say what came later; who needs what is so now asks for a new one.
//!
//! ```no_run
//! # use consilium_client::ledger_proof::{LedgerProof, Standing};
//! # fn example(file: &[u8], genesis: &consilium_contracts::VerifiedGenesis) -> Result<(), Box<dyn std::error::Error>> {
//! let proven = LedgerProof::from_bytes(file)?.verify(genesis)?;
//! if let Standing::Record(record) = &proven.standing {
//!     println!("{:?} as of block {}", record.status, proven.height);
//! }
//! # Ok(()) }
//! ```

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{
    AuthorizationEntry, AuthorizationId, BlockTime, Canonical, CloseReason, DecodeError, DoctorId,
    FederationId, Height, Key, RecordEntry, RecordId, RecordStatus, ReportEntry, VerifiedGenesis,
};
use consilium_ledger::{HandoverError, Handovers, KeyProof, ProofError, Trust};

/// What a file begins with.
const LABEL: &[u8] = b"CONSILIUM-V1-LEDGER-PROOF";

/// What a proof is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Subject {
    /// A record: its terms and where it is in its life.
    Record(RecordId),
    /// An authorization.
    Authorization(AuthorizationId),
    /// A report on a record.
    Report {
        /// The record.
        record: RecordId,
        /// By whom. Without a doctor, the record's state must show that there is no report by anybody.
        doctor: Option<DoctorId>,
    },
}

impl Subject {
    /// Where it stands in the ledger's state.
    pub fn key(&self) -> Key {
        match self {
            Self::Record(record)
            | Self::Report {
                record,
                doctor: None,
            } => Key::record(record),
            Self::Authorization(authorization) => Key::authorization(authorization),
            Self::Report {
                record,
                doctor: Some(doctor),
            } => Key::report(record, doctor),
        }
    }

    /// Whether a proof of this is what was asked for: a report may be asked for without its doctor.
    pub fn answers(&self, asked: &Self) -> bool {
        match (self, asked) {
            (
                Self::Report { record, .. },
                Self::Report {
                    record: asked,
                    doctor: None,
                },
            ) => record == asked,
            _ => self == asked,
        }
    }

    /// Its path under `/v1/ledger/proofs/`.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Record(record) => format!("records/{record}"),
            Self::Authorization(authorization) => format!("authorizations/{authorization}"),
            Self::Report {
                record,
                doctor: None,
            } => format!("reports/{record}"),
            Self::Report {
                record,
                doctor: Some(doctor),
            } => format!("reports/{record}/{doctor}"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(record) => write!(f, "record {record}"),
            Self::Authorization(authorization) => write!(f, "authorization {authorization}"),
            Self::Report {
                record,
                doctor: None,
            } => write!(f, "a report on record {record}"),
            Self::Report {
                record,
                doctor: Some(doctor),
            } => write!(f, "the report of doctor {doctor} on record {record}"),
        }
    }
}

/// A proof of what stands on the ledger. Unverified until [`LedgerProof::verify`].
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerProof {
    subject: Subject,
    handovers: Handovers,
    proof: KeyProof,
}

/// Why bytes are not a proof, or a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerProofError {
    /// Something else, or of another version.
    #[error("this is not a proof of what stands on the ledger, or of another version than 1")]
    Label,
    /// Not the encoding of a proof.
    #[error("the proof is damaged: {0}")]
    Encoding(#[from] DecodeError),
    /// A change of the validators that does not follow from the genesis.
    #[error("the proof does not hold for this genesis: {0}")]
    Handover(#[from] HandoverError),
    /// Certificate or path do not hold under this genesis.
    #[error("the proof does not hold for federation {federation}: {error}")]
    Proof {
        /// The federation of the genesis.
        federation: FederationId,
        /// Why.
        error: ProofError,
    },
    /// It proves something, but not what it says.
    #[error("the proof says it is of {subject}, but proves what stands under {found}")]
    OtherKey {
        /// What it says.
        subject: Subject,
        /// What it proves.
        found: Key,
    },
    /// What stands there is not what these contracts write.
    #[error("what stands under the key of {subject} is malformed: {error}")]
    Value {
        /// Of what.
        subject: Subject,
        /// Why.
        error: DecodeError,
    },
    /// The record's state leaves open whether there is a report.
    #[error(
        "record {record} is {status:?}, which does not say whether a report stands: ask with the doctor's id"
    )]
    Undecided {
        /// The record.
        record: RecordId,
        /// Its state.
        status: RecordStatus,
    },
}

/// What a verified proof says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The federation on whose ledger it stands.
    pub federation: FederationId,
    /// What was asked for.
    pub subject: Subject,
    /// What stands there.
    pub standing: Standing,
    /// As of which block: the last whose effects are included.
    pub height: Height,
    /// The time of the block after it, which certifies it.
    pub time: BlockTime,
    /// How many validators signed.
    pub signed: usize,
    /// How many there are.
    pub validators: usize,
}

/// What stands on the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The record.
    Record(Box<RecordEntry>),
    /// The authorization.
    Authorization(Box<AuthorizationEntry>),
    /// The report.
    Report(Box<ReportEntry>),
    /// The record, in a state that nobody's report came before.
    NoReport(Box<RecordEntry>),
    /// Nothing.
    Absent,
}

impl LedgerProof {
    /// The most bytes of a file.
    pub const MAX_BYTES: usize = KeyProof::MAX_BYTES + Handovers::MAX_BYTES + 4096;

    /// Says that `proof` is of `subject`, certified by the validators that `handovers` lead to.
    pub const fn new(subject: Subject, handovers: Handovers, proof: KeyProof) -> Self {
        Self {
            subject,
            handovers,
            proof,
        }
    }

    /// What it is about. Unverified.
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts = [
            LABEL,
            &self.subject.to_canonical_bytes(),
            &self.handovers.to_bytes(),
            &self.proof.to_bytes(),
        ];
        parts.concat()
    }

    /// Reads the bytes of a file and nothing else.
    ///
    /// # Errors
    /// [`LedgerProofError::Label`], `Encoding`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LedgerProofError> {
        let (found, limit) = (bytes.len(), Self::MAX_BYTES);
        if found > limit {
            return Err(DecodeError::TooLong { found, limit }.into());
        }
        let mut rest = bytes.strip_prefix(LABEL).ok_or(LedgerProofError::Label)?;
        let malformed = |error: std::io::Error| DecodeError::Malformed(error.to_string());
        let subject = read_subject(&mut rest)?;
        let handovers = Handovers::read(&mut rest).map_err(malformed)?;
        let proof = KeyProof::from_bytes(rest)?;
        Ok(Self {
            subject,
            handovers,
            proof,
        })
    }

    /// Checks the proof from the genesis alone; what it says.
    ///
    /// # Errors
    /// [`LedgerProofError`].
    pub fn verify(&self, genesis: &VerifiedGenesis) -> Result<Proven, LedgerProofError> {
        let federation = genesis.federation();
        let mut trust = Trust::genesis(genesis);
        trust.follow_all(self.handovers.iter())?;
        let validators = trust.validators_at(self.proof.header().height);
        let proven = self.proof.verify(&federation, validators);
        let proven = proven.map_err(|error| LedgerProofError::Proof { federation, error })?;
        if *proven.key != self.subject.key() {
            return Err(LedgerProofError::OtherKey {
                subject: self.subject,
                found: proven.key.clone(),
            });
        }
        Ok(Proven {
            federation,
            subject: self.subject,
            standing: self.standing(proven.value)?,
            height: proven.height,
            time: proven.time,
            signed: self.proof.certificate().signatures().len(),
            validators: validators.as_slice().len(),
        })
    }

    fn standing(&self, value: Option<&[u8]>) -> Result<Standing, LedgerProofError> {
        let Some(value) = value else {
            return Ok(Standing::Absent);
        };
        match self.subject {
            Subject::Record(_) => Ok(Standing::Record(self.entry(value)?)),
            Subject::Authorization(_) => Ok(Standing::Authorization(self.entry(value)?)),
            Subject::Report {
                doctor: Some(_), ..
            } => Ok(Standing::Report(self.entry(value)?)),
            Subject::Report {
                record,
                doctor: None,
            } => {
                let entry: Box<RecordEntry> = self.entry(value)?;
                match comes_before_any_report(&entry) {
                    true => Ok(Standing::NoReport(entry)),
                    false => {
                        let status = entry.status.clone();
                        Err(LedgerProofError::Undecided { record, status })
                    }
                }
            }
        }
    }

    fn entry<T: Canonical>(&self, value: &[u8]) -> Result<Box<T>, LedgerProofError> {
        let subject = self.subject;
        T::from_canonical_bytes(value)
            .map(Box::new)
            .map_err(|error| LedgerProofError::Value { subject, error })
    }
}

fn read_subject(bytes: &mut &[u8]) -> Result<Subject, DecodeError> {
    let (version, mut rest) = bytes.split_first().ok_or(DecodeError::Empty)?;
    if *version != consilium_contracts::ENCODING_VERSION {
        return Err(DecodeError::Version { found: *version });
    }
    let subject = Subject::deserialize(&mut rest);
    *bytes = rest;
    subject.map_err(|error| DecodeError::Malformed(error.to_string()))
}

/// Whether no report was ever posted on a record in this state: none waits for the patient or was answered, none was refuted. A consent
/// that ended may have ended before or after one.
fn comes_before_any_report(entry: &RecordEntry) -> bool {
    match entry.status {
        RecordStatus::Registered
        | RecordStatus::Matching { .. }
        | RecordStatus::Assigned { .. }
        | RecordStatus::Accessed { .. }
        | RecordStatus::Closed(CloseReason::Unmatched(_)) => entry.refuted == 0,
        RecordStatus::Reported { .. }
        | RecordStatus::Closed(
            CloseReason::Acknowledged
            | CloseReason::Complained(_)
            | CloseReason::ConsentWithdrawn
            | CloseReason::ConsentExpired,
        ) => false,
    }
}
