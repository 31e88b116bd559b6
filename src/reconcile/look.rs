//! One look at one list: what is new in it, what of that is taken in, and where does the next begin?

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderValue;

use super::Desk;
use super::api::{Api, Halt};
use super::intake::Taken;
use super::list::{self, Listing, Missed};
use crate::sources::{MissedApi, Reconcile, Source};
use crate::store::{Reconciliation, Tally};

/// How far a look reaches behind the end of the last one: lists are filled in no strict order.
const OVERLAP: Duration = Duration::from_secs(10 * 60);
/// How young what Stripe sent may be to be left alone: its own first try may be under way. GitHub
/// lists what has failed already.
const ON_ITS_WAY: Duration = Duration::from_secs(2 * 60);
/// After so many events the end of the look is kept.
const KEPT_EVERY: u32 = 20;
/// In so many looks one event is tried before it is given up.
const TRIES_MAX: u32 = 3;
/// So many events in a row that cannot be had: it is not for them.
const BROKEN_MAX: u32 = 3;

/// What is remembered of a list from one look to the next, while the program runs.
#[derive(Default)]
pub(super) struct Memory {
    /// What is still to be taken in, the oldest first.
    backlog: VecDeque<Missed>,
    /// Up to where the list that gave it was read.
    end: Option<Timestamp>,
    etag: Option<HeaderValue>,
    /// What is settled and not older than the next look goes back.
    settled: HashMap<String, Timestamp>,
    /// How often an event could not be had.
    tries: HashMap<String, u32>,
}

/// One source's list.
pub(super) struct List<'l> {
    pub(super) source: &'l str,
    pub(super) plan: &'l Reconcile,
    pub(super) place: &'l str,
}

impl Desk {
    /// Looks at a list, keeps how far it came, and says why it did not come to its end.
    pub(super) async fn look(
        &self,
        list: &List<'_>,
        known: Option<Reconciliation>,
        memory: &mut Memory,
    ) -> Result<(), Halt> {
        let now = (self.clock)();
        let mut known = known.unwrap_or_else(|| Reconciliation {
            source: list.source.to_owned(),
            place: list.place.to_owned(),
            watermark: None,
            at: now,
            last: Tally::default(),
            total: Tally::default(),
            trouble: None,
        });
        known.last = Tally::default();
        let ended = self.work(list, &mut known, memory, now).await;
        known.at = now;
        known.trouble = ended.as_ref().err().map(Halt::said);
        let tally = known.last;
        known.total += tally;
        self.metrics.reconciled(list.source, ended.is_ok(), now);
        let kept = self.store.keep_reconciliation(known).await;
        tell(list, tally, &ended);
        ended.and_then(|()| kept.map_err(|why| Halt::NotStored(why.to_string())))
    }

    async fn work(
        &self,
        list: &List<'_>,
        known: &mut Reconciliation,
        memory: &mut Memory,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let api = Api::new(&self.http, list.plan, self.clock);
        if memory.backlog.is_empty() {
            let since = match known.watermark {
                Some(end) => before(end, OVERLAP),
                None => before(now, list.plan.look_back),
            };
            let (kind, etag) = (list.plan.api, memory.etag.as_ref());
            let Some(listing) = list::missed(&api, kind, list.place, since, etag).await? else {
                return Ok(());
            };
            self.sort(list, listing, (since, now), known, memory);
        }
        self.take_in_all(list, &api, known, memory).await
    }

    /// Puts into the backlog what is to be taken in.
    fn sort(
        &self,
        list: &List<'_>,
        listing: Listing,
        (since, now): (Timestamp, Timestamp),
        known: &mut Reconciliation,
        memory: &mut Memory,
    ) {
        let Listing { missed, asked, newest, etag, cut } = listing;
        if cut {
            tracing::warn!(
                target: "kabari::reconcile", source = list.source, list = list.place,
                "the list is longer than one look may read: its oldest entries are left out"
            );
        }
        memory.settled.retain(|_, sent_at| since <= *sent_at);
        memory.end = newest.max(known.watermark).or(Some(since));
        memory.etag = etag;
        let young = match list.plan.api {
            MissedApi::Stripe => before(now, ON_ITS_WAY),
            MissedApi::Github => Timestamp::MAX,
        };
        let pipeline = self.pipeline.load();
        let source = pipeline.source(list.source);
        for one in missed {
            if young < one.sent_at {
                memory.end = memory.end.min(Some(one.sent_at));
            } else if !memory.settled.contains_key(&one.id) && is_wanted(list.plan, source, &one) {
                memory.backlog.push_back(one);
            }
        }
        let missed = memory.backlog.len() as u64;
        (known.last.asked, known.last.missed) = (asked, missed);
        self.metrics.reconcile_counted(list.source, "asked", asked);
        self.metrics.reconcile_counted(list.source, "missed", missed);
    }

    /// Takes in the whole backlog, the oldest first. What cannot be had now stays in it.
    async fn take_in_all(
        &self,
        list: &List<'_>,
        api: &Api<'_>,
        known: &mut Reconciliation,
        memory: &mut Memory,
    ) -> Result<(), Halt> {
        let mut later = VecDeque::new();
        let (mut in_a_row, mut settled) = (0, 0_u32);
        let ended = loop {
            let Some(missed) = memory.backlog.pop_front() else { break Ok(()) };
            match self.take_in_one(list, api, &missed, known, memory).await {
                Ok(()) => {
                    in_a_row = 0;
                    settled += 1;
                    if later.is_empty() {
                        known.watermark = known.watermark.max(Some(missed.sent_at));
                    }
                    if settled % KEPT_EVERY == 0 {
                        let kept = self.store.keep_reconciliation(known.clone()).await;
                        if let Err(why) = kept {
                            break Err(Halt::NotStored(why.to_string()));
                        }
                    }
                }
                Err(halt) => {
                    later.push_back(missed);
                    in_a_row += 1;
                    if !matches!(halt, Halt::Broken(_)) || in_a_row == BROKEN_MAX {
                        break Err(halt);
                    }
                }
            }
        };
        if ended.is_ok() && !later.is_empty() {
            let is_up = settled > 0 || list::answers(api, list.plan.api, list.place).await;
            later.retain(|missed| !is_up || !self.give_up(list, missed, known, memory));
        }
        let is_done = ended.is_ok() && later.is_empty();
        later.append(&mut memory.backlog);
        memory.backlog = later;
        if is_done {
            known.watermark = memory.end.take().or(known.watermark);
            return Ok(());
        }
        memory.etag = None;
        let some = || Halt::Broken("some events cannot be had at present".to_owned());
        Err(ended.err().unwrap_or_else(some))
    }

    /// Whether an event is given up that cannot be had while others can: not at once.
    fn give_up(
        &self,
        list: &List<'_>,
        missed: &Missed,
        known: &mut Reconciliation,
        memory: &mut Memory,
    ) -> bool {
        let tries = memory.tries.entry(missed.id.clone()).or_default();
        *tries += 1;
        if *tries < TRIES_MAX {
            return false;
        }
        self.lose(list, missed, "the provider does not answer for it", known, memory);
        true
    }

    fn lose(
        &self,
        list: &List<'_>,
        missed: &Missed,
        why: &str,
        known: &mut Reconciliation,
        memory: &mut Memory,
    ) {
        memory.tries.remove(&missed.id);
        memory.settled.insert(missed.id.clone(), missed.sent_at);
        known.last.failed += 1;
        self.metrics.reconcile_counted(list.source, "failed", 1);
        tracing::error!(
            target: "kabari::reconcile", source = list.source, list = list.place,
            provider_id = missed.id, sent_at = %missed.sent_at,
            "an event that was sent in vain cannot be had, and is given up: {why}; let the \
             provider send it again by hand"
        );
    }

    /// Settles one event, or says why that cannot be done now.
    async fn take_in_one(
        &self,
        list: &List<'_>,
        api: &Api<'_>,
        missed: &Missed,
        known: &mut Reconciliation,
        memory: &mut Memory,
    ) -> Result<(), Halt> {
        let told = match list::whole(api, list.plan.api, missed).await {
            Ok(told) => told,
            Err(Halt::Gone) => {
                self.lose(list, missed, "the provider has it no more", known, memory);
                return Ok(());
            }
            Err(halt) => return Err(halt),
        };
        let (outcome, count) = match self.take_in(list.source, missed, told, (self.clock)()).await?
        {
            Taken::New => ("taken", &mut known.last.taken),
            Taken::Duplicate => ("duplicate", &mut known.last.duplicates),
            Taken::Nameless => {
                let why = "it does not have the id that the list has for it";
                self.lose(list, missed, why, known, memory);
                return Ok(());
            }
        };
        *count += 1;
        self.metrics.reconcile_counted(list.source, outcome, 1);
        memory.tries.remove(&missed.id);
        memory.settled.insert(missed.id.clone(), missed.sent_at);
        Ok(())
    }
}

/// Whether events of this kind are to be taken; a kind that the list does not tell is.
fn is_wanted(plan: &Reconcile, source: Option<&Source>, missed: &Missed) -> bool {
    let fits = |pattern: &String| source.is_some_and(|it| it.kind_matches(pattern, &missed.kind));
    plan.kinds.is_empty() || missed.kind.is_empty() || plan.kinds.iter().any(fits)
}

fn before(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_sub(span).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Says in the log what a look gave.
fn tell(list: &List<'_>, tally: Tally, ended: &Result<(), Halt>) {
    let Tally { asked, missed, taken, duplicates, failed } = tally;
    match ended {
        Err(halt) => tracing::warn!(
            target: "kabari::reconcile", source = list.source, list = list.place,
            asked, missed, taken, duplicates, failed,
            "the provider's list was not read to its end: {}", halt.said()
        ),
        Ok(()) if missed + taken + duplicates + failed > 0 => tracing::info!(
            target: "kabari::reconcile", source = list.source, list = list.place,
            asked, missed, taken, duplicates, failed,
            "{missed} events were sent in vain: {taken} are taken in, {duplicates} had come \
             after all, {failed} cannot be had"
        ),
        Ok(()) => tracing::debug!(
            target: "kabari::reconcile", source = list.source, list = list.place, asked,
            "nothing was sent in vain"
        ),
    }
}
