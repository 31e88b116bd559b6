//! How is an event's body read, without building a tree of it?
//!
//! The body is checked whole, once; after that only the objects and lists on the way to what rules
//! and templates name are opened, each once. A value keeps its place in the text, so a number is
//! printed as the sender wrote it.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use bytestring::ByteString;
use serde::de::{Deserialize, Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// How deep a value may be nested and still be read; what is deeper counts as missing.
pub const DEPTH_MAX: usize = 128;

/// One valid JSON document.
#[derive(Clone)]
pub struct Json {
    text: ByteString,
    root: Arc<Slot>,
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
    slot: &'a Slot,
    depth: usize,
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

/// A value's place in the text, and its children once somebody asked.
struct Slot {
    start: u32,
    end: u32,
    children: OnceLock<Children>,
}

enum Children {
    None,
    List(Vec<Slot>),
    Map(Vec<(Name, Slot)>),
}

/// A member's name.
enum Name {
    /// Where it stands in the text, which saves a copy of each.
    Here { start: u32, end: u32 },
    /// One with escapes.
    Unescaped(Box<str>),
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
        let root = root_of(&text).map_err(|error| NotJson::Syntax(error.to_string()))?;
        Ok(Self { text, root: Arc::new(root), around: None })
    }

    /// One value of this document as a document of its own, which remembers this one.
    pub fn taken_out(&self, node: Node<'_>) -> Option<Self> {
        let text = self.text.slice_ref(node.source());
        let root = Arc::new(root_of(&text).ok()?);
        Some(Self { text, root, around: Some(Arc::new(self.clone())) })
    }

    /// The document that it was taken out of.
    pub fn around(&self) -> Option<&Self> {
        self.around.as_deref()
    }

    /// The document's outermost value.
    pub fn root(&self) -> Node<'_> {
        Node { json: self, slot: &self.root, depth: 0 }
    }

    /// The whole document as it was sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same bytes, shared.
    pub fn bytes(&self) -> Bytes {
        self.text.as_bytes().clone()
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
        self.json.text().get(self.slot.start as usize..self.slot.end as usize).unwrap_or("null")
    }

    /// The member of this name; of several, the last. `None` also when this is no object.
    pub fn get(&self, key: &str) -> Option<Node<'a>> {
        match self.children() {
            Children::Map(entries) => entries
                .iter()
                .rev()
                .find(|(name, _)| name.in_text(self.json.text()) == key)
                .map(|(_, slot)| self.child(slot)),
            Children::List(_) | Children::None => None,
        }
    }

    /// The element at this place of a list.
    pub fn at(&self, index: usize) -> Option<Node<'a>> {
        match self.children() {
            Children::List(slots) => slots.get(index).map(|slot| self.child(slot)),
            Children::Map(_) | Children::None => None,
        }
    }

    /// The elements of a list; none for anything else.
    pub fn elements(&self) -> impl DoubleEndedIterator<Item = Node<'a>> + use<'a> {
        let node = *self;
        let slots: &'a [Slot] = match self.children() {
            Children::List(slots) => slots,
            Children::Map(_) | Children::None => &[],
        };
        slots.iter().map(move |slot| node.child(slot))
    }

    /// The members of an object in the order sent, also those whose name comes again later; none
    /// for anything else.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (&'a str, Node<'a>)> + use<'a> {
        let node = *self;
        let entries: &'a [(Name, Slot)] = match self.children() {
            Children::Map(entries) => entries,
            Children::List(_) | Children::None => &[],
        };
        entries.iter().map(move |(name, slot)| (name.in_text(node.json.text()), node.child(slot)))
    }

    /// How many elements or members.
    pub fn len(&self) -> usize {
        match self.children() {
            Children::Map(entries) => entries.len(),
            Children::List(slots) => slots.len(),
            Children::None => 0,
        }
    }

    /// Whether there are no elements or members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn child(&self, slot: &'a Slot) -> Node<'a> {
        Node { json: self.json, slot, depth: self.depth + 1 }
    }

    fn children(&self) -> &'a Children {
        let (slot, json, depth) = (self.slot, self.json, self.depth);
        slot.children.get_or_init(|| {
            if depth >= DEPTH_MAX {
                return Children::None;
            }
            let source = json.text().get(slot.start as usize..slot.end as usize).unwrap_or("");
            let open = Open { text: json.text() };
            let mut reader = serde_json::Deserializer::from_str(source);
            match source.as_bytes().first() {
                Some(b'{') => reader.deserialize_map(open).unwrap_or(Children::None),
                Some(b'[') => reader.deserialize_seq(open).unwrap_or(Children::None),
                _ => Children::None,
            }
        })
    }
}

/// The outermost value, the whole text checked.
fn root_of(text: &str) -> serde_json::Result<Slot> {
    if let Some(opened) = opened_root(text) {
        return Ok(opened);
    }
    serde_json::from_str::<&RawValue>(text).map(|raw| Slot::of(raw, text))
}

/// The outermost object, opened while the text is checked: kind, id and rules look into it anyway,
/// and otherwise the text would be gone through twice.
fn opened_root(text: &str) -> Option<Slot> {
    let start = text.len() - text.trim_ascii_start().len();
    if text.as_bytes().get(start) != Some(&b'{') {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let children = reader.deserialize_map(Open { text }).ok()?;
    reader.end().ok()?;
    let end = text.trim_ascii_end().len();
    Some(Slot { start: place(start), end: place(end), children: OnceLock::from(children) })
}

/// [`Json::parse`] made sure that every place fits.
fn place(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

impl Slot {
    /// The place of `raw`, which is part of `text`.
    fn of(raw: &RawValue, text: &str) -> Self {
        let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
        let end = start + raw.get().len();
        Self { start: place(start), end: place(end), children: OnceLock::new() }
    }
}

impl Name {
    /// A name that was read in `text`; borrowed, it is part of it.
    fn of(name: Cow<'_, str>, text: &str) -> Self {
        match name {
            Cow::Borrowed(name) => {
                let start = name.as_ptr() as usize - text.as_ptr() as usize;
                Self::Here { start: place(start), end: place(start + name.len()) }
            }
            Cow::Owned(name) => Self::Unescaped(name.into()),
        }
    }

    fn in_text<'t>(&'t self, text: &'t str) -> &'t str {
        match self {
            Self::Here { start, end } => {
                text.get(*start as usize..*end as usize).unwrap_or_default()
            }
            Self::Unescaped(name) => name,
        }
    }
}

/// Opens one object or list: notes where its children are, and goes into none of them.
struct Open<'t> {
    text: &'t str,
}

impl<'de> Visitor<'de> for Open<'_> {
    type Value = Children;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Children, A::Error> {
        let mut entries = Vec::new();
        while let Some((Key(name), raw)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            entries.push((Name::of(name, self.text), Slot::of(raw, self.text)));
        }
        Ok(Children::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Children, A::Error> {
        let mut slots = Vec::new();
        while let Some(raw) = seq.next_element::<&'de RawValue>()? {
            slots.push(Slot::of(raw, self.text));
        }
        Ok(Children::List(slots))
    }
}

#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The text of a JSON string. A lone surrogate, which JSON allows and UTF-8 does not, leaves the
/// whole text as it was written.
fn unescape(source: &str) -> Cow<'_, str> {
    let inner = source.get(1..source.len().saturating_sub(1)).unwrap_or("");
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    match String::deserialize(&mut serde_json::Deserializer::from_str(source)) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Borrowed(inner),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &'static str) -> Json {
        Json::parse(Bytes::from_static(text.as_bytes())).unwrap()
    }

    #[test]
    fn values_are_read_where_they_stand() {
        let json = json(r#" {"a": {"b": [1.50, "x\n\u00e9", null, true]}, "c.d": -0} "#);
        let list = json.root().get("a").unwrap().get("b").unwrap();
        let values: Vec<Value> = list.elements().map(|node| node.value()).collect();
        let text = Value::Text(Cow::Borrowed("x\né"));
        assert_eq!(values, [Value::Number("1.50"), text, Value::Null, Value::Bool(true)]);
        assert_eq!(json.root().get("c.d").unwrap().value(), Value::Number("-0"));
        assert!(json.root().get("x").is_none());
        assert!(list.get("a").is_none());
        assert!(list.at(4).is_none());
    }

    #[test]
    fn of_two_members_of_one_name_the_last_counts() {
        let json = json(r#"{"a": 1, "\u0061": 2}"#);
        assert_eq!(json.root().get("a").unwrap().value(), Value::Number("2"));
    }

    #[test]
    fn the_whole_body_is_checked_not_only_what_is_read() {
        for wrong in [r#"{"a":1,"b":}"#, r#"{"a":1} x"#, "", "{", r#"{"a":01}"#, "nul"] {
            assert!(Json::parse(Bytes::from(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(Json::parse(Bytes::from_static(b"\"\xff\"")).unwrap_err(), NotJson::NotUtf8(1));
    }

    #[test]
    fn a_name_that_is_no_text_hides_its_siblings_and_does_not_make_the_body_unreadable() {
        let json = json(r#"{"\ud800": 1, "a": 2}"#);
        assert!(json.root().is_empty());
        assert_eq!(json.root().source(), json.text());
    }

    #[test]
    fn a_very_deep_document_neither_overflows_nor_panics() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        let json = Json::parse(Bytes::from(deep)).unwrap();
        let mut node = json.root();
        let mut depth = 0;
        while let Some(inner) = node.at(0) {
            node = inner;
            depth += 1;
        }
        assert_eq!(depth, DEPTH_MAX);
    }
}
