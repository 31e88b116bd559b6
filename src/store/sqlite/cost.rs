//! Does it cost more when more wait? Counted in the steps of `SQLite`'s machine, which are the same
//! each time, for each shape that a backlog may have.
//!
//! A thousand messages wait in one store and many more in another; `KABARI_LONG=1` makes a million of
//! them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection, StatementStatus};
use uuid::Uuid;

use super::reader::Readers;
use super::row::micros;
use super::writer::Writer;
use super::{SqliteStore, gatherings, lists, needs, schema};
use crate::model::{
    Attempt, Content, Event, EventId, Fate, Headers, Kind, Message, MessageId, Origin, Policy,
    Priority, Reason, Recipient, Rest, Scope, State, Terms, Throttle, Verdict,
};
use crate::store::seal::Seal;
use crate::store::{Case, Claim, Claimed, Claims, Ended, Judge, Ruling, Settlement, Store};

/// As many wait in the smaller store.
const FEW: usize = 1000;
/// What is asked for at once, as by a lane with so many under way.
const AT_ONCE: usize = 16;
/// So often.
const TURNS: usize = 20;
/// So often where each turn looks at as many as it may.
const LONG_TURNS: usize = 3;

/// As many wait in the larger store.
fn many() -> usize {
    if std::env::var("KABARI_LONG").as_deref() == Ok("1") { 1_000_000 } else { 20_000 }
}

fn at(s: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + s).unwrap()
}

/// Steps made so far, by statement.
#[derive(Clone, Default)]
struct Steps(Arc<Mutex<Tally>>);

#[derive(Default)]
struct Tally {
    /// A statement counts on as long as it is kept.
    last: BTreeMap<String, i64>,
    steps: BTreeMap<String, i64>,
}

impl Steps {
    fn follow(&self, connection: &mut Connection) {
        let tally = Arc::clone(&self.0);
        let count = move |event: TraceEvent<'_>| {
            let TraceEvent::Profile(statement, _) = event else { return };
            let (sql, now) = (
                statement.sql().into_owned(),
                statement.get_status(StatementStatus::VmStep).into(),
            );
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            let last = tally.last.insert(sql.clone(), now).filter(|last| *last <= now);
            *tally.steps.entry(sql).or_default() += now - last.unwrap_or(0);
        };
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(count)).unwrap();
    }

    /// All since the last time that this was asked.
    fn taken(&self) -> BTreeMap<String, i64> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).steps)
    }
}

/// A store whose steps are counted.
struct Counted {
    store: SqliteStore,
    steps: Steps,
    made: usize,
    folder: tempfile::TempDir,
}

impl Counted {
    fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = folder.path().join("kabari.db");
        let steps = Steps::default();
        let mut connection = schema::open_writer(&path, true).unwrap();
        steps.follow(&mut connection);
        let writer = Writer::start(connection, &path, Seal::default()).unwrap();
        let readers = Readers::of(path);
        let store = SqliteStore { writer, readers, seal: Seal::default() };
        Self { store, steps, made: 0, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("kabari.db")
    }

    /// Records so many more, each as `dress` has it.
    async fn fill(&mut self, count: usize, dress: impl Fn(usize, Message) -> Message) {
        if self.made == 0 {
            self.store.record(event(), Vec::new()).await.unwrap();
        }
        for begin in (0..count).step_by(1000) {
            let made = (begin..count.min(begin + 1000)).map(|n| {
                let n = self.made + n;
                dress(n, message(n))
            });
            self.store.add_messages(made.collect()).await.unwrap();
        }
        self.made += count;
        self.steps.taken();
    }

    /// A lane's turns: what was taken is sent, and settled with the next claim. How many went.
    async fn turns(&self, shape: &Shape) -> usize {
        let (mut went, mut ended) = (0, Vec::new());
        let claim = || {
            let judge = Arc::new(Rules(shape.judge));
            Claim { judge, ..Claim::new(shape.lane, AT_ONCE, at(shape.now)) }
        };
        for _ in 0..shape.turns {
            let turned = self.store.turn_over(&ended, Some(claim())).await.unwrap();
            assert!(turned.held.iter().all(|held| *held));
            let Claims { taken, .. } = turned.claims;
            went += taken.len();
            ended = taken.into_iter().map(shape.end).collect();
        }
        self.store.turn_over(&ended, None).await.unwrap();
        went
    }
}

fn event() -> Event {
    Event {
        id: EventId(Uuid::from_u128(1)),
        source: "shop".into(),
        kind: "order.paid".into(),
        provider_id: None,
        digest: None,
        received_at: at(0),
        headers: Headers::default(),
        body: "{}".into(),
    }
}

/// To a recipient of its own, in the one lane, due at once.
fn message(n: usize) -> Message {
    Message {
        id: MessageId(Uuid::from_u128(n as u128 + 1)),
        event: EventId(Uuid::from_u128(1)),
        source: "shop".into(),
        origin: Origin { rule: "paid".into(), send: 0, element: 0 },
        instance: "lane".into(),
        recipient: to(n),
        content: Some(Content {
            kind: Kind::Text,
            media_url: None,
            message: Some("thank you".into()),
            file_name: None,
            mimetype: None,
            delay: None,
        }),
        state: State::Waiting,
        reason: None,
        detail: None,
        attempts: 0,
        created_at: at(0),
        due_at: at(0),
        policy: Policy::default(),
        terms: Terms::default(),
    }
}

fn to(n: usize) -> Option<Recipient> {
    Recipient::person(&format!("6281{n:08}"))
}

fn sent(Claimed { message, lease, .. }: Claimed) -> Ended {
    let verdict = Verdict {
        fate: Fate::Sent,
        reason: None,
        scope: Scope::Message,
        status: Some(200),
        detail: String::new(),
    };
    let (message, number) = (message.id, message.attempts);
    let attempt = Attempt { message, number, started_at: at(0), took_ms: 1, verdict };
    let settlement = Settlement {
        state: State::Sent,
        reason: None,
        detail: None,
        due_at: None,
        counts: true,
        attempt,
    };
    Ended { lease, settlement }
}

fn again(claimed: Claimed) -> Ended {
    let ended = sent(claimed);
    let settlement = Settlement { state: State::Waiting, ..ended.settlement };
    Ended { settlement, ..ended }
}

/// A shape of a backlog, and who asks for it.
struct Shape {
    name: &'static str,
    dress: fn(usize, Message) -> Message,
    lane: &'static str,
    /// The second of the claims.
    now: i64,
    judge: fn(&Case<'_>) -> Ruling,
    /// Whether anything can go.
    goes: bool,
    turns: usize,
    /// How each attempt ends.
    end: fn(Claimed) -> Ended,
}

const SHAPES: &[Shape] = &[
    Shape { name: "each to a recipient of its own", ..PLAIN },
    Shape { name: "to ten recipients", dress: to_ten, ..PLAIN },
    Shape { name: "to one recipient", dress: to_one, ..PLAIN },
    Shape { name: "to ten recipients, all to be tried again", dress: to_ten, end: again, ..PLAIN },
    Shape { name: "half of them in other lanes", dress: in_lanes, ..PLAIN },
    Shape { name: "of three priorities", dress: of_three_priorities, ..PLAIN },
    Shape { name: "due by and by", dress: by_and_by, now: 1, ..PLAIN },
    Shape { name: "while the hours are closed", judge: until_morning, ..NONE },
    Shape {
        name: "to one recipient while the hours are closed",
        dress: to_one,
        judge: until_morning,
        ..NONE
    },
    Shape { name: "half of them held", dress: half_later, ..PLAIN },
    Shape {
        name: "to ten recipients, half of them held",
        dress: |n, it| to_ten(n, half_later(n / 10, it)),
        ..PLAIN
    },
    Shape {
        name: "to one recipient, half of them held",
        dress: |n, it| to_one(n, half_later(n, it)),
        ..PLAIN
    },
    Shape { name: "in the morning", goes: true, ..BACK },
    Shape {
        name: "to ten recipients in the morning",
        dress: |n, it| to_ten(n, later(n, it)),
        ..BACK
    },
    Shape {
        name: "to one recipient in the morning",
        dress: |n, it| to_one(n, later(n, it)),
        ..BACK
    },
    Shape { name: "half of them throttled", dress: throttled, ..PLAIN },
    Shape { name: "when the day's first contacts are used up", judge: tomorrow, ..NONE },
    Shape { name: "when all have expired", judge: expired, ..NONE },
    Shape { name: "when the day's cap is used up", judge: closed, ..NONE },
];

const PLAIN: Shape = Shape {
    name: "",
    dress: |_, message| message,
    lane: "lane",
    now: 0,
    judge: |_| Ruling::Go,
    goes: true,
    turns: TURNS,
    end: sent,
};

/// A turn looks at as many as it may and takes none.
const NONE: Shape = Shape { goes: false, turns: LONG_TURNS, ..PLAIN };

/// A turn brings back as many as it may; those of one recipient go when all of them are back.
const BACK: Shape = Shape { dress: later, now: MORNING, goes: false, turns: 1, ..PLAIN };

const MORNING: i64 = 50_000;

fn to_ten(n: usize, message: Message) -> Message {
    Message { recipient: to(n % 10), ..message }
}

fn to_one(_: usize, message: Message) -> Message {
    Message { recipient: to(1), ..message }
}

fn in_lanes(n: usize, message: Message) -> Message {
    let elsewhere = n % 2 == 1;
    let instance = if elsewhere { format!("lane-{:02}", n % 50) } else { message.instance };
    Message { instance, ..message }
}

fn later(_: usize, message: Message) -> Message {
    let terms = Terms { not_before: Some(at(MORNING)), ..Terms::default() };
    Message { terms, ..message }
}

fn half_later(n: usize, message: Message) -> Message {
    if n % 2 == 0 { message } else { later(n, message) }
}

fn of_three_priorities(n: usize, message: Message) -> Message {
    let terms = Terms { priority: Priority::ALL[n / 10 % 3], ..Terms::default() };
    Message { terms, ..to_ten(n, message) }
}

fn throttled(n: usize, message: Message) -> Message {
    let throttle =
        Throttle { key: "k".into(), limit: 3, per_s: 1, rest: Rest::Wait, template: String::new() };
    let message = to_ten(n / 2, message);
    if n % 2 == 0 {
        return message;
    }
    Message { terms: Terms { throttle: Some(throttle), ..Terms::default() }, ..message }
}

fn by_and_by(n: usize, message: Message) -> Message {
    let due_at = if n % 2 == 0 { at(0) } else { at(1000 + i64::try_from(n).unwrap()) };
    Message { due_at, ..message }
}

fn until_morning(_: &Case<'_>) -> Ruling {
    Ruling::Hold { until: at(MORNING), reason: Reason::Quiet, detail: String::new() }
}

fn tomorrow(_: &Case<'_>) -> Ruling {
    Ruling::Wait { until: at(MORNING) }
}

fn expired(_: &Case<'_>) -> Ruling {
    Ruling::Skip { reason: Reason::Expired, detail: String::new() }
}

fn closed(_: &Case<'_>) -> Ruling {
    Ruling::Close { until: at(MORNING) }
}

/// A lane with limits, which counts what goes on a day.
#[derive(Debug)]
struct Rules(fn(&Case<'_>) -> Ruling);

impl Judge for Rules {
    fn day(&self, _now: Timestamp) -> Option<i64> {
        Some(1)
    }

    fn ruling(&self, case: &Case<'_>) -> Ruling {
        self.0(case)
    }
}

/// What one turn, one new message and one look at the lanes take.
#[derive(Debug)]
struct Cost {
    turns: BTreeMap<String, i64>,
    records: BTreeMap<String, i64>,
    looks: BTreeMap<String, i64>,
    went: usize,
}

async fn cost(shape: &Shape, backlog: usize) -> Cost {
    let mut counted = Counted::new();
    counted.fill(backlog, shape.dress).await;
    let went = counted.turns(shape).await;
    let turns = counted.steps.taken();
    for n in 0..TURNS {
        let new = (shape.dress)(counted.made + n, message(counted.made + n));
        counted.store.add_messages(vec![new]).await.unwrap();
    }
    let records = counted.steps.taken();
    let mut reader = schema::open_reader(&counted.path()).unwrap();
    counted.steps.follow(&mut reader);
    lists::lanes(&reader).unwrap();
    gatherings::next(&reader).unwrap();
    gatherings::due(&reader, micros(at(shape.now)), 10, &Seal::default()).unwrap();
    needs::stuck(&reader, i64::MAX).unwrap();
    counted.store.recover(at(shape.now)).await.unwrap();
    Cost { turns, records, looks: counted.steps.taken(), went }
}

fn compare(
    what: &str,
    few: &BTreeMap<String, i64>,
    many: &BTreeMap<String, i64>,
) -> Option<String> {
    let total = |steps: &BTreeMap<String, i64>| steps.values().sum::<i64>();
    let (before, after) = (total(few), total(many));
    if 10 * after <= 13 * before {
        return None;
    }
    let mut told = format!("{what}: {before} steps become {after}");
    for (sql, steps) in many {
        let before = few.get(sql).copied().unwrap_or(0);
        if 10 * *steps > 13 * before {
            told.push_str(&format!("\n  {before} -> {steps}: {sql}"));
        }
    }
    Some(told)
}

#[tokio::test]
async fn what_a_turn_costs_does_not_depend_on_how_many_wait() {
    let mut complaints = Vec::new();
    for shape in SHAPES {
        let (few, many) = (cost(shape, FEW).await, cost(shape, many()).await);
        assert_eq!(few.went > 0, shape.goes, "{}: {} went", shape.name, few.went);
        assert_eq!(few.went, many.went, "{}", shape.name);
        for (what, few, many) in [
            ("turns", &few.turns, &many.turns),
            ("new messages", &few.records, &many.records),
            ("looks", &few.looks, &many.looks),
        ] {
            complaints.extend(compare(&format!("{}: {what}", shape.name), few, many));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
