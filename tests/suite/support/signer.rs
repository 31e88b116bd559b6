//! What would the provider's own library sign? A small node program answers line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// `tests/node/sign.mjs`, running.
pub(crate) struct Signer {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// One example body of `@octokit/webhooks-examples`.
pub(crate) struct Example {
    /// The event's name, as in `X-GitHub-Event`.
    pub(crate) event: String,
    /// The body as it would be sent.
    pub(crate) body: String,
}

impl Signer {
    /// Starts it; `None`, said loudly, where node or the packages are missing.
    pub(crate) fn start() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
        if !folder.join("node_modules/stripe").exists() {
            super::skip("the providers' libraries: `npm ci` in tests/node did not run");
            return None;
        }
        let started = Command::new("node")
            .arg("sign.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(child) = started else {
            super::skip("the providers' libraries: node is missing");
            return None;
        };
        Some(Self::of(child))
    }

    /// The same for `tests/python/sign.py`.
    pub(crate) fn start_python() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
        if !folder.join("packages/stripe").exists() {
            super::skip("the providers' libraries: `pip install` in tests/python did not run");
            return None;
        }
        let started = Command::new("python3")
            .arg("sign.py")
            .env("PYTHONPATH", folder.join("packages"))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(child) = started else {
            super::skip("the providers' libraries: python3 is missing");
            return None;
        };
        Some(Self::of(child))
    }

    fn of(mut child: Child) -> Self {
        let ask = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, ask, answers }
    }

    /// The headers and the body that a provider's library makes of `question`.
    pub(crate) fn sign(&mut self, question: &Value) -> (Vec<(String, String)>, String) {
        self.ask(question);
        let answer = self.answer();
        let headers = answer["headers"].as_object().unwrap_or_else(|| panic!("{answer}"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let headers = headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        (headers, text(&answer["body"]))
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn ask(&mut self, question: &Value) {
        writeln!(self.ask, "{question}").unwrap();
    }

    fn header(&mut self, question: &Value, name: &str) -> String {
        self.ask(question);
        let answer = self.answer();
        let header = answer["headers"][name].as_str();
        header.unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned()
    }

    /// `X-Hub-Signature-256`, by `@octokit/webhooks-methods`.
    pub(crate) fn github(&mut self, secret: &str, body: &str) -> String {
        let question = json!({ "do": "github", "secret": secret, "body": body });
        self.header(&question, "x-hub-signature-256")
    }

    /// `Stripe-Signature` of this Unix time, by `stripe`.
    pub(crate) fn stripe(&mut self, secret: &str, body: &str, timestamp: i64) -> String {
        let question =
            json!({ "do": "stripe", "secret": secret, "body": body, "timestamp": timestamp });
        self.header(&question, "stripe-signature")
    }

    /// Every example of every event, by `@octokit/webhooks-examples`.
    pub(crate) fn examples(&mut self) -> Vec<Example> {
        self.ask(&json!({ "do": "examples" }));
        let mut examples = Vec::new();
        loop {
            let answer = self.answer();
            if let Some(count) = answer["end"].as_u64() {
                assert_eq!(examples.len() as u64, count);
                return examples;
            }
            let text = |field: &str| answer[field].as_str().unwrap().to_owned();
            examples.push(Example { event: text("name"), body: text("body") });
        }
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
