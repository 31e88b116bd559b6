//! Which numbers are within a range?

use super::test::{Bound, Comparison};
use crate::expr::Decimal;

/// One end of a range. The order is that of the numbers just inside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// Below every number.
    Least,
    /// At a number, or a hair beside it.
    At(Decimal, Hair),
    /// Above every number.
    Greatest,
}

/// On which side of its number an end lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hair {
    Below,
    On,
    Above,
}

/// All numbers from one end to the other, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) low: End,
    pub(super) high: End,
}

impl Range {
    /// The numbers within all these bounds.
    pub(super) fn of(bounds: &[Bound]) -> Self {
        let mut range = Self { low: End::Least, high: End::Greatest };
        for bound in bounds {
            let at = |hair| End::At(bound.limit.exact.clone(), hair);
            let (low, high) = match bound.comparison {
                Comparison::Less => (End::Least, at(Hair::Below)),
                Comparison::AtMost => (End::Least, at(Hair::On)),
                Comparison::Equal => (at(Hair::On), at(Hair::On)),
                Comparison::AtLeast => (at(Hair::On), End::Greatest),
                Comparison::Greater => (at(Hair::Above), End::Greatest),
            };
            range.low = range.low.max(low);
            range.high = range.high.min(high);
        }
        range
    }

    /// Whether no number is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.low > self.high
    }

    /// Whether every number of `other` is in it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        other.is_empty() || (self.low <= other.low && other.high <= self.high)
    }
}
