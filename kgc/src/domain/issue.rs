//! Issuing: the leaf is committed first, then the key is made for it.
//!
//! ```text
//! intend    the transaction with the next leaf is durable here           crash: submitted again, or found dead
//! commit    RegisterDoctor, or ReissueDoctor                             crash: the ledger has the leaf, the key is missing
//! make_key  AttKeyGen, wrap to the hospital, sign, store                 crash: made again, for the same leaf
//! ```
//!
//! A key is made for a leaf only where this store holds the intent for it. After a restore from an old backup the ledger has leaves
//! that the store never heard of; their doctors get a new leaf and the old one is revoked, so that no leaf ever has two keys with
//! different attributes.

use consilium_client::api::kgc::{ATTRIBUTE_KEY_PURPOSE, EnrolmentState, WrappedAttributeKey};
use consilium_client::wire::Text;
use consilium_contracts::{
    Action, DoctorId, HospitalId, Leaf, RegisterDoctor, ReissueDoctor, SignedTransaction,
    StateRead, VerifyingKey,
};
use consilium_policies::AttributeSet;
use consilium_schemes::abe::{LeafGrant, MasterSecret, UserId, att_keygen};
use consilium_schemes::signature::SigningKey;
use consilium_schemes::wrap;
use consilium_service::ATTRIBUTE_KEY_INFO;
use rand_core::CryptoRng;

use super::enrol::{check_size, state_of, verified_key, word};
use super::{Ledger, scheme_leaf};
use crate::error::KgcError;
use crate::store::{EnrolmentEntry, Intent, KeyEntry, Store};

/// What follows.
pub(crate) enum Next {
    /// Submit this; it is durable here.
    Submit(SignedTransaction),
    /// The ledger has the leaf.
    Committed {
        /// It.
        leaf: Leaf,
        /// The transaction that took it.
        transaction: SignedTransaction,
    },
}

fn enrolled(store: &Store, doctor: DoctorId) -> Result<EnrolmentEntry, KgcError> {
    store
        .enrolment(&doctor)?
        .ok_or(KgcError::NoEnrolment(doctor))
}

/// Decides to issue, durably. `attributes`: as the administrator read them.
pub(crate) fn intend<S: StateRead>(
    store: &Store,
    ledger: &Ledger<S>,
    doctor: DoctorId,
    attributes: &AttributeSet,
    max_attributes: usize,
    sign: impl FnOnce(Action) -> SignedTransaction,
) -> Result<Next, KgcError> {
    let mut entry = enrolled(store, doctor)?;
    let state = state_of(store, &ledger.view, &entry)?;
    match state {
        EnrolmentState::Revoked => return Err(KgcError::Revoked(doctor)),
        EnrolmentState::Refused => {
            return Err(KgcError::Settled {
                doctor,
                state: word(state),
            });
        }
        _ if entry.attributes.as_str() != attributes.to_string() => {
            return Err(KgcError::AttributesChanged(doctor));
        }
        _ => {}
    }
    if let Some(Intent { leaf, transaction }) = entry.intent.clone() {
        if matches!(state, EnrolmentState::Issued | EnrolmentState::Registered) {
            return Ok(Next::Committed { leaf, transaction });
        }
        if entry
            .intent
            .as_ref()
            .is_some_and(|intent| ledger.may_commit(intent))
        {
            return Ok(Next::Submit(transaction));
        }
    }
    check_size(attributes, max_attributes)?;
    let leaf = ledger.view.next_leaf();
    let transaction = sign(action(ledger, &entry, leaf)?);
    entry.intent = Some(Intent {
        leaf,
        transaction: transaction.clone(),
    });
    store.put_enrolment(&entry)?;
    Ok(Next::Submit(transaction))
}

/// A new doctor is registered; one who is there already gets a new leaf for the new attributes.
fn action<S: StateRead>(
    ledger: &Ledger<S>,
    entry: &EnrolmentEntry,
    leaf: Leaf,
) -> Result<Action, KgcError> {
    let abe_key = entry.abe_key.clone();
    if ledger.view.doctor(&entry.doctor).is_some() {
        return Ok(Action::ReissueDoctor(ReissueDoctor {
            doctor: entry.doctor,
            abe_key,
            leaf,
        }));
    }
    let signing_key = VerifyingKey::from_bytes(&entry.signing_key)
        .map_err(|error| KgcError::Fault(format!("a stored signing key: {error}")))?;
    let hospital = entry.hospital.clone();
    Ok(Action::RegisterDoctor(RegisterDoctor {
        hospital,
        signing_key,
        abe_key,
        leaf,
    }))
}

/// The ledger rejected the intent's transaction for good: what it asked for will not happen.
pub(crate) fn give_up(
    store: &Store,
    doctor: DoctorId,
    rejected: &SignedTransaction,
) -> Result<(), KgcError> {
    let mut entry = enrolled(store, doctor)?;
    if entry
        .intent
        .as_ref()
        .is_some_and(|intent| intent.transaction == *rejected)
    {
        entry.intent = None;
        store.put_enrolment(&entry)?;
    }
    Ok(())
}

/// AttKeyGen for the leaf that the ledger gave, wrapped to the doctor's hospital; the one that is there already, if there is one.
pub(crate) fn make_key<S: StateRead>(
    master: &MasterSecret,
    signing: &SigningKey,
    store: &Store,
    ledger: &Ledger<S>,
    doctor: DoctorId,
    rng: &mut impl CryptoRng,
) -> Result<KeyEntry, KgcError> {
    let entry = enrolled(store, doctor)?;
    let registered = ledger.view.doctor(&doctor).ok_or(KgcError::NoKey(doctor))?;
    if registered.revocation.is_some() {
        return Err(KgcError::Revoked(doctor));
    }
    let leaf = registered.leaf;
    let intended = entry
        .intent
        .as_ref()
        .is_some_and(|intent| intent.leaf == leaf);
    if !intended || registered.abe_key != entry.abe_key || registered.hospital != entry.hospital {
        return Err(KgcError::NoKey(doctor));
    }
    if let Some(made) = store.key(leaf)? {
        return Ok(made);
    }
    let federation = ledger.view.federation().id;
    let pk = verified_key(&entry, &federation)?;
    let attributes: AttributeSet = entry
        .attributes
        .as_str()
        .parse()
        .map_err(|error| KgcError::Fault(format!("stored attributes: {error}")))?;
    let user = UserId::from_bytes(*doctor.as_bytes());
    let grant = LeafGrant::from_committed(scheme_leaf(leaf, master.tree().depth())?, user);
    let key = att_keygen(master, grant, &pk, &attributes, rng)
        .map_err(|error| KgcError::Fault(error.to_string()))?;
    let made = wrapped(signing, ledger, &entry, leaf, &key.to_bytes(), rng)?;
    store.put_key(&made)?;
    Ok(made)
}

/// Encrypts a key to the hospital and signs the result.
fn wrapped<S: StateRead>(
    signing: &SigningKey,
    ledger: &Ledger<S>,
    entry: &EnrolmentEntry,
    leaf: Leaf,
    key: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<KeyEntry, KgcError> {
    let fault = |text: String| KgcError::Fault(format!("the key of {}: {text}", entry.doctor));
    let hospital = ledger.view.hospital(&entry.hospital);
    let card = hospital
        .ok_or_else(|| fault("its hospital is unknown".to_owned()))?
        .card;
    let recipient = wrap::PublicKey::from_bytes(card.hpke_key.as_bytes())
        .map_err(|error| fault(error.to_string()))?;
    let mut made = KeyEntry {
        doctor: entry.doctor,
        hospital: entry.hospital.clone(),
        leaf,
        attributes: entry.attributes.clone(),
        ciphertext: Vec::new(),
        signature: [0; 64],
    };
    let aad = shown(&made).associated_data();
    let sent = wrap::wrap(signing, &recipient, ATTRIBUTE_KEY_INFO, &aad, key, rng)
        .map_err(|error| fault(error.to_string()))?;
    made.ciphertext = sent.to_bytes();
    let federation = ledger.view.federation().id;
    let message = shown(&made).signed_bytes();
    made.signature = signing
        .sign(ATTRIBUTE_KEY_PURPOSE, federation.as_bytes(), &message)
        .to_bytes();
    Ok(made)
}

/// The key of a doctor's current leaf, for the doctor's hospital only.
pub(crate) fn deliver<S: StateRead>(
    store: &Store,
    ledger: &Ledger<S>,
    hospital: &HospitalId,
    doctor: DoctorId,
) -> Result<WrappedAttributeKey, KgcError> {
    let registered = ledger
        .view
        .doctor(&doctor)
        .filter(|entry| entry.hospital == *hospital);
    let registered = registered.ok_or(KgcError::NoKey(doctor))?;
    if registered.revocation.is_some() {
        return Err(KgcError::Revoked(doctor));
    }
    match store.key(registered.leaf)? {
        Some(key) if key.doctor == doctor => Ok(shown(&key)),
        _ => Err(KgcError::UnderWay(doctor)),
    }
}

fn shown(key: &KeyEntry) -> WrappedAttributeKey {
    WrappedAttributeKey {
        doctor: Text(key.doctor),
        hospital: Text(key.hospital.clone()),
        leaf: key.leaf.value(),
        attributes: key.attributes.to_string(),
        ciphertext: key.ciphertext.as_slice().into(),
        signature: key.signature.as_slice().into(),
    }
}

/// The doctors whose leaf is committed and whose key is missing.
pub(crate) fn unfinished<S: StateRead>(
    store: &Store,
    ledger: &Ledger<S>,
) -> Result<Vec<DoctorId>, KgcError> {
    let mut doctors = Vec::new();
    for entry in store.enrolments()? {
        if state_of(store, &ledger.view, &entry)? == EnrolmentState::Registered {
            doctors.push(entry.doctor);
        }
    }
    Ok(doctors)
}
