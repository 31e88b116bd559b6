//! How long did a lane itself hold its messages? What it remembers, and the clock that follows.
//!
//! The clock of a lane runs as the time does, but for the spans in which kabari holds the lane: its
//! pace or a cap is used up, it is paused, or its breaker is open. A message's age is counted by it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::model::Reason;
use crate::store::seal::Seal;
use crate::store::sqlite::fault::within;
use crate::store::sqlite::row::{micros, time};
use crate::store::sqlite::writer::{Desk, Operation};
use crate::store::sqlite::{asking, sealed};
use crate::store::{LaneMemory, Shut, StoreError};

/// That somebody is made to wait is noted once in so long, in microseconds: most claims write no more
/// than what they decide.
const NOTED_EVERY: i64 = 60_000_000;

/// A lane's row; times in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LaneClock {
    held_us: i64,
    held_until: i64,
    shut_since: Option<i64>,
    asked_at: i64,
}

impl LaneClock {
    /// The clock of a lane that may have no row yet.
    pub(super) fn of(connection: &Connection, instance: &str) -> rusqlite::Result<Self> {
        let found = connection
            .prepare_cached(
                "SELECT held_us, held_until, shut_since, asked_at FROM lanes
                 WHERE instance = ?1",
            )?
            .query_row([instance], |row| {
                let (held_us, held_until) = (row.get(0)?, row.get(1)?);
                let (shut_since, asked_at) = (row.get(2)?, row.get(3)?);
                Ok(Self { held_us, held_until, shut_since, asked_at })
            })
            .optional()?;
        Ok(found.unwrap_or_default())
    }

    /// What it shows at a time.
    pub(super) fn at(self, now: i64) -> i64 {
        self.shut_since.unwrap_or(now).max(self.held_until) - self.held_us
    }

    /// The same lane, held from now until then.
    pub(super) fn hold(&mut self, now: i64, until: i64) {
        // What stood still before stands still until then.
        let from = self.shut_since.unwrap_or(now).max(self.held_until);
        if until > from {
            self.held_us += until - from;
            self.held_until = until;
        }
    }

    /// It goes before the time until which it was held: what held it is no more.
    pub(super) fn goes(&mut self, now: i64) {
        if now < self.held_until {
            self.held_us -= self.held_until - now;
            self.held_until = now;
        }
    }

    /// Somebody is made to wait.
    pub(super) fn asked(&mut self, now: i64) {
        if self.asked_at.saturating_add(NOTED_EVERY) <= now {
            self.asked_at = now;
        }
    }

    fn open(&mut self, now: i64) {
        if let Some(since) = self.shut_since.take() {
            let from = since.max(self.held_until);
            self.held_us += (now - from).max(0);
        }
    }

    /// Keeps it, with the pace if that is known.
    pub(super) fn keep(
        self,
        connection: &Connection,
        instance: &str,
        paced_until: Option<i64>,
    ) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO lanes (instance, paced_until, held_us, held_until, asked_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (instance) DO UPDATE SET
                     paced_until = coalesce(excluded.paced_until, paced_until),
                     held_us = excluded.held_us, held_until = excluded.held_until,
                     asked_at = excluded.asked_at",
            )?
            .execute(params![instance, paced_until, self.held_us, self.held_until, self.asked_at])
            .map(drop)
    }
}

/// What a lane remembers.
pub(super) fn memory(
    connection: &Connection,
    instance: &str,
    seal: &Seal,
) -> Result<LaneMemory, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT paced_until, shut_since, shut_reason, shut_detail, limits, asked_at
             FROM lanes WHERE instance = ?1",
        )?
        .query_row([instance], |row| {
            let paced_until: Option<i64> = row.get(0)?;
            let since: Option<i64> = row.get(1)?;
            let reason: Option<String> = row.get(2)?;
            let shut = since.and_then(time).zip(reason.as_deref().and_then(Reason::parse));
            let detail: Option<String> = row.get(3)?;
            let asked_at: i64 = row.get(5)?;
            let asked_at = time(asked_at).filter(|_| 0 < asked_at);
            Ok((paced_until.and_then(time), shut, detail, (row.get(4)?, asked_at)))
        })
        .optional()?;
    let waits = asking::waits(connection, instance, seal)?;
    let Some((paced_until, shut, detail, (limits, asked_at))) = found else {
        return Ok(LaneMemory { waits, ..LaneMemory::default() });
    };
    let detail = detail.map(|kept| {
        // It is for people: that it does not open is what they are told.
        seal.open_text(&sealed::shut(instance), kept).unwrap_or_else(|problem| problem.to_string())
    });
    let detail = detail.unwrap_or_default();
    let shut = shut.map(|(since, reason)| Shut { reason, detail, since });
    Ok(LaneMemory { paced_until, shut, limits, asked_at, waits })
}

/// A lane stands still, or goes on.
pub(super) struct ShutLane {
    pub(super) instance: String,
    pub(super) shut: Option<Shut>,
    pub(super) now: Timestamp,
}

impl Operation for ShutLane {
    type Output = ();

    fn apply(&self, connection: &Desk) -> rusqlite::Result<()> {
        let mut clock = LaneClock::of(connection, &self.instance)?;
        let now = micros(self.now);
        match &self.shut {
            // It stands still already; only the reason changes.
            Some(_) => clock.shut_since = clock.shut_since.or(Some(now)),
            None => clock.open(now),
        }
        clock.keep(connection, &self.instance, None)?;
        let (place, seal) = (sealed::shut(&self.instance), connection.seal());
        let detail = self.shut.as_ref().map(|shut| seal.text(&place, shut.detail.clone()));
        let detail = detail.transpose().map_err(within)?;
        connection
            .prepare_cached(
                "UPDATE lanes SET shut_since = ?2, shut_reason = ?3, shut_detail = ?4
                 WHERE instance = ?1",
            )?
            .execute(params![
                self.instance,
                clock.shut_since,
                self.shut.as_ref().map(|shut| shut.reason.as_str()),
                detail,
            ])
            .map(drop)
    }

    fn wakes((): &()) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::LaneClock;

    #[test]
    fn it_stands_still_while_the_lane_is_held_or_shut_and_never_counts_a_moment_twice() {
        let mut clock = LaneClock::default();
        assert_eq!(clock.at(100), 100);
        clock.hold(100, 150);
        assert_eq!((clock.at(120), clock.at(150), clock.at(160)), (100, 100, 110));
        // Held again before the first time is over.
        clock.hold(140, 170);
        assert_eq!((clock.at(170), clock.at(171)), (100, 101));
        clock.shut_since = Some(165);
        assert_eq!((clock.at(168), clock.at(999)), (100, 100));
        clock.open(1000);
        assert_eq!((clock.at(1000), clock.at(1005)), (100, 105));
    }

    #[test]
    fn it_goes_on_when_the_lane_goes_before_its_time_and_counts_no_moment_that_was_held() {
        let mut clock = LaneClock::default();
        clock.hold(100, 900);
        clock.goes(300);
        assert_eq!((clock.at(300), clock.at(301)), (100, 101));
        clock.goes(400);
        assert_eq!(clock.at(400), 200);
        // A lane that is shut may be tried.
        clock.shut_since = Some(500);
        clock.hold(500, 900);
        clock.goes(600);
        assert_eq!((clock.at(600), clock.at(999)), (300, 300));
        clock.open(700);
        assert_eq!((clock.at(700), clock.at(701)), (300, 301));
    }

    #[test]
    fn what_tries_a_shut_lane_and_uses_up_its_pace_does_not_make_the_clock_go_on() {
        let mut clock = LaneClock { shut_since: Some(100), ..LaneClock::default() };
        clock.hold(180, 240);
        assert_eq!((clock.at(180), clock.at(239), clock.at(250)), (100, 100, 100));
        clock.hold(300, 320);
        clock.open(310);
        assert_eq!((clock.at(310), clock.at(320), clock.at(321)), (100, 100, 101));
    }
}
