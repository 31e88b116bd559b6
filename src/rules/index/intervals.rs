//! Which of many intervals have this point in them?
//!
//! They are sorted by where they begin and read as a balanced tree, in which each also knows where
//! the last interval below it ends. A branch that ends too early or begins too late is left out.
//! The point is looked up among all beginnings and all ends first; in the tree only their places
//! are compared.

use std::ops::Range;

/// What intervals are made of.
pub(super) trait Point: Ord {
    /// A number that is never smaller for a greater point; it is compared first, since it costs
    /// less.
    fn rough(&self) -> u64;
}

/// Waiters by interval, both ends included.
#[derive(Debug)]
pub(super) struct Intervals<P> {
    lows: Sorted<P>,
    highs: Sorted<P>,
    /// In the order of `lows`.
    all: Vec<Interval>,
}

#[derive(Debug)]
struct Interval {
    /// The place of its end in `highs`.
    high: u32,
    /// The greatest such place in its part of the tree.
    last: u32,
    waiter: u32,
}

impl<P> Default for Intervals<P> {
    fn default() -> Self {
        Self { lows: Sorted::default(), highs: Sorted::default(), all: Vec::new() }
    }
}

impl<P: Point> Intervals<P> {
    pub(super) fn build(mut intervals: Vec<(P, P, u32)>) -> Self {
        intervals.sort_unstable();
        let mut highs = Vec::with_capacity(intervals.len());
        let mut lows = Vec::with_capacity(intervals.len());
        let mut all = Vec::with_capacity(intervals.len());
        for ((low, high, waiter), at) in intervals.into_iter().zip(0_u32..) {
            lows.push(low);
            highs.push((high, at));
            all.push(Interval { high: 0, last: 0, waiter });
        }
        highs.sort_unstable();
        for ((_, at), high) in highs.iter().zip(0_u32..) {
            all[*at as usize].high = high;
        }
        let highs = highs.into_iter().map(|(high, _)| high).collect();
        let mut built = Self { lows: Sorted::of(lows), highs: Sorted::of(highs), all };
        built.note_last(0..built.all.len());
        built
    }

    /// Notes in the middle of a part where the last interval of it ends.
    fn note_last(&mut self, part: Range<usize>) -> u32 {
        let Some(middle) = middle(&part) else { return 0 };
        let below = self.note_last(part.start..middle).max(self.note_last(middle + 1..part.end));
        let here = &mut self.all[middle];
        here.last = here.high.max(below);
        here.last
    }

    /// Calls `wake` with the waiter of every interval that has `point` in it.
    pub(super) fn find(&self, point: &P, wake: &mut impl FnMut(u32)) {
        let begun = self.lows.count(|low| low.cmp(point).is_le(), point);
        let over = self.highs.count(|high| high.cmp(point).is_lt(), point);
        self.find_in(0..self.all.len(), begun, over, wake);
    }

    /// Of a part of the tree: those of the first `begun` that are not among the `over` first to end.
    fn find_in(&self, part: Range<usize>, begun: usize, over: usize, wake: &mut impl FnMut(u32)) {
        let Some(middle) = middle(&part) else { return };
        let here = &self.all[middle];
        if (here.last as usize) < over {
            return;
        }
        self.find_in(part.start..middle, begun, over, wake);
        if middle < begun {
            if here.high as usize >= over {
                wake(here.waiter);
            }
            self.find_in(middle + 1..part.end, begun, over, wake);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Points in order.
#[derive(Debug)]
struct Sorted<P> {
    /// Side by side, so that a search stays near.
    roughs: Vec<u64>,
    points: Vec<P>,
}

impl<P> Default for Sorted<P> {
    fn default() -> Self {
        Self { roughs: Vec::new(), points: Vec::new() }
    }
}

impl<P: Point> Sorted<P> {
    fn of(points: Vec<P>) -> Self {
        Self { roughs: points.iter().map(Point::rough).collect(), points }
    }

    /// How many of them are so: all smaller than `point`, none that are greater, and of equal ones
    /// all or none.
    fn count(&self, is_so: impl Fn(&P) -> bool, point: &P) -> usize {
        let rough = point.rough();
        let start = self.roughs.partition_point(|other| *other < rough);
        let alike = self.roughs[start..].partition_point(|other| *other == rough);
        start + self.points[start..start + alike].partition_point(is_so)
    }
}

fn middle(part: &Range<usize>) -> Option<usize> {
    (part.start < part.end).then(|| part.start + (part.end - part.start) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Point for u32 {
        fn rough(&self) -> u64 {
            u64::from(*self / 3)
        }
    }

    #[test]
    fn every_interval_around_a_point_is_found_and_nothing_else() {
        let random = |seed: u32| seed.wrapping_mul(2_654_435_761) >> 24;
        let intervals: Vec<(u32, u32, u32)> =
            (0..200).map(|at| (random(at), random(at) + random(at + 1000) % 40, at)).collect();
        let built = Intervals::build(intervals.clone());
        for point in 0..300 {
            let mut found = Vec::new();
            built.find(&point, &mut |waiter| found.push(waiter));
            found.sort_unstable();
            let around = |(low, high, _): &&(u32, u32, u32)| *low <= point && point <= *high;
            let naive: Vec<u32> = intervals.iter().filter(around).map(|it| it.2).collect();
            assert_eq!(found, naive, "{point}");
        }
    }
}
