//! Is a copy of a sealed store, made while `serve` takes load, whole, sealed and a store to go on with?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::sealed::{STORE_SECRET, home, legible};
use super::{ends, json, push, states};
use crate::support::kabari::{Home, Kabari, PATIENCE};
use crate::support::world::{Behave, World};

/// Who gets a message of the load; each of them from a sender of their own.
const PEOPLE: [&str; 3] = ["6281234567890", "6289876543210", "6285550001111"];

/// Senders that go on until they are told to stop, and what they were told is recorded.
struct Load {
    recorded: Arc<watch::Sender<Vec<String>>>,
    stop: Arc<AtomicBool>,
    senders: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn begin(kabari: &Arc<Kabari>) -> Self {
        let (recorded, stop) = (Arc::new(watch::Sender::default()), Arc::<AtomicBool>::default());
        let sender = |to: &'static str| {
            let (kabari, recorded) = (Arc::clone(kabari), Arc::clone(&recorded));
            let stop = Arc::clone(&stop);
            async move {
                for n in 0.. {
                    let text = format!("Wijaya {to} #{n}");
                    push(&kabari, to, &text).await;
                    recorded.send_modify(|all: &mut Vec<String>| all.push(text));
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            }
        };
        let senders = PEOPLE.into_iter().map(|to| tokio::spawn(sender(to))).collect();
        Self { recorded, stop, senders }
    }

    fn recorded(&self) -> Vec<String> {
        self.recorded.borrow().clone()
    }

    /// Waits until the senders have brought so many in all.
    async fn until(&self, count: usize) {
        let mut recorded = self.recorded.subscribe();
        let enough = recorded.wait_for(|all| count <= all.len());
        let came = tokio::time::timeout(PATIENCE, enough).await.is_ok();
        assert!(came, "{} of {count}", self.recorded().len());
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for sender in self.senders {
            sender.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sealed_copy_made_under_load_has_all_that_was_recorded_before_and_goes_on_with_it() {
    let world = World::start().await;
    // Slower than they come, so that some wait.
    world.always(Behave::send().slowly(Duration::from_millis(15)));
    let first = home(&world, &[STORE_SECRET]);
    let kabari = Arc::new(first.start().await);
    let load = Load::begin(&kabari);
    load.until(400).await;
    let before = load.recorded();
    let place = first.path("copy.db");
    let copied = json(&first, &["backup", place.to_str().unwrap()], 0);
    let after = load.recorded();
    assert!(before.len() < after.len(), "nothing came meanwhile");
    load.end().await;
    Arc::into_inner(kabari).unwrap().kill();

    let other_world = World::start().await;
    let second = home(&other_world, &[STORE_SECRET]);
    std::fs::rename(&place, second.path("kabari.db")).unwrap();
    sound_and_sealed(&second);
    let kept: BTreeMap<String, String> = states(&second).into_iter().collect();
    assert_eq!(Some(kept.len() as u64), copied["messages"].as_u64());
    let lost: Vec<&String> = before.iter().filter(|text| !kept.contains_key(*text)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    goes_on(&second, &other_world, &kept).await;
    sound_and_sealed(&second);
    // Without the secret it is of no use to anybody.
    std::fs::write(second.path("rules.yaml"), crate::process::RULES).unwrap();
    let said = ends(&second, &["messages", "list"], 1);
    assert!(said.contains("is sealed with the secret"), "{said}");
}

/// What waited in the copy is sent in order, and nothing else: what was under way is in doubt.
async fn goes_on(second: &Home, world: &World, kept: &BTreeMap<String, String>) {
    let of = |state: &str| -> Vec<&String> {
        kept.iter().filter(|(_, it)| *it == state).map(|(text, _)| text).collect()
    };
    let (waiting, under_way) = (of("waiting"), of("sending"));
    assert!(!waiting.is_empty() && !of("sent").is_empty() && under_way.len() <= 1, "{kept:?}");
    let kabari = second.start().await;
    world.until("all that waited", |seen| waiting.len() <= seen.dispatched.len()).await;
    push(&kabari, PEOPLE[0], "Wijaya once more #100000").await;
    world.until("what is new", |seen| waiting.len() < seen.dispatched.len()).await;
    assert_eq!(kabari.stop().await, Some(0));
    for text in &waiting {
        assert_eq!(world.seen().texts_asked(text), 1, "{text}");
    }
    assert_eq!(world.seen().asked.len(), waiting.len() + 1, "and nothing twice");
    world.assert_clean();
    let now: BTreeMap<String, String> = states(second).into_iter().collect();
    assert!(under_way.iter().all(|text| now[*text] == "uncertain"), "{under_way:?} {now:?}");
}

fn sound_and_sealed(home: &Home) {
    let raw = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
    let check: String = raw.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let told = [PEOPLE[0], PEOPLE[1], PEOPLE[2], "81234567890", "Wijaya", STORE_SECRET];
    assert_eq!(legible(home, &told), [""; 0]);
}
