//! A federation of one doctor, for the algorithms that are measured: every input is made here, ahead of the measured time.

use std::fmt::Write as _;

use consilium_policies::{AttributeSet, MAX_ITEMS, Policy};
use consilium_schemes::abe::{
    AttributeKey, Capsule, Depth, Epoch, EpochTicket, Leaf, LeafGrant, MasterSecret,
    PreDecryptionKey, PreparedCapsule, PublicParameters, RecordContext, Registration,
    RevocationList, SemiCiphertext, SharedSecret, Tree, TreeId, UpdateKey, UpdateKeyPieces, UserId,
    UserSecretKey, VerifiedPublicKey, att_keygen, check_capsule, dec, encrypt, pre_dec, pre_keygen,
    setup, upd_keygen, user_keygen,
};
use consilium_schemes::digest::Digest;

use crate::failure::Failure;
pub use crate::ledger::federation::random;

/// The epoch in which everything happens.
const EPOCH: Epoch = Epoch::new(1);
/// Rows that one comparison with a number has.
const ROWS_OF_A_NUMBER: usize = 32;

/// KGC and doctor.
pub struct Setting {
    pub parameters: PublicParameters,
    pub beta: UserSecretKey,
    pub doctor: UserId,
    master: MasterSecret,
    pk: VerifiedPublicKey,
    tree: Tree,
}

impl Setting {
    /// With a tree of this depth.
    pub fn new(depth: u8) -> Result<Self, Failure> {
        let rng = &mut random("federation");
        let tree = Tree::new(TreeId::from_bytes([1; 32]), Depth::new(depth)?);
        let doctor = UserId::from_bytes([2; 32]);
        let registration = Registration::new([3; 32], doctor, [4; 32]);
        let (parameters, master) = setup(tree, rng);
        let (beta, pk) = user_keygen(rng);
        let pk = pk.verify(&beta.prove_possession(&registration, rng), &registration)?;
        Ok(Self {
            parameters,
            beta,
            doctor,
            master,
            pk,
            tree,
        })
    }

    /// Encrypt.
    pub fn encrypt(&self, policy: &Policy) -> (Capsule, SharedSecret) {
        let record = RecordContext::new([3; 32], [5; 32]);
        encrypt(
            &self.parameters,
            policy,
            EPOCH,
            record,
            &mut random("encryptor"),
        )
    }

    /// AttKeyGen, for the first leaf.
    pub fn attribute_key(&self, attributes: &AttributeSet) -> Result<AttributeKey, Failure> {
        let leaf = Leaf::new(0, self.tree.depth())?;
        let grant = LeafGrant::from_committed(leaf, self.doctor);
        Ok(att_keygen(
            &self.master,
            grant,
            &self.pk,
            attributes,
            &mut random("attribute key"),
        )?)
    }

    /// Revokes so many leaves, as far apart as they can lie, and never the doctor's: the cover is as large as it can be.
    pub fn revoked(&self, count: usize) -> Result<RevocationList, Failure> {
        let depth = self.tree.depth();
        let mut list = RevocationList::new(depth);
        let step = depth.leaves() / u64::try_from(count.max(1))?;
        let leaves = (1..=u64::try_from(count)?)
            .map(|number| Ok(Leaf::new(u32::try_from(number * step - 1)?, depth)?))
            .collect::<Result<Vec<_>, Failure>>()?;
        list.revoke(leaves, EPOCH)?;
        Ok(list)
    }

    /// UpdKeyGen as the KGC does it: in pieces, none of which is kept. All cores work on it.
    pub fn update_pieces(&self, revoked: &RevocationList) -> Result<(), Failure> {
        let ticket = EpochTicket::after(None, EPOCH)?;
        let mut pieces = UpdateKeyPieces::new(&self.master, ticket, revoked)?;
        let rng = &mut random("update key");
        while let Some(piece) = pieces.next_piece(rng) {
            std::hint::black_box(piece);
        }
        Ok(())
    }

    /// UpdKeyGen, whole.
    fn update_key(&self, revoked: &RevocationList) -> Result<UpdateKey, Failure> {
        let ticket = EpochTicket::after(None, EPOCH)?;
        Ok(upd_keygen(
            &self.master,
            ticket,
            revoked,
            &mut random("update key"),
        )?)
    }

    /// The nodes that an update key is made for.
    pub fn cover(&self, revoked: &RevocationList) -> usize {
        revoked.ku_nodes(EPOCH).count()
    }

    /// A record under a policy of so many rows, and everything until Dec.
    pub fn record(&self, rows: usize) -> Result<Record, Failure> {
        let policy = policy(rows)?;
        let key = self.attribute_key(&attributes(rows)?)?;
        let update = self.update_key(&self.revoked(0)?)?;
        let (capsule, _) = self.encrypt(&policy);
        // As hospital and doctor have it: read.
        let capsule = Capsule::from_bytes(&capsule.to_bytes())?;
        let prepared = pre_keygen(&key, &update)?;
        let checked = capsule.prepare();
        check_capsule(&checked, &mut random("check"))?;
        let semi = pre_dec(&prepared, &checked)?;
        let digest = capsule.digest();
        dec(&self.beta, &semi, &capsule, &digest)?;
        Ok(Record {
            policy,
            checked,
            capsule,
            digest,
            prepared,
            semi: semi.to_bytes(),
        })
    }
}

/// A record's capsule, with what hospital and doctor have to open it.
pub struct Record {
    pub policy: Policy,
    pub capsule: Capsule,
    /// As it is after the public check, which the gateway makes before PreDec.
    pub checked: PreparedCapsule,
    pub digest: Digest,
    pub prepared: PreDecryptionKey,
    /// What the hospital sends the doctor.
    pub semi: Vec<u8>,
}

impl Record {
    /// PreDec.
    pub fn pre_decrypt(&self) -> Result<SemiCiphertext, Failure> {
        Ok(pre_dec(&self.prepared, &self.checked)?)
    }

    /// Dec from what the hospital sent: reading checks that A and B have order r, which is a part of Dec.
    pub fn decrypt(&self, beta: &UserSecretKey) -> Result<SharedSecret, Failure> {
        let semi = SemiCiphertext::from_bytes(&self.semi)?;
        Ok(dec(beta, &semi, &self.capsule, &self.digest)?)
    }
}

/// How many plain attributes and how many numbers make so many rows: a key has room for [`MAX_ITEMS`].
fn plain_and_numbers(rows: usize) -> (usize, usize) {
    let beyond = rows.saturating_sub(MAX_ITEMS);
    // A number takes a place of the key, too.
    let numbers = beyond.div_ceil(ROWS_OF_A_NUMBER - 1);
    (rows - numbers * ROWS_OF_A_NUMBER, numbers)
}

/// So many different attributes, all of them needed.
pub fn policy(rows: usize) -> Result<Policy, Failure> {
    let (plain, numbers) = plain_and_numbers(rows);
    let plain = (0..plain).map(|number| format!("attribute-{number}"));
    let all = plain.chain((0..numbers).map(|number| format!("number-{number} == 77")));
    let policy: Policy = all.collect::<Vec<_>>().join(" and ").parse()?;
    match policy.access_structure().rows().len() {
        found if found == rows => Ok(policy),
        found => Err(Failure::new(format!(
            "a policy of {rows} rows came out with {found}"
        ))),
    }
}

/// What satisfies [`policy`].
pub fn attributes(rows: usize) -> Result<AttributeSet, Failure> {
    let (plain, numbers) = plain_and_numbers(rows);
    let mut text = String::new();
    for number in 0..plain {
        let _ = write!(text, "attribute-{number}, ");
    }
    for number in 0..numbers {
        let _ = write!(text, "number-{number}=77, ");
    }
    Ok(text.trim_end_matches(", ").parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_have_the_rows_that_are_asked_for_and_open() {
        let setting = Setting::new(2).unwrap();
        for rows in [1, 2, 64, 65, 100] {
            let record = setting.record(rows).unwrap();
            record.decrypt(&setting.beta).unwrap();
        }
    }

    #[test]
    fn revocations_far_apart_leave_the_largest_cover() {
        let setting = Setting::new(4).unwrap();
        let cover = |count| setting.cover(&setting.revoked(count).unwrap());
        // R log2(N/R) nodes.
        assert_eq!([cover(0), cover(1), cover(4), cover(8)], [1, 4, 8, 8]);
    }
}
