//! The ledger as devices see it, the same at the KGC and at every gateway.
//!
//! | endpoint | who | request → response |
//! |---|---|---|
//! | `GET /v1/genesis` | anyone | → [`GenesisDocument`] |
//! | `GET /v1/hospitals` | anyone | → [`HospitalList`] |
//! | `GET /v1/ledger/status` | anyone | → [`LedgerStatus`] |
//! | `GET /v1/ledger/snapshots/latest` | another node of the ledger | → the snapshot's bytes |
//! | `GET /v1/ledger/blocks/{height}` | any principal | → [`BlockView`] |
//! | `GET /v1/ledger/blocks?from=N&to=M` | any principal | → blocks and certificates as bytes, some of those asked for, in order |
//! | `GET /v1/ledger/evidence` | any principal | → [`EvidenceList`] |
//! | `GET /v1/ledger/handovers` | any principal | → the bytes of [`consilium_ledger::Handovers`] |
//! | `GET /v1/ledger/proofs/records/{record}` | any principal | → the bytes of a [proof](crate::ledger_proof) |
//! | `GET /v1/ledger/proofs/authorizations/{authorization}` | any principal | → as above |
//! | `GET /v1/ledger/proofs/reports/{record}` | any principal | → as above; the ledger says which doctor's |
//! | `GET /v1/ledger/proofs/reports/{record}/{doctor}` | any principal | → as above |
//! | `GET /v1/ledger/transactions/{hash}` | any principal | → [`TransactionView`] |
//! | `POST /v1/ledger/transactions` | any principal | [`SubmitTransaction`] → [`TransactionReceipt`] |
//! | `GET /v1/epochs` | anyone | → [`EpochList`] |
//! | `GET /v1/epochs/{epoch}/update-key` | anyone | → the update key's bytes |
//!
//! Everything a device signs by itself goes through `POST /v1/ledger/transactions`: a trapdoor posted or withdrawn, consent
//! withdrawn, an assignment declined, a report acknowledged, a hospital challenged. The services react to the events.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use consilium_contracts::{Digest, FederationId, HospitalId, TransactionHash};

use crate::api::challenges::ConductView;
use crate::wire::{HexBytes, PublicKey, Text};

/// The signed genesis, and the federation id that its hash is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GenesisDocument {
    /// SHA-256 of the canonical genesis; check it, do not believe it.
    #[schema(value_type = String)]
    pub federation: Text<FederationId>,
    /// The signed genesis, canonically encoded.
    pub genesis: HexBytes,
}

/// The hospitals of the federation, as the ledger has them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HospitalList {
    /// The height the list was read at.
    pub height: u64,
    /// In order of their ids.
    pub hospitals: Vec<HospitalView>,
}

/// One hospital.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HospitalView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Text<HospitalId>,
    /// Its name for people.
    pub display_name: String,
    /// Whether its node votes.
    pub validator: bool,
    /// Its card, canonically encoded: URL, TLS pin, keys.
    pub card: HexBytes,
}

/// Whether a node follows the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SyncState {
    /// At the tip.
    Following,
    /// Behind, fetching blocks.
    CatchingUp,
    /// Stopped, and will not go on by itself.
    Halted,
}

/// Where a node stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerStatus {
    /// Whose ledger.
    #[schema(value_type = String)]
    pub federation: Text<FederationId>,
    /// The last applied height; 0 is genesis.
    pub height: u64,
    /// Its block's hash; the federation for genesis.
    #[schema(value_type = String)]
    pub hash: Text<Digest>,
    /// The state's root after it.
    pub state_root: HexBytes,
    /// Time of the last block, in milliseconds since the Unix epoch.
    pub tip_time_ms: u64,
    /// How old that is.
    pub tip_age_ms: u64,
    /// How old it may be in this federation before services refuse to serve.
    pub max_tip_age_ms: u64,
    /// A block is made at least this often.
    pub heartbeat_ms: u64,
    /// Who votes, in order of their ids.
    pub validators: Vec<ValidatorStatus>,
    /// The first height whose certificate this node looked at for votes.
    pub votes_since: u64,
    /// Connected peers.
    pub peers: usize,
    /// Transactions that wait for a block.
    pub pool: PoolStatus,
    /// Pieces of evidence against validators that signed two different things.
    pub evidence: u64,
    /// Whether it follows.
    pub sync: SyncState,
    /// Why this validator does not vote yet, if it does not, and what ends that.
    pub abstains: Option<String>,
    /// The oldest block that it keeps; older ones are pruned here.
    pub oldest_block: u64,
    /// The height of its newest snapshot; absent where it has none.
    pub snapshot: Option<u64>,
    /// Why it stopped, if it did.
    pub failure: Option<String>,
    /// What the hospitals made of the challenges to them, in order of their ids; only those that were challenged.
    pub challenges: Vec<ConductView>,
    /// The federation's prefilter; absent where it has none.
    pub prefilter: Option<PrefilterView>,
    /// The most keywords of a record in this federation.
    pub keywords: u16,
}

/// By what the hospitals leave out comparisons: a setting of the federation that tells them keyword buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrefilterView {
    /// Bits of a bitmap.
    pub bits: u16,
    /// How many of them are set.
    pub weight: u16,
}

/// A validator, and when its vote was seen last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorStatus {
    /// The hospital that votes.
    #[schema(value_type = String)]
    pub hospital: Text<HospitalId>,
    /// The key that it votes with.
    pub key: PublicKey,
    /// The last height whose commit certificate carries its vote; absent when none does since `votes_since`. A vote that comes when
    /// two thirds are there already does not stand in the certificate.
    pub last_vote: Option<u64>,
}

/// Transactions that wait for a block, and how many may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolStatus {
    /// How many wait.
    pub transactions: usize,
    /// Their bytes.
    pub bytes: usize,
    /// How many may.
    pub max_transactions: usize,
    /// How many bytes.
    pub max_bytes: usize,
}

/// Validators that signed two different things.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EvidenceList {
    /// How many pieces the node keeps.
    pub total: u64,
    /// The last of them, the newest first.
    pub evidence: Vec<EvidenceView>,
}

/// Two statements of one validator that exclude each other, both signed by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceView {
    /// The validator's key.
    pub validator: PublicKey,
    /// The hospital whose card names the key now; absent when none does.
    #[schema(value_type = Option<String>)]
    pub hospital: Option<Text<HospitalId>>,
    /// At which height.
    pub height: u64,
    /// In which round.
    pub round: u32,
    /// `prevote`, `precommit` or `proposal`.
    pub kind: String,
    /// The block of each statement; absent for nil.
    #[schema(value_type = Vec<Option<String>>)]
    pub blocks: [Option<Text<Digest>>; 2],
    /// Both statements with their signatures, canonically encoded: `consilium_ledger::Evidence`. Verify it, do not believe the rest.
    pub evidence: HexBytes,
}

/// Which blocks to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockRange {
    /// The first height, at least 1.
    pub from: u64,
    /// The last height. The service may send fewer, at least one: ask on from there.
    pub to: u64,
}

/// A transaction that a device signed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitTransaction {
    /// The signed transaction, canonically encoded.
    pub transaction: HexBytes,
}

/// Proof of nothing by itself, but where to look: the transaction is committed and applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionReceipt {
    /// The transaction.
    #[schema(value_type = String)]
    pub hash: Text<TransactionHash>,
    /// The block that has it.
    pub height: u64,
    /// Its place in the block.
    pub index: u32,
    /// What it caused, each canonically encoded.
    pub events: Vec<HexBytes>,
}

/// A block.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BlockView {
    /// Its height.
    pub height: u64,
    /// Its hash.
    #[schema(value_type = String)]
    pub hash: Text<Digest>,
    /// Its time, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Its transactions, in order.
    #[schema(value_type = Vec<String>)]
    pub transactions: Vec<Text<TransactionHash>>,
    /// The block, canonically encoded.
    pub block: HexBytes,
    /// The commit certificate, canonically encoded.
    pub certificate: HexBytes,
}

/// A committed transaction.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TransactionView {
    /// Where it is and what it caused.
    pub receipt: TransactionReceipt,
    /// The signed transaction, canonically encoded.
    pub transaction: HexBytes,
}

/// The published epochs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EpochList {
    /// The current one: the last published; absent before the first.
    pub current: Option<u64>,
    /// Each, in order.
    pub epochs: Vec<EpochView>,
}

/// A published epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EpochView {
    /// Its number; the first is 1.
    pub epoch: u64,
    /// SHA-256 of its update key, as it stands on the ledger.
    #[schema(value_type = String)]
    pub update_key_digest: Text<Digest>,
    /// The height it was published at.
    pub height: u64,
}
