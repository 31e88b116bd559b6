//! Does a real `serve` message nobody by accident, and say how careful it is?

use serde_json::Value;

use crate::process::{RULES, SECRET};
use crate::support::kabari::{Home, Kabari, stripe_signature};
use crate::support::world::{Behave, TOKEN, World};
use crate::support::zone_at_noon;

pub(crate) const ANNA: &str = "6281234567890";
pub(crate) const BUDI: &str = "6289876543210";

pub(crate) fn home(world: &World, more: &str) -> Home {
    let rules = RULES.replacen("sources:", &format!("{more}\nsources:"), 1);
    Home::new(&rules).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN)
}

pub(crate) async fn tell(kabari: &Kabari, to: &str, text: &str) {
    let body = format!(r#"{{"to":"{to}","text":"{text}"}}"#);
    let answer = kabari.post_github(SECRET, "push", text, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// State, reason and text of each message, the oldest first.
pub(crate) fn messages(home: &Home) -> Vec<[String; 3]> {
    let mut all = home.list(&["messages", "list"]);
    all.reverse();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = |it: &Value| [&it["state"], &it["reason"], &it["request"]["message"]].map(text);
    all.iter().map(told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_alone_is_messaged_is_said_at_the_start_and_whenever_it_changes() {
    let world = World::start().await;
    let home = home(&world, "defaults: { mode: send }");
    let kabari = home.start_with(&["--only-to", ANNA]).await;
    let only = "not everybody is messaged: sent only to 62812••••7890 (`--only-to`)";
    kabari.says(0, &[only]).await;
    let told = |page: &Value| page["sending"].as_str().unwrap().to_owned();
    let overview = kabari.page("/api/overview").await.json();
    assert_eq!(told(&overview), "sent only to 62812••••7890 (`--only-to`)");
    assert!(!kabari.log().contains(ANNA), "{}", kabari.log());
    assert_eq!(kabari.stop().await, Some(0));
    let kabari = home.start().await;
    assert_eq!(told(&kabari.page("/readyz").await.json()), "ok");
    let live = std::fs::read_to_string(home.path("rules.yaml")).unwrap();
    save(&home, &kabari, &live.replace("mode: send", "mode: shadow")).await;
    let shadow = "nothing goes out (`defaults.mode: shadow`)";
    kabari.says(0, &["not everybody is messaged: nothing goes out"]).await;
    assert_eq!(told(&kabari.page("/readyz").await.json()), shadow);
    save(&home, &kabari, &live).await;
    kabari.says(0, &["everybody is messaged again"]).await;
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_tries_things_out_over_a_queue_loses_nothing_of_it() {
    let world = World::start().await;
    let home = home(&world, "");
    let kabari = home.start().await;
    assert!(home.run(&["lanes", "pause", "one"]).status.success());
    tell(&kabari, BUDI, "before").await;
    assert_eq!(kabari.stop().await, Some(0));
    let kabari = home.start_with(&["--only-to", ANNA]).await;
    assert!(home.run(&["lanes", "resume", "one"]).status.success());
    tell(&kabari, BUDI, "meanwhile").await;
    tell(&kabari, ANNA, "tried").await;
    world.until("who is tried", |seen| seen.dispatched.len() == 1).await;
    let now = |state: &str, why: &str, text: &str| [state, why, text].map(str::to_owned);
    let (skipped, tried) = (now("skipped", "test mode", "meanwhile"), now("sent", "", "tried"));
    assert_eq!(kabari.stop().await, Some(0));
    let held = now("waiting", "test mode", "before");
    assert_eq!(messages(&home), [held, skipped.clone(), tried.clone()]);
    let kabari = home.start().await;
    world.until("what waited", |seen| seen.dispatched.len() == 2).await;
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(messages(&home), [now("sent", "", "before"), skipped, tried]);
}

/// What a sender may mark as a test, with somebody who gets what nobody else can.
const SHOP: &str = r#"  stripe: { secret: secret-of-the-process-test }
rules:
  - name: paid
    source: stripe
    or: { number: "6285555555555", message: "{{ event.id }}, instead" }
    send: { number: "{{ event.to }}", message: "{{ event.id }}" }
"#;

fn shop(world: &World) -> (Home, String) {
    let rules = RULES.replace("rules:\n", SHOP);
    let home =
        Home::new(&rules).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN);
    (home, rules)
}

/// Stripe tells of an event, and says whether it is real.
async fn stripe_tells(kabari: &Kabari, id: &str, livemode: bool, more: &str) {
    let body = format!(r#"{{"id":"{id}","type":"invoice.paid","livemode":{livemode}{more}}}"#);
    let signature = stripe_signature(SECRET, jiff::Timestamp::now().as_second(), &body);
    let headers = [("content-type", "application/json"), ("stripe-signature", &*signature)];
    let answer = kabari.post("stripe", &headers, body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn to(number: &str) -> String {
    format!(r#","to":"{number}""#)
}

/// Saves the rules, which come into force.
pub(crate) async fn save(home: &Home, kabari: &Kabari, rules: &str) {
    let from = kabari.log().len();
    std::fs::write(home.path("rules.yaml"), rules).unwrap();
    kabari.says(from, &["rules reloaded"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_of_a_sender_reaches_nobody_by_any_way_until_its_source_says_so() {
    let world = World::start().await;
    let (home, rules) = shop(&world);
    let kabari = home.start().await;
    stripe_tells(&kabari, "evt_1", false, &to(ANNA)).await;
    stripe_tells(&kabari, "evt_2", false, "").await;
    let again = ["events", "replay", "--source", "stripe", "--since", "1h", "--again", "--yes"];
    let replayed = tokio::task::block_in_place(|| home.run(&again));
    assert!(replayed.status.success(), "{replayed:?}");
    let retried =
        tokio::task::block_in_place(|| home.run(&["messages", "retry", "--state", "skipped"]));
    assert!(!retried.status.success(), "{retried:?}");
    stripe_tells(&kabari, "evt_3", true, &to(BUDI)).await;
    world.until("what is real", |seen| !seen.asked.is_empty()).await;
    let list = home.list(&["messages", "list", "--state", "skipped"]);
    let mut kept: Vec<[&str; 2]> = Vec::new();
    for message in &list {
        let text = message["request"]["message"].as_str().unwrap_or_default();
        kept.push([message["reason"].as_str().unwrap(), text]);
        let why = message["detail"].as_str().unwrap();
        assert!(text.is_empty() || why.contains("`test_events: send` or --only-to"), "{message}");
    }
    kept.sort_unstable();
    let none = ["no recipient", ""];
    let [first, second] = [["test mode", "evt_1"], ["test mode", "evt_2, instead"]];
    assert_eq!(kept, [none, none, first, first, second, second], "each twice, by the replay");

    let sends = "{ secret: secret-of-the-process-test, test_events: send }";
    let plain = "stripe: { secret: secret-of-the-process-test }";
    save(&home, &kabari, &rules.replace(plain, &format!("stripe: {sends}"))).await;
    stripe_tells(&kabari, "evt_4", false, &to(ANNA)).await;
    world.until("the test that is to be sent", |seen| seen.dispatched.len() == 2).await;
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(
        (world.seen().texts_to(BUDI), world.seen().texts_to(ANNA)),
        (vec!["evt_3".to_owned()], vec!["evt_4".to_owned()])
    );
    assert_eq!(world.seen().asked.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_gets_what_the_one_who_may_have_a_test_cannot_get() {
    let world = World::start().await;
    world.number(ANNA, Behave::answer(400, r#"{"error":"number not registered"}"#));
    let (home, rules) = shop(&world);
    // What is sent instead would have to wait until somebody else has started it.
    let slow = "one: { pace: 1/h, burst: 1, jitter: 0s, gap: 0s }";
    let slowly = rules.replace("one: { pace: off, in_flight: 1 }", slow);
    std::fs::write(home.path("rules.yaml"), slowly).unwrap();
    let kabari = home.start_with(&["--only-to", ANNA]).await;
    stripe_tells(&kabari, "evt_1", false, &to(ANNA)).await;
    world.until("the attempt", |seen| !seen.asked.is_empty()).await;
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(messages(&home)[0], ["failed", "recipient", "evt_1"]);
    std::fs::write(home.path("rules.yaml"), rules).unwrap();
    let kabari = home.start().await;
    stripe_tells(&kabari, "evt_2", true, &to(BUDI)).await;
    // Whatever waited before goes first, and at its end whatever a lane has begun has ended.
    world.until("what is real", |seen| seen.texts_asked("evt_2") == 1).await;
    assert_eq!(kabari.stop().await, Some(0));
    let told = messages(&home);
    assert!(told.iter().all(|it| it[0] != "waiting"), "{told:?}");
    let asked: Vec<String> = world.seen().asked.iter().map(|it| it.message().to_owned()).collect();
    assert_eq!(asked, ["evt_1", "evt_2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_on_the_list_gets_nothing_until_the_list_has_them() {
    let world = World::start().await;
    let home = home(&world, "recipients: { allow: team.txt }");
    std::fs::write(home.path("team.txt"), format!("{ANNA}  # Anna\n")).unwrap();
    let kabari = home.start().await;
    tell(&kabari, BUDI, "not yet").await;
    tell(&kabari, ANNA, "hello").await;
    world.until("one message", |seen| seen.dispatched.len() == 1).await;
    let from = kabari.log().len();
    std::fs::write(home.path("team.txt"), format!("{ANNA}\n{BUDI}\n")).unwrap();
    kabari.says(from, &["rules reloaded"]).await;
    tell(&kabari, BUDI, "now").await;
    world.until("both", |seen| seen.dispatched.len() == 2).await;
    assert_eq!(kabari.stop().await, Some(0));
    let told: Vec<[String; 3]> = messages(&home);
    assert_eq!(
        told,
        [["skipped", "opted out", "not yet"], ["sent", "", "hello"], ["sent", "", "now"]]
    );
    assert_eq!(world.seen().texts_to(BUDI), ["now"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_says_how_fast_each_session_sends() {
    let world = World::start().await;
    let lanes = "    one: { pace: off, in_flight: 1 }\n    two: { pace: off, in_flight: 1 }\n";
    let careful = "    one: {}\n    two: { pace: 30/min, burst: 1, jitter: 0s, gap: 30s, caps: \
                   { day: 100, first_contacts: off } }\n";
    let rules = RULES.replace(lanes, careful);
    let home =
        Home::new(&rules).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN);
    let kabari = home.start().await;
    kabari
        .says(
            0,
            &["lane one: 10/min (jitter up to 1.5s), burst 3, 1 at a time, 10s between two to \
                    the same recipient, 500 a day, 20 of them first contacts"],
        )
        .await;
    kabari
        .says(
            0,
            &["lane two: 30/min (jitter up to 0.0s), burst 1, 1 at a time, 30s between two to \
                    the same recipient, 100 a day, any number of them first contacts"],
        )
        .await;
    assert_eq!(kabari.stop().await, Some(0));
    // Who says nothing of it has the same careful limits.
    let rules = RULES.replace(lanes, "").replace("  instances:\n", "");
    let home =
        Home::new(&rules).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN);
    let kabari = home.start().await;
    kabari.says(0, &["lane one: 10/min (jitter up to 1.5s), burst 3"]).await;
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_is_closed_for_the_day_says_so_in_the_log_the_api_and_the_list_of_lanes() {
    let world = World::start().await;
    let (off, capped) = ("one: { pace: off, in_flight: 1 }", "one: { gap: 0s, caps: { day: 1 } }");
    let rules = RULES
        .replace("sources:", &format!("defaults: {{ timezone: {} }}\nsources:", zone_at_noon()));
    let home = Home::new(&rules.replace(off, capped))
        .variable("WACHAT_URL", &world.url())
        .variable("WACHAT_TOKEN", TOKEN);
    let kabari = home.start().await;
    tell(&kabari, ANNA, "today").await;
    tell(&kabari, ANNA, "tomorrow").await;
    let said = "the day's messages are used up (`caps.day`)";
    let logged = kabari.says(0, &["lane one is closed until"]).await;
    assert!(logged.contains(said), "{logged}");
    let overview = kabari.page("/api/overview").await.json();
    let lane = &overview["lanes"][0];
    assert_eq!((&lane["stopped"], &lane["waits"][0]["detail"]), (&Value::Null, &said.into()));
    assert!(lane["closed_until"].as_str().is_some_and(|until| until.ends_with('Z')), "{lane}");
    let output = home.run(&["lanes", "list"]);
    let list = String::from_utf8(output.stdout).unwrap();
    assert!(list.contains("closed until ") && list.contains(said), "{list}");
    // Whoever raises the cap opens it at once.
    let from = kabari.log().len();
    std::fs::write(home.path("rules.yaml"), rules).unwrap();
    kabari.says(from, &["lane one is open again"]).await;
    world.until("both", |seen| seen.dispatched.len() == 2).await;
    assert_eq!(kabari.page("/api/overview").await.json()["lanes"], serde_json::json!([]));
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_group_outlives_a_reload_and_a_restart_with_all_of_its_events() {
    let world = World::start().await;
    let send = "send: { number: \"{{ event.to }}\", message: \"{{ event.text }}\" }";
    let grouped = "group: { wait: 1h, max: 4 }\n    send: { number: \"{{ event.to }}\", message: \
                   \"{{ events | length }}:{% for it in events %} {{ it.event.text }}{% endfor %}\" }";
    let rules = RULES.replacen(send, grouped, 1);
    let home =
        Home::new(&rules).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN);
    let kabari = home.start().await;
    tell(&kabari, ANNA, "a").await;
    tell(&kabari, ANNA, "b").await;
    let from = kabari.log().len();
    // Another rule is new, and the words of this one changed: what is open keeps its own.
    let changed = rules.replace("{{ events | length }}:", "Now {{ events | length }}:");
    std::fs::write(home.path("rules.yaml"), changed).unwrap();
    kabari.says(from, &["rules reloaded"]).await;
    tell(&kabari, ANNA, "c").await;
    assert_eq!(kabari.stop().await, Some(0));
    let kabari = home.start().await;
    tell(&kabari, ANNA, "d").await;
    world.until("the message of all four", |seen| !seen.dispatched.is_empty()).await;
    tell(&kabari, ANNA, "e").await;
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(world.seen().texts_to(ANNA), ["4: a b c d"]);
    let waiting = messages(&home).into_iter().filter(|it| it[0] == "waiting").count();
    assert_eq!(waiting, 1, "the next group is open");
}
