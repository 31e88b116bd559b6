//! How is a server started as a process of its own, and how much CPU did it use?

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::SECRET;

/// The environment variable that makes this program one of the bare servers.
pub(crate) const CHILD: &str = "KABARI_BENCH_SERVER";
const RULES: usize = 100;
const ADMIN_TOKEN: &str = "token-of-the-ingest-benchmark";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Bare,
    Durable,
    Kabari,
}

impl What {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "a  axum + HMAC",
            Self::Durable => "b  the durable floor",
            Self::Kabari => "c  kabari",
        }
    }
}

/// A server that runs; it is killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) async fn start(what: What, folder: &Path) -> Self {
        match what {
            What::Bare => Self::bare("bare"),
            What::Durable => Self::bare(folder.join("journal").to_str().unwrap()),
            What::Kabari => Self::kabari(folder).await,
        }
    }

    fn bare(which: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(CHILD, which)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().parse().unwrap() }
    }

    async fn kabari(folder: &Path) -> Self {
        std::fs::write(folder.join("rules.yaml"), rules()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_kabari"))
            .args(["serve", "--rules", "rules.yaml", "--store", "sqlite://kabari.db"])
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One line an event is part of what it does; a thread takes them off.
        let lines = follow(child.stderr.take().unwrap());
        let (mut listen, mut admin) = (None, None);
        while listen.is_none() || admin.is_none() {
            let line = lines.recv_timeout(Duration::from_secs(30)).expect("kabari opens its ports");
            listen = listen.or_else(|| address(&line, "listen"));
            admin = admin.or_else(|| address(&line, "admin"));
        }
        let paused = post(admin.unwrap(), "/api/lanes/bench/pause").await;
        assert!(paused.starts_with("HTTP/1.1 2"), "the lane is not paused: {paused}");
        Self { child, address: listen.unwrap() }
    }

    /// User and system time that the process has used, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The second field is the name in brackets, which may hold spaces; utime is the 14th.
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        // Linux counts these in 1/100 s on every architecture that Rust knows (proc(5), USER_HZ).
        ticks as f64 * 10_000.0
    }

    /// Resident memory now and at most so far, in MB (proc(5): `VmRSS`, `VmHWM`).
    pub(crate) fn memory_mb(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let figure = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            kib * 1024.0 / 1_000_000.0
        };
        (figure("VmRSS"), figure("VmHWM"))
    }
}

/// The bytes that the store's files take.
pub(crate) fn store_bytes(folder: &Path) -> u64 {
    let size = |name: &str| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len());
    size("kabari.db") + size("kabari.db-wal")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// 100 rules, each for another repository.
fn rules() -> String {
    let mut rules = format!(
        "wachat: {{ token: unused, instance: bench, base_url: \"http://127.0.0.1:9\" }}\n\
         server: {{ admin_token: {ADMIN_TOKEN} }}\n\
         sources: {{ github: {{ secret: {SECRET} }} }}\n\
         rules:\n"
    );
    for number in 0..RULES {
        let _ = write!(
            rules,
            "- name: rule-{number}\n  source: github\n  kind: push\n  \
             match: {{ repository.full_name: acme/watched-{number}, ref: refs/heads/main }}\n  \
             send:\n    number: \"6281234567890\"\n    \
             message: \"*{{{{ event.repository.full_name }}}}* {{{{ event.pusher.name | text }}}}: \
             {{{{ event.head_commit.message | first_line | text | truncate(120) }}}}\"\n"
        );
    }
    rules
}

fn follow(stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // Once the ports are known nobody listens any more, and the lines are dropped.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// The address in a field of a log line, at the top or one level down.
fn address(line: &str, field: &str) -> Option<SocketAddr> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let value = line.get(field).or_else(|| line.get("fields")?.get(field))?;
    value.as_str()?.parse().ok()
}

/// Posts nothing to an address of the admin listener, and gives the answer's beginning.
async fn post(address: SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\
         content-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
