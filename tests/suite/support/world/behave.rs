//! How does the world treat a request?

use std::time::Duration;

use axum::http::header;
use serde_json::json;

/// How the world treats one request.
#[derive(Clone, Debug)]
pub struct Behave {
    pub(super) dispatch: bool,
    pub(super) wait: Duration,
    pub(super) held: bool,
    pub(super) end: End,
}

#[derive(Clone, Debug)]
pub(super) enum End {
    Answer {
        status: u16,
        body: String,
        headers: Vec<(header::HeaderName, String)>,
    },
    /// The head of an answer and a part of its body.
    Cut {
        status: u16,
        part: String,
    },
    Hang,
    Close,
}

impl Behave {
    /// Dispatches it and says so. This is what the world does unless told otherwise.
    pub fn send() -> Self {
        let body = r#"{"success":true,"message":"Message dispatched"}"#;
        Self::answer(200, body).dispatching()
    }

    /// Answers so, and dispatches nothing.
    pub fn answer(status: u16, body: &str) -> Self {
        let json = (header::CONTENT_TYPE, "application/json".to_owned());
        let end = End::Answer { status, body: body.to_owned(), headers: vec![json] };
        Self { dispatch: false, wait: Duration::ZERO, held: false, end }
    }

    /// Answers 429 with this `Retry-After`.
    pub fn too_fast(retry_after: &str) -> Self {
        Self::answer(429, r#"{"error":"Too many requests"}"#)
            .header(header::RETRY_AFTER, retry_after)
    }

    /// Answers 200 with `success: false` and these words.
    pub fn deny(words: &str) -> Self {
        Self::answer(200, &json!({"success": false, "message": words}).to_string())
    }

    /// Answers 200 with a web page, as a proxy does.
    pub fn page() -> Self {
        Self::answer(200, "<!doctype html><title>Sign in</title>")
            .header(header::CONTENT_TYPE, "text/html")
    }

    /// Reads the request and never answers.
    pub fn hang() -> Self {
        Self { dispatch: false, wait: Duration::ZERO, held: false, end: End::Hang }
    }

    /// Dispatches it, and cuts the connection when a part of the answer is written.
    pub fn cut(status: u16, part: &str) -> Self {
        let end = End::Cut { status, part: part.to_owned() };
        Self { dispatch: true, wait: Duration::ZERO, held: false, end }
    }

    /// Reads the request and closes the connection without a byte.
    pub fn close() -> Self {
        Self { dispatch: false, wait: Duration::ZERO, held: false, end: End::Close }
    }

    /// The same, but the message is dispatched all the same.
    #[must_use]
    pub fn dispatching(mut self) -> Self {
        self.dispatch = true;
        self
    }

    /// The same after `wait`, as if it typed. It goes on if the client disconnects meanwhile.
    #[must_use]
    pub fn slowly(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// The same when the world lets it go, as if it typed until then.
    #[must_use]
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// The same answer with this header.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: &str) -> Self {
        if let End::Answer { headers, .. } = &mut self.end {
            headers.retain(|(other, _)| *other != name);
            headers.push((name, value.to_owned()));
        }
        self
    }
}
