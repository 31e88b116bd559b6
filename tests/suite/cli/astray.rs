//! Somebody else's mistake stands in the rule file: can a person still opt out, and stop a lane?

use std::time::Instant;

use kabari::model::State;

use super::{NUMBER, ROW, RULES, Row, Said, furnish, home_alone, home_with, run, world_and_home};
use crate::support::kabari::{Home, PATIENCE, http};

/// A line that no list can have, and a file of holidays that is not there.
const ASTRAY: &str =
    "recipients: { deny: deny.txt }\ndefaults: { country: ID, hours: { holidays: gone.txt } }\n";

fn astray(home: &Home) {
    std::fs::write(home.path("deny.txt"), "6281234567890\nabc\n").unwrap();
    let rules = RULES.replace("defaults: { country: ID }\n", ASTRAY);
    std::fs::write(home.path("rules.yaml"), rules).unwrap();
}

/// Says words with the rule file alone, without the store's address.
fn say(home: &Home, words: &[&str]) -> Said {
    home.say(words, "").into()
}

#[tokio::test]
async fn what_needs_only_the_stores_address_goes_on_with_one_line_of_warning() {
    let home = home_alone();
    furnish(&home, &[ROW, Row { n: 2, state: State::Waiting, ..ROW }]).await;
    astray(&home);
    let event = ROW.event().to_string();
    for words in [
        &["lanes", "pause", "jakarta_store"][..],
        &["lanes", "list"],
        &["optout", "add", "0812-3456-7890"],
        &["optout", "list"],
        &["messages", "list", "--number", "0812-3456-7890"],
        &["messages", "cancel", "--state", "waiting"],
        &["events", "list"],
        &["events", "show", &event],
        &["export"],
        &["backup", "copy.db"],
        &["purge", "--recipient", "0812-3456-7890"],
    ] {
        let said = say(&home, words).is(0);
        assert!(!said.out.is_empty(), "{words:?}");
        assert!(said.err.starts_with("warning: rules.yaml: 2 errors, left aside"), "{said:#?}");
        assert_eq!(said.err.lines().count(), 1, "{said:#?}");
    }
    for words in [
        &["check"][..],
        &["explain", "--sample", "github/push"],
        &["events", "replay", &event, "--dry-run"],
        &["send", "--number", NUMBER, "--message", "hi"],
        &["serve"],
    ] {
        say(&home, words).is(1).says(&["error[list-file]"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_kabari_is_told_to_stand_still_and_who_opted_out() {
    let (_world, home) = world_and_home().await;
    let kabari = home.start().await;
    astray(&home);
    kabari.hang_up();
    kabari.says(0, &["deny.txt, line 2"]).await;
    say(&home, &["lanes", "pause", "jakarta_store"]).is(0).says(&["jakarta_store stands still"]);
    say(&home, &["optout", "add", NUMBER]).is(0).says(&["gets no messages any more"]);
    kabari.says(0, &["lane jakarta_store stands still: by hand"]).await;
}

/// As when somebody forgets a quote, in a file that also says who may give orders.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_kabari_with_a_token_takes_orders_while_the_yaml_is_broken() {
    for secret in ["", ", secret: a-long-secret-of-the-store-0123456789abcdef"] {
        let (_world, home) = world_and_home().await;
        let rules = std::fs::read_to_string(home.path("rules.yaml")).unwrap();
        let store = format!("store: {{ url: sqlite://kabari.db{secret} }}\n");
        let server = "server: { admin_token: \"${ADMIN_TOKEN}\",";
        let rules = format!("{store}{}", rules.replace("server: {", server));
        std::fs::write(home.path("rules.yaml"), &rules).unwrap();
        let home = home.variable("ADMIN_TOKEN", "the token of the admin pages");
        let kabari = home.start().await;
        assert_eq!(kabari.page("/api/overview").await.status, 401, "nobody else comes in");
        std::fs::write(home.path("rules.yaml"), rules + "vars: { a: \"\n").unwrap();
        run(&home, &["lanes", "pause", "jakarta_store"]).is(0).says(&["stands still"]);
        kabari.says(0, &["lane jakarta_store stands still: by hand"]).await;
        run(&home, &["optout", "add", NUMBER]).is(0).says(&["gets no messages any more"]);
        // Nor does it matter who guesses tokens meanwhile.
        let admin = kabari::store::owner(&home.path("kabari.db")).unwrap().admin.unwrap();
        let client = http();
        let guess = || client.get(format!("{admin}/api/overview")).bearer_auth("a guess").send();
        let began = Instant::now();
        while guess().await.unwrap().status() != 429 {
            assert!(began.elapsed() < PATIENCE, "whoever guesses is never told to stop");
        }
        run(&home, &["lanes", "resume", "jakarta_store"]).is(0).says(&["goes on"]);
    }
}

#[test]
fn of_several_numbers_it_is_said_which_one_is_wrong() {
    let home = home_alone();
    let said = run(&home, &["optout", "add", NUMBER, "6281234567891", "abc"]).is(1);
    said.says(&["the 3rd number, `abc`: "]);
    let said =
        run(&home, &["optout", "add", NUMBER, "62812"]).is(1).says(&["the 2nd number: ••••"]);
    assert!(!said.err.contains("62812"), "{said:#?}");
    run(&home, &["optout", "add", "Ann"]).is(1).says(&["`Ann` is no number"]);
    let said = run(&home, &["serve", "--only-to", NUMBER, "--only-to", "me"]).is(1);
    said.says(&["--only-to cannot be read: the 2nd number, `me`: "]);
}

#[tokio::test]
async fn where_another_store_may_be_meant_it_is_asked_for_and_none_is_made() {
    let store = "store: sqlite://kabari.db\n";
    for (wrong, code) in [
        ("stor: sqlite://other.db\n", "unknown-key"),
        ("store: [sqlite://other.db]\n", "type"),
        ("store: \"sqlite://other.db\n", "yaml-quote"),
    ] {
        let home =
            home_with(&format!("{store}{RULES}").replace(store, wrong), "http://127.0.0.1:1");
        let said = say(&home, &["optout", "add", NUMBER]).is(1);
        assert!(said.err.contains(code), "{said:#?}");
        said.says(&["add --store sqlite://PATH"]);
        assert!(!home.path("kabari.db").exists());
        let said = run(&home, &["optout", "add", NUMBER]).is(0).says(&["left aside"]);
        assert_eq!(said.err.lines().count(), 1, "{said:#?}");
    }
}
