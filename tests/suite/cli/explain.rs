//! `kabari explain --json`: is the contract kept?

use serde_json::Value;

use super::{ROW, Row, Said, furnish, home_alone, run};

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:#?}"))
}

#[test]
fn a_sample_is_explained_as_promised_and_nothing_is_sent() {
    let home = home_alone();
    let words = ["explain", "--source", "stripe", "--sample", "invoice.paid", "--json"];
    let told = json(&run(&home, &words).is(0));
    assert_eq!(told["event"]["source"], "stripe");
    assert_eq!(told["event"]["kind"], "invoice.paid");
    assert!(told["event"]["id"].is_string());
    let rules = told["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 1, "the rules of this source");
    assert_eq!((&rules[0]["name"], &rules[0]["matched"]), (&"paid".into(), &true.into()));
    assert!(!rules[0]["why"].as_array().unwrap().is_empty());
    let message = &told["messages"][0];
    assert_eq!((&message["rule"], &message["state"]), (&"paid".into(), &"waiting".into()));
    assert_eq!(message["request"]["type"], "document");
    assert!(!home.path("kabari.db").exists(), "it makes no store");
}

#[test]
fn a_body_is_enough_and_no_match_is_no_failure() {
    let home = home_alone();
    let body = r#"{"type":"invoice.paid","data":{"object":{"amount_paid":0}}}"#;
    let words = ["explain", "--source", "stripe", "-", "--json"];
    let told = json(&Said::from(home.say(&words, body)).is(0));
    assert_eq!(told["rules"][0]["matched"], false);
    assert_eq!(told["messages"], serde_json::json!([]));
    let words = ["explain", "--source", "stripe", "-", "--expect", "paid"];
    Said::from(home.say(&words, body)).is(1);
    let words = ["explain", "--source", "github", "--kind", "push", "-", "--json"];
    let told = json(&Said::from(home.say(&words, r#"{"sender":{"login":"ann"}}"#)).is(0));
    assert_eq!(told["messages"][0]["request"]["message"], "ann pushed");
    Said::from(home.say(&["explain", "--source", "stripe", "-"], "not json")).is(1);
}

#[tokio::test]
async fn a_stored_event_is_explained_again() {
    let home = home_alone();
    let row = Row { kind: "star.created", ..ROW };
    furnish(&home, &[row]).await;
    let told = json(&run(&home, &["explain", "--event", &row.event().to_string(), "--json"]).is(0));
    assert_eq!(told["event"]["kind"], "star.created");
    assert_eq!(told["rules"][0]["matched"], false);
    run(&home, &["explain", "--event", &Row { n: 2, ..ROW }.event().to_string()]).is(1);
}
