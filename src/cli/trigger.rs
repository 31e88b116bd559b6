//! `kabari trigger SOURCE KIND`: sign a built-in event and post it, to try things without the
//! provider.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use owo_colors::OwoColorize;
use serde_json::Value;

use super::input::{RuleFile, change, changes, sample_names, unknown_source};
use super::output;
use crate::clock;
use crate::config::edit;
use crate::http;
use crate::sources;
use crate::verify::Outgoing;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Sign a built-in event and post it
#[derive(Debug, Args)]
pub(super) struct Trigger {
    /// A source of the rule file, as `github`
    source: String,
    /// Which of its preset's samples, as `push` or `invoice.paid`
    kind: String,
    #[command(flatten)]
    rules: RuleFile,
    /// Where to post, instead of `server.listen` of the rule file
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Change the body: a dotted path and a JSON value or text
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// The event's id; the same one twice is a duplicate
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

/// A built-in event, made new: its own id, the changes applied, signed.
pub(super) struct Signed {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Trigger {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        // Signed with a stand-in it would only be refused; other variables do not matter here.
        let of_the_secret = format!("sources.{}.secret", self.source);
        let loaded = match self.rules.load_needing(|path| path.starts_with(&of_the_secret)) {
            Ok(loaded) => loaded,
            Err(code) => return Ok(code),
        };
        let source = loaded
            .pipeline
            .source(&self.source)
            .with_context(|| unknown_source(&loaded.pipeline, &self.source))?;
        let preset = source.preset().context("this source has no preset, so no samples")?;
        let sample = sources::sample(preset, &self.kind).with_context(|| {
            format!("{preset} has no sample `{}`; it has: {}", self.kind, sample_names(preset))
        })?;
        let id = self.id.clone().unwrap_or_else(fresh_id);
        let signed = sign(source, sample, &id, &changes(&self.set)?)?;
        let base = self.to.clone().unwrap_or_else(|| format!("http://{}", loaded.settings.listen));
        let url = if base.contains("/hooks/") {
            base
        } else {
            format!("{}/hooks/{}", base.trim_end_matches('/'), self.source)
        };
        let (status, answer) = post(&url, &signed).await?;
        anstream::println!("{} {url}  {} {}", "POST".dimmed(), status.bold(), answer.trim());
        if let Ok(answer) = serde_json::from_str::<Value>(&answer)
            && let Some(event) = answer.get("event").and_then(Value::as_str)
        {
            anstream::println!("{}", format!("kabari events show {event}").dimmed());
        }
        if status == 401 {
            anstream::println!(
                "its `{}` has another secret than this rule file and environment: start both with \
                 the same variables",
                self.source
            );
        }
        Ok(ExitCode::from(if status == 200 { 0 } else { output::NO }))
    }
}

/// An id that no event had before.
pub(super) fn fresh_id() -> String {
    clock::event_id(clock::now(), &mut clock::dice()).to_string()
}

/// Makes a sample new and signs it: `id` goes wherever the provider puts its own.
pub(super) fn sign(
    source: &sources::Source,
    sample: &sources::Sample,
    id: &str,
    changes: &[(String, Value)],
) -> anyhow::Result<Signed> {
    let mut body: Value = serde_json::from_str(sample.body).context("the sample is broken")?;
    let mut headers: Vec<(String, String)> =
        vec![("content-type".to_owned(), "application/json".to_owned())];
    headers.extend(sample.headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    match headers.iter_mut().find(|(name, _)| name.ends_with("-delivery")) {
        Some((_, value)) => {
            id.clone_into(value);
            // No two honest bodies are alike, and a second one would be taken for a replay.
            edit::set(&mut body, "triggered", Value::from(id)).map_err(anyhow::Error::msg)?;
        }
        None => edit::set(&mut body, "id", Value::from(format!("evt_{}", id.replace('-', ""))))
            .map_err(anyhow::Error::msg)?,
    }
    change(&mut body, changes)?;
    let body = serde_json::to_vec(&body)?;
    let outgoing = Outgoing::post(source.name(), body, clock::now()).with_headers(headers);
    let Outgoing { headers, body, .. } =
        source.sign(outgoing, None).context("it cannot be signed")?;
    Ok(Signed { headers, body })
}

/// Posts a signed event; returns status and answer.
pub(super) async fn post(url: &str, signed: &Signed) -> anyhow::Result<(u16, String)> {
    let client = http::client(ANSWER_MAX).build()?;
    let mut request = client.post(url).body(signed.body.clone());
    for (name, value) in &signed.headers {
        request = request.header(name, value);
    }
    let answer = request.send().await.with_context(|| {
        format!("nothing answers at {url}; is `kabari serve` running? --to URL names another place")
    })?;
    Ok((answer.status().as_u16(), answer.text().await.unwrap_or_default()))
}
