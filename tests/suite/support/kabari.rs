//! How does a test run the real program, and what did it say?

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tempfile::TempDir;

pub(crate) use super::answer::Answer;
use super::log::Log;

/// How long anything may take before a test gives up: far more than it does take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a rule file and a database: what one installation of kabari has.
pub(crate) struct Home {
    folder: TempDir,
    variables: Vec<(String, String)>,
    wrapper: Vec<String>,
}

impl Home {
    /// A new one with these rules.
    pub(crate) fn new(rules: &str) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("rules.yaml"), rules).unwrap();
        Self { folder, variables: Vec::new(), wrapper: Vec::new() }
    }

    /// Sets an environment variable for the program.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has another program run `serve`, as its own process (`strace -D`), and what is on a terminal.
    pub(crate) fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The address of its store.
    pub(crate) fn store(&self) -> String {
        format!("sqlite://{}", self.path("kabari.db").display())
    }

    fn command(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        for name in ["PATH", "HOME", "TMPDIR"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end, with the rules and the store of this home.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        let store = self.store();
        let options = ["--rules", "rules.yaml", "--store", &store];
        let words = [&words[..1], &options, &words[1..]].concat();
        self.command(Path::new(env!("CARGO_BIN_EXE_kabari")), &words).output().unwrap()
    }

    /// Runs a command to its end, with nothing but these words and this standard input.
    pub(crate) fn say(&self, words: &[&str], input: &str) -> Output {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_kabari")), words);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs a command on a terminal of its own, and gives what that showed; `None`, said loudly,
    /// where `script` of util-linux is missing.
    pub(crate) fn on_terminal(&self, words: &str) -> Option<String> {
        let line = [&self.wrapper.join(" "), env!("CARGO_BIN_EXE_kabari"), words].join(" ");
        let mut command = self.command(Path::new("script"), &["-qec", &line, "/dev/null"]);
        let Ok(output) = command.env("TERM", "xterm-256color").output() else {
            super::skip("what a terminal shows: `script` of util-linux is missing");
            return None;
        };
        Some(String::from_utf8(output.stdout).unwrap())
    }

    /// Runs a command that lists, and reads its list.
    #[track_caller]
    pub(crate) fn list(&self, words: &[&str]) -> Vec<Value> {
        let output = self.run(&[words, &["--json"]].concat());
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {complaint}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{words:?}: {error}: {}", String::from_utf8_lossy(&output.stdout))
        })
    }

    /// Starts a command that goes on by itself.
    pub(crate) fn spawn(&self, words: &[&str]) -> Kabari {
        self.follow(&[&[env!("CARGO_BIN_EXE_kabari")], words].concat())
    }

    fn follow(&self, words: &[&str]) -> Kabari {
        let mut command = self.command(Path::new(words[0]), &words[1..]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kabari starts");
        let log = Log::default();
        log.follow(child.stdout.take().unwrap());
        log.follow(child.stderr.take().unwrap());
        Kabari { child, log, listen: None, admin: None, http: http() }
    }

    /// Starts `serve` on free ports and waits until both are open.
    pub(crate) async fn start(&self) -> Kabari {
        self.start_with(&[]).await
    }

    /// Starts `serve` where it must refuse to, and gives what it says.
    pub(crate) async fn serve_fails(&self) -> String {
        let kabari = self.serve(&[]);
        let log = kabari.log.clone();
        assert_eq!(kabari.ended().await, Some(1), "{}", log.text());
        log.text()
    }

    /// The same with more words.
    pub(crate) async fn start_with(&self, more: &[&str]) -> Kabari {
        let mut kabari = self.serve(more);
        kabari.listen = Some(kabari.address("listen").await);
        kabari.admin = Some(kabari.address("admin").await);
        kabari
    }

    fn serve(&self, more: &[&str]) -> Kabari {
        let (program, store) = (env!("CARGO_BIN_EXE_kabari"), self.store());
        let mut words: Vec<&str> = self.wrapper.iter().map(String::as_str).collect();
        words.extend([program, "serve", "--rules", "rules.yaml", "--store", &store]);
        words.extend(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        words.extend(more);
        self.follow(&words)
    }
}

/// A running `kabari serve`. It is killed when dropped.
pub(crate) struct Kabari {
    child: Child,
    pub(crate) log: Log,
    listen: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    http: reqwest::Client,
}

impl Kabari {
    /// The address that the log names by this field.
    async fn address(&mut self, field: &str) -> SocketAddr {
        let log = self.log.clone();
        let named = log.wait(|lines| {
            lines.iter().find_map(|line| {
                let line: Value = serde_json::from_str(line).ok()?;
                find(&line, field)?.as_str()?.parse().ok()
            })
        });
        match tokio::time::timeout(PATIENCE, named).await {
            Ok(Some(address)) => address,
            _ => panic!("kabari did not open {field}; it said:\n{}", self.log.text()),
        }
    }

    /// The URL of a source.
    pub(crate) fn hook(&self, source: &str) -> String {
        format!("http://{}/hooks/{source}", self.listen.unwrap())
    }

    /// Asks the admin listener for a page.
    pub(crate) async fn page(&self, path: &str) -> Answer {
        let url = format!("http://{}{path}", self.admin.unwrap());
        let response = self.http.get(url).send().await.unwrap();
        Answer::of(response).await.unwrap()
    }

    /// Posts to the admin listener.
    pub(crate) async fn order(&self, path: &str) -> Answer {
        let url = format!("http://{}{path}", self.admin.unwrap());
        let response = self.http.post(url).send().await.unwrap();
        Answer::of(response).await.unwrap()
    }

    /// Posts JSON to the admin listener.
    pub(crate) async fn order_json(&self, path: &str, body: &Value) -> Answer {
        let url = format!("http://{}{path}", self.admin.unwrap());
        let request = self.http.post(url).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.unwrap();
        Answer::of(response).await.unwrap()
    }

    /// Posts a body to a source.
    pub(crate) async fn post(
        &self,
        source: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.post(self.hook(source)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        Answer::of(response).await
    }

    /// Posts a body as GitHub does.
    pub(crate) async fn post_github(
        &self,
        secret: &str,
        event: &str,
        delivery: &str,
        body: &str,
    ) -> Result<Answer, reqwest::Error> {
        let signature = github_signature(secret, body.as_bytes());
        let headers = [
            ("content-type", "application/json"),
            ("x-github-event", event),
            ("x-github-delivery", delivery),
            ("x-hub-signature-256", &signature),
        ];
        self.post("github", &headers, body.to_owned()).await
    }

    /// What it wrote so far.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until what it wrote after the first `from` bytes has all of these words, whatever
    /// their case; what is answered may be a moment ahead of what is logged.
    pub(crate) async fn says(&self, from: usize, words: &[&str]) -> String {
        let said = self.said(from, |text| words.iter().all(|word| text.contains(word))).await;
        said.unwrap_or_else(|| panic!("it never said all of {words:?}:\n{}", self.log.text()))
    }

    /// The same with one of these words.
    pub(crate) async fn says_any(&self, from: usize, words: &[&str]) -> String {
        let said = self.said(from, |text| words.iter().any(|word| text.contains(word))).await;
        said.unwrap_or_else(|| panic!("it never said any of {words:?}:\n{}", self.log.text()))
    }

    async fn said(&self, from: usize, enough: impl Fn(&str) -> bool) -> Option<String> {
        let said = self.log.wait(|lines| {
            let text = lines.join("\n").get(from..)?.to_lowercase();
            enough(&text).then_some(text)
        });
        tokio::time::timeout(PATIENCE, said).await.ok().flatten()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where webhooks come in.
    pub(crate) fn listen(&self) -> SocketAddr {
        self.listen.unwrap()
    }

    /// Asks it to read its rule file again (SIGHUP).
    pub(crate) fn hang_up(&self) {
        self.signal("HUP");
    }

    /// Sends it a signal, as `kill` names it.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Asks it to stop (SIGTERM) and gives its exit code; `None` if a signal ended it.
    pub(crate) async fn stop(self) -> Option<i32> {
        self.signal("TERM");
        self.ended().await
    }

    /// Closes the reading end of its log, as a terminal that goes away.
    pub(crate) fn stop_listening(&self) {
        self.log.stop_listening();
    }

    /// Waits until it has ended and gives its exit code; `None` if a signal ended it.
    pub(crate) async fn ended(mut self) -> Option<i32> {
        let started = std::time::Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // The last that it said is read by then.
                let ended = tokio::time::timeout(PATIENCE, self.log.ended()).await;
                assert!(ended.is_ok(), "its log does not end:\n{}", self.log.text());
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE, "it does not stop:\n{}", self.log.text());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it at once (SIGKILL).
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Kabari {
    fn drop(&mut self) {
        // It has ended already after `stop` and `kill`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value of a field, however deep.
fn find<'v>(value: &'v Value, field: &str) -> Option<&'v Value> {
    match value {
        Value::Object(map) => {
            map.get(field).or_else(|| map.values().find_map(|value| find(value, field)))
        }
        Value::Array(list) => list.iter().find_map(|value| find(value, field)),
        _ => None,
    }
}

/// A client for this machine alone.
pub(crate) fn http() -> reqwest::Client {
    // The second test to come finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

/// GitHub's `X-Hub-Signature-256`.
pub(crate) fn github_signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// Stripe's `Stripe-Signature`, made at `time` (seconds since 1970).
pub(crate) fn stripe_signature(secret: &str, time: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes()))
}
