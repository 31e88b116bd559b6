//! Is the same delivery one event?

use serde_json::json;

use super::{STRIPE_SECRET, home, invoice, post_stripe, sent, unix_now};
use crate::support::kabari::Answer;
use crate::support::signer::Signer;
use crate::support::world::World;

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
