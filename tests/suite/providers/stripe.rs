//! Does a paid invoice arrive as its PDF?

use serde_json::{Value, json};

use super::{
    MEDIA, STRIPE_SECRET, calls_to, home, invoice, post_stripe, pretty_assert, sent, unix_now,
};
use crate::support::signer::Signer;
use crate::support::world::World;

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
