//! `kabari serve`: what does it refuse, what does it warn of, and what changes at a reload?

use super::{GITHUB_SECRET, NUMBER, RULES, home, home_alone, home_with, run, world_and_home};
use crate::support::kabari::{Home, Kabari};

const PUSH: &str = r#"{"ref":"refs/heads/main","sender":{"login":"ann"}}"#;

async fn push(kabari: &Kabari, delivery: &str) {
    // No two honest pushes are alike.
    let body = PUSH.replacen('{', &format!("{{\"after\":\"{delivery}\","), 1);
    let answer = kabari.post_github(GITHUB_SECRET, "push", delivery, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn write(home: &Home, rules: &str) {
    std::fs::write(home.path("rules.yaml"), rules).unwrap();
}

#[tokio::test]
async fn flags_stand_above_the_file_and_port_0_is_logged_as_what_it_became() {
    // The file says port 1 for both, and a store in a folder that is not there.
    let rules = format!("{RULES}\nstore: sqlite://nowhere/kabari.db\n");
    let home = home_with(&rules, "http://127.0.0.1:1");
    let kabari = home.start().await;
    assert!(kabari.listen().port() > 1);
    assert!(home.path("kabari.db").exists() && !home.path("nowhere").exists());
    push(&kabari, "d-1").await;
    assert_eq!(kabari.page("/healthz").await.status, 200);
    assert_eq!(kabari.stop().await, Some(0));
}

#[test]
fn a_rule_file_with_mistakes_is_reported_and_nothing_starts() {
    let home = home_with(&RULES.replace("kind: push", "knid: push"), "http://127.0.0.1:1");
    let said = run(&home, &["serve"]).is(1);
    assert!(said.out.is_empty(), "{said:#?}");
    said.says(&["rules.yaml:", "knid", "kind"]);
    assert!(!home.path("kabari.db").exists());
    std::fs::remove_file(home.path("rules.yaml")).unwrap();
    run(&home, &["serve"]).is(1).says(&["rules.yaml"]);
}

#[test]
fn a_variable_that_is_not_set_refuses() {
    let home =
        Home::new(RULES).variable("WACHAT_TOKEN", "t").variable("WACHAT_URL", "http://[::1]");
    let said = run(&home, &["serve"]).is(1);
    said.says(&["GITHUB_SECRET", "STRIPE_SECRET", "not set"]);
}

#[tokio::test]
async fn what_is_legal_but_surely_not_meant_is_a_warning_at_the_start() {
    let home = home_alone().variable("GITHUB_SECRET", "tiny-1");
    let kabari = home.start().await;
    assert!(kabari.log().contains("6 characters can be guessed"), "{}", kabari.log());
    assert!(!kabari.log().contains("tiny-1"), "never the secret: {}", kabari.log());
}

#[tokio::test]
async fn a_second_one_on_the_same_store_refuses_and_names_the_first() {
    let home = home_alone();
    let kabari = home.start().await;
    let free = ["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    run(&home, &free).is(1).says(&["another `kabari serve`", "process ", "--store"]);
    let taken = kabari.listen().to_string();
    let other = home_alone();
    let said = run(&other, &["serve", "--listen", &taken, "--admin", "127.0.0.1:0"]).is(1);
    said.says(&["server.listen", &taken, "in use"]);
}

#[tokio::test]
async fn a_hangup_puts_a_good_file_in_force_and_says_what_needs_a_restart() {
    let (world, home) = world_and_home().await;
    let kabari = home.start().await;
    push(&kabari, "d-1").await;
    write(&home, &RULES.replace("pushed\"", "pushed again\""));
    kabari.hang_up();
    kabari.says(0, &["rules reloaded"]).await;
    assert!(!kabari.log().contains("needs a restart"), "flags hold: {}", kabari.log());
    push(&kabari, "d-2").await;
    world.until("both", |seen| seen.dispatched.len() == 2).await;
    assert_eq!(world.seen().texts_to(NUMBER), ["ann pushed", "ann pushed again"]);
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test]
async fn a_hangup_with_a_bad_file_changes_nothing_but_what_is_said_about_it() {
    let (world, home) = world_and_home().await;
    let kabari = home.start().await;
    assert_eq!(kabari.page("/readyz").await.json()["rules"], "ok");
    write(&home, &RULES.replace("pushed\"", "{{ event.\""));
    kabari.hang_up();
    kabari.says(0, &["the rule file has mistakes"]).await;
    push(&kabari, "d-1").await;
    world.until("the old rule's message", |seen| seen.dispatched.len() == 1).await;
    assert_eq!(world.seen().texts_to(NUMBER), ["ann pushed"]);
    let ready = kabari.page("/readyz").await;
    assert_eq!(ready.status, 200, "a bad file on disk stops nobody");
    let said = ready.json()["rules"].to_string();
    assert!(said.contains("rules.yaml:"), "{said}");
    let gauge = "kabari_rules_reload_success";
    assert!(kabari.page("/metrics").await.body.contains(&format!("\n{gauge} 0\n")));

    write(&home, RULES);
    kabari.hang_up();
    kabari.says(0, &["rules reloaded"]).await;
    assert_eq!(kabari.page("/readyz").await.json()["rules"], "ok");
    assert!(kabari.page("/metrics").await.body.contains(&format!("\n{gauge} 1\n")));
}

#[tokio::test]
async fn it_can_be_stopped_as_soon_as_it_says_that_it_is_ready() {
    let home = home("http://127.0.0.1:1");
    let kabari = home.start().await;
    kabari.hang_up();
    assert_eq!(kabari.stop().await, Some(0));
}
