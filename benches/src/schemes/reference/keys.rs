//! AttKeyGen and UpdKeyGen.

use std::hint::black_box;

use consilium_schemes::curve::{G1, G2, Scalar};

use super::Operands;
use crate::failure::Failure;
use crate::schemes::fixed_base::{FixedG1, FixedG2};
use crate::schemes::matching::on_threads;

/// For each node from the leaf to the root: one multiplication of pk and one of H("w") and their sum, one of each attribute's hash, one of
/// g2. All bases are known ahead, pk too, although it comes with the request.
pub struct AttKeyGen {
    nodes: usize,
    pk: FixedG1,
    h_w: FixedG1,
    hashes: Vec<FixedG1>,
    g2: FixedG2,
    r: Scalar,
}

impl AttKeyGen {
    /// In a tree of this depth, for so many attributes.
    pub fn new(depth: u8, attributes: usize) -> Self {
        let any = &mut Operands::new();
        Self {
            nodes: usize::from(depth) + 1,
            pk: any.base(),
            h_w: any.base(),
            hashes: (0..attributes).map(|_| any.base()).collect(),
            g2: FixedG2::lasting(&G2::generator()),
            r: any.scalar(),
        }
    }

    /// Once.
    pub fn run(&self) {
        for _ in 0..self.nodes {
            let p0: G1 = &self.pk * self.r + &self.h_w * self.r;
            black_box(p0);
            for hash in &self.hashes {
                black_box(hash * self.r);
            }
            black_box(&self.g2 * self.r);
        }
    }
}

/// For each node of the cover: one multiplication of g1 and one of H("time", t) and their sum, one of g2. All bases are known ahead. As many
/// threads share the nodes as share them in UpdKeyGen.
pub struct UpdKeyGen {
    nodes: usize,
    threads: usize,
    g1: FixedG1,
    h_time: FixedG1,
    g2: FixedG2,
    s: Scalar,
}

impl UpdKeyGen {
    /// For so many nodes.
    pub fn new(nodes: usize, threads: usize) -> Self {
        let any = &mut Operands::new();
        Self {
            nodes,
            threads,
            g1: FixedG1::lasting(&G1::generator()),
            h_time: any.base(),
            g2: FixedG2::lasting(&G2::generator()),
            s: any.scalar(),
        }
    }

    /// Once.
    pub fn run(&self) -> Result<(), Failure> {
        on_threads(self.threads, self.nodes, || {
            let q1: G1 = &self.g1 * self.s + &self.h_time * self.s;
            black_box((q1, &self.g2 * self.s));
            Ok(())
        })
    }
}
