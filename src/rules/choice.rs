//! What does `$or` mean?
//!
//! As in event-ruler: a pattern with `$or` stands for several without, one for each way to choose,
//! and matches when one of them does. What a branch wants at a path replaces what is wanted there
//! outside of it.

use super::walk::Wanted;

/// How many paths all the patterns may have together that a pattern with `$or` stands for.
pub(super) const EXPANDED_MAX: usize = 10_000;

/// What is wanted together: paths, and of each `$or` one branch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Part {
    pub(super) wanted: Vec<Wanted>,
    pub(super) choices: Vec<Choice>,
}

/// One `$or`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    /// The joined path of the level on which it stands; empty at the root.
    pub(super) under: Box<str>,
    pub(super) branches: Vec<Part>,
}

impl Part {
    /// Whether nothing is wanted.
    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.choices.is_empty()
    }

    /// The patterns without `$or` that it stands for.
    pub(super) fn expanded(&self) -> Result<Vec<Vec<Wanted>>, String> {
        let mut chosen: Vec<Vec<Wanted>> = vec![Vec::new()];
        for choice in &self.choices {
            let mut branches = Vec::new();
            for branch in &choice.branches {
                branches.extend(branch.expanded()?);
                fits(paths(&branches))?;
            }
            fits(paths(&chosen) * branches.len() + paths(&branches) * chosen.len())?;
            let mut both = Vec::with_capacity(chosen.len() * branches.len());
            for earlier in &chosen {
                for branch in &branches {
                    both.push(joined(earlier, branch)?);
                }
            }
            chosen = both;
        }
        fits(paths(&chosen) + self.wanted.len() * chosen.len())?;
        Ok(chosen.into_iter().map(|inner| self.with(inner)).collect())
    }

    /// Its own paths and those of the branches that were chosen; these come first where both name
    /// one.
    fn with(&self, inner: Vec<Wanted>) -> Vec<Wanted> {
        let own = self.wanted.iter().filter(|wanted| !names(&inner, &wanted.path)).cloned();
        let mut all: Vec<Wanted> = own.collect();
        all.extend(inner);
        all
    }
}

fn paths(patterns: &[Vec<Wanted>]) -> usize {
    patterns.iter().map(Vec::len).sum()
}

fn fits(paths: usize) -> Result<(), String> {
    if paths <= EXPANDED_MAX {
        return Ok(());
    }
    Err(format!(
        "the `$or` can be chosen in too many ways: together they have more than {EXPANDED_MAX} \
         paths; make it several rules"
    ))
}

fn names(pattern: &[Wanted], path: &str) -> bool {
    pattern.iter().any(|wanted| *wanted.path == *path)
}

fn joined(one: &[Wanted], other: &[Wanted]) -> Result<Vec<Wanted>, String> {
    if let Some(twice) = other.iter().find(|wanted| names(one, &wanted.path)) {
        return Err(format!(
            "`{}` is in two `$or` that both have to hold: write it in one",
            twice.path
        ));
    }
    Ok(one.iter().chain(other).cloned().collect())
}
