//! A column's name bound to the types of its keys and values.

use std::marker::PhantomData;

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_client::wire::PublicKey;
use consilium_contracts::{AuthorizationId, Canonical, Digest, DoctorId, RecordId};

use super::StoreError;
use super::rows::{Pair, SecretHash};

/// A value with a canonical encoding.
pub(crate) trait Row: BorshSerialize + BorshDeserialize {}
impl<T: BorshSerialize + BorshDeserialize> Row for T {}

/// A key, of fixed length for its column.
pub(crate) trait RowKey: Sized {
    fn to_key(&self) -> Vec<u8>;
    fn from_key(bytes: &[u8]) -> Option<Self>;
}

/// A column by name.
pub(crate) struct Column<K, V> {
    name: &'static str,
    types: PhantomData<fn(K) -> V>,
}

impl<K: RowKey, V: Row> Column<K, V> {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            types: PhantomData,
        }
    }

    pub(crate) fn parse(&self, bytes: &[u8]) -> Result<V, StoreError> {
        let damaged = |error: consilium_contracts::DecodeError| StoreError::Damaged {
            column: self.name,
            detail: error.to_string(),
        };
        V::from_canonical_bytes(bytes).map_err(damaged)
    }

    pub(crate) fn parse_key(&self, bytes: &[u8]) -> Result<K, StoreError> {
        let detail = || format!("a key of {} bytes", bytes.len());
        K::from_key(bytes).ok_or_else(|| StoreError::Damaged {
            column: self.name,
            detail: detail(),
        })
    }
}

impl<K, V> Column<K, V> {
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }
}

macro_rules! id_keys {
    ($($id:ty),*) => {$(
        impl RowKey for $id {
            fn to_key(&self) -> Vec<u8> {
                self.as_bytes().to_vec()
            }

            fn from_key(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_bytes(bytes.try_into().ok()?))
            }
        }
    )*};
}

id_keys!(DoctorId, RecordId, AuthorizationId);

impl RowKey for PublicKey {
    fn to_key(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes(bytes.try_into().ok()?).ok()
    }
}

impl RowKey for SecretHash {
    fn to_key(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }
}

impl RowKey for () {
    fn to_key(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        bytes.is_empty().then_some(())
    }
}

impl RowKey for (RecordId, DoctorId) {
    fn to_key(&self) -> Vec<u8> {
        [self.0.as_bytes().as_slice(), self.1.as_bytes()].concat()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        let (record, doctor) = bytes.split_first_chunk::<32>()?;
        Some((RecordId::from_bytes(*record), DoctorId::from_key(doctor)?))
    }
}

impl RowKey for (RecordId, DoctorId, Digest) {
    fn to_key(&self) -> Vec<u8> {
        let parts = [self.0.as_bytes(), self.1.as_bytes(), self.2.as_bytes()];
        parts.into_iter().flatten().copied().collect()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        let (record, rest) = bytes.split_first_chunk::<32>()?;
        let (doctor, digest) = rest.split_first_chunk::<32>()?;
        Some((
            RecordId::from_bytes(*record),
            DoctorId::from_bytes(*doctor),
            Digest::from_bytes(digest.try_into().ok()?),
        ))
    }
}

impl RowKey for (PublicKey, RecordId) {
    fn to_key(&self) -> Vec<u8> {
        [self.0.as_bytes().as_slice(), self.1.as_bytes()].concat()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        let (device, record) = bytes.split_first_chunk::<32>()?;
        Some((
            PublicKey::from_bytes(device).ok()?,
            RecordId::from_key(record)?,
        ))
    }
}

impl RowKey for Pair {
    fn to_key(&self) -> Vec<u8> {
        let parts = [
            self.record.as_bytes(),
            self.doctor.as_bytes(),
            &self.trapdoor,
        ];
        parts.into_iter().flatten().copied().collect()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        let (record, rest) = bytes.split_first_chunk::<32>()?;
        let (doctor, trapdoor) = rest.split_first_chunk::<32>()?;
        Some(Self {
            record: RecordId::from_bytes(*record),
            doctor: DoctorId::from_bytes(*doctor),
            trapdoor: trapdoor.try_into().ok()?,
        })
    }
}
