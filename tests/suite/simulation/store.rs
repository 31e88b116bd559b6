//! The real store, whose every step takes no simulated time, may be refused, or may be the last.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use kabari::model::{Attempt, Event, EventId, Instead, Message, MessageId, Recipient, State};
use kabari::store::{
    Arrivals, AskedTo, Claim, Claims, Counts, Ended, EventFilter, EventRow, GatheredTo, Gathering,
    LaneMemory, LaneState, Lease, Listed, MessageFilter, Moved, OptOut, Outcome, Reconciliation,
    Recorded, Settlement, SharedStore, Shut, SourceRow, SqliteStore, Store, StoreError, Stuck,
    TurnedOver,
};
use tokio::sync::{Notify, watch};

use super::judge::{Judge, SharedJudge};
use super::ledger::Cause;
use super::time::{at_once, now};

/// A file of small pages: a commit changes a little on each of several, and a long week would write
/// gigabytes to its log otherwise.
pub(super) fn make_file(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA page_size = 2048; PRAGMA journal_mode = WAL;").unwrap();
}

/// One process's hold on the store. When it has died, nothing it does happens.
pub(super) struct Held {
    pub(super) inner: SharedStore,
    judge: Option<SharedJudge>,
    fate: Arc<Fate>,
    /// What the store says of arrivals, and who listens: each is told in its turn, since the store
    /// wakes them in any order.
    arrivals: watch::Receiver<Arrivals>,
    bells: Mutex<Vec<watch::Sender<Arrivals>>>,
}

/// What is to become of the process.
pub(super) struct Fate {
    /// It dies at this step from now of those that write for a lane: an odd one after its commit, an
    /// even one before. Not at all below 0.
    dies_at: AtomicI64,
    dead: AtomicBool,
    /// The disk is full.
    full: AtomicBool,
    /// Rings when it has died.
    pub(super) died: Notify,
}

impl Default for Fate {
    fn default() -> Self {
        let (dead, full, died) = (AtomicBool::default(), AtomicBool::default(), Notify::new());
        Self { dies_at: AtomicI64::new(-1), dead, full, died }
    }
}

impl Fate {
    pub(super) fn dies_in(&self, steps: i64) {
        self.dies_at.store(steps, Ordering::Relaxed);
    }

    pub(super) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    pub(super) fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.died.notify_one();
    }

    /// Half a step: before the commit, or after it.
    fn step(&self) {
        let left = self.dies_at.load(Ordering::Relaxed);
        if left == 0 {
            self.die();
        }
        self.dies_at.store((left - 1).max(-1), Ordering::Relaxed);
    }

    /// Returns unless it has died.
    pub(super) async fn alive(&self) {
        if self.dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

impl Held {
    pub(super) fn open(path: &Path, judge: Option<SharedJudge>, fate: Arc<Fate>) -> Arc<Self> {
        let inner: SharedStore = Arc::new(SqliteStore::open(path).unwrap());
        if let Some(judge) = &judge {
            judge.lock().reads(path);
        }
        let (arrivals, bells) = (inner.arrivals(), Mutex::default());
        Arc::new(Self { inner, judge, fate, arrivals, bells })
    }

    fn ring(&self) {
        let all = self.arrivals.borrow();
        for bell in &*self.bells.lock().unwrap() {
            bell.send_if_modified(|rung| {
                let is_new = *rung != *all;
                if is_new {
                    rung.clone_from(&all);
                }
                is_new
            });
        }
    }

    fn judge(&self, tell: impl FnOnce(&mut Judge)) {
        if let Some(judge) = &self.judge {
            tell(&mut judge.lock());
        }
    }

    /// One step that writes: the judge sees what it has done.
    pub(super) async fn write<T>(
        &self,
        cause: Cause,
        step: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.fate.alive().await;
        if self.fate.is_full() {
            return Err(StoreError::Unavailable("database or disk is full".into()));
        }
        self.fate.step();
        self.fate.alive().await;
        let done = at_once(step);
        self.ring();
        if done.is_ok() {
            self.judge(|judge| judge.witness(&cause, now()));
        }
        self.fate.step();
        self.fate.alive().await;
        done
    }

    pub(super) async fn read<T>(
        &self,
        step: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.fate.alive().await;
        at_once(step)
    }
}

/// Whether nobody was asked so far.
fn is_first(asked_to: AskedTo) -> bool {
    asked_to == AskedTo::default()
}

fn ids(messages: &[Message]) -> impl Iterator<Item = MessageId> {
    messages.iter().map(|message| message.id)
}

/// A verb of the store that only passes through [`Held::read`] or [`Held::write`].
macro_rules! pass {
    ($($how:ident($($cause:ident)?) fn $name:ident($($arg:ident: $kind:ty),*) -> $out:ty;)+) => {
        #[async_trait]
        impl Store for Held {
            $(async fn $name(&self, $($arg: $kind),*) -> Result<$out, StoreError> {
                self.$how($(Cause::$cause,)? self.inner.$name($($arg),*)).await
            })+

            async fn record(
                &self,
                event: Event,
                messages: Vec<Message>,
            ) -> Result<Recorded, StoreError> {
                let cause = Cause::Senders(ids(&messages).collect());
                self.write(cause, self.inner.record(event, messages)).await
            }

            async fn record_batch(
                &self,
                batch: Vec<(Event, Vec<Message>)>,
            ) -> Result<Vec<Recorded>, StoreError> {
                let all = batch.iter().flat_map(|(_, messages)| ids(messages));
                let cause = Cause::Senders(all.collect());
                self.write(cause, self.inner.record_batch(batch)).await
            }

            async fn shut_lane(
                &self,
                instance: &str,
                shut: Option<Shut>,
                now: Timestamp,
            ) -> Result<(), StoreError> {
                let reason = shut.as_ref().map(|shut| shut.reason);
                let kept = async {
                    self.inner.shut_lane(instance, shut, now).await?;
                    self.judge(|judge| judge.shut(instance, reason, now));
                    Ok(())
                };
                self.write(Cause::Other, kept).await
            }

            async fn opt_out(&self, opt_out: OptOut) -> Result<bool, StoreError> {
                let to = opt_out.recipient.clone();
                let kept = async {
                    let is_new = self.inner.opt_out(opt_out).await?;
                    self.judge(|judge| judge.opts_out(&to));
                    Ok(is_new)
                };
                self.write(Cause::Other, kept).await
            }

            async fn move_by_hand(
                &self,
                id: MessageId,
                to: State,
                now: Timestamp,
            ) -> Result<Moved, StoreError> {
                self.write(Cause::Person(id, to), self.inner.move_by_hand(id, to, now)).await
            }

            async fn claim(&self, claim: Claim) -> Result<Claims, StoreError> {
                let cause = Cause::Lane(claim.now, claim.asked_to.is_some());
                self.write(cause, self.inner.claim(claim)).await
            }

            async fn ask_again(
                &self,
                claim: Claim,
                limits: Option<String>,
            ) -> Result<Option<AskedTo>, StoreError> {
                let (lane, is_first) = (claim.instance.clone(), claim.asked_to.is_none_or(is_first));
                if is_first {
                    self.judge(|judge| judge.begins_to_ask(&lane, now()));
                }
                let asked = self.write(Cause::Again, self.inner.ask_again(claim, limits)).await?;
                self.judge(|judge| judge.asked(&lane, asked.is_none(), now()));
                Ok(asked)
            }

            async fn turn_over(
                &self,
                ended: &[Ended],
                claim: Option<Claim>,
            ) -> Result<TurnedOver, StoreError> {
                let now = claim.as_ref().map_or_else(now, |claim| claim.now);
                let looks = claim.is_some() && ended.is_empty();
                let asks = claim.as_ref().is_some_and(|claim| claim.asked_to.is_some());
                let step = self.inner.turn_over(ended, claim);
                let turned_over = self.write(Cause::Lane(now, asks), step).await?;
                if looks && turned_over.claims.taken.is_empty() {
                    self.judge(|judge| judge.in_vain += 1);
                }
                Ok(turned_over)
            }

            fn arrivals(&self) -> watch::Receiver<Arrivals> {
                let (bell, rung) = watch::channel(self.arrivals.borrow().clone());
                self.bells.lock().unwrap().push(bell);
                rung
            }
        }
    };
}

pass! {
    write(Other) fn add_messages(messages: Vec<Message>) -> usize;
    write(Other) fn claim_one(message: MessageId, claim: Claim) -> Claims;
    write(Other) fn settle(lease: Lease, settlement: Settlement) -> bool;
    write(Start) fn recover(now: Timestamp) -> usize;
    read() fn lanes() -> Vec<LaneState>;
    read() fn lane(instance: &str) -> LaneMemory;
    read() fn gatherings(now: Timestamp, from: GatheredTo, limit: usize) -> Vec<Gathering>;
    read() fn next_gathering() -> Option<Timestamp>;
    write(Gather) fn close_gathering(gathering: &Gathering, outcome: Outcome, or: Option<Vec<Instead>>, now: Timestamp) -> bool;
    read() fn opt_outs() -> Vec<OptOut>;
    write(Other) fn opt_in(recipient: &Recipient) -> bool;
    read() fn messages(filter: MessageFilter) -> Listed<Message>;
    read() fn message(id: MessageId) -> Option<(Message, Vec<Attempt>)>;
    read() fn events(filter: EventFilter) -> Listed<EventRow>;
    read() fn event(id: EventId) -> Option<Event>;
    read() fn counts() -> Counts;
    read() fn stuck(seen: i64) -> Stuck;
    read() fn sources() -> Vec<SourceRow>;
    read() fn reconciliations() -> Vec<Reconciliation>;
    write(Other) fn keep_reconciliation(known: Reconciliation) -> ();
    write(Other) fn ping() -> ();
}
