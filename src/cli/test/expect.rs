//! Is what was made what the test expects, and if not, what is the difference?

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::admin::{Numbers, message_json};
use crate::model::Message;

/// One expected message: field by field.
pub(super) type Expected = BTreeMap<String, Value>;

/// What is not as expected.
#[derive(Debug)]
pub(super) enum Miss {
    /// A message was expected and is not there.
    NotMade(Expected),
    /// A message is there and was not expected: its rule, its state and what would be sent.
    NotExpected(Value),
    /// A message is not as it should be.
    Different {
        /// The rule that made it.
        rule: String,
        /// Field by field.
        fields: Vec<Difference>,
    },
}

/// One field that is not as expected.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) field: String,
    pub(super) sort: Sort,
    /// `null` if nothing was expected.
    pub(super) expected: Value,
    /// `null` if it is not there.
    pub(super) got: Value,
}

/// How a field was to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Equal,
    Contain,
}

/// Compares in any order: as many expected messages as can be are paired with one that fits, and
/// each of the others with the one that comes nearest.
pub(super) fn misses(made: &[Message], expected: &[Expected]) -> Vec<Miss> {
    let made: Vec<Value> =
        made.iter().map(|message| message_json(message, Numbers::Full)).collect();
    let table: Vec<Vec<Vec<Difference>>> = expected
        .iter()
        .map(|wanted| made.iter().map(|message| differences(message, wanted)).collect())
        .collect();
    let mut pairs = fitting(&table, made.len());
    let mut misses = Vec::new();
    for (index, (wanted, row)) in expected.iter().zip(table).enumerate() {
        if pairs.contains(&Some(index)) {
            continue;
        }
        let near = row.into_iter().enumerate().filter(|(place, fields)| {
            pairs.get(*place) == Some(&None) && !fields.iter().any(|it| it.field == "rule")
        });
        match near.min_by_key(|(_, fields)| fields.len()) {
            Some((place, fields)) => {
                if let Some(pair) = pairs.get_mut(place) {
                    *pair = Some(index);
                }
                let rule = text_of(made.get(place).and_then(|message| message.get("rule")));
                misses.push(Miss::Different { rule, fields });
            }
            None => misses.push(Miss::NotMade(wanted.clone())),
        }
    }
    let alone = made.into_iter().zip(pairs).filter(|(_, pair)| pair.is_none());
    misses.extend(alone.map(|(message, _)| Miss::NotExpected(message)));
    misses
}

/// For each message that was made, the expected one that it fits: as many pairs as there can be.
fn fitting(table: &[Vec<Vec<Difference>>], made: usize) -> Vec<Option<usize>> {
    let mut pairs = vec![None; made];
    for index in 0..table.len() {
        let mut tried = vec![false; made];
        settle(index, table, &mut pairs, &mut tried);
    }
    pairs
}

/// Finds a message for the `index`-th expected one, if others can give way (Kuhn's algorithm).
fn settle(
    index: usize,
    table: &[Vec<Vec<Difference>>],
    pairs: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for (place, fields) in table[index].iter().enumerate() {
        if !fields.is_empty() || tried[place] {
            continue;
        }
        tried[place] = true;
        if pairs[place].is_none_or(|other| settle(other, table, pairs, tried)) {
            pairs[place] = Some(index);
            return true;
        }
    }
    false
}

/// Each field of `expected` that the message, as JSON, does not have so.
fn differences(message: &Value, expected: &Expected) -> Vec<Difference> {
    let nothing = Map::new();
    let request = message.get("request").and_then(Value::as_object).unwrap_or(&nothing);
    let mut named = request.clone();
    if !request.is_empty() {
        // The request of a text has no `type`.
        named.entry("type").or_insert_with(|| "text".into());
    }
    let mut found = Vec::new();
    for (field, wanted) in expected {
        match field.as_str() {
            "contains" => found.extend(lacking(request, wanted)),
            "exactly" => found.extend(unlike(request, wanted)),
            field => {
                let got = seen(message, &named, field);
                found.extend(differs(field, Some(wanted), got));
            }
        }
    }
    found
}

/// A field as it is named in a test.
fn seen<'m>(message: &'m Value, request: &'m Map<String, Value>, field: &str) -> Option<&'m Value> {
    match field {
        "rule" | "state" | "reason" => message.get(field),
        field => request.get(field),
    }
}

fn differs(field: &str, wanted: Option<&Value>, got: Option<&Value>) -> Option<Difference> {
    let text = |value: &Value| match value {
        // A block of text in the rule file ends in a line break, a message does not.
        Value::String(text) if field == "message" => Value::from(text.trim_end()),
        other => other.clone(),
    };
    let show = |value: Option<&Value>| value.map(text).unwrap_or_default();
    let (expected, got) = (show(wanted), show(got));
    let sort = Sort::Equal;
    (expected != got).then(|| Difference { field: field.to_owned(), sort, expected, got })
}

fn lacking(request: &Map<String, Value>, wanted: &Value) -> Vec<Difference> {
    let message = text_of(request.get("message"));
    let texts = wanted.as_array().into_iter().flatten();
    let absent = texts.filter(|text| !message.contains(text.as_str().unwrap_or_default().trim()));
    let difference = |text: &Value| Difference {
        field: "message".to_owned(),
        sort: Sort::Contain,
        expected: text.clone(),
        got: Value::from(message.as_str()),
    };
    absent.map(difference).collect()
}

/// Where the whole request is another one.
fn unlike(request: &Map<String, Value>, wanted: &Value) -> Vec<Difference> {
    let nothing = Map::new();
    let wanted = wanted.as_object().unwrap_or(&nothing);
    let added = request.keys().filter(|name| !wanted.contains_key(*name));
    let names = wanted.keys().chain(added);
    names.filter_map(|name| differs(name, wanted.get(name), request.get(name))).collect()
}

fn text_of(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}
