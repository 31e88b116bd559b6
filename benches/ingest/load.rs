//! How fast are requests answered? A sender that does nothing but write, read and count.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::Server;
use crate::{CONNECTIONS, SECRET};

/// How long a body is.
const BODY: usize = 10_240;

/// Requests, byte for byte as they will be written.
pub(crate) struct Batch {
    requests: Arc<Vec<Box<[u8]>>>,
}

/// What one round gave.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Requests per second.
    pub(crate) rate: f64,
    /// The time in which 99 of 100 were answered.
    pub(crate) p99_ms: f64,
    /// The server's CPU time per request.
    pub(crate) cpu_us: f64,
}

impl Batch {
    /// `count` signed pushes that were not sent before.
    pub(crate) fn signed(round: usize, count: usize) -> Self {
        let requests = (0..count).map(|number| request(round, number)).collect();
        Self { requests: Arc::new(requests) }
    }
}

/// A push as GitHub sends it; one in ten is to a repository that a rule watches.
fn request(round: usize, number: usize) -> Box<[u8]> {
    let repository = if number.is_multiple_of(10) {
        format!("acme/watched-{}", number / 10 % 100)
    } else {
        format!("acme/service-{number}")
    };
    let body = push(&repository, round * 1_000_000 + number);
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let head = format!(
        "POST /hooks/github HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: GitHub-Hookshot/044aadd\r\n\
         content-type: application/json\r\nx-github-event: push\r\n\
         x-github-delivery: {round:08x}-0000-4000-8000-{number:012x}\r\n\
         x-hub-signature-256: sha256={}\r\ncontent-length: {}\r\n\r\n",
        hex::encode(mac.finalize().into_bytes()),
        body.len(),
    );
    [head.as_bytes(), body.as_bytes()].concat().into_boxed_slice()
}

/// The body of a push with as many commits as 10 KB hold.
fn push(repository: &str, seed: usize) -> String {
    let mut dice = fastrand::Rng::with_seed(seed as u64);
    let mut sha = || format!("{:040x}", dice.u128(..));
    let head = sha();
    let mut body = format!(
        r#"{{"ref":"refs/heads/main","before":"{}","after":"{head}","created":false,"deleted":false,"forced":false,"repository":{{"id":{seed},"name":"{}","full_name":"{repository}","private":false,"html_url":"https://github.com/{repository}","default_branch":"main","owner":{{"login":"acme","id":1}}}},"pusher":{{"name":"octocat","email":"octocat@example.com"}},"sender":{{"login":"octocat","id":583231,"type":"User"}},"head_commit":{{"id":"{head}","message":"Keep order per recipient\n\nSee {seed}.","author":{{"name":"Octo Cat"}}}},"commits":["#,
        sha(),
        repository.rsplit('/').next().unwrap_or(repository),
    );
    loop {
        let id = sha();
        let commit = format!(
            r#"{{"id":"{id}","tree_id":"{}","distinct":true,"message":"Change number {seed} of this service","timestamp":"2026-11-22T10:00:00+07:00","url":"https://github.com/{repository}/commit/{id}","author":{{"name":"Octo Cat","email":"octocat@example.com","username":"octocat"}},"added":[],"removed":[],"modified":["src/{id}.rs","README.md"]}},"#,
            sha(),
        );
        if body.len() + commit.len() + 20 > BODY {
            break;
        }
        body.push_str(&commit);
    }
    if body.ends_with(',') {
        body.pop();
    }
    body.push_str(r#"],"padding":""#);
    while body.len() < BODY - 2 {
        body.push('x');
    }
    body.push_str("\"}");
    body
}

/// Sends all of it over 64 connections that stay open.
pub(crate) async fn run(server: &Server, batch: &Batch) -> Measured {
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(server.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(stream);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let (cpu, started) = (server.cpu_us(), Instant::now());
    let senders: Vec<_> = streams
        .into_iter()
        .map(|stream| tokio::spawn(send(stream, Arc::clone(&batch.requests), Arc::clone(&next))))
        .collect();
    let mut times = Vec::with_capacity(batch.requests.len());
    for sender in senders {
        times.extend(sender.await.unwrap());
    }
    let (took, cpu) = (started.elapsed(), server.cpu_us() - cpu);
    assert_eq!(times.len(), batch.requests.len());
    times.sort_unstable();
    let count = times.len() as f64;
    Measured {
        rate: count / took.as_secs_f64(),
        p99_ms: times[times.len() * 99 / 100].as_secs_f64() * 1000.0,
        cpu_us: cpu / count,
    }
}

/// One connection: the next request that nobody took, until there is none.
async fn send(
    mut stream: TcpStream,
    requests: Arc<Vec<Box<[u8]>>>,
    next: Arc<AtomicUsize>,
) -> Vec<Duration> {
    let mut times = Vec::new();
    let mut buffer = vec![0; 4096];
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        let started = Instant::now();
        stream.write_all(request).await.unwrap();
        let mut filled = 0;
        loop {
            let read = stream.read(&mut buffer[filled..]).await.unwrap();
            assert!(0 < read, "the server closed the connection");
            filled += read;
            if is_whole(&buffer[..filled]) {
                break;
            }
        }
        times.push(started.elapsed());
    }
    times
}

/// Whether an answer is there with all of its body; it must be a 200.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    answer.len() >= end + 4 + length.expect("an answer says how long it is")
}
