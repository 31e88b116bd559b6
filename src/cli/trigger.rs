//! `kabari trigger SOURCE KIND`: sign a built-in event and post it, to try things without the
//! provider.

use std::path::PathBuf;
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
use crate::secret::Secret;
use crate::sources::{self, IdPlace};
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
    /// The private key (PKCS #8 in PEM, or an Ed25519 seed in hex) for senders with a key pair
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// A built-in event, made new: its own id, the changes applied, signed.
pub(super) struct Signed {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// What the address ends in, without its question mark.
    pub(super) query: Option<String>,
}

impl Trigger {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        // Signed with a stand-in it would only be refused; other variables do not matter here.
        let its_path = format!("sources.{}.secret", self.source);
        let loaded = match self.rules.load_needing(|path| path.starts_with(&its_path)) {
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
        let signed = sign(source, sample, &id, &changes(&self.set)?, self.key()?.as_ref())?;
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
        Ok(ExitCode::from(if (200..300).contains(&status) { 0 } else { output::NO }))
    }

    fn key(&self) -> anyhow::Result<Option<Secret>> {
        let Some(path) = &self.key else { return Ok(None) };
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Ok(Some(Secret::new(text)))
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
    private_key: Option<&Secret>,
) -> anyhow::Result<Signed> {
    let json = ("content-type".to_owned(), "application/json".to_owned());
    let mut request = Outgoing::post(source.name(), sample.body, clock::now()).with_headers([json]);
    for (name, value) in sample.headers {
        request.put_header(name, value);
    }
    if !sample.query.is_empty() {
        request.target = format!("{}?{}", request.target, sample.query);
    }
    renew(&mut request, source.id_place(), id, changes)?;
    // What is signed with another key than the sender's would only be refused.
    let is_theirs_alone = source.scheme().names_its_key();
    let signed = source.sign(request, private_key).filter(|_| !is_theirs_alone);
    let Outgoing { headers, body, target, .. } = signed.with_context(|| cannot_sign(source))?;
    Ok(Signed { headers, body, query: target.split_once('?').map(|(_, query)| query.to_owned()) })
}

fn cannot_sign(source: &sources::Source) -> String {
    if source.scheme().names_its_key() {
        "kabari fetches this sender's key from the sender. To try the source, make a pair of your own \
         (`openssl genpkey -algorithm RSA`), give its public half as `verify: { public_key: { key: … } }` \
         of the source and its private half with --key FILE"
            .to_owned()
    } else if source.scheme().is_key_pair() {
        "this sender signs with a private key that only it has. To try the source, configure the \
         public half of a pair of your own (`kabari secrets new PRESET` makes one) and give the \
         private half with --key FILE"
            .to_owned()
    } else {
        format!("it cannot be signed: {}", source.signs())
    }
}

/// Puts the id and the changes into a request. Of a form only headers can be changed.
fn renew(
    request: &mut Outgoing,
    place: IdPlace<'_>,
    id: &str,
    changes: &[(String, Value)],
) -> anyhow::Result<()> {
    if let IdPlace::Header(name) = place {
        request.put_header(name, id);
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(&request.body) else {
        anyhow::ensure!(changes.is_empty(), "this sample is a form: --set is for JSON bodies");
        return Ok(());
    };
    match place {
        IdPlace::Field(path) => {
            let at = path.join(".");
            let old = path.iter().try_fold(&body, |value, name| match value {
                Value::Array(list) => list.get(name.parse::<usize>().ok()?),
                value => value.get(name),
            });
            let new = like(old, id);
            edit::set(&mut body, &at, new).map_err(anyhow::Error::msg)?;
        }
        // No two honest bodies are alike, and a second one would be taken for a replay.
        _ if body.is_object() => {
            edit::set(&mut body, "triggered", Value::from(id)).map_err(anyhow::Error::msg)?;
        }
        _ => {}
    }
    change(&mut body, changes)?;
    request.body = serde_json::to_vec(&body)?;
    Ok(())
}

/// A new id of the form of the old one: a number, or a text with its prefix (`evt_…`).
fn like(old: Option<&Value>, id: &str) -> Value {
    let bare = id.replace('-', "");
    match old {
        Some(Value::Number(_)) => {
            let digits: String = bare.chars().filter(char::is_ascii_digit).take(15).collect();
            digits.parse::<u64>().map_or_else(|_| Value::from(id), Value::from)
        }
        Some(Value::String(old)) => match old.split_once('_') {
            Some((prefix, _)) => Value::from(format!("{prefix}_{bare}")),
            None => Value::from(id),
        },
        _ => Value::from(format!("evt_{bare}")),
    }
}

/// Posts a signed event; returns status and answer.
pub(super) async fn post(url: &str, signed: &Signed) -> anyhow::Result<(u16, String)> {
    let client = http::client(ANSWER_MAX).build()?;
    let query = signed.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    let mut request = client.post(format!("{url}{query}")).body(signed.body.clone());
    for (name, value) in &signed.headers {
        request = request.header(name, value);
    }
    let answer = request.send().await.with_context(|| {
        format!("nothing answers at {url}; is `kabari serve` running? --to URL names another place")
    })?;
    Ok((answer.status().as_u16(), answer.text().await.unwrap_or_default()))
}
