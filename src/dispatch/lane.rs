//! The loop of one lane: wake → claim → send → settle.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::store::{Claim, Claims, LaneState, StoreError};

use super::attempt::{Way, attempt, longer};
use super::desk::{Desk, Gate};
use super::pace::Beat;
use super::settings::LaneSettings;
use super::turn::Turn;
use super::{Shared, settings_of};

/// After a look that found nothing, how long at least until the next one; it doubles while arrivals
/// turn out to be for other lanes.
const EMPTY_REST: Duration = Duration::from_millis(5);
/// The longest such wait.
const EMPTY_REST_MAX: Duration = Duration::from_millis(160);

/// One WhatsApp session's queue, worked off.
pub(super) struct Lane {
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    /// Until when the pace is used up, if `recalled`; else the store must be asked.
    paced_until: Option<Timestamp>,
    recalled: bool,
    /// For the jitter of the pace and of retries.
    dice: fastrand::Rng,
    under_way: JoinSet<()>,
    empty_rest: Duration,
    store_rest: Duration,
}

/// What a lane waits for, beside the end of an attempt and a change by hand.
struct Wait {
    arrivals: bool,
    span: Option<Duration>,
}

impl Wait {
    const AGAIN: Self = Self { arrivals: false, span: Some(Duration::ZERO) };
    const FOR_OTHERS: Self = Self { arrivals: false, span: None };

    fn until(time: Timestamp, now: Timestamp) -> Self {
        Self { arrivals: false, span: Some(span(now, time)) }
    }
}

impl Lane {
    pub(super) fn new(shared: Arc<Shared>, desk: Arc<Desk>, dice: fastrand::Rng) -> Self {
        let (under_way, store_rest) = (JoinSet::new(), shared.timings.store_rest);
        let (paced_until, recalled, empty_rest) = (None, false, EMPTY_REST);
        Self { shared, desk, paced_until, recalled, dice, under_way, empty_rest, store_rest }
    }

    /// Works until told to stop; then lets the attempts under way end, within a limit.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let (mut arrivals, stop_max) = (self.shared.store.arrivals(), self.shared.timings.stop_max);
        // Of a lane that broke off and starts again nothing is under way any more.
        self.desk.begins_anew();
        while !stop.is_cancelled() {
            // Listen first, then look: what arrives in between rings.
            arrivals.borrow_and_update();
            let wait = tokio::select! {
                biased;
                wait = self.look() => wait,
                // A claim is not dropped in its middle, but for a store that hangs.
                () = stopped_for(&stop, stop_max) => break,
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                Some(ended) = self.under_way.join_next() => {
                    must_not_panic(&self.desk, ended);
                    // Those that ended with it, by the same commit, make room for one claim of many.
                    while let Some(ended) = self.under_way.try_join_next() {
                        must_not_panic(&self.desk, ended);
                    }
                }
                () = self.desk.changed.notified() => {}
                () = rung(&mut arrivals, self.empty_rest), if wait.arrivals => {}
                () = sleep(wait.span.unwrap_or_default()), if wait.span.is_some() => {}
            }
        }
        self.finish().await;
    }

    /// Claims and begins what may be begun now, and says what to wait for.
    async fn look(&mut self) -> Wait {
        if !self.recalled
            && let Err(problem) = self.recall().await
        {
            return self.rest(&problem);
        }
        self.shared.remember(&self.desk).await;
        let now = (self.shared.now)();
        let settings = settings_of(&self.shared, &self.desk.instance);
        let gate = self.desk.gate(now);
        let room = match gate {
            Gate::Shut => return Wait::FOR_OTHERS,
            Gate::Until(time) => return Wait::until(time, now),
            Gate::Probe => 1,
            Gate::Open => settings.in_flight().saturating_sub(self.under_way.len()),
        };
        if room == 0 {
            return Wait::FOR_OTHERS;
        }
        let way = if gate == Gate::Probe { Way::Probe } else { Way::Turn };
        match self.claim(&settings, room, way, now).await {
            Ok(wait) => {
                self.store_rest = self.shared.timings.store_rest;
                wait
            }
            Err(problem) => self.rest(&problem),
        }
    }

    /// Asks the store how this lane stood: before the first claim, and when it is not known whether
    /// the last one was kept.
    async fn recall(&mut self) -> Result<(), StoreError> {
        let memory = self.shared.store.lane(&self.desk.instance).await?;
        self.desk.recall(memory.shut);
        (self.paced_until, self.recalled) = (memory.paced_until, true);
        Ok(())
    }

    async fn claim(
        &mut self,
        settings: &LaneSettings,
        room: usize,
        way: Way,
        now: Timestamp,
    ) -> Result<Wait, StoreError> {
        let people = self.shared.people.load_full();
        let judge = Arc::new(Turn::of(settings, people, now));
        let mut claim = Claim { judge, ..Claim::new(&self.desk.instance, room, now) };
        if let Some(beat) = Beat::of(settings.pace(), settings.burst(), settings.jitter()) {
            let dice = || self.dice.f64();
            claim.paced_until = beat.tokens(self.paced_until, now, room, dice);
            (claim.limit, claim.pace_ahead) = (claim.paced_until.len(), beat.ahead());
            if claim.limit == 0 {
                return Ok(Wait::until(beat.next(self.paced_until, now), now));
            }
        }
        let paced_until = claim.paced_until.clone();
        let claims = self.shared.store.claim(claim).await?;
        let Some(last) = claims.taken.len().checked_sub(1) else {
            return self.nothing_taken(claims, now).await;
        };
        self.paced_until = paced_until.get(last).copied().or(self.paced_until);
        self.empty_rest = EMPTY_REST;
        let carrier = &self.shared.settings.load().carrier;
        for claimed in claims.taken {
            self.desk.begins();
            let (shared, desk) = (Arc::clone(&self.shared), Arc::clone(&self.desk));
            let how = (way, self.dice.f64());
            self.under_way.spawn(attempt(shared, desk, Arc::clone(carrier), claimed, how));
        }
        Ok(Wait::AGAIN)
    }

    async fn nothing_taken(&mut self, claims: Claims, now: Timestamp) -> Result<Wait, StoreError> {
        if claims.more {
            return Ok(Wait::AGAIN);
        }
        if let Some(until) = claims.closed_until {
            // The clock may be set meanwhile.
            let span = span(now, until).min(self.shared.timings.poll);
            return Ok(Wait { arrivals: false, span: Some(span) });
        }
        let next_due = self.state().await?.and_then(|state| state.next_due);
        Ok(self.nothing(next_due, now))
    }

    /// What the store says of this lane; `None` if nothing of it waits.
    async fn state(&self) -> Result<Option<LaneState>, StoreError> {
        let lanes = self.shared.store.lanes().await?;
        Ok(lanes.into_iter().find(|lane| lane.instance == self.desk.instance))
    }

    /// There was nothing to take. A due time that has passed belongs to somebody who is blocked.
    fn nothing(&mut self, next_due: Option<Timestamp>, now: Timestamp) -> Wait {
        let poll = self.shared.timings.poll;
        let due = next_due.map_or(poll, |due| span(now, due).max(self.empty_rest).min(poll));
        self.empty_rest = longer(self.empty_rest, EMPTY_REST_MAX);
        Wait { arrivals: true, span: Some(due) }
    }

    fn rest(&mut self, problem: &StoreError) -> Wait {
        let instance = self.desk.instance.as_str();
        error!(
            target: "kabari::dispatch", instance, error = %problem,
            "lane {instance} cannot use the store now: {problem}"
        );
        // Whether the claim was kept is not known, so neither is the pace.
        self.recalled = false;
        let span = Some(self.store_rest);
        self.store_rest = longer(self.store_rest, self.shared.timings.store_rest_max);
        Wait { arrivals: false, span }
    }

    async fn finish(mut self) {
        let all = async {
            while let Some(ended) = self.under_way.join_next().await {
                must_not_panic(&self.desk, ended);
            }
        };
        let finished = timeout(self.shared.timings.stop_max, all).await;
        if finished.is_err() {
            let (instance, left) = (self.desk.instance.as_str(), self.under_way.len());
            warn!(
                target: "kabari::dispatch", instance, left,
                "lane {instance} stopped with {left} attempts under way; the next start marks \
                 them as uncertain"
            );
        }
    }
}

/// Resolves when it was time to stop for this long.
async fn stopped_for(stop: &CancellationToken, span: Duration) {
    stop.cancelled().await;
    sleep(span).await;
}

/// Resolves at the next arrival, but not before `rest` is over.
async fn rung(arrivals: &mut watch::Receiver<u64>, rest: Duration) {
    match arrivals.changed().await {
        Ok(()) => sleep(rest).await,
        // The store is closing: nothing will arrive.
        Err(_) => std::future::pending().await,
    }
}

fn must_not_panic(desk: &Desk, ended: Result<(), tokio::task::JoinError>) {
    if let Err(problem) = ended {
        desk.ended();
        error!(
            target: "kabari::dispatch", instance = desk.instance, error = %problem,
            "an attempt broke off: {problem}"
        );
    }
}

fn span(now: Timestamp, time: Timestamp) -> Duration {
    time.duration_since(now).try_into().unwrap_or_default()
}
