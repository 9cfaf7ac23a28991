//! The layout of the state's keys; `docs/spec/contracts.md` has it as a table.
//!
//! A key is an ASCII kind, a slash, then its parts: 32-byte ids and big-endian numbers raw (they
//! have one length), hospital ids as text closed by a slash (they have none). Scans by prefix are
//! therefore exact, and numbers sort as numbers.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::signature::VerifyingKey;

use super::challenge::Challenger;
use super::entries::Due;
use crate::action::Scope;
use crate::ids::{
    AuthorizationId, BlockTime, Digest, DoctorId, Height, HospitalId, Leaf, Nonce, RecordId,
};
use consilium_schemes::abe::Epoch;

/// A key of the state.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Key(Vec<u8>);

impl Key {
    /// A key of any bytes, for stores that read keys back.
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the key begins with `prefix`.
    pub fn starts_with(&self, prefix: &[u8]) -> bool {
        self.0.starts_with(prefix)
    }

    fn of(kind: &str, parts: &[&[u8]]) -> Self {
        let mut bytes = kind.as_bytes().to_vec();
        bytes.push(b'/');
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        Self(bytes)
    }

    /// Name, parameters and KGC of the federation.
    pub fn federation() -> Self {
        Self::of("federation", &[])
    }

    /// The settings.
    pub fn settings() -> Self {
        Self::of("settings", &[])
    }

    /// The current epoch.
    pub fn current_epoch() -> Self {
        Self::of("current-epoch", &[])
    }

    /// The next free leaf.
    pub fn next_leaf() -> Self {
        Self::of("next-leaf", &[])
    }

    /// How many matches the ledger has seen: their order.
    pub fn match_count() -> Self {
        Self::of("match-count", &[])
    }

    /// A published epoch.
    pub fn epoch(epoch: Epoch) -> Self {
        Self::of("epoch", &[&number(epoch.number())])
    }

    /// Who a signing key is.
    pub fn principal(key: &VerifyingKey) -> Self {
        Self::of("principal", &[key.as_bytes()])
    }

    /// Whose a validator's or node's key is, or was.
    pub fn taken(key: &VerifyingKey) -> Self {
        Self::of("taken", &[key.as_bytes()])
    }

    /// A hospital.
    pub fn hospital(id: &HospitalId) -> Self {
        Self::of("hospital", &[&slug(id)])
    }

    /// Who votes, and who will.
    pub fn validators() -> Self {
        Self::of("validators", &[])
    }

    /// The open proposal to change the validators.
    pub fn validator_proposal() -> Self {
        Self::of("validator-proposal", &[])
    }

    /// A doctor.
    pub fn doctor(id: &DoctorId) -> Self {
        Self::of("doctor", &[id.as_bytes()])
    }

    /// That a doctor is of a hospital.
    pub fn doctor_of(hospital: &HospitalId, id: &DoctorId) -> Self {
        Self::of("doctor-of", &[&slug(hospital), id.as_bytes()])
    }

    /// A leaf of the KGC's tree.
    pub fn leaf(leaf: Leaf) -> Self {
        Self::of("leaf", &[&number(leaf.value())])
    }

    /// A record.
    pub fn record(id: &RecordId) -> Self {
        Self::of("record", &[id.as_bytes()])
    }

    /// That a record is kept by a hospital.
    pub fn record_of(owner: &HospitalId, id: &RecordId) -> Self {
        Self::of("record-of", &[&slug(owner), id.as_bytes()])
    }

    /// An authorization, once used or live.
    pub fn authorization(id: &AuthorizationId) -> Self {
        Self::of("authorization", &[id.as_bytes()])
    }

    /// That an authorization is live.
    pub fn live(from: &HospitalId, to: &HospitalId, scope: &Scope, id: &AuthorizationId) -> Self {
        let scope = scope_bytes(scope);
        Self::of("live", &[&slug(from), &slug(to), &scope, id.as_bytes()])
    }

    /// That a live authorization covers one record alone.
    pub fn record_authorization(record: &RecordId, id: &AuthorizationId) -> Self {
        Self::of("record-authorization", &[record.as_bytes(), id.as_bytes()])
    }

    /// An index.
    pub fn index(record: &RecordId, to: &HospitalId) -> Self {
        Self::of("index", &[record.as_bytes(), &slug(to)])
    }

    /// That an index was posted to a hospital.
    pub fn index_to(to: &HospitalId, record: &RecordId) -> Self {
        Self::of("index-to", &[&slug(to), record.as_bytes()])
    }

    /// A doctor's trapdoor.
    pub fn trapdoor(hospital: &HospitalId, doctor: &DoctorId) -> Self {
        Self::of("trapdoor", &[&slug(hospital), doctor.as_bytes()])
    }

    /// A match.
    pub fn matched(record: &RecordId, doctor: &DoctorId) -> Self {
        Self::of("match", &[record.as_bytes(), doctor.as_bytes()])
    }

    /// An assignment, open or ended.
    pub fn assignment(record: &RecordId, doctor: &DoctorId) -> Self {
        Self::of("assignment", &[record.as_bytes(), doctor.as_bytes()])
    }

    /// That a doctor was once assigned a record.
    pub fn assignment_of(doctor: &DoctorId, record: &RecordId) -> Self {
        Self::of("assignment-of", &[doctor.as_bytes(), record.as_bytes()])
    }

    /// That a hospital's doctor has an open assignment.
    pub fn open(hospital: &HospitalId, doctor: &DoctorId, record: &RecordId) -> Self {
        Self::of(
            "open",
            &[&slug(hospital), doctor.as_bytes(), record.as_bytes()],
        )
    }

    /// The accesses of a doctor to a record.
    pub fn access(record: &RecordId, doctor: &DoctorId) -> Self {
        Self::of("access", &[record.as_bytes(), doctor.as_bytes()])
    }

    /// The report of a doctor on a record.
    pub fn report(record: &RecordId, doctor: &DoctorId) -> Self {
        Self::of("report", &[record.as_bytes(), doctor.as_bytes()])
    }

    /// The last challenge about a record and a doctor.
    pub fn challenge(record: &RecordId, doctor: &DoctorId) -> Self {
        Self::of("challenge", &[record.as_bytes(), doctor.as_bytes()])
    }

    /// A challenge that a hospital has to answer.
    pub fn open_challenge(hospital: &HospitalId, record: &RecordId, doctor: &DoctorId) -> Self {
        let parts: [&[u8]; 3] = [&slug(hospital), record.as_bytes(), doctor.as_bytes()];
        Self::of("challenged", &parts)
    }

    /// How many challenges of a record were made.
    pub fn challenge_quota(record: &RecordId, by: Challenger) -> Self {
        Self::of("challenge-quota", &[record.as_bytes(), &[by as u8]])
    }

    /// What a hospital made of the challenges to it.
    pub fn conduct(hospital: &HospitalId) -> Self {
        Self::of("conduct", &[&slug(hospital)])
    }

    /// A doctor's complaint about a transform of a record, by the digest of the hospital's signature over it.
    pub fn complaint(record: &RecordId, doctor: &DoctorId, transform: &Digest) -> Self {
        let parts = [record.as_bytes(), doctor.as_bytes(), transform.as_bytes()];
        Self::of("complaint", &parts.map(|part| part.as_slice()))
    }

    /// Something that happens at a block time.
    pub fn due(time: BlockTime, due: &Due) -> Self {
        let due = borsh::to_vec(due).expect("writing to a vector cannot fail");
        Self::of("due", &[&number(time.value()), &due])
    }

    /// That a sender used a nonce.
    pub fn nonce(sender: &VerifyingKey, nonce: Nonce) -> Self {
        Self::of("nonce", &[sender.as_bytes(), &number(nonce.value())])
    }

    /// That a nonce is forgotten after a height.
    pub fn nonce_expiry(height: Height, sender: &VerifyingKey, nonce: Nonce) -> Self {
        let height = number(height.value());
        Self::of(
            "nonce-expiry",
            &[&height, sender.as_bytes(), &number(nonce.value())],
        )
    }

    /// The `nonce` key that a `nonce-expiry` key speaks of.
    pub(crate) fn expiring_nonce(&self) -> Option<Self> {
        self.0
            .last_chunk::<40>()
            .map(|sender_and_nonce| Self::of("nonce", &[sender_and_nonce]))
    }

    /// The block time in a `due` key.
    pub(crate) fn due_time(&self) -> Option<BlockTime> {
        self.number_after("due/").map(BlockTime::new)
    }

    /// The height in a `nonce-expiry` key.
    pub(crate) fn expiry_height(&self) -> Option<Height> {
        self.number_after("nonce-expiry/").map(Height::new)
    }

    /// The 32 bytes that end the key.
    pub(crate) fn last_id(&self) -> Option<[u8; 32]> {
        self.0.last_chunk::<32>().copied()
    }

    fn number_after(&self, kind: &str) -> Option<u64> {
        let rest = self.0.strip_prefix(kind.as_bytes())?;
        rest.first_chunk::<8>()
            .map(|bytes| u64::from_be_bytes(*bytes))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// Prefixes of scans.
pub(crate) mod prefix {
    use super::{DoctorId, HospitalId, RecordId, Scope, scope_bytes, slug};

    pub(crate) const EPOCHS: &[u8] = b"epoch/";
    pub(crate) const HOSPITALS: &[u8] = b"hospital/";
    pub(crate) const DOCTORS: &[u8] = b"doctor/";
    pub(crate) const LEAVES: &[u8] = b"leaf/";
    pub(crate) const RECORDS: &[u8] = b"record/";
    pub(crate) const AUTHORIZATIONS: &[u8] = b"authorization/";
    pub(crate) const DUE: &[u8] = b"due/";
    pub(crate) const NONCE_EXPIRIES: &[u8] = b"nonce-expiry/";

    fn under(kind: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        [kind, &parts.concat()].concat()
    }

    pub(crate) fn doctors_of(hospital: &HospitalId) -> Vec<u8> {
        under(b"doctor-of/", &[&slug(hospital)])
    }

    pub(crate) fn records_of(owner: &HospitalId) -> Vec<u8> {
        under(b"record-of/", &[&slug(owner)])
    }

    pub(crate) fn live_from(from: &HospitalId) -> Vec<u8> {
        under(b"live/", &[&slug(from)])
    }

    pub(crate) fn live_between(from: &HospitalId, to: &HospitalId) -> Vec<u8> {
        under(b"live/", &[&slug(from), &slug(to)])
    }

    pub(crate) fn live(from: &HospitalId, to: &HospitalId, scope: &Scope) -> Vec<u8> {
        under(b"live/", &[&slug(from), &slug(to), &scope_bytes(scope)])
    }

    pub(crate) fn record_authorizations(record: &RecordId) -> Vec<u8> {
        under(b"record-authorization/", &[record.as_bytes()])
    }

    pub(crate) fn indexes(record: &RecordId) -> Vec<u8> {
        under(b"index/", &[record.as_bytes()])
    }

    pub(crate) fn indexes_to(hospital: &HospitalId) -> Vec<u8> {
        under(b"index-to/", &[&slug(hospital)])
    }

    pub(crate) fn trapdoors(hospital: &HospitalId) -> Vec<u8> {
        under(b"trapdoor/", &[&slug(hospital)])
    }

    pub(crate) fn matches(record: &RecordId) -> Vec<u8> {
        under(b"match/", &[record.as_bytes()])
    }

    pub(crate) fn assignments(record: &RecordId) -> Vec<u8> {
        under(b"assignment/", &[record.as_bytes()])
    }

    pub(crate) fn assignments_of(doctor: &DoctorId) -> Vec<u8> {
        under(b"assignment-of/", &[doctor.as_bytes()])
    }

    pub(crate) fn open(hospital: &HospitalId) -> Vec<u8> {
        under(b"open/", &[&slug(hospital)])
    }

    pub(crate) fn open_of(hospital: &HospitalId, doctor: &DoctorId) -> Vec<u8> {
        under(b"open/", &[&slug(hospital), doctor.as_bytes()])
    }

    pub(crate) fn reports(record: &RecordId) -> Vec<u8> {
        under(b"report/", &[record.as_bytes()])
    }

    pub(crate) fn challenges(record: &RecordId) -> Vec<u8> {
        under(b"challenge/", &[record.as_bytes()])
    }

    pub(crate) fn open_challenges(hospital: &HospitalId) -> Vec<u8> {
        under(b"challenged/", &[&slug(hospital)])
    }

    pub(crate) fn accesses(record: &RecordId) -> Vec<u8> {
        under(b"access/", &[record.as_bytes()])
    }

    pub(crate) fn complaints(record: &RecordId) -> Vec<u8> {
        under(b"complaint/", &[record.as_bytes()])
    }
}

const fn number(value: u64) -> [u8; 8] {
    value.to_be_bytes()
}

fn slug(id: &HospitalId) -> Vec<u8> {
    [id.as_str().as_bytes(), b"/"].concat()
}

fn scope_bytes(scope: &Scope) -> Vec<u8> {
    match scope {
        Scope::All => vec![0],
        Scope::Record(record) => [&[1], record.as_bytes().as_slice()].concat(),
    }
}
