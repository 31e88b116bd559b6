//! Which events does the demo post, and did everything arrive?

use std::time::Duration;

use anyhow::bail;
use serde_json::Value;

use super::screen::{self, Verdict};
use crate::app::App;
use crate::cli::trigger::{self, Signed};
use crate::model::State;
use crate::sources;
use crate::store::{Counts, MessageFilter};

/// How often the store is asked whether all is settled.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The event that is sent a second time and then forged.
const AGAIN: (&str, &str) = ("stripe", "invoice.paid");

/// What came of the demo.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Messages that the rules made.
    pub(super) made: usize,
    /// Messages accepted by the sandbox.
    pub(super) sent: usize,
    /// Events recognised as known.
    pub(super) duplicates: usize,
    /// Requests refused for their signature.
    pub(super) refused: usize,
    /// Somebody ended it early.
    pub(super) stopped: bool,
}

impl Tally {
    /// Whether every message arrived, the duplicate was seen and the forgery was refused.
    pub(super) fn all_arrived(&self) -> bool {
        !self.stopped
            && self.made > 0
            && self.sent == self.made
            && self.duplicates == 1
            && self.refused == 1
    }
}

/// Posts every built-in event of the configured sources, one of them twice and once forged, each
/// when what came of the one before is settled. What is not settled in time is not sent.
pub(super) async fn all(app: &App, at_most: Duration, tally: &mut Tally) -> anyhow::Result<()> {
    let pipeline = app.pipeline();
    let until = tokio::time::Instant::now() + at_most;
    for sample in sources::samples() {
        let Some(source) = pipeline.source(sample.preset) else { continue };
        let signed = trigger::sign(source, sample, &trigger::fresh_id(), &[], None)?;
        post(app, source.name(), sample.kind, &signed, tally).await?;
        // Out of time: the rest is posted all the same, and counted as it stands in the end.
        if let Ok(counts) = tokio::time::timeout_at(until, settled(app)).await {
            tally.sent = count(&counts?, State::Sent);
        }
        if (sample.preset, sample.kind) == AGAIN {
            post(app, source.name(), sample.kind, &signed, tally).await?;
            post(app, source.name(), sample.kind, &forged(signed), tally).await?;
        }
    }
    tally.sent = count(&app.store().counts().await?, State::Sent);
    Ok(())
}

async fn post(
    app: &App,
    source: &str,
    kind: &str,
    signed: &Signed,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let url = format!("http://{}/hooks/{source}", app.listen_addr());
    let (status, answer) = trigger::post(&url, signed).await?;
    let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
    let verdict = match (status, answer.get("messages").and_then(Value::as_u64)) {
        (401, _) => {
            tally.refused += 1;
            Verdict::Forged
        }
        (200, None) => {
            tally.duplicates += 1;
            Verdict::Duplicate
        }
        (200, Some(count)) => {
            tally.made += usize::try_from(count)?;
            Verdict::Believed(rules_of(app, &answer).await?)
        }
        (status, _) => bail!("kabari answered {status} to a {source} event: {answer}"),
    };
    screen::line_in(source, kind, &verdict);
    Ok(())
}

/// The names of the rules that made messages of this event.
async fn rules_of(app: &App, answer: &Value) -> anyhow::Result<Vec<String>> {
    let event = answer.get("event").and_then(Value::as_str).unwrap_or_default().parse()?;
    let filter = MessageFilter { event: Some(event), ..MessageFilter::default() };
    let mut rules: Vec<String> = app
        .store()
        .messages(filter)
        .await?
        .rows
        .into_iter()
        .map(|message| message.origin.rule)
        .collect();
    rules.sort();
    rules.dedup();
    Ok(rules)
}

/// The same request with one byte of its body changed.
fn forged(mut signed: Signed) -> Signed {
    if let Some(byte) = signed.body.iter_mut().rev().find(|byte| byte.is_ascii_digit()) {
        *byte = if *byte == b'7' { b'8' } else { b'7' };
    }
    signed
}

async fn settled(app: &App) -> anyhow::Result<Counts> {
    loop {
        let counts = app.store().counts().await?;
        if count(&counts, State::Waiting) + count(&counts, State::Sending) == 0 {
            return Ok(counts);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn count(counts: &Counts, state: State) -> usize {
    let count = counts.messages.get(state.as_str()).copied().unwrap_or(0);
    usize::try_from(count).unwrap_or(usize::MAX)
}
