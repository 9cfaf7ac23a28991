//! The pre-decryption keys that were made lately: a doctor's next record of the same epoch needs neither key read again.
//!
//! Reading an attribute key checks every point on it, which costs more than PreDec; PreKeyGen computes the lines that PreDec pairs with.
//! Whether the doctor may have the record is asked of the ledger every time, before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use consilium_contracts::{DoctorEntry, DoctorId, Epoch};
use consilium_schemes::abe::PreDecryptionKey;

/// Bytes of all that are kept: some 1,500 keys.
const LIMIT: usize = 64 << 20;

/// Whose key, of which leaf, for which epoch.
type Name = (DoctorId, u64, Epoch);

/// Pre-decryption keys, the ones used last; wiped when they go.
#[derive(Default)]
pub(crate) struct KeptKeys(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    keys: BTreeMap<Name, (Arc<PreDecryptionKey>, u64)>,
    bytes: usize,
    uses: u64,
}

impl KeptKeys {
    /// The doctor's key for an epoch, if it is kept.
    pub(super) fn get(&self, doctor: &DoctorEntry, epoch: Epoch) -> Option<Arc<PreDecryptionKey>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        let (key, used) = kept.keys.get_mut(&name(doctor, epoch))?;
        *used = now;
        Some(Arc::clone(key))
    }

    /// Keeps a key; the ones that were not used for longest make room.
    pub(super) fn keep(&self, doctor: &DoctorEntry, epoch: Epoch, key: &Arc<PreDecryptionKey>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.keep(name(doctor, epoch), key, LIMIT);
    }

    /// Forgets a doctor who left.
    pub(crate) fn forget(&self, doctor: &DoctorId) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.keys.retain(|(of, ..), _| of != doctor);
        kept.bytes = kept.keys.values().map(|(key, _)| key.bytes()).sum();
    }
}

impl Kept {
    fn keep(&mut self, name: Name, key: &Arc<PreDecryptionKey>, limit: usize) {
        self.remove(&name);
        self.uses += 1;
        self.bytes += key.bytes();
        self.keys.insert(name, (Arc::clone(key), self.uses));
        while self.bytes > limit
            && let Some(oldest) = self.oldest()
        {
            self.remove(&oldest);
        }
    }

    fn oldest(&self) -> Option<Name> {
        let oldest = self.keys.iter().min_by_key(|(_, (_, used))| *used);
        oldest.map(|(name, _)| *name)
    }

    fn remove(&mut self, name: &Name) {
        if let Some((key, _)) = self.keys.remove(name) {
            self.bytes -= key.bytes();
        }
    }
}

fn name(doctor: &DoctorEntry, epoch: Epoch) -> Name {
    (doctor.id, doctor.leaf.value(), epoch)
}

#[cfg(test)]
mod tests {
    use consilium_policies::AttributeSet;
    use consilium_schemes::abe::{
        Depth, EpochTicket, Leaf, LeafGrant, Registration, RevocationList, Tree, TreeId, UserId,
        att_keygen, pre_keygen, setup, upd_keygen, user_keygen,
    };

    use super::*;

    fn key() -> Arc<PreDecryptionKey> {
        let rng = &mut rand::rng();
        let depth = Depth::new(2).unwrap();
        let (_, master) = setup(Tree::new(TreeId::from_bytes([1; 32]), depth), rng);
        let user = UserId::from_bytes([2; 32]);
        let context = Registration::new([3; 32], user, [4; 32]);
        let (secret, public) = user_keygen(rng);
        let proof = secret.prove_possession(&context, rng);
        let pk = public.verify(&proof, &context).unwrap();
        let grant = LeafGrant::from_committed(Leaf::new(0, depth).unwrap(), user);
        let attributes: AttributeSet = "cardio".parse().unwrap();
        let attribute_key = att_keygen(&master, grant, &pk, &attributes, rng).unwrap();
        let epoch = consilium_schemes::abe::Epoch::new(1);
        let ticket = EpochTicket::after(None, epoch).unwrap();
        let update = upd_keygen(&master, ticket, &RevocationList::new(depth), rng).unwrap();
        Arc::new(pre_keygen(&attribute_key, &update).unwrap())
    }

    #[test]
    fn the_bound_holds_and_what_was_not_used_for_longest_goes() {
        let key = key();
        let names = [1, 2, 3].map(|i| (DoctorId::from_bytes([i; 32]), 0, Epoch::new(1)));
        let (mut kept, limit) = (Kept::default(), 2 * key.bytes());
        for name in names {
            kept.keep(name, &key, limit);
            assert!(kept.bytes <= limit);
        }
        assert_eq!(kept.keys.keys().copied().collect::<Vec<_>>(), names[1..]);
        kept.keep(names[1], &key, limit);
        kept.keep(names[0], &key, limit);
        assert!(!kept.keys.contains_key(&names[2]), "used before the others");
        assert_eq!(kept.bytes, limit);
        kept.keep(names[0], &key, 0);
        assert_eq!((kept.keys.len(), kept.bytes), (0, 0), "none fits");
    }
}
