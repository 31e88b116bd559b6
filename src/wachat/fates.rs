//! What do this account's own answers mean? The lines that users add to the table of answers.
//!
//! A gateway may say things that no built-in row knows. Users' lines are asked first and in their
//! order; the first that fits decides.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::{Fate, Fault, Reason, Scope, Verdict};

use super::error::says;
use super::words::Words;

/// A phrase shorter than this fits answers by chance.
const TEXT_CHARS_MIN: usize = 3;
/// The statuses that an answer may have.
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;

/// One line of `wachat.fates`: an answer with this status and these words means that.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FateSettings {
    /// The answer's status. Without it: every answer that is no success, or that denies its own.
    #[schemars(extend("examples" = [400]))]
    pub status: Option<u16>,
    /// What stands in the answer's words, in upper or lower case; ` .. ` stands for anything in
    /// between. Without it: every answer of the status.
    #[schemars(extend("examples" = ["nomor .. diblokir"]))]
    pub text: Option<String>,
    /// What becomes of the message. `retry` and `failed`: it was certainly not sent.
    #[schemars(extend("examples" = ["failed"]))]
    pub fate: FateWord,
    /// Why, for people, logs and metrics; needed unless the fate is `sent`.
    #[schemars(extend("examples" = ["recipient"]))]
    pub reason: Option<Cause>,
    /// What else the answer speaks of: `recipient` (with `failed`) for a number that is not to be
    /// tried again, `lane` (with `retry`) for what stops the session. By default `message`.
    #[serde(default)]
    #[schemars(extend("examples" = ["recipient"]))]
    pub scope: Scope,
}

/// What becomes of a message, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FateWord {
    /// Wachat accepted it.
    Sent,
    /// It is tried again.
    Retry,
    /// It is held for a person, or resent where its rule says so.
    Uncertain,
    /// It is not tried again.
    Failed,
}

/// The reasons that an answer can give: a part of [`Reason`], in the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The token was refused.
    Auth,
    /// The WhatsApp session is not connected.
    Session,
    /// Wachat does not know the instance.
    #[serde(rename = "unknown instance")]
    UnknownInstance,
    /// The number is not on WhatsApp.
    Recipient,
    /// The media could not be fetched or is refused.
    Media,
    /// Too fast, or a quota is used up.
    Rate,
    /// WhatsApp restricted or banned the account.
    Account,
    /// The request was refused as wrong.
    #[serde(rename = "bad request")]
    BadRequest,
    /// Wachat failed in a way that does not say whether it sent.
    Server,
}

impl From<Cause> for Reason {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Auth => Self::Auth,
            Cause::Session => Self::Session,
            Cause::UnknownInstance => Self::UnknownInstance,
            Cause::Recipient => Self::Recipient,
            Cause::Media => Self::Media,
            Cause::Rate => Self::Rate,
            Cause::Account => Self::Account,
            Cause::BadRequest => Self::BadRequest,
            Cause::Server => Self::Server,
        }
    }
}

impl FateSettings {
    /// What is wrong with it, for `check`.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut wrong = |path: &str, message: String, help: &str| {
            faults.push(Fault::error(path, "bad-fate", message).help(help));
        };
        if let Some(status) = self.status.filter(|status| !STATUSES.contains(status)) {
            let help = "write a number from 200 to 599, or leave `status` out for all errors";
            wrong("status", format!("`{status}` is no status of an answer"), help);
        }
        let short = |text: &String| text.trim().chars().count() < TEXT_CHARS_MIN;
        match &self.text {
            Some(text) if short(text) => {
                let help = "write at least three characters of what the answer says";
                wrong("text", format!("`{text}` stands in too many answers"), help);
            }
            None if self.status.is_none() => {
                let help = "add `status:`, `text:` or both";
                wrong("", "a line that every answer fits".into(), help);
            }
            _ => {}
        }
        let success = self.status.is_some_and(|status| (200..300).contains(&status));
        if success && self.text.is_none() && self.fate == FateWord::Retry {
            let message = "every message that was sent would be sent again".into();
            wrong("fate", message, "add `text:`, what the answer says if it was not sent");
        }
        match (self.fate, self.reason) {
            (FateWord::Sent, Some(_)) => {
                let message = "a message that was sent needs no reason".into();
                wrong("reason", message, "remove `reason`");
            }
            (FateWord::Sent, None) | (_, Some(_)) => {}
            (_, None) => {
                let help = "add `reason:`, one of auth, session, unknown instance, recipient, media, \
                            rate, account, bad request, server";
                wrong("", "the line does not say why".into(), help);
            }
        }
        let fits = match self.scope {
            Scope::Message => self.reason != Some(Cause::Account),
            Scope::Recipient => self.fate == FateWord::Failed,
            Scope::Lane => self.fate == FateWord::Retry,
        };
        if !fits {
            let (message, help) = match self.scope {
                Scope::Message => (
                    "a restricted account concerns all of its messages",
                    "write `scope: lane` and `fate: retry`: the messages wait for a person",
                ),
                Scope::Recipient => (
                    "`scope: recipient` is for what cannot be sent to that number",
                    "write `fate: failed`, or `scope: message`",
                ),
                Scope::Lane => (
                    "`scope: lane` stops the session and keeps its messages",
                    "write `fate: retry`, or `scope: message`",
                ),
            };
            wrong("scope", message.into(), help);
        }
        faults
    }
}

/// Users' lines, ready to be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fates(Vec<FateSettings>);

impl Fates {
    /// From lines without faults.
    pub fn new(mut lines: Vec<FateSettings>) -> Self {
        for line in &mut lines {
            line.text = line.text.take().map(|text| text.trim().to_lowercase());
        }
        Self(lines)
    }

    /// What an answer means by the first line that fits; `denied` if it is an error, or a success
    /// that denies itself.
    pub(super) fn verdict(&self, status: u16, words: &Words, denied: bool) -> Option<Verdict> {
        let fits = |line: &&FateSettings| {
            line.status.map_or(denied, |wanted| wanted == status)
                && line.text.as_deref().is_none_or(|text| says(&words.low, text))
        };
        let line = self.0.iter().find(fits)?;
        let fate = match line.fate {
            FateWord::Sent => Fate::Sent,
            FateWord::Retry => Fate::Retry { after: None },
            FateWord::Uncertain => Fate::Uncertain,
            FateWord::Failed => Fate::Failed,
        };
        let (reason, detail) = (line.reason.map(Reason::from), words.shown.clone());
        Some(Verdict { fate, reason, scope: line.scope, status: Some(status), detail })
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::{Answer, verdict_by};
    use super::*;

    fn lines(yaml: &str) -> Vec<FateSettings> {
        serde_yaml::from_str(yaml).unwrap()
    }

    fn told(yaml: &str, status: u16, body: &str) -> (&'static str, Option<Reason>, Scope) {
        let fates = Fates::new(lines(yaml));
        let answer = Answer::Http { status, body, retry_after: None };
        let verdict = verdict_by(&answer, &fates);
        (verdict.fate.as_str(), verdict.reason, verdict.scope)
    }

    const BLOCKED: &str = "[{ status: 400, text: Nomor .. Diblokir, fate: failed, reason: recipient, scope: recipient }]";

    #[test]
    fn a_users_line_comes_before_the_built_in_table() {
        let body = r#"{"error":"Nomor 62812 DIBLOKIR, rate limit"}"#;
        let recipient = ("failed", Some(Reason::Recipient), Scope::Recipient);
        assert_eq!(told(BLOCKED, 400, body), recipient);
        let rate = ("retry", Some(Reason::Rate), Scope::Message);
        assert_eq!(told(BLOCKED, 422, body), rate, "another status");
        assert_eq!(told("[]", 400, body), rate);
        let other = r#"{"error":"nomor kosong"}"#;
        let bad = ("failed", Some(Reason::BadRequest), Scope::Message);
        assert_eq!(told(BLOCKED, 400, other), bad, "other words");
    }

    #[test]
    fn the_first_line_that_fits_decides_and_a_status_alone_is_enough() {
        let two = "[{ status: 500, fate: uncertain, reason: server },
                    { text: maintenance, fate: retry, reason: server, scope: lane }]";
        let body = r#"{"error":"down for maintenance"}"#;
        assert_eq!(told(two, 500, body).0, "uncertain");
        assert_eq!(told(two, 502, body), ("retry", Some(Reason::Server), Scope::Lane));
    }

    #[test]
    fn a_line_without_a_status_never_turns_a_success_into_an_error() {
        let line = "[{ text: queued, fate: failed, reason: server }]";
        assert_eq!(told(line, 200, r#"{"success":true,"message":"queued"}"#).0, "sent");
        assert_eq!(told(line, 200, r#"{"success":false,"message":"not queued"}"#).0, "failed");
        let asked_for = "[{ status: 200, text: queued, fate: uncertain, reason: server }]";
        assert_eq!(told(asked_for, 200, r#"{"success":true,"message":"queued"}"#).0, "uncertain");
        let already = "[{ status: 409, text: already sent, fate: sent }]";
        assert_eq!(told(already, 409, r#"{"error":"already sent"}"#).0, "sent");
    }

    #[test]
    fn retry_after_counts_for_users_lines_too() {
        let fates = Fates::new(lines("[{ status: 420, fate: retry, reason: rate }]"));
        let after = Some(std::time::Duration::from_secs(7));
        let answer = Answer::Http { status: 420, body: "calm", retry_after: after };
        assert_eq!(verdict_by(&answer, &fates).fate, Fate::Retry { after });
    }

    #[test]
    fn a_line_that_cannot_be_meant_is_told() {
        for (line, path, words) in [
            ("{ fate: failed, reason: media }", "", "every answer"),
            ("{ status: 42, fate: failed, reason: media }", "status", "`42`"),
            ("{ text: \"a \", fate: failed, reason: media }", "text", "too many"),
            ("{ status: 400, fate: failed }", "", "does not say why"),
            ("{ status: 400, fate: sent, reason: media }", "reason", "no reason"),
            ("{ status: 400, fate: retry, reason: rate, scope: recipient }", "scope", "number"),
            ("{ status: 400, fate: failed, reason: rate, scope: lane }", "scope", "session"),
            ("{ status: 463, fate: failed, reason: account }", "scope", "all of its"),
        ] {
            let line: FateSettings = serde_yaml::from_str(line).unwrap();
            let faults = line.faults();
            let fault = faults.first().unwrap_or_else(|| panic!("{line:?}"));
            assert_eq!((faults.len(), fault.path.as_str()), (1, path), "{line:?}");
            assert!(fault.message.contains(words) && fault.help.is_some(), "{}", fault.message);
        }
        assert!(lines(BLOCKED)[0].faults().is_empty());
    }

    #[test]
    fn the_words_for_reasons_are_those_of_the_closed_list() {
        for word in ["auth", "session", "unknown instance", "recipient", "media", "rate", "account"]
            .iter()
            .chain(&["bad request", "server"])
        {
            let cause: Cause = serde_yaml::from_str(word).unwrap();
            assert_eq!(Reason::from(cause).as_str(), *word);
        }
    }
}
