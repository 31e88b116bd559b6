//! `kabari sources`: is it said what to paste at the provider?

use serde_json::Value;

use super::{GITHUB_SECRET, ROW, Row, Said, furnish, home_alone, run};
use crate::support::kabari::Home;

#[tokio::test]
async fn each_source_is_listed_with_its_address_and_what_came_from_it() {
    let home = home_alone();
    let rows = home.list(&["sources"]);
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["github", "stripe"]);
    assert_eq!(rows[0]["url"], "http://127.0.0.1:1/hooks/github");
    assert_eq!((&rows[0]["events"], &rows[0]["last_event_at"]), (&0.into(), &Value::Null));
    assert!(!home.path("kabari.db").exists(), "looking makes no store");

    furnish(&home, &[ROW, Row { n: 2, kind: "ping", ..ROW }]).await;
    let rows = home.list(&["sources", "list", "--public-url", "https://hooks.shop.example/"]);
    assert_eq!(rows[0]["url"], "https://hooks.shop.example/hooks/github");
    assert_eq!((&rows[0]["events"], &rows[1]["events"]), (&2.into(), &0.into()));
    assert_eq!(rows[0]["messages"], serde_json::json!({ "sent": 2 }));
    assert_eq!(rows[0]["last_event_at"], "2026-01-02T03:04:05Z");

    let piped = run(&home, &["sources"]).is(0);
    let first = "github\tgithub\thttp://127.0.0.1:1/hooks/github\t2\t2026-01-02 03:04:05\n";
    assert!(piped.out.starts_with(first), "{piped:#?}");
    assert!(piped.err.contains("--public-url"), "an address of this machine alone: {piped:#?}");
}

#[test]
fn one_source_is_shown_with_what_to_check_and_never_its_secret() {
    let home = home_alone();
    let said = run(&home, &["sources", "show", "stripe"]).is(0).says(&[
        "Signing secret (whsec_…)",
        "Stripe-Signature",
        "{timestamp}.{body}",
        "300 s",
        "mismatch",
        "stale",
        "kabari trigger stripe",
    ]);
    assert!(!said.out.contains("whsec_of_the_invoice_endpoint"));
    let said = run(&home, &["sources", "show", "github"]).is(0);
    assert!(!said.out.contains(GITHUB_SECRET));
    said.says(&["X-Hub-Signature-256: sha256=HMAC-SHA-256 of `{body}` in hex"]);
    run(&home, &["sources", "show", "gitlab"])
        .is(1)
        .says(&["no source `gitlab`", "github, stripe"]);
}

#[test]
fn all_presets_are_listed_with_what_they_leave_unsigned() {
    let home = home_alone();
    let rows = home.list(&["sources", "presets"]);
    assert!(rows.len() >= 72, "{} presets", rows.len());
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    assert_eq!(row("midtrans")["unsigned"], serde_json::json!(["body", "id", "kind"]));
    assert_eq!(row("stripe")["unsigned"], serde_json::json!([]));
    let own = home.list(&["sources"]);
    assert_eq!(own[0]["unsigned"], serde_json::json!(["id", "kind"]), "of GitHub's");
    assert_eq!(own[1]["unsigned"], serde_json::json!([]), "of Stripe's");
    let evolution = Home::new(
        "wachat: { token: unused, instance: one }\nsources:\n  evolution-jwt: { secret: a secret of some length }\nrules: []\n",
    );
    let shown = Said::from(evolution.run(&["sources", "show", "evolution-jwt"])).is(0);
    shown.says(&["does not send again what is answered 400, 401, 403, 404, 422", "wrong secret"]);
    let slack = row("slack")["signs"].as_str().unwrap();
    assert!(slack.contains("`v0:{timestamp}:{body}`") && slack.contains("300 s"), "{slack}");
    run(&home, &["sources", "show", "github"])
        .is(0)
        .says(&["not under the signature: id, kind", "does not try again"]);
}

#[test]
fn a_new_secret_is_of_the_form_that_its_sender_takes_and_never_the_same() {
    let home = home_alone();
    let run = |words: &[&str]| Said::from(home.say(words, ""));
    let made = |words: &[&str]| run(words).is(0).out.trim().to_owned();
    let bare = made(&["secrets", "new"]);
    assert!(bare.len() == 64 && bare != made(&["secrets", "new"]), "{bare}");
    assert!(made(&["secrets", "new", "svix"]).starts_with("whsec_"));
    assert!(made(&["secrets", "new", "postmark-basic"]).contains(':'));
    let pair = made(&["secrets", "new", "discord"]);
    assert!(pair.contains("public ") && pair.contains("private "), "{pair}");
    run(&["secrets", "new", "paypal"]).is(1).says(&["key of its own"]);
    run(&["secrets", "new", "nobody"]).is(1).says(&["no preset `nobody`"]);
}
