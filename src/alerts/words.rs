//! What does an alert say? Short lines, each with what to do; no numbers and no secrets.

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::told::{Alert, AlertKind};
use crate::model::Reason;

/// How many characters of somebody else's words an alert has.
const WORDS_MAX: usize = 300;

impl Alert {
    /// One line without anything foreign, fit for a header.
    pub(super) fn title(&self) -> &'static str {
        match self.kind {
            AlertKind::New => "kabari needs a person",
            AlertKind::Repeat => "kabari still needs a person",
            AlertKind::Clear => "kabari: all clear",
        }
    }

    /// The lines below the title.
    pub(super) fn text(&self) -> String {
        let mut lines = String::new();
        let mut line = |text: String| {
            // Writing into a String cannot fail.
            let _ = writeln!(lines, "{text}");
        };
        let (needs, news) = (&self.needs, &self.news);
        if let Some(why) = &needs.store {
            line(format!("The store cannot be used, so events are refused: {}", short(why)));
        }
        if let Some(disk) = &needs.disk {
            line(format!("The disk is {}", short(&disk.detail)));
        }
        for (name, lane) in &needs.lanes {
            let since = lane.since.strftime("%Y-%m-%d %H:%M UTC");
            let (why, said) = (lane.reason.as_str(), short(&lane.detail));
            let remedy = remedy(lane.reason);
            line(format!("{name} has sent nothing since {since}: {why}: {said} ({remedy})"));
        }
        if let Some(why) = &needs.rules {
            line(format!("The rule file has mistakes (kabari check): {}", short(why)));
        }
        if needs.uncertain > 0 {
            let count = count(needs.uncertain, "message is", "messages are");
            line(format!(
                "{count} uncertain, sent or not: look at the chats, then decide (kabari messages \
                 list --state uncertain)"
            ));
        }
        for (why, failed) in &news.failed {
            let (count, why) = (count(*failed, "message", "messages"), why.as_str());
            line(format!("{count} failed: {why} (kabari messages list --state failed)"));
        }
        if news.no_recipient > 0 {
            let count = count(news.no_recipient, "message has", "messages have");
            line(format!(
                "{count} nobody to go to: no recipient (kabari messages list --state skipped)"
            ));
        }
        if self.kind == AlertKind::Clear {
            line("Nothing stands still and nothing is uncertain any more.".to_owned());
        }
        lines.truncate(lines.trim_end().len());
        lines
    }

    /// All of it, for programs.
    pub(super) fn json(&self, now: Timestamp) -> Value {
        let (needs, news) = (&self.needs, &self.news);
        let lanes = needs.lanes.iter().map(|(name, lane)| {
            let (reason, since) = (lane.reason.as_str(), lane.since.to_string());
            json!({"instance": name, "reason": reason, "detail": lane.detail, "since": since})
        });
        let failed =
            news.failed.iter().map(|(why, count)| (why.as_str().to_owned(), (*count).into()));
        json!({
            "program": "kabari",
            "alert": match self.kind {
                AlertKind::New => "new",
                AlertKind::Repeat => "repeat",
                AlertKind::Clear => "clear",
            },
            "at": now.to_string(),
            "title": self.title(),
            "text": self.text(),
            "uncertain": needs.uncertain,
            "failed": Value::Object(failed.collect()),
            "no_recipient": news.no_recipient,
            "lanes": lanes.collect::<Vec<_>>(),
            "rules": needs.rules.as_deref().map(short),
            "store": needs.store.as_deref().map(short),
            "disk": needs.disk.as_ref().map(|disk| short(&disk.detail)),
        })
    }
}

/// What a person does about a lane that stands still for this.
fn remedy(reason: Reason) -> &'static str {
    match reason {
        Reason::Session => "connect it again at Wachat; it goes on by itself",
        Reason::Account => {
            "let it rest until WhatsApp lifts the restriction, then: kabari lanes resume"
        }
        Reason::Auth => "put a token that Wachat takes into wachat.token",
        Reason::UnknownInstance => "write its name as Wachat has it",
        Reason::UncertainAnswers => {
            "look at the chats; one message at a time tries whether it is over"
        }
        _ => "it is tried again by itself; the log says more",
    }
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// One line of it.
fn short(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    if line.chars().count() <= WORDS_MAX {
        return line;
    }
    line.chars().take(WORDS_MAX - 1).chain(['…']).collect()
}
