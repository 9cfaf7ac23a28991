//! Typed reading of a state.

use consilium_schemes::signature::VerifyingKey;

use super::challenge::{ChallengeEntry, ChallengeQuota, Challenger, ConductEntry, OpenChallenge};
use super::entries::{
    AccessEntry, AssignmentEntry, AuthorizationEntry, DoctorEntry, Due, EpochEntry,
    FederationEntry, HospitalEntry, IndexEntry, LeafEntry, MatchEntry, Principal, RecordEntry,
    ReportEntry, RevokedLeaf, TrapdoorEntry,
};
use super::key::prefix;
use super::validators::{ProposalEntry, Validator, ValidatorSchedule};
use super::{Key, StateRead};
use crate::action::Scope;
use crate::codec::Canonical;
use crate::complaint::ComplaintEntry;
use crate::ids::{AuthorizationId, BlockTime, Digest, DoctorId, HospitalId, Leaf, Nonce, RecordId};
use crate::settings::Settings;
use consilium_schemes::abe::Epoch;

/// A state, read by nouns.
///
/// Iterators are lazy and in key order; each reads only the keys of its prefix.
///
/// # Panics
/// Every reader panics on a value that these contracts did not write: a store that returns other
/// bytes than it was given must not take part in the ledger.
#[derive(Clone, Copy, Debug)]
pub struct View<S>(S);

/// Decodes a value that this crate wrote.
pub(crate) fn decode<T: Canonical>(bytes: &[u8]) -> T {
    T::from_canonical_bytes(bytes).expect("the store returns what these contracts wrote")
}

impl<S: StateRead> View<S> {
    /// Reads `state`.
    pub const fn new(state: S) -> Self {
        Self(state)
    }

    fn read<T: Canonical>(&self, key: &Key) -> Option<T> {
        self.0.get(key).map(|bytes| decode(&bytes))
    }

    fn values<T: Canonical>(&self, prefix: &[u8]) -> impl Iterator<Item = T> + use<'_, T, S> {
        self.0.scan(prefix).map(|(_, value)| decode(&value))
    }

    /// The ids that end the keys under a prefix.
    fn ids(&self, prefix: &[u8]) -> impl Iterator<Item = [u8; 32]> + use<'_, S> {
        self.0.scan(prefix).filter_map(|(key, _)| key.last_id())
    }

    /// The federation.
    pub fn federation(&self) -> FederationEntry {
        self.read(&Key::federation()).expect("genesis writes it")
    }

    /// The settings.
    pub fn settings(&self) -> Settings {
        self.read(&Key::settings()).expect("genesis writes them")
    }

    /// Who votes, and who will.
    pub fn validator_schedule(&self) -> ValidatorSchedule {
        self.read(&Key::validators()).expect("genesis writes it")
    }

    /// Those that were in force at the last block, by hospital.
    pub fn validators(&self) -> impl Iterator<Item = Validator> + use<S> {
        self.validator_schedule().current.into_iter()
    }

    /// The proposal to change the validators that is open, expired or not.
    pub fn validator_proposal(&self) -> Option<ProposalEntry> {
        self.read(&Key::validator_proposal())
    }

    /// Whose a validator's or node's key is, or was.
    pub fn key_owner(&self, key: &VerifyingKey) -> Option<Principal> {
        self.read(&Key::taken(key))
    }

    /// Who a signing key is.
    pub fn principal(&self, key: &VerifyingKey) -> Option<Principal> {
        self.read(&Key::principal(key))
    }

    /// Whether a sender used a nonce that is not forgotten yet.
    pub fn nonce_used(&self, sender: &VerifyingKey, nonce: Nonce) -> bool {
        self.0.get(&Key::nonce(sender, nonce)).is_some()
    }

    /// The current epoch: the last one published.
    pub fn current_epoch(&self) -> Option<EpochEntry> {
        self.read(&Key::current_epoch())
    }

    /// The first epoch whose update key excludes a revoked leaf; the next one if none does yet.
    pub fn revoked_since(&self, revoked: &RevokedLeaf) -> Epoch {
        let covering = self.epochs().find(|epoch| epoch.as_of >= revoked.height);
        let current = self.current_epoch().map_or(0, |entry| entry.epoch.number());
        covering.map_or(Epoch::new(current.saturating_add(1)), |entry| entry.epoch)
    }

    /// A published epoch.
    pub fn epoch(&self, epoch: Epoch) -> Option<EpochEntry> {
        self.read(&Key::epoch(epoch))
    }

    /// All published epochs, in order.
    pub fn epochs(&self) -> impl Iterator<Item = EpochEntry> + use<'_, S> {
        self.values(prefix::EPOCHS)
    }

    /// The next free leaf.
    pub fn next_leaf(&self) -> Leaf {
        self.read(&Key::next_leaf()).unwrap_or_default()
    }

    /// All leaves that were given, in order, with their revocations: the KGC's list rl.
    pub fn leaves(&self) -> impl Iterator<Item = LeafEntry> + use<'_, S> {
        self.values(prefix::LEAVES)
    }

    /// One leaf.
    pub fn leaf(&self, leaf: Leaf) -> Option<LeafEntry> {
        self.read(&Key::leaf(leaf))
    }

    /// How many matches the ledger has seen.
    pub(crate) fn match_count(&self) -> u64 {
        self.read(&Key::match_count()).unwrap_or_default()
    }

    /// A hospital.
    pub fn hospital(&self, id: &HospitalId) -> Option<HospitalEntry> {
        self.read(&Key::hospital(id))
    }

    /// All hospitals, by id.
    pub fn hospitals(&self) -> impl Iterator<Item = HospitalEntry> + use<'_, S> {
        self.values(prefix::HOSPITALS)
    }

    /// A doctor.
    pub fn doctor(&self, id: &DoctorId) -> Option<DoctorEntry> {
        self.read(&Key::doctor(id))
    }

    /// All doctors.
    pub fn doctors(&self) -> impl Iterator<Item = DoctorEntry> + use<'_, S> {
        self.values(prefix::DOCTORS)
    }

    /// The doctors of a hospital, revoked ones included.
    pub fn doctors_of(
        &self,
        hospital: &HospitalId,
    ) -> impl Iterator<Item = DoctorEntry> + use<'_, S> {
        let ids = self.ids(&prefix::doctors_of(hospital));
        ids.filter_map(|id| self.doctor(&DoctorId::from_bytes(id)))
    }

    /// A record.
    pub fn record(&self, id: &RecordId) -> Option<RecordEntry> {
        self.read(&Key::record(id))
    }

    /// All records.
    pub fn records(&self) -> impl Iterator<Item = RecordEntry> + use<'_, S> {
        self.values(prefix::RECORDS)
    }

    /// The records that a hospital keeps.
    pub fn records_of(&self, owner: &HospitalId) -> impl Iterator<Item = RecordEntry> + use<'_, S> {
        let ids = self.ids(&prefix::records_of(owner));
        ids.filter_map(|id| self.record(&RecordId::from_bytes(id)))
    }

    /// An authorization, live or over.
    pub fn authorization(&self, id: &AuthorizationId) -> Option<AuthorizationEntry> {
        self.read(&Key::authorization(id))
    }

    fn authorizations(
        &self,
        prefix: &[u8],
    ) -> impl Iterator<Item = AuthorizationEntry> + use<'_, S> {
        let ids = self.ids(prefix);
        ids.filter_map(|id| self.authorization(&AuthorizationId::from_bytes(id)))
    }

    /// The live authorizations that a hospital gave.
    pub fn authorizations_from(
        &self,
        from: &HospitalId,
    ) -> impl Iterator<Item = AuthorizationEntry> + use<'_, S> {
        self.authorizations(&prefix::live_from(from))
    }

    /// Every authorization that a hospital ever gave, live or over; reads those of all hospitals.
    pub fn authorizations_ever_from(
        &self,
        from: &HospitalId,
    ) -> impl Iterator<Item = AuthorizationEntry> + use<'_, S> {
        let (all, from) = (self.values(prefix::AUTHORIZATIONS), from.clone());
        all.filter(move |entry: &AuthorizationEntry| entry.from == from)
    }

    /// The live authorizations between two hospitals.
    pub fn authorizations_between(
        &self,
        from: &HospitalId,
        to: &HospitalId,
    ) -> impl Iterator<Item = AuthorizationEntry> + use<'_, S> {
        self.authorizations(&prefix::live_between(from, to))
    }

    /// The live authorizations of one scope between two hospitals.
    pub(crate) fn authorizations_of_scope(
        &self,
        from: &HospitalId,
        to: &HospitalId,
        scope: &Scope,
    ) -> impl Iterator<Item = AuthorizationEntry> + use<'_, S> {
        self.authorizations(&prefix::live(from, to, scope))
    }

    /// The live authorizations that cover this record alone.
    pub fn authorizations_of_record(
        &self,
        record: &RecordId,
    ) -> impl Iterator<Item = AuthorizationEntry> + use<'_, S> {
        self.authorizations(&prefix::record_authorizations(record))
    }

    /// The authorization by which a hospital may use a record at `time`, if there is one: live,
    /// not expired, and within the record's consent. The owner needs none and gets none.
    pub fn authorization_for(
        &self,
        record: &RecordEntry,
        hospital: &HospitalId,
        time: BlockTime,
    ) -> Option<AuthorizationEntry> {
        self.authorizations_in_force(record, hospital, time).next()
    }

    /// Those by which a hospital may use a record at `time`, the record's own before those for all records.
    fn authorizations_in_force(
        &self,
        record: &RecordEntry,
        hospital: &HospitalId,
        time: BlockTime,
    ) -> impl Iterator<Item = AuthorizationEntry> {
        let terms = &record.terms;
        [Scope::Record(terms.record), Scope::All]
            .into_iter()
            .flat_map(move |scope| self.authorizations_of_scope(&terms.owner, hospital, &scope))
            .filter(move |entry| entry.allows(terms, hospital, time))
    }

    /// Whether a hospital may match a record at `time`: the owner within the consent's time,
    /// others by an authorization.
    pub fn may_use(&self, record: &RecordEntry, hospital: &HospitalId, time: BlockTime) -> bool {
        let terms = &record.terms;
        if terms.owner == *hospital {
            return time < terms.consent.expiry;
        }
        self.authorization_for(record, hospital, time).is_some()
    }

    /// Since when a hospital may match a record, if it may at `time`: by the oldest authorization that is in force; the owner always could.
    pub fn may_use_since(
        &self,
        record: &RecordEntry,
        hospital: &HospitalId,
        time: BlockTime,
    ) -> Option<BlockTime> {
        if record.terms.owner == *hospital {
            return self
                .may_use(record, hospital, time)
                .then_some(BlockTime::default());
        }
        let given = self.authorizations_in_force(record, hospital, time);
        given.map(|entry| entry.given).min()
    }

    /// The index of a record that is posted to a hospital.
    pub fn index(&self, record: &RecordId, to: &HospitalId) -> Option<IndexEntry> {
        self.read(&Key::index(record, to))
    }

    /// All indexes of a record.
    pub fn indexes(&self, record: &RecordId) -> impl Iterator<Item = IndexEntry> + use<'_, S> {
        self.values(&prefix::indexes(record))
    }

    /// All indexes that are posted to a hospital.
    pub fn indexes_to(
        &self,
        hospital: &HospitalId,
    ) -> impl Iterator<Item = IndexEntry> + use<'_, S> {
        let (ids, hospital) = (self.ids(&prefix::indexes_to(hospital)), hospital.clone());
        ids.filter_map(move |id| self.index(&RecordId::from_bytes(id), &hospital))
    }

    /// The records whose indexes are posted to a hospital.
    pub fn records_indexed_to(
        &self,
        hospital: &HospitalId,
    ) -> impl Iterator<Item = RecordId> + use<'_, S> {
        self.ids(&prefix::indexes_to(hospital))
            .map(RecordId::from_bytes)
    }

    /// A doctor's trapdoor.
    pub fn trapdoor(&self, hospital: &HospitalId, doctor: &DoctorId) -> Option<TrapdoorEntry> {
        self.read(&Key::trapdoor(hospital, doctor))
    }

    /// The trapdoors that are posted to a hospital.
    pub fn trapdoors(
        &self,
        hospital: &HospitalId,
    ) -> impl Iterator<Item = TrapdoorEntry> + use<'_, S> {
        self.values(&prefix::trapdoors(hospital))
    }

    /// A match.
    pub fn matched(&self, record: &RecordId, doctor: &DoctorId) -> Option<MatchEntry> {
        self.read(&Key::matched(record, doctor))
    }

    /// The matches of a record.
    pub fn matches(&self, record: &RecordId) -> impl Iterator<Item = MatchEntry> + use<'_, S> {
        self.values(&prefix::matches(record))
    }

    /// An assignment, open or over.
    pub fn assignment(&self, record: &RecordId, doctor: &DoctorId) -> Option<AssignmentEntry> {
        self.read(&Key::assignment(record, doctor))
    }

    /// All assignments of a record, open and over.
    pub fn assignments(
        &self,
        record: &RecordId,
    ) -> impl Iterator<Item = AssignmentEntry> + use<'_, S> {
        self.values(&prefix::assignments(record))
    }

    /// All assignments of a doctor, open and over.
    pub fn assignments_of(
        &self,
        doctor: &DoctorId,
    ) -> impl Iterator<Item = AssignmentEntry> + use<'_, S> {
        let (ids, doctor) = (self.ids(&prefix::assignments_of(doctor)), *doctor);
        ids.filter_map(move |id| self.assignment(&RecordId::from_bytes(id), &doctor))
    }

    /// The open assignments of a hospital's doctors.
    pub fn open_assignments(
        &self,
        hospital: &HospitalId,
    ) -> impl Iterator<Item = AssignmentEntry> + use<'_, S> {
        self.values(&prefix::open(hospital))
    }

    /// The open assignments of a doctor.
    pub fn open_assignments_of(
        &self,
        hospital: &HospitalId,
        doctor: &DoctorId,
    ) -> impl Iterator<Item = AssignmentEntry> + use<'_, S> {
        self.values(&prefix::open_of(hospital, doctor))
    }

    /// A doctor's accesses to a record.
    pub fn access(&self, record: &RecordId, doctor: &DoctorId) -> Option<AccessEntry> {
        self.read(&Key::access(record, doctor))
    }

    /// All accesses to a record.
    pub fn accesses(&self, record: &RecordId) -> impl Iterator<Item = AccessEntry> + use<'_, S> {
        self.values(&prefix::accesses(record))
    }

    /// A doctor's complaint about a transform of a record, by the digest of the hospital's signature over it.
    pub fn complaint(
        &self,
        record: &RecordId,
        doctor: &DoctorId,
        transform: &Digest,
    ) -> Option<ComplaintEntry> {
        self.read(&Key::complaint(record, doctor, transform))
    }

    /// The complaints about what doctors were given of a record.
    pub fn complaints(
        &self,
        record: &RecordId,
    ) -> impl Iterator<Item = ComplaintEntry> + use<'_, S> {
        self.values(&prefix::complaints(record))
    }

    /// A doctor's report on a record.
    pub fn report(&self, record: &RecordId, doctor: &DoctorId) -> Option<ReportEntry> {
        self.read(&Key::report(record, doctor))
    }

    /// The reports on a record.
    pub fn reports(&self, record: &RecordId) -> impl Iterator<Item = ReportEntry> + use<'_, S> {
        self.values(&prefix::reports(record))
    }

    /// The last challenge about a record and a doctor.
    pub fn challenge(&self, record: &RecordId, doctor: &DoctorId) -> Option<ChallengeEntry> {
        self.read(&Key::challenge(record, doctor))
    }

    /// The last challenges about a record, each about another doctor.
    pub fn challenges(
        &self,
        record: &RecordId,
    ) -> impl Iterator<Item = ChallengeEntry> + use<'_, S> {
        self.values(&prefix::challenges(record))
    }

    /// What an open challenge is about.
    pub fn open_challenge(
        &self,
        hospital: &HospitalId,
        record: &RecordId,
        doctor: &DoctorId,
    ) -> Option<OpenChallenge> {
        self.read(&Key::open_challenge(hospital, record, doctor))
    }

    /// The challenges that a hospital has to answer.
    pub fn open_challenges(
        &self,
        hospital: &HospitalId,
    ) -> impl Iterator<Item = OpenChallenge> + use<'_, S> {
        self.values(&prefix::open_challenges(hospital))
    }

    /// How many challenges of a record somebody made in the last period.
    pub fn challenge_quota(&self, record: &RecordId, by: Challenger) -> Option<ChallengeQuota> {
        self.read(&Key::challenge_quota(record, by))
    }

    /// What a hospital made of the challenges to it.
    pub fn conduct(&self, hospital: &HospitalId) -> ConductEntry {
        self.read(&Key::conduct(hospital)).unwrap_or_default()
    }

    /// What falls due, in order of time.
    pub fn due(&self) -> impl Iterator<Item = (BlockTime, Due)> + use<'_, S> {
        self.0
            .scan(prefix::DUE)
            .filter_map(|(key, value)| Some((key.due_time()?, decode(&value))))
    }
}
