//! GitHub, which never tries again.

use std::time::Duration;

use super::provider::{Attempt, Behave, Provider};
use super::{
    ANNA, HOOK, KEY, SECRET, ago, attempt, counted, github_rules, guid, home, minutes, payload,
    ready, rules,
};
use crate::support::world::World;

fn texts(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("missed #{number}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_in_vain_is_taken_in_once_in_its_order_over_pages_and_a_restart() {
    let (world, provider) = (World::start().await, Provider::start(KEY));
    // 250 attempts over three pages: every 50th failed, one of these was sent again by hand.
    for number in 0..250 {
        let status = if number % 50 == 10 { 502 } else { 200 };
        let at = ago(minutes(20 + 4 * (250 - number)));
        provider.delivery(HOOK, &attempt(&guid(number), number, at, status));
    }
    let (again, at) = (guid(60), ago(minutes(15)));
    let again = Attempt { redelivery: true, ..attempt(&again, 60, at, 200) };
    provider.delivery(HOOK, &again);
    // Two days ago nobody waited for it any more.
    let home = home(&github_rules(""), &world, &provider);
    let kabari = home.start().await;
    world.until("four messages", |seen| seen.dispatched.len() == 4).await;
    assert_eq!(world.seen().texts_to(ANNA), texts([10, 110, 160, 210]));
    provider.until("a second look", |asked| asked.iter().any(|it| it.unchanged)).await;
    let lists = |asked: &[super::provider::Asked]| {
        asked.iter().filter(|it| it.path.contains("per_page") && !it.unchanged).count()
    };
    assert_eq!(lists(&provider.asked()), 3, "three pages");
    assert!(provider.asked().iter().all(|it| it.authorization == format!("Bearer {KEY}")));
    let counts = [("asked", 251), ("missed", 4), ("taken", 4), ("duplicate", 0), ("failed", 0)];
    for (outcome, expected) in counts {
        assert_eq!(counted(&kabari, outcome).await, expected, "{outcome}");
    }
    let said = ready(&kabari).await["reconciled"][format!("github {HOOK}")].clone();
    assert!(said.as_str().unwrap().starts_with("ok: "), "{said}");
    assert!(kabari.log().contains("4 events were sent in vain: 4 are taken in"));
    assert!(!kabari.log().contains(KEY));

    let listed = home.list(&["sources"]);
    let github = listed.iter().find(|row| row["name"] == "github").unwrap();
    assert_eq!(github["reconciled"][0]["place"], HOOK);
    assert_eq!(github["reconciled"][0]["total"]["taken"], 4);
    assert_eq!(kabari.stop().await, Some(0));

    // A restart begins where it ended: one page, and nothing whole.
    let before = provider.asked().len();
    let kabari = home.start().await;
    provider.until("a look after the restart", |asked| asked.len() > before + 1).await;
    let asked = provider.asked().split_off(before);
    assert!(asked.iter().all(|it| it.path.ends_with("deliveries?per_page=100")), "{asked:#?}");
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(home.list(&["events", "list"]).len(), 4);
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_after_all_is_a_duplicate_and_so_is_what_comes_later() {
    let (world, mut provider) = (World::start().await, Provider::start(KEY));
    let home = home(&github_rules(""), &world, &provider);
    provider.down().await;
    let kabari = home.start().await;
    // It came, though GitHub did not hear our answer in time.
    let body = payload(1).to_string();
    let answer = kabari.post_github(SECRET, "push", &guid(1), &body).await.unwrap();
    assert_eq!(answer.status, 200);
    provider.delivery(HOOK, &attempt(&guid(1), 1, ago(minutes(30)), 504));
    provider.delivery(HOOK, &attempt(&guid(2), 2, ago(minutes(20)), 504));
    provider.up();
    world.until("both", |seen| seen.dispatched.len() == 2).await;
    provider.until("the next look", |asked| asked.iter().any(|it| it.unchanged)).await;
    assert_eq!((counted(&kabari, "duplicate").await, counted(&kabari, "taken").await), (1, 1));
    // Somebody presses "Redeliver".
    let body = payload(2).to_string();
    let answer = kabari.post_github(SECRET, "push", &guid(2), &body).await.unwrap();
    assert_eq!(answer.json()["duplicate"], true, "{answer:?}");
    // And who has seen that request sends it under another id.
    let answer = kabari.post_github(SECRET, "push", &guid(9), &body).await.unwrap();
    assert_eq!(answer.json()["duplicate"], true, "{answer:?}");
    let event = home.list(&["events", "list"]);
    assert_eq!(event.len(), 2);
    let id = ::kabari::model::EventId(event[0]["id"].as_str().unwrap().parse().unwrap());
    let store =
        ::kabari::store::open_existing(&::kabari::store::Address::plain(home.store())).unwrap();
    let kept = store.event(id).await.unwrap().unwrap();
    assert_eq!(kept.headers.get("x-github-delivery"), Some(&*guid(2)));
    assert_eq!(kept.headers.get("x-hub-signature-256"), None, "it is a credential");
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_limit_is_used_up_is_left_alone_until_it_says() {
    let (world, provider) = (World::start().await, Provider::start(KEY));
    provider.delivery(HOOK, &attempt(&guid(1), 1, ago(minutes(30)), 502));
    provider.next(1, &Behave::UsedUp(Duration::from_secs(3)));
    provider.next(1, &Behave::Answer(429, vec![("retry-after", "2".to_owned())], "{}"));
    let home = home(&github_rules(""), &world, &provider);
    let kabari = home.start().await;
    world.until("the message", |seen| seen.dispatched.len() == 1).await;
    let asked = provider.asked();
    let gap = |n: usize| asked[n + 1].at.checked_sub(asked[n].at).unwrap();
    assert!(gap(0) >= Duration::from_secs(2), "until the time that it named: {asked:#?}");
    assert!(gap(1) >= Duration::from_secs(2), "as long as Retry-After: {asked:#?}");
    assert!(kabari.log().contains("the provider's limit is used up"));
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_dies_in_the_middle_loses_nothing_and_doubles_nothing() {
    let (world, mut provider) = (World::start().await, Provider::start(KEY));
    for number in 0..30 {
        let at = ago(minutes(200 - number));
        provider.delivery(HOOK, &attempt(&guid(number), number, at, 502));
    }
    provider.next(1, &Behave::BreakOff);
    let home = home(&github_rules(""), &world, &provider);
    let kabari = home.start().await;
    world.until("some", |seen| seen.dispatched.len() >= 5).await;
    provider.down().await;
    kabari.says(0, &["was not read to its end"]).await;
    provider.next(2, &Behave::Answer(500, Vec::new(), "<html>"));
    provider.up();
    world.until("more", |seen| seen.dispatched.len() >= 12).await;
    kabari.kill();
    let kabari = home.start().await;
    world.until("all", |seen| seen.dispatched.len() >= 30).await;
    provider.until("another look", |asked| asked.last().is_some_and(|it| it.unchanged)).await;
    assert_eq!(home.list(&["events", "list"]).len(), 30);
    let sent = world.seen().texts_to(ANNA);
    let twice = sent.iter().filter(|text| sent.iter().filter(|it| it == text).count() > 1);
    // One message may have been under way when the process was killed: that is for a person.
    assert!(twice.count() == 0, "{sent:?}");
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_had_is_given_up_aloud_and_holds_up_nobody() {
    let (world, provider) = (World::start().await, Provider::start(KEY));
    for number in 0..4 {
        let at = ago(minutes(200 - number));
        provider.delivery(HOOK, &attempt(&guid(number), number, at, 502));
    }
    provider.always("/deliveries/1001", Behave::Answer(502, Vec::new(), "{}"));
    provider.always("/deliveries/1002", Behave::Answer(404, Vec::new(), "{}"));
    let home = home(&github_rules(""), &world, &provider);
    let kabari = home.start().await;
    world.until("the others", |seen| seen.dispatched.len() == 2).await;
    kabari.says(0, &["the provider does not answer for it"]).await;
    kabari.says(0, &["the provider has it no more"]).await;
    provider.until("a clean look", |asked| asked.last().is_some_and(|it| it.unchanged)).await;
    assert_eq!((counted(&kabari, "failed").await, counted(&kabari, "taken").await), (2, 2));
    let tries = provider.asked().iter().filter(|it| it.path.ends_with("/1001")).count();
    assert_eq!(tries, 3);
    assert_eq!(world.seen().texts_to(ANNA), texts([0, 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_token_and_lists_at_once_and_a_wrong_token_is_told() {
    let (world, provider) = (World::start().await, Provider::start("ghp_another-one"));
    provider.delivery(HOOK, &attempt(&guid(1), 1, ago(minutes(30)), 502));
    let wrong = github_rules("").replace("every: 1s", "every: 1h");
    let home = home(&wrong, &world, &provider);
    let kabari = home.start().await;
    kabari.says(0, &["refused: 401 bad credentials"]).await;
    let said = ready(&kabari).await;
    assert_eq!(said["ready"], true);
    let said = said["reconciled"][format!("github {HOOK}")].as_str().unwrap().to_owned();
    assert!(said.contains("401 Bad credentials"), "{said}");
    std::fs::write(
        home.path("rules.yaml"),
        wrong.replace("${KEY}", "ghp_another-one").replace("every: 1h", "every: 1d"),
    )
    .unwrap();
    world.until("the message", |seen| seen.dispatched.len() == 1).await;
    // Without `reconcile` nobody is asked any more.
    std::fs::write(home.path("rules.yaml"), rules("")).unwrap();
    kabari.says(kabari.log().len().saturating_sub(1), &["rules reloaded"]).await;
    assert_eq!(ready(&kabari).await["reconciled"], serde_json::json!({}));
    let total = provider.asked().len();
    kabari.hang_up();
    kabari.says(0, &["rules reloaded"]).await;
    assert_eq!(provider.asked().len(), total);
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_recent_and_of_the_wanted_kinds_is_taken_in_at_first() {
    let (world, provider) = (World::start().await, Provider::start(KEY));
    provider.delivery(HOOK, &attempt(&guid(0), 0, ago(minutes(60 * 30)), 502));
    let (ping, at) = (guid(1), ago(minutes(40)));
    let ping = Attempt { event: "ping", ..attempt(&ping, 1, at, 502) };
    provider.delivery(HOOK, &ping);
    provider.delivery(HOOK, &attempt(&guid(2), 2, ago(minutes(30)), 502));
    let home = home(&github_rules(", kinds: [push]"), &world, &provider);
    let kabari = home.start().await;
    provider.until("a second look", |asked| asked.iter().any(|it| it.unchanged)).await;
    assert_eq!(counted(&kabari, "missed").await, 1);
    world.until("one message", |seen| seen.dispatched.len() == 1).await;
    assert_eq!(world.seen().texts_to(ANNA), texts([2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_signs_its_own_way_in() {
    let (world, provider) = (World::start().await, Provider::start(KEY));
    provider.delivery("app/hook", &attempt(&guid(1), 1, ago(minutes(30)), 502));
    provider.delivery("orgs/octo/hooks/7", &attempt(&guid(2), 2, ago(minutes(30)), 502));
    let rules = rules(
        "reconcile: { app_id: Iv23li, private_key: \"${APP_KEY}\", hooks: [app/hook], \
         base_url: \"${PROVIDER}\" }",
    );
    let key = include_str!("../sources/keys/rsa.private.pem");
    let home = home(&rules, &world, &provider).variable("APP_KEY", key);
    let kabari = home.start().await;
    world.until("the message", |seen| seen.dispatched.len() == 1).await;
    let asked = provider.asked();
    let token = asked[0].authorization.strip_prefix("Bearer ").unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let signed = format!("{}.{}", parts[0], parts[1]);
    assert!(holds(&signed, parts[2]), "{token}");
    assert!(!kabari.log().contains(token));
}

/// Whether GitHub would believe it: by the public half of the App's key.
fn holds(signed: &str, signature: &str) -> bool {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use rustls::pki_types::SubjectPublicKeyInfoDer;
    use rustls::pki_types::pem::PemObject as _;
    let pem = include_bytes!("../sources/keys/rsa.public.pem");
    let info = SubjectPublicKeyInfoDer::from_pem_slice(pem).unwrap();
    let info = spki::SubjectPublicKeyInfoRef::try_from(info.as_ref()).unwrap();
    let key =
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, info.subject_public_key.raw_bytes());
    key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).is_ok()
}
