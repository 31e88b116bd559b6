//! From the words of a rule file to what is sent, skipped or gathered: is it what the words say?

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use kabari::config::{LoadOptions, load_text};
use kabari::expr::Json;
use kabari::gather::Gatherer;
use kabari::model::{Event, EventId, Message, Reason, State};
use kabari::pipeline::Pipeline;
use kabari::store::{Claim, MessageFilter, Recorded, SharedStore, SqliteStore};
use tempfile::TempDir;
use uuid::Uuid;

/// A rule file with one rule, its store, and a clock that stands where it is put.
struct Shop {
    pipeline: Arc<ArcSwap<Pipeline>>,
    store: SharedStore,
    events: u128,
    dir: TempDir,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

thread_local! {
    /// What the clock of who closes groups shows, and how many seconds it goes on at each look.
    static CLOCK: Cell<(i64, i64)> = const { Cell::new((0, 0)) };
}

fn clock() -> Timestamp {
    let (second, goes_on) = CLOCK.get();
    CLOCK.set((second + goes_on, goes_on));
    at(second)
}

/// Of a file with this rule.
fn pipeline(rule: &str) -> Pipeline {
    let text = format!(
        "wachat: {{ token: a-token-of-many-characters, instance: phone }}\n\
         defaults: {{ country: ID, timezone: Asia/Jakarta }}\n\
         sources: {{ shop: {{ secret: a-secret-of-many-characters, verify: {{ hmac: {{ hash: \
         sha256, header: X-Sig, encoding: hex }} }}, kind: \"{{{{ event.kind }}}}\", id: none }} }}\n\
         rules:\n  - name: tell\n    source: shop\n{rule}"
    );
    let options = LoadOptions { lenient: false, variable: &|_| None };
    let loaded = load_text(PathBuf::from("rules.yaml"), text, &options);
    let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render(false)));
    loaded.pipeline
}

impl Shop {
    fn new(rule: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("kabari.db")).unwrap());
        let pipeline = Arc::new(ArcSwap::from_pointee(pipeline(rule)));
        Self { pipeline, store, events: 0, dir }
    }

    /// An event with this body comes at this second; how many of its messages wait.
    async fn comes(&mut self, second: i64, body: &str) -> usize {
        self.events += 1;
        let now = at(second);
        let event = Event::new(
            EventId(Uuid::from_u128(self.events)),
            "shop",
            "order",
            now,
            body.to_owned(),
        );
        let json = Json::parse(event.body.clone()).unwrap();
        let messages = self.pipeline.load().messages(&event, json, now);
        match self.store.record(event, messages).await.unwrap() {
            Recorded::New { waiting } => waiting,
            Recorded::Duplicate { .. } => panic!("it is new"),
        }
    }

    async fn messages(&self) -> Vec<Message> {
        let mut all = self.store.messages(MessageFilter::default()).await.unwrap().rows;
        all.reverse();
        all
    }

    fn gatherer(&self) -> Gatherer {
        Gatherer::with_time(Arc::clone(&self.pipeline), Arc::clone(&self.store), clock)
    }

    async fn gathers(&self, second: i64) {
        CLOCK.set((second, 0));
        self.gatherer().close_due(at(second)).await.unwrap();
    }

    /// The rule becomes another one.
    fn changes(&self, rule: &str) {
        self.pipeline.store(Arc::new(pipeline(rule)));
    }

    /// The texts that may be sent at this second.
    async fn sendable(&self, second: i64) -> Vec<String> {
        let claims = self.store.claim(Claim::new("phone", 9, at(second))).await.unwrap();
        let words = |message: Message| message.content.and_then(|content| content.message);
        claims.taken.into_iter().filter_map(|claimed| words(claimed.message)).collect()
    }
}

const ANNA: &str = r#"{"id":7,"to":"+62 812-3456-7890","n":1}"#;

#[tokio::test]
async fn one_message_with_a_key_is_enough() {
    let mut shop = Shop::new(
        "    dedupe: \"{{ event.id }}\"\n    send: { number: \"{{ event.to }}\", message: hi }\n",
    );
    assert_eq!(shop.comes(0, ANNA).await, 1);
    assert_eq!(shop.comes(60 * 60 * 24 * 29, ANNA).await, 0);
    assert_eq!(shop.comes(60 * 60 * 24 * 30, ANNA).await, 1, "thirty days are over");
    let reasons: Vec<_> = shop.messages().await.iter().map(|message| message.reason).collect();
    assert_eq!(reasons, [None, Some(Reason::Duplicate), None]);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_fails_its_message_and_says_why() {
    let mut shop = Shop::new(
        "    dedupe: \"{{ event.missing }}\"\n    send: { number: \"{{ event.to }}\", message: hi }\n",
    );
    assert_eq!(shop.comes(0, ANNA).await, 0);
    let failed = shop.messages().await.remove(0);
    assert_eq!((failed.state, failed.reason), (State::Failed, Some(Reason::Render)));
    assert!(failed.detail.unwrap().starts_with("dedupe: event.missing is missing"));
}

#[tokio::test]
async fn many_events_become_one_message_with_all_of_them() {
    let mut shop = Shop::new(
        "    group: { wait: 1m, max: 3 }\n    send:\n      number: \"{{ event.to }}\"\n      message: |\n        \
         {{ events | length }} orders:{% for one in events %} {{ one.event.n }} ({{ one.kind }}){% endfor %}\n",
    );
    for n in 1..=2 {
        let body = ANNA.replace("\"n\":1", &format!("\"n\":{n}"));
        assert_eq!(shop.comes(n, &body).await, 1);
    }
    shop.gathers(60).await;
    assert_eq!(shop.sendable(60).await, Vec::<String>::new());
    shop.gathers(61).await;
    assert_eq!(shop.sendable(61).await, ["2 orders: 1 (order) 2 (order)"]);
}

#[tokio::test]
async fn what_is_delayed_goes_when_its_time_has_come() {
    for (delay, goes_at) in
        [("2h", 7200), ("{{ event.due }}", 300), ("2027-01-15 15:05", 300), ("{{ event.none }}", 0)]
    {
        let rule = format!(
            "    delay_until: \"{delay}\"\n    send: {{ number: \"{{{{ event.to }}}}\", message: hi }}\n"
        );
        let mut shop = Shop::new(&rule);
        let due = at(300).as_second();
        shop.comes(0, &ANNA.replace("\"n\":1", &format!("\"due\":{due}"))).await;
        assert!(goes_at == 0 || shop.sendable(goes_at - 1).await.is_empty(), "{delay}");
        assert_eq!(shop.sendable(goes_at).await, ["hi"], "{delay}");
    }
}

#[tokio::test]
async fn what_is_put_off_for_more_than_a_year_fails_and_says_why() {
    let rule = "    delay_until: \"{{ event.due }}\"\n    send: { number: \"{{ event.to }}\", message: hi }\n";
    for (due, waits) in [
        ("366d", true),
        ("367d", false),
        ("9999999d", false),
        ("9999-12-30T21:59:59Z", false),
        ("-9223372036854775808", false),
        ("253402207200999", false),
    ] {
        let mut shop = Shop::new(rule);
        let body = ANNA.replace("\"n\":1", &format!("\"due\":\"{due}\""));
        assert_eq!(shop.comes(0, &body).await, usize::from(waits), "{due}");
        let made = shop.messages().await.remove(0);
        let failed = (State::Failed, Some(Reason::Render));
        assert_eq!(waits, (made.state, made.reason) != failed, "{due}");
        if !waits {
            assert!(made.detail.unwrap().starts_with("delay_until: this is "), "{due}");
        }
    }
}

#[tokio::test]
async fn a_shadow_shows_everything_and_sends_nothing() {
    let mut shop = Shop::new(
        "    mode: shadow\n    send: { number: \"{{ event.to }}\", message: \"{{ event.n }}\" }\n",
    );
    assert_eq!(shop.comes(0, ANNA).await, 0);
    let shown = shop.messages().await.remove(0);
    assert_eq!((shown.state, shown.reason), (State::Skipped, Some(Reason::Shadow)));
    assert_eq!(shown.content.unwrap().message.as_deref(), Some("1"));
}

#[tokio::test]
async fn instead_of_what_has_no_recipient_or_failed_something_else_is_sent() {
    let rule = "    or: { number: \"628111111111\", message: \"{{ event.id }} was not sent\" }\n    \
                send: { number: \"{{ event.to }}\", message: hi }\n";
    let mut shop = Shop::new(rule);
    assert_eq!(shop.comes(0, r#"{"id":7}"#).await, 1);
    assert_eq!(shop.sendable(0).await, ["7 was not sent"]);

    let mut shop = Shop::new(rule);
    shop.comes(0, ANNA).await;
    let claims = shop.store.claim(Claim::new("phone", 9, at(0))).await.unwrap();
    assert_eq!(claims.taken.len(), 1, "not before the first has failed");
    for claimed in claims.taken {
        let settlement = crate::store::ended(&claimed.message, State::Failed);
        shop.store.settle(claimed.lease, settlement).await.unwrap();
    }
    let later = at(0).checked_add(SignedDuration::from_hours(24 * 365 * 60)).unwrap();
    let claims = shop.store.claim(Claim::new("phone", 9, later)).await.unwrap();
    let other = &claims.taken[0].message;
    assert_eq!(other.content.as_ref().unwrap().message.as_deref(), Some("7 was not sent"));
    assert_eq!((other.origin.send, claims.taken.len()), (0x8000, 1));
}

#[tokio::test]
async fn however_many_groups_the_store_refuses_those_behind_them_are_closed() {
    let mut shop = Shop::new(
        "    group: { key: \"{{ event.key }}\", wait: 1m }\n    \
         send: { number: \"{{ event.to }}\", message: \"{{ events | length }}\" }\n",
    );
    for key in 0..101 {
        shop.comes(key, &format!(r#"{{"to":"+62 812-3456-7890","key":{key}}}"#)).await;
    }
    let raw = rusqlite::Connection::open(shop.dir.path().join("kabari.db")).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON messages WHEN old.seq <= 100
                  BEGIN SELECT RAISE(ABORT, 'damaged'); END";
    raw.execute_batch(refuse).unwrap();
    CLOCK.set((200, 0));
    let problem = shop.gatherer().close_due(at(200)).await.unwrap_err();
    assert!(problem.to_string().contains("damaged"), "{problem}");
    assert_eq!(shop.sendable(200).await, ["1"]);
}

#[tokio::test]
async fn a_group_that_had_to_wait_for_others_to_be_closed_is_none_the_older() {
    let mut shop = Shop::new(
        "    group: { key: \"{{ event.key }}\", wait: 1m, interval: 1h }\n    \
         send: { number: \"628111111111{{ event.key }}\", message: \"{{ event.key }}\" }\n",
    );
    for key in 0..9 {
        shop.comes(0, &format!(r#"{{"key":{key}}}"#)).await;
    }
    // Each takes a minute.
    CLOCK.set((100, 60));
    shop.gatherer().close_due(at(100)).await.unwrap();
    let last = 100 + 8 * 60;
    let claims = shop.store.claim(Claim::new("phone", 9, at(last))).await.unwrap();
    let ages: Vec<_> = claims.taken.iter().map(|it| it.age.as_secs()).collect();
    assert_eq!(ages, [480, 420, 360, 300, 240, 180, 120, 60, 0], "since it is in line");
    let key = claims.taken[8].message.content.as_ref().unwrap().message.clone().unwrap();
    shop.comes(last, &format!(r#"{{"key":{key}}}"#)).await;
    let next = shop.messages().await.pop().unwrap().due_at;
    assert_eq!(next, at(last + 3600), "its interval begins where the group ended");
}

#[tokio::test]
async fn what_is_sent_instead_of_a_group_tells_of_all_its_events_also_after_the_rule_changed() {
    let rule = |words: &str| {
        format!(
            "    group: {{ wait: 1m }}\n    \
             or: {{ number: \"+62 855-5555-5555\", message: \"{words}{{% for it in events %}} \
             {{{{ it.event.n }}}}{{% endfor %}}\" }}\n    \
             send: {{ number: \"{{{{ event.to }}}}\", message: \"{{% if events | length > 1 %}}\
             {{{{ event.nothing }}}}{{% endif %}}.\" }}\n"
        )
    };
    for is_changed in [false, true] {
        let mut shop = Shop::new(&rule("of"));
        for n in 1..=3 {
            shop.comes(n, &ANNA.replace("\"n\":1", &format!("\"n\":{n}"))).await;
        }
        if is_changed {
            shop.changes(&rule("now of"));
        }
        shop.gathers(99).await;
        assert_eq!(shop.sendable(99).await, ["of 1 2 3"], "changed: {is_changed}");
    }
}
