//! What does everybody know about a lane, and how is it stopped by hand?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;
use tracing::{info, warn};

use crate::model::{LaneWait, Reason, Verdict};
use crate::store::Shut;

use super::breaker::Breaker;
use super::observer::Observer;
use super::timings::Timings;

/// The part of a lane that others may look at and touch, also while it works.
pub(super) struct Desk {
    pub(super) instance: String,
    /// Rings when something was changed by hand or by a reload.
    pub(super) changed: Notify,
    observer: Arc<dyn Observer>,
    card: Mutex<Card>,
}

/// How a lane stands, as far as the store is to remember it: why it stands still, or that it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing(pub(super) Option<Shut>);

/// What is written on the desk.
#[derive(Default)]
struct Card {
    /// Since when, if it is.
    paused: Option<Timestamp>,
    breaker: Breaker,
    under_way: usize,
    /// What the store remembers of it; `None`: nobody knows.
    remembered: Option<Standing>,
    /// What it did before the program started counts no more.
    recalled: bool,
    /// What waits for its time, by the words for it.
    waits: BTreeMap<String, LaneWait>,
}

/// Whether a lane may begin an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// As its window and pace allow.
    Open,
    /// One, to try whether the trouble is over.
    Probe,
    /// Not before this time.
    Until(Timestamp),
    /// Not before somebody says so.
    Shut,
}

/// How a lane stands, for people.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LaneStatus {
    /// The instance's name.
    pub instance: String,
    /// Why it stands still; `None` if it goes.
    pub standing_still: Option<Reason>,
    /// Wachat's words about that.
    pub detail: Option<String>,
    /// Since when it has been in trouble.
    pub since: Option<Timestamp>,
    /// When one message tries it again; `None` while standing still: after a resume by hand.
    pub probe_at: Option<Timestamp>,
    /// Attempts under way.
    pub under_way: usize,
    /// What else holds messages back, although it goes: caps, hours.
    pub waits: Vec<LaneWait>,
}

impl LaneStatus {
    /// The same, if nothing at all is sent.
    pub(super) fn or_shadow(mut self, shadow: bool) -> Self {
        if shadow && self.standing_still.is_none() {
            self.standing_still = Some(Reason::Shadow);
            self.detail = Some("`defaults.mode: shadow`, what waits is kept".to_owned());
        }
        self
    }
}

impl Desk {
    pub(super) fn new(instance: &str, observer: Arc<dyn Observer>) -> Self {
        let (changed, card) = (Notify::new(), Mutex::new(Card::default()));
        Self { instance: instance.to_owned(), changed, observer, card }
    }

    pub(super) fn gate(&self, now: Timestamp) -> Gate {
        let card = self.card();
        match &card.breaker.open {
            _ if card.paused.is_some() => Gate::Shut,
            None => Gate::Open,
            Some(open) => match open.probe_at {
                None => Gate::Shut,
                // A clock that was set back must not keep a lane standing for as long.
                Some(at) if now < at && open.found_at <= now => Gate::Until(at),
                // The window is for those that go; a probe goes alone.
                Some(_) if 0 < card.under_way => Gate::Shut,
                Some(_) => Gate::Probe,
            },
        }
    }

    pub(super) fn pause(&self, now: Timestamp) {
        self.change(|card| {
            card.paused = card.paused.or(Some(now));
            card.recalled = true;
        });
    }

    pub(super) fn resume(&self) {
        self.change(|card| {
            card.paused = None;
            card.breaker = Breaker::default();
            card.recalled = true;
        });
    }

    /// Stands as the store remembers it, if finding that out anew would cost too much: a pause, a
    /// restricted account, or answers that were uncertain.
    pub(super) fn recall(&self, shut: Option<Shut>, now: Timestamp) {
        // The lane itself asks, again and again while the store cannot be used: it is not to be woken.
        self.alter(|card| {
            if card.recalled {
                return;
            }
            card.recalled = true;
            card.remembered = Some(Standing(shut.clone()));
            match shut {
                Some(Shut { reason: Reason::ByHand, since, .. }) => card.paused = Some(since),
                Some(shut) => card.breaker = Breaker::recalled(shut, now),
                None => {}
            }
        });
    }

    /// What the store should remember, if it does not.
    pub(super) fn news(&self) -> Option<Standing> {
        let card = self.card();
        let standing = Standing(card.shut());
        (card.remembered.as_ref() != Some(&standing)).then_some(standing)
    }

    /// The store remembers this.
    pub(super) fn remembered(&self, standing: Standing) {
        self.card().remembered = Some(standing);
    }

    /// After a reload: what could not work with the old settings may work with the new ones.
    pub(super) fn reconsider(&self, now: Timestamp) {
        self.change(|card| {
            if let Some(open) = &mut card.breaker.open
                && matches!(
                    open.trouble.reason,
                    Reason::Auth | Reason::UnknownInstance | Reason::BadRequest | Reason::Network
                )
            {
                open.probe_at = Some(now);
            }
        });
    }

    pub(super) fn begins_anew(&self) {
        self.card().under_way = 0;
    }

    /// After a reload: the lane looks at once, since those whom a limit holds may be asked again.
    pub(super) fn look_again(&self) {
        self.changed.notify_one();
    }

    pub(super) fn begins(&self) {
        self.card().under_way += 1;
    }

    /// An attempt's answer came.
    pub(super) fn answered(
        &self,
        verdict: &Verdict,
        probe: bool,
        now: Timestamp,
        timings: &Timings,
    ) {
        let mut changed = false;
        self.alter(|card| {
            let before = std::mem::take(&mut card.breaker);
            let after = before.clone().after(verdict, probe, now, timings);
            changed = after.open != before.open;
            card.breaker = after;
        });
        // What changes nothing wakes nobody: the lane hears of the attempt's end anyway.
        if changed {
            self.changed.notify_one();
        }
    }

    /// An attempt is settled.
    pub(super) fn ended(&self) {
        let mut card = self.card();
        card.under_way = card.under_way.saturating_sub(1);
    }

    pub(super) fn status(&self) -> LaneStatus {
        let card = self.card();
        let open = card.breaker.open.as_ref();
        LaneStatus {
            instance: self.instance.clone(),
            standing_still: card.standing_still(),
            detail: open.map(|open| open.trouble.detail.clone()),
            since: open.map(|open| open.since),
            probe_at: open.and_then(|open| open.probe_at),
            under_way: card.under_way,
            waits: card.waits.values().cloned().collect(),
        }
    }

    /// What the lane's last turn made wait for its time; the end of that is noticed here too.
    pub(super) fn holds_back(&self, new: BTreeMap<String, LaneWait>, now: Timestamp) {
        let is_closed = new.values().any(|wait| wait.whole);
        let lasts = |wait: &LaneWait| now < wait.until && (is_closed || !wait.whole);
        self.waits(new, |_, wait| lasts(wait));
    }

    /// The same after all were asked again: nobody waits for anything else.
    pub(super) fn holds_back_only(&self, all: BTreeMap<String, LaneWait>) {
        let still: BTreeSet<String> = all.keys().cloned().collect();
        self.waits(all, |words, _| still.contains(words));
    }

    fn waits(&self, new: BTreeMap<String, LaneWait>, lasts: impl Fn(&str, &LaneWait) -> bool) {
        let mut card = self.card();
        let (waits, over) =
            std::mem::take(&mut card.waits).into_iter().partition(|it| lasts(&it.0, &it.1));
        card.waits = waits;
        let begun: Vec<LaneWait> = new
            .iter()
            .filter(|(words, _)| !card.waits.contains_key(*words))
            .map(|(_, wait)| wait.clone())
            .collect();
        card.waits.extend(new);
        drop(card);
        self.tell_of_waits(&begun, &over);
    }

    /// One line when a lane, or a part of it, closes for a time, and one when it opens.
    fn tell_of_waits(&self, begun: &[LaneWait], over: &BTreeMap<String, LaneWait>) {
        let instance = self.instance.as_str();
        for LaneWait { until, reason, detail, whole } in begun {
            let (reason, until) =
                (reason.as_str(), until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            let what = if *whole { "lane" } else { "some messages of lane" };
            let verb = if *whole { "is closed" } else { "wait" };
            info!(
                target: "kabari::dispatch", instance, reason, until,
                "{what} {instance} {verb} until {until}: {detail}"
            );
        }
        for LaneWait { reason, detail, whole, .. } in over.values() {
            let reason = reason.as_str();
            let what = if *whole { "lane" } else { "what waited in lane" };
            let verb = if *whole { "is open again" } else { "goes on" };
            info!(
                target: "kabari::dispatch", instance, reason,
                "{what} {instance} {verb}; until now: {detail}"
            );
        }
    }

    fn change(&self, how: impl FnOnce(&mut Card)) {
        self.alter(how);
        self.changed.notify_one();
    }

    fn alter(&self, how: impl FnOnce(&mut Card)) {
        let (before, after, detail) = {
            let mut card = self.card();
            let before = card.standing_still();
            how(&mut card);
            let open = card.breaker.open.as_ref();
            let detail = open.map(|open| open.trouble.detail.clone()).unwrap_or_default();
            (before, card.standing_still(), detail)
        };
        if before == after {
            return;
        }
        let instance = self.instance.as_str();
        if let Some(reason) = after.map(Reason::as_str) {
            warn!(
                target: "kabari::dispatch", instance, reason, detail,
                "lane {instance} stands still: {reason}"
            );
        } else {
            info!(target: "kabari::dispatch", instance, "lane {instance} goes on");
        }
        self.observer.lane(instance, after);
    }

    fn card(&self) -> MutexGuard<'_, Card> {
        self.card.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Card {
    fn standing_still(&self) -> Option<Reason> {
        let trouble = self.breaker.open.as_ref().map(|open| open.trouble.reason);
        trouble.or_else(|| self.paused.map(|_| Reason::ByHand))
    }

    /// Why it stands still, for the store. A pause is only outweighed by what needs a person too.
    fn shut(&self) -> Option<Shut> {
        let open = self.breaker.open.as_ref();
        let paused = self.paused.map(|since| {
            let (reason, detail) = (Reason::ByHand, String::new());
            Shut { reason, detail, since }
        });
        let in_trouble = open.map(|open| Shut {
            reason: open.trouble.reason,
            detail: open.trouble.detail.clone(),
            since: open.since,
        });
        match open {
            Some(open) if open.trouble.reason == Reason::Account => in_trouble,
            _ => paused.or(in_trouble),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use crate::model::{Fate, Scope};

    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + s).unwrap()
    }

    fn stopped(reason: Reason) -> Desk {
        let desk = Desk::new("shop", Arc::new(()));
        let fate = Fate::Retry { after: Some(Duration::from_secs(3600)) };
        let detail = String::new();
        let verdict =
            Verdict { fate, reason: Some(reason), scope: Scope::Lane, status: None, detail };
        desk.answered(&verdict, false, at(0), &Timings::default());
        desk
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_a_lane_standing() {
        let desk = stopped(Reason::Session);
        assert_eq!(desk.gate(at(1)), Gate::Until(at(3600)));
        assert_eq!(desk.gate(at(3600)), Gate::Probe);
        assert_eq!(desk.gate(at(-7200)), Gate::Probe);
        assert_eq!(stopped(Reason::Account).gate(at(-7200)), Gate::Shut);
    }

    #[test]
    fn what_a_lane_itself_recalls_does_not_wake_it() {
        let desk = Desk::new("shop", Arc::new(()));
        for _ in 0..2 {
            desk.recall(None, at(0));
            assert!(desk.changed.notified().now_or_never().is_none());
        }
        desk.pause(at(0));
        assert!(desk.changed.notified().now_or_never().is_some());
    }

    #[test]
    fn a_pause_outlasts_reloads_and_a_reload_lifts_no_restriction() {
        let desk = stopped(Reason::Auth);
        desk.pause(at(0));
        desk.reconsider(at(1));
        assert_eq!(desk.gate(at(9999)), Gate::Shut);
        desk.resume();
        assert_eq!(desk.gate(at(1)), Gate::Open);
        let desk = stopped(Reason::Account);
        desk.reconsider(at(1));
        assert_eq!(desk.gate(at(9999)), Gate::Shut);
        let desk = stopped(Reason::Auth);
        desk.reconsider(at(1));
        assert_eq!(desk.gate(at(1)), Gate::Probe);
    }
}
