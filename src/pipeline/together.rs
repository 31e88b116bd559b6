//! What does a group of events say once it is closed, and what would be sent instead?

use std::sync::Arc;

use super::{Pipeline, Rule};
use crate::expr::{Facts, Json, View};
use crate::model::{Content, Event, EventId, Instead, MessageId, Origin, Reason, State};
use crate::render::{Made, Send, SendSettings, Unmade, WrittenSend};

/// What a group becomes.
#[derive(Debug)]
pub struct Together {
    /// What it says, or why it says nothing.
    pub content: Result<Content, Unmade>,
    /// What is sent instead if it fails; `None` where what its first event said of that stays.
    pub or: Option<Vec<Instead>>,
}

/// The sends of a group, as they were written when its events came.
struct Sends<'p> {
    send: Ours<'p>,
    or: Option<Ours<'p>>,
}

/// A send of the rules in force, or one that was before them.
enum Ours<'p> {
    Now(&'p Send),
    Then(Box<Send>),
}

impl Ours<'_> {
    fn get(&self) -> &Send {
        match self {
            Self::Now(send) => send,
            Self::Then(send) => send,
        }
    }
}

impl Pipeline {
    /// What a group of events says: `written` is a [`WrittenSend`] as JSON, as it was when they came.
    pub fn together(&self, origin: &Origin, written: &str, events: &[Event]) -> Together {
        match self.closed(origin, written, events) {
            Ok(together) => together,
            Err(why) => Together { content: Err(broken(why)), or: None },
        }
    }

    fn closed(
        &self,
        origin: &Origin,
        written: &str,
        events: &[Event],
    ) -> Result<Together, &'static str> {
        let first = events.first().ok_or("its events cannot be read")?;
        let (source, around) =
            self.sources.get(&first.source).ok_or("its source is no longer configured")?;
        let sends = self.sends(origin, written)?;
        let read = |event: &Event| Some(source.element(Json::parse(event.body.clone()).ok()?));
        let events: Vec<(&Event, Json)> =
            events.iter().filter_map(|event| Some((event, read(event)?))).collect();
        let of_test = |(event, json): &(&Event, Json)| {
            source.is_test(&Facts::new(event, json.clone(), Arc::clone(around)))
        };
        // Whom an event of a sender's test mode may reach was asked when it came.
        let or = sends.or.filter(|_| !events.iter().any(of_test));
        let facts =
            Facts::of_group(events, Arc::clone(around)).ok_or("its events cannot be read")?;
        let view = View::from(&facts);
        let or = or.map(|or| self.or_of(or.get(), (origin, first.id), &view));
        Ok(Together {
            content: sends.send.get().content(&view).map(|(_, content)| content),
            or: or.filter(|or| !or.is_empty()),
        })
    }

    /// The rule's own sends, if they are what they were: only these look into its tables.
    fn sends<'p>(&'p self, origin: &Origin, written: &str) -> Result<Sends<'p>, &'static str> {
        let place = usize::from(origin.send);
        let of_rule = |rule: &'p Rule| {
            let or = rule.delivery.or.as_ref().map(Ours::Now);
            Some(Sends { send: Ours::Now(rule.sends.get(place)?), or })
        };
        let rule = self.rules.iter().find(|rule| rule.name == origin.rule);
        let is_same =
            |rule: &&Rule| rule.delivery.written.get(place).is_some_and(|it| it == written);
        if let Some(same) = rule.filter(is_same).and_then(of_rule) {
            return Ok(same);
        }
        let WrittenSend { send, or } =
            WrittenSend::parse(written).ok_or("the stored send is broken")?;
        let compiled = |settings: &SendSettings| Send::compile(settings).ok().map(Box::new);
        if let Some(send) = compiled(&send) {
            let or = or.as_ref().and_then(compiled).map(Ours::Then);
            return Ok(Sends { send: Ours::Then(send), or });
        }
        // What looks into a table is nothing without its rule: better today's words than none.
        rule.filter(|rule| !rule.delivery.written.is_empty())
            .and_then(of_rule)
            .ok_or("the stored send is not understood, and its rule gathers nothing any more")
    }

    fn or_of(
        &self,
        or: &Send,
        (origin, first): (&Origin, EventId),
        view: &View<'_>,
    ) -> Vec<Instead> {
        let send = Instead::SEND | origin.send;
        let made = or.make(view.clone(), self.defaults.country).into_iter().filter_map(Result::ok);
        made.map(|Made { instance, recipient, content }| {
            let number = recipient.expose();
            Instead {
                id: MessageId::derive(first, &origin.rule, send, origin.element, number),
                send,
                instance: instance.unwrap_or_else(|| self.defaults.instance.clone()),
                recipient,
                content,
            }
        })
        .collect()
    }
}

fn broken(why: &str) -> Unmade {
    Unmade {
        state: State::Failed,
        reason: Reason::Render,
        detail: why.to_owned(),
        about: String::new(),
    }
}
