//! Update keys in pieces: made, checked and read without ever being held, in the largest tree.

use std::cell::Cell;
use std::sync::LazyLock;

use consilium_schemes::abe::*;
use consilium_schemes::curve::DecodeError;
use consilium_schemes::digest::Digest;
use rand::SeedableRng;
use rand::rngs::StdRng;

const EPOCH: Epoch = Epoch::new(7);
const ENTRY: usize = 8 + 48 + 96;

/// The largest tree with 120 revoked leaves, and its update key in pieces.
struct World {
    pp: PublicParameters,
    msk: MasterSecret,
    revoked: RevocationList,
    pieces: Vec<Vec<u8>>,
    digest: Digest,
    bytes: Vec<u8>,
    header: UpdateKeyHeader,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let tree = Tree::new(TreeId::from_bytes([1; 32]), Depth::new(MAX_DEPTH).unwrap());
    let (pp, msk) = setup(tree, &mut rng(1));
    let mut revoked = RevocationList::new(tree.depth());
    let leaves = (0..120u32).map(|i| Leaf::new(i * 8_737, tree.depth()).unwrap());
    revoked.revoke(leaves, EPOCH).unwrap();
    let ticket = EpochTicket::after(None, EPOCH).unwrap();
    let mut making = UpdateKeyPieces::new(&msk, ticket, &revoked).unwrap();
    let (header, mut rng) = (*making.header(), rng(2));
    let mut pieces = Vec::new();
    while let Some(piece) = making.next_piece(&mut rng) {
        pieces.push(piece);
    }
    let digest = making.digest().unwrap();
    World {
        pp,
        msk,
        revoked,
        bytes: pieces.concat(),
        pieces,
        digest,
        header,
    }
});

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// A user of the world, with the attribute `icu`.
fn key(index: u32) -> AttributeKey {
    let (w, rng) = (&*WORLD, &mut rng(100 + u64::from(index)));
    let user = UserId::from_bytes([9; 32]);
    let registration = Registration::new([3; 32], user, [4; 32]);
    let (secret, pk) = user_keygen(rng);
    let pk = pk.verify(&secret.prove_possession(&registration, rng), &registration);
    let leaf = Leaf::new(index, w.pp.tree().depth()).unwrap();
    let grant = LeafGrant::from_committed(leaf, user);
    att_keygen(&w.msk, grant, &pk.unwrap(), &"icu".parse().unwrap(), rng).unwrap()
}

fn reading(bytes: &[u8]) -> impl FnMut(u64, &mut [u8]) -> Result<(), &'static str> {
    move |at, buffer| {
        let at = usize::try_from(at).unwrap();
        let found = bytes.get(at..at + buffer.len()).ok_or("past the end")?;
        buffer.copy_from_slice(found);
        Ok(())
    }
}

/// Where in the bytes the key's node stands, and which it is.
fn node_of(key: &AttributeKey) -> (usize, u64) {
    let path: Vec<u64> = key.leaf().path().map(|node| node.number()).collect();
    let entries = WORLD.bytes[UpdateKeyHeader::BYTES..].chunks(ENTRY);
    let mut entries = entries.map(|entry| u64::from_be_bytes(entry[..8].try_into().unwrap()));
    let index = entries.position(|node| path.contains(&node)).unwrap();
    let at = UpdateKeyHeader::BYTES + index * ENTRY;
    let node = WORLD.bytes[at..at + 8].try_into().unwrap();
    (at, u64::from_be_bytes(node))
}

fn patched(at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = WORLD.bytes.clone();
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

fn check(bytes: &[u8], piece: usize) -> Result<UpdateKeyHeader, DecodeError> {
    let mut check = UpdateKeyCheck::new(*WORLD.pp.tree(), EPOCH);
    bytes
        .chunks(piece)
        .try_for_each(|piece| check.push(piece))?;
    check.finish()
}

#[test]
fn the_pieces_are_the_update_key_and_none_is_longer_than_its_nodes() {
    let w = &*WORLD;
    let ticket = EpochTicket::after(None, EPOCH).unwrap();
    let whole = upd_keygen(&w.msk, ticket, &w.revoked, &mut rng(2)).unwrap();
    assert!(whole.to_bytes() == w.bytes, "the same nodes, in one");
    assert_eq!((whole.digest(), Digest::of(&w.bytes)), (w.digest, w.digest));
    let nodes = whole.nodes().count();
    assert_eq!(w.header.nodes() as usize, nodes);
    assert_eq!(w.header.update_key_bytes(), w.bytes.len() as u64);
    assert!(nodes > PIECE_NODES, "more than one piece");
    assert_eq!(w.pieces.len(), nodes.div_ceil(PIECE_NODES));
    for piece in &w.pieces {
        assert!(piece.capacity() <= UpdateKeyHeader::BYTES + PIECE_NODES * ENTRY);
    }
    assert!(UpdateKey::from_bytes(&w.bytes).unwrap() == whole);
}

#[test]
fn an_unfinished_update_key_has_no_digest_and_one_of_nobody_has_its_header() {
    let w = &*WORLD;
    let ticket = |epoch| EpochTicket::after(None, epoch).unwrap();
    let mut making = UpdateKeyPieces::new(&w.msk, ticket(EPOCH), &w.revoked).unwrap();
    making.next_piece(&mut rng(3)).unwrap();
    assert_eq!(making.digest(), None);

    let tree = Tree::new(TreeId::from_bytes([1; 32]), Depth::new(2).unwrap());
    let (_, msk) = setup(tree, &mut rng(4));
    let mut all = RevocationList::new(tree.depth());
    let leaves = (0..4).map(|index| Leaf::new(index, tree.depth()).unwrap());
    all.revoke(leaves, EPOCH).unwrap();
    let mut making = UpdateKeyPieces::new(&msk, ticket(EPOCH), &all).unwrap();
    let only = making.next_piece(&mut rng(5)).unwrap();
    assert_eq!(making.next_piece(&mut rng(5)), None);
    assert_eq!(making.digest(), Some(Digest::of(&only)));
    assert_eq!(UpdateKey::from_bytes(&only).unwrap().nodes().count(), 0);
}

#[test]
fn an_update_key_is_checked_as_it_comes_however_it_is_cut() {
    let w = &*WORLD;
    for piece in [1, 7, ENTRY, 1 << 16, w.bytes.len()] {
        assert_eq!(check(&w.bytes, piece), Ok(w.header), "{piece}");
    }
}

#[test]
fn an_update_key_whose_form_is_wrong_is_refused_as_it_comes() {
    let w = &*WORLD;
    let first = UpdateKeyHeader::BYTES;
    let said = |bytes: Vec<u8>| check(&bytes, 1000).unwrap_err().to_string();
    assert_eq!(
        said(patched(0, b"ABPP")),
        "kind: an encoding of another kind"
    );
    assert_eq!(
        said(patched(4, &[2])),
        "version: unknown format version or suite 2"
    );
    assert_eq!(said(patched(6, &[0])), "tree: another federation's tree");
    assert_eq!(said(patched(46, &[8])), "epoch: another epoch");
    let count = (1 << 19) + 1_u32;
    assert_eq!(
        said(patched(47, &count.to_be_bytes())),
        "nodes: 524289 exceeds the limit of 524288"
    );
    assert_eq!(
        said(patched(first, &(1_u64 << 21).to_be_bytes())),
        "x: no node of the tree"
    );
    let second = w.bytes[first + ENTRY..first + ENTRY + 8].to_vec();
    assert_eq!(
        said(patched(first, &second)),
        "nodes: the nodes are not ascending"
    );
    let long = [w.bytes.as_slice(), &[0]].concat();
    assert_eq!(check(&long, 1000), Err(DecodeError::TrailingBytes(1)));
    let longer = [w.bytes.as_slice(), &[0; ENTRY]].concat();
    assert!(matches!(
        check(&longer, 1000),
        Err(DecodeError::TrailingBytes(_))
    ));
    for cut in [
        0,
        first - 1,
        first,
        w.bytes.len() - ENTRY,
        w.bytes.len() - 1,
    ] {
        let found = check(&w.bytes[..cut], 1000);
        assert_eq!(found, Err(DecodeError::Truncated), "{cut}");
    }
}

#[test]
fn a_node_is_found_and_parsed_where_the_update_key_lies() {
    let w = &*WORLD;
    let whole = UpdateKey::from_bytes(&w.bytes).unwrap();
    let record = RecordContext::new([3; 32], [5; 32]);
    let (capsule, _) = encrypt(&w.pp, &"icu".parse().unwrap(), EPOCH, record, &mut rng(6));
    // Beside revoked leaves, between them, the last of the tree.
    for index in [1, 8_738, 500_000, (1 << 20) - 1] {
        let (key, read) = (key(index), Cell::new(0));
        let mut from = reading(&w.bytes);
        let counted = |at, buffer: &mut [u8]| {
            read.set(read.get() + buffer.len());
            from(at, buffer)
        };
        let found = pre_keygen_from(&key, &w.header, counted).unwrap();
        assert_eq!(
            pre_dec(&found, &capsule.prepare()),
            pre_dec(&pre_keygen(&key, &whole).unwrap(), &capsule.prepare())
        );
        assert!(pre_dec(&found, &capsule.prepare()).is_ok());
        assert!(read.get() < 21 * 12 * 8 + ENTRY, "{} bytes", read.get());
    }
    let revoked = pre_keygen_from(&key(8_737), &w.header, reading(&w.bytes)).unwrap_err();
    assert!(
        matches!(
            revoked,
            UpdateReadError::PreDecrypt(PreDecryptError::Revoked { leaf, epoch: EPOCH })
                if leaf.index() == 8_737
        ),
        "{revoked}"
    );
    let cut = &w.bytes[..1000];
    assert_eq!(
        pre_keygen_from(&key(1), &w.header, reading(cut)).err(),
        Some(UpdateReadError::Read("past the end"))
    );
}

/// A KGC that lies about one node, with a digest on the ledger: the doctors under it are told, the others read on.
#[test]
fn a_malformed_node_concerns_only_the_doctors_under_it() {
    let w = &*WORLD;
    let (victim, other) = (key(1), key(500_000));
    let (at, node) = node_of(&victim);
    let identity = [[0xc0].as_slice(), &[0; 47]].concat();
    for (offset, field, point) in [
        (8, "Q1", identity),
        (8, "Q1", vec![0xff; 48]),
        (8 + 48, "Q2", vec![0x9f; 96]),
    ] {
        let lie = patched(at + offset, &point);
        assert_eq!(check(&lie, 1 << 16), Ok(w.header), "its form is right");
        let told = pre_keygen_from(&victim, &w.header, reading(&lie)).unwrap_err();
        let begins = format!("the update key is malformed at node {node}: {field}: ");
        assert!(told.to_string().starts_with(&begins), "{told}");
        assert!(pre_keygen_from(&other, &w.header, reading(&lie)).is_ok());
        assert!(UpdateKey::from_bytes(&lie).is_err(), "as a whole");
    }
}

#[test]
fn two_nodes_of_one_path_are_refused_where_they_meet() {
    let w = &*WORLD;
    let (victim, other) = (key(1), key(500_000));
    // The last entry's node becomes the last leaf; its parent's part of the tree had a node above it.
    let last_leaf = key((1 << 20) - 1);
    let (_, upper) = node_of(&last_leaf);
    let lower = last_leaf.leaf().node().number();
    assert!(upper < lower);
    let lie = patched(w.bytes.len() - ENTRY, &lower.to_be_bytes());
    assert_eq!(check(&lie, 1 << 16), Ok(w.header), "ascending");
    let told = pre_keygen_from(&last_leaf, &w.header, reading(&lie)).unwrap_err();
    let expected = format!("in the update key node {lower} lies below node {upper}");
    assert_eq!(told.to_string(), expected);
    for unconcerned in [&victim, &other] {
        assert!(pre_keygen_from(unconcerned, &w.header, reading(&lie)).is_ok());
    }
    let whole = UpdateKey::from_bytes(&lie).unwrap_err();
    assert_eq!(whole.to_string(), "nodes: a node lies below another");
}
