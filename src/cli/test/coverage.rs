//! Which rules, and which alternatives of their conditions, did no test reach?

use std::collections::HashMap;

use serde_json::{Value, json};

use super::play::Played;
use crate::config::RulePlaces;
use crate::pipeline::{Pipeline, RuleTrace};

/// What the tests have reached so far.
#[derive(Debug)]
pub(super) struct Coverage {
    /// All rules, in file order.
    rules: Vec<String>,
    /// Of each rule that matched: its alternatives, and whether they held then.
    reached: HashMap<String, Vec<(Alternative, bool)>>,
}

/// One of several ways in which a condition can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alternative {
    /// `kind`, `match` or `when`.
    pub(super) word: &'static str,
    /// The path, for `match`.
    pub(super) path: String,
    /// As it is written.
    pub(super) wants: String,
}

impl Coverage {
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let rules = pipeline.rule_names().map(str::to_owned).collect();
        Self { rules, reached: HashMap::new() }
    }

    /// Takes note of what a test's event reaches.
    pub(super) fn note(&mut self, pipeline: &Pipeline, played: &Played) {
        for trace in pipeline.reached(&played.event, &played.json) {
            let known = self.reached.entry(trace.name.clone()).or_default();
            for (alternative, held) in alternatives(pipeline, played, &trace) {
                match known.iter_mut().find(|(other, _)| *other == alternative) {
                    Some((_, ever)) => *ever |= held,
                    None => known.push((alternative, held)),
                }
            }
        }
    }

    /// How many rules there are, and how many were reached.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.rules.len(), self.reached.len())
    }

    /// How many of a hundred rules were reached, rounded down; all of none.
    pub(super) fn percent(&self) -> usize {
        let (all, reached) = self.counts();
        (reached * 100).checked_div(all).unwrap_or(100)
    }

    /// The rules that no test reached, in file order.
    pub(super) fn never(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(String::as_str).filter(|rule| !self.reached.contains_key(*rule))
    }

    /// The rules that were reached, but not in all their ways; in file order.
    pub(super) fn partly(&self) -> impl Iterator<Item = (&str, Vec<&Alternative>)> {
        self.rules.iter().filter_map(|rule| {
            let ways = self.reached.get(rule)?;
            let left: Vec<_> = ways.iter().filter(|(_, held)| !held).map(|(way, _)| way).collect();
            (!left.is_empty()).then_some((rule.as_str(), left))
        })
    }

    pub(super) fn json(&self, places: &RulePlaces) -> Value {
        let at = |rule: &str| places.get(rule).map(|place| place.at.clone());
        let partly = self.partly().map(|(rule, left)| {
            let left = left
                .iter()
                .map(|it| json!({ "what": it.word, "path": it.path, "wants": it.wants }));
            json!({ "rule": rule, "at": at(rule), "not_reached": left.collect::<Vec<_>>() })
        });
        let never = self.never().map(|rule| json!({ "rule": rule, "at": at(rule) }));
        let (rules, reached) = self.counts();
        json!({ "rules": rules, "reached": reached, "percent": self.percent(),
                "never": never.collect::<Vec<_>>(), "partly": partly.collect::<Vec<_>>() })
    }
}

/// The alternatives of a rule that matched, where a condition has more than one.
fn alternatives(
    pipeline: &Pipeline,
    played: &Played,
    trace: &RuleTrace,
) -> Vec<(Alternative, bool)> {
    let way = |word, path: &str, wants: &str, held| {
        (Alternative { word, path: path.to_owned(), wants: wants.to_owned() }, held)
    };
    let event = &played.event;
    let source = pipeline.source(&event.source);
    let is_kind =
        |kind: &String| source.is_some_and(|source| source.kind_matches(kind, &event.kind));
    let mut ways: Vec<_> = Vec::new();
    if trace.kind.1.len() > 1 {
        ways.extend(trace.kind.1.iter().map(|kind| way("kind", "", kind, is_kind(kind))));
    }
    for step in trace.pattern.iter().filter(|step| step.alternatives.len() > 1) {
        let all = step.alternatives.iter();
        ways.extend(all.map(|(wants, held)| way("match", &step.path, wants, *held)));
    }
    // Of what stands under a `not`, nothing holds when the rule matches.
    if trace.when.iter().any(|step| step.holds) {
        ways.extend(trace.when.iter().map(|step| way("when", "", &step.wants, step.holds)));
    }
    ways
}
