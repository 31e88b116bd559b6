//! Who gets messages, as the real program is told by lists, by commands and by its flags?

use std::time::{Duration, SystemTime};

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

/// State and reason of the message with this text to this number, once it has left the queue.
async fn fate(home: &Home, to: &str, text: &str) -> (String, String) {
    let began = std::time::Instant::now();
    loop {
        let words = ["messages", "list", "--number", to, "--full"];
        let list = tokio::task::block_in_place(|| home.list(&words));
        let of = |message: &serde_json::Value, field: &str| {
            message[field].as_str().unwrap_or_default().to_owned()
        };
        let found = list.iter().find(|message| message["request"]["message"] == text);
        let found = found.map(|message| (of(message, "state"), of(message, "reason")));
        match found {
            Some((state, reason)) if !["waiting", "sending"].contains(&&*state) => {
                return (state, reason);
            }
            other => assert!(began.elapsed() < PATIENCE, "{text}: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
    kabari.order("/api/lanes/one/pause").await;
    tell(&kabari, ANNA, "waiting").await;
    let from = kabari.log().len();
    std::fs::write(home.path("denied.txt"), format!("{ANNA}\n")).unwrap();
    kabari.says(from, &["rules reloaded"]).await;
    kabari.order("/api/lanes/one/resume").await;
    assert_eq!(fate(&home, ANNA, "waiting").await, is("skipped", "opted out"));
    assert_eq!(kabari.stop().await, Some(0));
    says(&home, &["send", "--number", ANNA, "--message", "by hand"], 1, "opted out");
    assert_eq!(world.seen().texts_to(ANNA), ["before"]);
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
