//! The policy language and its linear secret sharing: no I/O.
//! (Interface first; the bodies follow.)
use ff::PrimeField;

/// What a row of a policy asks for and a key holds: `icu`, `role:cardiologist`, or a bit of a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attribute(());
impl Attribute {
    /// Canonical, injective bytes (kind tag, length-prefixed parts): the input of `H("attr", A)`.
    pub fn to_bytes(&self) -> Vec<u8> {
        todo!()
    }
}

/// The attributes of one key, from text: `role:cardiologist, icu, clearance=4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeSet(());
/// Why a text is not an attribute or a set of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("to come")]
pub struct AttributeError(());
impl std::str::FromStr for AttributeSet {
    type Err = AttributeError;
    fn from_str(_text: &str) -> Result<Self, AttributeError> {
        todo!()
    }
}
impl AttributeSet {
    /// Every attribute, each once, in the canonical order of `Attribute` (store a key's points in this order).
    pub fn attributes(&self) -> std::vec::IntoIter<Attribute> {
        todo!()
    }
    /// Whether the key holds it.
    pub fn contains(&self, _attribute: &Attribute) -> bool {
        todo!()
    }
    /// Canonical bytes (length-prefixed canonical text).
    pub fn to_bytes(&self) -> Vec<u8> {
        todo!()
    }
    /// The set from its canonical bytes; anything else is refused.
    pub fn from_bytes(_bytes: &[u8]) -> Result<Self, AttributeError> {
        todo!()
    }
}

/// A policy, parsed (`FromStr`) and printed (`Display`) in its canonical text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy(());
/// Why a text is not a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("to come")]
pub struct PolicyError(());
impl std::str::FromStr for Policy {
    type Err = PolicyError;
    fn from_str(_text: &str) -> Result<Self, PolicyError> {
        todo!()
    }
}
impl Policy {
    /// Canonical bytes for a ciphertext's header: 4-byte big-endian length, canonical text.
    pub fn to_bytes(&self) -> Vec<u8> {
        todo!()
    }
    /// The policy from its canonical bytes; anything else is refused.
    pub fn from_bytes(_bytes: &[u8]) -> Result<Self, PolicyError> {
        todo!()
    }
    /// Whether a key with these attributes satisfies it.
    pub fn is_satisfied_by(&self, _attributes: &AttributeSet) -> bool {
        todo!()
    }
    /// The linear secret sharing (M, rho, tau) of the policy.
    pub fn access_structure(&self) -> AccessStructure {
        todo!()
    }
}

/// (M, rho, tau): row i belongs to attribute rho(i), which occurred tau(i) times before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessStructure(());
/// One row's labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(());
impl Row {
    /// rho(i)
    pub fn attribute(&self) -> &Attribute {
        todo!()
    }
    /// tau(i): how often rho(i) occurred in the rows before.
    pub fn repetition(&self) -> usize {
        todo!()
    }
}
/// The number of secret-sharing values given is not the number of columns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("to come")]
pub struct ShareError(());
impl AccessStructure {
    /// The rows, in the order of the policy's text.
    pub fn rows(&self) -> &[Row] {
        todo!()
    }
    /// Columns of M: 1 for the secret and one for each y.
    pub fn columns(&self) -> usize {
        todo!()
    }
    /// m = max tau (0 if no attribute repeats).
    pub fn max_repetition(&self) -> usize {
        todo!()
    }
    /// M over the caller's field, dense.
    pub fn matrix<F: PrimeField>(&self) -> Vec<Vec<F>> {
        todo!()
    }
    /// lambda = M (s, y_2, ..): one share per row; `vector` = (s, y_2, ..) has `columns()` entries.
    pub fn shares<F: PrimeField>(&self, _vector: &[F]) -> Result<Vec<F>, ShareError> {
        todo!()
    }
    /// The satisfying rows, as few as possible, with omega: sum omega_i M_i = (1,0,..,0). `None`: not satisfied.
    pub fn select<F: PrimeField>(&self, _attributes: &AttributeSet) -> Option<Selection<F>> {
        todo!()
    }
    /// omega over all rows with omega M = kappa (1,0,..,0), uniform if `random` is: the public check of a ciphertext.
    pub fn consistency_weights<F: PrimeField>(
        &self,
        _kappa: F,
        _random: impl FnMut() -> F,
    ) -> Vec<F> {
        todo!()
    }
}
/// Rows and their coefficients, in row order; no coefficient is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection<F>(Vec<(usize, F)>);
impl<F> Selection<F> {
    /// (row index, omega_i), ascending by row.
    pub fn rows(&self) -> &[(usize, F)] {
        &self.0
    }
}
