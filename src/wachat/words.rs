//! What words does an answer hold, in whichever of the many shapes?

use serde_json::Value;

use crate::model::mask_number;

/// How many characters of Wachat's own words are kept.
const DETAIL_CHARS_MAX: usize = 200;
/// A run of at least so many digits is taken for a number and masked.
const NUMBER_DIGITS_MIN: usize = 7;
/// A message's text is recognised by so many of its first characters; what is shorter says nothing.
const ECHO_CHARS_MIN: usize = 12;
/// The fields in which gateways say what went wrong, outermost first. Others are not looked at:
/// they may echo the customer's own message.
const SPEAKING: [&str; 11] = [
    "error",
    "errors",
    "details",
    "detail",
    "message",
    "reason",
    "description",
    "code",
    "response",
    "exception",
    "status",
];
/// Inside an object or a list of one of these, anything short counts.
const DEPTH_MAX: usize = 6;

/// An answer's body, understood as far as it can be.
pub(super) struct Words {
    /// What it is.
    pub(super) shape: Shape,
    /// For the table: the speaking fields in lower case, addresses left out.
    pub(super) low: String,
    /// For people: the same shortened, numbers masked, addresses cut to their host.
    pub(super) shown: String,
}

/// What a body is.
#[derive(Debug)]
pub(super) enum Shape {
    /// Nothing.
    Empty,
    /// A web page: somebody in between answered.
    Page,
    /// It begins like JSON and is none.
    Broken,
    /// Words without JSON.
    Plain,
    /// JSON.
    Json(Value),
}

impl Words {
    /// Reads a body.
    pub(super) fn of(body: &str) -> Self {
        let body = body.trim_start_matches('\u{feff}').trim();
        let shape = shape(body);
        let said = match &shape {
            Shape::Json(value) => spoken(value),
            Shape::Page => untagged(body),
            Shape::Empty | Shape::Broken | Shape::Plain => body.to_owned(),
        };
        Self { shape, low: addresses(&said, |_| "…".into()).to_lowercase(), shown: shown(&said) }
    }
}

/// Words fit to be kept and shown: one line of at most 200 characters, numbers masked, addresses
/// cut to their host.
pub(super) fn shown(text: &str) -> String {
    let text = masked(&addresses(text, host_only));
    let mut words = String::new();
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.extend(word.chars().filter(|c| !c.is_control()));
    }
    if words.chars().count() > DETAIL_CHARS_MAX {
        words = words.chars().take(DETAIL_CHARS_MAX - 1).chain(['…']).collect();
    }
    words
}

/// Wachat's words without the message's own, which they may quote.
pub(super) fn without_echo(detail: String, text: Option<&str>) -> String {
    if detail.is_empty() {
        return detail;
    }
    let own = shown(text.unwrap_or_default());
    let own = own.trim_end_matches('…');
    let Some((end, _)) = own.char_indices().nth(ECHO_CHARS_MIN) else { return detail };
    let Some(at) = detail.find(&own[..end]) else { return detail };
    let (before, from) = detail.split_at(at);
    let echoed =
        from.chars().zip(own.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8());
    let after = &from[echoed.sum::<usize>()..];
    format!("{before}…{}", after.trim_start_matches('…'))
}

fn shape(body: &str) -> Shape {
    match body.bytes().next() {
        None => Shape::Empty,
        Some(b'<') => Shape::Page,
        Some(first) => match serde_json::from_str(body) {
            Ok(value) => Shape::Json(value),
            Err(_) if matches!(first, b'{' | b'[' | b'"') => Shape::Broken,
            Err(_) => Shape::Plain,
        },
    }
}

/// The texts of the speaking fields, once each.
fn spoken(value: &Value) -> String {
    let mut texts = Vec::new();
    match value {
        Value::Object(fields) => {
            for name in SPEAKING {
                if let Some(field) = fields.get(name) {
                    gather(field, DEPTH_MAX, &mut texts);
                }
            }
        }
        other => gather(other, DEPTH_MAX, &mut texts),
    }
    let mut once: Vec<String> = Vec::new();
    for text in texts {
        if !once.contains(&text) {
            once.push(text);
        }
    }
    once.join("; ")
}

fn gather(value: &Value, depth: usize, texts: &mut Vec<String>) {
    match value {
        _ if depth == 0 => {}
        Value::Null => {}
        Value::Bool(flag) => texts.push(flag.to_string()),
        Value::Number(number) => texts.push(number.to_string()),
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| gather(item, depth - 1, texts)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    // A flag says nothing without its name: `exists: false`.
                    Value::Bool(flag) => texts.push(format!("{name}: {flag}")),
                    Value::Number(number) => texts.push(format!("{name}: {number}")),
                    other => gather(other, depth - 1, texts),
                }
            }
        }
    }
}

/// What a person would read of a web page: its text without tags.
fn untagged(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in page.chars() {
        match c {
            '<' => {
                inside = true;
                text.push(' ');
            }
            '>' => inside = false,
            _ if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

/// `text` with each web address replaced: what is in one is somebody's file name, not a word of
/// the gateway's, and its query may be a secret.
fn addresses(text: &str, replacement: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("http://").into_iter().chain(rest.find("https://")).min() {
        let address = &rest[start..];
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | ',');
        let end = address.find(ends).unwrap_or(address.len());
        out.push_str(&rest[..start]);
        out.push_str(&replacement(&address[..end]));
        rest = &address[end..];
    }
    out + rest
}

fn host_only(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("https", address));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    if host.len() == rest.len() { address.to_owned() } else { format!("{scheme}://{host}/…") }
}

fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in text.chars().map(Some).chain([None]) {
        match c {
            Some(c) if c.is_ascii_digit() => digits.push(c),
            other => {
                if digits.len() < NUMBER_DIGITS_MIN {
                    out.push_str(&digits);
                } else {
                    out.push_str(&mask_number(&digits));
                }
                digits.clear();
                out.extend(other);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_quote_the_message_do_not_show_it() {
        let text = "Hi Anna,\nwe received *Rp 186.332*.";
        let quoted = |detail: &str| without_echo(detail.to_owned(), Some(text));
        let said = shown("cannot send: Hi Anna, we received *Rp 186.332*. (code 7)");
        assert_eq!(quoted(&said), "cannot send: … (code 7)");
        assert_eq!(quoted("cannot send: Hi Anna, we rec…"), "cannot send: …");
        assert_eq!(quoted("cannot send: Hi Anna"), "cannot send: Hi Anna", "too short to tell");
        assert_eq!(quoted("session closed"), "session closed");
        for text in [None, Some(""), Some("error")] {
            assert_eq!(without_echo("an error".into(), text), "an error");
        }
        let long = "ä".repeat(500);
        assert_eq!(without_echo(shown(&format!("no: {long}")), Some(&long)), "no: …");
    }

    #[test]
    fn what_is_shown_is_one_short_line_without_numbers_or_paths() {
        let text =
            "no  6281234567890\n@s: https://u:p@cdn.example/a?secret=1, 12345678901234567890";
        let shown = shown(text);
        assert_eq!(shown, "no 62812••••7890 @s: https://cdn.example/…, 12345••••7890");
        assert_eq!(super::shown(&"ä".repeat(500)).chars().count(), 200);
    }

    #[test]
    fn only_speaking_fields_are_heard() {
        let body = r#"{"request":{"text":"we are disconnected"},"error":{"a":[{"exists":false}]}}"#;
        assert_eq!(Words::of(body).low, "exists: false");
    }

    #[test]
    fn a_flag_keeps_its_name_and_a_page_loses_its_tags() {
        assert_eq!(Words::of("<html><b>Bad</b> Gateway</html>").shown, "Bad Gateway");
        assert!(matches!(Words::of("{\"a\":").shape, Shape::Broken));
        assert!(matches!(Words::of(" ").shape, Shape::Empty));
    }

    #[test]
    fn file_names_in_addresses_are_no_words() {
        let low = Words::of("cannot fetch https://x.example/disconnected.pdf").low;
        assert_eq!(low, "cannot fetch …");
    }
}
