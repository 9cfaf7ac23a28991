//! The scheme from outside: the honest path, tampering on the way, and malformed encodings.
//! (The attacks on the equations are in `src/abe/attacks/`, the vectors in `abe_vectors.rs`.)

use consilium_policies::{AttributeSet, Policy};
use consilium_schemes::abe::*;
use consilium_schemes::curve::{DecodeError, G1, Gt, Scalar};
use consilium_schemes::digest::Digest;
use consilium_schemes::envelope::{HeaderCore, HeaderFields};
use consilium_schemes::signature::SigningKey;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_core::Rng;

const POLICY: &str =
    "(role:cardiologist and icu) or (role:surgeon and icu) or 2 of (er, ward, clearance >= 7)";
const EPOCH: Epoch = Epoch::new(3);
const FRAME: usize = 6;

struct World {
    rng: StdRng,
    pp: PublicParameters,
    msk: MasterSecret,
    secret: UserSecretKey,
    key: AttributeKey,
    update: UpdateKey,
}

fn context(record: u8) -> RecordContext {
    RecordContext::new([1; 32], [record; 32])
}

impl World {
    fn new(attributes: &str) -> Self {
        let mut rng = StdRng::from_seed([11; 32]);
        let tree = Tree::new(TreeId::from_bytes([2; 32]), Depth::new(4).unwrap());
        let (pp, msk) = setup(tree, &mut rng);
        let id = UserId::from_bytes([3; 32]);
        let registration = Registration::new([1; 32], id, [4; 32]);
        let (secret, pk) = user_keygen(&mut rng);
        let proof = secret.prove_possession(&registration, &mut rng);
        let pk = pk.verify(&proof, &registration).unwrap();
        let leaf = Leaf::new(5, tree.depth()).unwrap();
        let grant = LeafGrant::from_committed(leaf, id);
        let set: AttributeSet = attributes.parse().unwrap();
        let key = att_keygen(&msk, grant, &pk, &set, &mut rng).unwrap();
        let mut revoked = RevocationList::new(tree.depth());
        revoked
            .revoke([Leaf::new(6, tree.depth()).unwrap()], EPOCH)
            .unwrap();
        let ticket = EpochTicket::after(None, EPOCH).unwrap();
        let update = upd_keygen(&msk, ticket, &revoked, &mut rng).unwrap();
        Self {
            rng,
            pp,
            msk,
            secret,
            key,
            update,
        }
    }

    fn encrypt(&mut self, record: u8) -> (Capsule, SharedSecret) {
        let policy: Policy = POLICY.parse().unwrap();
        encrypt(&self.pp, &policy, EPOCH, context(record), &mut self.rng)
    }

    fn pre_dec(&self, capsule: &Capsule) -> SemiCiphertext {
        pre_dec(
            &pre_keygen(&self.key, &self.update).unwrap(),
            &capsule.prepare(),
        )
        .unwrap()
    }
}

fn header_core(seed: u8) -> HeaderCore {
    header_core_of([1; 32], EPOCH, seed)
}

fn header_core_of(record: [u8; 32], epoch: Epoch, seed: u8) -> HeaderCore {
    let mut rng = StdRng::from_seed([seed; 32]);
    let record_key = SigningKey::generate(&mut rng).verifying_key();
    let fields = HeaderFields {
        record,
        epoch: epoch.number(),
        record_key,
        report_key: vec![],
    };
    HeaderCore::new(fields, &mut rng).unwrap()
}

fn same_key(a: &SharedSecret, b: &SharedSecret) -> bool {
    let core = header_core(1);
    let key = |side: &SharedSecret| *side.derive_sym_key(&core).unwrap().expose_secret();
    key(a) == key(b)
}

#[test]
fn there_is_no_key_for_a_header_of_another_record_or_epoch() {
    let mut w = World::new("role:cardiologist, icu");
    let (capsule, sent) = w.encrypt(1);
    let received = dec(&w.secret, &w.pre_dec(&capsule), &capsule, &capsule.digest()).unwrap();
    let later = Epoch::new(EPOCH.number() + 1);
    for side in [sent, received] {
        let refusal = |core: HeaderCore| side.derive_sym_key(&core).err();
        assert_eq!(refusal(header_core_of([1; 32], EPOCH, 1)), None);
        let other_record = refusal(header_core_of([2; 32], EPOCH, 1));
        assert_eq!(other_record, Some(HeaderMismatch::Record));
        let (epoch, header) = (refusal(header_core_of([1; 32], later, 1)), later);
        let capsule = EPOCH;
        assert_eq!(epoch, Some(HeaderMismatch::Epoch { capsule, header }));
    }
}

#[test]
fn the_doctor_gets_the_encryptors_key_over_every_encoding() {
    let mut w = World::new("role:cardiologist, icu, clearance=9");
    let (capsule, sent) = w.encrypt(1);
    let capsule = Capsule::from_bytes(&capsule.to_bytes()).unwrap();
    let key = AttributeKey::from_bytes(&w.key.to_bytes()).unwrap();
    let update = UpdateKey::from_bytes(&w.update.to_bytes()).unwrap();
    assert_eq!(check_capsule(&capsule.prepare(), &mut w.rng), Ok(()));
    let semi = pre_dec(&pre_keygen(&key, &update).unwrap(), &capsule.prepare()).unwrap();
    let semi = SemiCiphertext::from_bytes(&semi.to_bytes()).unwrap();
    let secret = UserSecretKey::from_bytes(&w.secret.to_bytes()).unwrap();
    let received = dec(&secret, &semi, &capsule, &capsule.digest()).unwrap();
    assert!(same_key(&sent, &received));
    let other = received.derive_sym_key(&header_core(2)).unwrap();
    assert_ne!(
        sent.derive_sym_key(&header_core(1))
            .unwrap()
            .expose_secret(),
        other.expose_secret()
    );
}

#[test]
fn the_master_secret_survives_its_encoding() {
    let w = World::new("icu");
    let msk = MasterSecret::from_bytes(&w.msk.to_bytes()).unwrap();
    assert_eq!(msk.public_parameters(), w.pp);
    assert_eq!(PublicParameters::from_bytes(&w.pp.to_bytes()), Ok(w.pp));
    assert_eq!(*msk.to_bytes(), *w.msk.to_bytes());
}

#[test]
fn secrets_are_not_printed() {
    let mut w = World::new("role:cardiologist, icu");
    let (capsule, sent) = w.encrypt(1);
    let prek = pre_keygen(&w.key, &w.update).unwrap();
    let printed = format!("{:?} {:?} {:?} {sent:?} {prek:?}", w.msk, w.secret, w.key);
    let public = w.secret.public_key().to_bytes();
    for secret in [
        &w.msk.to_bytes()[FRAME + 33..],
        &w.secret.to_bytes()[FRAME..],
        &public[FRAME..],
    ] {
        assert!(!printed.contains(&hex::encode(secret)));
    }
    assert!(printed.len() < 400 && !printed.contains(&hex::encode(capsule.digest().as_bytes())));
}

#[test]
fn a_capsule_with_another_digest_than_the_ledgers_is_refused_first() {
    let mut w = World::new("role:cardiologist, icu");
    let (capsule, _) = w.encrypt(1);
    let semi = w.pre_dec(&capsule);
    let error = dec(&w.secret, &semi, &capsule, &Digest::of(b"another")).err();
    assert_eq!(error, Some(DecryptError::Digest));
}

/// Every malleation that keeps the encoding valid: C0, C2, Ct, each row, C_sigma.
#[test]
fn a_mauled_capsule_is_found_by_the_public_check_or_by_dec() {
    let mut w = World::new("role:cardiologist, icu");
    let (capsule, _) = w.encrypt(1);
    let bytes = capsule.to_bytes();
    let access = capsule.header().policy().access_structure();
    let (rows, repetitions) = (access.rows().len(), access.max_repetition() + 1);
    assert!(repetitions > 1, "the policy repeats an attribute");
    let header = capsule.header().to_bytes().len();
    let (c0, c2) = (header, header + 96);
    let ct = c2 + 96 * repetitions;
    let row = |i: usize| ct + 48 + 48 * i;
    let swap = |at: usize, with: &[u8]| {
        let mut changed = bytes.clone();
        changed[at..at + with.len()].copy_from_slice(with);
        Capsule::from_bytes(&changed).unwrap()
    };
    let maul = |at: usize| {
        let point = G1::from_bytes(&bytes[at..at + 48]).unwrap() + G1::generator();
        swap(at, &point.to_bytes())
    };
    let g2 = consilium_schemes::curve::G2::from_bytes(&bytes[c2..c2 + 96]).unwrap();
    let doubled = (g2 + g2).to_bytes();
    assert_eq!(
        check_capsule(&swap(c0, &doubled).prepare(), &mut w.rng),
        Err(MalformedCapsule::Time)
    );
    assert_eq!(
        check_capsule(&maul(ct).prepare(), &mut w.rng),
        Err(MalformedCapsule::Time)
    );
    for j in 0..repetitions {
        let found = check_capsule(&swap(c2 + 96 * j, &doubled).prepare(), &mut w.rng);
        let same = swap(c2 + 96 * j, &doubled) == capsule;
        assert!(same || found == Err(MalformedCapsule::Rows), "C2_{j}");
    }
    for i in 0..rows {
        assert_eq!(
            check_capsule(&maul(row(i)).prepare(), &mut w.rng),
            Err(MalformedCapsule::Rows),
            "row {i}"
        );
    }
    let (first, second) = (
        bytes[row(0)..row(1)].to_vec(),
        bytes[row(1)..row(2)].to_vec(),
    );
    let exchanged = {
        let mut changed = bytes.clone();
        changed[row(0)..row(2)].copy_from_slice(&[second, first].concat());
        Capsule::from_bytes(&changed).unwrap()
    };
    // The two rows of one `and` only ever count together: exchanged, they open as before to everyone. The
    // capsule is another one all the same, and the ledger's digest says so.
    assert_eq!(check_capsule(&exchanged.prepare(), &mut w.rng), Ok(()));
    assert_eq!(w.pre_dec(&exchanged), w.pre_dec(&capsule));
    let semi = w.pre_dec(&exchanged);
    let error = dec(&w.secret, &semi, &exchanged, &capsule.digest()).err();
    assert_eq!(error, Some(DecryptError::Digest));
    // C_sigma cannot be checked in public; Dec finds it.
    let sigma = swap(row(rows), &[0x55; 32]);
    assert_eq!(check_capsule(&sigma.prepare(), &mut w.rng), Ok(()));
    let semi = w.pre_dec(&sigma);
    let error = dec(&w.secret, &semi, &sigma, &sigma.digest()).err();
    assert_eq!(error, Some(DecryptError::PreDecryption));
}

/// A doctor whose rows are untouched still gets sigma out of a mauled capsule (it is not IND-CCA by itself),
/// but not the key: the digest of the capsule goes into it. The public check refuses the capsule.
#[test]
fn a_row_mauled_elsewhere_changes_the_key() {
    let mut w = World::new("role:cardiologist, icu");
    let (capsule, sent) = w.encrypt(1);
    let mut bytes = capsule.to_bytes();
    let last_row = bytes.len() - 32 - 48;
    let point = G1::from_bytes(&bytes[last_row..last_row + 48]).unwrap() + G1::generator();
    bytes[last_row..last_row + 48].copy_from_slice(&point.to_bytes());
    let mauled = Capsule::from_bytes(&bytes).unwrap();
    let semi = w.pre_dec(&mauled);
    assert_eq!(
        semi,
        w.pre_dec(&capsule),
        "the rows of this doctor are untouched"
    );
    let error = dec(&w.secret, &semi, &mauled, &capsule.digest()).err();
    assert_eq!(error, Some(DecryptError::Digest));
    let received = dec(&w.secret, &semi, &mauled, &mauled.digest()).unwrap();
    assert!(!same_key(&sent, &received));
    assert_eq!(
        check_capsule(&mauled.prepare(), &mut w.rng),
        Err(MalformedCapsule::Rows)
    );
}

#[test]
fn a_wrong_pre_decryption_is_found_before_anything_is_decrypted() {
    let mut w = World::new("role:cardiologist, icu");
    let (capsule, _) = w.encrypt(1);
    let (other, _) = w.encrypt(2);
    let good = w.pre_dec(&capsule).to_bytes();
    let theirs = w.pre_dec(&other).to_bytes();
    let (a, b) = good[FRAME..].split_at(Gt::BYTES);
    let (other_a, other_b) = theirs[FRAME..].split_at(Gt::BYTES);
    let cube = Gt::from_bytes(a).unwrap().pow(&Scalar::from(3)).to_bytes();
    let inverse = Gt::from_bytes(b).unwrap().invert().to_bytes();
    let wrong: [(&str, &[u8], &[u8]); 7] = [
        ("swapped", b, a),
        ("A of another record", other_a, b),
        ("B of another record", a, other_b),
        ("both of another record", other_a, other_b),
        ("A replaced", &cube, b),
        ("B inverted", a, &inverse),
        ("A twice", a, a),
    ];
    let join = |a: &[u8], b: &[u8]| [&good[..FRAME], a, b].concat();
    for (what, a, b) in wrong {
        let semi = SemiCiphertext::from_bytes(&join(a, b)).unwrap();
        let error = dec(&w.secret, &semi, &capsule, &capsule.digest()).err();
        assert_eq!(error, Some(DecryptError::PreDecryption), "{what}");
    }
    let one = Gt::one().to_bytes();
    for (a, b) in [(&one[..], b), (a, &one[..])] {
        let error = SemiCiphertext::from_bytes(&join(a, b)).unwrap_err();
        assert_eq!(error.root(), &DecodeError::Identity);
    }
    let mut outside = [0u8; Gt::BYTES];
    outside[47] = 2;
    for (a, b) in [(&outside[..], b), (a, &outside[..])] {
        let error = SemiCiphertext::from_bytes(&join(a, b)).unwrap_err();
        assert_eq!(error.root(), &DecodeError::WrongSubgroup);
    }
    let (colleague, _) = user_keygen(&mut w.rng);
    let semi = SemiCiphertext::from_bytes(&good).unwrap();
    let error = dec(&colleague, &semi, &capsule, &capsule.digest()).err();
    assert_eq!(
        error,
        Some(DecryptError::PreDecryption),
        "another doctor's beta"
    );
    assert!(dec(&w.secret, &semi, &capsule, &capsule.digest()).is_ok());
}

#[test]
fn pre_dec_refuses_by_name() {
    let mut w = World::new("icu, clearance=6, er");
    let (capsule, _) = w.encrypt(1);
    let prek = pre_keygen(&w.key, &w.update).unwrap();
    assert_eq!(
        pre_dec(&prek, &capsule.prepare()),
        Err(PreDecryptError::Unsatisfied)
    );
    let policy: Policy = "icu".parse().unwrap();
    let later = Epoch::new(4);
    let (late, _) = encrypt(&w.pp, &policy, later, context(1), &mut w.rng);
    let refused = PreDecryptError::Epoch {
        capsule: later,
        key: EPOCH,
    };
    assert_eq!(pre_dec(&prek, &late.prepare()), Err(refused));
    let tree = Tree::new(TreeId::from_bytes([9; 32]), Depth::new(4).unwrap());
    let (other_pp, other_msk) = setup(tree, &mut w.rng);
    let (foreign, _) = encrypt(&other_pp, &policy, EPOCH, context(1), &mut w.rng);
    let (expected, found) = (w.pp.tree().id(), tree.id());
    assert_eq!(
        pre_dec(&prek, &foreign.prepare()),
        Err(PreDecryptError::Tree { expected, found })
    );
    let ticket = EpochTicket::after(None, EPOCH).unwrap();
    let list = RevocationList::new(tree.depth());
    let foreign = upd_keygen(&other_msk, ticket, &list, &mut w.rng).unwrap();
    let error = pre_keygen(&w.key, &foreign).err();
    assert_eq!(error, Some(PreDecryptError::Tree { expected, found }));
}

/// Every prefix, one byte more, another kind, another version, another suite.
fn assert_framed<T>(bytes: &[u8], parse: impl Fn(&[u8]) -> Result<T, DecodeError>) {
    assert!(parse(bytes).is_ok());
    for length in (0..bytes.len()).step_by(1 + bytes.len() / 97) {
        assert!(parse(&bytes[..length]).is_err(), "cut at {length}");
    }
    let root = |bytes: Vec<u8>| parse(&bytes).err().unwrap().root().clone();
    let longer = root([bytes, &[0]].concat());
    assert!(
        matches!(
            longer,
            DecodeError::TrailingBytes(1) | DecodeError::Limit { .. }
        ),
        "{longer}"
    );
    let changed = |at: usize| {
        let mut changed = bytes.to_vec();
        changed[at] ^= 0x40;
        root(changed)
    };
    assert_eq!(changed(0), DecodeError::Rule("an encoding of another kind"));
    assert_eq!(changed(4), DecodeError::UnknownVersion(0x41));
    assert_eq!(changed(5), DecodeError::UnknownVersion(0x41));
}

#[test]
fn every_encoding_is_framed_and_complete() {
    let mut w = World::new("role:cardiologist, icu");
    let (capsule, _) = w.encrypt(1);
    let registration = Registration::new([1; 32], UserId::from_bytes([3; 32]), [4; 32]);
    let proof = w.secret.prove_possession(&registration, &mut w.rng);
    assert_framed(&w.pp.to_bytes(), PublicParameters::from_bytes);
    assert_framed(&w.msk.to_bytes(), MasterSecret::from_bytes);
    assert_framed(&w.secret.to_bytes(), UserSecretKey::from_bytes);
    assert_framed(&w.secret.public_key().to_bytes(), UserPublicKey::from_bytes);
    assert_framed(&proof.to_bytes(), ProofOfPossession::from_bytes);
    assert_framed(&w.key.to_bytes(), AttributeKey::from_bytes);
    assert_framed(&w.update.to_bytes(), UpdateKey::from_bytes);
    assert_framed(&capsule.to_bytes(), Capsule::from_bytes);
    assert_framed(&w.pre_dec(&capsule).to_bytes(), SemiCiphertext::from_bytes);
}

/// No two byte strings are read as the same value: what a parser takes is what it would write.
#[test]
fn a_changed_byte_is_refused_or_is_another_value() {
    let mut w = World::new("role:cardiologist, icu");
    let (capsule, _) = w.encrypt(1);
    let registration = Registration::new([1; 32], UserId::from_bytes([3; 32]), [4; 32]);
    let proof = w.secret.prove_possession(&registration, &mut w.rng);
    let semi = w.pre_dec(&capsule);
    let again: [(Vec<u8>, Reread); 7] = [
        (w.pp.to_bytes(), |b| {
            Some(PublicParameters::from_bytes(b).ok()?.to_bytes())
        }),
        (w.secret.public_key().to_bytes(), |b| {
            Some(UserPublicKey::from_bytes(b).ok()?.to_bytes())
        }),
        (proof.to_bytes(), |b| {
            Some(ProofOfPossession::from_bytes(b).ok()?.to_bytes())
        }),
        (w.key.to_bytes().to_vec(), |b| {
            Some(AttributeKey::from_bytes(b).ok()?.to_bytes().to_vec())
        }),
        (w.update.to_bytes(), |b| {
            Some(UpdateKey::from_bytes(b).ok()?.to_bytes())
        }),
        (capsule.to_bytes(), |b| {
            Some(Capsule::from_bytes(b).ok()?.to_bytes())
        }),
        (semi.to_bytes(), |b| {
            Some(SemiCiphertext::from_bytes(b).ok()?.to_bytes())
        }),
    ];
    for (bytes, reread) in again {
        for _ in 0..60 {
            let mut changed = bytes.clone();
            let at = usize::try_from(w.rng.next_u32()).unwrap() % changed.len();
            changed[at] ^= 1 << (w.rng.next_u32() % 8);
            if let Some(written) = reread(&changed) {
                assert_eq!(written, changed, "byte {at}");
            }
        }
    }
}

/// Parses, and writes what was parsed.
type Reread = fn(&[u8]) -> Option<Vec<u8>>;

#[test]
fn malformed_fields_are_named() {
    let mut w = World::new("role:cardiologist, icu");
    let (capsule, _) = w.encrypt(1);
    let patch = |bytes: &[u8], at: usize, with: &[u8]| {
        let mut changed = bytes.to_vec();
        changed[at..at + with.len()].copy_from_slice(with);
        changed
    };
    let mut infinity = [0u8; 96];
    infinity[0] = 0xc0;
    let said = |error: DecodeError| error.to_string();

    let pp = w.pp.to_bytes();
    let depth = PublicParameters::from_bytes(&patch(&pp, FRAME + 32, &[21])).unwrap_err();
    assert_eq!(said(depth), "tree: the depth of a tree is from 1 to 20");
    let y =
        PublicParameters::from_bytes(&patch(&pp, FRAME + 33, &Gt::one().to_bytes())).unwrap_err();
    assert_eq!(said(y), "Y: the identity is not allowed here");

    let pk = UserPublicKey::from_bytes(&patch(
        &w.secret.public_key().to_bytes(),
        FRAME,
        &infinity[..48],
    ));
    assert_eq!(
        said(pk.unwrap_err()),
        "pk: the identity is not allowed here"
    );
    let beta =
        UserSecretKey::from_bytes(&patch(&w.secret.to_bytes(), FRAME, &[0; 32])).unwrap_err();
    assert_eq!(said(beta), "beta: zero is not allowed here");
    let large =
        UserSecretKey::from_bytes(&patch(&w.secret.to_bytes(), FRAME, &[0xff; 32])).unwrap_err();
    assert_eq!(said(large), "beta: not the canonical encoding");

    let key = w.key.to_bytes();
    let leaf = AttributeKey::from_bytes(&patch(&key, FRAME + 33, &[0, 0, 0, 16])).unwrap_err();
    assert_eq!(said(leaf), "leaf: no leaf of the tree");
    let set = AttributeKey::from_bytes(&patch(&key, FRAME + 41, b"ICU")).unwrap_err();
    assert!(said(set).starts_with("S: "));

    let update = w.update.to_bytes();
    let count = FRAME + 33 + 8;
    let many = UpdateKey::from_bytes(&patch(&update, count, &[0, 0, 0, 9])).unwrap_err();
    assert_eq!(said(many), "nodes: 9 exceeds the limit of 8");
    let node = UpdateKey::from_bytes(&patch(&update, count + 4, &32u64.to_be_bytes())).unwrap_err();
    assert_eq!(said(node), "x: no node of the tree");
    let nodes: Vec<NodeId> = w.update.nodes().collect();
    let second = count + 4 + 152;
    let repeated = nodes[0].number().to_be_bytes();
    let order = UpdateKey::from_bytes(&patch(&update, second, &repeated)).unwrap_err();
    assert_eq!(said(order), "nodes: the nodes are not ascending");
    let below = (2 * nodes[0].number()).to_be_bytes();
    let last = count + 4 + 152 * (nodes.len() - 1);
    let nested = UpdateKey::from_bytes(&patch(&update, last, &below)).unwrap_err();
    assert!(nested.to_string().starts_with("nodes: "), "{nested}");

    let bytes = capsule.to_bytes();
    let header = capsule.header().to_bytes().len();
    let c0 = Capsule::from_bytes(&patch(&bytes, header, &infinity)).unwrap_err();
    assert_eq!(said(c0), "C0: the identity is not allowed here");
    let policy = FRAME + 32 + 8 + 64 + 4;
    let spelled = Capsule::from_bytes(&patch(&bytes, policy, b"(ROLE")).unwrap_err();
    assert!(said(spelled).starts_with("policy: "));
    let length = Capsule::from_bytes(&patch(&bytes, policy - 4, &[0xff; 4])).unwrap_err();
    assert!(said(length).starts_with("policy: 4294967295 exceeds the limit"));
    let huge = Capsule::from_bytes(&vec![0; Capsule::MAX_BYTES + 1]).unwrap_err();
    assert!(matches!(huge, DecodeError::Limit { .. }));
}

#[test]
fn a_large_tree_and_key_stay_within_their_bounds() {
    let mut rng = StdRng::from_seed([12; 32]);
    let tree = Tree::new(TreeId::from_bytes([2; 32]), Depth::new(MAX_DEPTH).unwrap());
    let (_, msk) = setup(tree, &mut rng);
    let mut revoked = RevocationList::new(tree.depth());
    let leaves = (0..3u32).map(|i| Leaf::new(i * 300_001, tree.depth()).unwrap());
    revoked.revoke(leaves, EPOCH).unwrap();
    let ticket = EpochTicket::after(None, EPOCH).unwrap();
    let update = upd_keygen(&msk, ticket, &revoked, &mut rng).unwrap();
    assert!(update.nodes().count() > 40);
    let bytes = update.to_bytes();
    assert!(bytes.len() <= UpdateKey::max_bytes(tree.depth()));
    assert_eq!(
        UpdateKey::from_bytes(&bytes).unwrap().digest(),
        Digest::of(&bytes)
    );
}

/// Two attributes each: one key's texts are longer, and a holder of many keys must count them.
#[test]
fn the_size_of_a_key_counts_the_texts_of_its_attributes() {
    let bytes = |attributes: &str| {
        let w = World::new(attributes);
        pre_keygen(&w.key, &w.update).unwrap().bytes()
    };
    let (name, value) = ("n".repeat(60), "v".repeat(60));
    let long = bytes(&format!("icu, {name}:{value}"));
    assert!(long >= bytes("icu, er") + name.len() + value.len());
}
