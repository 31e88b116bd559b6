//! Is what a provider sent in vain taken in, once, in its order, and whatever goes wrong meanwhile?
//!
//! The real program, a provider and a Wachat with a memory, all on sockets.

mod provider;
mod github;
mod stripe;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::kabari::{Home, Kabari};
use crate::support::world::{TOKEN, World};
use provider::{Attempt, Provider};

const SECRET: &str = "secret-of-the-reconcile-test";
const KEY: &str = "ghp_token-of-the-reconcile-test";
const HOOK: &str = "repos/octo/shop/hooks/42";
const ANNA: &str = "6281234567890";

/// Rules that message Anna about each event, over a provider that is asked once a second.
fn rules(reconcile: &str) -> String {
    format!(
        r#"
wachat:
  token: ${{WACHAT_TOKEN}}
  instance: one
  base_url: ${{WACHAT_URL}}
  instances:
    one: {{ pace: off, in_flight: 1 }}
sources:
  github:
    secret: {SECRET}
    {reconcile}
  stripe:
    secret: {SECRET}
rules:
  - name: missed
    source: github
    send: {{ number: "{{{{ event.to }}}}", message: "{{{{ event.text }}}}" }}
"#
    )
}

fn github_rules(more: &str) -> String {
    rules(&format!(
        "reconcile: {{ token: \"${{KEY}}\", hooks: [{HOOK}], base_url: \"${{PROVIDER}}\", every: 1s{more} }}"
    ))
}

fn home(rules: &str, world: &World, provider: &Provider) -> Home {
    Home::new(rules)
        .variable("WACHAT_URL", &world.url())
        .variable("WACHAT_TOKEN", TOKEN)
        .variable("PROVIDER", &provider.url())
        .variable("KEY", KEY)
}

fn ago(span: Duration) -> Timestamp {
    Timestamp::now().checked_sub(span).unwrap()
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

fn guid(number: u64) -> String {
    format!("0b989ba4-242f-11e5-81e1-{number:012}")
}

/// A push that says `#number`, which the world's Wachat expects in its order.
fn payload(number: u64) -> Value {
    json!({ "to": ANNA, "text": format!("missed #{number}"), "after": number })
}

fn attempt(guid: &str, number: u64, at: Timestamp, status: u16) -> Attempt<'_> {
    Attempt { guid, event: "push", at, status, redelivery: false, payload: payload(number) }
}

/// The figure of a metric with these labels.
async fn counted(kabari: &Kabari, outcome: &str) -> u64 {
    let page = kabari.page("/metrics").await.body;
    let label = format!("outcome=\"{outcome}\"");
    page.lines()
        .find(|line| line.starts_with("kabari_reconcile_events_total") && line.contains(&label))
        .map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

async fn ready(kabari: &Kabari) -> Value {
    kabari.page("/readyz").await.json()
}
