//! A ledger as a file: the genesis, then the blocks, each with its length (u32, little-endian) in front.

use consilium_contracts::{Canonical as _, SignedGenesis};
use consilium_ledger::Block;

use super::replayed::Replayed;

/// The file of a ledger.
pub fn export(genesis: &SignedGenesis, blocks: &[Block]) -> Vec<u8> {
    let parts =
        std::iter::once(genesis.to_canonical_bytes()).chain(blocks.iter().map(Block::to_bytes));
    let framed =
        parts.flat_map(|part| [&(part.len() as u32).to_le_bytes(), part.as_slice()].concat());
    framed.collect()
}

fn part<'a>(file: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let length = file.split_off(..4).ok_or("the file ends within a length")?;
    let length = u32::from_le_bytes(length.try_into().map_err(|_| "four bytes")?) as usize;
    let part = file.split_off(..length);
    Ok(part.ok_or("the file ends within a part")?)
}

/// Applies a ledger; a line of height and root for genesis and each block.
pub fn roots(mut file: &[u8]) -> Result<String, String> {
    let genesis = SignedGenesis::from_bytes(part(&mut file)?).map_err(|error| error.to_string())?;
    let genesis = genesis.verify().map_err(|error| error.to_string())?;
    let mut ledger = Replayed::genesis(&genesis);
    let mut lines = format!("0 {}\n", ledger.root());
    while !file.is_empty() {
        let bytes = part(&mut file)?;
        let block = Block::from_bytes(bytes, bytes.len()).map_err(|error| error.to_string())?;
        ledger.apply(&block)?;
        lines += &format!("{} {}\n", block.header().height, ledger.root());
    }
    Ok(lines)
}
