//! One case of the frozen file: the symbols of the design.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(tag = "case", deny_unknown_fields)]
pub enum Case {
    #[serde(rename = "scheme")]
    Scheme {
        given: Box<Given>,
        computed: Box<Computed>,
    },
    #[serde(rename = "refuse")]
    Refuse {
        r#type: String,
        bytes: String,
        refuse: String,
    },
}

/// Everything that is chosen or random. Byte strings and scalars in hex.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the symbols of the design")]
pub struct Given {
    pub tree_id: String,
    pub D: u8,
    pub alpha: String,
    pub k_node: String,
    pub federation: String,
    pub user: String,
    pub nonce: String,
    pub beta: String,
    /// Fresh randomness of the proof's hedged nonce.
    pub pop_fresh: String,
    pub S: String,
    pub theta: u32,
    /// One per node of Path(theta), leaf first.
    pub r: Vec<String>,
    /// Leaves revoked at t.
    pub revoked: Vec<u32>,
    pub t: u64,
    /// One per node of KUNodes, ascending.
    pub s_x: Vec<String>,
    pub policy: String,
    pub record: String,
    pub sigma: String,
    pub header_core: String,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the symbols of the design")]
pub struct Computed {
    pub labels: BTreeMap<String, String>,
    pub Y: Vec<String>,
    pub pp: String,
    pub msk: String,
    pub pk: String,
    pub k: String,
    pub R: String,
    pub c: String,
    pub z: String,
    pub proof: String,
    pub H_w: String,
    pub attributes: Vec<AttributeHash>,
    pub nodes: Vec<Node>,
    pub attribute_key: String,
    pub H_time: String,
    pub update_nodes: Vec<UpdateNode>,
    pub update_key: String,
    pub update_key_digest: String,
    pub header: String,
    pub header_digest: String,
    pub s: String,
    pub s_prime: Vec<String>,
    pub y: Vec<String>,
    pub M: Vec<Vec<String>>,
    pub rho: Vec<String>,
    pub tau: Vec<usize>,
    pub lambda: Vec<String>,
    pub C0: String,
    pub C2: Vec<String>,
    pub Ct: String,
    pub C: Vec<String>,
    pub Y_s: Vec<String>,
    pub mask: String,
    pub C_sigma: String,
    pub CTSym: String,
    pub CTSym_digest: String,
    /// The node of PreKeyGen.
    pub x: u64,
    pub omega: Vec<(usize, String)>,
    pub A: Vec<String>,
    pub B: Vec<String>,
    pub SemiCT: String,
    pub SymKey: String,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the symbols of the design")]
pub struct AttributeHash {
    pub A: String,
    pub bytes: String,
    pub H: String,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the symbols of the design")]
pub struct Node {
    pub x: u64,
    pub a_x: String,
    pub P0: String,
    pub P1: String,
    pub P_A: Vec<String>,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the symbols of the design")]
pub struct UpdateNode {
    pub x: u64,
    pub a_x: String,
    pub Q1: String,
    pub Q2: String,
}
