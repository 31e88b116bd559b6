//! What happens to a request? verify → read → match → render, in one short function.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::expr::{Json, Step, Surroundings};
use crate::model::{Event, Message, OnUncertain};
use crate::render::{Country, Send};
use crate::rules::{Matcher, PatternStep, RuleSet};
use crate::sources::Source;
use crate::verify::{Denied, Request};

/// The rule file, compiled: all that decides what a request becomes. Immutable.
#[derive(Debug)]
pub struct Pipeline {
    sources: BTreeMap<String, (Source, Arc<Surroundings>)>,
    rules: Vec<Rule>,
    set: RuleSet,
    defaults: Defaults,
}

/// A compiled rule but for its matcher.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, unique in the file.
    pub name: String,
    /// What it sends.
    pub sends: Vec<Send>,
    /// What it promises about trying again: attempts, age in seconds.
    pub attempts_max: u32,
    /// How long a message may be tried, in seconds.
    pub age_max_s: u64,
    /// What to do when it is not known whether a message was sent; by default held for people,
    /// resent for groups.
    pub on_uncertain: Option<OnUncertain>,
}

/// What rules leave unsaid.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The WhatsApp session that sends.
    pub instance: String,
    /// Whose local numbers are understood.
    pub country: Option<Country>,
}

/// A request that was believed.
#[derive(Debug)]
pub struct Accepted {
    /// What it says.
    pub event: Event,
    /// What comes of it, in file order.
    pub messages: Vec<Message>,
    /// Which secret matched, from 0.
    pub secret: usize,
    /// Why the body could not be read, if so; the event is of kind `unreadable` then.
    pub unreadable: Option<String>,
}

/// A request that was not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such source.
    #[error("unknown source")]
    UnknownSource,
    /// The signature did not hold.
    #[error(transparent)]
    Denied(#[from] Denied),
}

/// What one rule did with an event, for `explain`.
#[derive(Clone, Debug)]
pub struct RuleTrace {
    /// The rule's name.
    pub name: String,
    /// Whether kind, pattern and `when` all held.
    pub matched: bool,
    /// Whether the kind fitted, and which kinds it wants.
    pub kind: (bool, Vec<String>),
    /// The pattern, path by path; empty if the kind did not fit.
    pub pattern: Vec<PatternStep>,
    /// The condition, comparison by comparison.
    pub when: Vec<Step>,
    /// Why the condition could not be judged.
    pub when_error: Option<String>,
}

impl Pipeline {
    /// Puts the compiled parts together; `rules` and `matchers` go in pairs.
    pub fn new(
        sources: Vec<(Source, Surroundings)>,
        rules: Vec<(Matcher, Rule)>,
        defaults: Defaults,
    ) -> Self {
        let (matchers, rules) = rules.into_iter().unzip();
        let sources = sources
            .into_iter()
            .map(|(source, around)| (source.name().to_owned(), (source, Arc::new(around))))
            .collect();
        Self { sources, rules, set: RuleSet::build(matchers), defaults }
    }

    /// What becomes of a request.
    ///
    /// # Errors
    /// When it is not to be believed. A body that cannot be read is no rejection: it is kept.
    pub fn accept(&self, request: &Request, now: Timestamp) -> Result<Accepted, Rejection> {
        let (source, _) = self.sources.get(request.source()).ok_or(Rejection::UnknownSource)?;
        let proof = source.verify(request, now)?;
        let read = source.read(&proof);
        let (messages, unreadable) = match read.json {
            Ok(json) => (self.messages(&read.event, json, now), None),
            Err(why) => (Vec::new(), Some(why)),
        };
        Ok(Accepted { event: read.event, messages, secret: proof.secret(), unreadable })
    }

    /// The messages that today's rules make of an event that is believed already.
    pub fn messages(&self, _event: &Event, _json: Json, _now: Timestamp) -> Vec<Message> {
        todo!()
    }

    /// What every rule of the event's source, in file order, does with it.
    pub fn explain(&self, _event: &Event, _json: &Json) -> Vec<RuleTrace> {
        todo!()
    }

    /// The configured source of this name.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.get(name).map(|(source, _)| source)
    }

    /// All configured sources.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values().map(|(source, _)| source)
    }

    /// How many rules there are.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// The session that sends when neither rule nor message names one.
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }
}
