//! What happens to a request? verify → read → match → render, in one short function.

mod drafts;
mod together;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::expr::{
    Each, EachTrace, EvalError, Facts, Fuel, Json, Named, Names, Step, Surroundings, View,
};
use crate::model::{Event, EventId, Headers, Message, OnUncertain, Reason, Recipient, State};
use crate::render::{self, Country, Mode, Send, Unmade};
use crate::rules::{Matcher, PatternStep, RuleSet};
use crate::sources::{Read, Source};
use crate::verify::{Denied, Request};

use drafts::{Drafts, Place};
pub use together::Together;

/// The rule file, compiled: all that decides what a request becomes. Immutable.
#[derive(Debug)]
pub struct Pipeline {
    sources: BTreeMap<String, (Source, Arc<Surroundings>)>,
    rules: Vec<Rule>,
    set: RuleSet,
    defaults: Defaults,
    /// Whom events of a sender's test mode may reach.
    test_recipients: BTreeSet<Recipient>,
}

/// A compiled rule but for its matcher.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, unique in the file.
    pub name: String,
    /// The names that it gives, for `explain`: what uses them has them compiled in.
    pub names: Names,
    /// Where it sends once for each element of a list.
    pub each: Option<Each>,
    /// What it sends.
    pub sends: Vec<Send>,
    /// What it promises about trying again: attempts, age in seconds.
    pub attempts_max: u32,
    /// How long a message may be tried, in seconds.
    pub age_max_s: u64,
    /// What to do when it is not known whether a message was sent; by default held for people,
    /// resent for groups.
    pub on_uncertain: Option<OnUncertain>,
    /// When its messages may be sent, and whether they are.
    pub delivery: Arc<Delivery>,
}

/// What a rule says of its messages beside what they are.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// When they may be sent, and what makes one too many.
    pub terms: render::Terms,
    /// Whether they are sent at all.
    pub mode: Mode,
    /// What is sent instead of one that failed or had no recipient.
    pub or: Option<Send>,
    /// Each send as it is written, a [`render::WrittenSend`] as JSON, where many events become one
    /// message; else empty.
    pub written: Vec<String>,
}

/// What rules leave unsaid.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// The WhatsApp session that sends.
    pub instance: String,
    /// Whose local numbers are understood.
    pub country: Option<Country>,
    /// Nothing is sent, not even by hand (`defaults.mode: shadow`).
    pub shadow: bool,
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
    /// Whether the id that the source promises was not there, so that the body's digest stands in.
    pub id_missing: bool,
    /// The other events of a batch, each with what comes of it.
    pub more: Vec<(Event, Vec<Message>)>,
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
    /// What the names of `let:` stand for; empty if the kind did not fit.
    pub names: Vec<Named>,
    /// What `each:` found, if the rule matched.
    pub each: Option<EachTrace>,
}

impl Pipeline {
    /// Puts the compiled parts together; `rules` and `matchers` go in pairs.
    pub fn new(
        sources: Vec<(Source, Surroundings)>,
        rules: Vec<(Matcher, Rule)>,
        defaults: Defaults,
    ) -> Self {
        let (matchers, rules) = rules.into_iter().unzip();
        Self::with_matchers(sources, matchers, rules, defaults)
    }

    /// The same of matchers and rules that are apart already.
    pub fn with_matchers(
        sources: Vec<(Source, Surroundings)>,
        matchers: Vec<Matcher>,
        rules: Vec<Rule>,
        defaults: Defaults,
    ) -> Self {
        let sources = sources
            .into_iter()
            .map(|(source, around)| (source.name().to_owned(), (source, Arc::new(around))))
            .collect();
        let set = RuleSet::build(matchers);
        Self { sources, rules, set, defaults, test_recipients: BTreeSet::new() }
    }

    /// The same, with these whom events of a sender's test mode may reach too.
    pub fn reaching_in_test(&mut self, recipients: BTreeSet<Recipient>) {
        self.test_recipients = recipients;
    }

    /// What becomes of a request.
    ///
    /// # Errors
    /// When it is not to be believed. A body that cannot be read is no rejection: it is kept.
    pub fn accept(&self, request: &Request, now: Timestamp) -> Result<Accepted, Rejection> {
        let (source, _) = self.sources.get(request.source()).ok_or(Rejection::UnknownSource)?;
        let proof = source.verify(request, request.received_at())?;
        let made = self.made(source.read(&proof), now).ok_or(Rejection::UnknownSource)?;
        Ok(Accepted { secret: proof.secret(), ..made })
    }

    /// What becomes of an event that its sender told when it was asked for what it sent in vain:
    /// the same as of one that came, but for the signature. `None` if there is no such source.
    pub fn told(
        &self,
        source: &str,
        id: EventId,
        headers: Headers,
        body: Bytes,
        now: Timestamp,
    ) -> Option<Accepted> {
        let (source, _) = self.sources.get(source)?;
        self.made(source.told(id, now, headers, body), now)
    }

    /// What comes of events that are believed; `None` for none.
    fn made(&self, reads: Vec<Read>, now: Timestamp) -> Option<Accepted> {
        let (mut unreadable, mut id_missing) = (None, false);
        let mut events = reads.into_iter().map(|read| {
            id_missing |= read.id_missing;
            let messages = match read.json {
                Ok(json) => self.messages(&read.event, json, now),
                Err(why) => {
                    unreadable = Some(why);
                    Vec::new()
                }
            };
            (read.event, messages)
        });
        let (event, messages) = events.next()?;
        let more = events.collect();
        Some(Accepted { event, messages, secret: 0, unreadable, id_missing, more })
    }

    /// The messages that today's rules make of an event that is believed already.
    ///
    /// A message that cannot be made is one too, with its reason, and its neighbours go on. No two
    /// have the same id.
    pub fn messages(&self, event: &Event, json: Json, now: Timestamp) -> Vec<Message> {
        let Some((source, around)) = self.sources.get(&event.source) else { return Vec::new() };
        let json = source.element(json);
        let kinds = |pattern: &str, kind: &str| source.kind_matches(pattern, kind);
        let places = self.set.matching(&event.source, &event.kind, &json, &kinds);
        if places.is_empty() {
            return Vec::new();
        }
        let facts = Facts::new(event, json, Arc::clone(around));
        let is_test = source.is_test(&facts);
        let kept_from = is_test.then_some(&self.test_recipients);
        let mut drafts = Drafts::new(event, now, &self.defaults, kept_from);
        for place in places {
            let rule = &self.rules[place];
            match self.set.matcher(place).when.as_ref().map_or(Ok(true), |it| it.holds(&facts)) {
                Ok(true) => drafts.follow(rule, &facts, around),
                Ok(false) => {}
                Err(error) => drafts.add(rule, Place::default(), Err(undecided(&error))),
            }
        }
        drafts.made
    }

    /// What every rule of the event's source, in file order, does with it.
    pub fn explain(&self, event: &Event, json: &Json) -> Vec<RuleTrace> {
        let Some((source, around)) = self.sources.get(&event.source) else { return Vec::new() };
        let facts = Facts::new(event, source.element(json.clone()), Arc::clone(around));
        let of_source = self.set.of_source(&event.source);
        of_source
            .map(|(place, matcher)| {
                trace((&self.rules[place], source), &event.kind, matcher, &facts)
            })
            .collect()
    }

    /// The rules that an event matches, in file order, each with what it saw. The other rules cost
    /// nothing.
    pub fn reached(&self, event: &Event, json: &Json) -> Vec<RuleTrace> {
        let Some((source, around)) = self.sources.get(&event.source) else { return Vec::new() };
        let json = source.element(json.clone());
        let facts = Facts::new(event, json.clone(), Arc::clone(around));
        let kinds = |pattern: &str, kind: &str| source.kind_matches(pattern, kind);
        let places = self.set.matching(&event.source, &event.kind, &json, &kinds);
        let traces = places.into_iter().map(|place| {
            let rule = (&self.rules[place], source);
            trace(rule, &event.kind, self.set.matcher(place), &facts)
        });
        traces.filter(|trace| trace.matched).collect()
    }

    /// The configured source of this name.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.get(name).map(|(source, _)| source)
    }

    /// All configured sources.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values().map(|(source, _)| source)
    }

    /// The names of all rules, in file order.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// Those that only watch (`mode: shadow`).
    pub fn watching(&self) -> impl Iterator<Item = &str> {
        let watching = self.rules.iter().filter(|rule| rule.delivery.mode == Mode::Shadow);
        watching.map(|rule| rule.name.as_str())
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

/// What one rule does with an event of this kind.
fn trace(
    (rule, source): (&Rule, &Source),
    kind: &str,
    matcher: &Matcher,
    facts: &Facts,
) -> RuleTrace {
    let kind_fits = matcher.kinds.is_empty()
        || matcher.kinds.iter().any(|wanted| source.kind_matches(wanted, kind));
    let mut trace = RuleTrace {
        name: rule.name.clone(),
        matched: false,
        kind: (kind_fits, matcher.kinds.clone()),
        pattern: Vec::new(),
        when: Vec::new(),
        when_error: None,
        names: Vec::new(),
        each: None,
    };
    if kind_fits {
        let body = facts.json().root();
        let when = matcher.when.as_ref();
        let judged = when.map_or(Ok(true), |when| when.holds(facts));
        trace.matched = matcher.pattern.matches(body) && judged == Ok(true);
        trace.pattern = matcher.pattern.steps(body);
        trace.when = when.map(|when| when.steps(facts)).unwrap_or_default();
        trace.when_error = judged.err().map(|error| error.to_string());
        let fuel = Fuel::default();
        let view = View::with_fuel(facts, &fuel);
        trace.names = rule.names.told(&view);
        let each = rule.each.as_ref().filter(|_| trace.matched);
        trace.each = each.map(|each| each.told(&view, &rule.names));
    }
    trace
}

/// The row of a rule whose `when` could not be judged.
fn undecided(error: &EvalError) -> Unmade {
    let reason = match error {
        EvalError::Types(_) | EvalError::Missing { .. } => Reason::Condition,
        EvalError::Other(_) => Reason::Render,
    };
    let detail = format!("when: {error}");
    Unmade { state: State::Failed, reason, detail, about: String::new() }
}
