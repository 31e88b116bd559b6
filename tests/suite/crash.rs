//! What is left after a SIGKILL? Every event that was answered 200, and no message sent twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::kabari::{Home, PATIENCE, github_signature, http};
use crate::support::world::{Asked, Behave, Seen, TOKEN, World};
use crate::support::{figure, long, skip};

const SECRET: &str = "secret-of-the-crash-test";
/// One message goes out at a time in the first lane, two in the second.
const IN_FLIGHT: usize = 3;
const CONNECTIONS: usize = 6;
const SEED: u64 = 20_261_122;

/// Two messages an event, each in a lane of its own and to a number of that lane.
const RULES: &str = r#"
wachat:
  token: ${WACHAT_TOKEN}
  instance: one
  base_url: ${WACHAT_URL}
  timeout: 120s
  instances:
    one: { pace: off, in_flight: 1 }
    two: { pace: off, in_flight: 2 }
sources:
  github: { secret: secret-of-the-crash-test }
rules:
  - name: first
    source: github
    kind: push
    send: { number: "62811{{ event.number }}", message: "{{ event.token }} first" }
  - name: second
    source: github
    kind: push
    send: { number: "62812{{ event.number }}", message: "{{ event.token }} second", instanceName: two }
"#;

/// What the program's store is sealed with, by turns: nothing, a secret, and another one after it.
const STORES: [&str; 3] = [
    "",
    "store: { secret: first-secret-of-the-store-in-the-crash-test }",
    "store: { secrets: [second-secret-of-the-store-in-the-crash-test, \
     first-secret-of-the-store-in-the-crash-test] }",
];

/// What the senders know: of which delivery which event id was promised.
#[derive(Default)]
struct Promises {
    kept: Mutex<BTreeMap<String, BTreeSet<String>>>,
    refused: AtomicUsize,
}

/// Posts deliveries one after another, each again and again until it is answered 200: as GitHub
/// does by hand, and the id is the same each time.
async fn send_without_end(
    sender: usize,
    hook: Arc<Mutex<Option<String>>>,
    promises: Arc<Promises>,
    enough: Arc<AtomicBool>,
) {
    let client = http();
    for number in 0.. {
        let token = format!("s{sender}n{number}");
        let recipient = format!("000000{}", (sender + number) % 10);
        let body = format!(
            r#"{{"number":"{recipient}","token":"{token}","padding":"{}"}}"#,
            "x".repeat(2000)
        );
        loop {
            if enough.load(Ordering::Relaxed) {
                return;
            }
            let url = hook.lock().unwrap().clone();
            let Some(url) = url else {
                tokio::time::sleep(Duration::from_millis(2)).await;
                continue;
            };
            let answer = client
                .post(url)
                .header("x-github-event", "push")
                .header("x-github-delivery", &token)
                .header("x-hub-signature-256", github_signature(SECRET, body.as_bytes()))
                .body(body.clone())
                .send()
                .await;
            let Ok(answer) = answer else { continue };
            if answer.status() != 200 {
                promises.refused.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            // An answer cut off in its middle promised nothing.
            let Ok(text) = answer.text().await else { continue };
            let Ok(answer) = serde_json::from_str::<Value>(&text) else { continue };
            let event = answer["event"].as_str().unwrap_or_else(|| panic!("{text}")).to_owned();
            promises.kept.lock().unwrap().entry(token.clone()).or_default().insert(event);
            break;
        }
        // The lanes must be able to follow: it is the moment of the kill that is tested.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn home(world: &World) -> Home {
    Home::new(RULES).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_kill_at_any_moment_loses_no_acknowledged_event_and_sends_nothing_twice() {
    let kills = if long() { 500 } else { 30 };
    let seed = std::env::var("KABARI_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    println!("KABARI_SEED={seed}");
    let world = World::start().await;
    let home = home(&world);

    let promises = Arc::new(Promises::default());
    let (hook, enough) = (Arc::default(), Arc::new(AtomicBool::new(false)));
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|sender| {
            let (hook, promises) = (Arc::clone(&hook), Arc::clone(&promises));
            tokio::spawn(send_without_end(sender, hook, promises, Arc::clone(&enough)))
        })
        .collect();

    let mut dice = fastrand::Rng::with_seed(seed);
    for kill in 0..kills {
        let store = STORES[STORES.len() * kill / kills];
        std::fs::write(home.path("rules.yaml"), format!("{store}{RULES}")).unwrap();
        world.always(Behave::send().slowly(Duration::from_millis(dice.u64(0..12))));
        let kabari = home.start().await;
        *hook.lock().unwrap() = Some(kabari.hook("github"));
        tokio::time::sleep(Duration::from_millis(dice.u64(20..400))).await;
        // Half of the kills meet a Wachat that goes on as before, the others one that does not.
        if kill % 2 == 0 {
            world.always(badly(&mut dice));
        }
        tokio::time::sleep(Duration::from_millis(dice.u64(0..40))).await;
        kabari.kill();
        *hook.lock().unwrap() = None;
    }
    enough.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }

    // No more kills: what still waits goes out.
    world.always(Behave::send());
    let kabari = home.start().await;
    let (mut left, mut since) = (usize::MAX, Instant::now());
    loop {
        let waiting = home.list(&["messages", "list", "--state", "waiting"]).len();
        match waiting {
            0 => break,
            _ if waiting < left => (left, since) = (waiting, Instant::now()),
            _ => {}
        }
        assert!(since.elapsed() < PATIENCE, "{waiting} messages still wait:\n{}", kabari.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(kabari.stop().await, Some(0));
    check(&home, &promises, &world.seen(), kills);
    world.assert_clean();
    for name in ["kabari.db", "kabari.db-wal"] {
        let kept = std::fs::read(home.path(name)).unwrap_or_default();
        let legible = kept.windows(8).any(|bytes| bytes == b"62811000");
        assert!(!legible, "numbers are legible in {name}, and it is sealed");
    }
}

/// Not at all, in words that say nothing, or by breaking off; and it may have sent it or not.
fn badly(dice: &mut fastrand::Rng) -> Behave {
    let behave = match dice.u32(0..6) {
        0..3 => Behave::hang(),
        3 => Behave::answer(500, ""),
        4 => Behave::answer(504, "<html>"),
        _ => Behave::close(),
    };
    let behave = behave.slowly(Duration::from_millis(dice.u64(0..30)));
    if dice.bool() { behave.dispatching() } else { behave }
}

/// How often each text came for each number.
fn tally(requests: &[Asked]) -> HashMap<(String, String), usize> {
    let mut tally = HashMap::new();
    for asked in requests {
        *tally.entry((asked.number().to_owned(), asked.message().to_owned())).or_default() += 1;
    }
    tally
}

/// Compares what was promised, what is stored and what reached Wachat.
fn check(home: &Home, promises: &Promises, seen: &Seen, kills: usize) {
    let stored: BTreeSet<String> = home
        .list(&["events", "list"])
        .iter()
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    let messages = home.list(&["messages", "list", "--full"]);
    let (mut asked, dispatched) = (tally(&seen.asked), tally(&seen.dispatched));

    let promises_kept = promises.kept.lock().unwrap();
    let mut of_event: HashMap<&str, usize> = HashMap::new();
    for message in &messages {
        *of_event.entry(message["event"].as_str().unwrap()).or_default() += 1;
    }
    for (token, events) in promises_kept.iter() {
        assert_eq!(events.len(), 1, "{token} was promised as {events:?}");
        for event in events {
            assert!(stored.contains(event), "{token} was answered 200 and event {event} is lost");
            assert_eq!(of_event.get(&**event), Some(&2), "messages of {token}");
        }
    }

    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut unsent, mut interrupted) = (0, 0);
    for message in &messages {
        let state = message["state"].as_str().unwrap();
        *states.entry(state).or_default() += 1;
        let field = |name: &str| message["request"][name].as_str().unwrap().to_owned();
        let key = (field("number"), field("message"));
        let reached = (asked.remove(&key).unwrap_or(0), dispatched.get(&key).copied().unwrap_or(0));
        match (state, reached) {
            ("sent", (1, 1)) | ("uncertain", (0 | 1, 0 | 1)) => {}
            _ => panic!("asked for and dispatched {reached:?} times: {message}"),
        }
        unsent += usize::from(reached.1 == 0);
        interrupted += usize::from(message["reason"] == "interrupted");
    }
    assert!(asked.is_empty(), "sent and not in the store: {asked:?}");
    let most = kills * IN_FLIGHT;
    assert!(interrupted <= most, "{interrupted} interrupted by {kills} kills");
    assert!(promises_kept.len() > kills, "only {} events under load", promises_kept.len());

    figure(&format!(
        "{kills} kills: {} events answered 200, 0 lost; {} stored; messages {states:?}, \
         of the uncertain ones {unsent} never left; interrupted {interrupted}, at most {most}; {} requests \
         refused",
        promises_kept.len(),
        stored.len(),
        promises.refused.load(Ordering::Relaxed),
    ));
}

/// The lines of strace in which `kabari` wrote to a file, synced one, or wrote an answer.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Write,
    Sync,
    Answer,
}

/// Reads strace's output with paths (`-y`): writes to the database's files, syncs of them, answers.
fn steps(trace: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for line in trace.lines() {
        // `123 fdatasync(7</tmp/x/kabari.db-wal>) = 0`, or unfinished and resumed by another line.
        let Some(call) = line.split_once(' ').map(|(_, call)| call.trim_start()) else { continue };
        let name = call.split('(').next().unwrap_or("");
        let database = call.contains("/kabari.db");
        match name {
            "write" | "pwrite64" if database => steps.push(Step::Write),
            // The sync counts when it is over, whatever came between.
            "fsync" | "fdatasync" if database && !call.contains("unfinished") => {
                steps.push(Step::Sync);
            }
            _ if call.contains("sync resumed>") => steps.push(Step::Sync),
            _ if call.contains("\"HTTP/1.1 200") => steps.push(Step::Answer),
            _ => {}
        }
    }
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_is_synced_between_the_last_write_and_each_answer() {
    let trial = Command::new("strace").args(["-D", "-e", "trace=write", "true"]).output();
    if !trial.is_ok_and(|output| output.status.success()) {
        return skip("a sync before each answer: strace is missing or may not trace");
    }
    // The lanes send nothing meanwhile: only receiving writes.
    let world = World::start().await;
    world.always(Behave::hang());
    let home = home(&world);
    let trace = home.path("trace");
    let calls = "trace=write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync";
    let wrapper = ["strace", "-D", "-f", "-y", "-s", "16", "-o", trace.to_str().unwrap()];
    let home = home.under(&[&wrapper[..], &["-e", calls]].concat());
    let kabari = home.start().await;

    // Both lanes take their first messages and hang; the others queue up behind, to one recipient.
    let post = async |token: &str| {
        let body = format!(r#"{{"number":"0000001","token":"{token}"}}"#);
        let answer = kabari.post_github(SECRET, "push", token, &body).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    post("first").await;
    world.until("two requests", |seen| seen.asked.len() == 2).await;
    for number in 0..5 {
        post(&format!("n{number}")).await;
    }
    kabari.kill();

    let trace = std::fs::read_to_string(trace).unwrap();
    let steps = steps(&trace);
    let answers: Vec<usize> = (0..steps.len()).filter(|&at| steps[at] == Step::Answer).collect();
    assert_eq!(answers.len(), 6, "answers in:\n{trace}");
    let mut from = answers[0] + 1;
    for &answer in &answers[1..] {
        let between = &steps[from..answer];
        let last_write = between.iter().rposition(|step| *step == Step::Write);
        let last_sync = between.iter().rposition(|step| *step == Step::Sync);
        assert!(last_write.is_some(), "nothing was written before an answer: {between:?}");
        assert!(last_sync > last_write, "not synced before an answer: {between:?}\n{trace}");
        from = answer + 1;
    }
}

#[test]
fn a_trace_is_read_in_the_order_in_which_things_ended() {
    let trace = "\
7 pwrite64(5</t/kabari.db-wal>, \"x\"..., 4096, 0) = 4096
7 write(2</dev/pts/0>, \"log\", 3) = 3
8 fdatasync(5</t/kabari.db-wal> <unfinished ...>
7 sendto(9<socket:[1]>, \"HTTP/1.1 200 OK\"..., 99, MSG_NOSIGNAL, NULL, 0) = 99
8 <... fdatasync resumed>) = 0
8 fdatasync(5</t/kabari.db-wal>) = 0
";
    assert_eq!(steps(trace), [Step::Write, Step::Answer, Step::Sync, Step::Sync]);
}
