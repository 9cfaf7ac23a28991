//! n: how many keywords an index holds.

use crate::curve::DecodeError;

/// `n`: the degree of every index and trapdoor of a federation, one genesis setting.
///
/// A token is made for one `n`: under another setting the same keyword has another token, so that
/// no trapdoor fits an index of another length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexSize(u16);

impl IndexSize {
    /// Largest accepted value; an encrypted index then has 12 KiB, a trapdoor 25 KiB.
    pub const MAX: u16 = 128;
    /// What a federation uses unless its genesis says otherwise.
    pub const DEFAULT: Self = Self(32);

    /// Accepts 1 to [`Self::MAX`].
    ///
    /// # Errors
    /// [`DecodeError::Zero`], [`DecodeError::Limit`].
    pub fn new(n: u16) -> Result<Self, DecodeError> {
        match n {
            0 => Err(DecodeError::Zero),
            1..=Self::MAX => Ok(Self(n)),
            _ => Err(DecodeError::Limit {
                limit: Self::MAX.into(),
                actual: n.into(),
            }),
        }
    }

    /// The largest number of keywords of a record.
    #[must_use]
    pub fn keywords(self) -> usize {
        self.0.into()
    }

    /// The largest number m of interests of a doctor, 2m - 2 <= n: beyond it the number could not
    /// be proved.
    #[must_use]
    pub fn interests(self) -> usize {
        self.keywords() / 2 + 1
    }

    /// n + 1: how many points an index or a trapdoor has.
    #[must_use]
    pub fn coefficients(self) -> usize {
        self.keywords() + 1
    }

    /// The number itself.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}
