//! Which of many intervals have this point in them?
//!
//! They are sorted by where they begin and read as a balanced tree, in which each also knows where
//! the last interval below it ends. A branch that ends too early or begins too late is left out.

use std::ops::Range;

/// Waiters by interval, both ends included.
#[derive(Debug)]
pub(super) struct Intervals<P> {
    all: Vec<Interval<P>>,
}

#[derive(Debug)]
struct Interval<P> {
    low: P,
    high: P,
    /// Which interval of its part of the tree ends last.
    last: u32,
    waiter: u32,
}

impl<P> Default for Intervals<P> {
    fn default() -> Self {
        Self { all: Vec::new() }
    }
}

impl<P: Ord> Intervals<P> {
    pub(super) fn build(mut intervals: Vec<(P, P, u32)>) -> Self {
        intervals.sort_unstable();
        let all = intervals.into_iter().zip(0_u32..);
        let all = all.map(|((low, high, waiter), last)| Interval { low, high, last, waiter });
        let mut built = Self { all: all.collect() };
        built.note_last(0..built.all.len());
        built
    }

    /// Notes in the middle of a part which interval of it ends last.
    fn note_last(&mut self, part: Range<usize>) -> Option<u32> {
        let middle = middle(&part)?;
        let below = [self.note_last(part.start..middle), self.note_last(middle + 1..part.end)];
        let mut last = self.all[middle].last;
        for other in below.into_iter().flatten() {
            if self.all[other as usize].high > self.all[last as usize].high {
                last = other;
            }
        }
        self.all[middle].last = last;
        Some(last)
    }

    /// Calls `wake` with the waiter of every interval that has `point` in it.
    pub(super) fn find(&self, point: &P, wake: &mut impl FnMut(u32)) {
        self.find_in(0..self.all.len(), point, wake);
    }

    fn find_in(&self, part: Range<usize>, point: &P, wake: &mut impl FnMut(u32)) {
        let Some(middle) = middle(&part) else { return };
        let here = &self.all[middle];
        if self.all[here.last as usize].high < *point {
            return;
        }
        self.find_in(part.start..middle, point, wake);
        if here.low <= *point {
            if *point <= here.high {
                wake(here.waiter);
            }
            self.find_in(middle + 1..part.end, point, wake);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

fn middle(part: &Range<usize>) -> Option<usize> {
    (part.start < part.end).then(|| part.start + (part.end - part.start) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

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
