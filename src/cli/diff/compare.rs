//! Which messages of one event are added, lost or changed?

use serde_json::{Map, Value, json};

use crate::admin::{Numbers, message_json};
use crate::model::Message;

/// A message that another rule file would make otherwise.
#[derive(Debug)]
pub(super) struct Change {
    /// The rule that makes it, as the new file names it.
    pub(super) rule: String,
    /// Whether it is in the old file's messages, the new one's, or both.
    pub(super) what: What,
    /// As it would be recorded, of both files if it is in both: the new one's.
    pub(super) message: Value,
    /// Only of a changed one: what differs, field by field.
    pub(super) fields: Vec<Field>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Added,
    Lost,
    Changed,
}

/// A field that differs; `null` where there is none.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) old: Value,
    pub(super) new: Value,
}

impl What {
    /// The word in JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Lost => "lost",
            Self::Changed => "changed",
        }
    }
}

/// What two rule files make of one event, side by side.
///
/// The same message is recognised by its id; one of the same send to somebody else is a change; and
/// one that is sent as it is by a rule of another name is one too.
pub(super) fn compare(old: &[Message], new: &[Message]) -> Vec<Change> {
    let mut lost: Vec<&Message> = old.iter().collect();
    let mut added: Vec<&Message> = new.iter().collect();
    let mut pairs = Vec::new();
    take_pairs(&mut lost, &mut added, &mut pairs, |a, b| a.id == b.id);
    take_pairs(&mut lost, &mut added, &mut pairs, |a, b| a.origin == b.origin);
    take_pairs(&mut lost, &mut added, &mut pairs, |a, b| {
        a.content.is_some() && a.content == b.content && a.recipient == b.recipient
    });
    let mut changes: Vec<Change> = pairs.into_iter().filter_map(|(a, b)| changed(a, b)).collect();
    changes.extend(lost.into_iter().map(|message| alone(What::Lost, message)));
    changes.extend(added.into_iter().map(|message| alone(What::Added, message)));
    changes
}

/// Moves those that belong together from both lists to the pairs.
fn take_pairs<'m>(
    lost: &mut Vec<&'m Message>,
    added: &mut Vec<&'m Message>,
    pairs: &mut Vec<(&'m Message, &'m Message)>,
    belong: impl Fn(&Message, &Message) -> bool,
) {
    lost.retain(|a| match added.iter().position(|b| belong(a, b)) {
        Some(place) => {
            pairs.push((a, added.remove(place)));
            false
        }
        None => true,
    });
}

fn alone(what: What, message: &Message) -> Change {
    let rule = message.origin.rule.clone();
    Change { rule, what, message: message_json(message, Numbers::Full), fields: Vec::new() }
}

fn changed(old: &Message, new: &Message) -> Option<Change> {
    let message = message_json(new, Numbers::Full);
    let (before, after) = (view(&message_json(old, Numbers::Full)), view(&message));
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let value = |map: &Map<String, Value>, name: &str| map.get(name).cloned().unwrap_or_default();
    let fields = names.map(|name| Field {
        name: name.clone(),
        old: value(&before, name),
        new: value(&after, name),
    });
    let fields: Vec<Field> = fields.filter(|field| field.old != field.new).collect();
    let rule = new.origin.rule.clone();
    (!fields.is_empty()).then_some(Change { rule, what: What::Changed, message, fields })
}

/// What of a message follows from the rules.
fn view(message: &Value) -> Map<String, Value> {
    let mut view = message["request"].as_object().cloned().unwrap_or_default();
    for name in ["rule", "state", "reason", "detail"] {
        view.insert(name.to_owned(), message[name].clone());
    }
    view
}

impl Change {
    /// For programs.
    pub(super) fn json(&self, numbers: Numbers) -> Value {
        let fields: Vec<Value> = self
            .fields
            .iter()
            .map(|field| {
                let show = |value| masked(&field.name, value, numbers);
                json!({ "field": field.name, "old": show(&field.old), "new": show(&field.new) })
            })
            .collect();
        json!({
            "what": self.what.as_str(),
            "rule": self.rule,
            "event": self.message["event"],
            "state": self.message["state"],
            "reason": self.message["reason"],
            "request": masked("", &self.message["request"], numbers),
            "fields": fields,
        })
    }
}

/// A value with a recipient's number masked, unless numbers are to be whole.
pub(in crate::cli) fn masked(field: &str, value: &Value, numbers: Numbers) -> Value {
    match value {
        Value::String(number) if field == "number" && numbers == Numbers::Masked => {
            crate::model::mask_number(number).into()
        }
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), masked(name, value, numbers)))
            .collect(),
        other => other.clone(),
    }
}
