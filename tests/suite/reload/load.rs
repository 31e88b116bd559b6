//! Is any request dropped, or torn between two versions of the rules, by a thousand reloads?

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::reload::{SECRET, rules};
use crate::support::figure;
use crate::support::kabari::{Home, Kabari, github_signature, http};

const RELOADS: usize = 1000;
/// Connections that ask again as soon as they are answered.
const EAGER: usize = 4;
/// Connections whose requests last longer than a reload.
const SLOW: usize = 4;

/// What the one who reloads tells the senders: how often he has, and whether he is done.
#[derive(Clone, Copy, Default)]
struct Reloads {
    count: usize,
    over: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_reloads_under_load_drop_no_request_and_no_event_sees_two_versions() {
    let home = Home::new(&rules("v0")).variable("KABARI_LOG", "error,kabari::app=info");
    let kabari = home.start().await;
    let reloads = watch::Sender::new(Reloads::default());
    let url = kabari.hook("github");
    let listen = kabari.listen();
    let mut senders = Vec::new();
    for n in 0..EAGER {
        senders.push(tokio::spawn(eager(reloads.subscribe(), n, url.clone())));
    }
    for n in 0..SLOW {
        senders.push(tokio::spawn(slow(reloads.subscribe(), n, listen)));
    }
    let began = Instant::now();
    reload_all(&home, &kabari, &reloads).await;
    let took = began.elapsed();
    reloads.send_modify(|reloads| reloads.over = true);
    let mut events = BTreeSet::new();
    for sender in senders {
        let answered = sender.await.unwrap();
        assert!(answered.len() > 10, "only {}", answered.len());
        for event in answered {
            assert!(events.insert(event), "an event is there once");
        }
    }
    let versions = versions(&kabari, &events).await;
    assert!(versions.len() > 100, "only {} versions were ever in force", versions.len());
    let page = kabari.page("/metrics").await.body;
    assert!(page.contains("kabari_rules_reload_success 1\n"), "{page}");
    figure(&format!(
        "{RELOADS} reloads in {:.1} s during {} requests: all answered 200",
        took.as_secs_f64(),
        events.len()
    ));
    assert_eq!(kabari.stop().await, Some(0));
}

/// Puts each version in place; most are asked for, and all are also seen to change.
async fn reload_all(home: &Home, kabari: &Kabari, reloads: &watch::Sender<Reloads>) {
    for n in 1..=RELOADS {
        let new = home.path("rules.new");
        std::fs::write(&new, rules(&format!("v{n}"))).unwrap();
        std::fs::rename(new, home.path("rules.yaml")).unwrap();
        if n % 10 == 0 {
            kabari.hang_up();
        }
        let answer = kabari.order("/api/reload").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        reloads.send_modify(|reloads| reloads.count = n);
    }
}

/// Every message by its event: exactly two of each event, of one version. Gives the versions.
async fn versions(kabari: &Kabari, events: &BTreeSet<String>) -> BTreeSet<String> {
    let list = kabari.page("/api/messages?limit=all").await.json();
    let mut made: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in list.as_array().expect("a list") {
        let text = |it: &serde_json::Value| it.as_str().unwrap_or_default().to_owned();
        made.entry(text(&message["event"])).or_default().push(text(&message["request"]["message"]));
    }
    assert!(made.keys().eq(events), "{} events answered, {} recorded", events.len(), made.len());
    let mut versions = BTreeSet::new();
    for (event, texts) in made {
        assert!(texts.len() == 2 && texts[0] == texts[1], "{event}: {texts:?}");
        versions.extend(texts);
    }
    versions
}

/// Sends one after the other on one connection; gives the events.
async fn eager(reloads: watch::Receiver<Reloads>, sender: usize, url: String) -> Vec<String> {
    let client = http();
    let mut events = Vec::new();
    while !reloads.borrow().over {
        let delivery = format!("eager-{sender}-{}", events.len());
        let body = format!(r#"{{"delivery":"{delivery}"}}"#);
        let signature = github_signature(SECRET, body.as_bytes());
        let request = client.post(&url).body(body);
        let request = request.header("x-github-event", "push");
        let request = request.header("x-github-delivery", delivery);
        let response = request.header("x-hub-signature-256", signature).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        events.push(event_of(&response.text().await.unwrap()));
    }
    events
}

/// Keeps the second half of each body back until there are other rules.
async fn slow(
    mut reloads: watch::Receiver<Reloads>,
    sender: usize,
    listen: std::net::SocketAddr,
) -> Vec<String> {
    let mut stream = TcpStream::connect(listen).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut events = Vec::new();
    while !reloads.borrow().over {
        let delivery = format!("slow-{sender}-{}", events.len());
        let body = format!(r#"{{"delivery":"{delivery}"}}"#);
        let (first, second) = body.split_at(body.len() / 2);
        let head = format!(
            "POST /hooks/github HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
             X-GitHub-Event: push\r\nX-GitHub-Delivery: {delivery}\r\n\
             X-Hub-Signature-256: {}\r\n\r\n{first}",
            body.len(),
            github_signature(SECRET, body.as_bytes()),
        );
        let before = reloads.borrow().count;
        stream.write_all(head.as_bytes()).await.unwrap();
        reloads.wait_for(|now| now.count != before || now.over).await.unwrap();
        stream.write_all(second.as_bytes()).await.unwrap();
        events.push(event_of(&answer(&mut stream).await));
    }
    events
}

/// Reads one answer, which must be a 200, and leaves the connection open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            assert!(head.starts_with("HTTP/1.1 200 "), "{text}");
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if Some(body.len()) == length {
                return body.to_owned();
            }
        }
        let mut more = [0; 1024];
        let count = stream.read(&mut more).await.unwrap();
        assert!(count > 0, "closed in the middle: {text}");
        bytes.extend_from_slice(&more[..count]);
    }
}

fn event_of(body: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(answer["messages"], 2, "{body}");
    answer["event"].as_str().unwrap().to_owned()
}
