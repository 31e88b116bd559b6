//! `kabari trigger`: is a built-in event signed as its provider would, and posted?

use serde_json::Value;

use super::{RULES, Said, home_alone, home_with, world_and_home};
use crate::support::kabari::Home;

/// It takes no store: the one that runs records the event.
fn trigger(home: &Home, words: &[&str]) -> Said {
    home.say(words, "").into()
}

/// The JSON that was answered.
fn answer(said: &Said) -> Value {
    let line = said.out.lines().next().unwrap_or_default();
    let json = line.find('{').map(|start| &line[start..]).unwrap_or_default();
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {said:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_and_a_paid_invoice_arrive_with_what_was_set() {
    let (world, home) = world_and_home().await;
    let kabari = home.start().await;
    let to = format!("http://{}", kabari.listen());
    let push = trigger(&home, &["trigger", "github", "push", "--to", &to]);
    let push = push.is(0).says(&["POST", "/hooks/github", " 200 ", "kabari events show"]);
    assert_eq!(answer(&push)["messages"], 1);
    let phone = "data.object.customer_phone=0813-0000-0001";
    let set = ["--set", phone, "--set", "data.object.number=INV-7"];
    let words = ["trigger", "stripe", "invoice.paid", "--to", &to];
    trigger(&home, &[&words[..], &set[..]].concat()).is(0);
    world.until("both arrive", |seen| seen.dispatched.len() == 2).await;
    let seen = world.seen();
    let to_customer = seen.asked.iter().find(|asked| asked.number() == "6281300000001");
    assert_eq!(to_customer.expect("the customer's").body["fileName"], "INV-7.pdf");
    let none =
        trigger(&home, &[&words[..], &["--set", "data.object.amount_paid=0"]].concat()).is(0);
    assert_eq!(answer(&none)["messages"], 0, "a value is JSON where it can be");
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_twice_is_a_duplicate_and_without_one_each_event_is_new() {
    let (_world, home) = world_and_home().await;
    let kabari = home.start().await;
    let to = format!("http://{}/", kabari.listen());
    for source in [["github", "push"], ["stripe", "invoice.paid"]] {
        let words = [&["trigger"], &source[..], &["--to", &to]].concat();
        let with_id = [&words[..], &["--id", "the-same"]].concat();
        let first = answer(&trigger(&home, &with_id).is(0));
        let second = answer(&trigger(&home, &with_id).is(0));
        assert_eq!(first["duplicate"], Value::Null);
        assert_eq!(second["duplicate"], true);
        assert_eq!(first["event"], second["event"]);
        let third = answer(&trigger(&home, &words).is(0));
        let fourth = answer(&trigger(&home, &words).is(0));
        assert_ne!(third["event"], fourth["event"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_address_is_taken_as_it_is_and_a_refusal_is_exit_1() {
    let (_world, home) = world_and_home().await;
    let kabari = home.start().await;
    let whole = kabari.hook("github");
    trigger(&home, &["trigger", "github", "push", "--to", &whole]).is(0);
    let elsewhere = kabari.hook("nobody");
    trigger(&home, &["trigger", "github", "push", "--to", &elsewhere]).is(1).says(&[" 404 "]);
    let stranger = home_with(RULES, "http://127.0.0.1:1").variable("GITHUB_SECRET", "another one");
    trigger(&stranger, &["trigger", "github", "push", "--to", &whole]).is(1).says(&[" 401 "]);
}

#[test]
fn where_nothing_listens_it_says_so() {
    let said = trigger(&home_alone(), &["trigger", "github", "push"]).is(1);
    said.says(&["nothing answers at http://127.0.0.1:1/hooks/github", "kabari serve", "--to URL"]);
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    let home = home_alone();
    trigger(&home, &["trigger", "github", "pushed"])
        .is(1)
        .says(&["github has no sample `pushed`", "push, pull_request.opened"]);
    trigger(&home, &["trigger", "gitlab", "push"])
        .is(1)
        .says(&["no source `gitlab`", "github, stripe"]);
    trigger(&home, &["trigger", "github", "push", "--set", "nothing"]).is(1).says(&["PATH=VALUE"]);
}

#[test]
fn only_the_variable_of_its_own_secret_must_be_set() {
    let home =
        home_with(&RULES.replace("${GITHUB_SECRET}", "${NOT_SET_HERE}"), "http://127.0.0.1:1");
    let said = trigger(&home, &["trigger", "github", "push"]).is(1);
    said.says(&["sources.github.secret", "NOT_SET_HERE", "not set"]);
    trigger(&home, &["trigger", "stripe", "invoice.paid"]).is(1).says(&["nothing answers"]);
}

/// A form, a batch, a signature in the body and an answer of its own, each through the real program.
#[tokio::test(flavor = "multi_thread")]
async fn senders_of_every_shape_can_be_tried() {
    let rules = r"
wachat: { token: unused, instance: jakarta_store }
store: sqlite://kabari.db
server: { listen: 127.0.0.1:0, admin: 127.0.0.1:0 }
sources:
  midtrans: { secret: a server key of some length }
  duitku: { secret: an api key of some length }
  tripay: { secret: a private key of some length }
  mercadopago: { secret: a secret signature of some length }
  discord: { secret: 1d16b6e24c3f3e8c3b5a3b8e2f5e4a1c7d9b0a2e4f6c8d0b1a3c5e7f9b2d4f6a }
rules: []
";
    let home = Home::new(rules);
    let kabari = home.start().await;
    let to = format!("http://{}", kabari.listen());
    for (source, kind) in
        [("midtrans", "settlement"), ("duitku", "00"), ("mercadopago", "payment.updated")]
    {
        trigger(&home, &["trigger", source, kind, "--to", &to]).is(0).says(&[" 200 "]);
    }
    let tripay = ["trigger", "tripay", "payment_status.PAID", "--to", &to];
    trigger(&home, &tripay).is(0).says(&[r#"{"success":true}"#]);
    let discord = ["trigger", "discord", "APPLICATION_AUTHORIZED", "--to", &to];
    trigger(&home, &discord).is(1).says(&["private key", "kabari secrets new", "--key FILE"]);
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(home.list(&["events", "list"]).len(), 4);
}
