//! How is an event's body read, without building a tree of it?
//!
//! The body is checked whole, once, and in the same pass it is noted where each value stands; no
//! text is copied and no number converted. A value keeps its place in the text, so a number is
//! printed as the sender wrote it.

mod scan;
mod tape;
mod text;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use serde::de::IgnoredAny;

use self::tape::{Place, Tape};
use self::text::unescape;

/// How deep a value may be nested and still be read; what is deeper counts as missing.
pub const DEPTH_MAX: usize = 128;

/// One valid JSON document.
#[derive(Clone)]
pub struct Json {
    text: ByteString,
    tape: Arc<Tape>,
    /// What it was taken out of.
    around: Option<Arc<Json>>,
}

/// A body that is not one JSON document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotJson {
    /// Not UTF-8.
    #[error("the body is not UTF-8 (first wrong byte at {0})")]
    NotUtf8(usize),
    /// Not JSON.
    #[error("the body is not JSON: {0}")]
    Syntax(String),
    /// Longer than can be addressed.
    #[error("the body is longer than 4 GiB")]
    TooLong,
}

/// One value in a document.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    json: &'a Json,
    place: &'a Place,
    number: u32,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as the sender wrote it.
    Number(&'a str),
    /// A text, its escapes resolved.
    Text(Cow<'a, str>),
    /// A list; see [`Node::elements`].
    List,
    /// An object; see [`Node::get`] and [`Node::entries`].
    Map,
}

impl Json {
    /// Checks that `body` is one JSON document in UTF-8. A byte order mark must be gone already.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is kept, by a clone that shares the bytes"
    )]
    pub fn parse(body: Bytes) -> Result<Self, NotJson> {
        if u32::try_from(body.len()).is_err() {
            return Err(NotJson::TooLong);
        }
        let text = ByteString::try_from(body.clone()).map_err(|_| {
            let wrong = std::str::from_utf8(&body).err();
            NotJson::NotUtf8(wrong.map_or(0, |error| error.valid_up_to()))
        })?;
        let tape = scan::scan(&text).ok_or_else(|| NotJson::Syntax(what_is_wrong(&text)))?;
        Ok(Self { text, tape: Arc::new(tape), around: None })
    }

    /// One value of this document as a document of its own, which remembers this one.
    pub fn taken_out(&self, node: Node<'_>) -> Option<Self> {
        let text = self.text.slice_ref(node.source());
        let tape = Arc::new(scan::scan(&text)?);
        Some(Self { text, tape, around: Some(Arc::new(self.clone())) })
    }

    /// The document that it was taken out of.
    pub fn around(&self) -> Option<&Self> {
        self.around.as_deref()
    }

    /// The document's outermost value.
    pub fn root(&self) -> Node<'_> {
        self.node(0)
    }

    /// The whole document as it was sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same bytes, shared.
    pub fn bytes(&self) -> Bytes {
        self.text.as_bytes().clone()
    }

    fn node(&self, number: u32) -> Node<'_> {
        Node { json: self, place: self.tape.get(number), number }
    }
}

impl<'a> Node<'a> {
    /// What this value is.
    pub fn value(&self) -> Value<'a> {
        let source = self.source();
        match source.as_bytes().first() {
            Some(b'{') => Value::Map,
            Some(b'[') => Value::List,
            Some(b'"') => Value::Text(unescape(source)),
            Some(b't') => Value::Bool(true),
            Some(b'f') => Value::Bool(false),
            Some(b'n') | None => Value::Null,
            Some(_) => Value::Number(source),
        }
    }

    /// The value as it stands in the document.
    pub fn source(&self) -> &'a str {
        self.json.text().get(self.place.range()).unwrap_or("null")
    }

    /// The member of this name; of several, the last. `None` also when this is no object.
    pub fn get(&self, key: &str) -> Option<Node<'a>> {
        self.entries().rev().find(|(name, _)| *name == key).map(|(_, child)| child)
    }

    /// The element at this place of a list.
    pub fn at(&self, index: usize) -> Option<Node<'a>> {
        if !self.begins_with('[') {
            return None;
        }
        self.json.tape.child(self.number, index).map(|number| self.json.node(number))
    }

    /// The elements of a list; none for anything else.
    pub fn elements(&self) -> impl DoubleEndedIterator<Item = Node<'a>> + use<'a> {
        let json = self.json;
        let list = self.begins_with('[').then(|| json.tape.children(self.number));
        list.into_iter().flatten().map(|number| json.node(number))
    }

    /// The members of an object in the order sent, also those whose name comes again later; none
    /// for anything else.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (&'a str, Node<'a>)> + use<'a> {
        let json = self.json;
        let map = self.begins_with('{').then(|| json.tape.children(self.number));
        map.into_iter().flatten().map(|number| {
            let child = json.node(number);
            (json.tape.name_of(child.place, json.text()), child)
        })
    }

    /// How many elements or members.
    pub fn len(&self) -> usize {
        self.place.count()
    }

    /// Whether there are no elements or members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn begins_with(&self, bracket: char) -> bool {
        self.source().starts_with(bracket)
    }
}

/// What `serde_json` says of a text that is no JSON document.
fn what_is_wrong(text: &str) -> String {
    match serde_json::from_str::<IgnoredAny>(text) {
        Err(error) => error.to_string(),
        Ok(IgnoredAny) => "it is not one document".to_owned(),
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.text.len())
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.source())
    }
}
