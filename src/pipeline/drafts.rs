//! How do the messages of one event come to be, one by one?

use jiff::Timestamp;

use super::Rule;
use crate::expr::Facts;
use crate::model::{
    Event, Message, MessageId, OnUncertain, Origin, Policy, Reason, State, Terms, mask_number,
};
use crate::render::{Made, Mode, Unmade};

/// The messages of one event, as they are made.
pub(super) struct Drafts<'e> {
    pub(super) event: &'e Event,
    pub(super) now: Timestamp,
    pub(super) instance: &'e str,
    pub(super) made: Vec<Message>,
}

impl Drafts<'_> {
    /// With what its rule asks for.
    pub(super) fn with_terms(
        &self,
        rule: &Rule,
        send: u16,
        made: Made,
        facts: &Facts,
    ) -> Result<(Made, Terms), Unmade> {
        let written = rule.delivery.written.get(usize::from(send)).map_or("", String::as_str);
        match rule.delivery.terms.make(facts, &made.recipient, written, self.now) {
            Ok(terms) => Ok((made, terms)),
            Err(detail) => Err(Unmade {
                state: State::Failed,
                reason: Reason::Render,
                detail,
                about: mask_number(made.recipient.expose()),
            }),
        }
    }

    pub(super) fn add(
        &mut self,
        rule: &Rule,
        send: u16,
        made: Result<(Made, Terms), Unmade>,
        is_test: bool,
    ) {
        match made {
            Ok(made) => self.add_made(rule, send, made, is_test),
            Err(unmade) => self.add_unmade(rule, send, unmade),
        }
    }

    fn add_made(&mut self, rule: &Rule, send: u16, (made, terms): (Made, Terms), is_test: bool) {
        let id = self.id(rule, send, made.recipient.expose());
        if self.has(id) {
            return;
        }
        let mut message = self.blank(rule, send, id, made.recipient.is_group());
        if is_test {
            message.state = State::Skipped;
            message.reason = Some(Reason::TestMode);
            let remedy = "the sender's test mode reaches nobody without `test_events: send`";
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
        self.made.push(message);
    }

    fn add_unmade(&mut self, rule: &Rule, send: u16, unmade: Unmade) {
        // Two wrong numbers can look alike once they are masked: each keeps its row.
        let mut id = self.id(rule, send, &unmade.about);
        for again in 2.. {
            if !self.has(id) {
                break;
            }
            id = self.id(rule, send, &format!("{}#{again}", unmade.about));
        }
        let mut message = self.blank(rule, send, id, false);
        message.state = unmade.state;
        message.reason = Some(unmade.reason);
        message.detail = Some(unmade.detail);
        self.made.push(message);
    }

    fn id(&self, rule: &Rule, send: u16, recipient: &str) -> MessageId {
        MessageId::derive(self.event.id, &rule.name, send, 0, recipient)
    }

    fn has(&self, id: MessageId) -> bool {
        self.made.iter().any(|message| message.id == id)
    }

    fn blank(&self, rule: &Rule, send: u16, id: MessageId, for_group: bool) -> Message {
        let unsaid = if for_group { OnUncertain::Resend } else { OnUncertain::Hold };
        Message {
            id,
            event: self.event.id,
            source: self.event.source.clone(),
            origin: Origin { rule: rule.name.clone(), send, element: 0 },
            instance: self.instance.to_owned(),
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
