//! Does what GitHub and Stripe sign arrive at Wachat as exactly the right requests?
//!
//! Signed by the providers' own libraries and with their example bodies (tests/node); what must
//! arrive is worked out here from each body, field by field.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::kabari::{Answer, Home, Kabari};
use crate::support::signer::Signer;
use crate::support::world::{Asked, TOKEN, World};

const GITHUB_SECRET: &str = "It's a Secret to Everybody";
const STRIPE_SECRET: &str = "whsec_test_secret_of_the_invoice_endpoint";
const GROUP: &str = "120363000000000000@g.us";
const ONCALL: [&str; 2] = ["6281311110001", "6281311110002"];

const RULES: &str = r##"
wachat:
  token: ${WACHAT_TOKEN}
  instance: jakarta_store
  base_url: ${WACHAT_URL}
  instances:
    jakarta_store: { pace: off }
    ops_phone: { pace: off }
defaults: { country: ID, timezone: Asia/Jakarta }
vars:
  dev_group: 120363000000000000@g.us
  oncall: ["6281311110001", "0813-1111-0002"]
sources:
  github: { secret: "${GITHUB_SECRET}" }
  stripe: { secrets: ["${STRIPE_SECRET}", "${STRIPE_SECRET_OLD:-}"] }
rules:
  - name: ci
    source: github
    kind: workflow_run.completed
    match: { workflow_run.conclusion: [success, failure] }
    send:
      number: "{{ vars.dev_group }}"
      instanceName: ops_phone
      message: "*{{ event.repository.full_name }}* {{ event.workflow_run.conclusion }} on {{ event.workflow_run.head_branch }}: {{ event.workflow_run.html_url }}"
  - name: issue
    source: github
    kind: issues.opened
    send:
      number: "{{ vars.oncall }}"
      message: "#{{ event.issue.number }} {{ event.issue.title | text }} by {{ event.sender.login }}"
  - name: release
    source: github
    kind: [release.published, release.released]
    match: { release.draft: false, repository: { private: [false] } }
    send:
      number: "{{ vars.dev_group }}"
      instanceName: ops_phone
      type: image
      mediaUrl: "https://pictures.example/{{ event.release.id }}.png"
      mimetype: image/png
      delay: 1200
      message: "Release {{ event.release.tag_name }} of {{ event.repository.name }}"
  - name: push
    source: github
    kind: push
    match:
      deleted: false
      ref: [{ prefix: refs/heads/ }]
    when: event.ref == "refs/heads/" ~ event.repository.default_branch
    send:
      number: "{{ vars.dev_group }}"
      instanceName: ops_phone
      message: "{{ event.pusher.name }}: {{ event.head_commit.message | first_line | text | truncate(80) }}"
  - name: pull-request
    source: github
    kind: pull_request
    match:
      action: [{ anything-but: [labeled, unlabeled] }]
      pull_request.draft: false
      pull_request.additions: [{ numeric: [">", 0] }]
      pull_request.merged_by: null
    send:
      number: "{{ vars.oncall[0] }}"
      message: "{{ event.action }}: {{ event.pull_request.title | text }}"
  - name: star
    source: github
    kind: "star.*"
    match: { starred_at: [{ prefix: "20" }] }
    send:
      number: "+62 813-1111-0002"
      type: document
      mediaUrl: "https://files.example/stars.pdf"
      fileName: stars.pdf
      mimetype: application/pdf
      message: "{{ event.sender.login }}"
  - name: invoice-pdf-to-customer
    source: stripe
    kind: invoice.paid
    match:
      livemode: true
      data.object.amount_paid: [{ numeric: [">", 0] }]
    when: event.data.object.status == "paid"
    send:
      number: "{{ event.data.object.customer_phone }}"
      type: document
      mediaUrl: "{{ event.data.object.invoice_pdf }}"
      fileName: "Invoice-{{ event.data.object.number }}.pdf"
      mimetype: application/pdf
      message: |
        Hi {{ event.data.object.customer_name | text }}, we received *{{ event.data.object.amount_paid | money(event.data.object.currency) }}*.
"##;

fn home(world: &World) -> Home {
    Home::new(RULES)
        .variable("WACHAT_TOKEN", TOKEN)
        .variable("WACHAT_URL", &world.url())
        .variable("GITHUB_SECRET", GITHUB_SECRET)
        .variable("STRIPE_SECRET", STRIPE_SECRET)
}

/// Waits until so many messages were dispatched.
async fn sent(world: &World, count: usize) {
    world.until(&format!("{count} messages"), |seen| seen.dispatched.len() >= count).await;
}

/// What must come of a GitHub event: path and body of each call, in order.
fn expected_of(event: &str, body: &Value) -> Vec<(&'static str, Value)> {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let group = |message: String| json!({ "instanceName": "ops_phone", "number": GROUP, "message": message });
    match event {
        "workflow_run"
            if text("/action") == "completed"
                && ["success", "failure"].contains(&text("/workflow_run/conclusion")) =>
        {
            let message = format!(
                "*{}* {} on {}: {}",
                text("/repository/full_name"),
                text("/workflow_run/conclusion"),
                text("/workflow_run/head_branch"),
                text("/workflow_run/html_url"),
            );
            vec![(TEXT, group(message))]
        }
        "issues" if text("/action") == "opened" => {
            let message = format!(
                "#{} {} by {}",
                body["issue"]["number"],
                text("/issue/title"),
                text("/sender/login")
            );
            ONCALL.map(|number| (TEXT, to(number, &message))).to_vec()
        }
        "release"
            if ["published", "released"].contains(&text("/action"))
                && body["release"]["draft"] == false
                && body["repository"]["private"] == false =>
        {
            let picture = format!("https://pictures.example/{}.png", body["release"]["id"]);
            let message =
                format!("Release {} of {}", text("/release/tag_name"), text("/repository/name"));
            let mut call = group(message);
            call["type"] = json!("image");
            call["mediaUrl"] = json!(picture);
            call["mimetype"] = json!("image/png");
            call["delay"] = json!(1200);
            vec![(MEDIA, call)]
        }
        "push" => {
            let default = format!("refs/heads/{}", text("/repository/default_branch"));
            if body["deleted"] != false || text("/ref") != default {
                return Vec::new();
            }
            let first_line = text("/head_commit/message").lines().next().unwrap_or("");
            vec![(TEXT, group(format!("{}: {first_line}", text("/pusher/name"))))]
        }
        "pull_request"
            if !["labeled", "unlabeled"].contains(&text("/action"))
                && body["pull_request"]["draft"] == false
                && body["pull_request"]["additions"].as_u64() > Some(0)
                && body["pull_request"].get("merged_by") == Some(&Value::Null) =>
        {
            let message = format!("{}: {}", text("/action"), text("/pull_request/title"));
            vec![(TEXT, to(ONCALL[0], &message))]
        }
        "star" if text("/starred_at").starts_with("20") => {
            let mut call = to(ONCALL[1], text("/sender/login"));
            call["type"] = json!("document");
            call["mediaUrl"] = json!("https://files.example/stars.pdf");
            call["fileName"] = json!("stars.pdf");
            call["mimetype"] = json!("application/pdf");
            vec![(MEDIA, call)]
        }
        _ => Vec::new(),
    }
}

const TEXT: &str = "/api/v1/send/text";
const MEDIA: &str = "/api/v1/send/media";

fn to(number: &str, message: &str) -> Value {
    json!({ "instanceName": "jakarta_store", "number": number, "message": message })
}

/// The requests for one recipient: between recipients there is no order.
fn calls_to<'c>(calls: &'c [Asked], number: &str) -> Vec<(&'c str, &'c Value)> {
    let same = calls.iter().filter(|call| call.number() == number);
    same.map(|call| (&*call.path, &call.body)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_every_github_event_gives_the_right_messages_or_none() {
    let Some(mut signer) = Signer::start() else { return };
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;

    let mut expected: Vec<(&str, Value)> = Vec::new();
    let examples = signer.examples();
    assert!(examples.len() > 300, "{} examples", examples.len());
    for (number, example) in examples.iter().enumerate() {
        let signature = signer.github(GITHUB_SECRET, &example.body);
        let delivery = format!("00000000-0000-4000-8000-{number:012}");
        let headers = [
            ("content-type", "application/json"),
            ("x-github-event", &*example.event),
            ("x-github-delivery", &*delivery),
            ("x-hub-signature-256", &*signature),
        ];
        let answer = kabari.post("github", &headers, example.body.clone()).await.unwrap();
        let place = format!("{} ({number}): {answer:?}", example.event);
        assert_eq!(answer.status, 200, "{place}");
        let due = expected_of(&example.event, &serde_json::from_str(&example.body).unwrap());
        assert_eq!(answer.json()["messages"], due.len(), "{place}");
        expected.extend(due);
    }
    assert!(expected.len() > 20, "the rules fit only {} times", expected.len());

    sent(&world, expected.len()).await;
    assert_eq!(kabari.stop().await, Some(0));
    let calls = world.seen().asked;
    assert_eq!(calls.len(), expected.len());
    world.assert_clean();
    for number in [GROUP, ONCALL[0], ONCALL[1]] {
        let due: Vec<(&str, &Value)> = expected
            .iter()
            .filter(|(_, body)| body["number"] == number)
            .map(|(path, body)| (*path, body))
            .collect();
        assert!(!due.is_empty(), "{number}");
        pretty_assert(&calls_to(&calls, number), &due);
    }
    assert_eq!(home.list(&["events", "list"]).len(), examples.len());
}

/// Compares one by one, so that a failure names the message and not a wall of them.
#[track_caller]
fn pretty_assert(calls: &[(&str, &Value)], due: &[(&str, &Value)]) {
    for (position, (call, due)) in calls.iter().zip(due).enumerate() {
        assert_eq!(call, due, "message {position}");
    }
    assert_eq!(calls.len(), due.len());
}

fn invoice(id: &str, phone: &Value) -> String {
    json!({
        "id": id, "object": "event", "api_version": "2025-09-30.clover", "created": 1_763_800_000,
        "livemode": true, "pending_webhooks": 1, "type": "invoice.paid",
        "request": { "id": null, "idempotency_key": null },
        "data": { "object": {
            "id": "in_1SWk2mKabari", "object": "invoice", "number": "B3E0-0042", "status": "paid",
            "currency": "idr", "amount_due": 18_633_200, "amount_paid": 18_633_200,
            "customer": "cus_Kabari", "customer_name": "Siti Rahmawati",
            "customer_phone": phone, "livemode": true,
            "invoice_pdf": "https://pay.stripe.com/invoice/acct_1/live_x/pdf?s=ap",
            "lines": { "object": "list", "data": [], "has_more": false }
        } }
    })
    .to_string()
}

async fn post_stripe(kabari: &Kabari, signature: &str, body: &str) -> Answer {
    let headers =
        [("content-type", "application/json; charset=utf-8"), ("stripe-signature", signature)];
    kabari.post("stripe", &headers, body.to_owned()).await.unwrap()
}

fn unix_now() -> i64 {
    Timestamp::now().as_second()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_stripe_invoice_arrives_as_its_pdf() {
    let Some(mut signer) = Signer::start() else { return };
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;

    let body = invoice("evt_1", &json!("+62 812-3456-7890"));
    let signature = signer.stripe(STRIPE_SECRET, &body, unix_now());
    let answer = post_stripe(&kabari, &signature, &body).await;
    assert_eq!((answer.status, &answer.json()["messages"]), (200, &json!(1)), "{answer:?}");

    // While a secret is replaced, Stripe signs with both.
    let body = invoice("evt_2", &json!("0812 3456 7890"));
    let other = signer.stripe("whsec_another_secret", &body, unix_now());
    let ours = signer.stripe(STRIPE_SECRET, &body, unix_now());
    let (_, other) = other.split_once(',').unwrap();
    let (time, ours) = ours.split_once(',').unwrap();
    let answer = post_stripe(&kabari, &format!("{time},{other},{ours}"), &body).await;
    assert_eq!((answer.status, &answer.json()["messages"]), (200, &json!(1)), "{answer:?}");

    // Nobody to send to: recorded, with its reason.
    let body = invoice("evt_3", &Value::Null);
    let signature = signer.stripe(STRIPE_SECRET, &body, unix_now());
    let answer = post_stripe(&kabari, &signature, &body).await;
    assert_eq!((answer.status, &answer.json()["messages"]), (200, &json!(0)), "{answer:?}");

    sent(&world, 2).await;
    for page in ["/healthz", "/readyz"] {
        assert_eq!(kabari.page(page).await.status, 200, "{page}");
    }
    let metrics = kabari.page("/metrics").await;
    assert!(metrics.body.starts_with("# "), "{metrics:?}");
    assert_eq!(kabari.stop().await, Some(0));
    let due = json!({
        "instanceName": "jakarta_store",
        "number": "6281234567890",
        "type": "document",
        "mediaUrl": "https://pay.stripe.com/invoice/acct_1/live_x/pdf?s=ap",
        "fileName": "Invoice-B3E0-0042.pdf",
        "mimetype": "application/pdf",
        "message": "Hi Siti Rahmawati, we received *Rp 186.332*.",
    });
    pretty_assert(&calls_to(&world.seen().asked, "6281234567890"), &[(MEDIA, &due), (MEDIA, &due)]);
    assert_eq!(world.seen().asked.len(), 2);
    let skipped = home.list(&["messages", "list", "--state", "skipped"]);
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0]["reason"], "no recipient");
}

/// Source, signature, body, and the words of which one must be in the log.
type Case<'c> = (&'c str, Option<&'c str>, String, &'c [&'c str]);

/// One byte of the body is another one.
fn changed(body: &str) -> String {
    let changed = body.replacen("live", "lime", 1).replacen("login", "logim", 1);
    assert_ne!(changed, body);
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_rightly_signed_is_refused_and_leaves_no_trace_but_the_log() {
    let Some(mut signer) = Signer::start() else { return };
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;

    let issue = signer
        .examples()
        .into_iter()
        .find(|example| example.event == "issues" && example.body.contains(r#""action":"opened""#));
    let issue = issue.unwrap().body;
    let invoice = invoice("evt_1", &json!("+62 812-3456-7890"));
    let github = signer.github(GITHUB_SECRET, &issue);
    let foreign = signer.github("not the secret", &issue);
    let stripe = signer.stripe(STRIPE_SECRET, &invoice, unix_now());
    let stale = signer.stripe(STRIPE_SECRET, &invoice, unix_now() - 310);
    let foreign_stripe = signer.stripe("whsec_not_the_secret", &invoice, unix_now());

    let mismatch = ["mismatch", "does not match"];
    let missing = ["missing", "no x-hub-signature-256", "no stripe-signature"];
    let cases: [Case<'_>; 7] = [
        ("github", Some(&github), changed(&issue), &mismatch),
        ("github", Some(&foreign), issue.clone(), &mismatch),
        ("github", None, issue.clone(), &missing),
        ("stripe", Some(&stripe), changed(&invoice), &mismatch),
        ("stripe", Some(&foreign_stripe), invoice.clone(), &mismatch),
        ("stripe", Some(&stale), invoice.clone(), &["stale", "allowed are 300"]),
        ("stripe", None, invoice.clone(), &missing),
    ];
    for (position, (source, signature, body, words)) in cases.into_iter().enumerate() {
        let delivery = format!("10000000-0000-4000-8000-{position:012}");
        let mut headers = vec![("content-type", "application/json")];
        if source == "github" {
            headers.extend([("x-github-event", "issues"), ("x-github-delivery", &*delivery)]);
        }
        let name = if source == "github" { "x-hub-signature-256" } else { "stripe-signature" };
        headers.extend(signature.map(|signature| (name, signature)));
        let said = kabari.log().len();
        let answer = kabari.post(source, &headers, body).await.unwrap();
        assert_eq!(answer.status, 401, "case {position}: {answer:?}");
        let told = answer.body.to_lowercase();
        assert!(!words.iter().any(|word| told.contains(word)), "case {position}: it tells {told}");
        let log = kabari.says(said, words).await;
        assert!(log.contains(source), "case {position}: {log}");
    }

    let log = kabari.log();
    assert_eq!(kabari.stop().await, Some(0));
    assert!(home.list(&["events", "list"]).is_empty());
    assert!(home.list(&["messages", "list"]).is_empty());
    assert!(world.seen().asked.is_empty());
    for secret in [GITHUB_SECRET, STRIPE_SECRET, TOKEN, "6281234567890"] {
        assert!(!log.contains(secret), "the log tells {secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_delivery_is_one_event_also_at_once_and_after_a_restart() {
    let Some(mut signer) = Signer::start() else { return };
    let world = World::start().await;
    let home = home(&world);
    let mut kabari = home.start().await;

    let body = invoice("evt_again", &json!("+62 812-3456-7890"));
    let signature = signer.stripe(STRIPE_SECRET, &body, unix_now());
    let answers =
        futures_util::future::join_all((0..8).map(|_| post_stripe(&kabari, &signature, &body)))
            .await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let again = |answer: &&Answer| answer.json()["duplicate"] == true;
    assert_eq!(answers.iter().filter(again).count(), 7, "{answers:?}");
    let first = answers[0].json()["event"].clone();
    assert!(answers.iter().all(|answer| answer.json()["event"] == first), "{answers:?}");

    sent(&world, 1).await;
    assert_eq!(kabari.stop().await, Some(0));
    kabari = home.start().await;
    let answer = post_stripe(&kabari, &signature, &body).await;
    assert_eq!(answer.json(), json!({ "event": first, "duplicate": true }));
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(world.seen().asked.len(), 1);
}
