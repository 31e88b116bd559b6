//! What did the person who wrote this broken YAML want to say?

use std::ops::Range;

use granit_parser::{ErrorKind, ScanError};

use super::blot::names_a_secret;
use super::parse::Mistake;
use super::text::FileText;
use crate::model::Fault;

/// A syntax error in words that help, at the place where it began.
pub(super) fn explain(error: &ScanError, file: &FileText) -> Mistake {
    use ErrorKind as E;
    let marker = error.marker().byte_offset().unwrap_or(0);
    let at = file.floor(marker);
    match error.kind() {
        E::InvalidTrailingDoubleQuotedScalar | E::InvalidTrailingSingleQuotedScalar => {
            after_quote(file, at)
        }
        E::UnclosedQuotedScalar
        | E::DocumentIndicatorInQuotedScalar
        | E::InvalidQuotedScalarIndent => unclosed_quote(at),
        E::UnclosedFlowCollection { open } => mistake(
            at..at + 1,
            "yaml-syntax",
            format!("this `{open}` is never closed"),
            "close it, or put the text in quotes",
        ),
        E::UnknownQuotedScalarEscape => mistake(
            at..at + 1,
            "yaml-syntax",
            "a backslash in double quotes begins an escape that YAML does not know".to_owned(),
            "write `\\\\` for a backslash, or use single quotes",
        ),
        E::TabInBlockIndentation
        | E::TabInIndentation
        | E::TabNotAllowed
        | E::TabInPlainScalar
        | E::TabAtBlockScalarStart => mistake(
            line_at(file, at),
            "yaml-tab",
            "this line is indented with a tab".to_owned(),
            "YAML indents with spaces: replace the tab by two spaces",
        ),
        E::CommentInterceptedScalar | E::CommentNotSeparated => mistake(
            rest_of_line(file, at),
            "yaml-comment",
            "` #` starts a comment: the text ends before it".to_owned(),
            &mended_or(file, at, "put the text in quotes"),
        ),
        E::RecursionLimitExceeded => mistake(
            at..at,
            "too-deep",
            "values are nested too deep".to_owned(),
            "64 levels are the limit",
        ),
        kind => accident(kind, file, at),
    }
}

/// A `{{ … }}` that YAML reads as a mapping, from its first brace.
pub(super) fn bare_template(file: &FileText, at: usize) -> Mistake {
    let line = rest_of_line(file, at);
    let end = file.text.get(line.clone()).and_then(|rest| rest.find("}}"));
    let range = at..end.map_or(line.end, |end| at + end + 2);
    let help = mended_or(file, at, "a template that starts a value needs quotes");
    mistake(range, "yaml-template", "YAML reads this `{{` as a mapping".to_owned(), &help)
}

fn unclosed_quote(at: usize) -> Mistake {
    mistake(
        at..at + 1,
        "yaml-quote",
        "this quote is never closed".to_owned(),
        "close it at the end of the text, or write the text on the next line after `key: |`",
    )
}

/// Something follows a closing quote: either the text has quotes of its own, or the quote that
/// closed was meant to open.
fn after_quote(file: &FileText, at: usize) -> Mistake {
    let before = file.text.get(..at).unwrap_or("").trim_end();
    let close = before.len().saturating_sub(1);
    let quote = before.chars().next_back().unwrap_or('"');
    let open = opening(&file.text, close, quote).unwrap_or(close);
    if file.line_of(open) != file.line_of(at) {
        return unclosed_quote(open);
    }
    let help = if quote == '"' {
        "inside double quotes use single quotes, or write the text on the next line after `key: |`"
    } else {
        "inside single quotes write `''` for one, or use double quotes outside"
    };
    let message = format!("the text ends at this `{quote}`, and something follows it");
    mistake(close..close + 1, "yaml-quote", message, help)
}

fn opening(text: &str, close: usize, quote: char) -> Option<usize> {
    let mut end = close;
    loop {
        let at = text.get(..end)?.rfind(quote)?;
        let escaped = quote == '"' && text.get(..at)?.ends_with('\\');
        let doubled = quote == '\'' && text.get(..at)?.ends_with('\'');
        if !escaped && !doubled {
            return Some(at);
        }
        end = if doubled { at - 1 } else { at };
    }
}

/// The accidents that captions cause: one help for all of them, with the line as it should be.
fn accident(kind: &ErrorKind, file: &FileText, at: usize) -> Mistake {
    let line = file.line(file.line_of(at)).unwrap_or("");
    let rest = file.text.get(rest_of_line(file, at)).unwrap_or("");
    let message = match (kind, rest.chars().next()) {
        (ErrorKind::UnknownAnchor | ErrorKind::MissingAnchorOrAliasName, _) => {
            "YAML reads a text that starts with `*` or `&` as a reference".to_owned()
        }
        (ErrorKind::InvalidBlockScalarHeader, Some(sign)) => {
            format!("YAML reads `{sign}` at the start of a value as the head of a block")
        }
        (ErrorKind::UnexpectedCharacter { character }, _) => {
            format!("a text without quotes cannot start with `{character}`")
        }
        (ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement, _) => {
            "YAML reads this `:` as the end of a key".to_owned()
        }
        (ErrorKind::BlockSequenceEntryNotAllowed, _) => {
            "YAML reads this `-` as the start of a list".to_owned()
        }
        _ if line.contains("{{") || line.contains("${") => {
            "a template or variable that starts a value or stands inside {…} needs quotes"
                .to_owned()
        }
        (kind, _) => kind.to_string(),
    };
    let general = "put the text in quotes, or on the next line after `key: |`";
    let end = rest.chars().next().map_or(at, |first| at + first.len_utf8());
    if message.starts_with("while parsing a block") {
        let message = "this line is neither as far in as its neighbours nor a part of one";
        let help = "indent it as the keys above it; all keys of one rule stand below each other";
        return mistake(at..end, "yaml-syntax", message.to_owned(), help);
    }
    mistake(at..end, "yaml-syntax", message, &mended_or(file, at, general))
}

/// `general`, and the line as it should be, where that can be said.
pub(super) fn mended_or(file: &FileText, at: usize, general: &str) -> String {
    let place = file.line_of(at);
    if names_a_secret(file, place) {
        return general.to_owned();
    }
    let at_in_line = file.line_range(place).map_or(0, |line| at.saturating_sub(line.start));
    match mended(file.line(place).unwrap_or(""), at_in_line) {
        Some(mended) => format!("{general}: {mended}"),
        None => general.to_owned(),
    }
}

/// The line with its value in quotes; `at` is where in the line the mistake is.
fn mended(line: &str, at: usize) -> Option<String> {
    let trimmed = line.trim();
    let (key, value) = trimmed.split_once(": ")?;
    let value = value.trim();
    let plain_key =
        key.trim_start_matches("- ").chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
    if !plain_key || value.is_empty() || trimmed.len() > 200 {
        return None;
    }
    if (value.starts_with('{') && !value.starts_with("{{")) || value.starts_with('[') {
        return mended_inside(value)
            .map(|value| format!("{key}: {value}"))
            .or_else(|| mended_word(line, at));
    }
    Some(format!("{key}: {}", quoted(value)))
}

/// Quotes what holds a template or variable inside `{…}` or `[…]`.
fn mended_inside(value: &str) -> Option<String> {
    let mut mended = String::new();
    let mut rest = value;
    while let Some(at) = [rest.find("{{"), rest.find("${")].into_iter().flatten().min() {
        let start = rest[..at].rfind([' ', '[', ',', '"']).map_or(0, |before| before + 1);
        let close = if rest[at..].starts_with("{{") { "}}" } else { "}" };
        let end = at + rest[at..].find(close)? + close.len();
        let end = end + rest[end..].find([',', ' ', ']', '}', '"']).unwrap_or(rest.len() - end);
        mended.push_str(&rest[..start]);
        if rest[..start].ends_with('"') {
            mended.push_str(&rest[start..end]);
        } else {
            mended.push_str(&quoted(&rest[start..end]));
        }
        rest = &rest[end..];
    }
    (!mended.is_empty()).then(|| mended + rest)
}

/// Quotes the one word in which the mistake is: `[push, *]`, `numeric: [>, 0]`.
fn mended_word(line: &str, at: usize) -> Option<String> {
    let (before, rest) = line.split_at_checked(at)?;
    let start = before.len() - before.chars().rev().take_while(|c| "*&>|@`%".contains(*c)).count();
    let len = rest.find([',', ']', '}']).unwrap_or(rest.len());
    let (word, after) = (line.get(start..at + len)?.trim(), line.get(at + len..)?);
    let is_word = !word.is_empty() && !word.contains(['"', '\'', '[', '{', ':']);
    is_word.then(|| format!("{}{}{after}", line[..start].trim_start(), quoted(word)))
}

fn quoted(value: &str) -> String {
    if value.contains('"') && !value.contains('\'') {
        format!("'{value}'")
    } else {
        format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

fn rest_of_line(file: &FileText, at: usize) -> Range<usize> {
    let end = file.line_range(file.line_of(at)).map_or(at, |line| line.end);
    at..end.max(at)
}

fn line_at(file: &FileText, at: usize) -> Range<usize> {
    let line = file.line_range(file.line_of(at)).unwrap_or(at..at);
    let blank = file.text.get(line.clone()).map_or(0, |text| text.len() - text.trim_start().len());
    line.start..line.start + blank
}

fn mistake(range: Range<usize>, code: &'static str, message: String, help: &str) -> Mistake {
    Mistake { fault: Fault::error("", code, message).help(help), range }
}
