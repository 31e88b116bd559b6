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

#[test]
fn a_sender_whose_key_is_fetched_is_tried_with_a_key_of_ones_own() {
    let home = Home::new(
        "wachat: { token: unused, instance: one }\nsources:\n  paypal: { secret: the id of a webhook }\nrules: []\n",
    );
    std::fs::write(home.path("rsa"), include_str!("../sources/keys/rsa.private.pem")).unwrap();
    let words = ["trigger", "paypal", "PAYMENT.CAPTURE.COMPLETED", "--key", "rsa"];
    trigger(&home, &words).is(1).says(&["fetches this sender's key", "public_key", "--key FILE"]);
    let shown = Said::from(home.run(&["sources", "show", "paypal"])).is(0);
    shown.says(&["the key stands where Paypal-Cert-Url says, on api.paypal.com or"]);
}

/// What a source of this preset is configured with, and the file of the key that its sender signs
/// with where that is another.
fn configured(preset: &str) -> (String, Option<&'static str>) {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let public = |text: &str| quoted(text);
    let (rsa, p256) = (
        include_str!("../sources/keys/rsa.public.pem"),
        include_str!("../sources/keys/p256.public.pem"),
    );
    let pair = kabari::verify::Scheme::new_pair(&SEED).unwrap().1;
    match preset {
        "discord" | "standard-webhooks-v1a" => (format!("secret: {}", public(&pair)), Some("seed")),
        "sendgrid" => (format!("secret: {}", public(p256)), Some("p256")),
        "travis" | "kick" => (format!("secret: {}", public(rsa)), Some("rsa")),
        "paypal" => {
            let key = public(rsa);
            (
                format!("secret: the id of a webhook, verify: {{ public_key: {{ key: {key} }} }}"),
                Some("rsa"),
            )
        }
        "standard-webhooks" | "svix" | "gitlab-signing" => {
            ("secret: whsec_a2FiYXJpIGthYmFyaSBrYWJhcmkgMTIzNDU2Nzg=".to_owned(), None)
        }
        "adyen" | "adyen-platform" | "close" => {
            ("secret: 11223344D785FBAE710E7F943F307971".to_owned(), None)
        }
        "postmark-basic" | "chargebee-basic" => {
            ("secret: \"user:a password of some length\"".to_owned(), None)
        }
        _ => ("secret: the secret of a provider".to_owned(), None),
    }
}

const SEED: [u8; 32] = *b"kabari's own key of these tests!";

/// Every sender but Travis, whose SHA-1 nobody else signs with, through the real programs: a form, a batch, a signature in the body, the address
/// under the signature, a key pair, an answer of its own.
#[tokio::test(flavor = "multi_thread")]
async fn every_preset_can_be_tried_with_each_of_its_samples() {
    let names: std::collections::BTreeSet<&str> =
        kabari::sources::samples().iter().map(|sample| sample.preset).collect();
    assert!(names.len() >= 72, "{} presets", names.len());
    let sources: Vec<String> =
        names.iter().map(|name| format!("  {name}: {{ {} }}", configured(name).0)).collect();
    let rules = format!(
        "wachat: {{ token: unused, instance: jakarta_store }}\nstore: sqlite://kabari.db\n\
         server: {{ listen: 127.0.0.1:0, admin: 127.0.0.1:0, public_url: https://hooks.example.test }}\n\
         sources:\n{}\nrules: []\n",
        sources.join("\n")
    );
    let home = Home::new(&rules);
    let seed = kabari::verify::Scheme::new_pair(&SEED).unwrap().0;
    for (name, key) in [
        ("seed", seed.expose()),
        ("rsa", include_str!("../sources/keys/rsa.private.pem")),
        ("p256", include_str!("../sources/keys/p256.private.pem")),
    ] {
        std::fs::write(home.path(name), key).unwrap();
    }
    let kabari = home.start().await;
    let to = format!("http://{}", kabari.listen());
    let mut wrong = Vec::new();
    let mut told = 0;
    for sample in kabari::sources::samples() {
        let key = configured(sample.preset).1.map(|key| home.path(key).display().to_string());
        let mut words = vec!["trigger", sample.preset, sample.kind, "--to", &to];
        if let Some(key) = &key {
            words.extend(["--key", key]);
        }
        let said = trigger(&home, &words);
        if sample.preset == "travis" {
            said.is(1).says(&["private key"]);
            continue;
        }
        let status = said.out.lines().next().unwrap_or_default().to_owned();
        if said.code != 0 {
            wrong.push(format!("{}/{}: {status} {}", sample.preset, sample.kind, said.err));
        }
        told += 1;
        // Accepted is not yet recorded: where the answer is the sender's own, the list tells.
        let of_source = ["events", "list", "--source", sample.preset];
        let rows = home.list(&of_source);
        let is_there = rows.iter().any(|row| row["kind"] == sample.kind);
        if !is_there {
            wrong.push(format!("{}/{} is not recorded: {rows:?}", sample.preset, sample.kind));
        }
    }
    assert!(wrong.is_empty(), "{} of {told}:\n{}", wrong.len(), wrong.join("\n"));
    let tripay = ["trigger", "tripay", "payment_status.PAID", "--to", &to];
    trigger(&home, &tripay).is(0).says(&[r#"{"success":true}"#]);
    let discord = ["trigger", "discord", "APPLICATION_AUTHORIZED", "--to", &to];
    trigger(&home, &discord).is(1).says(&["private key", "kabari secrets new", "--key FILE"]);
    assert_eq!(kabari.stop().await, Some(0));
    assert!(home.list(&["events", "list"]).len() >= names.len());
}
