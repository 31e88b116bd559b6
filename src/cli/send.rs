//! `kabari send`: one message now.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use owo_colors::OwoColorize;
use serde_json::{Map, Value};

use super::input::{RuleFile, StoreUrl};
use super::output;
use super::running::Running;
use crate::app::by_hand;
use crate::clock::Stopwatch;
use crate::config::Loaded;
use crate::model::{Kind, Message, Reason, State};
use crate::store::{self, Address};

/// How often a running kabari is asked what became of the message.
const POLL: Duration = Duration::from_millis(200);

/// Send one message now
#[derive(Debug, Args)]
pub(super) struct SendNow {
    /// Who gets it: a number, or a group's id (…@g.us)
    #[arg(long)]
    number: String,
    /// The text, or the caption
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Where Wachat fetches the media
    #[arg(long, value_name = "URL", requires = "kind")]
    media_url: Option<String>,
    /// What the media is
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<Kind>,
    /// The name under which a document is shown
    #[arg(long, value_name = "NAME")]
    file_name: Option<String>,
    /// The file's media type
    #[arg(long, value_name = "TYPE")]
    mimetype: Option<String>,
    /// How long "typing" is shown, in milliseconds
    #[arg(long, value_name = "MS")]
    delay: Option<u64>,
    /// The WhatsApp session, instead of `wachat.instance`
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// How many seconds to wait for what becomes of it, if a running kabari sends it
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    wait: u64,
    #[command(flatten)]
    rules: RuleFile,
    #[command(flatten)]
    store: StoreUrl,
}

impl SendNow {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        // What rules and sources need does not matter to a message by hand.
        let other = ["sources.", "rules[", "tests[", "vars."];
        let needed = |path: &str| !other.iter().any(|start| path.starts_with(start));
        let loaded = match self.rules.load_needing(needed) {
            Ok(loaded) => loaded,
            Err(code) => return Ok(code),
        };
        let url = self.store.or(loaded.settings.store.clone());
        match Running::find(&url, loaded.settings.admin_token.clone())? {
            Some(running) => self.through(&running, &url).await,
            None => self.directly(&loaded, &url).await,
        }
    }

    /// Hands it to the running kabari, and waits for what becomes of it.
    async fn through(&self, running: &Running, url: &Address) -> anyhow::Result<ExitCode> {
        let (status, answer) = running.post("/api/send", &self.fields()).await?;
        if !(200..300).contains(&status) {
            let error = answer.get("error").and_then(Value::as_str).map(str::to_owned);
            bail!("not sent: {}", error.unwrap_or_else(|| answer.to_string()));
        }
        let id =
            answer.get("message").and_then(Value::as_str).context("an answer without an id")?;
        let id = id.parse()?;
        anstream::println!("{}", format!("message {id} handed to the running kabari").dimmed());
        let store = store::open_existing(url)?;
        let watch = Stopwatch::start();
        loop {
            let (message, _) = store.message(id).await?.context("the message is gone")?;
            let under_way = matches!(message.state, State::Waiting | State::Sending);
            if !under_way || watch.elapsed() >= Duration::from_secs(self.wait) {
                return Ok(report(&message));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sends it from here, with the store as witness.
    async fn directly(&self, loaded: &Loaded, url: &Address) -> anyhow::Result<ExitCode> {
        let send = serde_json::from_value(self.fields()).context("not a message")?;
        let message = by_hand::send(&loaded.settings, &loaded.pipeline, url, send).await?;
        Ok(report(&message))
    }

    /// The message in the words of the API.
    fn fields(&self) -> Value {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        put("number", Some(self.number.clone().into()));
        put("message", self.message.clone().map(Value::from));
        put("mediaUrl", self.media_url.clone().map(Value::from));
        put("type", self.kind.map(|kind| kind.as_str().into()));
        put("fileName", self.file_name.clone().map(Value::from));
        put("mimetype", self.mimetype.clone().map(Value::from));
        put("delay", self.delay.map(Value::from));
        put("instanceName", self.instance.clone().map(Value::from));
        Value::Object(fields)
    }
}

fn report(message: &Message) -> ExitCode {
    let to = message.recipient.as_ref().map(ToString::to_string).unwrap_or_default();
    let detail = message.detail.as_deref().unwrap_or_default();
    if message.state == State::Sent {
        anstream::println!(
            "{} to {to}: accepted by Wachat, not known to be delivered",
            "sent".green()
        );
        return ExitCode::SUCCESS;
    }
    let reason = message.reason.map_or("", |reason| reason.as_str());
    let why = [reason, detail].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    anstream::println!("{} to {to}: {}", message.state.as_str().red(), why.join(": "));
    if let Some(remedy) = message.reason.and_then(remedy) {
        anstream::println!("{remedy}");
    }
    anstream::println!("{}", format!("kabari messages show {}", message.id).dimmed());
    ExitCode::from(output::NO)
}

/// What to do about it, where the reason alone does not say so.
fn remedy(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Network => "Is this machine online, and is wachat.base_url right?",
        Reason::Auth => "Wachat does not take the token: look at wachat.token (WACHAT_TOKEN).",
        Reason::Session => "Connect the session at Wachat, then retry.",
        Reason::UnknownInstance => "Write its name as Wachat shows it: wachat.instance.",
        Reason::Recipient => "Is the number on WhatsApp, with its country?",
        Reason::Media => "Wachat itself must be able to fetch the address, without a login.",
        Reason::Server | Reason::NoAnswer | Reason::Unreadable | Reason::Interrupted => {
            "It may have gone out: look at the phone before you retry."
        }
        _ => return None,
    })
}
