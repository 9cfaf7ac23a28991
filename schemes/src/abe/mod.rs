//! Revocable attribute-based encryption with a hospital that pre-decrypts.
//!
//! It provides the nine algorithms of the paper's section III.B under their names: [`setup`],
//! [`user_keygen`] (UserKG), [`RevocationList::revoke`], [`encrypt`], [`att_keygen`], [`upd_keygen`],
//! [`pre_keygen`], [`pre_dec`], [`dec`]; [`check_capsule`], the public check of a ciphertext; [`pre_dec_proven`], PreDec with a proof
//! that it is right; and [`Complaint`], which shows who is at fault where nothing opens. Large update keys are made by [`UpdateKeyPieces`] and
//! used by [`pre_keygen_from`], and never held.
//!
//! ```
//! # use consilium_schemes::abe::*;
//! # use rand::SeedableRng;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut rng = rand::rngs::StdRng::from_seed([7; 32]);
//! # let rng = &mut rng;
//! # let tree = Tree::new(TreeId::from_bytes([1; 32]), Depth::new(4)?);
//! # let user = UserId::from_bytes([2; 32]);
//! # let registration = Registration::new([3; 32], user, [4; 32]);
//! # let epoch = Epoch::new(1);
//! # let revoked = RevocationList::new(tree.depth());
//! # let record = RecordContext::new([3; 32], [5; 32]);
//! # let policy = "role:cardiologist and (hospital:st-mary or icu)".parse()?;
//! # let attributes = "role:cardiologist, icu".parse()?;
//! let (pp, msk) = setup(tree, rng);
//! let (beta, pk) = user_keygen(rng);
//! let pk = pk.verify(&beta.prove_possession(&registration, rng), &registration)?;
//! let grant = LeafGrant::from_committed(Leaf::new(0, tree.depth())?, user);
//! let key = att_keygen(&msk, grant, &pk, &attributes, rng)?;
//! let update = upd_keygen(&msk, EpochTicket::after(None, epoch)?, &revoked, rng)?;
//! let (capsule, sent) = encrypt(&pp, &policy, epoch, record, rng);
//! let prepared = capsule.prepare();
//! check_capsule(&prepared, rng)?;
//! let semi = pre_dec(&pre_keygen(&key, &update)?, &prepared)?;
//! let received = dec(&beta, &semi, &capsule, &capsule.digest())?;
//! # let _ = (sent, received);
//! # Ok(())
//! # }
//! ```
//!
//! # Sources
//!
//! The interface: *A Privacy-Preserving Medical Data Sharing Scheme Based on Blockchain* (the paper, 002),
//! section III.B, which gives signatures only; it is that of Cui, Deng, Li, Qin, *Server-aided revocable
//! attribute-based encryption*, ESORICS 2016. The tree: Boldyreva, Goyal, Kumar, *Identity-based encryption with
//! efficient revocation*, CCS 2008. The attribute-based encryption underneath: FABEO, Riepel and Wee, CCS
//! 2022, eprint 2022/1415, figure 3. The pseudo-code, with the lines cited as `// L12`: `docs/spec/abe.md`.
//!
//! # Notation
//!
//! | symbol | type |
//! |---|---|
//! | pp = (Y, tree id, D) | [`PublicParameters`], [`TreeId`], [`Depth`] |
//! | msk = (alpha, k_node) | [`MasterSecret`] |
//! | x, theta, t | [`NodeId`], [`Leaf`], [`Epoch`] |
//! | rl | [`RevocationList`] |
//! | beta, pk | [`UserSecretKey`], [`UserPublicKey`], [`VerifiedPublicKey`] |
//! | (R, z) | [`ProofOfPossession`] |
//! | (P0, P1, P_A) for x in Path(theta) | [`AttributeKey`] |
//! | (Q1, Q2) for x in KUNodes(rl, t) | [`UpdateKey`]; in pieces [`UpdateKeyPieces`], [`UpdateKeyCheck`] |
//! | prek | [`PreDecryptionKey`] |
//! | CTSym = (header, C0, C2, Ct, C_i, C_sigma) | [`Capsule`], [`CapsuleHeader`] |
//! | (A, B) | [`SemiCiphertext`] |
//! | sigma, with SHA-256(CTSym) | [`SharedSecret`] |
//! | (Q1, Q2, F, rows, c, Z) | [`TransformProof`] |
//! | (E^beta, c, z) with what it is about | [`Complaint`], settled to a [`Verdict`] |
//! | M, rho, tau, omega, kappa | [`consilium_policies::AccessStructure`] |
//!
//! Points are written additively in the code: `P^k Q` is `P * k + Q`.
//!
//! # Assumptions, and what is not proved
//!
//! SXDH on BLS12-381, the generic group model and random oracles. **There is no proof of the combination.**
//! FABEO alone is adaptively secure in the generic group model with random oracles; alpha = a_x + (alpha − a_x)
//! over the nodes of a tree is the splitting of Boldyreva, Goyal and Kumar. Exhaustive tests in the generic group
//! (whether the key lies in the span of all that colluding users see) agree with the policy logic on tens of
//! thousands of random collusions of up to five keys over several epochs; the sketch of an argument is in
//! `docs/spec/abe.md`. Chosen-ciphertext security is claimed only under a gap assumption: whether a device
//! accepts is a plaintext-checking oracle, so it may process only records that the ledger assigned to it.
//!
//! # Deviations
//!
//! - From Cui et al.: there the master secret sits in the attribute key, masked by one g_x per node, and two
//!   attribute keys of one node divide to a value without the mask; two revoked users, or one and the server,
//!   read on. Here it sits in the update key, and the attribute key carries only pk^{a_x}.
//! - From FABEO: P0 and P1 carry pk^{a_x} instead of the master secret, once per node, with fresh r.
//! - The "XOF" that derives s, s'_j and y_k is one hash_to_field per scalar over (sigma, SHA-256(header), role,
//!   index); the KDF of Y^s and everything derived is bound to the header.
//! - A key is encapsulated (sigma), not a message encrypted; the doctor verifies the pre-decryption by
//!   C0 = g2^s.
//!
//! # Rules that the caller keeps
//!
//! A leaf is durable before its key leaves ([`LeafGrant`]) and is never given twice; one update key per epoch,
//! when its revocations are final ([`EpochTicket`]); changed attributes revoke the old leaf and take a new one
//! in a new epoch; a record of an epoch that is no longer current is encrypted again.

mod attribute_keygen;
mod attribute_tables;
mod capsule;
mod check;
mod complaint;
mod decrypt;
mod encrypt;
mod error;
mod frame;
mod ku_nodes;
mod labels;
mod pre_decrypt;
mod pre_keygen;
mod prepared_capsule;
mod setup;
mod transform;
mod tree;
mod update_key;
mod update_keygen;
mod update_reading;
mod user_keygen;

#[cfg(test)]
mod attacks;

pub use attribute_keygen::{AttributeKey, LeafGrant, att_keygen};
pub use capsule::{Capsule, CapsuleHeader, RecordContext};
pub use check::check_capsule;
pub use complaint::{
    Case, Complaint, ComplaintRefused, EncryptorFault, HospitalFault, Inadmissible,
    SignedTransform, TRANSFORM, Verdict,
};
pub use decrypt::dec;
pub use encrypt::{SharedSecret, encrypt};
pub use error::{
    DecryptError, HeaderMismatch, IssueError, MalformedCapsule, PreDecryptError, UpdateReadError,
};
pub use ku_nodes::KuNodes;
pub use pre_decrypt::{SemiCiphertext, pre_dec};
pub use pre_keygen::{PreDecryptionKey, pre_keygen, pre_keygen_from};
pub use prepared_capsule::PreparedCapsule;
pub use setup::{MasterSecret, PublicParameters, setup};
pub use transform::{TransformError, TransformProof, pre_dec_proven};
pub use tree::{Depth, Epoch, Leaf, MAX_DEPTH, NodeId, RevocationList, Tree, TreeId};
pub use update_key::{UpdateKey, UpdateKeyHeader};
pub use update_keygen::{EpochTicket, PIECE_NODES, UpdateKeyPieces, upd_keygen};
pub use update_reading::UpdateKeyCheck;
pub use user_keygen::{
    ProofOfPossession, Registration, UserId, UserPublicKey, UserSecretKey, VerifiedPublicKey,
    user_keygen,
};
