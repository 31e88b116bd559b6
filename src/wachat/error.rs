//! What does an answer mean? The one table from status and text to fate.
//!
//! Wachat documents only its success. Gateways of its kind report the same cause as 200, 400, 404,
//! 422 or 500, so words decide before the status does: [`TABLE`] is read from top to bottom and the
//! first row with a matching phrase wins; what no row knows goes by its status ([`by_status`]). An
//! answer may only mean "again" or "failed" if it is certain that nothing was sent.

use std::time::Duration;

use serde_json::Value;

use crate::model::{Fate, Reason, Scope, Verdict};

use super::fates::Fates;
use super::words::{Shape, Words, shown};

/// What came back from a call, or did not.
#[derive(Clone, Debug)]
pub enum Answer<'a> {
    /// An HTTP answer.
    Http {
        /// Its status.
        status: u16,
        /// Its body, at most a few KiB of it.
        body: &'a str,
        /// Its `Retry-After`, resolved.
        retry_after: Option<Duration>,
    },
    /// It did not reach Wachat: nothing of the body was written.
    NotSent(String),
    /// The body was written, and then nothing, or too late, or a broken connection.
    Lost(String),
}

/// A row's outcome.
#[derive(Clone, Copy)]
enum Means {
    /// Nothing was sent, and nothing will be until the lane's trouble is over.
    Lane,
    /// Nothing was sent; this message may try again.
    Again,
    /// Nobody knows.
    Unknown,
    /// Never to this recipient.
    Recipient,
    /// Never this message.
    Never,
}

use Means::{Again, Lane, Never, Recipient, Unknown};

/// Phrases in lower case; in one phrase, ` .. ` stands for anything in between. The order matters:
/// the more dangerous reading comes first.
const TABLE: &[(Means, Reason, &[&str])] = &[
    // An account in trouble: each further attempt makes it worse.
    (Lane, Reason::Account, &["error 463", "code: 463", "timelock", "reachout", "banned"]),
    (Lane, Reason::Account, &["account .. restricted", "restricted .. account", "restrict_all"]),
    (Lane, Reason::Account, &["number .. restricted", "temporarily restricted"]),
    (Lane, Reason::Account, &["account .. blocked"]),
    // A proxy lost its peer, perhaps after the request had passed.
    (Unknown, Reason::Server, &["upstream connect error", "socket hang up", "econnreset"]),
    // The file could not be had, so nothing was sent.
    (Never, Reason::Media, &["failed to fetch stream", "url unreachable", "status code 4"]),
    (Never, Reason::Media, &["unsupported image", "unsupported media", "must be a url"]),
    (Never, Reason::Media, &["mimetype", "too large", "max file"]),
    (Again, Reason::Media, &["media upload failed", "upload_media_error"]),
    // No answer from WhatsApp itself: it may have gone out.
    (Unknown, Reason::Server, &["timed out", "timeout", "time-out"]),
    // The session.
    (Lane, Reason::UnknownInstance, &["instance .. not exist", "instance .. not found"]),
    (Lane, Reason::UnknownInstance, &["unknown instance", "invalid instance"]),
    // Not the recipient's: the key of the session's own number.
    (Lane, Reason::UnknownInstance, &["invalid number key"]),
    (Lane, Reason::Session, &["disconnect", "not connected", "connection closed", "logged out"]),
    (Lane, Reason::Session, &["scan qr", "scan_qr", "qr code", "not authorized", "loggedout"]),
    (Lane, Reason::Session, &["instance not started", "in starting process", "pairing failed"]),
    (Lane, Reason::Session, &["status is not as expected", "session .. not active"]),
    (Lane, Reason::Session, &["session .. not found", "não está ativa", "perangkat .. terputus"]),
    (Lane, Reason::Session, &["belum terhubung", "tidak terhubung"]),
    // The account at Wachat.
    (Lane, Reason::Auth, &["token invalid", "invalid token", "invalid api key", "unauthorized"]),
    (Lane, Reason::Auth, &["account is expired", "subscription .. expired", "need upgrade"]),
    (Lane, Reason::Rate, &["quota", "kuota", "limit reached"]),
    (Again, Reason::Rate, &["rate-overlimit", "rate overlimit", "too many", "rate limit"]),
    // The number.
    (Recipient, Reason::Recipient, &["exists: false", "exists\":false", "not registered"]),
    (Recipient, Reason::Recipient, &["not on whatsapp", "não existe", "group not found"]),
    (Recipient, Reason::Recipient, &["invalid jid", "invalid_jid", "target invalid"]),
    (Recipient, Reason::Recipient, &["invalid number", "invalid phone", "international format"]),
    (Recipient, Reason::Recipient, &["nomor .. tidak valid", "nomor .. tidak terdaftar"]),
];

/// Some gateways number their errors so, and answer 200.
const ERROR_CODES: std::ops::RangeInclusive<u64> = 1000..=9999;

/// WhatsApp's own word for an account that may not begin chats for now.
const RESTRICTED: u16 = 463;

/// What a status means when the words say nothing.
fn by_status(status: u16) -> (Means, Reason) {
    match status {
        401 | 403 => (Lane, Reason::Auth),
        402 => (Lane, Reason::Rate),
        // Both paths are fixed, so what is not found there is the instance, or Wachat itself.
        404 => (Lane, Reason::UnknownInstance),
        // Redirects are not followed: the base URL is not the right one.
        300..=399 | 405 => (Lane, Reason::BadRequest),
        429 | 503 => (Again, if status == 429 { Reason::Rate } else { Reason::Server }),
        413 | 415 => (Never, Reason::Media),
        RESTRICTED => (Lane, Reason::Account),
        // Somebody in between gave up waiting, or it is being worked on already.
        408 | 409 | 499 => (Unknown, Reason::Server),
        400..=498 => (Never, Reason::BadRequest),
        _ => (Unknown, Reason::Server),
    }
}

/// What it means by the built-in table.
pub fn verdict(answer: &Answer<'_>) -> Verdict {
    verdict_by(answer, &Fates::default())
}

/// What it means; users' lines come first.
pub fn verdict_by(answer: &Answer<'_>, fates: &Fates) -> Verdict {
    match answer {
        // Not the message's fault: the lane waits for the way to be open again.
        Answer::NotSent(why) => conclude(Lane, Reason::Network, None, None, shown(why)),
        Answer::Lost(why) => conclude(Unknown, Reason::NoAnswer, None, None, shown(why)),
        Answer::Http { status, body, retry_after } => {
            let words = Words::of(body);
            let is_success = (200..=299).contains(status);
            let denied = !is_success || words.denial() != Denial::None;
            if let Some(mut verdict) = fates.verdict(*status, &words, denied) {
                if let Fate::Retry { after } = &mut verdict.fate {
                    *after = *retry_after;
                }
                return verdict;
            }
            if is_success {
                success(*status, words)
            } else {
                let (means, reason) = trouble(*status, &words);
                let detail = detail(*status, words.shown);
                conclude(means, reason, Some(*status), *retry_after, detail)
            }
        }
    }
}

fn trouble(status: u16, words: &Words) -> (Means, Reason) {
    // A page is not the gateway speaking, and a gateway time-out is one whatever it says.
    if matches!(words.shape, Shape::Page) || matches!(status, 408 | 499 | 504) {
        return by_status(status);
    }
    if words.say_restricted() {
        return (Lane, Reason::Account);
    }
    let row = TABLE.iter().find(|row| row.2.iter().any(|phrase| says(&words.low, phrase)));
    match row {
        // Too fast is no lasting trouble, whatever the limit is called.
        Some((Lane, Reason::Rate, _)) if status == 429 => (Again, Reason::Rate),
        // "Not authorized" is a session's state unless the status says it is the token's.
        Some((Lane, Reason::Session, phrases))
            if status == 401 && phrases.contains(&"not authorized") =>
        {
            (Lane, Reason::Auth)
        }
        Some((means, reason, _)) => (*means, *reason),
        None => by_status(status),
    }
}

/// A 2xx: sent, unless it says that it was not or is not Wachat's.
fn success(status: u16, words: Words) -> Verdict {
    let unreadable = |detail| conclude(Unknown, Reason::Unreadable, Some(status), None, detail);
    match &words.shape {
        Shape::Page => return unreadable(format!("a web page: {}", words.shown)),
        Shape::Broken => return unreadable(format!("broken JSON: {}", words.shown)),
        Shape::Empty | Shape::Plain | Shape::Json(_) => {}
    }
    let (means, reason) = match words.denial() {
        Denial::None => {
            let fate = Fate::Sent;
            let (status, detail) = (Some(status), words.shown);
            return Verdict { fate, reason: None, scope: Scope::Message, status, detail };
        }
        Denial::Flag => trouble(400, &words),
        Denial::Maybe => match trouble(400, &words) {
            (Never, Reason::BadRequest) => (Unknown, Reason::Unreadable),
            known => known,
        },
    };
    conclude(means, reason, Some(status), None, detail(status, words.shown))
}

/// Whether a success denies itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Denial {
    /// No.
    None,
    /// It speaks of an error, without a flag that says which way it went.
    Maybe,
    /// In so many words: `success: false`, `status: "error"`.
    Flag,
}

impl Words {
    /// Whether this, the body of a success, denies it.
    fn denial(&self) -> Denial {
        match &self.shape {
            Shape::Plain if self.low.starts_with("error") => Denial::Maybe,
            Shape::Page | Shape::Broken => Denial::Maybe,
            Shape::Empty | Shape::Plain => Denial::None,
            Shape::Json(value) => denial(value),
        }
    }

    /// Whether WhatsApp's number for a restricted account stands in it as a code.
    fn say_restricted(&self) -> bool {
        let Shape::Json(value) = &self.shape else { return false };
        let levels = [Some(value), value.get("error")];
        let codes = levels.into_iter().flatten().flat_map(|level| {
            ["code", "status", "statusCode"].into_iter().filter_map(|name| level.get(name))
        });
        codes.filter_map(number).any(|code| code == u64::from(RESTRICTED))
    }
}

/// Flags count on the outside and one level further in, where some gateways put the result.
fn denial(value: &Value) -> Denial {
    let inner = ["data", "response", "result"].map(|name| value.get(name));
    let levels = || std::iter::once(value).chain(inner.iter().copied().flatten());
    let flags = || {
        levels().flat_map(|level| {
            ["success", "status", "ok", "sent"].map(|name| level.get(name)).into_iter().flatten()
        })
    };
    if flags().any(|flag| flag_says(flag) == Some(false)) {
        return Denial::Flag;
    }
    let error = value.get("error").is_some_and(|error| match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    });
    let coded = ["status", "code"].iter().filter_map(|name| value.get(name));
    let error = error || coded.filter_map(number).any(|code| ERROR_CODES.contains(&code));
    let positive = flags().any(|flag| flag_says(flag) == Some(true))
        || value.get("connected") == Some(&Value::Bool(true));
    if error && !positive { Denial::Maybe } else { Denial::None }
}

/// A number, also one written as a text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn flag_says(flag: &Value) -> Option<bool> {
    match flag {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match number.as_u64()? {
            0 => Some(false),
            1 | 200..=299 => Some(true),
            status => (400..=599).contains(&status).then_some(false),
        },
        Value::String(text) => match text.to_lowercase().as_str() {
            "true" | "success" | "ok" | "sent" | "queued" | "pending" => Some(true),
            "false" | "error" | "failed" | "fail" | "failure" | "rejected" | "invalid"
            | "disconnected" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Whether `text` holds the parts of `phrase` in this order.
pub(super) fn says(text: &str, phrase: &str) -> bool {
    let mut rest = text;
    phrase.split(" .. ").all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

fn detail(status: u16, words: String) -> String {
    if words.is_empty() { format!("answer {status} without words") } else { words }
}

fn conclude(
    means: Means,
    reason: Reason,
    status: Option<u16>,
    after: Option<Duration>,
    detail: String,
) -> Verdict {
    let (fate, scope) = match means {
        Lane => (Fate::Retry { after }, Scope::Lane),
        Again => (Fate::Retry { after }, Scope::Message),
        Unknown => (Fate::Uncertain, Scope::Message),
        Recipient => (Fate::Failed, Scope::Recipient),
        Never => (Fate::Failed, Scope::Message),
    };
    Verdict { fate, reason: Some(reason), scope, status, detail }
}

#[cfg(test)]
#[path = "error_cases.rs"]
mod cases;
