//! How do the messages of one event come to be, one by one?

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Defaults, Rule};
use crate::expr::{Facts, Fuel, Surroundings, View};
use crate::model::{
    Event, Instead, Message, MessageId, OnUncertain, Origin, Policy, Reason, Recipient, State,
    Terms, mask_number,
};
use crate::render::{Made, Mode, Unmade};

/// The most messages of one rule for one event.
const MESSAGES_MAX: usize = 5_000;
/// The most text in all of them together, in bytes.
const WORDS_MAX: usize = 32 << 20;

/// A row that says that a rule could not do all of its work.
fn incomplete(detail: String) -> Unmade {
    let about = "the rest".to_owned();
    Unmade { state: State::Failed, reason: Reason::Render, detail, about }
}

/// Which part of a rule a message is of.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    send: u16,
    element: u32,
}

/// The messages of one event, as they are made.
pub(super) struct Drafts<'e> {
    event: &'e Event,
    now: Timestamp,
    defaults: &'e Defaults,
    /// Of an event of the sender's test mode: whom it may reach.
    only_to: Option<&'e BTreeSet<Recipient>>,
    pub(super) made: Vec<Message>,
    ids: HashSet<MessageId>,
    /// How many messages the rule at hand made, and how much text is in them.
    of_rule: (usize, usize),
}

impl<'e> Drafts<'e> {
    pub(super) fn new(
        event: &'e Event,
        now: Timestamp,
        defaults: &'e Defaults,
        only_to: Option<&'e BTreeSet<Recipient>>,
    ) -> Self {
        let (made, ids) = (Vec::new(), HashSet::new());
        Self { event, now, defaults, only_to, made, ids, of_rule: (0, 0) }
    }

    /// All messages of a rule that matched: for the event, or for each element of it.
    pub(super) fn follow(&mut self, rule: &Rule, facts: &Facts, around: &Arc<Surroundings>) {
        self.of_rule = (0, 0);
        // Where many events become one message, this is the first of them.
        let group = (!rule.delivery.written.is_empty())
            .then(|| Facts::of_group([(self.event, facts.json().clone())], Arc::clone(around)))
            .flatten();
        let facts = group.as_ref().unwrap_or(facts);
        let fuel = Fuel::default();
        let view = View::with_fuel(facts, &fuel);
        let Some(each) = &rule.each else {
            self.send_all(rule, 0, &view);
            return;
        };
        let elements = match each.elements(&view) {
            Ok(elements) => elements,
            Err(error) => {
                let unmade = incomplete(format!("each: {error}"));
                return self.add(rule, Place::default(), Err(unmade));
            }
        };
        for (element, view) in &elements.views {
            if !self.send_all(rule, *element, view) {
                return;
            }
        }
        if elements.left_out > 0 {
            let element = elements.views.last().map_or(0, |(element, _)| element + 1);
            let (made, left) = (elements.views.len(), elements.left_out);
            let unmade = incomplete(format!(
                "each: {} elements are too many: the first {made} have their messages, {left} have none",
                made + left
            ));
            self.add(rule, Place { send: 0, element }, Err(unmade));
        }
    }

    /// The messages of all sends; `false` when the rule may make no more.
    fn send_all<'v>(&mut self, rule: &'v Rule, element: u32, view: &View<'v>) -> bool {
        for (send, number) in rule.sends.iter().zip(0_u16..) {
            let place = Place { send: number, element };
            let or = self.instead(rule, place, view);
            let mut failed = false;
            for made in send.make(view.clone(), self.defaults.country) {
                let words = made
                    .as_ref()
                    .map_or(0, |made| made.content.message.as_ref().map_or(0, String::len));
                self.of_rule = (self.of_rule.0 + 1, self.of_rule.1 + words);
                if self.of_rule.0 > MESSAGES_MAX || self.of_rule.1 > WORDS_MAX {
                    let unmade = incomplete(format!(
                        "more than {MESSAGES_MAX} messages or {WORDS_MAX} bytes of text for one \
                         event: this and what follows has no message"
                    ));
                    self.add(rule, place, Err(unmade));
                    return false;
                }
                let made = made.and_then(|made| self.with_terms(rule, place, made, view));
                failed |= made.is_err();
                let with_or = |(made, terms)| (made, Terms { or: or.clone(), ..terms });
                self.add(rule, place, made.map(with_or));
            }
            for Instead { send, instance, recipient, content, .. } in
                or.into_iter().filter(|_| failed)
            {
                let made = Made { instance: Some(instance), recipient, content };
                let terms = rule.delivery.terms.instead(view, self.now);
                self.add(rule, Place { send, ..place }, Ok((made, terms)));
            }
        }
        true
    }

    /// What is sent instead of a message of this send, if its rule says so and it can be made.
    fn instead<'v>(&self, rule: &'v Rule, place: Place, view: &View<'v>) -> Vec<Instead> {
        let Some(or) = &rule.delivery.or else { return Vec::new() };
        let place = Place { send: Instead::SEND | place.send, ..place };
        let made = or.make(view.clone(), self.defaults.country).into_iter().filter_map(Result::ok);
        made.map(|Made { instance, recipient, content }| Instead {
            id: self.id(rule, place, recipient.expose()),
            send: place.send,
            instance: instance.unwrap_or_else(|| self.defaults.instance.clone()),
            recipient,
            content,
        })
        .collect()
    }

    /// With what its rule asks for.
    fn with_terms<'v>(
        &self,
        rule: &'v Rule,
        place: Place,
        made: Made,
        view: &View<'v>,
    ) -> Result<(Made, Terms), Unmade> {
        let written = rule.delivery.written.get(usize::from(place.send));
        let written = written.map_or("", String::as_str);
        match rule.delivery.terms.make(view, &made.recipient, written, self.now) {
            Ok(terms) => Ok((made, terms)),
            Err(detail) => Err(Unmade {
                state: State::Failed,
                reason: Reason::Render,
                detail,
                about: mask_number(made.recipient.expose()),
            }),
        }
    }

    pub(super) fn add(&mut self, rule: &Rule, place: Place, made: Result<(Made, Terms), Unmade>) {
        match made {
            Ok(made) => self.add_made(rule, place, made),
            Err(unmade) => self.add_unmade(rule, place, unmade),
        }
    }

    fn add_made(&mut self, rule: &Rule, place: Place, (made, terms): (Made, Terms)) {
        let id = self.id(rule, place, made.recipient.expose());
        if !self.ids.insert(id) {
            return;
        }
        let mut message = self.blank(rule, place, id, made.recipient.is_group());
        if self.only_to.is_some_and(|list| !list.contains(&made.recipient)) {
            message.state = State::Skipped;
            message.reason = Some(Reason::TestMode);
            let remedy = "the sender's test mode reaches nobody without `test_events: send` \
                          or --only-to";
            message.detail = Some(remedy.to_owned());
        } else if rule.delivery.mode == Mode::Shadow {
            message.state = State::Skipped;
            message.reason = Some(Reason::Shadow);
            message.detail = Some("its rule only watches (`mode: shadow`)".to_owned());
        }
        if let Some(instance) = made.instance {
            message.instance = instance;
        }
        message.recipient = Some(made.recipient);
        message.content = Some(made.content);
        message.terms = terms;
        if let Some(list) = self.only_to {
            // It goes into line when this one fails, and nobody asks then what the event was.
            message.terms.or.retain(|or| list.contains(&or.recipient));
        }
        self.made.push(message);
    }

    fn add_unmade(&mut self, rule: &Rule, place: Place, unmade: Unmade) {
        // Two wrong numbers can look alike once they are masked: each keeps its row.
        let mut id = self.id(rule, place, &unmade.about);
        for again in 2.. {
            if self.ids.insert(id) {
                break;
            }
            id = self.id(rule, place, &format!("{}#{again}", unmade.about));
        }
        let mut message = self.blank(rule, place, id, false);
        message.state = unmade.state;
        message.reason = Some(unmade.reason);
        message.detail = Some(unmade.detail);
        self.made.push(message);
    }

    fn id(&self, rule: &Rule, place: Place, recipient: &str) -> MessageId {
        MessageId::derive(self.event.id, &rule.name, place.send, place.element, recipient)
    }

    fn blank(&self, rule: &Rule, place: Place, id: MessageId, for_group: bool) -> Message {
        let unsaid = if for_group { OnUncertain::Resend } else { OnUncertain::Hold };
        let Place { send, element } = place;
        Message {
            id,
            event: self.event.id,
            source: self.event.source.clone(),
            origin: Origin { rule: rule.name.clone(), send, element },
            instance: self.defaults.instance.clone(),
            recipient: None,
            content: None,
            state: State::Waiting,
            reason: None,
            detail: None,
            attempts: 0,
            created_at: self.now,
            due_at: self.now,
            policy: Policy {
                attempts_max: rule.attempts_max,
                age_max_s: rule.age_max_s,
                on_uncertain: rule.on_uncertain.unwrap_or(unsaid),
            },
            terms: Terms::default(),
        }
    }
}
