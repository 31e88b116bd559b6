//! What does an unquoted word mean, and where would YAML damage it?

use serde_json::Value;

use super::node::{Comment, Content, Node, Origin, Scalar, Style};
use super::text::FileText;

/// What an unquoted scalar is when any type is welcome.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plain<'s> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'s str),
}

/// A plain scalar that would not be what was written.
pub(super) struct Damage {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: String,
}

impl Damage {
    fn quote(message: String, scalar: &Scalar) -> Self {
        let help = format!("put it in quotes: \"{}\"", scalar.text);
        Self { code: "yaml-type", message, help }
    }
}

/// The scalar where a text is meant.
pub(super) fn as_text(scalar: &Scalar) -> Result<&str, Damage> {
    let text = scalar.text.as_str();
    if scalar.style != Style::Plain || scalar.origin != Origin::Written {
        return Ok(text);
    }
    if text.is_empty() {
        let message = "there is no value here, and a text is needed".to_owned();
        let help = "write the text, or remove the key".to_owned();
        return Err(Damage { code: "yaml-null", message, help });
    }
    if let Some(damage) = cut(scalar).or_else(|| changed_number(scalar)) {
        return Err(damage);
    }
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "~" | "null" => Err(Damage::quote(format!("`{text}` means no value in YAML"), scalar)),
        "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" => {
            Err(Damage::quote(format!("`{text}` means true or false in YAML"), scalar))
        }
        _ if exponent(text) => {
            Err(Damage::quote(format!("`{text}` is a number with an exponent in YAML"), scalar))
        }
        _ => Ok(text),
    }
}

/// The scalar where anything is welcome.
pub(super) fn as_any(scalar: &Scalar) -> Result<Plain<'_>, Damage> {
    let text = scalar.text.as_str();
    if scalar.style != Style::Plain || scalar.origin != Origin::Written {
        return Ok(Plain::Text(text));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Plain::Null),
        "true" | "True" | "TRUE" => return Ok(Plain::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Plain::Bool(false)),
        _ => {}
    }
    if let Some(damage) = changed_number(scalar) {
        return Err(damage);
    }
    if !numeric(text) {
        return cut(scalar).map_or(Ok(Plain::Text(text)), Err);
    }
    if let Ok(number) = text.parse() {
        return Ok(Plain::Unsigned(number));
    }
    if let Ok(number) = text.parse() {
        return Ok(Plain::Signed(number));
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && digits <= 15 && !exponent(text) => {
            Ok(Plain::Float(number))
        }
        _ => Err(Damage::quote(
            format!("`{text}` is a number that YAML would not keep as it is written"),
            scalar,
        )),
    }
}

/// An unquoted number as it is written, where every digit counts.
pub(super) fn exact_number(scalar: &Scalar) -> Result<Option<&str>, Damage> {
    let text = scalar.text.as_str();
    if scalar.style != Style::Plain || scalar.origin != Origin::Written || !numeric(text) {
        return Ok(None);
    }
    if let Some(damage) = changed_number(scalar) {
        return Err(damage);
    }
    if exponent(text) {
        let message = format!("`{text}` is a number with an exponent in YAML");
        let help = format!("write the number without one, or, if it is a text, \"{text}\"");
        return Err(Damage { code: "yaml-type", message, help });
    }
    Ok(Some(text))
}

/// A node as JSON. A number that would not print as it is written stays a text.
pub(super) fn as_json(node: &Node) -> Value {
    match node.content() {
        Content::List(list) => list.iter().map(as_json).collect(),
        Content::Map(entries) => {
            entries.iter().map(|(key, value)| (key.text.clone(), as_json(value))).collect()
        }
        Content::Scalar(scalar) => match as_any(scalar) {
            Ok(Plain::Null) => Value::Null,
            Ok(Plain::Bool(truth)) => truth.into(),
            Ok(Plain::Unsigned(number)) => number.into(),
            Ok(Plain::Signed(number)) => number.into(),
            Ok(Plain::Float(number)) if number.to_string() == scalar.text => number.into(),
            _ => scalar.text.clone().into(),
        },
    }
}

/// A comment behind a plain text on the same line.
pub(super) fn comment_after(text: &FileText, end: usize) -> Option<Box<Comment>> {
    // Nearly always the line ends here.
    let after = text.text.as_bytes().get(end)?;
    if ![b' ', b'\t'].contains(after) {
        return None;
    }
    let line = text.line_range(text.line_of(end))?;
    let rest = text.text.get(end..line.end)?;
    let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let comment = rest[blank..].strip_prefix('#').filter(|_| blank > 0)?;
    let glued = !(comment.is_empty() || comment.starts_with([' ', '\t', '#']));
    Some(Box::new(Comment { span: end + blank..line.end, glued }))
}

/// ` #` behind a plain text: a comment is written `# so`, so `#42` surely belongs to the text.
fn cut(scalar: &Scalar) -> Option<Damage> {
    scalar.comment.as_ref()?;
    Some(Damage {
        code: "yaml-comment",
        message: format!("` #` starts a comment: the text would be just \"{}\"", scalar.text),
        help: "put the text in quotes; a comment needs a space after its `#`".to_owned(),
    })
}

fn changed_number(scalar: &Scalar) -> Option<Damage> {
    let text = scalar.text.as_str();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if text.starts_with('+') && digits.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(Damage::quote(format!("`{text}` would lose its plus sign in YAML"), scalar));
    }
    (all_digits && digits.len() > 1 && digits.starts_with('0')).then(|| {
        Damage::quote(format!("`{text}` is a number in YAML and would lose its zero"), scalar)
    })
}

/// Whether YAML takes this for a decimal number.
fn numeric(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let first = digits.strip_prefix('.').unwrap_or(digits);
    first.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
        && text.parse::<f64>().is_ok()
}

fn exponent(text: &str) -> bool {
    numeric(text) && text.contains(['e', 'E'])
}
