//! What becomes of messages beside their attempts: they are gathered, have their time, are forgotten.

use kabari::model::State;

use super::reference::{GATHER_MAX, KEPT_S, Model, Msg};

impl Model {
    /// Whether there is an open group, of which the event is then part.
    pub(super) fn joins(&mut self, key: (usize, usize), event: usize) -> bool {
        let Some((first, due)) = self.groups.get_mut(&key) else { return false };
        let group = &mut self.messages[*first];
        if !group.is_open {
            return false;
        }
        if *due <= self.now {
            // It takes no more, and is still to be closed.
            self.moved_off.push((*first, *due));
            return false;
        }
        group.events.insert(event);
        if GATHER_MAX <= group.events.len() {
            *due = self.now.min(*due);
        }
        true
    }

    pub(super) fn gather(&mut self) {
        let groups = self.groups.values().chain(&self.moved_off);
        for (first, _) in groups.filter(|(_, due)| *due <= self.now) {
            let clock = self.lanes[self.messages[*first].made.lane].clock(self.now);
            let group = &mut self.messages[*first];
            if std::mem::take(&mut group.is_open) {
                (group.due, group.clock) = (self.now, clock);
                self.closed.insert(*first);
            }
        }
    }

    /// What is done and old goes, the bodies of its events first.
    pub(super) fn prune(&mut self, whole: bool) {
        let is_done = |state| !matches!(state, State::Waiting | State::Sending | State::Uncertain);
        let old = self.now - KEPT_S;
        for (n, event) in self.events.iter_mut().enumerate().filter(|(_, event)| event.at < old) {
            let has = |message: &&Msg| message.event == n || message.events.contains(&n);
            let mut of = self.messages.iter().filter(|message| !message.gone).filter(has);
            event.has_body &= !of.all(|message| is_done(message.state));
        }
        let newest = self.messages.len().saturating_sub(1);
        for message in self.messages[..newest].iter_mut().filter(|_| whole) {
            let has_body = self.events[message.event].has_body;
            if is_done(message.state) && message.created < old && !has_body && !message.gone {
                message.gone = true;
                message.events.clear();
            }
        }
    }

    /// One's own are known no more, but for what is under way.
    pub(super) fn purge(&mut self, to: usize) {
        let own = self.messages.iter_mut().filter(|message| message.made.to == to);
        for message in own.filter(|it| it.state != State::Sending && !it.forgotten && !it.gone) {
            if matches!(message.state, State::Waiting | State::Uncertain) {
                message.state = State::Cancelled;
            }
            (message.forgotten, message.is_open) = (true, false);
            message.events.clear();
        }
    }
}
