//! Does a real `serve` message nobody by accident, and say how careful it is?

use serde_json::Value;

use crate::process::{RULES, SECRET};
use crate::support::kabari::{Home, Kabari};
use crate::support::world::{TOKEN, World};

const ANNA: &str = "6281234567890";
const BUDI: &str = "6289876543210";

fn home(world: &World, more: &str) -> Home {
    let rules = RULES.replacen("sources:", &format!("{more}\nsources:"), 1);
    Home::new(&rules).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN)
}

async fn tell(kabari: &Kabari, to: &str, text: &str) {
    let body = format!(r#"{{"to":"{to}","text":"{text}"}}"#);
    let answer = kabari.post_github(SECRET, "push", text, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// State, reason and text of each message, the oldest first.
fn messages(home: &Home) -> Vec<[String; 3]> {
    let mut all = home.list(&["messages", "list"]);
    all.reverse();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = |it: &Value| [&it["state"], &it["reason"], &it["request"]["message"]].map(text);
    all.iter().map(told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_shadow_everything_is_recorded_and_shown_and_nothing_is_sent() {
    let world = World::start().await;
    let home = home(&world, "defaults: { mode: shadow }");
    let kabari = home.start().await;
    tell(&kabari, ANNA, "hello").await;
    tell(&kabari, BUDI, "there").await;
    let shadow = |text: &str| ["skipped", "shadow", text].map(str::to_owned);
    assert_eq!(messages(&home), [shadow("hello"), shadow("there")]);
    let overview = kabari.page("/api/overview").await.json();
    assert_eq!(overview["counts"]["skipped"], 2);
    let log = kabari.log.clone();
    assert_eq!(kabari.stop().await, Some(0));
    assert!(!log.text().contains("sent "), "{}", log.text());
    assert_eq!(world.seen().asked.len(), 0);
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
    let home = Home::new(&RULES.replace(off, capped))
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
    std::fs::write(home.path("rules.yaml"), RULES).unwrap();
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
