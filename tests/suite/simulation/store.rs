//! The real store, whose every step takes no simulated time, may be refused, or may be the last.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use kabari::model::{Attempt, Event, EventId, Message, MessageId, Recipient, State};
use kabari::store::{
    Claim, Claimed, Claims, Counts, Ended, EventFilter, EventRow, Gathering, LaneMemory, LaneState,
    Lease, MessageFilter, Moved, OptOut, Outcome, Reconciliation, Recorded, Settlement,
    SharedStore, Shut, SourceRow, SqliteStore, Store, StoreError, Stuck, TurnedOver,
};
use tokio::sync::{Notify, watch};

use super::judge::SharedJudge;
use super::time::at_once;

/// One process's hold on the store. When it has died, nothing it does happens.
pub(super) struct Held {
    pub(super) inner: SharedStore,
    judge: SharedJudge,
    fate: Arc<Fate>,
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
    pub(super) fn open(path: &Path, judge: SharedJudge, fate: Arc<Fate>) -> Arc<Self> {
        let inner: SharedStore = Arc::new(SqliteStore::open(path).unwrap());
        Arc::new(Self { inner, judge, fate })
    }

    /// Tells the judge what was new of events with messages of these ids.
    fn committed(&self, recorded: &[Recorded], ids: &[Vec<MessageId>]) {
        let mut judge = self.judge.lock();
        for (recorded, ids) in recorded.iter().zip(ids) {
            if matches!(recorded, Recorded::New { .. }) {
                for id in ids {
                    judge.recorded(*id);
                }
            }
        }
    }

    /// One step of a lane that writes.
    pub(super) async fn write<T>(
        &self,
        step: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.fate.alive().await;
        if self.fate.is_full() {
            return Err(StoreError::Unavailable("database or disk is full".into()));
        }
        self.fate.step();
        self.fate.alive().await;
        let done = at_once(step);
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

/// A verb of the store that only passes through [`Held::read`] or [`Held::write`].
macro_rules! pass {
    ($($how:ident fn $name:ident($($arg:ident: $kind:ty),*) -> $out:ty;)+) => {
        #[async_trait]
        impl Store for Held {
            $(async fn $name(&self, $($arg: $kind),*) -> Result<$out, StoreError> {
                self.$how(self.inner.$name($($arg),*)).await
            })+

            async fn record(
                &self,
                event: Event,
                messages: Vec<Message>,
            ) -> Result<Recorded, StoreError> {
                let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
                let recorded = async {
                    let recorded = self.inner.record(event, messages).await?;
                    self.committed(&[recorded], &[ids]);
                    Ok(recorded)
                };
                self.write(recorded).await
            }

            async fn record_batch(
                &self,
                batch: Vec<(Event, Vec<Message>)>,
            ) -> Result<Vec<Recorded>, StoreError> {
                let ids = |(_, messages): &(Event, Vec<Message>)| {
                    messages.iter().map(|message| message.id).collect()
                };
                let ids: Vec<Vec<MessageId>> = batch.iter().map(ids).collect();
                let recorded = async {
                    let recorded = self.inner.record_batch(batch).await?;
                    self.committed(&recorded, &ids);
                    Ok(recorded)
                };
                self.write(recorded).await
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
                    self.judge.lock().shut(instance, reason);
                    Ok(())
                };
                self.write(kept).await
            }

            async fn move_by_hand(
                &self,
                id: MessageId,
                to: State,
                now: Timestamp,
            ) -> Result<Moved, StoreError> {
                let done = async {
                    let moved = self.inner.move_by_hand(id, to, now).await?;
                    if moved == Moved::Done && to == State::Waiting {
                        self.judge.lock().put_back(id);
                    }
                    Ok(moved)
                };
                self.write(done).await
            }

            async fn settle(
                &self,
                lease: Lease,
                settlement: Settlement,
            ) -> Result<bool, StoreError> {
                let message = lease.message;
                let kept = async {
                    let kept = self.inner.settle(lease, settlement).await?;
                    if kept {
                        self.judge.lock().settled(message);
                    }
                    Ok(kept)
                };
                self.write(kept).await
            }

            async fn turn_over(
                &self,
                ended: &[Ended],
                claim: Option<Claim>,
            ) -> Result<TurnedOver, StoreError> {
                let kept = async {
                    let turned = self.inner.turn_over(ended, claim).await?;
                    for (ended, _) in ended.iter().zip(&turned.held).filter(|(_, held)| **held) {
                        self.judge.lock().settled(ended.lease.message);
                    }
                    Ok(turned)
                };
                self.write(kept).await
            }

            fn arrivals(&self) -> watch::Receiver<u64> {
                self.inner.arrivals()
            }
        }
    };
}

pass! {
    write fn add_messages(messages: Vec<Message>) -> usize;
    write fn claim(claim: Claim) -> Claims;
    write fn claim_one(message: MessageId, now: Timestamp) -> Option<Claimed>;
    write fn recover(now: Timestamp) -> usize;
    read fn lanes() -> Vec<LaneState>;
    read fn lane(instance: &str) -> LaneMemory;
    read fn gatherings(now: Timestamp, limit: usize) -> Vec<Gathering>;
    read fn next_gathering() -> Option<Timestamp>;
    write fn close_gathering(gathering: &Gathering, outcome: Outcome, now: Timestamp) -> bool;
    read fn opt_outs() -> Vec<OptOut>;
    write fn opt_out(opt_out: OptOut) -> bool;
    write fn opt_in(recipient: &Recipient) -> bool;
    read fn messages(filter: MessageFilter) -> Vec<Message>;
    read fn message(id: MessageId) -> Option<(Message, Vec<Attempt>)>;
    read fn events(filter: EventFilter) -> Vec<EventRow>;
    read fn event(id: EventId) -> Option<Event>;
    read fn counts() -> Counts;
    read fn stuck(seen: i64) -> Stuck;
    read fn sources() -> Vec<SourceRow>;
    read fn reconciliations() -> Vec<Reconciliation>;
    write fn keep_reconciliation(known: Reconciliation) -> ();
    write fn ping() -> ();
}
