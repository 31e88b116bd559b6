//! A week of one seed: the real dispatch loop on the real store, between senders and a Wachat that are
//! simulated.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kabari::dispatch::{Dispatcher, LaneSettings, Lanes, People, Timings};
use kabari::model::{Message, State};
use kabari::store::{MessageFilter, OptOut, SharedStore, Store};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::judge::{SharedJudge, later};
use super::lanes::Limits;
use super::plan::{Incident, Plan, Weather};
use super::senders::{self, Batch};
use super::store::{self, Fate, Held};
use super::time::{dice, now};
use super::wachat::Wachat;

/// Idle lanes look rarely: nothing else than the clock on the wall wakes them here.
const POLL: Duration = Duration::from_secs(3600);
pub(super) struct Week {
    plan: Arc<Plan>,
    judge: SharedJudge,
    wachat: Wachat,
    file: PathBuf,
    dice: fastrand::Rng,
    running: Option<Running>,
    /// The last process's, so that the file is not closed between two.
    before: Option<Arc<Held>>,
    /// When the next process begins, while there is none.
    starts_at: Timestamp,
    disk_is_full: bool,
    /// When the next group is due, as far as is known.
    gathers_at: Option<Timestamp>,
    /// Events that were not acknowledged: their senders try again.
    unanswered: Batch,
}

/// One process.
struct Running {
    store: Arc<Held>,
    fate: Arc<Fate>,
    lanes: Lanes,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Week {
    pub(super) fn new(plan: Plan, file: PathBuf) -> Self {
        let plan = Arc::new(plan);
        store::make_file(&file);
        let judge = SharedJudge::of(&plan);
        let (wachat, starts_at) = (Wachat::new(&plan, &judge), plan.begins);
        let mut week = Self {
            plan,
            judge,
            wachat,
            file,
            dice: dice(),
            running: None,
            before: None,
            starts_at,
            disk_is_full: false,
            gathers_at: None,
            unanswered: Vec::new(),
        };
        week.start();
        week
    }

    /// Lives through the whole of it, and until everything is sent.
    pub(super) async fn live(mut self) -> (SharedJudge, Vec<Message>) {
        let plan = Arc::clone(&self.plan);
        for (at, incident) in &plan.incidents {
            self.wait_until(*at).await;
            self.happens(*incident).await;
        }
        self.happens(Incident::DiskFull(false)).await;
        for (lane, _) in plan.lanes.iter().enumerate() {
            self.happens(Incident::Resume(lane)).await;
        }
        // Until nobody waits; a lane's cap for strangers may take days.
        for _ in 0..40 * 24 {
            self.wait_until(later(now(), Duration::from_secs(3600))).await;
            self.deliver(Vec::new()).await;
            for (lane, _) in plan.lanes.iter().enumerate() {
                // What was under way when a person let it go on may have stopped it again.
                if self.judge.lock().stands(lane) {
                    self.happens(Incident::Resume(lane)).await;
                }
            }
            let waiting =
                MessageFilter { state: Some(State::Waiting), limit: Some(1), ..Default::default() };
            let store = self.running.as_ref().map(|running| Arc::clone(&running.store));
            let Some(store) = store else { continue };
            if self.unanswered.is_empty() && store.messages(waiting).await.unwrap().rows.is_empty()
            {
                break;
            }
        }
        self.stop().await;
        self.start();
        let all = self.running.as_ref().unwrap().store.messages(MessageFilter::default()).await;
        self.die().await;
        (self.judge.clone(), all.unwrap().rows)
    }

    /// Lets time pass; meanwhile the program may die and start again.
    async fn wait_until(&mut self, at: Timestamp) {
        loop {
            let is_down = self.running.is_none();
            let next = if is_down { at.min(self.starts_at) } else { at };
            let span = next.duration_since(now()).try_into().unwrap_or(Duration::ZERO);
            let died = self.running.as_ref().map(|running| Arc::clone(&running.fate));
            let died = async {
                match died {
                    Some(fate) => fate.died.notified().await,
                    None => std::future::pending().await,
                }
            };
            let gather_in = self
                .gathers_at
                .filter(|_| !is_down)
                .map_or(span, |due| due.duration_since(now()).try_into().unwrap_or(Duration::ZERO));
            tokio::select! {
                biased;
                () = died => self.die().await,
                () = tokio::time::sleep(span.min(gather_in)) => {
                    if self.running.is_none() && self.starts_at <= now() {
                        self.start();
                    }
                    if self.gathers_at.is_some_and(|due| due <= now()) {
                        self.gather().await;
                    }
                    if at <= now() {
                        return;
                    }
                }
            }
        }
    }

    async fn happens(&mut self, incident: Incident) {
        match incident {
            Incident::Events(many) => {
                let events =
                    (0..many).map(|_| senders::event(&self.plan, &self.judge, &mut self.dice));
                let batch = events.collect();
                self.deliver(batch).await;
            }
            Incident::Weather(lane, weather) => {
                if self.wachat.weather(lane) != Weather::Restricted {
                    self.wachat.set_weather(lane, weather);
                }
            }
            Incident::Pause(lane) => self.stop_lane(lane, true).await,
            Incident::Resume(lane) => {
                self.wachat.set_weather(lane, Weather::Fair);
                self.stop_lane(lane, false).await;
            }
            Incident::DiskFull(full) => {
                self.disk_is_full = full;
                if let Some(running) = &self.running {
                    running.fate.set_full(full);
                    self.judge.lock().well_since = Some(now()).filter(|_| !full);
                }
            }
            Incident::Kill(0) => self.die().await,
            Incident::Kill(steps) => {
                if let Some(running) = &self.running {
                    running.fate.dies_in(steps);
                }
            }
            Incident::Stop => {
                if self.running.as_ref().is_some_and(|running| !running.fate.is_full()) {
                    self.stop().await;
                }
            }
            Incident::Person => {
                self.judge.lock().looks_round(now());
                self.person().await;
            }
            Incident::OptOut => self.opt_out().await,
        }
    }

    fn start(&mut self) {
        let fate = Arc::new(Fate::default());
        fate.set_full(self.disk_is_full);
        let store = Held::open(&self.file, Some(self.judge.clone()), Arc::clone(&fate));
        self.before = Some(Arc::clone(&store));
        let (lanes, limits) = (self.plan.lanes.iter(), Limits::of(now()));
        self.judge.lock().limits = limits;
        let lanes: BTreeMap<String, LaneSettings> =
            lanes.map(|lane| (lane.name.clone(), lane.settings(limits))).collect();
        let timings = Timings { poll: POLL, ..Timings::default() };
        let shared = Arc::clone(&store) as SharedStore;
        let wachat = self.wachat.asked_by(&fate);
        let dispatcher = Dispatcher::with_time(shared, wachat, lanes, Arc::new(()), timings, now);
        let dispatcher = dispatcher.with_dice(dice);
        let (lanes, stop) = (dispatcher.lanes(), CancellationToken::new());
        lanes.set_people(People { zone: self.plan.zone.clone(), ..People::default() });
        let task = tokio::spawn(dispatcher.run(stop.clone()));
        self.judge.lock().well_since = Some(now()).filter(|_| !self.disk_is_full);
        self.running = Some(Running { store, fate, lanes, stop, task });
    }

    /// As by SIGKILL: nothing is closed, and what is under way is not waited for.
    async fn die(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.fate.die();
        running.task.abort();
        assert!(running.task.await.is_err_and(|end| end.is_cancelled()));
        self.judge.lock().crashed();
        let down_ms = if self.dice.u32(0..5) == 0 { 3_600_000 } else { self.dice.u64(50..10_000) };
        self.starts_at = later(now(), Duration::from_millis(down_ms));
    }

    /// In order: attempts under way end. A person's pause outlasts it, as a restriction does.
    async fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.stop.cancel();
        running.task.await.unwrap();
        self.judge.lock().crashed();
        self.starts_at = later(now(), Duration::from_secs(1));
    }

    /// Senders deliver these and what was not answered yet, one by one or together.
    async fn deliver(&mut self, mut batch: Batch) {
        batch.splice(0..0, std::mem::take(&mut self.unanswered));
        let all = batch.iter().flat_map(|(_, messages)| messages);
        let has_grouped = all.into_iter().any(|message| message.terms.group.is_some());
        while !batch.is_empty() {
            let Some(running) = &self.running else { break };
            let together = self.dice.usize(1..=batch.len());
            let part: Batch = batch[..together].to_vec();
            let (store, fate) = (Arc::clone(&running.store), Arc::clone(&running.fate));
            let recorded = tokio::select! {
                biased;
                recorded = senders::record(&store, part) => recorded,
                () = fate.died.notified() => {
                    self.die().await;
                    break;
                }
            };
            if recorded.is_err() {
                break;
            }
            let mut judge = self.judge.lock();
            for message in batch.drain(..together).flat_map(|(_, messages)| messages) {
                judge.acked(message.id);
            }
        }
        self.unanswered = batch;
        if has_grouped {
            // A group may have begun, or be full.
            self.gather().await;
        }
    }

    /// Closes the groups that are due, as `gather` does.
    async fn gather(&mut self) {
        let Some(running) = &self.running else { return };
        let (store, fate) = (Arc::clone(&running.store), Arc::clone(&running.fate));
        tokio::select! {
            biased;
            next = senders::gather(&store, &self.judge) => self.gathers_at = next,
            () = fate.died.notified() => self.die().await,
        }
    }

    async fn stop_lane(&mut self, lane: usize, stopped: bool) {
        let Some(running) = &self.running else { return };
        let name = self.plan.lanes[lane].name.clone();
        if stopped && self.judge.lock().stands(lane) {
            return;
        }
        let (lanes, fate) = (running.lanes.clone(), Arc::clone(&running.fate));
        // From the first moment on, whether or not the store knows it yet.
        self.judge.lock().stopped_by_hand(lane, stopped);
        let done =
            async { if stopped { lanes.pause(&name).await } else { lanes.resume(&name).await } };
        tokio::select! {
            biased;
            known = done => assert!(known),
            () = fate.died.notified() => self.die().await,
        }
    }

    async fn opt_out(&mut self) {
        let Some(running) = &self.running else { return };
        let to = self.dice.usize(..self.plan.people.len());
        let recipient = self.plan.people[to].clone();
        let (store, fate) = (Arc::clone(&running.store), Arc::clone(&running.fate));
        let (since, note) = (now(), None);
        tokio::select! {
            biased;
            _ = store.opt_out(OptOut { recipient, since, note }) => {}
            () = fate.died.notified() => self.die().await,
        }
    }

    /// A person decides about some of what needs one.
    async fn person(&mut self) {
        for state in [State::Uncertain, State::Failed, State::Waiting] {
            let Some(running) = &self.running else { return };
            let (store, fate) = (Arc::clone(&running.store), Arc::clone(&running.fate));
            let filter =
                MessageFilter { state: Some(state), limit: Some(30), ..Default::default() };
            for message in store.messages(filter).await.unwrap().rows {
                let to = match (state, self.dice.u32(0..10)) {
                    (State::Waiting, 0) | (State::Uncertain, 5) => State::Cancelled,
                    (State::Uncertain | State::Failed, 0..3) => State::Waiting,
                    (State::Uncertain, 3..5) => State::Sent,
                    _ => continue,
                };
                let n = self.judge.lock().number_of(message.id);
                // Of those that are one of many, nobody takes one out.
                let is_single = n.is_some_and(|n| self.judge.lock().lives[n].ticket.is_single());
                if !is_single {
                    continue;
                }
                tokio::select! {
                    biased;
                    _ = store.move_by_hand(message.id, to, now()) => {}
                    () = fate.died.notified() => return self.die().await,
                }
            }
        }
    }
}
