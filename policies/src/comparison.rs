//! Comparisons on numbers, as formulas over bits.
//!
//! A key with `clearance=4` holds, for each of the 32 bits of 4, the attribute "bit i is 0" or "bit i
//! is 1". A comparison becomes a formula that asks for bits from the highest that decides downwards.
//! Two values of one number in one key would hold both forms of a bit and satisfy what neither value
//! satisfies, so [`crate::AttributeSet`] takes one.

use std::fmt;

use crate::attribute::{Attribute, Name};
use crate::node::Node;

/// The bits of a number: values go from 0 to 2^32 - 1.
pub const NUMBER_BITS: u8 = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Below,
    AtMost,
    Above,
    AtLeast,
    Equal,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
        })
    }
}

/// A comparison that no key, or every key with the number, would satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Triviality {
    /// True for every value.
    AlwaysTrue,
    /// False for every value.
    AlwaysFalse,
}

impl fmt::Display for Triviality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlwaysTrue => "true for every number from 0 to 4294967295",
            Self::AlwaysFalse => "true for no number from 0 to 4294967295",
        })
    }
}

/// `name operator value`, true for some numbers and false for some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comparison {
    name: Name,
    operator: Operator,
    value: u32,
    range: Range,
}

/// What the operators come down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    /// At least this, which is above 0.
    From(u32),
    /// At most this, which is below 2^32 - 1.
    UpTo(u32),
    Exactly(u32),
}

impl Comparison {
    pub(crate) fn new(name: Name, operator: Operator, value: u32) -> Result<Self, Triviality> {
        let range = match (operator, value) {
            (Operator::AtLeast, 0) | (Operator::AtMost, u32::MAX) => {
                return Err(Triviality::AlwaysTrue);
            }
            (Operator::Below, 0) | (Operator::Above, u32::MAX) => {
                return Err(Triviality::AlwaysFalse);
            }
            (Operator::AtLeast, bound) => Range::From(bound),
            (Operator::Above, bound) => Range::From(bound + 1),
            (Operator::AtMost, bound) => Range::UpTo(bound),
            (Operator::Below, bound) => Range::UpTo(bound - 1),
            (Operator::Equal, value) => Range::Exactly(value),
        };
        Ok(Self {
            name,
            operator,
            value,
            range,
        })
    }

    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    pub(crate) fn holds_for(&self, number: u32) -> bool {
        match self.range {
            Range::From(bound) => number >= bound,
            Range::UpTo(bound) => number <= bound,
            Range::Exactly(value) => number == value,
        }
    }

    /// How many bits [`Self::expand`] asks for.
    pub(crate) fn rows(&self) -> usize {
        let undecided = match self.range {
            Range::From(bound) => bound.trailing_zeros(),
            Range::UpTo(bound) => bound.trailing_ones(),
            Range::Exactly(_) => 0,
        };
        usize::from(NUMBER_BITS) - usize::try_from(undecided).expect("at most 32")
    }

    /// The formula over bits, true for exactly the numbers for which the comparison is.
    pub(crate) fn expand(&self) -> Node {
        match self.range {
            Range::From(bound) => self.expand_bound(bound, true),
            Range::UpTo(bound) => self.expand_bound(bound, false),
            Range::Exactly(value) => Node::and(
                (0..NUMBER_BITS)
                    .rev()
                    .map(|i| self.bit(i, value >> i & 1 == 1))
                    .collect(),
            ),
        }
    }

    /// x >= bound with `one` true, x <= bound with `one` false: the same with all bits flipped.
    ///
    /// From the lowest bit of the bound that is `one`, upwards: where the bound has `one`, x must have
    /// it and satisfy the lower bits; elsewhere, having `one` decides, or the lower bits do. Bits below
    /// the lowest one cannot matter.
    fn expand_bound(&self, bound: u32, one: bool) -> Node {
        let is_one = |i: &u8| (bound >> i & 1 == 1) == one;
        let lowest = (0..NUMBER_BITS)
            .find(is_one)
            .expect("a trivial bound is refused by `new`");
        (lowest + 1..NUMBER_BITS).fold(self.bit(lowest, one), |lower, i| {
            let bit = self.bit(i, one);
            if is_one(&i) {
                Node::and(vec![bit, lower])
            } else {
                Node::or(vec![bit, lower])
            }
        })
    }

    fn bit(&self, index: u8, one: bool) -> Node {
        Node::Attribute(Attribute::bit(&self.name, index, one))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.operator, self.value)
    }
}
