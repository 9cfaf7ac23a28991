//! The crate's own code on the cases: fed the same randomness it must give the same bytes.

use consilium_schemes::abe;
use consilium_schemes::curve::DecodeError;
use consilium_schemes::digest::Digest;
use consilium_schemes::envelope::HeaderCore;
use rand_core::{TryCryptoRng, TryRng};

use super::case::{Computed, Given};
use super::reference::bytes;
use crate::support::fixed_rng;

/// "Randomness" that is given: scalars are asked for as 64 bytes to be reduced, keys as 32 bytes.
struct Replay(Vec<Vec<u8>>);

impl Replay {
    fn new(values: &[&String]) -> Self {
        Self(values.iter().rev().map(|text| bytes(text)).collect())
    }
}

impl TryRng for Replay {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        panic!("only bytes are drawn")
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        panic!("only bytes are drawn")
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        let value = self.0.pop().expect("a value for every draw");
        let start = out.len() - value.len();
        out.fill(0);
        out[start..].copy_from_slice(&value);
        Ok(())
    }
}

impl TryCryptoRng for Replay {}

fn array(text: &str) -> [u8; 32] {
    bytes(text).try_into().unwrap()
}

/// The crate's code on the same input.
pub fn run_ours(g: &Given, c: &Computed) {
    let depth = abe::Depth::new(g.D).unwrap();
    let tree = abe::Tree::new(abe::TreeId::from_bytes(array(&g.tree_id)), depth);
    let (pp, msk) = abe::setup(tree, &mut Replay::new(&[&g.alpha, &g.k_node]));
    assert_eq!(hex::encode(pp.to_bytes()), c.pp);
    assert_eq!(hex::encode(&*msk.to_bytes()), c.msk);

    let user = abe::UserId::from_bytes(array(&g.user));
    let registration = abe::Registration::new(array(&g.federation), user, array(&g.nonce));
    let (secret, pk) = abe::user_keygen(&mut Replay::new(&[&g.beta]));
    assert!(hex::encode(pk.to_bytes()).ends_with(&c.pk));
    let proof = secret.prove_possession(&registration, &mut Replay::new(&[&g.pop_fresh]));
    assert_eq!(hex::encode(proof.to_bytes()), c.proof);
    let pk = pk.verify(&proof, &registration).unwrap();

    let leaf = abe::Leaf::new(g.theta, depth).unwrap();
    let grant = abe::LeafGrant::from_committed(leaf, user);
    let set = g.S.parse().unwrap();
    let mut rng = Replay::new(&g.r.iter().collect::<Vec<_>>());
    let key = abe::att_keygen(&msk, grant, &pk, &set, &mut rng).unwrap();
    assert_eq!(hex::encode(&*key.to_bytes()), c.attribute_key);

    let epoch = abe::Epoch::new(g.t);
    let mut revoked = abe::RevocationList::new(depth);
    let leaves = g
        .revoked
        .iter()
        .map(|leaf| abe::Leaf::new(*leaf, depth).unwrap());
    revoked.revoke(leaves, epoch).unwrap();
    let ticket = abe::EpochTicket::after(None, epoch).unwrap();
    let mut rng = Replay::new(&g.s_x.iter().collect::<Vec<_>>());
    let update = abe::upd_keygen(&msk, ticket, &revoked, &mut rng).unwrap();
    assert_eq!(hex::encode(update.to_bytes()), c.update_key);
    assert_eq!(update.digest().to_string(), c.update_key_digest);

    let policy = g.policy.parse().unwrap();
    let record = abe::RecordContext::new(array(&g.federation), array(&g.record));
    let mut rng = Replay::new(&[&g.sigma]);
    let (capsule, sent) = abe::encrypt(&pp, &policy, epoch, record, &mut rng);
    assert_eq!(hex::encode(capsule.to_bytes()), c.CTSym);
    assert_eq!(capsule.digest().to_string(), c.CTSym_digest);
    assert_eq!(
        abe::check_capsule(&capsule.prepare(), &mut fixed_rng(0)),
        Ok(())
    );

    let semi = abe::pre_dec(&abe::pre_keygen(&key, &update).unwrap(), &capsule.prepare()).unwrap();
    assert_eq!(hex::encode(semi.to_bytes()), c.SemiCT);
    let on_ledger = Digest::from_bytes(array(&c.CTSym_digest));
    let received = abe::dec(&secret, &semi, &capsule, &on_ledger).unwrap();
    let core = HeaderCore::from_bytes(&bytes(&g.header_core)).unwrap();
    for side in [sent, received] {
        assert_eq!(
            hex::encode(side.derive_sym_key(&core).unwrap().expose_secret()),
            c.SymKey
        );
    }
}

pub fn parse(kind: &str, bytes: &[u8]) -> Result<(), DecodeError> {
    match kind {
        "PublicParameters" => abe::PublicParameters::from_bytes(bytes).map(drop),
        "MasterSecret" => abe::MasterSecret::from_bytes(bytes).map(drop),
        "UserPublicKey" => abe::UserPublicKey::from_bytes(bytes).map(drop),
        "ProofOfPossession" => abe::ProofOfPossession::from_bytes(bytes).map(drop),
        "AttributeKey" => abe::AttributeKey::from_bytes(bytes).map(drop),
        "UpdateKey" => abe::UpdateKey::from_bytes(bytes).map(drop),
        "Capsule" => abe::Capsule::from_bytes(bytes).map(drop),
        "SemiCiphertext" => abe::SemiCiphertext::from_bytes(bytes).map(drop),
        other => panic!("unknown type {other}"),
    }
}

/// The field at fault and the kind of fault.
pub fn reason(error: &DecodeError) -> String {
    match error {
        DecodeError::Field { field, source } => format!("{field}: {}", reason(source)),
        DecodeError::Length { .. } => "length".into(),
        DecodeError::Truncated => "truncated".into(),
        DecodeError::TrailingBytes(_) => "trailing".into(),
        DecodeError::NonCanonical => "non-canonical".into(),
        DecodeError::NotOnCurve => "not-on-curve".into(),
        DecodeError::WrongSubgroup => "wrong-subgroup".into(),
        DecodeError::Identity => "identity".into(),
        DecodeError::Zero => "zero".into(),
        DecodeError::UnknownVersion(_) => "unknown".into(),
        DecodeError::Limit { .. } => "limit".into(),
        DecodeError::Rule(_) => "rule".into(),
        DecodeError::Refused(_) => "refused".into(),
        other => panic!("unexpected {other}"),
    }
}
