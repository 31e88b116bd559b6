//! What of the outside must kabari be told or shown: the address that senders sign, the secrets that
//! they offer, and many events that come as one?

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::kabari::{Home, Kabari};
use crate::support::world::{TOKEN, World};

const SQUARE: &str = "the signature key of a subscription";
const ANNA: &str = "6281234567890";
const ADMIN: &str = "the token of the admin pages";
const OFFERED: &str = "b537207f20cbfa02357cf448134da559";

fn mac(secret: &str, signed: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Square's signature over the address at which its subscription stands, and the body.
async fn square(kabari: &Kabari, source: &str, address: &str, id: &str) -> u16 {
    let body = json!({ "type": "payment.created", "event_id": id }).to_string();
    let signature = STANDARD.encode(mac(SQUARE, &format!("{address}{body}")));
    let headers = [("x-square-hmacsha256-signature", &*signature)];
    kabari.post(source, &headers, body).await.unwrap().status
}

fn shop(server: &str, own: &str) -> String {
    format!(
        "wachat: {{ token: unused, instance: one }}\n{server}\n\
         sources:\n  square: {{ secret: {SQUARE} }}\n\
         \x20 other: {{ preset: square, secret: {SQUARE}{own} }}\nrules: []\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_that_a_sender_signs_is_the_one_that_the_world_knows() {
    let own = ", url: https://pay.shop.example/square?ignored=1";
    let rules = shop("server: { public_url: https://hooks.shop.example/in/ }", own);
    let home = Home::new(&rules);
    let kabari = home.start().await;
    let public = "https://hooks.shop.example/in/hooks/square";
    assert_eq!(square(&kabari, "square", public, "1").await, 200);
    for wrong in [
        "https://hooks.shop.example/in/hooks/square/",
        "http://hooks.shop.example/in/hooks/square",
        "https://hooks.shop.example/hooks/square",
        &kabari.hook("square"),
    ] {
        assert_eq!(square(&kabari, "square", wrong, "2").await, 401, "{wrong}");
    }
    // A source's own address goes before.
    assert_eq!(square(&kabari, "other", "https://pay.shop.example/square", "3").await, 200);
    let other = "https://hooks.shop.example/in/hooks/other";
    assert_eq!(square(&kabari, "other", other, "4").await, 401);
    let listed = home.list(&["sources"]);
    let url = |name: &str| listed.iter().find(|row| row["name"] == name).unwrap()["url"].clone();
    assert_eq!(url("square"), public);

    // The proxy moves, and nothing is restarted.
    let moved = shop("server: { public_url: https://new.shop.example }", own);
    std::fs::write(home.path("rules.yaml"), moved).unwrap();
    kabari.hang_up();
    kabari.says(0, &["rules reloaded"]).await;
    assert_eq!(square(&kabari, "square", public, "5").await, 401);
    let new = "https://new.shop.example/hooks/square";
    assert_eq!(square(&kabari, "square", new, "6").await, 200);
}

#[test]
fn without_an_address_such_a_sender_is_refused_and_it_is_said_what_to_write() {
    let said = Home::new(&shop("", "")).say(&["check"], "");
    let text = String::from_utf8(said.stdout).unwrap() + &String::from_utf8(said.stderr).unwrap();
    assert!(!said.status.success());
    assert!(text.contains("no-url") && text.contains("server.public_url"), "{text}");
    let wrong =
        Home::new(&shop("server: { public_url: hooks.shop.example }", "")).say(&["check"], "");
    let text = String::from_utf8(wrong.stdout).unwrap() + &String::from_utf8(wrong.stderr).unwrap();
    assert!(text.contains("https://hooks.shop.example"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offered_secret_is_shown_to_the_operator_alone() {
    let rules = format!(
        "wachat: {{ token: unused, instance: one }}\nserver: {{ admin_token: \"{ADMIN}\" }}\n\
         sources:\n  asana: {{ secret: the secret of an earlier webhook }}\nrules: []\n"
    );
    let home = Home::new(&rules);
    let kabari = home.start_with(&["--log", "json"]).await;
    let offer = [("x-hook-secret", OFFERED)];
    let answer = kabari.post("asana", &offer, "").await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    // Nobody without the token of the admin pages sees it, and it is in no log and no figure.
    let path = "/api/sources/asana/offered";
    let stranger = kabari.page(path).await;
    assert_eq!(stranger.status, 401);
    for page in [path, "/readyz", "/healthz", "/metrics", "/hooks/asana"] {
        assert!(!kabari.page(page).await.body.contains(OFFERED), "{page}");
    }
    assert!(!kabari.log().contains(OFFERED));
    assert_eq!(home.list(&["events", "list"]), Vec::<Value>::new());
    let shown = home.run(&["sources", "show", "asana", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["offered"][0]["secret"], OFFERED, "{shown}");
    let list = home.run(&["sources", "--json"]);
    assert!(
        !String::from_utf8(list.stdout).unwrap().contains(OFFERED),
        "only where it is asked for"
    );
    // It counts for nothing until the operator has written it down.
    let body = r#"{"events":[{"action":"added","resource":{"gid":"1"}}]}"#;
    let signed = hex::encode(mac(OFFERED, body));
    let headers = [("x-hook-signature", &*signed)];
    assert_eq!(kabari.post("asana", &headers, body).await.unwrap().status, 401);
    let taken = rules.replace("the secret of an earlier webhook", OFFERED);
    std::fs::write(home.path("rules.yaml"), taken).unwrap();
    kabari.hang_up();
    kabari.says(0, &["rules reloaded"]).await;
    assert_eq!(kabari.post("asana", &headers, body).await.unwrap().status, 200);
}

const TILL: &str = r#"
wachat:
  token: ${WACHAT_TOKEN}
  instance: one
  base_url: ${WACHAT_URL}
  instances:
    one: { pace: off, in_flight: 1 }
sources:
  till:
    secret: the secret of the till in the shop
    verify: { hmac: { header: X-Till } }
    kind: "{{ event.kind }}"
    id: "{{ event.id }}"
    events: sales.*
rules:
  - name: sold
    source: till
    kind: sale
    group: { key: "{{ request.shop }}", wait: 2s }
    send:
      number: "6281234567890"
      message: "{{ events | length }}: {% for it in events %}{{ it.event.what }} {% endfor %}"
"#;

/// A till tells several sales at once.
async fn tell(kabari: &Kabari, shop: &str, sales: &[(&str, &str)]) -> Value {
    let sale = |(id, what): &(&str, &str)| json!({ "id": id, "kind": "sale", "what": what });
    let sales: Vec<Value> = sales.iter().map(sale).collect();
    let body = json!({ "shop": shop, "sales": sales }).to_string();
    let signature = hex::encode(mac("the secret of the till in the shop", &body));
    let answer = kabari.post("till", &[("x-till", &*signature)], body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_batches_are_grouped_one_by_one_and_a_repeated_one_counts_once() {
    let world = World::start().await;
    let home = Home::new(TILL).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN);
    let kabari = home.start().await;
    let first = tell(&kabari, "north", &[("1", "tea"), ("2", "rice")]).await;
    assert_eq!(first["events"].as_array().unwrap().len(), 2);
    let again = tell(&kabari, "north", &[("2", "rice"), ("3", "soap")]).await;
    assert_eq!(again["events"][0], first["events"][1], "known by its first id");
    tell(&kabari, "south", &[("4", "salt")]).await;
    let all = tell(&kabari, "north", &[("1", "tea")]).await;
    assert_eq!(all["duplicate"], true);
    world.until("a message for each shop", |seen| seen.dispatched.len() == 2).await;
    let mut texts = world.seen().texts_to(ANNA);
    texts.sort();
    assert_eq!(texts, ["1: salt", "3: tea rice soap"]);
    assert_eq!(home.list(&["events", "list"]).len(), 4);
    world.assert_clean();
}
