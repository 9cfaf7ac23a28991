//! Each security claim and each rule of the scheme, attacked on the equations themselves: the local checks
//! (policy, epoch, revocation) are bypassed, so that what refuses is the mathematics.
//!
//! Where a rule is at stake the test first breaks it on purpose and shows that the attack then works.

mod collusions;
mod complaints;
mod policy_logic;
mod rules;

use consilium_policies::{Attribute, AttributeSet, Policy};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::attribute_keygen::NodeKey;
use super::encrypt::{Exponents, elements};
use super::update_key::UpdatePart;
use super::*;
use crate::curve::{
    FieldElement, FixedG1, G1, G2, Gt, PreparedG2, Scalar, SecretScalar, multi_pairing, pairing,
};

const POLICY: &str = "cardio and (icu or er)";
/// The epoch of the revocations; [`BEFORE`] is the one before.
const NOW: Epoch = Epoch::new(5);
const BEFORE: Epoch = Epoch::new(4);

/// A of these points, whatever the rows and weights are.
fn policy_half(
    (p0, p1): (G1, G2),
    point: impl Fn(&Attribute) -> Option<G1>,
    capsule: &Capsule,
    omega: &[(usize, Scalar)],
) -> Option<Gt> {
    let (key, prepared) = ((p0, &PreparedG2::new(&p1)), capsule.prepare());
    super::pre_decrypt::policy_half(key, point, &prepared, omega)
}

/// B of these points.
fn time_half(update: &UpdatePart, capsule: &Capsule) -> Gt {
    let (q2, c0) = (PreparedG2::new(&update.q2), PreparedG2::new(&capsule.c0));
    super::pre_decrypt::time_half(update.q1, &q2, capsule.ct, &c0)
}

struct User {
    secret: UserSecretKey,
    public: VerifiedPublicKey,
    key: AttributeKey,
}

/// A KGC with a tree of 8 leaves, its list of revocations and its randomness.
struct World {
    pp: PublicParameters,
    msk: MasterSecret,
    revoked: RevocationList,
    next_leaf: u32,
    rng: StdRng,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let depth = Depth::new(3).unwrap();
        let (pp, msk) = setup(Tree::new(TreeId::from_bytes([9; 32]), depth), &mut rng);
        Self {
            pp,
            msk,
            revoked: RevocationList::new(depth),
            next_leaf: 0,
            rng,
        }
    }

    fn join(&mut self, attributes: &str) -> User {
        let leaf = self.next_leaf;
        self.next_leaf += 1;
        self.join_at(leaf, attributes)
    }

    fn join_at(&mut self, leaf: u32, attributes: &str) -> User {
        let leaf = Leaf::new(leaf, self.pp.tree().depth()).unwrap();
        let id = UserId::from_bytes([7; 32]);
        let registration = Registration::new([1; 32], id, [2; 32]);
        let (secret, public) = user_keygen(&mut self.rng);
        let proof = secret.prove_possession(&registration, &mut self.rng);
        let public = public.verify(&proof, &registration).unwrap();
        let grant = LeafGrant::from_committed(leaf, id);
        let set = attributes.parse().unwrap();
        let key = att_keygen(&self.msk, grant, &public, &set, &mut self.rng).unwrap();
        User {
            secret,
            public,
            key,
        }
    }

    fn revoke(&mut self, users: &[&User], epoch: Epoch) {
        self.revoked
            .revoke(users.iter().map(|user| user.key.leaf()), epoch)
            .unwrap();
    }

    /// The update key of an epoch by the equations, whatever was made before.
    fn update(&mut self, epoch: Epoch) -> UpdateKey {
        let mut list = RevocationList::new(self.revoked.depth());
        for index in 0..8 {
            let leaf = Leaf::new(index, self.revoked.depth()).unwrap();
            if let Some(since) = self
                .revoked
                .revoked_since(leaf)
                .filter(|since| *since <= epoch)
            {
                list.revoke([leaf], since).unwrap();
            }
        }
        upd_keygen(&self.msk, EpochTicket { epoch }, &list, &mut self.rng).unwrap()
    }

    /// A capsule of explicit exponents, with its Y^s.
    fn capsule(&mut self, policy: &str, epoch: Epoch, s: &Scalar) -> (Capsule, Gt) {
        let policy: Policy = policy.parse().unwrap();
        let access = policy.access_structure();
        let mut random = |n: usize| {
            (0..n)
                .map(|_| SecretScalar::random(&mut self.rng))
                .collect::<Vec<_>>()
        };
        let (repetitions, columns) = (
            random(access.max_repetition() + 1),
            random(access.columns() - 1),
        );
        let exponents = Exponents::new(SecretScalar::new(*s), repetitions, columns, &access);
        let (c0, c2, ct, rows) = elements(epoch, &access, &exponents);
        let context = RecordContext::new([1; 32], [3; 32]);
        let header = CapsuleHeader {
            tree: self.pp.tree().id(),
            epoch,
            context,
            policy,
        };
        let capsule = Capsule {
            header,
            c0,
            c2,
            ct,
            rows,
            c_sigma: [0; 32],
        };
        (capsule, self.pp.y().pow(s))
    }

    fn random_capsule(&mut self, policy: &str, epoch: Epoch) -> (Capsule, Gt) {
        let s = Scalar::random(&mut self.rng);
        self.capsule(policy, epoch, &s)
    }
}

impl User {
    fn part(&self, node: NodeId) -> &NodeKey {
        self.key.parts().find(|(x, _)| *x == node).unwrap().1
    }

    fn point(&self, node: NodeId, attribute: &Attribute) -> Option<G1> {
        self.key.key_attributes().point(self.part(node), attribute)
    }

    /// A at this node, with the rows that this set of attributes selects, whatever the key holds: a point
    /// that it lacks is left out.
    fn half_as(&self, node: NodeId, capsule: &Capsule, pretended: &str) -> Gt {
        let set: AttributeSet = pretended.parse().unwrap();
        let part = self.part(node);
        let point = |a: &Attribute| Some(self.point(node, a).unwrap_or_default());
        policy_half((part.p0, part.p1), point, capsule, &weights(capsule, &set)).unwrap()
    }

    /// A at this node with the key's own attributes.
    fn half(&self, node: NodeId, capsule: &Capsule) -> Gt {
        self.half_as(node, capsule, &self.key.attributes().to_string())
    }

    /// A^{1/beta} · B.
    fn finish(&self, a: Gt, b: Gt) -> Gt {
        a.pow_secret(&self.secret.inverse()) * b
    }

    fn beta(&self) -> Scalar {
        self.secret
            .inverse()
            .invert()
            .unwrap()
            .expose_secret()
            .to_owned()
    }
}

fn weights(capsule: &Capsule, set: &AttributeSet) -> Vec<(usize, Scalar)> {
    let selection = capsule
        .access()
        .select::<FieldElement>(set)
        .expect("satisfies the policy");
    selection
        .rows()
        .iter()
        .map(|(row, weight)| (*row, (*weight).into()))
        .collect()
}

fn nodes_of(user: &User) -> Vec<NodeId> {
    user.key.leaf().path().collect()
}

fn all_parts(update: &UpdateKey) -> Vec<(NodeId, UpdatePart)> {
    update
        .nodes()
        .map(|x| (x, update.part(x).unwrap().clone()))
        .collect()
}
