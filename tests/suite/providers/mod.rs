//! Does what GitHub and Stripe sign arrive at Wachat as exactly the right requests?
//!
//! Signed by the providers' own libraries and with their example bodies (tests/node); what must
//! arrive is worked out here from each body, field by field.

mod github;
mod stripe;
mod refused;
mod duplicates;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::kabari::{Answer, Home, Kabari};
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

const TEXT: &str = "/api/v1/send/text";

const MEDIA: &str = "/api/v1/send/media";

/// The requests for one recipient: between recipients there is no order.
fn calls_to<'c>(calls: &'c [Asked], number: &str) -> Vec<(&'c str, &'c Value)> {
    let same = calls.iter().filter(|call| call.number() == number);
    same.map(|call| (&*call.path, &call.body)).collect()
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
