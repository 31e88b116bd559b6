//! Does a webhook learn what needs a person, once, and without numbers or secrets?

mod needs;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use jiff::Timestamp;
use kabari::alerts::{AlertSettings, Alerts, Bell, Timings};
use kabari::clock;
use kabari::model::{LaneTrouble, Needs, Reason, Watched};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::process::SECRET;
use crate::support::kabari::{Home, Kabari};
use crate::support::world::{Behave, TOKEN, World};

const ANNA: &str = "6281234567890";
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two posts.
const GAP: Duration = Duration::from_millis(60);

/// Somebody's webhook, with a memory.
struct Inbox {
    url: String,
    memory: Arc<Memory>,
}

struct Memory {
    posts: Mutex<Vec<Post>>,
    /// What the next posts are answered; 200 then.
    refusals: Mutex<Vec<StatusCode>>,
    news: watch::Sender<usize>,
}

/// One post, as it came.
#[derive(Clone, Debug)]
struct Post {
    path: String,
    headers: HeaderMap,
    body: String,
    taken: bool,
}

impl Post {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Inbox {
    async fn open() -> Self {
        let (news, _) = watch::channel(0);
        let memory = Arc::new(Memory { posts: Mutex::default(), refusals: Mutex::default(), news });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(take).with_state(Arc::clone(&memory));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, memory }
    }

    fn posts(&self) -> Vec<Post> {
        self.memory.posts.lock().unwrap().clone()
    }

    /// Waits for so many posts.
    async fn until(&self, count: usize) -> Vec<Post> {
        let came = tokio::time::timeout(PATIENCE, self.wait(count)).await;
        came.unwrap_or_else(|_| panic!("{count} posts did not come: {:?}", self.posts()))
    }

    /// The same, however long that takes.
    async fn wait(&self, count: usize) -> Vec<Post> {
        let mut news = self.memory.news.subscribe();
        news.wait_for(|posts| *posts >= count).await.unwrap();
        self.posts()
    }
}

async fn take(
    State(memory): State<Arc<Memory>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let refusal = memory.refusals.lock().unwrap().pop();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let post = Post { path: uri.to_string(), headers, body, taken: refusal.is_none() };
    memory.posts.lock().unwrap().push(post);
    memory.news.send_modify(|posts| *posts += 1);
    refusal.unwrap_or(StatusCode::OK)
}

/// What is so, as the test says.
#[derive(Default)]
struct Said {
    needs: Mutex<Needs>,
    /// How often it was asked.
    looks: watch::Sender<usize>,
}

#[async_trait]
impl Watched for Said {
    async fn needs(&self) -> Needs {
        self.looks.send_modify(|looks| *looks += 1);
        self.needs.lock().unwrap().clone()
    }
}

struct Running {
    said: Arc<Said>,
    bell: Bell,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

/// Alerts a thousand times faster, and what they look at.
fn alerts(settings: &str, memory: &Path, now: fn() -> Timestamp) -> (Arc<Said>, Bell, Alerts) {
    let (said, bell) = (Arc::<Said>::default(), Bell::default());
    bell.set(Some(serde_yaml::from_str::<AlertSettings>(settings).unwrap().hook().unwrap()));
    let timings = Timings {
        look: Duration::from_millis(15),
        gather: Duration::from_millis(2),
        gap: GAP,
        patience: Duration::from_millis(120),
        post: Duration::from_secs(5),
        rest: Duration::from_millis(5),
        rest_max: Duration::from_millis(50),
    };
    let watched = Arc::clone(&said) as Arc<dyn Watched>;
    let alerts = Alerts::with_time(watched, &bell, memory.to_owned(), timings, now);
    (said, bell, alerts)
}

impl Running {
    /// Alerts a thousand times faster.
    fn new(settings: &str, memory: &Path) -> Self {
        Self::by(settings, memory, clock::now)
    }

    /// The same by another clock.
    fn by(settings: &str, memory: &Path, now: fn() -> Timestamp) -> Self {
        let (said, bell, alerts) = alerts(settings, memory, now);
        Self::of(said, bell, alerts)
    }

    fn of(said: Arc<Said>, bell: Bell, alerts: Alerts) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(alerts.run(stop.clone()));
        Self { said, bell, stop, task }
    }

    fn say(&self, needs: Needs) {
        *self.said.needs.lock().unwrap() = needs;
        self.bell.ring();
    }

    /// Waits until it has looked so many times more.
    async fn looked(&self, times: usize) {
        let mut looks = self.said.looks.subscribe();
        let enough = *looks.borrow() + times;
        let looked = looks.wait_for(|looks| *looks >= enough);
        tokio::time::timeout(PATIENCE, looked).await.expect("it looks").unwrap();
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

fn session_gone() -> Needs {
    let detail = "<b>disconnected</b> & gone".to_owned();
    let trouble = LaneTrouble { reason: Reason::Session, detail, since: clock::now() };
    Needs { lanes: [("toko_satu".to_owned(), trouble)].into(), ..Needs::default() }
}

#[tokio::test]
async fn each_service_gets_what_it_understands() {
    for (shape, more) in [("ntfy", ""), ("slack", ""), ("json", ", token: hunter2")] {
        let (inbox, folder) = (Inbox::open().await, tempfile::tempdir().unwrap());
        let settings = format!("{{ url: \"{}/in\", shape: {shape}{more} }}", inbox.url);
        let running = Running::new(&settings, &folder.path().join("alerts"));
        running.say(session_gone());
        let post = inbox.until(1).await.remove(0);
        assert_eq!(post.path, "/in");
        match shape {
            "ntfy" => {
                assert_eq!(post.header("title"), "kabari needs a person");
                assert_eq!((post.header("priority"), post.header("tags")), ("high", "warning"));
                assert!(post.body.starts_with("toko_satu has sent nothing since"), "{}", post.body);
            }
            "slack" => {
                let text = post.json()["text"].as_str().unwrap().to_owned();
                assert!(text.starts_with("*kabari needs a person*\ntoko_satu"), "{text}");
                assert!(text.contains("&lt;b&gt;disconnected&lt;/b&gt; &amp; gone"), "{text}");
            }
            _ => {
                let json = post.json();
                assert_eq!((&json["program"], &json["alert"]), (&"kabari".into(), &"new".into()));
                assert_eq!(json["lanes"][0]["instance"], "toko_satu");
                assert_eq!(json["lanes"][0]["reason"], "session");
                assert_eq!(post.header("authorization"), "Bearer hunter2");
            }
        }
        running.say(Needs::default());
        let clear = inbox.until(2).await.remove(1);
        assert!(clear.body.contains("all clear") || clear.header("title").contains("all clear"));
        running.stop().await;
        assert_eq!(inbox.posts().len(), 2);
    }
}

#[tokio::test]
async fn a_thousand_failures_make_few_posts_that_tell_them_all() {
    let (inbox, folder) = (Inbox::open().await, tempfile::tempdir().unwrap());
    let settings = format!("{{ url: \"{}\" }}", inbox.url);
    let running = Running::new(&settings, &folder.path().join("alerts"));
    // What was there before is no news.
    running.looked(1).await;
    let began = Instant::now();
    for failed in (5..=1000).step_by(5) {
        running.say(Needs { failed: [(Reason::Media, failed)].into(), ..Needs::default() });
        // Whoever told all that it sees would tell it now.
        running.looked(1).await;
    }
    let told = |posts: &[Post]| -> u64 {
        posts.iter().map(|post| post.json()["failed"]["media"].as_u64().unwrap_or(0)).sum()
    };
    let mut posts = inbox.until(1).await;
    while told(&posts) < 1000 {
        posts = inbox.until(posts.len() + 1).await;
    }
    assert_eq!(told(&posts), 1000);
    // One to begin with, and one each time that another is due; a due time has whole milliseconds.
    let due = 2 + began.elapsed().as_millis() / (GAP.as_millis() - 1);
    assert!(posts.len() as u128 <= due, "{} posts, {due} at most", posts.len());
    running.stop().await;
}

#[tokio::test]
async fn a_restart_posts_nothing_twice_and_what_is_new() {
    let (inbox, folder) = (Inbox::open().await, tempfile::tempdir().unwrap());
    let settings = format!("{{ url: \"{}\" }}", inbox.url);
    let memory = folder.path().join("alerts");
    let before = Running::new(&settings, &memory);
    before.looked(1).await;
    // One that waits for a person is news to whoever does not remember that it was told.
    let needs =
        |media| Needs { uncertain: 1, failed: [(Reason::Media, media)].into(), ..Needs::default() };
    before.say(needs(3));
    inbox.until(1).await;
    // Its next look is after it has noted what it told.
    before.looked(1).await;
    before.stop().await;
    let after = Running::new(&settings, &memory);
    after.say(needs(3));
    // Long enough for another post, so many looks apart.
    after.looked(10).await;
    assert_eq!(inbox.posts().len(), 1, "{:?}", inbox.posts());
    after.say(needs(5));
    assert_eq!(inbox.until(2).await[1].json()["failed"]["media"], 2);
    after.stop().await;
}

#[tokio::test]
async fn what_is_not_taken_is_told_later_with_what_came_meanwhile() {
    let (inbox, folder) = (Inbox::open().await, tempfile::tempdir().unwrap());
    *inbox.memory.refusals.lock().unwrap() = vec![StatusCode::BAD_GATEWAY; 3];
    let settings = format!("{{ url: \"{}\" }}", inbox.url);
    let running = Running::new(&settings, &folder.path().join("alerts"));
    running.say(Needs { uncertain: 2, ..Needs::default() });
    inbox.until(2).await;
    running.say(Needs { uncertain: 5, ..Needs::default() });
    let posts = inbox.until(4).await;
    let taken: Vec<u64> = posts
        .iter()
        .filter(|post| post.taken)
        .map(|post| post.json()["uncertain"].as_u64().unwrap())
        .collect();
    assert_eq!(taken.last(), Some(&5), "{posts:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_webhook_that_never_answers_blocks_nobody_and_a_reload_gets_away_from_it() {
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (inbox, folder) = (Inbox::open().await, tempfile::tempdir().unwrap());
    let settings = format!("{{ url: \"http://{}\" }}", deaf.local_addr().unwrap());
    let running = Running::new(&settings, &folder.path().join("alerts"));
    for uncertain in 0..10_000 {
        running.say(Needs { uncertain, ..Needs::default() });
    }
    let there = format!("{{ url: \"{}\" }}", inbox.url);
    running.bell.set(serde_yaml::from_str::<AlertSettings>(&there).unwrap().hook().ok());
    assert_eq!(inbox.until(1).await[0].json()["uncertain"], 9999);
    running.stop().await;
}

const RULES: &str = r#"
wachat:
  token: ${WACHAT_TOKEN}
  instance: one
  base_url: ${WACHAT_URL}
  instances:
    one: { pace: off, in_flight: 1 }
alerts: { url: "${ALERTS}/topic-secret" }
sources:
  github: { secret: secret-of-the-process-test }
rules:
  - name: people
    source: github
    send: { number: "{{ event.to }}", message: "{{ event.text }}" }
"#;

async fn tell(kabari: &Kabari, text: &str) {
    let body = format!(r#"{{"to":"{ANNA}","text":"{text}"}}"#);
    let answer = kabari.post_github(SECRET, "push", text, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_program_tells_what_it_cannot_tell_by_whatsapp() {
    let (world, inbox) = (World::start().await, Inbox::open().await);
    let home = Home::new(RULES)
        .variable("WACHAT_URL", &world.url())
        .variable("WACHAT_TOKEN", TOKEN)
        .variable("ALERTS", &inbox.url);
    let kabari = home.start().await;
    kabari.says(0, &["what needs a person is told to 127.0.0.1"]).await;
    world.next(1, Behave::close().dispatching());
    world.next(1, Behave::answer(500, r#"{"error":"server returned error 463"}"#));
    tell(&kabari, "first").await;
    tell(&kabari, "second").await;
    let post = inbox.until(1).await.remove(0);
    assert_eq!(post.path, "/topic-secret");
    let json = post.json();
    assert_eq!(json["uncertain"], 1, "{json}");
    assert_eq!(json["lanes"][0]["reason"], "account", "{json}");
    assert!(!post.body.contains(ANNA) && !post.body.contains("first"), "{}", post.body);
    assert!(!kabari.log().contains("topic-secret"), "the address is a secret");
    // What was told is remembered, and that is private.
    assert_eq!(kabari.stop().await, Some(0));
    let memory = home.path("kabari.db-alerts");
    let mode = std::os::unix::fs::PermissionsExt::mode(&memory.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}
