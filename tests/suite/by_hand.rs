//! What can a person send and decide, with and without a running `serve`?

use std::process::Output;

use crate::process::{RULES, SECRET, home};
use crate::support::kabari::{Home, PATIENCE};
use crate::support::world::{Behave, TOKEN, World};
use crate::support::zone_at_noon;

const ANNA: &str = "6281234567890";

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

fn id_and_state(home: &Home) -> (String, String) {
    let messages = home.list(&["messages", "list"]);
    let field = |name: &str| messages[0][name].as_str().unwrap().to_owned();
    (field("id"), field("state"))
}

/// Runs a command beside this task, which goes on serving the world.
fn run(home: &Home, words: &[&str]) -> Output {
    tokio::task::block_in_place(|| home.run(words))
}

const SEND: [&str; 5] = ["send", "--number", ANNA, "--message", "by hand"];

#[tokio::test(flavor = "multi_thread")]
async fn send_works_with_and_without_a_running_serve_and_says_what_came_of_it() {
    let world = World::start().await;
    let home = home(&world);
    for running in [false, true] {
        let kabari = if running { Some(home.start().await) } else { None };
        let output = run(&home, &SEND);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(said(&output).contains("accepted by Wachat"), "{}", said(&output));
        world.next(1, Behave::answer(400, r#"{"error":"number not on whatsapp"}"#));
        let output = run(&home, &SEND);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("not on whatsapp"), "{}", said(&output));
        assert!(!said(&output).contains(ANNA), "{}", said(&output));
        if let Some(kabari) = kabari {
            assert_eq!(kabari.stop().await, Some(0));
        }
    }
    assert_eq!(world.seen().asked.len(), 4);
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn send_without_a_running_serve_keeps_to_the_limits_of_its_session_and_uses_them_up() {
    let world = World::start().await;
    let rules = RULES.replacen(
        "one: { pace: off, in_flight: 1 }",
        "one: { pace: 100/s, burst: 100, gap: 0s, caps: { day: 3, first_contacts: 2 } }",
        1,
    );
    let zone = format!("defaults: {{ timezone: {} }}\nsources:", zone_at_noon());
    let rules = rules.replacen("sources:", &zone, 1);
    let home =
        Home::new(&rules).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN);
    let send = |last: u8| {
        let number = format!("62812345678{last:02}");
        let output = run(&home, &["send", "--number", &number, "--message", "by hand"]);
        (output.status.code(), said(&output))
    };
    for last in [1, 2] {
        assert_eq!(send(last).0, Some(0));
    }
    let (code, words) = send(3);
    assert!(code == Some(1) && words.contains("may not send it before"), "{words}");
    assert_eq!(send(1).0, Some(0), "who is known already");
    let (code, words) = send(2);
    assert!(code == Some(1) && words.contains("waits in the queue"), "{words}");
    assert_eq!(world.seen().asked.len(), 3);
    let kabari = home.start().await;
    let used_up = "the day's messages are used up";
    kabari.says(0, &[used_up]).await;
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(world.seen().asked.len(), 3, "what was sent by hand counts");
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_by_hand_is_kept_although_the_database_was_held_meanwhile() {
    let world = World::start().await;
    world.next(1, Behave::send().held());
    let home = home(&world);
    assert_eq!(run(&home, &["messages", "list"]).status.code(), Some(1), "no store yet");
    let kabari = home.start().await;
    assert_eq!(kabari.stop().await, Some(0));
    let thief = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
    let stealing = tokio::spawn(async move {
        world.until("the request", |seen| !seen.asked.is_empty()).await;
        thief.execute_batch("BEGIN IMMEDIATE").unwrap();
        world.let_go();
        // Longer than the store waits for another program's lock.
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        thief.execute_batch("ROLLBACK").unwrap();
        assert_eq!(world.seen().asked.len(), 1);
    });
    let output = run(&home, &SEND);
    stealing.await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(id_and_state(&home).1, "sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_decides_with_and_without_a_running_serve() {
    for running in [false, true] {
        for (verb, state, sent) in
            [("retry", "sent", 2), ("cancel", "cancelled", 1), ("mark-sent", "sent", 1)]
        {
            let world = World::start().await;
            world.next(1, Behave::close());
            let home = home(&world);
            let kabari = home.start().await;
            let body = format!(r#"{{"to":"{ANNA}","text":"x"}}"#);
            kabari.post_github(SECRET, "push", "x", &body).await.unwrap();
            kabari.says(0, &[r#""fate":"uncertain""#]).await;
            let kabari = if running {
                Some(kabari)
            } else {
                assert_eq!(kabari.stop().await, Some(0));
                None
            };
            let began = std::time::Instant::now();
            while id_and_state(&home).1 != "uncertain" {
                assert!(began.elapsed() < PATIENCE);
            }
            let (id, _) = id_and_state(&home);
            let output = run(&home, &["messages", verb, &id]);
            assert_eq!(output.status.code(), Some(0), "{verb}: {}", said(&output));
            let kabari = match kabari {
                Some(kabari) => kabari,
                None => home.start().await,
            };
            world.until(verb, |seen| seen.asked.len() == sent).await;
            assert_eq!(kabari.stop().await, Some(0));
            assert_eq!(id_and_state(&home).1, state, "{verb} running: {running}");
            assert_eq!(world.seen().asked.len(), sent, "{verb}");
            // What is done cannot be undone.
            let output = run(&home, &["messages", "cancel", &id]);
            assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_a_person_may_decide_before_anything_runs_again() {
    let world = World::start().await;
    world.always(Behave::hang());
    let home = home(&world);
    let kabari = home.start().await;
    let body = format!(r#"{{"to":"{ANNA}","text":"x"}}"#);
    kabari.post_github(SECRET, "push", "x", &body).await.unwrap();
    world.until("the request", |seen| !seen.asked.is_empty()).await;
    kabari.kill();
    let (id, state) = id_and_state(&home);
    assert_eq!(state, "sending");
    let output = run(&home, &["messages", "mark-sent", &id]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(id_and_state(&home).1, "sent");
}
