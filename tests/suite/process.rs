//! What does the real process do when it is told to stop, is killed, reads its rules again or fails?

use std::time::{Duration, Instant};

use reqwest::header;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::kabari::{Home, Kabari, PATIENCE};
use crate::support::world::{Behave, TOKEN, World};

pub(crate) const SECRET: &str = "secret-of-the-process-test";
const ANNA: &str = "6281234567890";
const BUDI: &str = "6289876543210";

/// One message an event: `people` hold what is uncertain, `again` sends it again in its own lane.
pub(crate) const RULES: &str = r#"
wachat:
  token: ${WACHAT_TOKEN}
  instance: one
  base_url: ${WACHAT_URL}
  instances:
    one: { pace: off, in_flight: 1 }
    two: { pace: off, in_flight: 1 }
sources:
  github: { secret: secret-of-the-process-test }
rules:
  - name: people
    source: github
    kind: push
    send: { number: "{{ event.to }}", message: "{{ event.text }}" }
  - name: again
    source: github
    kind: ping
    on_uncertain: resend
    send: { number: "{{ event.to }}", message: "{{ event.text }}", instanceName: two }
"#;

pub(crate) fn home(world: &World) -> Home {
    Home::new(RULES).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN)
}

async fn tell(kabari: &Kabari, kind: &str, to: &str, text: &str) {
    let body = format!(r#"{{"to":"{to}","text":"{text}"}}"#);
    let answer = kabari.post_github(SECRET, kind, text, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The state of the message with this text.
fn state(home: &Home, text: &str) -> String {
    let messages = home.list(&["messages", "list"]);
    let message = messages.iter().find(|message| message["request"]["message"] == text).unwrap();
    message["state"].as_str().unwrap().to_owned()
}

fn times(world: &World, text: &str) -> usize {
    world.seen().asked.iter().filter(|asked| asked.message() == text).count()
}

/// Waits until it takes no more requests: by then the lanes know too that they are to stop.
async fn until_closed(kabari: &Kabari) {
    let closed = async {
        while TcpStream::connect(kabari.listen()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_under_way_at_sigterm_ends_and_is_kept_as_sent() {
    let world = World::start().await;
    world.next(1, Behave::send().held());
    let home = home(&world);
    let kabari = home.start().await;
    tell(&kabari, "push", ANNA, "first").await;
    tell(&kabari, "push", ANNA, "second").await;
    world.until("the first request", |seen| !seen.asked.is_empty()).await;
    kabari.signal("TERM");
    until_closed(&kabari).await;
    world.let_go();
    assert_eq!(kabari.ended().await, Some(0));
    assert_eq!((state(&home, "first"), state(&home, "second")), ("sent".into(), "waiting".into()));
    let kabari = home.start().await;
    world.until("the second", |seen| seen.dispatched.len() == 2).await;
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(world.seen().texts_to(ANNA), ["first", "second"]);
    assert_eq!(world.seen().asked.len(), 2);
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_does_not_wait_for_an_answer() {
    for second in ["TERM", "INT"] {
        let world = World::start().await;
        world.always(Behave::hang());
        let home = home(&world);
        let kabari = home.start().await;
        tell(&kabari, "push", ANNA, "hangs").await;
        world.until("the request", |seen| !seen.asked.is_empty()).await;
        kabari.signal("TERM");
        kabari.says(0, &["stopping"]).await;
        let asked = Instant::now();
        kabari.signal(second);
        assert_eq!(kabari.ended().await, Some(1));
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        assert_eq!(state(&home, "hangs"), "sending");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_kill_interrupts_is_uncertain_and_only_sent_again_where_its_rule_says_so() {
    let world = World::start().await;
    world.next(2, Behave::hang().dispatching());
    let home = home(&world);
    let kabari = home.start().await;
    tell(&kabari, "push", ANNA, "hold").await;
    tell(&kabari, "ping", BUDI, "resend").await;
    world.until("both requests", |seen| seen.dispatched.len() == 2).await;
    kabari.kill();
    assert_eq!(
        (state(&home, "hold"), state(&home, "resend")),
        ("sending".into(), "sending".into())
    );
    let kabari = home.start().await;
    tell(&kabari, "push", ANNA, "next").await;
    world.until("two more", |seen| seen.dispatched.len() == 4).await;
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!((times(&world, "hold"), times(&world, "resend")), (1, 2));
    assert_eq!((state(&home, "hold"), state(&home, "resend")), ("uncertain".into(), "sent".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_exactly_where_it_stopped() {
    let world = World::start().await;
    world.always(Behave::send().slowly(Duration::from_millis(20)));
    let home = home(&world);
    let mut kabari = home.start().await;
    let texts: Vec<String> = (0..24).map(|n| format!("#{n}")).collect();
    for text in &texts {
        tell(&kabari, "push", ANNA, text).await;
    }
    for stop in 1..=3 {
        world.until("some", |seen| 5 * stop <= seen.dispatched.len()).await;
        assert_eq!(kabari.stop().await, Some(0));
        kabari = home.start().await;
    }
    world.until("all", |seen| seen.dispatched.len() == texts.len()).await;
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(world.seen().texts_to(ANNA), texts);
    assert_eq!(world.seen().asked.len(), texts.len(), "nothing twice");
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_serve_on_the_same_store_is_refused() {
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;
    // The same address too, so that it would end even if it were let in.
    let hook = kabari.hook("");
    let taken = hook.trim_start_matches("http://").split('/').next().unwrap();
    let words = ["serve", "--listen", taken, "--admin", "127.0.0.1:0", "--log", "pretty"];
    let second = home.run(&words);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    for words in ["another `kabari serve`", "http://127.0.0.1:", "stop it first", "--store"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    tell(&kabari, "push", ANNA, "still here").await;
    world.until("it goes on", |seen| seen.dispatched.len() == 1).await;
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_held_by_another_nothing_is_sent_twice_and_it_stops_all_the_same() {
    let world = World::start().await;
    world.next(1, Behave::send().held());
    let home = home(&world);
    let kabari = home.start().await;
    tell(&kabari, "push", ANNA, "first").await;
    tell(&kabari, "push", ANNA, "second").await;
    world.until("the first request", |seen| !seen.asked.is_empty()).await;
    let thief = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
    thief.execute_batch("BEGIN IMMEDIATE").unwrap();
    world.let_go();
    kabari.says(0, &["could not be kept yet"]).await;
    assert_eq!(state(&home, "first"), "sending");
    kabari.signal("TERM");
    until_closed(&kabari).await;
    thief.execute_batch("ROLLBACK").unwrap();
    assert_eq!(kabari.ended().await, Some(0));
    assert_eq!((state(&home, "first"), state(&home, "second")), ("sent".into(), "waiting".into()));
    assert_eq!(world.seen().asked.len(), 1);

    // Held while nothing is under way: it does not wait for the lock at all.
    thief.execute_batch("BEGIN IMMEDIATE").unwrap();
    let kabari = home.start().await;
    kabari.says(0, &["the store cannot be used"]).await;
    assert_eq!(kabari.stop().await, Some(0));
    thief.execute_batch("ROLLBACK").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reads_the_rules_again_and_a_bad_file_changes_nothing() {
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;
    std::fs::write(home.path("rules.yaml"), RULES.replace("{{ event.text }}", "new")).unwrap();
    kabari.signal("HUP");
    kabari.says(0, &["rules reloaded: 2 rules are in force"]).await;
    assert!(!kabari.log().contains("needs a restart"), "only what the file says counts");
    std::fs::write(home.path("rules.yaml"), "rules: [{ naem: x }]").unwrap();
    kabari.signal("HUP");
    kabari.says(0, &["the last good one stays"]).await;
    tell(&kabari, "push", ANNA, "old").await;
    world.until("a message", |seen| !seen.dispatched.is_empty()).await;
    assert_eq!(world.seen().texts_to(ANNA), ["new"]);
    assert!(kabari.page("/readyz").await.body.contains("naem"));
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_any_more_stops_nothing() {
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;
    kabari.stop_listening();
    for n in 0..5 {
        tell(&kabari, "push", ANNA, &format!("#{n}")).await;
        world.until("its message", |seen| seen.dispatched.len() == n + 1).await;
    }
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(state(&home, "#4"), "sent");
    assert_eq!(world.seen().asked.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn not_even_the_finest_log_shows_token_number_text_or_secret() {
    let world = World::start().await;
    let echo = format!(r#"{{"error":"no {ANNA} for {TOKEN}: body-of-the-message 1, it says"}}"#);
    world.next(1, Behave::answer(500, &echo));
    world.next(1, Behave::answer(400, &echo));
    world.next(1, Behave::too_fast("0"));
    world.next(1, Behave::close());
    let home = home(&world).variable("KABARI_LOG", "trace");
    let kabari = home.start().await;
    for n in 0..5 {
        tell(&kabari, "push", ANNA, &format!("body-of-the-message {n}")).await;
    }
    let forged = format!(r#"{{"to":"{ANNA}","text":"body-of-the-message 1, it says"}}"#);
    let headers =
        [("x-github-event", "push"), ("x-hub-signature-256", "sha256=beef-of-the-forger")];
    let answer = kabari.post("github", &headers, forged).await.unwrap();
    assert_eq!(answer.status, 401);
    let unsendable = r#"{"to":"0812-not-a-number-77777","text":"body-of-the-message"}"#;
    kabari.post_github(SECRET, "push", "unsendable", unsendable).await.unwrap();
    world.until("all attempts", |seen| 6 <= seen.asked.len()).await;
    world.down().await;
    tell(&kabari, "push", BUDI, "body-of-the-message to nobody").await;
    kabari.says(0, &["stands still: network"]).await;
    let log = kabari.log.clone();
    assert_eq!(kabari.stop().await, Some(0));
    let log = log.text();
    for fate in ["sent", "retry", "uncertain", "failed"] {
        assert!(log.contains(&format!(r#""fate":"{fate}""#)), "{fate}:\n{log}");
    }
    for line in log.lines() {
        for hidden in
            [TOKEN, ANNA, BUDI, SECRET, "77777", "body-of-the-message", "Bearer", "beef-of-the"]
        {
            assert!(!line.contains(hidden), "{hidden} in {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_world_gets_exactly_the_documented_fields() {
    let world = World::start().await;
    let media = r#"send: { number: "{{ event.to }}", type: document, mediaUrl: "https://files.example/{{ event.text }}.pdf", fileName: "{{ event.text }}.pdf", mimetype: application/pdf, message: "{{ event.text }}", delay: 1200 }"#;
    let text = r#"send: { number: "{{ event.to }}", message: "{{ event.text }}" }"#;
    let home = Home::new(&RULES.replacen(text, media, 1))
        .variable("WACHAT_URL", &world.url())
        .variable("WACHAT_TOKEN", TOKEN);
    let kabari = home.start().await;
    tell(&kabari, "push", ANNA, "a").await;
    tell(&kabari, "ping", BUDI, "b").await;
    world.until("both", |seen| seen.dispatched.len() == 2).await;
    let mut asked = world.seen().asked;
    asked.sort_by(|a, b| a.path.cmp(&b.path));
    let document: Value = serde_json::json!({
        "instanceName": "one", "number": ANNA, "type": "document",
        "mediaUrl": "https://files.example/a.pdf", "message": "a", "fileName": "a.pdf",
        "mimetype": "application/pdf", "delay": 1200,
    });
    let words = serde_json::json!({"instanceName": "two", "number": BUDI, "message": "b"});
    assert_eq!((asked[0].path.as_str(), &asked[0].body), ("/api/v1/send/media", &document));
    assert_eq!((asked[1].path.as_str(), &asked[1].body), ("/api/v1/send/text", &words));
    assert_eq!(kabari.stop().await, Some(0));
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_rests_the_whole_lane_for_as_long_as_it_asks() {
    let world = World::start().await;
    world.next(1, Behave::too_fast("2").header(header::CONTENT_TYPE, "application/json"));
    let home = home(&world);
    let kabari = home.start().await;
    tell(&kabari, "push", ANNA, "first").await;
    tell(&kabari, "push", BUDI, "second").await;
    world.until("both are sent", |seen| seen.dispatched.len() == 2).await;
    let asked = world.seen().asked;
    assert!(asked[0].at + Duration::from_secs(2) <= asked[1].at, "{asked:?}");
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raised_limit_of_failures_is_the_one_in_force() {
    let rules =
        RULES.replace("sources:\n", "server: { unverified: { burst: 100000 } }\nsources:\n");
    let home = Home::new(&rules)
        .variable("WACHAT_URL", "http://127.0.0.1:1")
        .variable("WACHAT_TOKEN", TOKEN);
    let kabari = home.start().await;
    for number in 0..1_500 {
        let forged = kabari.post_github("another secret", "push", "d", "{}").await.unwrap();
        assert_eq!(forged.status, 401, "the {number}th");
    }
}
