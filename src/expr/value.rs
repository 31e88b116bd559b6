//! What can a value be while an expression is worked out?
//!
//! Values point into the event, the vars and the template; nothing is copied until it must change.
//! Undefined, null and "" are one thing from the start: [`Val::Missing`].

use std::borrow::Cow;
use std::rc::Rc;

use super::decimal::Decimal;
use super::{EvalError, Node, Value};
use crate::model::{Headers, mask_if_phone};

/// How long a value is shown in an error or by `explain`, in characters.
const SHOWN_MAX: usize = 60;

/// How many values a list of a template may hold in all, those of the lists in it included.
const VALUES_MAX: usize = 200_000;
/// How deep the lists of a template may be nested.
const NESTING_MAX: usize = 50;

/// Values that an expression put together. What is in it twice counts twice: it is printed twice.
#[derive(Debug)]
pub(super) struct Bundle<T> {
    items: Vec<T>,
    size: usize,
    depth: usize,
}

impl<T> std::ops::Deref for Bundle<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

/// One value.
#[derive(Clone, Debug)]
pub(super) enum Val<'a> {
    /// Undefined, null or "".
    Missing,
    Bool(bool),
    /// As it was written.
    Number(Cow<'a, str>),
    /// Foreign text, or (`safe`) the user's own and what a filter made fit.
    Text {
        text: Cow<'a, str>,
        safe: bool,
    },
    /// A list or object of the event.
    Node(Node<'a>),
    /// A list or map of `vars`.
    Own(&'a serde_json::Value),
    Headers(&'a Headers),
    List(Rc<Bundle<Val<'a>>>),
    Map(Rc<Bundle<(Cow<'a, str>, Val<'a>)>>),
}

impl<'a> Val<'a> {
    /// The user's own text; also "" is a value then.
    pub(super) fn safe(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text { text: text.into(), safe: true }
    }

    /// Somebody else's text; "" is missing.
    pub(super) fn foreign(text: impl Into<Cow<'a, str>>) -> Self {
        Self::text(text, false)
    }

    /// Text that is as safe as what it was made of.
    pub(super) fn text(text: impl Into<Cow<'a, str>>, safe: bool) -> Self {
        let text = text.into();
        if text.is_empty() && !safe { Self::Missing } else { Self::Text { text, safe } }
    }

    /// A list of its own.
    ///
    /// # Errors
    /// When it holds too much.
    pub(super) fn list(items: Vec<Self>) -> Result<Self, EvalError> {
        let (size, depth) = weigh(items.iter())?;
        Ok(Self::List(Rc::new(Bundle { items, size, depth })))
    }

    /// An object of its own.
    ///
    /// # Errors
    /// When it holds too much.
    pub(super) fn map(items: Vec<(Cow<'a, str>, Self)>) -> Result<Self, EvalError> {
        let (size, depth) = weigh(items.iter().map(|(_, value)| value))?;
        Ok(Self::Map(Rc::new(Bundle { items, size, depth })))
    }

    /// A number of our own.
    pub(super) fn number(number: impl ToString + Copy) -> Self {
        Self::Number(Cow::Owned(number.to_string()))
    }

    /// A number by its digits.
    pub(super) fn digits(digits: String) -> Self {
        Self::Number(Cow::Owned(digits))
    }

    /// A value of the event.
    pub(super) fn of_node(node: Node<'a>) -> Self {
        match node.value() {
            Value::Null => Self::Missing,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(text) => Self::Number(Cow::Borrowed(text)),
            Value::Text(text) => Self::foreign(text),
            Value::List | Value::Map => Self::Node(node),
        }
    }

    /// A value of `vars`.
    pub(super) fn of_own(value: &'a serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Missing,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => Self::Number(number.to_string().into()),
            serde_json::Value::String(text) if text.is_empty() => Self::Missing,
            serde_json::Value::String(text) => Self::safe(text),
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => Self::Own(value),
        }
    }

    /// Whether nothing is there, or only an "" that was asked for.
    pub(super) fn is_blank(&self) -> bool {
        matches!(self, Self::Missing) || matches!(self, Self::Text { text, .. } if text.is_empty())
    }

    /// What is at a dotted path: `author.name`, `items.0`.
    pub(super) fn path(&self, path: &str) -> Self {
        path.split('.').fold(self.clone(), |value, step| {
            let found = value.get(step);
            match step.parse() {
                Ok(place) if matches!(found, Self::Missing) => value.at(place),
                _ => found,
            }
        })
    }

    /// The same as somebody else's: the texts in it are foreign.
    pub(super) fn made_foreign(self) -> Result<Self, EvalError> {
        if let Self::Text { text, .. } = self {
            return Ok(Self::foreign(text));
        }
        if let Some(items) = self.elements() {
            let items: Result<_, _> = items.into_iter().map(Self::made_foreign).collect();
            return Self::list(items?);
        }
        let Some(entries) = self.entries() else { return Ok(self) };
        let entries = entries.into_iter().map(|(key, value)| Ok((key, value.made_foreign()?)));
        Self::map(entries.collect::<Result<_, EvalError>>()?)
    }

    /// How many elements, if this is a list.
    pub(super) fn elements_len(&self) -> Option<usize> {
        if self.type_name() == "list" { self.len() } else { None }
    }

    /// The member of this name. Headers do not mind capitals.
    pub(super) fn get(&self, key: &str) -> Self {
        match self {
            Self::Node(node) => node.get(key).map_or(Self::Missing, Self::of_node),
            Self::Own(value) => value.get(key).map_or(Self::Missing, Self::of_own),
            Self::Headers(headers) => {
                let value = headers.get(key).or_else(|| headers.get(&key.to_ascii_lowercase()));
                value.map_or(Self::Missing, Self::foreign)
            }
            Self::Map(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map_or(Self::Missing, |(_, value)| value.clone()),
            _ => Self::Missing,
        }
    }

    /// The element at this place; from the end if it is negative.
    pub(super) fn at(&self, index: i64) -> Self {
        let place = if index < 0 {
            self.len().and_then(|len| i64::try_from(len).ok()?.checked_add(index))
        } else {
            Some(index)
        };
        let Some(place) = place.and_then(|place| usize::try_from(place).ok()) else {
            return Self::Missing;
        };
        match self {
            Self::Node(node) => node.at(place).map_or(Self::Missing, Self::of_node),
            Self::Own(value) => value.get(place).map_or(Self::Missing, Self::of_own),
            Self::List(items) => items.get(place).cloned().unwrap_or(Self::Missing),
            Self::Text { text, safe } => match text.chars().nth(place) {
                Some(letter) => Self::text(letter.to_string(), *safe),
                None => Self::Missing,
            },
            _ => Self::Missing,
        }
    }

    /// How many characters, elements or members.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Self::Text { text, .. } => Some(text.chars().count()),
            Self::Node(node) => Some(node.len()),
            Self::Own(serde_json::Value::Array(items)) => Some(items.len()),
            Self::Own(serde_json::Value::Object(entries)) => Some(entries.len()),
            Self::Headers(headers) => Some(headers.len()),
            Self::List(items) => Some(items.len()),
            Self::Map(entries) => Some(entries.len()),
            Self::Missing | Self::Bool(_) | Self::Number(_) | Self::Own(_) => None,
        }
    }

    /// The elements, if this is a list.
    pub(super) fn elements(&self) -> Option<Vec<Self>> {
        match self {
            Self::Node(node) if node.value() == Value::List => {
                Some(node.elements().map(Self::of_node).collect())
            }
            Self::Own(serde_json::Value::Array(items)) => {
                Some(items.iter().map(Self::of_own).collect())
            }
            Self::List(items) => Some(items.to_vec()),
            _ => None,
        }
    }

    /// The members, if this is an object.
    pub(super) fn entries(&self) -> Option<Vec<(Cow<'a, str>, Self)>> {
        match self {
            Self::Node(node) if node.value() == Value::Map => Some(
                node.entries().map(|(key, value)| (key.into(), Self::of_node(value))).collect(),
            ),
            Self::Own(serde_json::Value::Object(entries)) => {
                Some(entries.iter().map(|(key, value)| (key.into(), Self::of_own(value))).collect())
            }
            Self::Headers(headers) => {
                let entries = headers.iter();
                Some(entries.map(|(key, value)| (key.into(), Self::foreign(value))).collect())
            }
            Self::Map(entries) => Some(entries.to_vec()),
            _ => None,
        }
    }

    /// The names of the members, if this is an object.
    pub(super) fn keys(&self) -> Vec<Cow<'a, str>> {
        self.entries().unwrap_or_default().into_iter().map(|(key, _)| key).collect()
    }

    /// Whether it counts as yes.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Missing => false,
            Self::Bool(value) => *value,
            Self::Number(text) => Decimal::parse(text).is_none_or(|number| !number.is_zero()),
            other => other.len().is_none_or(|len| len > 0),
        }
    }

    /// The word for its type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Bool(_) => "yes/no",
            Self::Number(_) => "number",
            Self::Text { .. } => "text",
            Self::List(_) | Self::Own(serde_json::Value::Array(_)) => "list",
            Self::Node(node) if node.value() == Value::List => "list",
            Self::Node(_) | Self::Own(_) | Self::Headers(_) | Self::Map(_) => "object",
        }
    }

    /// What is printed, markup and all; `None` if it is missing. A list that is longer than any text
    /// may be is cut somewhere behind that length.
    pub(super) fn shown(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Missing => None,
            Self::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Self::Number(text) | Self::Text { text, .. } => Some(text.clone()),
            Self::Node(node) => Some(Cow::Borrowed(node.source())),
            _ => Some(Cow::Owned(self.to_json())),
        }
    }

    /// Whether what is printed needs no neutralising.
    pub(super) fn is_safe(&self) -> bool {
        match self {
            Self::Missing | Self::Bool(_) | Self::Number(_) => true,
            Self::Text { safe, .. } => *safe,
            _ => false,
        }
    }

    /// The value for people: text in quotes, long ones cut.
    pub(super) fn show(&self) -> String {
        let text = match self {
            Self::Missing => return "missing".to_owned(),
            Self::Text { text, .. } => format!("{:?}", shortened(&mask_if_phone(text), SHOWN_MAX)),
            Self::Number(text) => mask_if_phone(text).into_owned(),
            Self::Bool(_) => self.shown().unwrap_or_default().into_owned(),
            other => format!("of {}", other.len().unwrap_or_default()),
        };
        shortened(&text, SHOWN_MAX + 2)
    }
}

/// How many values these are in all, and how deep they are nested.
fn weigh<'v, 'a: 'v>(
    values: impl Iterator<Item = &'v Val<'a>>,
) -> Result<(usize, usize), EvalError> {
    let (mut size, mut depth) = (0_usize, 1);
    for value in values {
        let (held, below) = match value {
            Val::List(list) => (list.size, list.depth),
            Val::Map(map) => (map.size, map.depth),
            _ => (0, 0),
        };
        size = size.saturating_add(held).saturating_add(1);
        depth = depth.max(below + 1);
    }
    if size > VALUES_MAX {
        return Err(EvalError::Other(format!("a list becomes longer than {VALUES_MAX} values")));
    }
    if depth > NESTING_MAX {
        let message = format!("lists are nested more than {NESTING_MAX} deep");
        return Err(EvalError::Other(message));
    }
    Ok((size, depth))
}

/// At most `max` characters, the last of them `…` if there were more.
pub(super) fn shortened(text: &str, max: usize) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}
