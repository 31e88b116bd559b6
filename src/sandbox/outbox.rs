//! What was asked, and what went out? Two lists, for an answer is not a dispatch.
//!
//! A [`Request`] is one call with the answer that it got; a [`Dispatched`] is one message that a
//! person would have received. A request may be answered 504 and dispatched, or answered 200 once
//! and dispatched twice; tests and eyes see both.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tokio::sync::broadcast;

use super::fetch::Fetched;
use super::request::SendRequest;
use crate::bubble;
use crate::model::{Kind, Recipient};

/// How many requests, and how many dispatched messages, are remembered.
pub const KEPT_MAX: usize = 500;
/// The largest media of which the bytes are kept for the page.
pub const PREVIEW_MAX: usize = 5 * 1024 * 1024;
/// All kept media together; the oldest goes first.
pub const PREVIEWS_MAX: usize = 64 * 1024 * 1024;
/// How many changes a slow subscriber may lag behind before it misses some.
const LAG_MAX: usize = 1024;

/// One call and its answer.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    /// Counts from 1.
    pub id: u64,
    /// When it came.
    pub at: Timestamp,
    /// The path that was called.
    pub path: &'static str,
    /// `waiting`, `answered` or `refused` (it was not the documented request).
    pub state: RequestState,
    /// Who it is for, if it could be read.
    pub to: Option<Chat>,
    /// What it sends, if it could be read.
    pub kind: Option<Kind>,
    /// The HTTP status of the answer; `None` while waiting and where there was no whole answer.
    pub status: Option<u16>,
    /// Why it was refused or failed.
    pub reason: Option<String>,
    /// How often it was dispatched.
    pub dispatched: usize,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestState {
    /// Fetching, typing.
    Waiting,
    /// Over, well or badly.
    Answered,
    /// Not the documented request.
    Refused,
}

/// One recipient at one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chat {
    /// The same for the same number and instance; tells nothing of the number.
    pub id: String,
    /// The number with its middle hidden.
    pub name: String,
    /// Whether it is a group.
    pub group: bool,
    /// The instance that writes.
    pub instance: String,
}

/// One message that went out.
#[derive(Clone, Debug, Serialize)]
pub struct Dispatched {
    /// Counts from 1.
    pub id: u64,
    /// The request that it came of.
    pub request: u64,
    /// When it went out.
    pub at: Timestamp,
    /// Where it went.
    pub to: Chat,
    /// The whole number or group id; shown masked and kept out of the JSON.
    #[serde(skip)]
    pub number: Recipient,
    /// What it is.
    pub kind: Kind,
    /// The text or caption, as sent.
    pub message: Option<String>,
    /// The same as HTML, escaped.
    pub html: String,
    /// The name of the file, as sent.
    pub file_name: Option<String>,
    /// The media type, as sent.
    pub mimetype: Option<String>,
    /// What was fetched.
    pub media: Option<Media>,
    /// What a person may want to know.
    pub notes: Vec<String>,
    /// Whether WhatsApp refused it after the 200.
    pub refused_later: bool,
}

/// What was fetched for a message.
#[derive(Clone, Debug, Serialize)]
pub struct Media {
    /// Size in bytes.
    pub size: usize,
    /// The `Content-Type` with which it came.
    pub content_type: Option<String>,
    /// What its first bytes show.
    pub magic: Option<&'static str>,
    /// Whether its bytes are (still) at `/sandbox/media/<id>`.
    pub kept: bool,
}

/// What a subscriber is told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// A request came or changed.
    #[serde(serialize_with = "pointee")]
    Request(Arc<Request>),
    /// A message went out.
    #[serde(serialize_with = "pointee")]
    Dispatched(Arc<Dispatched>),
}

fn pointee<T: Serialize, S: Serializer>(shared: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
    T::serialize(shared, serializer)
}

/// How many of what, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Calls to the two addresses.
    pub requests: u64,
    /// Those that were not the documented request.
    pub refused: u64,
    /// Those answered 200 with success.
    pub accepted: u64,
    /// Those that got another answer, or none.
    pub failed: u64,
    /// Messages that went out.
    pub dispatched: u64,
}

/// The outbox: a handle; clones see the same.
#[derive(Clone, Debug)]
pub struct Outbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<Kept>,
    changes: broadcast::Sender<Change>,
    chats: RandomState,
}

#[derive(Debug, Default)]
struct Kept {
    requests: VecDeque<Arc<Request>>,
    dispatched: VecDeque<Arc<Dispatched>>,
    previews: VecDeque<Preview>,
    preview_bytes: usize,
    counters: Counters,
}

#[derive(Clone, Debug)]
struct Preview {
    id: u64,
    magic: Option<&'static str>,
    bytes: Bytes,
}

impl Default for Outbox {
    fn default() -> Self {
        let (changes, _) = broadcast::channel(LAG_MAX);
        Self(Arc::new(Inner { state: Mutex::default(), changes, chats: RandomState::new() }))
    }
}

impl Outbox {
    /// Everything that changes from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// The last [`KEPT_MAX`] messages that went out, the oldest first.
    pub fn dispatched(&self) -> Vec<Arc<Dispatched>> {
        self.kept().dispatched.iter().cloned().collect()
    }

    /// The last [`KEPT_MAX`] requests, the oldest first.
    pub fn requests(&self) -> Vec<Arc<Request>> {
        self.kept().requests.iter().cloned().collect()
    }

    /// How many of what.
    pub fn counters(&self) -> Counters {
        self.kept().counters
    }

    /// The kept bytes of a message's media, and the type that its first bytes show.
    pub(super) fn preview(&self, id: u64) -> Option<(Option<&'static str>, Bytes)> {
        let kept = self.kept();
        let preview = kept.previews.iter().find(|preview| preview.id == id)?;
        Some((preview.magic, preview.bytes.clone()))
    }

    /// A call came.
    pub(super) fn begin(&self, path: &'static str, now: Timestamp) -> u64 {
        let mut kept = self.kept();
        kept.counters.requests += 1;
        let id = kept.counters.requests;
        let request = Request {
            id,
            at: now,
            path,
            state: RequestState::Waiting,
            to: None,
            kind: None,
            status: None,
            reason: None,
            dispatched: 0,
        };
        push_bounded(&mut kept.requests, Arc::new(request));
        id
    }

    /// It is not the documented request.
    pub(super) fn refuse(&self, id: u64, status: u16, reason: &str) {
        let mut kept = self.kept();
        kept.counters.refused += 1;
        self.change(&mut kept, id, |request| {
            request.state = RequestState::Refused;
            request.status = Some(status);
            request.reason = Some(reason.to_owned());
        });
    }

    /// It is one, and the recipient sees "typing…".
    pub(super) fn typing(&self, id: u64, sent: &SendRequest) {
        let chat = self.chat(sent);
        let mut kept = self.kept();
        self.change(&mut kept, id, |request| {
            request.to = Some(chat);
            request.kind = Some(sent.kind);
        });
    }

    /// It is over.
    pub(super) fn answer(&self, id: u64, status: Option<u16>, reason: Option<String>) {
        let mut kept = self.kept();
        if reason.is_none() {
            kept.counters.accepted += 1;
        } else {
            kept.counters.failed += 1;
        }
        self.change(&mut kept, id, |request| {
            request.state = RequestState::Answered;
            request.status = status;
            request.reason = reason;
        });
    }

    /// A message goes out.
    pub(super) fn dispatch(
        &self,
        request: u64,
        sent: &SendRequest,
        fetched: Option<&Fetched>,
        refused_later: bool,
        now: Timestamp,
    ) {
        let chat = self.chat(sent);
        let mut kept = self.kept();
        kept.counters.dispatched += 1;
        let id = kept.counters.dispatched;
        if let Some(Fetched { bytes: Some(bytes), magic, .. }) = fetched {
            keep_preview(&mut kept, Preview { id, magic: *magic, bytes: bytes.clone() });
        }
        let caption = if sent.kind == Kind::Audio { None } else { sent.message.clone() };
        let dispatched = Arc::new(Dispatched {
            id,
            request,
            at: now,
            to: chat,
            number: sent.number.clone(),
            kind: sent.kind,
            html: caption.as_deref().map(bubble::html).unwrap_or_default(),
            message: caption,
            file_name: sent.file_name.clone(),
            mimetype: sent.mimetype.clone(),
            media: fetched.map(|fetched| Media {
                size: fetched.size,
                content_type: fetched.content_type.clone(),
                magic: fetched.magic,
                kept: fetched.bytes.is_some(),
            }),
            notes: notes(sent, fetched),
            refused_later,
        });
        push_bounded(&mut kept.dispatched, Arc::clone(&dispatched));
        self.change(&mut kept, request, |request| request.dispatched += 1);
        // Nobody listening is no failure.
        let _ = self.0.changes.send(Change::Dispatched(dispatched));
    }

    fn change(&self, kept: &mut Kept, id: u64, change: impl FnOnce(&mut Request)) {
        // The newest are at the back, and it is mostly one of them.
        let Some(request) = kept.requests.iter_mut().rev().find(|request| request.id == id) else {
            return;
        };
        change(Arc::make_mut(request));
        let _ = self.0.changes.send(Change::Request(Arc::clone(request)));
    }

    fn chat(&self, sent: &SendRequest) -> Chat {
        let key = self.0.chats.hash_one((sent.number.expose(), &sent.instance));
        let group = sent.number.is_group();
        let plus = if group { "" } else { "+" };
        Chat {
            id: format!("{key:016x}"),
            name: format!("{plus}{}", sent.number),
            group,
            instance: sent.instance.clone(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push_bounded<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() >= KEPT_MAX {
        list.pop_front();
    }
    list.push_back(item);
}

fn keep_preview(kept: &mut Kept, preview: Preview) {
    kept.preview_bytes += preview.bytes.len();
    kept.previews.push_back(preview);
    while kept.preview_bytes > PREVIEWS_MAX || kept.previews.len() > KEPT_MAX {
        let Some(oldest) = kept.previews.pop_front() else { break };
        kept.preview_bytes -= oldest.bytes.len();
        if let Some(message) = kept.dispatched.iter_mut().find(|message| message.id == oldest.id)
            && let Some(media) = &mut Arc::make_mut(message).media
        {
            media.kept = false;
        }
    }
}

/// What a real recipient would notice, and a sender would like to know before.
fn notes(sent: &SendRequest, fetched: Option<&Fetched>) -> Vec<String> {
    let mut notes = Vec::new();
    if sent.kind == Kind::Audio && sent.message.is_some() {
        notes.push("`message` was dropped: audio has no caption".to_owned());
    }
    if sent.kind == Kind::Document && sent.file_name.is_none() {
        notes.push("no `fileName`: the recipient sees \"Untitled\"".to_owned());
    }
    if let (Some(said), Some(is)) =
        (sent.mimetype.as_deref(), fetched.and_then(|fetched| fetched.magic))
        && !said.eq_ignore_ascii_case(is)
        && !is.starts_with("application/zip")
    {
        notes.push(format!("`mimetype` says {said}, the bytes are {is}"));
    }
    let length = sent.message.as_deref().unwrap_or_default().encode_utf16().count();
    let limit = if sent.kind == Kind::Text { 4096 } else { 1024 };
    if length > limit {
        notes.push(format!("{length} characters, WhatsApp takes {limit}"));
    }
    notes
}
