//! What in an excerpt of a rule file must not be seen?
//!
//! Where the file could be parsed, the tree says where secrets stand, whatever lines they run over.
//! Where it could not, a line that names a secret or is indented below one is hidden from there on:
//! rather too much than too little.

use std::ops::Range;

use super::node::{Content, Node};
use super::text::FileText;

/// Names of settings whose values are never shown.
const SECRET_KEYS: [&str; 5] = ["token", "secret", "secrets", "admin_token", "password"];
/// Parts of names that make them one.
const SECRET_PARTS: [&str; 7] =
    ["secret", "token", "password", "passwd", "apikey", "api_key", "private_key"];
/// The sections in which secrets stand; elsewhere a `token` is a field of an event.
const SECRET_SECTIONS: [&str; 5] = ["wachat", "server", "store", "sources", "vars"];
/// How many lines above one are asked for a secret's name.
const LINES_ABOVE: usize = 200;

/// Whether a setting at this path holds a secret.
pub(super) fn is_secret(path: &str) -> bool {
    let section = path.split(['.', '[']).next().unwrap_or(path);
    let last = path.rsplit('.').next().unwrap_or(path);
    let name = last.split('[').next().unwrap_or(last);
    SECRET_KEYS.contains(&name) || (SECRET_SECTIONS.contains(&section) && is_secret_name(name))
}

/// Whether a key of this name holds a secret, or was meant to: `secert`, `client_secret`.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    let near = |key: &str| strsim::osa_distance(key, &name) <= key.len() / 3;
    SECRET_PARTS.iter().any(|part| name.contains(part)) || SECRET_KEYS.iter().any(|key| near(key))
}

/// Where secrets stand below this node, in whichever file: for a value under an alias, that is
/// where its anchor is.
pub(super) fn secrets(root: &Node) -> Vec<(usize, Range<usize>)> {
    let mut found = Vec::new();
    if let Content::Map(sections) = root.content() {
        for (key, section) in sections {
            if SECRET_SECTIONS.contains(&key.text.as_str()) {
                collect(section, false, &mut found);
            }
        }
    }
    found
}

fn collect(node: &Node, secret: bool, found: &mut Vec<(usize, Range<usize>)>) {
    match node.content() {
        Content::Scalar(scalar) if secret => {
            found.push((node.file, node.span.clone()));
            found.extend(scalar.comment.iter().map(|comment| (node.file, comment.span.clone())));
        }
        Content::Scalar(_) => {}
        Content::List(list) => list.iter().for_each(|child| collect(child, secret, found)),
        Content::Map(entries) => {
            for (key, child) in entries {
                let below = secret || is_secret_name(&key.text);
                if secret {
                    found.push((key.file, key.span.clone()));
                }
                // A tag or an anchor stands between a key and its value.
                if below && key.file == node.file && key.span.end < child.span.start {
                    found.push((key.file, key.span.end + 1..child.span.start));
                }
                collect(child, below, found);
            }
        }
    }
}

/// The bytes `part` of a file's line with all secrets in stars. `secrets` are those of this file;
/// `None` if it could not be parsed.
pub(super) fn blotted(
    file: &FileText,
    line: usize,
    part: Range<usize>,
    secrets: Option<&[Range<usize>]>,
) -> String {
    let whole = file.line_range(line).unwrap_or(part.clone());
    let text = file.text.get(whole.clone()).unwrap_or("");
    let mut hidden: Vec<Range<usize>> = Vec::new();
    let own = secret_value_at(text).map(|at| whole.start + at..whole.end);
    match secrets {
        Some(secrets) => {
            hidden.extend(secrets.iter().cloned());
            // The tree knows nothing of a key that stands there twice.
            let known = |own: &Range<usize>| secrets.iter().any(|it| own.contains(&it.start));
            hidden.extend(own.filter(|own| !known(own)));
        }
        None if is_below_a_secret(file, line) => hidden.push(whole.clone()),
        None => hidden.extend(own),
    }
    hidden.extend(passwords(text).map(|it| whole.start + it.start..whole.start + it.end));
    let shown = file.text.get(part.clone()).unwrap_or("");
    let mut references = references(text, whole.start);
    references.retain(|reference| hidden.iter().any(|it| it.contains(&reference.start)));
    shown
        .char_indices()
        .map(|(at, c)| {
            let at = part.start + at;
            let is_hidden = hidden.iter().any(|range| range.contains(&at))
                && !references.iter().any(|range| range.contains(&at));
            if is_hidden && !"[]{},:\"'|> -".contains(c) {
                "*".repeat(c.len_utf8())
            } else {
                c.to_string()
            }
        })
        .collect()
}

/// The names of variables in a line, which are no secrets; what `:-` stands for may be one.
fn references(line: &str, start: usize) -> Vec<Range<usize>> {
    let opens = line.match_indices("${").map(|(at, _)| at);
    let found = opens.filter_map(|at| {
        let inside = &line[at..at + line[at..].find('}')?];
        Some(start + at..start + at + inside.find(":-").unwrap_or(inside.len()))
    });
    found.collect()
}

/// The password of `scheme://user:password@host`.
fn passwords(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices("://").filter_map(|(at, _)| {
        let start = at + "://".len();
        let rest = &line[start..];
        let authority = &rest[..rest.find(['/', '"', '\'', ' ']).unwrap_or(rest.len())];
        authority.rfind('@').map(|end| start..start + end)
    })
}

/// Where the value of a setting that holds a secret begins in this line.
fn secret_value_at(line: &str) -> Option<usize> {
    let colons = line.match_indices(':').map(|(at, _)| at);
    colons
        .filter(|at| {
            line[at + 1..].is_empty()
                || line[at + 1..].starts_with([' ', '\t', '"', '\'', '[', '{'])
        })
        .find(|at| {
            let before = line[..*at].trim_end().trim_end_matches(['"', '\'']);
            let name = before.rsplit([' ', '{', ',', '"', '\'', '\t']).next().unwrap_or("");
            is_secret_name(name)
        })
        .map(|at| at + 1)
}

/// Whether a line shows a secret, or part of one.
pub(super) fn names_a_secret(file: &FileText, line: usize) -> bool {
    file.line(line).is_some_and(|text| secret_value_at(text).is_some())
        || is_below_a_secret(file, line)
}

/// Whether a line continues the value of a secret above it.
fn is_below_a_secret(file: &FileText, line: usize) -> bool {
    let indent = |text: &str| text.len() - text.trim_start().len();
    let Some(own) = file.line(line) else { return false };
    let mut limit = indent(own);
    let mut is_element = own.trim_start().starts_with('-');
    for above in (line.saturating_sub(LINES_ABOVE)..line).rev() {
        let Some(text) = file.line(above).filter(|text| !text.trim().is_empty()) else { continue };
        let holds = indent(text) < limit
            || (is_element && indent(text) == limit && !text.trim_start().starts_with('-'));
        if !holds {
            continue;
        }
        if let Some(value) = secret_value_at(text).and_then(|at| text.get(at..)) {
            let value = value.trim();
            let closed = value.matches('[').count() <= value.matches(']').count();
            if !(value.ends_with(',') && closed) {
                return true;
            }
        }
        limit = indent(text);
        is_element = text.trim_start().starts_with('-');
        if limit == 0 && !is_element {
            break;
        }
    }
    false
}
