//! What can people do with a whole store: copy it, set many messages right, forget, replay?

mod backup;
mod export;
mod moves;
mod purge;
mod replay;
mod retention;
mod sealed;
mod sealed_copy;

use std::process::Output;

use serde_json::Value;

use crate::process::SECRET;
use crate::support::kabari::{Home, Kabari, PATIENCE};

pub(super) const ANNA: &str = "6281234567890";
pub(super) const BUDI: &str = "6289876543210";

/// Runs a command beside this task, which goes on serving the world.
pub(super) fn run(home: &Home, words: &[&str]) -> Output {
    tokio::task::block_in_place(|| home.run(words))
}

/// Runs a command that must end so, and gives what it printed.
#[track_caller]
pub(super) fn ends(home: &Home, words: &[&str], code: i32) -> String {
    let output = run(home, words);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
    said
}

/// The same, read as JSON.
#[track_caller]
pub(super) fn json(home: &Home, words: &[&str], code: i32) -> Value {
    let output = run(home, &[words, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(code), "{words:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(super) fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Posts a push that becomes a message to this number.
pub(super) async fn push(kabari: &Kabari, to: &str, text: &str) {
    let body = format!(r#"{{"to":"{to}","text":"{text}"}}"#);
    let answer = kabari.post_github(SECRET, "push", text, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Asks for the states until they are as wanted: how an attempt ended is kept a moment after Wachat
/// has answered, and nobody tells when.
pub(super) async fn until(home: &Home, what: &str, wanted: impl Fn(&[(String, String)]) -> bool) {
    let asking = async {
        while !wanted(&states(home)) {
            tokio::task::yield_now().await;
        }
    };
    let came = tokio::time::timeout(PATIENCE, asking).await.is_ok();
    assert!(came, "waited in vain for: {what}; {:?}", states(home));
}

/// The states of all messages, by their texts.
pub(super) fn states(home: &Home) -> Vec<(String, String)> {
    let messages = tokio::task::block_in_place(|| home.list(&["messages", "list"]));
    let field = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> =
        messages.iter().map(|it| (field(&it["request"]["message"]), field(&it["state"]))).collect();
    all.sort();
    all
}
