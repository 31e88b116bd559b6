//! Is exactly the documented request sent, and every answer read rightly?

use std::time::Duration;

use kabari::model::{Content, Fate, Kind, Reason, Recipient, Scope, Verdict};
use kabari::secret::Secret;
use kabari::wachat::{Client, Settings};
use serde_json::json;

use crate::support::world::{Behave, INSTANCE, TOKEN, World};

const NUMBER: &str = "6281234567890";

fn client_of(url: &str, timeout: Duration) -> Client {
    let token = Secret::new(TOKEN);
    Client::new(Settings { base_url: url.parse().unwrap(), token, timeout }).unwrap()
}

async fn send(client: &Client, content: &Content) -> Verdict {
    client.send(INSTANCE, &Recipient::person(NUMBER).unwrap(), content).await
}

async fn told(world: &World, behave: Behave) -> Verdict {
    told_within(world, behave, Settings::TIMEOUT_DEFAULT).await
}

async fn told_within(world: &World, behave: Behave, timeout: Duration) -> Verdict {
    world.next(1, behave);
    send(&client_of(&world.url(), timeout), &Content::text("hello")).await
}

#[tokio::test]
async fn what_wachat_gets_is_what_it_documents() {
    let world = World::start().await;
    // A path and a slash at the end of the base URL change nothing.
    let client = client_of(&format!("{}/", world.url()), Settings::TIMEOUT_DEFAULT);
    let document = Content {
        kind: Kind::Document,
        media_url: Some("https://files.example/a.pdf".into()),
        file_name: Some("Rechnung №1.pdf".into()),
        mimetype: Some("application/pdf".into()),
        delay: Some(1),
        ..Content::text("*paid*\nthanks")
    };
    for content in [&Content::text("hello"), &document] {
        assert_eq!(send(&client, content).await.fate, Fate::Sent);
    }
    let bodies: Vec<_> = world.seen().dispatched.into_iter().map(|sent| sent.body).collect();
    let hello = json!({"instanceName": INSTANCE, "number": NUMBER, "message": "hello"});
    let paid = json!({
        "instanceName": INSTANCE, "number": NUMBER, "type": "document",
        "mediaUrl": "https://files.example/a.pdf", "message": "*paid*\nthanks",
        "fileName": "Rechnung №1.pdf", "mimetype": "application/pdf", "delay": 1,
    });
    assert_eq!(bodies, [hello, paid]);
    world.assert_clean();
}

#[tokio::test]
async fn a_refused_connection_was_certainly_not_a_message() {
    let world = World::start().await;
    let client = client_of(&world.url(), Settings::TIMEOUT_DEFAULT);
    world.down().await;
    let verdict = send(&client, &Content::text("hello")).await;
    assert_eq!(verdict.fate, Fate::Retry { after: None });
    assert_eq!((verdict.reason, verdict.scope), (Some(Reason::Network), Scope::Lane));
    assert!(verdict.detail.contains("refused"), "{}", verdict.detail);
    assert!(!verdict.detail.contains("http://"), "{}", verdict.detail);
    world.up().await;
    assert_eq!(send(&client, &Content::text("hello")).await.fate, Fate::Sent);
}

#[tokio::test]
async fn a_server_without_tls_was_certainly_not_sent_anything() {
    let world = World::start().await;
    let client = client_of(&world.url().replace("http:", "https:"), Duration::from_secs(9));
    let verdict = send(&client, &Content::text("hello")).await;
    assert_eq!(verdict.reason, Some(Reason::Network), "{}", verdict.detail);
    assert_eq!(world.seen().asked.len(), 0);
}

#[tokio::test]
async fn silence_and_a_broken_connection_are_uncertain_whatever_happened() {
    let world = World::start().await;
    let soon = Duration::from_millis(400);
    for (behave, timeout) in [
        (Behave::hang(), soon),
        (Behave::hang().dispatching(), soon),
        (Behave::close(), Settings::TIMEOUT_DEFAULT),
    ] {
        let verdict = told_within(&world, behave.clone(), timeout).await;
        let expected = (Fate::Uncertain, Some(Reason::NoAnswer), None);
        assert_eq!((verdict.fate, verdict.reason, verdict.status), expected, "{behave:?}");
    }
    assert_eq!(world.seen().dispatched.len(), 1);
    assert_eq!(world.seen().asked.len(), 3, "nothing is tried twice within a call");
}

#[tokio::test]
async fn each_answer_is_read_by_the_table() {
    let world = World::start().await;
    for (behave, fate, reason) in [
        (Behave::answer(500, "{}"), "uncertain", Some(Reason::Server)),
        (Behave::answer(503, "{}"), "retry", Some(Reason::Server)),
        (Behave::deny("insufficient quota"), "retry", Some(Reason::Rate)),
        (Behave::page(), "uncertain", Some(Reason::Unreadable)),
        (
            Behave::answer(302, "").header(axum::http::header::LOCATION, "/"),
            "retry",
            Some(Reason::BadRequest),
        ),
        (Behave::send(), "sent", None),
    ] {
        let verdict = told(&world, behave.clone()).await;
        assert_eq!((verdict.fate.as_str(), verdict.reason), (fate, reason), "{behave:?}");
    }
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms() {
    let world = World::start().await;
    let seconds = told(&world, Behave::too_fast("7")).await;
    assert_eq!(seconds.fate, Fate::Retry { after: Some(Duration::from_secs(7)) });
    let date = Behave::too_fast("Sun, 06 Nov 1994 12:00:30 GMT")
        .header(axum::http::header::DATE, "Sun, 06 Nov 1994 12:00:00 GMT");
    let verdict = told(&world, date).await;
    assert_eq!(verdict.fate, Fate::Retry { after: Some(Duration::from_secs(30)) });
}

#[tokio::test]
async fn an_answer_without_end_is_read_so_far_and_a_token_in_it_is_not_shown() {
    let world = World::start().await;
    let endless = format!(r#"{{"error":"{}"}}"#, "x".repeat(1 << 20));
    let verdict = told(&world, Behave::answer(200, &endless)).await;
    assert_eq!(verdict.reason, Some(Reason::Unreadable));
    let echo = format!(r#"{{"error":"bad header Bearer {TOKEN} for {NUMBER}"}}"#);
    let verdict = told(&world, Behave::answer(400, &echo)).await;
    assert!(!verdict.detail.contains(TOKEN) && !verdict.detail.contains(NUMBER));
}

#[tokio::test]
async fn a_wrong_token_stops_the_lane() {
    let world = World::start().await;
    let settings = Settings {
        base_url: world.url().parse().unwrap(),
        token: Secret::new("wrong"),
        timeout: Settings::TIMEOUT_DEFAULT,
    };
    let verdict = send(&Client::new(settings).unwrap(), &Content::text("hello")).await;
    assert_eq!((verdict.reason, verdict.scope), (Some(Reason::Auth), Scope::Lane));
    assert_eq!(world.faults(), ["Unauthorized"]);
}

#[tokio::test]
async fn a_connection_that_rested_for_two_seconds_is_not_used_again() {
    let world = World::start().await;
    let client = client_of(&world.url(), Settings::TIMEOUT_DEFAULT);
    for _ in 0..20 {
        assert_eq!(send(&client, &Content::text("hello")).await.fate, Fate::Sent);
    }
    let before = world.seen().connections;
    assert!(before < 20, "connections are used again: {before}");
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(send(&client, &Content::text("hello")).await.fate, Fate::Sent);
    assert_eq!(world.seen().connections, before + 1);
}
