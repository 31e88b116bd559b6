//! May a message be moved so, by whoever did it, after what Wachat saw and by what its rule says?

use jiff::{SignedDuration, Timestamp};
use kabari::model::{Fate, Policy, Reason, Scope, State};

use super::judge::{Judge, Last, Told, later};
use super::ledger::{Cause, Change, IN_LINE, Place, UNTIL_CLOSED, UNTIL_DUE};
use super::limits::ABSENT;
use super::plan::Class;
use super::senders::AGE_MAX;

/// The longest wait before another attempt, unless Wachat asks for more.
const BACKOFF_MAX: std::time::Duration = std::time::Duration::from_secs(15 * 60);

use State::{Cancelled, Failed, Sending, Sent, Skipped, Uncertain, Waiting};

impl Judge {
    /// A row was changed.
    pub(super) fn changed(&mut self, change: &Change, cause: &Cause, now: Timestamp) {
        let seq = change.seq;
        if let Some(id) = change.id {
            let Some(n) = self.number_of(id) else {
                return self.violations.push(format!("{id} is in the store and was never made"));
            };
            self.by_seq.resize(self.by_seq.len().max(seq + 1), usize::MAX);
            self.by_seq[seq] = n;
        }
        let n = self.by_seq[seq];
        if self.lives[n].place != change.was {
            let known = self.lives[n].place;
            self.say(n, now, &format!("it was {:?}, and is known as {known:?}", change.was));
        }
        let is_new = change.was.is_none();
        if is_new {
            self.lives[n].kept_at = now;
        }
        let wrong = match change.is {
            Some(is) => self.is_wrong(n, change, is, cause, now),
            None => vec!["it is gone".into()],
        };
        for wrong in wrong {
            self.say(n, now, &wrong);
        }
        let is_held = change.is.is_some_and(|is| is.state == Waiting && is.held == UNTIL_DUE);
        let by = change.reason.filter(|by| is_held && matches!(by, Reason::Quiet | Reason::Paced));
        self.lives[n].limited = by.map(|by| (by, now));
        self.moves(n, seq, change.was, change.is);
        if is_new && change.attempts != 0 {
            self.say(n, now, "it is new, and was tried");
        }
    }

    /// What is wrong with a change.
    fn is_wrong(
        &mut self,
        n: usize,
        change: &Change,
        is: Place,
        cause: &Cause,
        now: Timestamp,
    ) -> Vec<String> {
        let reason = change.reason;
        let Some(was) = change.was else {
            let wrong = match (self.lives[n].ticket.parent, cause) {
                (Some(parent), Cause::Lane(..)) => self.stands_in_for(n, parent, is),
                (None, Cause::Senders(_)) => self.starts(n, (is, reason), now),
                _ => Some(format!("it was made by {cause:?}")),
            };
            return wrong.into_iter().collect();
        };
        if self.is_displaced(n, (was, is)) {
            return Vec::new();
        }
        let wrong = match (was.state, is.state, cause) {
            (Waiting, Sending, Cause::Lane(at, _)) => return self.is_taken(n, change, was, *at),
            (Waiting, Waiting, Cause::Lane(at, asks)) => {
                let wrong = self.steps_aside(n, reason, (was, is), *at);
                // Or it would have been overtaken before it was asked again.
                wrong.filter(|_| !asks || self.is_asked_again(n, (was, is), now).is_some())
            }
            (Waiting, Skipped, Cause::Lane(at, _)) => self.is_skipped(n, reason, *at),
            (Waiting, Failed, Cause::Lane(at, _)) => self.is_given_up(n, reason, *at),
            (Waiting, Waiting, Cause::Again) => self.is_asked_again(n, (was, is), now),
            (Sending, Sent | Waiting | Uncertain | Failed, Cause::Lane(..)) => {
                self.is_settled(n, change, is, now)
            }
            (Sending, Waiting | Uncertain, Cause::Start) => self.is_recovered(n, reason, is, now),
            (Waiting, Waiting, Cause::Senders(_))
                if (was.held, is.held) == (UNTIL_CLOSED, UNTIL_CLOSED) =>
            {
                self.fills(n, is, now)
            }
            (Waiting, Waiting, Cause::Gather) if was.held == UNTIL_CLOSED && is.held == IN_LINE => {
                self.closes(n, now)
            }
            (_, _, Cause::Person(id, to)) if self.number_of(*id) == Some(n) && *to == is.state => {
                self.is_moved_by_hand(n, (was, is), now)
            }
            // It is due from now on.
            (Waiting, Waiting, Cause::Gather) if (was.held, is.held) == (IN_LINE, IN_LINE) => {
                (is.due_at != now).then(|| format!("its group is closed, and it is {is:?}"))
            }
            _ => Some(format!("{was:?} became {is:?} by {cause:?}")),
        };
        wrong.into_iter().collect()
    }

    /// What is sent instead of one that failed.
    fn stands_in_for(&mut self, n: usize, parent: usize, is: Place) -> Option<String> {
        // It was made when the other one failed, by an answer that may be kept only now.
        self.lives[n].made_at = is.due_at;
        let has_failed = self.lives[parent].place.is_some_and(|place| place.state == Failed);
        let waits = (is.state, is.held) == (Waiting, IN_LINE);
        (!has_failed || !waits).then(|| format!("{parent} has not failed, or it is {is:?}"))
    }

    /// A lane takes it.
    fn is_taken(&mut self, n: usize, change: &Change, was: Place, now: Timestamp) -> Vec<String> {
        let mut wrong = Vec::new();
        if was.held != IN_LINE || now < was.due_at {
            wrong.push(format!("taken as {was:?}"));
        }
        wrong.extend(self.out_of_turn(n, change.seq, now));
        wrong.extend(self.beyond_limits(n, now));
        let is_probe = self.lanes[self.lives[n].ticket.lane].trouble.is_some();
        let life = &mut self.lives[n];
        (life.taken_at, life.tried_at, life.is_probe) = (Some(now), now, is_probe);
        if life.attempts_max <= life.attempts {
            wrong.push(format!("tried {} times before", life.attempts));
        }
        life.attempts += 1;
        wrong.extend(self.is_counted(n, change));
        wrong
    }

    fn is_counted(&self, n: usize, change: &Change) -> Option<String> {
        let (counted, attempts) = (change.attempts, self.lives[n].attempts);
        (counted != attempts).then(|| format!("{counted} attempts are counted of {attempts}"))
    }

    /// It waits, otherwise than before.
    fn steps_aside(
        &mut self,
        n: usize,
        reason: Option<Reason>,
        (was, is): (Place, Place),
        now: Timestamp,
    ) -> Option<String> {
        let (class, lane, to) = {
            let ticket = &self.lives[n].ticket;
            (ticket.class, ticket.lane, ticket.to)
        };
        let is_right = match (was.held, is.held, reason) {
            (UNTIL_DUE, IN_LINE, _) => was.due_at <= now,
            (IN_LINE, UNTIL_DUE, Some(Reason::Quiet)) => {
                class == Class::Hours && self.plan.calendar.opens_after(now) == Some(is.due_at)
            }
            (IN_LINE, UNTIL_DUE, Some(Reason::Paced)) => {
                let day = self.day(now);
                let cap =
                    self.plan.lanes[lane].caps_on(day, self.limits).map_or(u32::MAX, |caps| caps.1);
                let used = self.lanes[lane].first_contacts.get(&day).copied().unwrap_or(0);
                let midnight = self.plan.calendar.midnight_after(now);
                self.is_stranger(lane, to) && cap <= used && is.due_at == midnight
            }
            (IN_LINE, IN_LINE, _) => now < is.due_at && Some(is.due_at) == self.gap_until(lane, to),
            _ => false,
        };
        (!is_right).then(|| format!("{was:?} became {is:?} for {reason:?}"))
    }

    /// It is not to be sent.
    fn is_skipped(&mut self, n: usize, reason: Option<Reason>, now: Timestamp) -> Option<String> {
        let life = &self.lives[n];
        let (lane, made_at) = (&self.lanes[life.ticket.lane], life.made_at);
        let is_right = match reason {
            Some(Reason::Expired) => life.ticket.expires_s.is_some_and(|limit| {
                let age =
                    now.duration_since(made_at) - lane.held_within(made_at.max(life.kept_at), now);
                SignedDuration::from_secs(limit.try_into().unwrap()) <= age
            }),
            Some(Reason::Quiet) => {
                life.ticket.class == Class::HoursOrNever && !self.plan.calendar.is_open(now)
            }
            Some(Reason::OptedOut) => self.opted_out.contains(&life.ticket.to),
            _ => false,
        };
        (!is_right).then(|| format!("skipped for {reason:?}, and nothing says so"))
    }

    /// It has failed without an attempt.
    fn is_given_up(&mut self, n: usize, reason: Option<Reason>, now: Timestamp) -> Option<String> {
        let life = &mut self.lives[n];
        life.failed = true;
        let said = self.lanes[life.ticket.lane].absent.get(&life.ticket.to);
        let is_absent = said.is_some_and(|said| now.duration_since(*said) < ABSENT);
        let is_right = reason == Some(Reason::Recipient) && is_absent;
        (!is_right).then(|| format!("given up for {reason:?}, and nobody said so"))
    }

    /// Its attempt ended.
    fn is_settled(
        &mut self,
        n: usize,
        change: &Change,
        is: Place,
        now: Timestamp,
    ) -> Option<String> {
        let Last::Told(told, at) = self.lives[n].last else {
            return Some(format!("it is {:?}, and no answer came", is.state));
        };
        self.keeps_contact(n, told);
        self.gives_back(n, told);
        let life = &mut self.lives[n];
        life.attempts -= u32::from(told.scope == Scope::Lane);
        life.failed |= is.state == Failed;
        let is_old = AGE_MAX <= now.duration_since(life.made_at);
        let used_up = life.attempts_max <= life.attempts;
        let resent = life.ticket.resend && life.attempts < Policy::RESENT_ATTEMPTS_MAX && !used_up;
        let is_right = match (told.fate, is.state) {
            (Fate::Sent, Sent) => 0 < life.dispatched && change.reason.is_none(),
            (Fate::Failed, Failed) => change.reason == told.reason,
            (Fate::Uncertain, Uncertain) => !resent || is_old,
            (Fate::Uncertain, Waiting) => resent && at <= is.due_at,
            (Fate::Retry { .. }, Waiting) if told.scope == Scope::Lane => is.due_at <= at,
            (Fate::Retry { .. }, Failed) => {
                (used_up || is_old) && change.reason == Some(Reason::AttemptsUsedUp)
            }
            (Fate::Retry { after }, Waiting) => {
                let asked = after.unwrap_or_default();
                let longest = later(at, BACKOFF_MAX.max(asked));
                !used_up && (later(at, asked)..=longest).contains(&is.due_at)
            }
            _ => false,
        };
        life.marked += u32::from(told.fate == Fate::Uncertain && is.state == Waiting);
        let (state, reason, due_at) = (is.state, change.reason, is.due_at);
        let wrong = || format!("{told:?} at {at} made it {state:?}, {reason:?}, due at {due_at}");
        (!is_right).then(wrong).or_else(|| self.is_counted(n, change))
    }

    /// What certainly did not go out used up nothing of its day.
    fn gives_back(&mut self, n: usize, told: Told) {
        let went_out = match told.fate {
            Fate::Sent | Fate::Uncertain => true,
            Fate::Retry { .. } => matches!(told.reason, Some(Reason::Account | Reason::Rate)),
            Fate::Failed => told.reason == Some(Reason::Recipient),
        };
        let life = &mut self.lives[n];
        let log = &mut self.lanes[life.ticket.lane];
        if let Some((day, first)) = life.spent.take().filter(|_| !went_out) {
            *log.attempts.get_mut(&day).unwrap() -= 1;
            *log.first_contacts.get_mut(&day).unwrap() -= first;
        }
    }

    /// What an answer says of the recipient.
    fn keeps_contact(&mut self, n: usize, told: Told) {
        let life = &self.lives[n];
        let (lane, to) = (&mut self.lanes[life.ticket.lane], life.ticket.to);
        match told.fate {
            Fate::Sent | Fate::Uncertain => {
                lane.reached.insert(to);
                lane.absent.remove(&to);
            }
            Fate::Failed if told.scope == Scope::Recipient => {
                lane.absent.insert(to, life.tried_at);
            }
            _ => {}
        }
    }

    /// The process that tried it is dead.
    fn is_recovered(
        &mut self,
        n: usize,
        reason: Option<Reason>,
        is: Place,
        now: Timestamp,
    ) -> Option<String> {
        let life = &mut self.lives[n];
        let attempts_max = life.attempts_max.min(Policy::RESENT_ATTEMPTS_MAX);
        let resent = life.ticket.resend && life.attempts < attempts_max;
        let is_old = AGE_MAX <= now.duration_since(life.made_at);
        let is_right = match is.state {
            Waiting => resent && is.due_at <= now,
            _ => !resent || is_old,
        };
        life.marked += u32::from(is.state == Waiting);
        let is_right = is_right && reason == Some(Reason::Interrupted);
        (!is_right).then(|| format!("recovered as {is:?} for {reason:?}"))
    }

    pub(super) fn nothing_is_under_way(&mut self, now: Timestamp) {
        for n in self.lines.under_way() {
            self.say(n, now, "it is still under way, and its process is dead");
        }
    }

    /// A person decided.
    fn is_moved_by_hand(
        &mut self,
        n: usize,
        (was, is): (Place, Place),
        now: Timestamp,
    ) -> Option<String> {
        let legal = matches!(
            (was.state, is.state),
            (Uncertain, Sent | Waiting | Cancelled) | (Failed, Waiting) | (Waiting, Cancelled)
        );
        if is.state == Waiting {
            let life = &mut self.lives[n];
            life.marked += u32::from(was.state == Uncertain);
            (life.by_hand, life.made_at, life.not_before) = (true, now, Timestamp::MIN);
            life.attempts_max = life.attempts_max.saturating_add(life.attempts);
            self.lanes[life.ticket.lane].absent.remove(&life.ticket.to);
        }
        self.lives[n].sent_by_hand = is.state == Sent;
        let is_due = is.state != Waiting || is.due_at <= now;
        (!legal || !is_due).then(|| format!("a person made {was:?} {is:?}"))
    }
}
