//! Committed blocks are given to members only.
//!
//! The engine's network closes the connection of a peer that it does not know when it has read who that is: until then, which a peer that
//! keeps its identity to itself can draw out, its requests arrive like all others. So a request for blocks is signed with a
//! network identity, and answered only where the state, or the operator, names it. A stranger's word on its own height is dropped, so that
//! no member asks it and hands it a signed request, which it could send to others. Who was a member can: it had those blocks.
//!
//! What this does not hinder: what is gossiped while a stranger is connected reaches it (SECURITY.md).

use std::sync::{Arc, PoisonError, RwLock};

use arc_malachitebft_app_channel::app::consensus::{LivenessMsg, SignedConsensusMsg};
use arc_malachitebft_app_channel::app::streaming::StreamMessage;
use arc_malachitebft_app_channel::app::types::codec::{Codec, HasEncodedLen};
use arc_malachitebft_app_channel::app::types::core::ValidatorProof;
use arc_malachitebft_sync::{Request, Response, Status, ValueRequest};
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use consilium_contracts::{FederationId, Height};
use consilium_schemes::signature::{Purpose, Signature, SigningKey, VerifyingKey};

use super::codec::{Wire, WireError};
use super::context::{EngineHeight, LedgerContext};
use super::settings::peer_id;
use crate::parts::Part;

/// A request for the blocks of some heights, by a network identity.
const PURPOSE: Purpose = Purpose::new("CONSILIUM-V1-SIG-LEDGER-BLOCK-REQUEST");

/// The network identities that blocks are given to; all copies are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members(Arc<RwLock<Vec<VerifyingKey>>>);

impl Members {
    /// These and no others from now on.
    pub(crate) fn replace<'a>(&self, keys: impl IntoIterator<Item = &'a VerifyingKey>) {
        let keys = keys.into_iter().copied().collect();
        // A panic elsewhere leaves the list whole: it is replaced at once.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The member that `is` says.
    fn find(&self, is: impl Fn(&VerifyingKey) -> bool) -> Result<VerifyingKey, WireError> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = keys.iter().copied().find(is);
        found.ok_or(WireError::Field("network identity of a member"))
    }
}

/// The wire's codec, which signs this node's requests and refuses those of strangers.
#[derive(Clone)]
pub(super) struct MembersWire(Arc<Inner>);

struct Inner {
    federation: FederationId,
    key: SigningKey,
    members: Members,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct SignedRequest {
    from: Height,
    to: Height,
    key: [u8; 32],
    signature: [u8; 64],
}

impl MembersWire {
    pub(super) fn new(federation: FederationId, key: &SigningKey, members: Members) -> Self {
        let key = SigningKey::from_bytes(&key.expose_secret());
        Self(Arc::new(Inner {
            federation,
            key,
            members,
        }))
    }
}

impl Inner {
    fn sign(&self, from: Height, to: Height) -> SignedRequest {
        let signature = self
            .key
            .sign(PURPOSE, self.federation.as_bytes(), &heights(from, to));
        SignedRequest {
            from,
            to,
            key: *self.key.verifying_key().as_bytes(),
            signature: signature.to_bytes(),
        }
    }

    fn verify(&self, request: &SignedRequest) -> Result<(), WireError> {
        let key = self.members.find(|key| *key.as_bytes() == request.key)?;
        let signature = Signature::from_bytes(request.signature);
        let message = heights(request.from, request.to);
        key.verify(PURPOSE, self.federation.as_bytes(), &message, &signature)
            .map_err(|_| WireError::Field("signature of a request for blocks"))
    }
}

/// from || to, eight bytes each, big-endian.
fn heights(from: Height, to: Height) -> [u8; 16] {
    let mut bytes = [0; 16];
    let (first, last) = bytes.split_at_mut(8);
    first.copy_from_slice(&from.value().to_be_bytes());
    last.copy_from_slice(&to.value().to_be_bytes());
    bytes
}

impl Codec<Request<LedgerContext>> for MembersWire {
    type Error = WireError;

    fn encode(&self, request: &Request<LedgerContext>) -> Result<Bytes, WireError> {
        let Request::ValueRequest(ValueRequest { range }) = request;
        let signed = self.0.sign(range.start().0, range.end().0);
        Ok(borsh::to_vec(&signed)?.into())
    }

    fn decode(&self, bytes: Bytes) -> Result<Request<LedgerContext>, WireError> {
        let signed: SignedRequest = borsh::from_slice(&bytes)?;
        self.0.verify(&signed)?;
        let range = EngineHeight(signed.from)..=EngineHeight(signed.to);
        Ok(Request::ValueRequest(ValueRequest::new(range)))
    }
}

impl Codec<Status<LedgerContext>> for MembersWire {
    type Error = WireError;

    fn encode(&self, status: &Status<LedgerContext>) -> Result<Bytes, WireError> {
        Wire.encode(status)
    }

    fn decode(&self, bytes: Bytes) -> Result<Status<LedgerContext>, WireError> {
        let status: Status<LedgerContext> = Wire.decode(bytes)?;
        // The engine has compared the name with who sent it.
        let members = &self.0.members;
        members.find(|key| peer_id(key) == status.peer_id)?;
        Ok(status)
    }
}

/// Everything else is as the wire has it.
macro_rules! as_on_the_wire {
    ($($message:ty),+ $(,)?) => {$(
        impl Codec<$message> for MembersWire {
            type Error = WireError;

            fn encode(&self, message: &$message) -> Result<Bytes, WireError> {
                Wire.encode(message)
            }

            fn decode(&self, bytes: Bytes) -> Result<$message, WireError> {
                Wire.decode(bytes)
            }
        }
    )+};
}

as_on_the_wire!(
    Part,
    StreamMessage<Part>,
    SignedConsensusMsg<LedgerContext>,
    LivenessMsg<LedgerContext>,
    ValidatorProof<LedgerContext>,
    Response<LedgerContext>,
);

impl HasEncodedLen<Response<LedgerContext>> for MembersWire {
    fn encoded_len(&self, response: &Response<LedgerContext>) -> Result<usize, WireError> {
        Wire.encoded_len(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_bytes(&[byte; 32])
    }

    fn wire(federation: u8, own: u8, members: &[u8]) -> MembersWire {
        let known = Members::default();
        let keys: Vec<_> = members
            .iter()
            .map(|byte| key(*byte).verifying_key())
            .collect();
        known.replace(&keys);
        MembersWire::new(FederationId::from_bytes([federation; 32]), &key(own), known)
    }

    fn request(from: u64, to: u64) -> Request<LedgerContext> {
        let height = |at| EngineHeight(Height::new(at));
        Request::ValueRequest(ValueRequest::new(height(from)..=height(to)))
    }

    #[test]
    fn only_members_requests_are_read() {
        let responder = wire(1, 1, &[2]);
        let decode = |bytes: &[u8]| -> Result<Request<LedgerContext>, WireError> {
            responder.decode(bytes.to_vec().into())
        };
        let honest = wire(1, 2, &[]).encode(&request(3, 9)).unwrap();
        let read = decode(&honest).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", request(3, 9)));

        let stranger = wire(1, 3, &[]).encode(&request(3, 9)).unwrap();
        decode(&stranger).unwrap_err();
        let elsewhere = wire(2, 2, &[]).encode(&request(3, 9)).unwrap();
        decode(&elsewhere).unwrap_err();
        // A member's name under a stranger's signature, and every changed byte: heights, identity, signature.
        for i in 0..honest.len() {
            let mut changed = honest.to_vec();
            changed[i] ^= 1;
            decode(&changed).unwrap_err();
        }
        decode(&[honest.as_ref(), &[0]].concat()).unwrap_err();
        // The bare heights of former versions.
        decode(&honest[..16]).unwrap_err();

        responder.0.members.replace(&[]);
        decode(&honest).unwrap_err();
    }

    #[test]
    fn nobody_asks_a_stranger() {
        let asks = wire(1, 1, &[2]);
        let told = |byte: u8| {
            let peer_id = peer_id(&key(byte).verifying_key());
            let height = |at| EngineHeight(Height::new(at));
            let (tip_height, history_min_height) = (height(9), height(1));
            let status = Status::<LedgerContext> {
                peer_id,
                tip_height,
                history_min_height,
            };
            Wire.encode(&status).unwrap()
        };
        let decode =
            |bytes: Bytes| -> Result<Status<LedgerContext>, WireError> { asks.decode(bytes) };
        assert_eq!(decode(told(2)).unwrap().tip_height.0, Height::new(9));
        decode(told(3)).unwrap_err();
        asks.0.members.replace(&[]);
        decode(told(2)).unwrap_err();
    }
}
