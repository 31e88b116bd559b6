//! `tests:` of the rule file: which event, what must come of it?

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::book::{Book, TreeId};
use super::edit;
use super::examine::{self, Known};
use super::file::{TestEvent, TestSettings};
use super::placed::Placed;
use crate::model::{Fault, Headers};
use crate::sources::Sample;

/// Among so many rules no name is looked for that was meant.
const COMPARED_MAX: usize = 1000;
/// The largest event of a test, in bytes.
const EVENT_MAX: u64 = 25 << 20;

/// One entry of `tests:`.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// A sentence.
    pub name: String,
    /// Where it stands, for the report: `rules.yaml:54`.
    pub place: String,
    /// The source that the event comes from.
    pub source: String,
    /// Its kind; of a signed one, what it must turn out to be.
    pub kind: Option<String>,
    /// Its headers, a sample's own included; names in lower case.
    pub headers: Headers,
    /// When it comes; `None` for the present.
    pub now: Option<Timestamp>,
    /// Whether it is signed, verified, and read from headers and body alone.
    pub signed: bool,
    /// Its body, `set` and `unset` applied, or why its file cannot be read. Without those, what the
    /// file or the sample holds, byte for byte.
    pub body: Result<String, String>,
    /// What must come of it: each expected message as a partial view of `{rule, state, number,
    /// type, …}`, with the texts that it `contains` and the whole request that it is `exactly`;
    /// empty means no message.
    pub expect: Vec<BTreeMap<String, Value>>,
}

/// What is around all tests of a file.
pub(super) struct Around<'a> {
    /// The names of all sources.
    pub(super) sources: &'a [String],
    /// All rules.
    pub(super) rules: &'a Known<'a>,
    /// The folder of the file in which they stand.
    pub(super) folder: &'a Path,
}

/// Reads one test's event and makes its changes.
pub(super) fn case(
    book: &mut Book,
    id: TreeId,
    test: Placed<TestSettings>,
    around: &Around<'_>,
) -> Option<TestCase> {
    let Placed { path, value: test } = test;
    let known = examine::known_source(book, id, &path, &test.source, around.sources);
    known_rules(book, id, &path, &test, around.rules);
    let Some(event) = &test.event else {
        let fault =
            Fault::error(format!("{path}.event"), "missing-key", "the key `event` is missing");
        book.fault(id, fault.help("add `event: { sample: … }` or `event: { file: … }`"));
        return None;
    };
    let event_path = format!("{path}.event");
    let body = match body(book, id, &event_path, event, around.folder) {
        // What a test is played with may stay at home: a server does without.
        Err(fault) if fault.code == "event-file" => {
            let message = fault.message.clone();
            book.fault(id, fault.under(&event_path));
            Ok(Err(message))
        }
        Err(fault) => Err(fault),
        Ok(body) => Ok(Ok(body)),
    };
    match body {
        Ok(body) => known.then(|| {
            // A request says its kind itself.
            let of_sample = sample_of(event).filter(|_| !test.signed);
            let of_sample = of_sample.map(|sample| sample.kind.to_owned());
            TestCase {
                place: book.place(id, &path),
                headers: headers(&test, event),
                now: test.now,
                signed: test.signed,
                kind: test.kind.clone().or(of_sample),
                name: test.name.clone(),
                source: test.source.clone(),
                body,
                expect: test.expect.iter().map(as_map).collect(),
            }
        }),
        Err(fault) => {
            book.fault(id, fault.under(&event_path));
            None
        }
    }
}

/// A rule that no file has makes no message: the test can only fail.
fn known_rules(book: &mut Book, id: TreeId, path: &str, test: &TestSettings, rules: &Known<'_>) {
    for (index, expected) in test.expect.iter().enumerate() {
        let Some(rule) = expected.rule.as_ref().filter(|rule| !rules.has_rule(rule)) else {
            continue;
        };
        let at = format!("{path}.expect[{index}].rule");
        let fault = Fault::warning(at, "unknown-rule", format!("there is no rule `{rule}`"));
        let help = if rules.rule_names().len() > COMPARED_MAX {
            "name a rule of this file, or of one that it includes".to_owned()
        } else {
            let names: Vec<&str> = rules.rule_names().collect();
            super::read::allowed_or_nearest(rule, &names)
        };
        book.fault(id, fault.help(help));
    }
}

/// A sample's own headers and the test's, which win.
fn headers(test: &TestSettings, event: &TestEvent) -> Headers {
    let mut headers: BTreeMap<String, String> = sample_of(event)
        .iter()
        .flat_map(|sample| sample.headers)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    headers.extend(test.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())));
    headers.into_iter().collect()
}

fn as_map(expected: &super::file::Expected) -> BTreeMap<String, Value> {
    match serde_json::to_value(expected) {
        Ok(Value::Object(map)) => map.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

fn sample_of(event: &TestEvent) -> Option<&'static Sample> {
    let (preset, kind) = event.sample.as_deref()?.split_once('/')?;
    crate::sources::sample(preset, kind)
}

fn body(
    book: &mut Book,
    id: TreeId,
    path: &str,
    event: &TestEvent,
    folder: &Path,
) -> Result<String, Fault> {
    let text = match (&event.file, &event.sample, &event.body) {
        (Some(file), None, None) => {
            let whole = folder.join(file);
            book.watch(&whole);
            from_file(&whole, file)?
        }
        (None, Some(name), None) => from_sample(name)?,
        (None, None, Some(_)) => {
            let body = book.node(id, &format!("{path}.body")).map(super::scalar::as_json);
            body.unwrap_or_default().to_string()
        }
        _ => {
            return Err(Fault::error("", "event", "a test's event is either a file or a sample")
                .help("write one of `file:`, `sample:` and `body:`"));
        }
    };
    let mut body: Value = serde_json::from_str(&text).map_err(|error| {
        let name = event.file.as_ref().or(event.sample.as_ref()).map_or("", String::as_str);
        let message = format!("`{name}` cannot be read: it is not JSON: {error}");
        if event.sample.is_some() {
            Fault::error("sample", "event", message)
        } else {
            Fault::warning("file", "event-file", message)
        }
    })?;
    if event.set.is_empty() && event.unset.is_empty() {
        return Ok(text);
    }
    for key in event.set.keys() {
        let node = book.node(id, &format!("{path}.set.{key}"));
        let value = node.map_or(Value::Null, super::scalar::as_json);
        edit::set(&mut body, key, value).map_err(|why| {
            Fault::error(format!("set.{key}"), "event", why).help("name a path of the event's body")
        })?;
    }
    for (index, key) in event.unset.iter().enumerate() {
        edit::unset(&mut body, key).ok_or_else(|| {
            let message = format!("the event has no `{key}` to remove");
            Fault::error(format!("unset[{index}]"), "event", message)
        })?;
    }
    Ok(body.to_string())
}

fn from_file(path: &Path, name: &str) -> Result<String, Fault> {
    let wrong = |why: String| {
        Fault::warning("file", "event-file", format!("`{name}` cannot be read: {why}"))
            .help("a relative path starts at the folder of the rule file")
    };
    let about = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if !about.is_file() || about.len() > EVENT_MAX {
        return Err(wrong("it is no file, or larger than 25 MiB".to_owned()));
    }
    std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))
}

fn from_sample(wanted: &str) -> Result<String, Fault> {
    let sample =
        wanted.split_once('/').and_then(|(preset, kind)| crate::sources::sample(preset, kind));
    let Some(sample) = sample else {
        let all: Vec<String> = crate::sources::samples()
            .iter()
            .map(|sample| format!("{}/{}", sample.preset, sample.kind))
            .collect();
        let known: Vec<&str> = all.iter().map(String::as_str).collect();
        return Err(Fault::error("sample", "event", format!("there is no sample `{wanted}`"))
            .help(super::read::allowed_or_nearest(wanted, &known)));
    };
    Ok(sample.body.to_owned())
}
