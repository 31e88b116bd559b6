//! Does what is not rightly signed leave no trace but a line in the log?

use serde_json::json;

use super::{GITHUB_SECRET, STRIPE_SECRET, home, invoice, unix_now};
use crate::support::signer::Signer;
use crate::support::world::{TOKEN, World};

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
    let missing = |header| ["missing", header];
    let (no_github, no_stripe) =
        (missing("no x-hub-signature-256"), missing("no stripe-signature"));
    let cases: [Case<'_>; 7] = [
        ("github", Some(&github), changed(&issue), &mismatch),
        ("github", Some(&foreign), issue.clone(), &mismatch),
        ("github", None, issue.clone(), &no_github),
        ("stripe", Some(&stripe), changed(&invoice), &mismatch),
        ("stripe", Some(&foreign_stripe), invoice.clone(), &mismatch),
        ("stripe", Some(&stale), invoice.clone(), &["stale", "allowed are 300"]),
        ("stripe", None, invoice.clone(), &no_stripe),
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
