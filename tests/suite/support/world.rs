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
//! world.disconnect("jakarta_store");                       // this session is gone
//! world.down().await; world.up();                          // connections are refused
//! world.until("three sent", |seen| seen.dispatched.len() == 3).await;
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::http::{HeaderMap, Method, Response, Uri, header};
use axum::serve::{IncomingStream, Listener};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

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
    /// The texts that reached this number, in order.
    pub fn texts_to(&self, number: &str) -> Vec<String> {
        let to = self.dispatched.iter().filter(|sent| sent.number() == number);
        to.map(|sent| sent.message().to_owned()).collect()
    }
}

/// How the world treats one request.
#[derive(Clone, Debug)]
pub struct Behave {
    dispatch: bool,
    wait: Duration,
    end: End,
}

#[derive(Clone, Debug)]
enum End {
    Answer { status: u16, body: String, headers: Vec<(header::HeaderName, String)> },
    Hang,
    Close,
}

impl Behave {
    /// Dispatches it and says so. This is what the world does unless told otherwise.
    pub fn send() -> Self {
        let body = r#"{"success":true,"message":"Message dispatched"}"#;
        Self::answer(200, body).dispatching()
    }

    /// Answers so, and dispatches nothing.
    pub fn answer(status: u16, body: &str) -> Self {
        let json = (header::CONTENT_TYPE, "application/json".to_owned());
        let end = End::Answer { status, body: body.to_owned(), headers: vec![json] };
        Self { dispatch: false, wait: Duration::ZERO, end }
    }

    /// Answers 429 with this `Retry-After`.
    pub fn too_fast(retry_after: &str) -> Self {
        Self::answer(429, r#"{"error":"Too many requests"}"#)
            .header(header::RETRY_AFTER, retry_after)
    }

    /// Answers 200 with `success: false` and these words.
    pub fn deny(words: &str) -> Self {
        Self::answer(200, &json!({"success": false, "message": words}).to_string())
    }

    /// Answers 200 with a web page, as a proxy does.
    pub fn page() -> Self {
        Self::answer(200, "<!doctype html><title>Sign in</title>")
            .header(header::CONTENT_TYPE, "text/html")
    }

    /// Reads the request and never answers.
    pub fn hang() -> Self {
        Self { dispatch: false, wait: Duration::ZERO, end: End::Hang }
    }

    /// Reads the request and closes the connection without a byte.
    pub fn close() -> Self {
        Self { dispatch: false, wait: Duration::ZERO, end: End::Close }
    }

    /// The same, but the message is dispatched all the same.
    #[must_use]
    pub fn dispatching(mut self) -> Self {
        self.dispatch = true;
        self
    }

    /// The same after `wait`, as if it typed. It goes on if the client disconnects meanwhile.
    #[must_use]
    pub fn slowly(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// The same answer with this header.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: &str) -> Self {
        if let End::Answer { headers, .. } = &mut self.end {
            headers.retain(|(other, _)| *other != name);
            headers.push((name, value.to_owned()));
        }
        self
    }
}

struct Inner {
    began: Instant,
    memory: Mutex<Memory>,
    /// Rings at every change of what is seen.
    changed: watch::Sender<()>,
    /// Whether connections are accepted.
    up: watch::Sender<bool>,
    listening: watch::Sender<bool>,
    /// Ends the connections of this period of being up.
    cut: Mutex<CancellationToken>,
}

struct Memory {
    seen: Seen,
    always: Behave,
    numbers: BTreeMap<String, Behave>,
    /// For one number, or for any; how many requests more; how.
    next: Vec<(Option<String>, usize, Behave)>,
    disconnected: BTreeSet<String>,
    under_way: BTreeMap<String, usize>,
    last: BTreeMap<String, u64>,
}

impl World {
    /// A world in which every message is sent.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
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
            cut: Mutex::new(CancellationToken::new()),
        });
        let door = Door { inner: Arc::clone(&inner), listener: Some(listener), address };
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

    /// Refuses connections, and ends those that stand. Returns when it does.
    pub async fn down(&self) {
        self.inner.up.send_replace(false);
        self.inner.cut.lock().unwrap().cancel();
        let mut listening = self.inner.listening.subscribe();
        listening.wait_for(|listening| !listening).await.expect("the world goes on");
    }

    /// Accepts connections again, at the same address. Returns when it does.
    pub async fn up(&self) {
        *self.inner.cut.lock().unwrap() = CancellationToken::new();
        self.inner.up.send_replace(true);
        let mut listening = self.inner.listening.subscribe();
        listening.wait_for(|listening| *listening).await.expect("the world goes on");
    }

    /// What it remembers up to now.
    pub fn seen(&self) -> Seen {
        self.memory().seen.clone()
    }

    /// Waits until `enough`; panics with all it remembers if that takes more than 30 s.
    pub async fn until(&self, what: &str, enough: impl Fn(&Seen) -> bool) {
        let mut changed = self.inner.changed.subscribe();
        let all = async {
            while !enough(&self.seen()) {
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

/// One request, from arrival to answer.
async fn asked(
    State(inner): State<Arc<Inner>>,
    ConnectInfo(cord): ConnectInfo<Cord>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.path().to_owned();
    let asked = match checked(&method, &path, &headers, &body) {
        Ok(body) => Asked { path, body, at: inner.began.elapsed() },
        Err((status, wrong)) => {
            inner.change(|memory| memory.seen.faults.push(wrong.clone()));
            return answer(status, json!({"error": wrong}).to_string(), &[]);
        }
    };
    let behave = inner.change(|memory| memory.begin(&asked));
    let under_way = UnderWay { inner: Arc::clone(&inner), number: asked.number().to_owned() };
    // Engines go on when their client is gone, so this does not depend on the connection.
    let work = tokio::spawn(async move {
        tokio::time::sleep(behave.wait).await;
        if behave.dispatch {
            inner.change(|memory| memory.dispatch(asked));
        }
        behave.end
    });
    let end = work.await.expect("the world's own work");
    match end {
        End::Answer { status, body, headers } => {
            drop(under_way);
            answer(status, body, &headers)
        }
        End::Hang => std::future::pending().await,
        End::Close => {
            cord.0.store(true, Ordering::SeqCst);
            answer(200, String::new(), &[])
        }
    }
}

impl Memory {
    fn begin(&mut self, asked: &Asked) -> Behave {
        let number = asked.number().to_owned();
        self.seen.asked.push(asked.clone());
        let under_way = self.under_way.entry(number.clone()).or_default();
        *under_way += 1;
        if 1 < *under_way {
            self.seen.faults.push(format!("two requests for {number} overlap"));
        }
        let instance = asked.body["instanceName"].as_str().unwrap_or_default();
        if self.disconnected.contains(instance) {
            return Behave::answer(400, r#"{"error":"Device is not connected"}"#);
        }
        let ordered = self
            .next
            .iter()
            .position(|(to, left, _)| 0 < *left && to.as_ref().is_none_or(|to| *to == number));
        if let Some(order) = ordered {
            self.next[order].1 -= 1;
            return self.next[order].2.clone();
        }
        self.numbers.get(&number).unwrap_or(&self.always).clone()
    }

    fn dispatch(&mut self, asked: Asked) {
        let number = asked.number().to_owned();
        let place = asked.message().rsplit_once('#').and_then(|(_, n)| n.trim().parse().ok());
        if let Some(place) = place
            && let Some(last) = self.last.insert(number.clone(), place)
            && place <= last
        {
            self.seen.faults.push(format!("{number} got #{place} after #{last}"));
        }
        self.seen.dispatched.push(asked);
    }
}

impl Inner {
    fn change<T>(&self, how: impl FnOnce(&mut Memory) -> T) -> T {
        let result = how(&mut self.memory.lock().unwrap());
        self.changed.send_replace(());
        result
    }
}

/// A request for a number that is being worked on, until it is answered or its client is gone.
struct UnderWay {
    inner: Arc<Inner>,
    number: String,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.inner.change(|memory| {
            *memory.under_way.entry(self.number.clone()).or_insert(1) -= 1;
        });
    }
}

fn answer(status: u16, body: String, headers: &[(header::HeaderName, String)]) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body.into()).expect("an answer")
}

/// The body, if the request is exactly as documented.
fn checked(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, (u16, String)> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bad = |what: String| Err((400, what));
    if header(header::AUTHORIZATION) != format!("Bearer {TOKEN}") {
        return Err((401, "Unauthorized".into()));
    }
    if method != Method::POST {
        return bad(format!("the method is {method}"));
    }
    if header(header::CONTENT_TYPE) != "application/json" {
        return bad(format!("the content type is {}", header(header::CONTENT_TYPE)));
    }
    if header(header::ACCEPT) != "application/json" {
        return bad(format!("Accept is {}", header(header::ACCEPT)));
    }
    if !header(header::USER_AGENT).starts_with("kabari/") {
        return bad(format!("the user agent is {}", header(header::USER_AGENT)));
    }
    let body: Value = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(error) => return bad(format!("the body is no JSON: {error}")),
    };
    let Some(fields) = body.as_object() else { return bad("the body is no object".into()) };
    let (wanted, known): (&[&str], &[&str]) = match path {
        "/api/v1/send/text" => (&["instanceName", "number", "message"], &[]),
        "/api/v1/send/media" => (
            &["instanceName", "number", "type", "mediaUrl"],
            &["message", "fileName", "mimetype", "delay"],
        ),
        other => return Err((404, format!("there is no {other}"))),
    };
    if let Some(missing) = wanted.iter().find(|name| !fields.contains_key(**name)) {
        return bad(format!("{missing} is missing"));
    }
    for (name, value) in fields {
        if !wanted.contains(&name.as_str()) && !known.contains(&name.as_str()) {
            return bad(format!("{path} has no field {name}"));
        }
        let fits = match (name.as_str(), value) {
            ("delay", value) => value.is_u64(),
            ("type", Value::String(kind)) => {
                ["image", "video", "document", "audio"].contains(&kind.as_str())
            }
            ("mediaUrl", Value::String(url)) => url::Url::parse(url).is_ok(),
            ("number", Value::String(number)) => is_number(number),
            (_, Value::String(text)) => !text.is_empty(),
            _ => false,
        };
        if !fits {
            return bad(format!("{name} cannot be {value}"));
        }
    }
    if fields.get("type").is_some_and(|kind| kind == "audio") && fields.contains_key("message") {
        return bad("audio has no message".into());
    }
    Ok(body)
}

fn is_number(number: &str) -> bool {
    let digits = number.strip_suffix("@g.us").unwrap_or(number);
    7 <= digits.len() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// The door, which can be shut: then connections are refused.
struct Door {
    inner: Arc<Inner>,
    listener: Option<TcpListener>,
    address: SocketAddr,
}

impl Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let mut up = self.inner.up.subscribe();
        loop {
            if !*up.borrow_and_update() {
                self.listener = None;
                self.inner.listening.send_replace(false);
                up.wait_for(|up| *up).await.expect("the world goes on");
                continue;
            }
            if self.listener.is_none() {
                self.listener = TcpListener::bind(self.address).await.ok();
                self.inner.listening.send_replace(self.listener.is_some());
            }
            let Some(listener) = &self.listener else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            tokio::select! {
                accepted = listener.accept() => if let Ok((stream, peer)) = accepted {
                    let cut = self.inner.cut.lock().unwrap().clone().cancelled_owned();
                    self.inner.change(|memory| memory.seen.connections += 1);
                    let cord = Cord::default();
                    return (Wire { stream, cord, cut: Box::pin(cut) }, peer);
                },
                _ = up.changed() => {}
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Pulled, it ends its connection before another byte is written.
#[derive(Clone, Default)]
struct Cord(Arc<AtomicBool>);

impl Connected<IncomingStream<'_, Door>> for Cord {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().cord.clone()
    }
}

/// A connection that can be cut.
struct Wire {
    stream: TcpStream,
    cord: Cord,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.cut.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.cord.0.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
