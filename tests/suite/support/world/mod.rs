//! What would Wachat do? A small world with a memory, for tests.
//!
//! A real HTTP server on a port of its own. It keeps two ordered logs: what it was *asked* and what
//! it *dispatched*, which is what a phone would show. It is strict about the documented request,
//! and watches two promises: requests for one number never overlap, and messages whose text ends
//! in `#<n>` are dispatched to each number with growing n. What is broken is in
//! [`World::faults`]; end a test with [`World::assert_clean`].
//!
//! ```ignore
//! let world = World::start().await;                        // everything is sent
//! world.next(2, Behave::answer(503, "{}"));                // the next two requests, whoever to
//! world.number("6281…", Behave::send().slowly(millis));    // this number, until told otherwise
//! world.next_to("6281…", 1, Behave::hang().dispatching()); // the duplicate trap
//! world.next(1, Behave::send().held());                    // typing, until `world.let_go()`
//! world.disconnect("jakarta_store");                       // this session is gone
//! world.down().await; world.up();                          // connections are refused
//! world.until("three sent", |seen| seen.dispatched.len() == 3).await;
//! ```

mod behave;
mod memory;
mod answer;
mod door;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use answer::asked;
pub use behave::Behave;
use door::{Cord, Door};
use memory::{Inner, Memory};

use crate::support::port::Port;

/// The token that the world wants.
pub const TOKEN: &str = "world-token-0123456789";

/// An instance name for tests that need only one; the world knows every name.
pub const INSTANCE: &str = "jakarta_store";

/// How long [`World::until`] waits before it gives the test up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A fake Wachat with a memory. Dropping it ends it.
pub struct World {
    inner: Arc<Inner>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its path.
    pub path: String,
    /// Its body.
    pub body: Value,
    /// Since the world began.
    pub at: Duration,
}

impl Asked {
    /// The body's `number`.
    pub fn number(&self) -> &str {
        self.body["number"].as_str().unwrap_or_default()
    }

    /// The body's `message`.
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

/// What the world remembers.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Every request that was understood, in the order of arrival.
    pub asked: Vec<Asked>,
    /// What reached a phone, in that order.
    pub dispatched: Vec<Asked>,
    /// How many connections were made.
    pub connections: usize,
    /// Promises that were broken, as sentences.
    pub faults: Vec<String>,
}

impl Seen {
    /// How many requests had this text.
    pub fn texts_asked(&self, text: &str) -> usize {
        self.asked.iter().filter(|asked| asked.message() == text).count()
    }

    /// The texts that reached this number, in order.
    pub fn texts_to(&self, number: &str) -> Vec<String> {
        let to = self.dispatched.iter().filter(|sent| sent.number() == number);
        to.map(|sent| sent.message().to_owned()).collect()
    }
}

impl World {
    /// A world in which every message is sent.
    #[expect(clippy::unused_async, reason = "a server starts within a runtime")]
    pub async fn start() -> Self {
        let port = Port::free();
        let (address, listener) = (port.address(), port.listen());
        let memory = Memory {
            seen: Seen::default(),
            always: Behave::send(),
            numbers: BTreeMap::new(),
            next: Vec::new(),
            disconnected: BTreeSet::new(),
            under_way: BTreeMap::new(),
            last: BTreeMap::new(),
        };
        let inner = Arc::new(Inner {
            began: Instant::now(),
            memory: Mutex::new(memory),
            changed: watch::Sender::new(()),
            up: watch::Sender::new(true),
            listening: watch::Sender::new(true),
            let_go: watch::Sender::new(false),
            cut: Mutex::new(CancellationToken::new()),
        });
        let door = Door { inner: Arc::clone(&inner), port, listener: Some(listener) };
        let router = Router::new().fallback(asked).with_state(Arc::clone(&inner));
        let service = router.into_make_service_with_connect_info::<Cord>();
        let server = tokio::spawn(async move {
            axum::serve(door, service).await.expect("the world goes on");
        });
        Self { inner, address, server }
    }

    /// Where it is: `http://127.0.0.1:port`, for `wachat.base_url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Treats every request so from now on, but for those with an order of their own.
    pub fn always(&self, behave: Behave) {
        self.memory().always = behave;
    }

    /// Treats every request for this number so from now on.
    pub fn number(&self, number: &str, behave: Behave) {
        self.memory().numbers.insert(number.to_owned(), behave);
    }

    /// Treats the next `n` requests so. Goes before [`World::number`]; several orders queue up.
    pub fn next(&self, n: usize, behave: Behave) {
        self.memory().next.push((None, n, behave));
    }

    /// Treats the next `n` requests for this number so.
    pub fn next_to(&self, number: &str, n: usize, behave: Behave) {
        self.memory().next.push((Some(number.to_owned()), n, behave));
    }

    /// This instance's session is gone: every request for it is answered so, nothing is sent.
    pub fn disconnect(&self, instance: &str) {
        self.memory().disconnected.insert(instance.to_owned());
    }

    /// The session is back.
    pub fn reconnect(&self, instance: &str) {
        self.memory().disconnected.remove(instance);
    }

    /// Treats those on that were held ([`Behave::held`]), and holds nobody any more.
    pub fn let_go(&self) {
        self.inner.let_go.send_replace(true);
    }

    /// Refuses connections, and ends those that stand. Returns when it does.
    pub async fn down(&self) {
        self.inner.up.send_replace(false);
        self.inner.cut.lock().unwrap().cancel();
        self.until_listening(false).await;
    }

    /// Accepts connections again, at the same address. Returns when it does.
    pub async fn up(&self) {
        *self.inner.cut.lock().unwrap() = CancellationToken::new();
        self.inner.up.send_replace(true);
        self.until_listening(true).await;
    }

    async fn until_listening(&self, wanted: bool) {
        let mut listening = self.inner.listening.subscribe();
        let reached = listening.wait_for(|listening| *listening == wanted);
        let reached = tokio::time::timeout(PATIENCE, reached).await.expect("the door turns");
        reached.expect("the world goes on");
    }

    /// What it remembers up to now.
    pub fn seen(&self) -> Seen {
        self.memory().seen.clone()
    }

    /// Waits until `enough`; panics with all it remembers if that takes more than 30 s.
    pub async fn until(&self, what: &str, enough: impl Fn(&Seen) -> bool) {
        let mut changed = self.inner.changed.subscribe();
        let all = async {
            while !enough(&self.memory().seen) {
                changed.changed().await.expect("the world goes on");
            }
        };
        let came = tokio::time::timeout(PATIENCE, all).await.is_ok();
        assert!(came, "waited in vain for: {what}; the world saw {:#?}", self.seen());
    }

    /// What went against the documentation, in short sentences.
    pub fn faults(&self) -> Vec<String> {
        self.seen().faults
    }

    /// Panics if any promise was broken.
    pub fn assert_clean(&self) {
        assert_eq!(self.faults(), Vec::<String>::new());
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.inner.memory.lock().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.inner.cut.lock().unwrap().cancel();
        self.server.abort();
    }
}
