//! The formula of a policy, in normal form.

use std::fmt;

use crate::attribute::Attribute;
use crate::attribute_set::AttributeSet;
use crate::comparison::Comparison;

/// A formula. Made by the constructors below, which keep it in normal form: no connective with one
/// child, no `and` directly in an `and` nor `or` in an `or`, and 1 < k < n for a k-of-n.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Attribute(Attribute),
    Compare(Comparison),
    And(Vec<Node>),
    Or(Vec<Node>),
    Threshold(usize, Vec<Node>),
}

impl Node {
    /// All of them; there is at least one.
    pub(crate) fn and(items: Vec<Self>) -> Self {
        let flat = items.into_iter().flat_map(|item| match item {
            Self::And(inner) => inner,
            other => vec![other],
        });
        Self::one_or(flat.collect(), Self::And)
    }

    /// Any of them; there is at least one.
    pub(crate) fn or(items: Vec<Self>) -> Self {
        let flat = items.into_iter().flat_map(|item| match item {
            Self::Or(inner) => inner,
            other => vec![other],
        });
        Self::one_or(flat.collect(), Self::Or)
    }

    /// `count` of them; 1 <= count <= items.len().
    pub(crate) fn threshold(count: usize, items: Vec<Self>) -> Self {
        if count == items.len() {
            Self::and(items)
        } else if count == 1 {
            Self::or(items)
        } else {
            Self::Threshold(count, items)
        }
    }

    fn one_or(mut items: Vec<Self>, connective: fn(Vec<Self>) -> Self) -> Self {
        match (items.pop(), items.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                items.extend(last);
                connective(items)
            }
        }
    }

    /// Connectives on the longest way down.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Attribute(_) | Self::Compare(_) => 0,
            Self::And(items) | Self::Or(items) | Self::Threshold(_, items) => {
                1 + items.iter().map(Self::depth).max().unwrap_or(0)
            }
        }
    }

    /// Rows of the matrix.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Attribute(_) => 1,
            Self::Compare(comparison) => comparison.rows(),
            Self::And(items) | Self::Or(items) | Self::Threshold(_, items) => {
                items.iter().map(Self::rows).sum()
            }
        }
    }

    /// By meaning, not by the matrix: numbers are compared as numbers.
    pub(crate) fn is_satisfied_by(&self, attributes: &AttributeSet) -> bool {
        let satisfied = |item: &&Self| item.is_satisfied_by(attributes);
        match self {
            Self::Attribute(attribute) => attributes.contains(attribute),
            Self::Compare(comparison) => attributes
                .number(&comparison.name().0)
                .is_some_and(|number| comparison.holds_for(number)),
            Self::And(items) => items.iter().all(|item| satisfied(&item)),
            Self::Or(items) => items.iter().any(|item| satisfied(&item)),
            Self::Threshold(count, items) => items.iter().filter(satisfied).count() >= *count,
        }
    }

    /// An operand of `and` or `or`: in parentheses if it is one of these itself, although `and`
    /// binds tighter, so that nobody has to know that.
    fn fmt_operand(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(_) | Self::Or(_) => write!(f, "({self})"),
            _ => write!(f, "{self}"),
        }
    }
}

/// The canonical text.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(attribute) => write!(f, "{attribute}"),
            Self::Compare(comparison) => write!(f, "{comparison}"),
            Self::And(items) => fmt_list(f, items, " and ", Self::fmt_operand),
            Self::Or(items) => fmt_list(f, items, " or ", Self::fmt_operand),
            Self::Threshold(count, items) => {
                write!(f, "{count} of (")?;
                fmt_list(f, items, ", ", |item, f| write!(f, "{item}"))?;
                f.write_str(")")
            }
        }
    }
}

fn fmt_list(
    f: &mut fmt::Formatter<'_>,
    items: &[Node],
    separator: &str,
    item: impl Fn(&Node, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (i, node) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        item(node, f)?;
    }
    Ok(())
}
