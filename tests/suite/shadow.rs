//! Does `mode: shadow` send nothing, and lose nothing of what waited before?

use crate::guards::{ANNA, BUDI, home, messages, save, tell};
use crate::process::{RULES, SECRET};
use crate::support::kabari::Home;
use crate::support::world::{TOKEN, World};

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
async fn in_shadow_what_waited_before_is_kept_and_nothing_is_sent_by_hand_either() {
    let world = World::start().await;
    let home = home(&world, "defaults: { mode: send }");
    let kabari = home.start().await;
    assert!(home.run(&["lanes", "pause", "one"]).status.success());
    tell(&kabari, ANNA, "before").await;
    let live = std::fs::read_to_string(home.path("rules.yaml")).unwrap();
    save(&home, &kabari, &live.replace("mode: send", "mode: shadow")).await;
    assert!(home.run(&["lanes", "resume", "one"]).status.success());
    let lanes = String::from_utf8(home.run(&["lanes", "list"]).stdout).unwrap();
    assert!(lanes.contains("shadow: `defaults.mode: shadow`, what waits is kept"), "{lanes}");
    let send = ["send", "--number", BUDI, "--message", "by hand"];
    let output = tokio::task::block_in_place(|| home.run(&send));
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("while `defaults.mode` is `shadow`"), "{said}");
    // At its end whatever a lane has begun has ended.
    assert_eq!(kabari.stop().await, Some(0));
    let output = tokio::task::block_in_place(|| home.run(&send));
    assert_eq!(output.status.code(), Some(1), "also without a running serve");
    let kept = |state: &str, why: &str, text: &str| [state, why, text].map(str::to_owned);
    let by_hand = kept("skipped", "shadow", "by hand");
    assert_eq!(messages(&home), [kept("waiting", "", "before"), by_hand.clone(), by_hand]);
    assert_eq!(world.seen().asked.len(), 0);
    std::fs::write(home.path("rules.yaml"), live).unwrap();
    let kabari = home.start().await;
    world.until("what waited", |seen| seen.dispatched.len() == 1).await;
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(world.seen().texts_to(ANNA), ["before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_in_shadow_shows_what_it_sends_from_the_moment_it_is_out_of_it() {
    let world = World::start().await;
    let watched = r#"rules:
  - name: watched
    source: github
    mode: shadow
    dedupe: "{{ event.text }}"
    or: { number: "6285555555555", message: "{{ event.text }}, instead" }
    send:
      number: "{{ event.to }}"
      type: document
      mediaUrl: "https://files.example/{{ event.text }}.pdf"
      fileName: "{{ event.text }}.pdf"
      mimetype: application/pdf
      delay: 1200
      message: "Here is {{ event.text }}"
"#;
    let rules = RULES.replace("rules:\n", watched);
    let home =
        Home::new(&rules).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN);
    let kabari = home.start().await;
    tell(&kabari, ANNA, "a").await;
    world.until("the rule beside it", |seen| !seen.asked.is_empty()).await;
    let of_rule = ["messages", "list", "--rule", "watched", "--full"];
    let shown = home.list(&of_rule);
    assert_eq!((shown.len(), &shown[0]["reason"]), (1, &"shadow".into()), "{shown:?}");
    assert_eq!(shown[0]["detail"], "its rule only watches (`mode: shadow`)");
    save(&home, &kabari, &rules.replace("    mode: shadow\n", "")).await;
    let body = format!(r#"{{"to":"{ANNA}","text":"a","again":true}}"#);
    let answer = kabari.post_github(SECRET, "issues", "another event", &body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    world.until("it too", |seen| seen.dispatched.len() == 2).await;
    assert_eq!(kabari.stop().await, Some(0));
    let asked = world.seen().asked;
    assert_eq!((asked[0].message(), &asked[1].body), ("a", &shown[0]["request"]));
    assert_eq!(asked[1].body["fileName"], "a.pdf");
    assert_eq!(home.list(&of_rule)[1]["state"], "skipped", "what was shown stays what it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_when_its_rule_went_into_shadow_is_kept_until_it_is_out_of_it() {
    let world = World::start().await;
    let beside = r#"rules:
  - name: beside it
    source: github
    kind: push
    send: { number: "{{ event.to }}", message: "{{ event.text }} beside it" }
"#;
    let sends = RULES.replace("rules:\n", beside);
    let watches = sends.replace("  - name: people\n", "  - name: people\n    mode: shadow\n");
    let home =
        Home::new(&sends).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN);
    let kabari = home.start().await;
    assert_eq!(kabari.order("/api/lanes/one/pause").await.status, 200);
    tell(&kabari, ANNA, "a").await;
    save(&home, &kabari, &watches).await;
    assert_eq!(kabari.order("/api/lanes/one/resume").await.status, 200);
    tell(&kabari, ANNA, "b").await;
    world.until("the rule beside it", |seen| seen.dispatched.len() == 2).await;
    let kept = home.list(&["messages", "list", "--state", "waiting", "--full"]);
    assert_eq!((kept.len(), &kept[0]["reason"]), (1, &"shadow".into()), "{kept:?}");
    save(&home, &kabari, &sends).await;
    world.until("what was kept", |seen| seen.dispatched.len() == 3).await;
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(world.seen().texts_to(ANNA), ["a beside it", "b beside it", "a"]);
}
