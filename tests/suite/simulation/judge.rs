//! What must never happen, judged as each attempt reaches the simulated Wachat.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kabari::model::{Fate, MessageId, Reason, Verdict};

use super::days::Days;
use super::plan::{Class, LanePlan, Plan, Ticket};

/// The judge, shared by the simulated Wachat, the store and the week.
#[derive(Clone)]
pub(super) struct SharedJudge(Arc<Mutex<Judge>>);

/// What is known of one message from outside.
pub(super) struct Life {
    pub(super) ticket: Ticket,
    /// Its place in the order in which messages were recorded.
    pub(super) seq: Option<u64>,
    /// Its event was acknowledged.
    pub(super) acked: bool,
    pub(super) last: Last,
    /// How often it was tried; those that do not count are left out.
    pub(super) attempts: u32,
    /// How often it reached its recipient.
    pub(super) dispatched: u32,
    /// How often it was right to try it again although it may have arrived.
    pub(super) marked: u32,
    /// A person put it back since its last attempt; ever.
    put_back: bool,
    pub(super) by_hand: bool,
    /// In line since this moment of the order's clock.
    in_line_since: u64,
    not_before: Timestamp,
}

/// What came of the last attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Last {
    Never,
    UnderWay,
    /// The program was told this fate; whether it has kept it.
    Told(Fate, bool),
    /// The program died meanwhile.
    Interrupted,
}

#[derive(Default)]
struct LaneLog {
    under_way: HashSet<usize>,
    recipients: HashSet<usize>,
    /// Until when the pace is used up, without chance's part.
    paced_until: Option<Timestamp>,
    days: Days,
    /// When each recipient was tried last.
    tried: HashMap<usize, Timestamp>,
    /// Nothing may begin, in the running program and after a restart.
    stands: Option<Reason>,
    stands_in_store: Option<Reason>,
    rests_until: Option<Timestamp>,
}

/// Lane, recipient, priority and class: in one line, messages keep their order.
type Line = (usize, usize, u8, u8);

pub(super) struct Judge {
    plan: Arc<Plan>,
    pub(super) lives: Vec<Life>,
    by_id: HashMap<MessageId, usize>,
    lanes: Vec<LaneLog>,
    opted_out: HashSet<usize>,
    /// At which moments who was tried.
    tried: HashMap<Line, Vec<(u64, usize)>>,
    moment: u64,
    next_seq: u64,
    pub(super) violations: Vec<String>,
    pub(super) attempts: u64,
    pub(super) crashes: u64,
}

impl SharedJudge {
    pub(super) fn of(plan: &Arc<Plan>) -> Self {
        let lanes = plan.lanes.iter().map(|_| LaneLog::default()).collect();
        Self(Arc::new(Mutex::new(Judge {
            plan: Arc::clone(plan),
            lives: Vec::new(),
            by_id: HashMap::new(),
            lanes,
            opted_out: HashSet::new(),
            tried: HashMap::new(),
            moment: 0,
            next_seq: 0,
            violations: Vec::new(),
            attempts: 0,
            crashes: 0,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Judge> {
        self.0.lock().unwrap()
    }
}

impl Judge {
    /// A message that is to be recorded; its number is what its text says.
    pub(super) fn expect(&mut self, id: MessageId, ticket: Ticket) -> usize {
        let n = self.lives.len();
        self.by_id.insert(id, n);
        self.lives.push(Life {
            ticket,
            seq: None,
            acked: false,
            last: Last::Never,
            attempts: 0,
            dispatched: 0,
            marked: 0,
            put_back: false,
            by_hand: false,
            in_line_since: 0,
            not_before: Timestamp::MIN,
        });
        n
    }

    /// The store has committed it.
    pub(super) fn recorded(&mut self, id: MessageId) {
        let n = self.by_id[&id];
        self.moment += 1;
        self.next_seq += 1;
        let life = &mut self.lives[n];
        (life.seq, life.in_line_since) = (Some(self.next_seq), self.moment);
    }

    pub(super) fn acked(&mut self, id: MessageId) {
        let n = self.by_id[&id];
        self.lives[n].acked = true;
    }

    /// An attempt begins: everything that is to be known of it is known now.
    pub(super) fn begins(&mut self, n: usize, lane: usize, now: Timestamp) {
        self.attempts += 1;
        self.moment += 1;
        let to = self.lives[n].ticket.to;
        for wrong in [
            self.one_at_a_time(n, lane, to),
            self.pace(lane, now),
            self.caps(n, lane, to, now),
            self.gap(lane, to, now),
            self.standing(lane, now),
            self.people(to),
            self.time(n, lane, now),
            self.again(n),
            self.order(n, lane, to),
        ]
        .into_iter()
        .flatten()
        {
            self.say(n, lane, now, &wrong);
        }
        let life = &mut self.lives[n];
        (life.last, life.put_back) = (Last::UnderWay, false);
        life.attempts += 1;
        self.lanes[lane].under_way.insert(n);
    }

    fn say(&mut self, n: usize, lane: usize, now: Timestamp, wrong: &str) {
        let class = self.lives[n].ticket.class;
        let name = &self.plan.lanes[lane].name;
        self.violations.push(format!("{now} lane {name}, message {n} ({class:?}): {wrong}"));
    }

    fn one_at_a_time(&mut self, n: usize, lane: usize, to: usize) -> Option<String> {
        let log = &mut self.lanes[lane];
        let window = self.plan.lanes[lane].in_flight;
        if window <= log.under_way.len() {
            return Some(format!("{} are under way already", log.under_way.len()));
        }
        if log.under_way.contains(&n) {
            return Some("it is under way already".into());
        }
        (!log.recipients.insert(to)).then(|| "another is on its way to the same person".into())
    }

    /// Within any window of T at most rate × T + burst: one interval an attempt, `burst` ahead.
    fn pace(&mut self, lane: usize, now: Timestamp) -> Option<String> {
        let LanePlan { interval: Some(interval), burst, .. } = self.plan.lanes[lane] else {
            return None;
        };
        let log = &mut self.lanes[lane];
        let used_until = log.paced_until.unwrap_or(now).max(now);
        log.paced_until = Some(later(used_until, interval));
        let ahead = interval * (burst - 1) + Duration::from_millis(1);
        (later(now, ahead) < used_until).then(|| {
            let too_soon = used_until.duration_since(later(now, ahead));
            format!("{too_soon:?} faster than the pace and its burst")
        })
    }

    fn caps(&mut self, n: usize, lane: usize, to: usize, now: Timestamp) -> Option<String> {
        let plan = &self.plan.lanes[lane];
        let log = &mut self.lanes[lane];
        let day = now.to_zoned(self.plan.zone.clone()).date();
        let is_stranger = !log.tried.contains_key(&to) && !self.plan.people[to].is_group();
        log.days.counts(n, day, plan.caps_on(day)?, is_stranger)
    }

    fn gap(&mut self, lane: usize, to: usize, now: Timestamp) -> Option<String> {
        let before = self.lanes[lane].tried.insert(to, now)?;
        let gap = self.plan.lanes[lane].gap?;
        let after = now.duration_since(before);
        (after < SignedDuration::try_from(gap).unwrap()).then(|| format!("{after:?} after another"))
    }

    fn standing(&mut self, lane: usize, now: Timestamp) -> Option<String> {
        let log = &self.lanes[lane];
        if let Some(reason) = log.stands {
            return Some(format!("the lane stands still: {}", reason.as_str()));
        }
        let until = log.rests_until.filter(|until| now < *until)?;
        Some(format!("its session is to be left alone until {until}"))
    }

    fn people(&self, to: usize) -> Option<String> {
        self.opted_out.contains(&to).then(|| "its recipient opted out".into())
    }

    fn time(&self, n: usize, lane: usize, now: Timestamp) -> Option<String> {
        let life = &self.lives[n];
        let ticket = &life.ticket;
        if now < life.not_before {
            return Some(format!("Wachat asked to wait until {}", life.not_before));
        }
        if ticket.not_before.is_some_and(|at| now < at) && !life.by_hand {
            return Some(format!("it was to go at {:?}", ticket.not_before));
        }
        if matches!(ticket.class, Class::Hours | Class::HoursOrNever) && !self.plan.is_open(now) {
            return Some("outside its hours".into());
        }
        // In the other lanes the clock stands still at times.
        let age = now.duration_since(ticket.made_at).as_secs();
        let limit = ticket.expires_s.filter(|_| self.plan.lanes[lane].never_held)?;
        let is_late = i64::try_from(limit).unwrap() <= age && !life.by_hand;
        is_late.then(|| format!("{age} s old, of no use after {limit} s"))
    }

    /// Whether it may be tried, after what came of it before.
    fn again(&mut self, n: usize) -> Option<String> {
        let life = &mut self.lives[n];
        if life.ticket.attempts_max <= life.attempts && !life.by_hand {
            return Some(format!("tried {} times before", life.attempts));
        }
        let resend = life.ticket.resend;
        let again = match life.last {
            Last::Never | Last::Told(Fate::Retry { .. }, _) => return None,
            Last::UnderWay => Some("it is under way"),
            Last::Told(Fate::Sent, true) => Some("it was sent"),
            _ if life.put_back => None,
            Last::Told(Fate::Failed, true) => Some("it has failed"),
            Last::Told(..) | Last::Interrupted if resend => None,
            Last::Told(..) | Last::Interrupted => Some("it may have arrived"),
        };
        life.marked += u32::from(again.is_none());
        again.map(|why| format!("tried again although {why} ({:?})", life.last))
    }

    /// In the order in which they were recorded, of those that wait in line under the same terms.
    fn order(&mut self, n: usize, lane: usize, to: usize) -> Option<String> {
        let life = &self.lives[n];
        let class = match life.ticket.class {
            Class::Plain => 0,
            Class::Hours => 1,
            _ => return None,
        };
        let key = (lane, to, life.ticket.priority as u8, class);
        let tried = self.tried.entry(key).or_default();
        let mut since = tried.iter().rev().take_while(|(at, _)| life.in_line_since < *at);
        let overtaken = since.find(|(_, other)| life.seq < self.lives[*other].seq);
        let wrong = overtaken.map(|(_, other)| format!("after {other}, which came after it"));
        tried.push((self.moment, n));
        wrong
    }

    /// It reached its recipient.
    pub(super) fn dispatched(&mut self, n: usize, now: Timestamp) {
        let life = &mut self.lives[n];
        life.dispatched += 1;
        if life.marked + 1 < life.dispatched {
            let (lane, wrong) = (life.ticket.lane, format!("arrived {} times", life.dispatched));
            self.say(n, lane, now, &wrong);
        }
    }

    /// The program has its answer.
    pub(super) fn told(&mut self, n: usize, lane: usize, verdict: &Verdict, now: Timestamp) {
        let life = &mut self.lives[n];
        life.last = Last::Told(verdict.fate, false);
        let to = life.ticket.to;
        let is_lane = verdict.scope == kabari::model::Scope::Lane;
        if is_lane {
            life.attempts -= 1;
        }
        if let Fate::Retry { after: Some(after) } = verdict.fate {
            life.not_before = later(now, after);
        }
        let log = &mut self.lanes[lane];
        log.under_way.remove(&n);
        log.recipients.remove(&to);
        log.days.told(n, verdict);
        match verdict.reason.filter(|_| is_lane) {
            Some(Reason::Account) => log.stands = Some(Reason::Account),
            Some(Reason::Session) if log.rests_until.is_none_or(|until| until <= now) => {
                log.rests_until = Some(later(now, Duration::from_secs(30)));
            }
            _ => {}
        }
    }

    /// The store has committed what came of an attempt.
    pub(super) fn settled(&mut self, id: MessageId) {
        let Some(n) = self.by_id.get(&id).copied() else { return };
        if let Last::Told(_, kept) = &mut self.lives[n].last {
            *kept = true;
        }
    }

    /// The store has committed how a lane stands.
    pub(super) fn shut(&mut self, instance: &str, reason: Option<Reason>) {
        let lane = self.plan.lane(instance);
        self.lanes[lane].stands_in_store = reason;
    }

    /// A person stopped a lane, or let it go on.
    pub(super) fn stopped_by_hand(&mut self, lane: usize, stopped: bool) {
        let log = &mut self.lanes[lane];
        (log.stands, log.rests_until) = (stopped.then_some(Reason::ByHand), None);
    }

    /// A person put a message back into line.
    pub(super) fn put_back(&mut self, id: MessageId) {
        let Some(n) = self.by_id.get(&id).copied() else { return };
        self.moment += 1;
        let life = &mut self.lives[n];
        (life.put_back, life.by_hand, life.in_line_since) = (true, true, self.moment);
        life.not_before = Timestamp::MIN;
    }

    /// Whether a person, or a restriction, stopped it.
    pub(super) fn stands(&self, lane: usize) -> bool {
        self.lanes[lane].stands.is_some()
    }

    pub(super) fn opted_out(&mut self, to: usize) {
        self.opted_out.insert(to);
    }

    pub(super) fn number_of(&self, id: MessageId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// The program died: what was under way is nobody's any more, and only what the store knows of
    /// the lanes is known.
    pub(super) fn crashed(&mut self) {
        self.crashes += 1;
        self.moment += 1;
        for log in &mut self.lanes {
            for n in log.under_way.drain() {
                self.lives[n].last = Last::Interrupted;
            }
            log.recipients.clear();
            log.rests_until = None;
            let kept = |reason: &Reason| matches!(reason, Reason::ByHand | Reason::Account);
            log.stands = log.stands_in_store.filter(kept);
        }
        let interrupted = self
            .lives
            .iter_mut()
            .filter(|life| matches!(life.last, Last::Told(_, false) | Last::Interrupted));
        for life in interrupted {
            // What is sent again comes back into line when the next process begins.
            (life.last, life.in_line_since) = (Last::Interrupted, self.moment);
        }
    }
}

pub(super) fn later(time: Timestamp, span: Duration) -> Timestamp {
    time.saturating_add(SignedDuration::try_from(span).unwrap()).unwrap()
}
