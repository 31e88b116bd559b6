//! `tests:` of the rule file: which event, what must come of it?

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::edit;

use super::TestCase;
use super::book::{Book, TreeId};
use super::examine;
use super::file::{TestEvent, TestSettings};
use super::placed::Placed;
use crate::model::Fault;

/// The largest event of a test, in bytes.
const EVENT_MAX: u64 = 25 << 20;

/// What is around all tests of a file.
pub(super) struct Around<'a> {
    /// The names of all sources.
    pub(super) sources: &'a [String],
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
    let Some(event) = test.event else {
        let fault =
            Fault::error(format!("{path}.event"), "missing-key", "the key `event` is missing");
        book.fault(id, fault.help("add `event: { sample: … }` or `event: { file: … }`"));
        return None;
    };
    let event_path = format!("{path}.event");
    if let Some(file) = &event.file {
        book.watch(&around.folder.join(file));
    }
    match body(book, id, &event_path, &event, around.folder) {
        Ok(body) => known.then(|| TestCase {
            place: book.place(id, &path),
            name: test.name,
            source: test.source,
            kind: test.kind.or_else(|| kind_of_sample(&event)),
            body: body.to_string(),
            expect: test.expect.iter().map(as_map).collect(),
        }),
        Err(fault) => {
            book.fault(id, fault.under(&event_path));
            None
        }
    }
}

fn as_map(expected: &super::file::Expected) -> BTreeMap<String, Value> {
    match serde_json::to_value(expected) {
        Ok(Value::Object(map)) => map.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

fn kind_of_sample(event: &TestEvent) -> Option<String> {
    let (preset, kind) = event.sample.as_deref()?.split_once('/')?;
    crate::sources::sample(preset, kind).map(|sample| sample.kind.to_owned())
}

fn body(
    book: &Book,
    id: TreeId,
    path: &str,
    event: &TestEvent,
    folder: &Path,
) -> Result<Value, Fault> {
    let mut body = match (&event.file, &event.sample) {
        (Some(file), None) => from_file(&folder.join(file), file)?,
        (None, Some(name)) => from_sample(name)?,
        _ => {
            return Err(Fault::error("", "event", "a test's event is either a file or a sample")
                .help("write one of `file:` and `sample:`"));
        }
    };
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
    Ok(body)
}

fn from_file(path: &Path, name: &str) -> Result<Value, Fault> {
    let wrong = |why: String| {
        Fault::error("file", "event", format!("`{name}` cannot be read: {why}"))
            .help("a relative path starts at the folder of the rule file")
    };
    let about = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if !about.is_file() || about.len() > EVENT_MAX {
        return Err(wrong("it is no file, or larger than 25 MiB".to_owned()));
    }
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| wrong(format!("it is not JSON: {error}")))
}

fn from_sample(wanted: &str) -> Result<Value, Fault> {
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
    serde_json::from_str(sample.body).map_err(|error| {
        Fault::error("sample", "event", format!("the sample `{wanted}` is not JSON: {error}"))
    })
}
