//! Signing purposes, and the borsh form of Ed25519 keys and signatures.
//!
//! Keys and strict verification are those of [`consilium_schemes::signature`]; a key is checked
//! when it is decoded, so no transaction and no state holds a key that cannot verify.

use std::io::{self, Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::abe::Epoch;
use consilium_schemes::signature::{Purpose, Signature, VerifyingKey};

use crate::codec::malformed;

/// A signature of a transaction's sender; the context is the federation id.
pub const TRANSACTION: Purpose = Purpose::new("CONSILIUM-V1-SIG-CONTRACTS-TRANSACTION");
/// The record key's signature under a record's registration; the context is the federation id.
pub const RECORD_CONSENT: Purpose = Purpose::new("CONSILIUM-V1-SIG-CONTRACTS-RECORD-CONSENT");
/// A hospital's new key proves that the hospital holds it; the context is the federation id.
pub const KEY_POSSESSION: Purpose = Purpose::new("CONSILIUM-V1-SIG-CONTRACTS-KEY-POSSESSION");
/// The KGC's signature under genesis; the context is empty, for genesis makes the federation.
pub const GENESIS: Purpose = Purpose::new("CONSILIUM-V1-SIG-CONTRACTS-GENESIS");

pub(crate) fn write_key<W: Write>(key: &VerifyingKey, writer: &mut W) -> io::Result<()> {
    writer.write_all(key.as_bytes())
}

pub(crate) fn read_key<R: Read>(reader: &mut R) -> io::Result<VerifyingKey> {
    let bytes = <[u8; VerifyingKey::LENGTH]>::deserialize_reader(reader)?;
    VerifyingKey::from_bytes(&bytes).map_err(malformed)
}

pub(crate) fn write_signature<W: Write>(signature: &Signature, writer: &mut W) -> io::Result<()> {
    writer.write_all(&signature.to_bytes())
}

pub(crate) fn read_signature<R: Read>(reader: &mut R) -> io::Result<Signature> {
    <[u8; Signature::LENGTH]>::deserialize_reader(reader).map(Signature::from_bytes)
}

pub(crate) fn write_epoch<W: Write>(epoch: &Epoch, writer: &mut W) -> io::Result<()> {
    epoch.number().serialize(writer)
}

pub(crate) fn read_epoch<R: Read>(reader: &mut R) -> io::Result<Epoch> {
    u64::deserialize_reader(reader).map(Epoch::new)
}
