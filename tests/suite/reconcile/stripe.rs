//! Stripe, which gives up after three days and keeps its events for thirty.

use jiff::Timestamp;

use super::provider::Provider;
use super::{ANNA, ago, counted, home, minutes};
use crate::support::kabari::stripe_signature;
use crate::support::world::World;

const KEY: &str = "rk_live_key-of-the-reconcile-test";
const RULES: &str = r#"
wachat:
  token: ${WACHAT_TOKEN}
  instance: one
  base_url: ${WACHAT_URL}
  instances:
    one: { pace: off, in_flight: 1 }
sources:
  stripe:
    secret: secret-of-the-reconcile-test
    reconcile: { token: "${STRIPE_KEY}", base_url: "${PROVIDER}", every: 1s, kinds: [invoice.*] }
rules:
  - name: paid
    source: stripe
    kind: invoice.paid
    send: { number: "{{ event.data.object.to }}", message: "{{ event.data.object.number }}" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn events_that_no_webhook_got_are_taken_in_once_over_pages() {
    let (world, provider) = (World::start().await, Provider::start(KEY));
    for number in 0..240_u64 {
        let id = format!("evt_#{number}").replace('#', "");
        let kind = if number % 10 == 0 { "invoice.paid" } else { "charge.refunded" };
        // What arrived is not in the list of what did not.
        provider.event(&id, kind, ago(minutes(800 - number)), number % 80 == 1, ANNA);
    }
    // Its own first try may still be under way.
    provider.event("evt_young", "invoice.paid", ago(minutes(1)), false, ANNA);
    let home = home(RULES, &world, &provider).variable("STRIPE_KEY", KEY);
    let kabari = home.start().await;
    world.until("all", |seen| seen.dispatched.len() == 24).await;
    assert_eq!(counted(&kabari, "missed").await, 24);
    let pages = provider.asked().iter().filter(|it| it.path.contains("starting_after")).count();
    assert!(pages >= 2, "{:#?}", provider.asked());
    let before = provider.asked().len();
    provider.until("two looks more", |asked| asked.len() >= before + 2).await;
    let wholes = |from: usize| {
        let asked = provider.asked().split_off(from);
        asked.iter().filter(|it| it.path.starts_with("/v1/events/")).count()
    };
    assert_eq!(wholes(before), 0, "what is settled is not asked for again");
    let asked = provider.asked();
    let since = |path: &str| -> i64 {
        let (_, rest) = path.split_once("created%5Bgte%5D=").unwrap();
        rest.split('&').next().unwrap().parse().unwrap()
    };
    let lists: Vec<i64> =
        asked.iter().filter(|it| it.path.contains("created")).map(|it| since(&it.path)).collect();
    assert!(lists.last() > lists.first(), "the next look begins where the last one ended");

    // The webhook comes after all.
    let event = asked.iter().find(|it| it.path.starts_with("/v1/events/")).unwrap();
    let id = event.path.rsplit('/').next().unwrap();
    let body = format!(
        r#"{{"id":"{id}","type":"invoice.paid","livemode":true,"data":{{"object":{{}}}}}}"#
    );
    let signature = stripe_signature(super::SECRET, Timestamp::now().as_second(), &body);
    let answer = kabari.post("stripe", &[("stripe-signature", &signature)], body).await.unwrap();
    assert_eq!(answer.json()["duplicate"], true, "{answer:?}");
    assert_eq!(kabari.stop().await, Some(0));

    let before = provider.asked().len();
    let kabari = home.start().await;
    provider.until("a look after the restart", |asked| asked.len() > before).await;
    assert_eq!(home.list(&["events", "list"]).len(), 24);
    assert!(since(&provider.asked()[before].path) > since(&asked[0].path));
    drop(kabari);
    world.assert_clean();
}
