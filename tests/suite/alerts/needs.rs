//! Does a webhook learn of a rejected rule file, of messages that nobody gets, and of answers that
//! leave everything open; again while that lasts, and when it is over?

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kabari::clock;
use kabari::model::Needs;

use super::{Inbox, Post, RULES, Running, SECRET, alerts, tell};
use crate::disk::limit_files;
use crate::support::kabari::Home;
use crate::support::world::{Behave, TOKEN, World};

/// A clock on which a minute passes in 20 ms.
fn hurried() -> Timestamp {
    static BEGAN: OnceLock<(Instant, Timestamp)> = OnceLock::new();
    let (began, at) = BEGAN.get_or_init(|| (Instant::now(), clock::now()));
    let passed = SignedDuration::try_from(began.elapsed() * 3000).unwrap();
    at.saturating_add(passed).unwrap()
}

/// What a post says, in whichever shape.
fn words(post: &Post) -> String {
    let title = post.headers.get("title").map_or("", |title| title.to_str().unwrap());
    let body = match serde_json::from_str::<serde_json::Value>(&post.body) {
        Ok(json) if json["title"].is_string() => format!("{}\n{}", json["title"], json["text"]),
        Ok(json) => json["text"].to_string(),
        Err(_) => post.body.clone(),
    };
    format!("{title}\n{body}")
}

#[tokio::test]
async fn a_rejected_rule_file_is_told_again_while_it_lasts_and_so_is_its_end() {
    for shape in ["ntfy", "slack", "json"] {
        let (inbox, folder) = (Inbox::open().await, tempfile::tempdir().unwrap());
        let settings = format!("{{ url: \"{}\", shape: {shape}, repeat: 2m }}", inbox.url);
        let running = Running::by(&settings, &folder.path().join("alerts"), hurried);
        let rules = Some("rules.yaml:3:5: unknown key `sned`".to_owned());
        running.say(Needs { rules, ..Needs::default() });
        let posts = inbox.until(3).await;
        let mistake =
            "The rule file has mistakes (kabari check): rules.yaml:3:5: unknown key `sned`";
        for (post, title) in
            posts.iter().zip(["kabari needs", "kabari still needs", "kabari still needs"])
        {
            let said = words(post);
            assert!(said.contains(mistake) && said.contains(title), "{said}");
        }
        running.say(Needs::default());
        let mut count = 4;
        let clear = loop {
            let post = inbox.until(count).await.remove(count - 1);
            if words(&post).contains("all clear") {
                break post;
            }
            count += 1;
        };
        assert!(words(&clear).contains("Nothing stands still"), "{}", words(&clear));
        running.looked(10).await;
        assert_eq!(inbox.posts().len(), count, "after the all-clear there is nothing to tell");
        running.stop().await;
    }
}

#[tokio::test]
async fn what_comes_after_a_start_is_told_although_nobody_has_looked_since() {
    let (inbox, folder) = (Inbox::open().await, tempfile::tempdir().unwrap());
    let memory = folder.path().join("alerts");
    let (said, bell, alerts) = alerts(&format!("{{ url: \"{}\" }}", inbox.url), &memory, hurried);
    *said.needs.lock().unwrap() = Needs { no_recipient: 2, ..Needs::default() };
    alerts.begin().await;
    *said.needs.lock().unwrap() = Needs { no_recipient: 3, ..Needs::default() };
    let running = Running::of(said, bell, alerts);
    assert_eq!(inbox.until(1).await.remove(0).json()["no_recipient"], 1);
    running.stop().await;
}

#[tokio::test]
async fn messages_that_nobody_gets_are_told_once_each() {
    for shape in ["ntfy", "slack", "json"] {
        let (inbox, folder) = (Inbox::open().await, tempfile::tempdir().unwrap());
        let settings = format!("{{ url: \"{}\", shape: {shape}, repeat: 1m }}", inbox.url);
        let running = Running::by(&settings, &folder.path().join("alerts"), hurried);
        running.looked(1).await;
        running.say(Needs { no_recipient: 2, ..Needs::default() });
        let post = inbox.until(1).await.remove(0);
        assert!(words(&post).contains("2 messages have nobody to go to"), "{}", words(&post));
        // It is no state that lasts: neither repeated nor over.
        running.looked(20).await;
        assert_eq!(inbox.posts().len(), 1);
        running.say(Needs { no_recipient: 3, ..Needs::default() });
        let post = inbox.until(2).await.remove(1);
        assert!(words(&post).contains("1 message has nobody to go to"), "{}", words(&post));
        running.stop().await;
    }
}

fn home(world: &World, inbox: &Inbox) -> Home {
    Home::new(RULES)
        .variable("WACHAT_URL", &world.url())
        .variable("WACHAT_TOKEN", TOKEN)
        .variable("ALERTS", &inbox.url)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_program_tells_of_a_rejected_rule_file_and_of_messages_that_nobody_gets() {
    let (world, inbox) = (World::start().await, Inbox::open().await);
    let home = home(&world, &inbox);
    let kabari = home.start().await;
    let answer = kabari.post_github(SECRET, "push", "1", r#"{"text":"hello"}"#).await.unwrap();
    assert_eq!(answer.status, 200);
    std::fs::write(home.path("rules.yaml"), RULES.replace("send:", "sned:")).unwrap();
    kabari.hang_up();
    let json = inbox.until(1).await.remove(0).json();
    let (mut nobody, mut rules) = (json["no_recipient"] == 1, json["rules"].clone());
    if !nobody || rules.is_null() {
        // The other one did not come together with the first: it is told at most a minute later.
        let patience = Duration::from_secs(100);
        let later = tokio::time::timeout(patience, inbox.wait(2)).await.unwrap().remove(1).json();
        (nobody, rules) = (nobody || later["no_recipient"] == 1, later["rules"].clone());
    }
    assert!(nobody && rules.as_str().is_some_and(|it| it.contains("sned")), "{:?}", inbox.posts());
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_program_tells_that_the_disk_is_almost_full_before_it_refuses_anything() {
    let (world, inbox) = (World::start().await, Inbox::open().await);
    let home = home(&world, &inbox);
    let kabari = home.start().await;
    limit_files(&kabari, Some(50 << 20));
    // What is wrong with the rule file is told at once, and how things are with it.
    std::fs::write(home.path("rules.yaml"), RULES.replace("send:", "sned:")).unwrap();
    kabari.hang_up();
    let json = inbox.until(1).await.remove(0).json();
    let disk = json["disk"].as_str().unwrap();
    assert!(disk.starts_with("almost full: 49 MiB") && json["store"].is_null(), "{json}");
    assert!(json["text"].as_str().unwrap().contains("The disk is almost full"), "{json}");
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_program_stops_a_lane_whose_answers_are_uncertain_and_says_so_everywhere() {
    let (world, inbox) = (World::start().await, Inbox::open().await);
    let home = home(&world, &inbox);
    let kabari = home.start().await;
    world.always(Behave::answer(502, "<html>502 Bad Gateway</html>"));
    for text in ["a", "b", "c", "d", "e"] {
        tell(&kabari, text).await;
    }
    kabari.says(0, &["lane one stands still: uncertain answers"]).await;
    let json = inbox.until(1).await.remove(0).json();
    assert_eq!(json["lanes"][0]["reason"], "uncertain answers", "{json}");
    assert_eq!(json["uncertain"], 3, "{json}");
    let overview = kabari.page("/api/overview").await.json();
    let stopped = overview["lanes"][0]["stopped"].as_str().unwrap().to_owned();
    let expected = "uncertain answers: 3 messages in a row may or may not have been sent";
    assert!(stopped.starts_with(expected), "{stopped}");
    assert!(overview["lanes"][0]["probe_at"].is_string(), "{overview}");
    assert_eq!(overview["counts"]["waiting"], 2, "{overview}");
    let metrics = kabari.page("/metrics").await.body;
    let line =
        metrics.lines().find(|line| line.contains("lane") && line.contains("one\"")).unwrap();
    assert!(line.ends_with(" 0"), "{line}");
    assert_eq!(kabari.stop().await, Some(0));
}
