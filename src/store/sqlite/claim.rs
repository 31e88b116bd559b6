//! Which messages may a lane send now?

use std::sync::LazyLock;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::model::{MessageId, Priority, Reason};
use crate::store::sqlite::head::{Head, Judged, heads};
use crate::store::sqlite::lane_clock::LaneClock;
use crate::store::sqlite::lists::Ahead;
use crate::store::sqlite::people::{self, Counted};
use crate::store::sqlite::row::{MessageRow, micros, time};
use crate::store::sqlite::writer::{Desk, Operation};
use crate::store::sqlite::{asking, hold, instead, order};
use crate::store::{Claim, Ruling, Share, Today};

/// So many messages are looked at in one claim, beside those that are taken: other operations wait
/// meanwhile.
const LOOKED_AT_MAX: usize = 256;

/// What is said of a message whose recipient waits.
/// What is said of the first of a line whose recipient is left in peace.
pub(super) const AT_REST: &str = "the recipient is left in peace for a moment (`gap`)";

/// Takes due heads of one lane. Its cost does not depend on how many wait: the index holds heads
/// only, by priority and soonest first.
pub(super) struct TakeDue(pub(super) Claim);

/// The next heads in line, with what is known of their recipients: one look for all that is asked.
/// Each priority is looked through in its own order, and only if those before leave room.
static DUE: LazyLock<String> = LazyLock::new(|| {
    let of = |priority: usize| {
        format!(
            "SELECT * FROM (
                 SELECT seq AS number FROM messages INDEXED BY messages_due
                 WHERE state = 'waiting' AND head = 1 AND instance = ?1 AND priority = {priority}
                     AND due_at <= ?2
                 ORDER BY due_at, seq LIMIT ?3)"
        )
    };
    let due: Vec<String> = (0..Priority::ALL.len()).map(of).collect();
    format!("{} LIMIT ?3", heads(&due.join(" UNION ALL ")))
});

/// One message, if it is the head of its line.
static ONE: LazyLock<String> = LazyLock::new(|| {
    heads("SELECT seq AS number FROM messages WHERE id = ?1 AND state = 'waiting' AND head = 1")
});

/// Whether those who were read with a message are still the heads of their lines: what is sent
/// instead of one may take the place of another.
#[derive(PartialEq, Eq)]
enum Line {
    Same,
    Changed,
}

/// What was taken.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) rows: Vec<TakenRow>,
    pub(super) closed_until: Option<Timestamp>,
    pub(super) more: bool,
    pub(super) next_due: Option<Timestamp>,
    /// Whether any was done with, and others may be due in its stead.
    pub(super) ended: bool,
}

/// A message that was taken, and what the lane is told beside it.
pub(super) struct TakenRow {
    pub(super) row: MessageRow,
    pub(super) age_us: i64,
    /// Its event's.
    pub(super) kind: String,
    /// What it uses up of its lane's day.
    pub(super) share: Option<Share>,
}

impl Operation for TakeDue {
    type Output = Taken;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<Taken> {
        Turn::begin(connection, &self.0)?.play()
    }

    fn wakes(taken: &Taken) -> bool {
        taken.ended
    }
}

/// One claim on its way.
struct Turn<'c> {
    connection: &'c Desk,
    claim: &'c Claim,
    now: i64,
    /// The lane as it was, and as it is now.
    before: LaneClock,
    lane: LaneClock,
    counted: Option<Counted>,
    all_are_back: bool,
    looked_at: usize,
    taken: Taken,
}

impl<'c> Turn<'c> {
    fn begin(connection: &'c Desk, claim: &'c Claim) -> rusqlite::Result<Self> {
        let now = micros(claim.now);
        let lane = LaneClock::of(connection, &claim.instance)?;
        let all_are_back = hold::release(connection, &claim.instance, now, lane.at(now))?;
        let counted = match claim.judge.day(claim.now) {
            Some(day) => Some(Counted::of(connection, &claim.instance, day)?),
            None => None,
        };
        Ok(Self {
            connection,
            claim,
            now,
            before: lane,
            lane,
            counted,
            all_are_back,
            looked_at: 0,
            taken: Taken::default(),
        })
    }

    fn play(mut self) -> rusqlite::Result<Taken> {
        loop {
            let due = self.due()?;
            if due.is_empty() || self.taken.closed_until.is_some() || self.taken.more {
                break;
            }
            for head in due {
                if self.is_over() || self.decide(head)? == Line::Changed {
                    break;
                }
            }
        }
        let has_room = self.taken.rows.len() < self.claim.limit;
        self.taken.more |= !self.all_are_back && has_room;
        if has_room && !self.taken.more && self.taken.closed_until.is_none() {
            let ahead = Ahead::of(self.connection, &self.claim.instance)?;
            self.taken.next_due = ahead.due.and_then(time);
        }
        self.keep()?;
        Ok(self.taken)
    }

    /// Whether nothing more is to be looked at.
    fn is_over(&mut self) -> bool {
        self.taken.more |= LOOKED_AT_MAX <= self.looked_at;
        self.taken.more || self.taken.closed_until.is_some()
    }

    /// The next heads in line, no more than there is room for.
    fn due(&self) -> rusqlite::Result<Vec<Head>> {
        let room = self.claim.limit.saturating_sub(self.taken.rows.len());
        if room == 0 {
            return Ok(Vec::new());
        }
        self.connection
            .prepare_cached(&DUE)?
            .query_map(
                params![self.claim.instance, self.now, i64::try_from(room).unwrap_or(i64::MAX)],
                Head::read,
            )?
            .collect()
    }

    fn decide(&mut self, head: Head) -> rusqlite::Result<Line> {
        let recipient = head.row.recipient.clone().unwrap_or_default();
        let (instance, clock) = (self.claim.instance.as_str(), self.lane.at(self.now));
        if !self.all_are_back {
            let back = hold::release_for(self.connection, instance, &recipient, self.now, clock)?;
            if 0 < back {
                // Perhaps somebody else is the head now: looked at in the next round.
                self.looked_at += back;
                return Ok(Line::Same);
            }
        }
        if let Some(asked_to) = self.claim.asked_to {
            let (claim, today) = ((self.claim, asked_to), self.today());
            let asked = asking::ask_for(self.connection, claim, &recipient, clock, today)?;
            self.looked_at += asked.looked_at;
            if 0 < asked.back {
                return Ok(Line::Same);
            }
        }
        let age_us = head.row.age_us(clock, self.now);
        let judged = head.judged(self.connection, self.claim, age_us, self.today())?;
        let Head { row, kind, .. } = head;
        let Some(Judged { ruling, is_first }) = judged else {
            // Whoever claims is told what is wrong with it.
            return self.take(row, age_us, kind, None);
        };
        match ruling {
            Ruling::Go => {
                self.lane.goes(self.now);
                let mut share = None;
                if let Some(counted) = &mut self.counted {
                    share = Some(counted.count(is_first));
                    people::tried(self.connection, instance, &recipient, self.now)?;
                }
                return self.take(row, age_us, kind, share);
            }
            Ruling::Hold { until, reason, detail } => {
                self.lane.asked(self.now);
                hold::step_out(
                    self.connection,
                    (row.seq, instance, &recipient),
                    (micros(until).max(self.now + 1), clock),
                    (reason.as_str(), &detail),
                )?;
            }
            Ruling::Wait { until } => {
                self.lane.asked(self.now);
                self.wait(row.seq, micros(until))?;
            }
            Ruling::Skip { reason, detail } => self.end(&row, "skipped", reason, &detail)?,
            Ruling::Fail { reason, detail } => {
                self.end(&row, "failed", reason, &detail)?;
                self.looked_at += 1;
                return Ok(Line::Changed);
            }
            Ruling::Close { until } => {
                let until = micros(until).max(self.now + 1);
                self.lane.hold(self.now, until);
                self.taken.closed_until = time(until);
            }
        }
        self.looked_at += 1;
        Ok(Line::Same)
    }

    /// What the lane did today.
    fn today(&self) -> Today {
        self.counted.map(Counted::today).unwrap_or_default()
    }

    fn take(
        &mut self,
        mut row: MessageRow,
        age_us: i64,
        kind: String,
        share: Option<Share>,
    ) -> rusqlite::Result<Line> {
        let taken = self
            .connection
            .prepare_cached(
                "UPDATE messages
                 SET state = 'sending', attempts = attempts + 1, claims = claims + 1
                 WHERE seq = ?1 AND state = 'waiting' AND head = 1",
            )?
            .execute([row.seq])?;
        if taken == 0 {
            return Ok(Line::Changed);
        }
        "sending".clone_into(&mut row.state);
        (row.attempts, row.claims) = (row.attempts.saturating_add(1), row.claims + 1);
        self.taken.rows.push(TakenRow { row, age_us, kind, share });
        Ok(Line::Same)
    }

    /// It stays the head, but is not due; by its reason it is found again if the lane's gap is another.
    fn wait(&self, seq: i64, until: i64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE messages SET due_at = ?2, reason = ?3, detail = ?4 WHERE seq = ?1",
            )?
            .execute(params![seq, until.max(self.now + 1), Reason::Paced.as_str(), AT_REST])
            .map(drop)
    }

    fn end(
        &mut self,
        row: &MessageRow,
        state: &str,
        reason: Reason,
        detail: &str,
    ) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE messages SET state = ?2, head = 0, reason = ?3, detail = ?4
                 WHERE seq = ?1",
            )?
            .execute(params![row.seq, state, reason.as_str(), detail])?;
        self.taken.ended = true;
        let recipient = row.recipient.as_deref().unwrap_or_default();
        // Who waits moves up before anything new comes into line.
        order::promote(self.connection, &self.claim.instance, recipient)?;
        if state == "failed" {
            instead::of(self.connection, row.seq, self.now)?;
        }
        Ok(())
    }

    /// What the lane must remember of this turn.
    fn keep(&mut self) -> rusqlite::Result<()> {
        let last = self.taken.rows.len().checked_sub(1);
        let paced_until = last.and_then(|last| self.claim.paced_until.get(last));
        if let Some(until) = paced_until {
            let ahead = i64::try_from(self.claim.pace_ahead.as_micros()).unwrap_or(i64::MAX);
            self.lane.hold(self.now, micros(*until).saturating_sub(ahead));
        }
        if paced_until.is_some() || self.lane != self.before {
            let paced_until = paced_until.map(|until| micros(*until));
            self.lane.keep(self.connection, &self.claim.instance, paced_until)?;
        }
        match &self.counted {
            Some(counted) if last.is_some() => counted.keep(self.connection, &self.claim.instance),
            _ => Ok(()),
        }
    }
}

/// Takes one message, if it is the head of its recipient and its lane may send it now.
pub(super) struct TakeOne {
    pub(super) message: MessageId,
    pub(super) claim: Claim,
}

impl Operation for TakeOne {
    type Output = Taken;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<Taken> {
        let mut turn = Turn::begin(connection, &self.claim)?;
        let id = connection.seal().id(self.message.0.into_bytes());
        let head = connection.prepare_cached(&ONE)?.query_row([id], Head::read).optional()?;
        if let Some(head) = head {
            turn.decide(head)?;
        }
        if turn.taken.rows.is_empty() {
            // What made it wait may be no limit of the lane that takes it.
            asking::forget(connection, &self.claim.instance)?;
        }
        turn.keep()?;
        Ok(turn.taken)
    }

    fn wakes(taken: &Taken) -> bool {
        taken.ended
    }
}
