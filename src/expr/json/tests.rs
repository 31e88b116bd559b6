//! Is it read as `serde_json` reads it?

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
        let mut backwards: Vec<&str> = root.elements().rev().map(|node| node.source()).collect();
        backwards.reverse();
        let by_place: Vec<&str> = (0..).map_while(|at| root.at(at)).map(|it| it.source()).collect();
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
    let mut bodies: Vec<Vec<u8>> = files.map(|file| std::fs::read(file.path()).unwrap()).collect();
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
    "E", "+", " ", "\n", "\t", "\r", "\u{c}", "\u{1f}", "\u{0}", "true", "false", "null", "nul",
    "\"a\"", "\"a\":", "[]", "{}", "é", "\u{7f}", "a",
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
