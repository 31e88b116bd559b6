//! How is an event's body read, without building a tree of it?
//!
//! The body is checked whole, once, and in the same pass it is noted where each value stands; no
//! text is copied and no number converted. A value keeps its place in the text, so a number is
//! printed as the sender wrote it.

mod scan;
mod tape;
mod text;

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use proptest::prelude::*;
    use proptest::sample::Index;
    use serde_json::value::RawValue;

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
    fn a_name_that_is_no_text_stays_as_written_and_its_siblings_are_read() {
        let json = json(r#"{"\ud800": 1, "a": 2}"#);
        let names: Vec<&str> = json.root().entries().map(|(name, _)| name).collect();
        assert_eq!(names, [r"\ud800", "a"]);
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

    #[test]
    fn lists_are_read_from_both_ends_and_at_any_place() {
        for text in ["[]", "[1]", "[1,2,3,4,5]", r#"[[1,2],{},[],{"a":[3]},"x",[[4]]]"#] {
            let json = Json::parse(Bytes::from(text)).unwrap();
            let root = json.root();
            let forwards: Vec<&str> = root.elements().map(|node| node.source()).collect();
            let mut backwards: Vec<&str> =
                root.elements().rev().map(|node| node.source()).collect();
            backwards.reverse();
            let by_place: Vec<&str> =
                (0..).map_while(|at| root.at(at)).map(|it| it.source()).collect();
            let by_serde: Vec<&RawValue> = serde_json::from_str(text).unwrap();
            assert_eq!(forwards, by_serde.iter().map(|raw| raw.get()).collect::<Vec<_>>());
            assert_eq!((backwards, root.len()), (forwards.clone(), forwards.len()));
            assert_eq!(by_place, forwards);
        }
    }

    /// Holds `text` against `serde_json`: whether it is taken, and where everything in it is.
    fn is_read_alike(text: &[u8]) {
        let shown = || String::from_utf8_lossy(text).into_owned();
        let ours = Json::parse(Bytes::copy_from_slice(text));
        let theirs = serde_json::from_slice::<&RawValue>(text);
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", shown());
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            is_the_same(ours.root(), theirs.get(), 0);
        } else if let (Err(NotJson::Syntax(ours)), Ok(text)) =
            (Json::parse(Bytes::copy_from_slice(text)), std::str::from_utf8(text))
        {
            let theirs = serde_json::from_str::<&RawValue>(text).unwrap_err();
            assert_eq!(ours, theirs.to_string(), "{}", shown());
        }
    }

    fn is_the_same(ours: Node<'_>, theirs: &str, depth: usize) {
        assert_eq!(ours.source(), theirs);
        if depth == DEPTH_MAX {
            return;
        }
        if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(theirs) {
            assert_eq!(ours.value(), Value::List);
            assert_eq!(ours.len(), list.len());
            for (ours, theirs) in ours.elements().zip(list) {
                is_the_same(ours, theirs.get(), depth + 1);
            }
        } else if let Ok(map) = serde_json::from_str::<BTreeMap<String, &RawValue>>(theirs) {
            assert_eq!(ours.value(), Value::Map);
            for (name, theirs) in &map {
                is_the_same(ours.get(name).unwrap(), theirs.get(), depth + 1);
            }
            assert!(ours.entries().all(|(name, _)| map.contains_key(name)));
        } else if let Ok(text) = serde_json::from_str::<String>(theirs) {
            assert_eq!(ours.value(), Value::Text(text.into()));
        }
    }

    /// Bodies as services send them, where they lie beside the project, and texts of every sort.
    fn bodies() -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/corpus");
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let files = files.filter(|file| file.path().extension().is_some_and(|end| end == "json"));
        let mut files: Vec<_> = files.map(|file| file.path()).collect();
        // The same case is the same body each time.
        files.sort_unstable();
        let mut bodies: Vec<Vec<u8>> =
            files.iter().map(|file| std::fs::read(file).unwrap()).collect();
        for text in [
            r#"{"a":[1,-0.5e+10,true,false,null,"é\n\u00e9\ud83d\ude00\\"],"b":{"c":{},"d":[[],[{}]]}}"#,
            "[0, 1.5, -1E-2, 10e3,\t\r\n{ \"a b\" : \"a text of more than sixteen bytes, and then some\" } ]",
            r#"{"\u0061":1,"a":{"a":2},"":[]}"#,
        ] {
            bodies.push(text.as_bytes().to_vec());
        }
        bodies
    }

    /// What JSON is made of, and what it is not.
    const PIECES: [&str; 36] = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "\\n", "0", "1", "-", ".", "e",
        "E", "+", " ", "\n", "\t", "\r", "\u{c}", "\u{1f}", "\u{0}", "true", "false", "null",
        "nul", "\"a\"", "\"a\":", "[]", "{}", "é", "\u{7f}", "a",
    ];

    #[test]
    fn every_body_and_every_beginning_of_it_is_read_as_serde_json_reads_it() {
        for body in bodies() {
            is_read_alike(&body);
            for end in 0..body.len().min(300) {
                is_read_alike(&body[..end]);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_spoilt_body_is_taken_or_refused_as_serde_json_does(
            body in any::<Index>(),
            spoils in prop::collection::vec((any::<Index>(), 0..3_usize, 0..PIECES.len(), any::<u8>()), 1..4),
        ) {
            let bodies = bodies();
            let mut body = body.get(&bodies).clone();
            for (place, removed, piece, byte) in spoils {
                let at = place.index(body.len());
                let end = (at + removed).min(body.len() - 1);
                let byte = [byte];
                let piece = if removed == 1 { &byte } else { PIECES[piece].as_bytes() };
                body.splice(at..end, piece.iter().copied());
            }
            is_read_alike(&body);
        }

        #[test]
        fn pieces_in_any_order_are_taken_or_refused_as_serde_json_does(
            pieces in prop::collection::vec(0..PIECES.len(), 0..12),
        ) {
            let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            is_read_alike(text.as_bytes());
            is_read_alike(format!("[{text}]").as_bytes());
            is_read_alike(format!("\"{text}\"").as_bytes());
            is_read_alike(format!("{{\"a\":{text}}}").as_bytes());
        }
    }
}
