//! Who gets messages, as the real program is told by lists, by commands and by its flags?

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::process::SECRET;
use crate::support::kabari::{Home, Kabari, PATIENCE, stripe_signature};
use crate::support::world::{Behave, TOKEN, World};

const ANNA: &str = "6281234567890";
const BUDI: &str = "6289876543210";

const RULES: &str = r#"
wachat:
  token: ${WACHAT_TOKEN}
  instance: one
  base_url: ${WACHAT_URL}
  instances:
    one: { pace: off, in_flight: 1 }
  fates:
    - { status: 400, text: nomor .. diblokir, fate: failed, reason: recipient, scope: recipient }
recipients: { deny: denied.txt }
sources:
  github: { secret: secret-of-the-process-test }
  stripe: { secret: secret-of-the-process-test }
rules:
  - name: people
    source: github
    send: { number: "{{ event.to }}", message: "{{ event.text }}" }
  - name: paid
    source: stripe
    send: { number: "{{ event.to }}", message: "paid" }
"#;

fn home(world: &World) -> Home {
    let home = Home::new(RULES);
    std::fs::write(home.path("denied.txt"), "").unwrap();
    home.variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN)
}

async fn tell(kabari: &Kabari, to: &str, text: &str) {
    let body = format!(r#"{{"to":"{to}","text":"{text}"}}"#);
    let delivery = format!("{to}-{text}");
    let answer = kabari.post_github(SECRET, "push", &delivery, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn pay(kabari: &Kabari, id: &str, to: &str) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let body = format!(r#"{{"id":"{id}","type":"invoice.paid","livemode":false,"to":"{to}"}}"#);
    let signature = stripe_signature(SECRET, i64::try_from(now).unwrap(), &body);
    let headers = [("content-type", "application/json"), ("stripe-signature", &*signature)];
    let answer = kabari.post("stripe", &headers, body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The message with this text to this number, once it has left the queue.
async fn settled(home: &Home, to: &str, text: &str) -> Value {
    let began = std::time::Instant::now();
    loop {
        let words = ["messages", "list", "--number", to, "--full"];
        let list = tokio::task::block_in_place(|| home.list(&words));
        let found = list.into_iter().find(|message| message["request"]["message"] == text);
        match found {
            Some(message) if message["state"] != "waiting" && message["state"] != "sending" => {
                return message;
            }
            other => assert!(began.elapsed() < PATIENCE, "{text}: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Its state and reason.
async fn fate(home: &Home, to: &str, text: &str) -> (String, String) {
    let message = settled(home, to, text).await;
    let of = |field: &str| message[field].as_str().unwrap_or_default().to_owned();
    (of("state"), of("reason"))
}

fn is(state: &str, reason: &str) -> (String, String) {
    (state.to_owned(), reason.to_owned())
}

#[track_caller]
fn says(home: &Home, words: &[&str], code: i32, part: &str) {
    let output = tokio::task::block_in_place(|| home.run(words));
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
    assert!(said.contains(part), "{words:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opted_out_gets_nothing_with_and_without_a_running_serve() {
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;
    says(&home, &["optout", "add", "+62 812-3456-7890", "--note", "asked"], 0, "no messages");
    kabari.says(0, &["gets no messages any more"]).await;
    says(&home, &["optout", "add", ANNA], 0, "already");
    tell(&kabari, ANNA, "one").await;
    tell(&kabari, BUDI, "one").await;
    assert_eq!(fate(&home, ANNA, "one").await, is("skipped", "opted out"));
    assert_eq!(fate(&home, BUDI, "one").await.0, "sent");
    says(&home, &["send", "--number", ANNA, "--message", "by hand"], 1, "opted out");
    says(&home, &["optout", "remove", ANNA], 0, "again");
    says(&home, &["optout", "remove", ANNA], 1, "was not on the list");
    tell(&kabari, ANNA, "two").await;
    assert_eq!(fate(&home, ANNA, "two").await.0, "sent");
    assert!(!kabari.log().contains(ANNA), "numbers are masked");
    assert_eq!(kabari.stop().await, Some(0));
    says(&home, &["optout", "add", BUDI], 0, "no messages");
    says(&home, &["send", "--number", BUDI, "--message", "by hand"], 1, "opted out");
    assert_eq!(world.seen().texts_to(BUDI), ["one"]);
    assert_eq!(world.seen().texts_to(ANNA), ["two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_list_is_in_force_for_what_waits_and_for_what_is_sent_by_hand() {
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;
    tell(&kabari, ANNA, "before").await;
    assert_eq!(fate(&home, ANNA, "before").await.0, "sent");
    assert_eq!(kabari.order("/api/lanes/one/pause").await.status, 200);
    tell(&kabari, ANNA, "waiting").await;
    let from = kabari.log().len();
    std::fs::write(home.path("denied.txt"), format!("{ANNA}\n")).unwrap();
    kabari.says(from, &["rules reloaded"]).await;
    assert_eq!(kabari.order("/api/lanes/one/resume").await.status, 200);
    assert_eq!(fate(&home, ANNA, "waiting").await, is("skipped", "opted out"));
    assert_eq!(kabari.stop().await, Some(0));
    says(&home, &["send", "--number", ANNA, "--message", "by hand"], 1, "opted out");
    assert_eq!(world.seen().texts_to(ANNA), ["before"]);
}

/// Saves a list that is read again.
async fn save(home: &Home, kabari: &Kabari, list: &str, text: &str) {
    let from = kabari.log().len();
    std::fs::write(home.path(list), text).unwrap();
    kabari.says(from, &["rules reloaded"]).await;
}

/// The message is not sent, and its record says so in these words.
async fn left_alone(home: &Home, to: &str, text: &str, why: &str) {
    let message = settled(home, to, text).await;
    assert_eq!((&message["state"], &message["reason"]), (&"skipped".into(), &"opted out".into()));
    assert!(message["detail"].as_str().is_some_and(|it| it.contains(why)), "{message}");
}

/// Rules with both lists, on which nobody is denied and these may be messaged.
fn home_with_lists(world: &World, allowed: &str) -> Home {
    let both = "{ deny: denied.txt, allow: team.csv }";
    let home = Home::new(&RULES.replace("{ deny: denied.txt }", both));
    std::fs::write(home.path("denied.txt"), "").unwrap();
    std::fs::write(home.path("team.csv"), allowed).unwrap();
    home.variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_on_a_list_or_taken_off_is_so_from_the_next_message_on() {
    let world = World::start().await;
    let home = home_with_lists(&world, &format!("{ANNA},Anna\n{BUDI},Budi\n"));
    let kabari = home.start().await;
    tell(&kabari, ANNA, "before").await;
    assert_eq!(fate(&home, ANNA, "before").await.0, "sent");
    save(&home, &kabari, "denied.txt", "# asked us to stop\n+62 812-3456-7890\n").await;
    tell(&kabari, ANNA, "denied").await;
    tell(&kabari, BUDI, "beside it").await;
    left_alone(&home, ANNA, "denied", "on the list of those who opted out").await;
    assert_eq!(fate(&home, BUDI, "beside it").await.0, "sent");
    let from = kabari.log().len();
    save(&home, &kabari, "denied.txt", "# nobody any more\n").await;
    kabari.says(from, &["`recipients.deny` named 1 recipient and names nobody now"]).await;
    tell(&kabari, ANNA, "again").await;
    assert_eq!(fate(&home, ANNA, "again").await.0, "sent");
    save(&home, &kabari, "team.csv", &format!("{ANNA},Anna\n")).await;
    tell(&kabari, BUDI, "no longer allowed").await;
    left_alone(&home, BUDI, "no longer allowed", "not in the list `recipients.allow`").await;
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(world.seen().texts_to(ANNA), ["before", "again"]);
    assert_eq!(world.seen().asked.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_read_is_told_and_the_one_before_stays_in_force() {
    let world = World::start().await;
    let home = home_with_lists(&world, &format!("number,name\n{ANNA},Anna\n"));
    let kabari = home.start().await;
    let broken = [
        // Whoever is before the broken line is no more on the list than whoever is behind it.
        ("denied.txt", Some(format!("{ANNA}\n0812-34\n")), "denied.txt, line 2"),
        ("team.csv", Some(format!("{BUDI}\n{ANNA}\nsix two eight\n")), "team.csv, line 3"),
        ("team.csv", None, "`team.csv` cannot be read"),
        // Whoever saves a file empties it first.
        ("team.csv", Some(String::new()), "`team.csv` names nobody"),
        ("team.csv", Some("number,name\n# nobody any more\n".to_owned()), "names nobody"),
    ];
    for (number, (list, text, told)) in broken.iter().enumerate() {
        let (good, from) = (std::fs::read(home.path(list)).unwrap(), kabari.log().len());
        match text {
            Some(text) => std::fs::write(home.path(list), text).unwrap(),
            None => std::fs::remove_file(home.path(list)).unwrap(),
        }
        let said = kabari.says(from, &["the last good one stays"]).await;
        assert!(said.contains(told), "{said}");
        let ready = kabari.page("/readyz").await;
        assert_eq!(ready.status, 200);
        assert!(ready.json()["rules"].as_str().is_some_and(|it| it.contains(told)), "{ready:?}");
        let text = format!("beside {number}");
        tell(&kabari, ANNA, &text).await;
        tell(&kabari, BUDI, &text).await;
        assert_eq!(fate(&home, ANNA, &text).await.0, "sent");
        left_alone(&home, BUDI, &text, "not in the list `recipients.allow`").await;
        let from = kabari.log().len();
        std::fs::write(home.path(list), good).unwrap();
        kabari.says_any(from, &["rules reloaded", "is what it was"]).await;
        assert_eq!(kabari.page("/readyz").await.json()["rules"], "ok");
    }
    let log = kabari.log();
    assert!(![ANNA, BUDI, "0812-34", "six two"].iter().any(|it| log.contains(it)), "{log}");
    assert_eq!(kabari.stop().await, Some(0));
    // With nothing to fall back on, it does not start.
    std::fs::write(home.path("denied.txt"), "0812-34\n").unwrap();
    let said = home.serve_fails().await;
    assert!(said.contains("denied.txt, line 1") && !said.contains("0812-34"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_event_reaches_the_number_that_only_to_names_and_nobody_else() {
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start_with(&["--only-to", "+62 812-3456-7890"]).await;
    pay(&kabari, "evt_1", ANNA).await;
    pay(&kabari, "evt_2", BUDI).await;
    tell(&kabari, BUDI, "live").await;
    assert_eq!(fate(&home, ANNA, "paid").await.0, "sent");
    assert_eq!(fate(&home, BUDI, "paid").await, is("skipped", "test mode"));
    assert_eq!(fate(&home, BUDI, "live").await, is("skipped", "test mode"));
    assert_eq!(kabari.stop().await, Some(0));
    let kabari = home.start().await;
    pay(&kabari, "evt_3", BUDI).await;
    assert_eq!(fate(&home, BUDI, "paid").await, is("skipped", "test mode"));
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(world.seen().asked.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_line_decides_what_an_answer_means_from_the_moment_it_is_saved() {
    let world = World::start().await;
    world.number(ANNA, Behave::answer(400, r#"{"error":"Nomor ini DIBLOKIR"}"#));
    world.number(BUDI, Behave::answer(400, r#"{"error":"tunggu sebentar"}"#));
    let home = home(&world);
    let kabari = home.start().await;
    tell(&kabari, ANNA, "one").await;
    assert_eq!(fate(&home, ANNA, "one").await, is("failed", "recipient"));
    // The number is remembered: nobody asks again.
    tell(&kabari, ANNA, "two").await;
    assert_eq!(fate(&home, ANNA, "two").await, is("failed", "recipient"));
    assert_eq!(world.seen().asked.len(), 1);
    tell(&kabari, BUDI, "one").await;
    assert_eq!(fate(&home, BUDI, "one").await, is("failed", "bad request"));
    let line = "- { text: tunggu, fate: uncertain, reason: server }\n    - { status: 400";
    let from = kabari.log().len();
    std::fs::write(home.path("rules.yaml"), RULES.replace("- { status: 400", line)).unwrap();
    kabari.says(from, &["rules reloaded"]).await;
    tell(&kabari, BUDI, "two").await;
    assert_eq!(fate(&home, BUDI, "two").await, is("uncertain", "server"));
    assert_eq!(kabari.stop().await, Some(0));
}

/// The file that closes these days, counted from today.
fn close(home: &Home, days: &[i64]) {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let days = days.iter().map(|days| (today + jiff::Span::new().days(*days)).to_string());
    let lines: Vec<String> = days.collect();
    std::fs::write(home.path("closed.txt"), lines.join("\n")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_file_of_holidays_is_in_force_at_once_for_what_waits_for_their_end() {
    let world = World::start().await;
    let hours = "hours: { from: \"00:00\", to: \"24:00\", holidays: closed.txt }";
    let rules = RULES.replace("  - name: people\n", &format!("  - name: people\n    {hours}\n"));
    let home = Home::new(&rules).variable("WACHAT_URL", &world.url());
    let home = home.variable("WACHAT_TOKEN", TOKEN);
    std::fs::write(home.path("denied.txt"), "").unwrap();
    close(&home, &[-1, 0, 1]);
    let kabari = home.start().await;
    tell(&kabari, ANNA, "one").await;
    kabari.says(0, &["some messages of lane one wait", "outside the rule's `hours`"]).await;
    // A day far from now lets nobody go.
    let from = kabari.log().len();
    close(&home, &[-1, 0, 1, 90]);
    kabari.says(from, &["rules reloaded"]).await;
    tell(&kabari, ANNA, "two").await;
    assert_eq!(world.seen().texts_to(ANNA), [""; 0]);
    let from = kabari.log().len();
    close(&home, &[90]);
    kabari.says(from, &["what waited in lane one goes on"]).await;
    assert_eq!(fate(&home, ANNA, "two").await.0, "sent");
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(world.seen().texts_to(ANNA), ["one", "two"]);
}
