//! The pre-decryption keys that were made lately: a doctor's next record of the same epoch needs neither key read again.
//!
//! Reading an attribute key checks every point on it, which costs more than PreDec; PreKeyGen computes the lines that PreDec pairs with.
//! Whether the doctor may have the record is asked of the ledger every time, before.

use std::sync::Arc;

use consilium_contracts::{DoctorEntry, DoctorId, Epoch};
use consilium_schemes::abe::PreDecryptionKey;
use consilium_schemes::recent::Recent;

/// Bytes of all that are kept: some 1,500 keys.
const LIMIT: usize = 64 << 20;

/// Whose key, of which leaf, for which epoch.
type Name = (DoctorId, u64, Epoch);

/// Pre-decryption keys, the ones used last; wiped when they go.
pub(crate) struct KeptKeys(Recent<Name, Arc<PreDecryptionKey>>);

impl Default for KeptKeys {
    fn default() -> Self {
        Self(Recent::new(LIMIT))
    }
}

impl KeptKeys {
    /// The doctor's key for an epoch, if it is kept.
    pub(super) fn get(&self, doctor: &DoctorEntry, epoch: Epoch) -> Option<Arc<PreDecryptionKey>> {
        self.0.get(&name(doctor, epoch))
    }

    /// Keeps a key; the ones that were not used for longest make room.
    pub(super) fn keep(&self, doctor: &DoctorEntry, epoch: Epoch, key: &Arc<PreDecryptionKey>) {
        self.0
            .keep(name(doctor, epoch), Arc::clone(key), key.bytes());
    }

    /// Forgets a doctor who left.
    pub(crate) fn forget(&self, doctor: &DoctorId) {
        self.0.retain(|(of, ..)| of != doctor);
    }
}

fn name(doctor: &DoctorEntry, epoch: Epoch) -> Name {
    (doctor.id, doctor.leaf.value(), epoch)
}
