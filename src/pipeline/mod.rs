//! What happens to a request? verify → read → match → render, in one short function.

mod drafts;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::expr::{EvalError, Facts, Json, Step, Surroundings};
use crate::model::{
    Content, Event, Instead, Message, MessageId, OnUncertain, Reason, State, Terms,
};
use crate::render::{self, Country, Made, Mode, Send, SendSettings, Unmade};
use crate::rules::{Matcher, PatternStep, RuleSet};
use crate::sources::Source;
use crate::verify::{Denied, Request};

use drafts::Drafts;

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
    /// When its messages may be sent, and whether they are.
    pub delivery: Delivery,
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
    /// Each send as it is written, as JSON, where many events become one message; else empty.
    pub written: Vec<String>,
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
    /// Whether the id that the source promises was not there, so that the body's digest stands in.
    pub id_missing: bool,
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
        let proof = source.verify(request, request.received_at())?;
        let read = source.read(&proof);
        let (messages, unreadable) = match read.json {
            Ok(json) => (self.messages(&read.event, json, now), None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let (event, secret, id_missing) = (read.event, proof.secret(), read.id_missing);
        Ok(Accepted { event, messages, secret, unreadable, id_missing })
    }

    /// The messages that today's rules make of an event that is believed already.
    ///
    /// A message that cannot be made is one too, with its reason, and its neighbours go on. No two
    /// have the same id.
    pub fn messages(&self, event: &Event, json: Json, now: Timestamp) -> Vec<Message> {
        let Some((source, around)) = self.sources.get(&event.source) else { return Vec::new() };
        let kinds = |pattern: &str, kind: &str| source.kind_matches(pattern, kind);
        let places = self.set.matching(&event.source, &event.kind, &json, &kinds);
        if places.is_empty() {
            return Vec::new();
        }
        let facts = Facts::new(event, json, Arc::clone(around));
        let is_test = source.is_test(&facts);
        let mut drafts = Drafts { event, now, instance: &self.defaults.instance, made: Vec::new() };
        for place in places {
            let rule = &self.rules[place];
            match self.set.matcher(place).when.as_ref().map_or(Ok(true), |it| it.holds(&facts)) {
                Ok(true) => self.send(rule, &facts, around, &mut drafts, is_test),
                Ok(false) => {}
                Err(error) => drafts.add(rule, 0, Err(undecided(&error)), is_test),
            }
        }
        drafts.made
    }

    /// The messages of one rule that applies.
    fn send(
        &self,
        rule: &Rule,
        facts: &Facts,
        around: &Arc<Surroundings>,
        drafts: &mut Drafts<'_>,
        is_test: bool,
    ) {
        // Where many events become one message, this is the first of them.
        let group = (!rule.delivery.written.is_empty())
            .then(|| Facts::of_group([drafts.event], Arc::clone(around)))
            .flatten();
        let facts = group.as_ref().unwrap_or(facts);
        for (send, number) in rule.sends.iter().zip(0_u16..) {
            let or = || self.instead(rule, number, facts, drafts.event);
            let mut failed = false;
            let mut all = Vec::new();
            for made in send.make(facts, self.defaults.country) {
                let made = made.and_then(|made| drafts.with_terms(rule, number, made, facts));
                failed |= made.is_err();
                all.push(made.map(|(made, terms)| (made, Terms { or: or(), ..terms })));
            }
            let at_once = if failed { or() } else { Vec::new() };
            for made in all {
                drafts.add(rule, number, made, is_test);
            }
            for Instead { send, instance, recipient, content, .. } in at_once {
                let made = Made { instance: Some(instance), recipient, content };
                drafts.add(rule, send, Ok((made, Terms::default())), is_test);
            }
        }
    }

    /// What is sent instead of a message of this send, if its rule says so and it can be made.
    fn instead(&self, rule: &Rule, number: u16, facts: &Facts, event: &Event) -> Vec<Instead> {
        let Some(or) = &rule.delivery.or else { return Vec::new() };
        let send = Instead::SEND | number;
        let made = or.make(facts, self.defaults.country).into_iter().filter_map(Result::ok);
        made.map(|Made { instance, recipient, content }| Instead {
            id: MessageId::derive(event.id, &rule.name, send, 0, recipient.expose()),
            send,
            instance: instance.unwrap_or_else(|| self.defaults.instance.clone()),
            recipient,
            content,
        })
        .collect()
    }

    /// What a group of events says: `written` is the send as JSON, as it was when they came.
    ///
    /// # Errors
    /// When it cannot be filled.
    pub fn together(&self, written: &str, events: &[Event]) -> Result<Content, Unmade> {
        let broken = |detail: &str| Unmade {
            state: State::Failed,
            reason: Reason::Render,
            detail: detail.to_owned(),
            about: String::new(),
        };
        let around = events.first().and_then(|event| self.sources.get(&event.source));
        let (_, around) = around.ok_or_else(|| broken("its source is no longer configured"))?;
        let settings: SendSettings =
            serde_json::from_str(written).map_err(|_| broken("the stored send is broken"))?;
        let send = Send::compile(&settings)
            .map_err(|_| broken("the stored send is not understood by this version"))?;
        let facts = Facts::of_group(events, Arc::clone(around))
            .ok_or_else(|| broken("its events cannot be read"))?;
        Ok(send.content(&facts)?.1)
    }

    /// What every rule of the event's source, in file order, does with it.
    pub fn explain(&self, event: &Event, json: &Json) -> Vec<RuleTrace> {
        let Some((source, around)) = self.sources.get(&event.source) else { return Vec::new() };
        let facts = Facts::new(event, json.clone(), Arc::clone(around));
        let of_source = self.set.of_source(&event.source);
        of_source
            .map(|(place, matcher)| {
                let name = self.rules[place].name.clone();
                let wants = |kind: &String| source.kind_matches(kind, &event.kind);
                let kind_fits = matcher.kinds.is_empty() || matcher.kinds.iter().any(wants);
                trace(name, kind_fits, matcher, json, &facts)
            })
            .collect()
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

/// What one rule does, once it is known whether the kind fits.
fn trace(
    name: String,
    kind_fits: bool,
    matcher: &Matcher,
    json: &Json,
    facts: &Facts,
) -> RuleTrace {
    let kind = (kind_fits, matcher.kinds.clone());
    if !kind_fits {
        let (pattern, when) = (Vec::new(), Vec::new());
        return RuleTrace { name, matched: false, kind, pattern, when, when_error: None };
    }
    let judged = matcher.when.as_ref().map_or(Ok(true), |when| when.holds(facts));
    RuleTrace {
        name,
        matched: matcher.pattern.matches(json.root()) && judged == Ok(true),
        kind,
        pattern: matcher.pattern.steps(json.root()),
        when: matcher.when.as_ref().map(|when| when.steps(facts)).unwrap_or_default(),
        when_error: judged.err().map(|error| error.to_string()),
    }
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
