//! Do the paths of a rule exist in the built-in events of its sender?
//!
//! A sample shows less than senders send, so a path that none has is only worth a warning; one
//! that differs by a letter from a field that is there is surely a slip.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::LazyLock;

use serde_json::Value;

use super::book::{Book, TreeId};
use super::compose::{Composed, Place};
use crate::expr::{Each, Json, Scope};
use crate::model::{Fault, Severity};
use crate::rules::Matcher;
use crate::sources::{self, Sample, Source};

/// Objects whose keys are the user's own.
const FREE_FORM: [&str; 5] = ["metadata", "client_payload", "inputs", "labels", "custom_fields"];
/// A shorter name is near to too many others.
const NEAR_FROM: usize = 5;

/// All samples, read once: there may be very many rules.
static SAMPLES: LazyLock<Vec<(&'static Sample, Value, Json)>> = LazyLock::new(|| {
    let read = |sample: &'static Sample| {
        let json = sample.event()?;
        Some((sample, serde_json::from_str(json.text()).ok()?, json))
    };
    sources::samples().iter().filter_map(read).collect()
});

/// What a rule reads.
pub(super) struct Said<'r> {
    pub(super) matcher: &'r Matcher,
    pub(super) each: Option<&'r Each>,
    pub(super) sends: &'r [Composed],
}

/// So many stages and, on each, so many answers are kept.
const KEPT_MAX: usize = 1000;

/// The stages of all rules: those for the same kinds of the same source share one.
#[derive(Default)]
pub(super) struct Stages<'s> {
    by_kinds: RefCell<HashMap<Wants, Option<Rc<Stage<'s>>>>>,
}

/// A rule's source and kinds.
type Wants = (String, Vec<String>);

impl<'s> Stages<'s> {
    /// The stage of a rule; `None` if there is no sample for it.
    pub(super) fn of(&self, source: &'s Source, matcher: &Matcher) -> Option<Rc<Stage<'s>>> {
        let key = (matcher.source.clone(), matcher.kinds.clone());
        if let Some(known) = self.by_kinds.borrow().get(&key) {
            return known.clone();
        }
        let stage = Stage::of(source, matcher).map(Rc::new);
        let mut kept = self.by_kinds.borrow_mut();
        if kept.len() < KEPT_MAX {
            kept.insert(key, stage.clone());
        }
        stage
    }
}

/// The samples that a rule would see.
pub(super) struct Stage<'s> {
    source: &'s Source,
    preset: &'s str,
    /// What was said of a path before, and whether it was needed.
    judged: RefCell<HashMap<(String, bool), Option<Fault>>>,
    bodies: Vec<&'static (&'static Sample, Value, Json)>,
    /// Whether each kind that the rule names has a sample.
    complete: bool,
}

/// What a sample has at a path.
enum Found {
    /// Something, or nothing that could be said.
    Maybe,
    /// Nothing; these are there instead.
    Absent(Vec<String>),
}

/// Tells which paths of a rule no sample has, and which literals are of another type there.
pub(super) fn rule(book: &mut Book, place: Place<'_>, stage: &Stage<'_>, said: &Said<'_>) {
    let Said { matcher, each, sends } = *said;
    let Place { id, path } = place;
    for wanted in matcher.pattern.paths() {
        let segments: Vec<&str> = wanted.split('.').collect();
        let mut fault = stage.judge(wanted, &segments, true);
        if let Some(fault) = fault.as_mut().filter(|fault| fault.severity == Severity::Warning) {
            fault.help = Some("compare it with a real event: `kabari explain`".to_owned());
        }
        book.faults_at(id, &format!("{path}.match.{wanted}"), fault);
    }
    for read in matcher.when.iter().flat_map(crate::expr::Condition::reads) {
        let fault = stage.judge_read(&read.path, false);
        book.faults_at(id, &format!("{path}.when"), fault.map(|fault| fault.at(read.range)));
    }
    for read in each.iter().flat_map(|each| each.reads()) {
        let fault = stage.judge_read(&read.path, true);
        book.faults_at(id, &format!("{path}.each"), fault.map(|fault| fault.at(read.range)));
    }
    for composed in sends {
        for (field, read) in composed.send.reads() {
            if let Some(fault) = stage.judge_read(&read.path, read.needed) {
                composed.tell(book, place, fault.under(field).at(read.range));
            }
        }
    }
    stage.types(book, id, path, matcher);
}

/// The same for the names that it gives.
pub(super) fn names(book: &mut Book, place: Place<'_>, stage: &Stage<'_>, scope: &Scope<'_>) {
    let Place { id, path } = place;
    for (name, read) in scope.reads() {
        let fault = stage.judge_read(&read.path, false);
        let at = format!("{path}.let.{name}");
        book.faults_at(id, &at, fault.map(|fault| fault.at(read.range)));
    }
}

impl<'s> Stage<'s> {
    fn of(source: &'s Source, matcher: &Matcher) -> Option<Self> {
        let preset = source.preset()?;
        let all = || SAMPLES.iter().filter(|(sample, ..)| sample.preset == preset);
        let wants = |sample: &Sample| {
            matcher.kinds.is_empty()
                || matcher.kinds.iter().any(|kind| source.kind_matches(kind, sample.kind))
        };
        let bodies: Vec<_> = all().filter(|(sample, ..)| wants(sample)).collect();
        let has_sample =
            |kind: &String| all().any(|(sample, ..)| source.kind_matches(kind, sample.kind));
        let complete = !matcher.kinds.is_empty() && matcher.kinds.iter().all(has_sample);
        (!bodies.is_empty()).then_some(Self {
            source,
            preset,
            judged: RefCell::default(),
            bodies,
            complete,
        })
    }

    /// A path as a template reads it.
    fn judge_read(&self, path: &str, needed: bool) -> Option<Fault> {
        let segments = segments(path.strip_prefix("event")?)?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        self.judge(path, &segments, needed)
    }

    fn judge(&self, path: &str, segments: &[&str], needed: bool) -> Option<Fault> {
        let key = (path.to_owned(), needed);
        if let Some(said) = self.judged.borrow().get(&key) {
            return said.clone();
        }
        let said = self.judge_anew(path, segments, needed);
        let mut judged = self.judged.borrow_mut();
        if judged.len() < KEPT_MAX {
            judged.insert(key, said.clone());
        }
        said
    }

    fn judge_anew(&self, path: &str, segments: &[&str], needed: bool) -> Option<Fault> {
        let mut beside = BTreeSet::new();
        for (_, body, _) in &self.bodies {
            match find(body, segments) {
                Found::Maybe => return None,
                Found::Absent(keys) => beside.extend(keys),
            }
        }
        let near = beside.iter().find(|key| segments.iter().any(|segment| is_slip(segment, key)));
        let message = format!("no sample of {} has `{path}`", self.preset);
        match near {
            Some(near) => Some(
                Fault::error("", "unknown-path", message).help(format!("did you mean `{near}`?")),
            ),
            None if needed && self.complete => {
                let help = "compare it with a real event (`kabari explain`), and write \
                            `| default(\"…\")` where it may be missing";
                Some(Fault::warning("", "unknown-path", message).help(help))
            }
            None => None,
        }
    }

    /// Literals of another type than the sender writes can never match.
    fn types(&self, book: &mut Book, id: TreeId, path: &str, matcher: &Matcher) {
        let mut suspects: Option<Vec<(String, String, String)>> = None;
        for (.., json) in &self.bodies {
            let here = matcher.pattern.mistyped(json.root());
            let here: Vec<_> = here.into_iter().map(|(at, a, b)| (at.to_owned(), a, b)).collect();
            // It is one only if no sample has the type that is wanted.
            suspects = Some(match suspects {
                None => here,
                Some(before) => {
                    before.into_iter().filter(|it| here.iter().any(|h| h.0 == it.0)).collect()
                }
            });
            if suspects.as_ref().is_some_and(Vec::is_empty) {
                return;
            }
        }
        for (wanted, wants, saw) in suspects.unwrap_or_default() {
            let name = self.source.name();
            let message = format!("{name} writes {saw} there, and {wants} never equals it");
            let help = "a text stands in quotes, a number and true or false without";
            let fault = Fault::warning("", "literal-type", message).help(help);
            book.faults_at(id, &format!("{path}.match.{wanted}"), Some(fault));
        }
    }
}

/// The names in `.a["b"][0].c`; `None` if it is more than names and places.
pub(super) fn segments(mut rest: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            found.push(after[..end].trim().to_owned());
            rest = &after[end..];
        } else {
            let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
            let name = ['"', '\''].iter().find_map(|quote| {
                inside.strip_prefix(*quote).and_then(|inner| inner.strip_suffix(*quote))
            });
            match name {
                Some(name) => found.push(name.to_owned()),
                // An element of a list: any will do.
                None => inside.trim().parse::<i64>().ok().map(|_| ())?,
            }
            rest = after;
        }
    }
    Some(found)
}

fn find(body: &Value, segments: &[&str]) -> Found {
    let mut node = body;
    let mut holder = "";
    for (place, segment) in segments.iter().enumerate() {
        while let Value::Array(items) = node {
            let Some(first) = items.first() else { return Found::Maybe };
            node = first;
        }
        let Value::Object(members) = node else { return Found::Maybe };
        // A key with dots in it stands for several parts.
        let joined = members.keys().any(|key| key.contains('.') && key.starts_with(segment));
        match members.get(*segment) {
            Some(next) => (node, holder) = (next, segment),
            None if joined || members.is_empty() || FREE_FORM.contains(&holder) => {
                return Found::Maybe;
            }
            None => {
                let wanted = segments.get(place..=place).unwrap_or_default();
                let near = |key: &&String| wanted.iter().any(|segment| is_slip(segment, key));
                return Found::Absent(members.keys().filter(near).cloned().collect());
            }
        }
    }
    Found::Maybe
}

/// Whether one letter is too many, missing, wrong or in the wrong place; a plural is another word.
pub(super) fn is_slip(written: &str, known: &str) -> bool {
    written.chars().count().min(known.chars().count()) >= NEAR_FROM
        && strsim::osa_distance(written, known) == 1
        && !known.starts_with(written)
        && !written.starts_with(known)
}
