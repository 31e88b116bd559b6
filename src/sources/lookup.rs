//! Where in a request is its kind or its id?

use std::sync::Arc;

use crate::expr::{Escape, Facts, Json, Surroundings, Template, Value};
use crate::model::{Event, Fault};

/// How long a kind or an id may be, in bytes. A longer one is none.
const LONGEST: usize = 512;

/// A template; the two shapes that nearly all have are read without an engine.
#[derive(Clone, Debug)]
pub(super) enum Lookup {
    /// `{{ headers['x-github-event'] }}`
    Header(String),
    /// `{{ event.data.id }}`
    Path(Vec<String>),
    /// Anything else.
    Template(Template),
}

impl Lookup {
    /// Reads a template.
    pub(super) fn compile(text: &str) -> Result<Self, Vec<Fault>> {
        if let Some(simple) = simple(text) {
            return Ok(simple);
        }
        if let Some(name) = subtracted(text) {
            let wrong =
                format!("`headers.{name}` is a subtraction: a name may have no hyphen there");
            let help = format!("write `headers['{name}']`");
            return Err(vec![Fault::error("", "bad-header", wrong).help(help)]);
        }
        if !text.contains("{{") {
            let wrong = format!("`{text}` is the same for every event");
            let help = "write a template, as `\"{{ event.type }}\"` or `\"{{ headers['x-id'] }}\"`";
            return Err(vec![Fault::error("", "no-template", wrong).help(help)]);
        }
        Template::compile(text, Escape::None).map(Self::Template)
    }

    /// What is there, if it is something. Of a body that could not be read, only headers are there.
    pub(super) fn find(
        &self,
        event: &Event,
        json: Option<&Json>,
        around: &Arc<Surroundings>,
    ) -> Option<String> {
        let found = match self {
            Self::Header(name) => event.headers.get(name)?.to_owned(),
            Self::Path(path) => at(json?, path)?,
            Self::Template(template) => {
                let facts = Facts::new(event, json?.clone(), Arc::clone(around));
                template.render(&facts).ok()?
            }
        };
        let found = found.trim();
        (!found.is_empty() && found.len() <= LONGEST).then(|| found.to_owned())
    }
}

fn at(json: &Json, path: &[String]) -> Option<String> {
    let node = path.iter().try_fold(json.root(), |node, name| node.get(name))?;
    match node.value() {
        Value::Text(text) => Some(text.into_owned()),
        Value::Number(written) => Some(written.to_owned()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::List | Value::Map => None,
    }
}

/// The lookup of a template that is one path or one header and nothing else.
fn simple(text: &str) -> Option<Lookup> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    if let Some(path) = inner.strip_prefix("event.") {
        let names: Vec<String> = path.split('.').map(str::to_owned).collect();
        return names.iter().all(|name| is_name(name)).then_some(Lookup::Path(names));
    }
    let header = inner.strip_prefix("headers")?;
    if let Some(name) = header.strip_prefix('.') {
        return is_name(name).then(|| Lookup::Header(name.to_ascii_lowercase()));
    }
    let quoted = header.strip_prefix('[')?.strip_suffix(']')?.trim();
    let name = ['\'', '"']
        .into_iter()
        .find_map(|quote| quoted.strip_prefix(quote)?.strip_suffix(quote))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    name.bytes().all(plain).then(|| Lookup::Header(name.to_ascii_lowercase()))
}

/// The header whose name has a hyphen and no brackets, as in `headers.x-event-id`.
fn subtracted(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("headers.")?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c));
    let name = &rest[..end.unwrap_or(rest.len())];
    name.contains('-').then_some(name)
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_header_or_path_needs_no_engine() {
        for text in ["{{ headers['x-id'] }}", "{{headers[\"X-Id\"]}}"] {
            assert!(matches!(simple(text), Some(Lookup::Header(name)) if name == "x-id"), "{text}");
        }
        let Some(Lookup::Path(path)) = simple("{{ event.data.id }}") else { panic!() };
        assert_eq!(path, ["data", "id"]);
        for other in ["{{ event.a | lower }}", "x{{ event.a }}", "{{ event.a }}{{ event.b }}"] {
            assert!(simple(other).is_none(), "{other}");
        }
    }
}
