//! Who waits in which line, as the store has it?

use std::collections::BTreeSet;

use kabari::model::State;

use super::judge::Judge;
use super::ledger::{IN_LINE, Place, UNTIL_DUE};
use super::plan::Plan;

/// A place in line: those of a higher priority first, then in the order in which they were recorded.
type Turn = (u8, usize, usize);

/// The lines of all lanes, one for each recipient.
pub(super) struct Lines(Vec<Vec<Line>>);

/// Of one lane and recipient.
#[derive(Clone, Default)]
struct Line {
    waiting: BTreeSet<Turn>,
    /// Out of line until they are due.
    held: BTreeSet<Turn>,
    under_way: BTreeSet<usize>,
}

impl Lines {
    pub(super) fn of(plan: &Plan) -> Self {
        Self(vec![vec![Line::default(); plan.people.len()]; plan.lanes.len()])
    }

    /// All who were taken and not settled.
    pub(super) fn under_way(&self) -> Vec<usize> {
        self.0.iter().flatten().flat_map(|line| line.under_way.iter().copied()).collect()
    }

    /// How many of a lane were.
    pub(super) fn many_under_way(&self, lane: usize) -> usize {
        self.0[lane].iter().map(|line| line.under_way.len()).sum()
    }

    /// Those of a lane that are in line.
    pub(super) fn waiting(&self, lane: usize) -> impl Iterator<Item = usize> {
        self.0[lane].iter().flat_map(|line| line.waiting.iter().map(|(_, _, n)| *n))
    }

    /// Those of a lane that are out of line until they are due.
    pub(super) fn held(&self, lane: usize) -> impl Iterator<Item = usize> {
        self.0[lane].iter().flat_map(|line| line.held.iter().map(|(_, _, n)| *n))
    }

    /// Those of a lane that are next, one for each recipient to whom nothing is under way.
    pub(super) fn heads(&self, lane: usize) -> impl Iterator<Item = usize> {
        let free = self.0[lane].iter().filter(|line| line.under_way.is_empty());
        free.filter_map(|line| line.waiting.first().map(|(_, _, n)| *n))
    }
}

impl Judge {
    /// Message `n`, the row `seq`, goes from one place to another.
    pub(super) fn moves(&mut self, n: usize, seq: usize, was: Option<Place>, is: Option<Place>) {
        let ticket = &self.lives[n].ticket;
        let line = &mut self.lines.0[ticket.lane][ticket.to];
        let turn = (ticket.priority as u8, seq, n);
        match was {
            Some(Place { state: State::Waiting, held: IN_LINE, .. }) => {
                line.waiting.remove(&turn);
            }
            Some(Place { state: State::Waiting, held: UNTIL_DUE, .. }) => {
                line.held.remove(&turn);
            }
            Some(Place { state: State::Sending, .. }) => {
                line.under_way.remove(&n);
            }
            _ => {}
        }
        match is {
            Some(Place { state: State::Waiting, held: IN_LINE, .. }) => {
                line.waiting.insert(turn);
            }
            Some(Place { state: State::Waiting, held: UNTIL_DUE, .. }) => {
                line.held.insert(turn);
            }
            Some(Place { state: State::Sending, .. }) => {
                line.under_way.insert(n);
            }
            _ => {}
        }
        self.lives[n].place = is;
    }

    /// Whether it is this message's turn: nobody of its line is under way or before it, nor should
    /// be back in line before it.
    pub(super) fn out_of_turn(&self, n: usize, seq: usize, now: jiff::Timestamp) -> Option<String> {
        let ticket = &self.lives[n].ticket;
        let line = &self.lines.0[ticket.lane][ticket.to];
        let turn = (ticket.priority as u8, seq, n);
        if let Some(other) = line.under_way.first() {
            return Some(format!("{other} is under way to the same person"));
        }
        if let Some((_, _, other)) = line.waiting.first().filter(|first| **first < turn) {
            return Some(format!("{other} waits before it"));
        }
        let is_due = |other: usize| self.lives[other].place.is_some_and(|it| it.due_at <= now);
        let late = line.held.iter().take_while(|held| **held < turn);
        let late = late.map(|(_, _, other)| *other).find(|other| is_due(*other));
        late.map(|other| format!("{other}, which is before it, was to be back in line"))
    }
}
