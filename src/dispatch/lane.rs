//! The loop of one lane: wake → claim → send → settle.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::store::{Arrivals, Claim, Claims, Ended, Judge, StoreError, TurnedOver};

use super::asking::{Asking, Rules};
use super::attempt::{Way, attempt, longer, not_ours};
use super::desk::{Desk, Gate};
use super::pace::Beat;
use super::turn::Turn;
use super::{Shared, settings_of};

/// After a look that found nothing, how long at least until the next one; it doubles while what
/// arrives turns out to stand behind others.
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
    asking: Asking,
    /// For the jitter of the pace and of retries.
    dice: fastrand::Rng,
    under_way: JoinSet<Ended>,
    /// Attempts that ended and are not kept yet. The next claim is in the commit that keeps them.
    ended: Vec<Ended>,
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
        let store_rest = shared.timings.store_rest;
        Self {
            shared,
            desk,
            paced_until: None,
            recalled: false,
            asking: Asking::default(),
            dice,
            under_way: JoinSet::new(),
            ended: Vec::new(),
            empty_rest: EMPTY_REST,
            store_rest,
        }
    }

    /// Works until told to stop; then lets the attempts under way end, within a limit.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let (mut arrivals, stop_max) = (self.shared.store.arrivals(), self.shared.timings.stop_max);
        // Of a lane that broke off and starts again nothing is under way any more.
        self.desk.begins_anew();
        while !stop.is_cancelled() {
            // Listen first, then look: what arrives in between rings.
            let seen = arrivals.borrow_and_update().of(&self.desk.instance);
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
                    self.note(ended);
                    // Those that ended meanwhile share its commit.
                    while let Some(ended) = self.under_way.try_join_next() {
                        self.note(ended);
                    }
                }
                () = self.desk.changed.notified() => {}
                () = rung(&mut arrivals, &self.desk.instance, seen, self.empty_rest), if wait.arrivals => {}
                () = sleep(wait.span.unwrap_or_default()), if wait.span.is_some() => {}
            }
        }
        self.finish().await;
    }

    /// Keeps how attempts ended, claims and begins what may be begun now, and says what to wait
    /// for.
    async fn look(&mut self) -> Wait {
        match self.turn().await {
            Ok(wait) => {
                self.store_rest = self.shared.timings.store_rest;
                wait
            }
            Err(problem) => self.rest(&problem),
        }
    }

    async fn turn(&mut self) -> Result<Wait, StoreError> {
        if !self.recalled {
            self.recall().await?;
        }
        self.shared.remember(&self.desk).await;
        let now = (self.shared.now)();
        let rules = self.asking.rules(&self.shared, &self.desk.instance, now);
        self.ask_again(&rules, now).await?;
        let wait = match self.plan(&rules, now) {
            Ok((claim, way, judge)) => {
                let wait = self.claim(claim, way, now).await;
                let waits = judge.waits();
                self.asking.wait_for(&waits);
                self.desk.holds_back(waits, now);
                wait?
            }
            Err(wait) => {
                if !self.ended.is_empty() {
                    self.turn_over(None).await?;
                }
                wait
            }
        };
        Ok(if self.asking.asked_to().is_some() { Wait::AGAIN } else { wait })
    }

    /// What may be claimed now, or what to wait for.
    fn plan(&mut self, rules: &Rules, now: Timestamp) -> Result<(Claim, Way, Arc<Turn>), Wait> {
        if rules.people.shadow {
            return Err(Wait::FOR_OTHERS);
        }
        let settings = &rules.settings;
        let (room, way) = match self.desk.gate(now) {
            Gate::Shut => return Err(Wait::FOR_OTHERS),
            Gate::Until(time) => return Err(Wait::until(time, now)),
            Gate::Probe => (1, Way::Probe),
            Gate::Open => (settings.in_flight().saturating_sub(self.under_way.len()), Way::Turn),
        };
        if room == 0 {
            return Err(Wait::FOR_OTHERS);
        }
        if let Some(beat) = Beat::of(settings.pace(), settings.burst(), settings.jitter()) {
            self.paced_until = beat.within_reach(self.paced_until, now);
        }
        let turn = self.judge(rules, now);
        let dice = || self.dice.f64();
        let claim = turn
            .claim((&self.desk.instance, settings), room, self.paced_until, now, dice)
            .map_err(|next| Wait::until(next, now))?;
        Ok((Claim { asked_to: self.asking.asked_to(), ..claim }, way, turn))
    }

    fn judge(&self, rules: &Rules, now: Timestamp) -> Arc<Turn> {
        let people = Arc::clone(&rules.people);
        Arc::new(Turn::of(&rules.settings, people, self.shared.begun, now))
    }

    /// Asks the store how this lane stood: before the first claim, and when it is not known whether
    /// the last one was kept.
    async fn recall(&mut self) -> Result<(), StoreError> {
        let mut memory = self.shared.store.lane(&self.desk.instance).await?;
        self.asking.recalled(&mut memory);
        self.desk.recall(memory.shut, (self.shared.now)());
        (self.paced_until, self.recalled) = (memory.paced_until, true);
        Ok(())
    }

    /// One step of asking those again whom limits hold that may be others now. Meanwhile the lane
    /// goes on: who may go is not kept waiting by a million who may not.
    async fn ask_again(&mut self, rules: &Rules, now: Timestamp) -> Result<(), StoreError> {
        let Some(from) = self.asking.asked_to() else {
            let waits = self.asking.known_waits();
            if !waits.is_empty() {
                self.desk.holds_back(waits, now);
            }
            return Ok(());
        };
        // How attempts ended does not wait for that.
        if !self.ended.is_empty() {
            self.turn_over(None).await?;
        }
        let turn = self.judge(rules, now);
        let judge = Arc::clone(&turn) as Arc<dyn Judge>;
        let claim =
            Claim { judge, asked_to: Some(from), ..Claim::new(&self.desk.instance, 0, now) };
        let to = self.shared.store.ask_again(claim, self.asking.limits()).await?;
        self.asking.wait_for(&turn.waits());
        if let Some(waits) = self.asking.came_to(to) {
            self.desk.holds_back_only(waits);
        }
        Ok(())
    }

    async fn claim(&mut self, claim: Claim, way: Way, now: Timestamp) -> Result<Wait, StoreError> {
        let (paced_until, limit) = (claim.paced_until.clone(), claim.limit);
        let mut claims = match self.turn_over(Some(claim)).await {
            Ok(claims) => claims,
            Err(problem) => {
                // A claim that fails must keep no outcome from being kept.
                if !self.ended.is_empty() {
                    self.turn_over(None).await?;
                }
                return Err(problem);
            }
        };
        let taken = claims.taken.len();
        let Some(last) = taken.checked_sub(1) else {
            return Ok(self.no_more(&claims, now));
        };
        self.paced_until = paced_until.get(last).copied().or(self.paced_until);
        self.empty_rest = EMPTY_REST;
        let carrier = &self.shared.settings.load().carrier;
        for claimed in claims.taken.drain(..) {
            self.desk.begins();
            let (shared, desk) = (Arc::clone(&self.shared), Arc::clone(&self.desk));
            let how = (way, self.dice.f64());
            self.under_way.spawn(attempt(shared, desk, Arc::clone(carrier), claimed, how));
        }
        let is_full =
            settings_of(&self.shared, &self.desk.instance).in_flight() <= self.under_way.len();
        Ok(match (is_full, taken < limit) {
            (true, _) => Wait::FOR_OTHERS,
            (false, true) => self.no_more(&claims, now),
            (false, false) => Wait::AGAIN,
        })
    }

    /// One commit: what ended is kept, and what `claim` asks for is taken. What could not be kept
    /// stays here.
    async fn turn_over(&mut self, claim: Option<Claim>) -> Result<Claims, StoreError> {
        let TurnedOver { held, claims } = self.shared.store.turn_over(&self.ended, claim).await?;
        let ended = self.ended.drain(..).zip(held);
        ended.filter(|(_, held)| !held).for_each(|(ended, _)| not_ours(ended.lease.message));
        Ok(claims)
    }

    /// An attempt is over.
    fn note(&mut self, ended: Result<Ended, JoinError>) {
        self.desk.ended();
        match ended {
            Ok(ended) => self.ended.push(ended),
            Err(problem) => error!(
                target: "kabari::dispatch", instance = self.desk.instance, error = %problem,
                "an attempt broke off: {problem}"
            ),
        }
    }

    /// There was room for more than there was to take.
    fn no_more(&mut self, claims: &Claims, now: Timestamp) -> Wait {
        if claims.more {
            return Wait::AGAIN;
        }
        if let Some(until) = claims.closed_until {
            // The clock may be set meanwhile.
            let span = span(now, until).min(self.shared.timings.poll);
            return Wait { arrivals: false, span: Some(span) };
        }
        self.nothing(claims.next_due, now)
    }

    /// Nothing more is due. A due time that has passed belongs to somebody who is blocked.
    fn nothing(&mut self, next_due: Option<Timestamp>, now: Timestamp) -> Wait {
        let poll = self.shared.timings.poll;
        let due = next_due.map_or(poll, |due| span(now, due).max(self.empty_rest).min(poll));
        self.empty_rest = longer(self.empty_rest, EMPTY_REST_MAX);
        Wait { arrivals: true, span: Some(due) }
    }

    fn rest(&mut self, problem: &StoreError) -> Wait {
        let instance = self.desk.instance.as_str();
        for Ended { lease, .. } in &self.ended {
            let id = lease.message;
            error!(
                target: "kabari::dispatch", message_id = %id, error = %problem,
                "the outcome of message {id} could not be kept yet: {problem}"
            );
        }
        if self.ended.is_empty() {
            error!(
                target: "kabari::dispatch", instance, error = %problem,
                "lane {instance} cannot use the store now: {problem}"
            );
        }
        // Whether the claim was kept is not known, so neither is the pace.
        self.recalled = false;
        let span = Some(self.store_rest);
        self.store_rest = longer(self.store_rest, self.shared.timings.store_rest_max);
        Wait { arrivals: false, span }
    }

    async fn finish(mut self) {
        let finished = timeout(self.shared.timings.stop_max, self.end_all()).await;
        if finished.is_err() {
            let instance = self.desk.instance.as_str();
            let left = self.under_way.len() + self.ended.len();
            warn!(
                target: "kabari::dispatch", instance, left,
                "lane {instance} stopped with {left} attempts under way; the next start marks \
                 them as uncertain"
            );
        }
    }

    async fn end_all(&mut self) {
        loop {
            if !self.ended.is_empty()
                && let Err(problem) = self.turn_over(None).await
            {
                let wait = self.rest(&problem);
                sleep(wait.span.unwrap_or_default()).await;
            }
            match self.under_way.join_next().await {
                Some(ended) => self.note(ended),
                None if self.ended.is_empty() => return,
                None => {}
            }
        }
    }
}

/// Resolves when it was time to stop for this long.
async fn stopped_for(stop: &CancellationToken, span: Duration) {
    stop.cancelled().await;
    sleep(span).await;
}

/// Resolves at the next arrival for this lane after those that were `seen`, but not before `rest` is
/// over.
async fn rung(arrivals: &mut watch::Receiver<Arrivals>, instance: &str, seen: u64, rest: Duration) {
    match arrivals.wait_for(|now| now.of(instance) != seen).await.map(drop) {
        Ok(()) => sleep(rest).await,
        // The store is closing: nothing will arrive.
        Err(_) => std::future::pending().await,
    }
}

fn span(now: Timestamp, time: Timestamp) -> Duration {
    time.duration_since(now).try_into().unwrap_or_default()
}
