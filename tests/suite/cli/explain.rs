//! `kabari explain --json`: is the contract kept?

use serde_json::Value;

use super::{GITHUB_SECRET, ROW, Row, Said, furnish, home_alone, home_with, run};
use crate::support::kabari::github_signature;

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

const CI_RULES: &str = r#"
wachat: { token: "${WACHAT_TOKEN}", instance: phone }
sources:
  github: { secrets: ["${GITHUB_SECRET}", "${STRIPE_SECRET}"] }
rules:
  - name: push-to-ann
    source: github
    kind: push
    match: { sender.login: ann, ref: [{ prefix: refs/heads/ }] }
    send: { number: "6281234567890", message: hi }
  - name: push-by-phone
    source: github
    kind: push
    match: { pusher.phone: "6281234567891" }
    send: { number: "6281234567890", message: hi }
  - name: pushed
    source: github
    kind: push
    when: event.sender.login == "bea"
    send: { number: "+62 812-3456-7890", message: "*{{ event.sender.login }}* pushed" }
  - name: starred
    source: github
    kind: star
    send: { number: "6281234567890", message: hi }
"#;

const PUSH: &str =
    r#"{"sender":{"login":"bea"},"ref":"refs/tags/x","pusher":{"phone":"081234567890"}}"#;

#[test]
fn what_matches_comes_first_then_the_nearest_misses_and_numbers_are_masked() {
    let home = home_with(CI_RULES, "http://127.0.0.1:1");
    let words = ["explain", "--source", "github", "--kind", "push", "-"];
    let said = Said::from(home.say(&words, PUSH)).is(0);
    let expected = "\
event  github push   from standard input: signature and duplicates not checked

✓ pushed                                                           rules.yaml:16
    ✓ kind   push
    ✓ when   login == \"bea\"   \"bea\" == \"bea\"                                 :19
✗ push-by-phone                                                    rules.yaml:11
    ✓ kind   push
    ✗ match  pusher.phone   wants \"62812••••7891\"
                            saw   \"08123••••7890\"                            :14
✗ push-to-ann                                                       rules.yaml:6
    ✓ kind   push
    ✗ match  sender.login   wants \"ann\"
                            saw   \"bea\"                                       :9
    ✗ match  ref            wants a text that begins with \"refs/heads/\"
                            saw   \"refs/tags/x\"                               :9
· 1 rule wants another kind (--all shows them)

pushed  would be sent
POST /api/v1/send/text
{
  \"instanceName\": \"phone\",
  \"message\": \"*bea* pushed\",
  \"number\": \"62812••••7890\"
}
  ╭─ 62812••••7890
  │ bea pushed
  ╰─

";
    assert_eq!(said.out, expected);
    let said = Said::from(home.say(&[&words[..], &["--full"]].concat(), PUSH)).is(0);
    said.says(&["saw   \"081234567890\"", "\"number\": \"6281234567890\""]);
    let told = json(&Said::from(home.say(&[&words[..], &["--json"]].concat(), PUSH)).is(0));
    let names: Vec<_> = told["rules"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["push-to-ann", "push-by-phone", "pushed", "starred"], "in file order");
    assert_eq!(told["rules"][0]["at"], "rules.yaml:6");
    assert_eq!(told["messages"][0]["request"]["number"], "6281234567890", "as it would be sent");
    assert_eq!(told["event"]["signature"]["checked"], false);
}

#[tokio::test]
async fn a_signature_that_is_given_is_checked_and_a_second_delivery_is_recognised() {
    let home = home_with(CI_RULES, "http://127.0.0.1:1");
    let store = home.store();
    let told = |secret: &str, delivery: &str| {
        let signature =
            format!("X-Hub-Signature-256: {}", github_signature(secret, PUSH.as_bytes()));
        let delivery = format!("X-GitHub-Delivery: {delivery}");
        let words = ["explain", "--source", "github", "--kind", "push", "-", "--store", &store];
        let headers = ["--header", &signature, "--header", &delivery];
        Said::from(home.say(&[&words[..], &headers].concat(), PUSH)).is(0)
    };
    told(GITHUB_SECRET, "d-9").says(&["✓ signed  by secret 1 of 2", "sha256=HMAC-SHA-256"]);
    told("whsec_of_the_invoice_endpoint", "d-9").says(&["by secret 2 of 2"]);
    told("another", "d-9").says(&["✗ signed  signature does not match any of 2 secret(s)"]);
    assert!(!home.path("kabari.db").exists(), "it makes no store");
    furnish(&home, &[ROW]).await;
    told(GITHUB_SECRET, "d-9").says(&["✓ new     not in the store"]);
    let known = format!("✗ new     a duplicate of event {}", ROW.event());
    told(GITHUB_SECRET, "d-1").says(&[&known, "nothing would be sent"]);
    let stored = run(&home, &["explain", "--event", &ROW.event().to_string()]).is(0);
    stored.says(&["stored 2026-01-02 03:04:05 UTC", "held when it came", "delivery of d-1"]);
}

#[test]
fn an_old_signature_is_told_from_a_wrong_one_and_a_missing_secret_from_both() {
    let home = home_alone();
    let explain = |home: &crate::support::kabari::Home, signature: &str| {
        let header = format!("Stripe-Signature: {signature}");
        let words = ["explain", "--source", "stripe", "-", "--header", &header, "--json"];
        json(&Said::from(home.say(&words, STRIPE)).is(0))["event"]["signature"].clone()
    };
    let old = crate::support::kabari::stripe_signature(
        "whsec_of_the_invoice_endpoint",
        1_700_000_000,
        STRIPE,
    );
    let told = explain(&home, &old);
    assert_eq!((&told["holds"], &told["secret"]), (&true.into(), &1.into()), "{told}");
    assert!(told["why"].as_str().unwrap().starts_with("signed "), "{told}");
    let told = explain(&home, &old.replace("v1=", "v1=00"));
    assert_eq!(told["holds"], false, "{told}");
    let unset = crate::support::kabari::Home::new(super::RULES)
        .variable("WACHAT_URL", "http://127.0.0.1:1");
    let told = explain(&unset, &old);
    assert_eq!((&told["checked"], &told["holds"]), (&false.into(), &Value::Null), "{told}");
}

const STRIPE: &str = r#"{"id":"evt_1","type":"invoice.paid","data":{"object":{"amount_paid":0}}}"#;

const PEOPLE_RULES: &str = r#"
wachat: { token: "${WACHAT_TOKEN}", instance: phone }
recipients: { allow: allowed.txt }
sources:
  github: { secret: "${GITHUB_SECRET}" }
rules:
  - name: known
    source: github
    send: { number: "6281234567890", message: hi }
  - name: stranger
    source: github
    send: { number: "6281234567891", message: hi }
  - name: far
    source: github
    delay_until: 300d
    send: { number: "6281234567890", message: hi }
  - name: closed
    source: github
    hours: { holidays: holidays.txt, else: skip }
    send: { number: "6281234567890", message: hi }
  - name: opens
    source: github
    hours: { holidays: holidays.txt }
    send: { number: "6281234567890", message: hi }
"#;

#[tokio::test]
async fn what_would_not_go_now_is_told_as_the_lane_would_decide() {
    let home = home_with(PEOPLE_RULES, "http://127.0.0.1:1");
    std::fs::write(home.path("allowed.txt"), "6281234567890\n").unwrap();
    // Closed from yesterday on, in whatever zone it is meant, for longer than a year is looked ahead.
    let today = jiff::Zoned::now().date();
    let days = (-1..500).map(|ahead| today.checked_add(jiff::Span::new().days(ahead)).unwrap());
    let days: Vec<String> = days.map(|day| day.to_string()).collect();
    std::fs::write(home.path("holidays.txt"), days.join("\n")).unwrap();
    let words = ["explain", "--source", "github", "--kind", "push", "-"];
    let said = Said::from(home.say(&words, "{}")).is(0);
    let said = said.says(&[
        "known  would be sent\n",
        "stranger  would be skipped: opted out\n    the recipient is not in the list",
        "far  would wait until ",
        "closed  would be skipped: quiet\n    the rule's `hours` do not come within a year",
        "opens  would wait until ",
    ]);
    assert_eq!(said.out.matches("would be sent").count(), 1, "{said:#?}");
    assert!(!home.path("kabari.db").exists(), "it makes no store");
    run(&home, &["optout", "add", "6281234567890"]).is(0);
    let told = json(&run(&home, &["explain", "--sample", "github/push", "--json"]).is(0));
    let stands = |at: usize, field: &str| told["messages"][at][field].clone();
    for at in 0..5 {
        let told = (stands(at, "state"), stands(at, "reason"));
        assert_eq!(told, ("skipped".into(), "opted out".into()), "{at}");
    }
}

const ORDER_RULES: &str = r#"
wachat: { token: "${WACHAT_TOKEN}", instance: phone }
sources:
  shop: { secret: "${GITHUB_SECRET}", verify: { hmac: { header: X-Sign } }, kind: "{{ event.kind | default('order') }}", id: digest, window: 1h }
rules:
  - name: lines
    source: shop
    let:
      order: event.order
      buyer: order.phone
      total: line.qty * line.price
    each: line in order.lines if line.qty > 0
    send: { number: "{{ buyer }}", message: "{{ line.sku | code }} {{ total }}" }
  - name: parcels
    source: shop
    each: event.parcels
    send: { number: "{{ event.order.phone }}", message: "{{ item }}" }
"#;

const ORDER: &str = r#"{"order":{"phone":"+6281234567890","lines":[
    {"sku":"A-1","qty":2,"price":5},{"sku":"B-2","qty":0,"price":7}]}}"#;

#[test]
fn names_and_each_element_are_shown_with_what_they_are() {
    let home = home_with(ORDER_RULES, "http://127.0.0.1:1");
    let words = ["explain", "--source", "shop", "-"];
    let said = Said::from(home.say(&words, ORDER)).is(0);
    said.says(&[
        "✓ lines",
        "· let    order   { phone: \"+6281••••7890\", lines: […] }",
        "· let    buyer   \"+6281••••7890\"",
        "· each   line in order.lines if line.qty > 0",
        "✓ [0] { sku: \"A-1\", qty: 2, price: 5 }\n",
        "      total   10\n",
        "✗ [1] { sku: \"B-2\", qty: 0, price: 7 }   no message\n",
        "✗ each   item in event.parcels   no list, or an empty one",
    ]);
    let told = json(&Said::from(home.say(&[&words[..], &["--json"]].concat(), ORDER)).is(0));
    let lines = &told["rules"][0];
    assert_eq!(lines["let"]["buyer"], "\"+6281••••7890\"");
    let element = &lines["each"]["elements"][0];
    assert_eq!((&element["holds"], &element["let"]["total"]), (&true.into(), &"10".into()));
    assert_eq!(lines["each"]["elements"][1]["holds"], false);
    assert!(told["rules"][1]["each"]["why_none"].as_str().unwrap().contains("no list"), "{told}");
    let odd = ORDER.replace("\"qty\":0", "\"qty\":\"none\"");
    Said::from(home.say(&words, &odd)).is(0).says(&["[1] `line.qty > 0` compares different types"]);
}

#[test]
fn a_built_in_sample_needs_no_signature_wherever_its_sender_writes_it() {
    for (preset, sample) in [("midtrans", "settlement"), ("slack", "app_mention")] {
        let rules = format!(
            "wachat: {{ token: \"${{WACHAT_TOKEN}}\", instance: phone }}\n\
             sources: {{ {preset}: {{ secret: \"${{GITHUB_SECRET}}\" }} }}\nrules: []\n"
        );
        let home = home_with(&rules, "http://127.0.0.1:1");
        let words = ["explain", "--source", preset, "--sample", sample];
        let said = Said::from(home.say(&words, "")).is(0);
        said.says(&[&format!("event  {preset} {sample}"), "signature and duplicates not checked"]);
    }
}
