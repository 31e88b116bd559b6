//! Where do `${NAME}` and `${file:/path}` come from?
//!
//! They are filled in after the YAML is read and in values only, so whatever stands in a variable
//! stays one text and can never add a key or a rule. What was filled in is not looked at again.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::LoadOptions;
use super::node::{Content, Node, Origin};
use super::text::FileText;
use crate::model::Fault;

/// The largest file that `${file:…}` reads, in bytes.
const SECRET_FILE_MAX: u64 = 64 << 10;

/// Fills in the variables of one tree.
pub(super) struct Interpolation<'a> {
    pub(super) options: &'a LoadOptions<'a>,
    /// The folder of the rule file.
    pub(super) folder: &'a Path,
    pub(super) text: &'a FileText,
    /// Whether this is an included file, in which nothing is filled in.
    pub(super) included: bool,
    /// What is wrong, each at its path and bytes.
    pub(super) faults: Vec<(Fault, Range<usize>)>,
    /// The variables that are not set.
    pub(super) unset: Vec<String>,
    /// The files that were asked for.
    pub(super) files: Vec<PathBuf>,
}

/// A `${…}` as it is written.
enum Reference<'t> {
    Variable { name: &'t str, default: Option<&'t str> },
    File(&'t str),
}

impl Interpolation<'_> {
    /// Fills in all values below `node`.
    pub(super) fn fill(&mut self, node: &mut Node, path: &str) {
        match &mut node.content {
            Content::List(list) => {
                for (index, child) in list.iter_mut().enumerate() {
                    self.fill(child, &format!("{path}[{index}]"));
                }
            }
            Content::Map(entries) => {
                for (key, child) in entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    self.fill(child, &format!("{path}{dot}{}", key.text));
                }
            }
            Content::Scalar(scalar) => {
                if scalar.text.contains("${") {
                    self.fill_scalar(node, path);
                }
            }
        }
    }

    fn fill_scalar(&mut self, node: &mut Node, path: &str) {
        let Some(written) = node.scalar().map(|scalar| scalar.text.clone()) else { return };
        let mut text = String::with_capacity(written.len());
        let mut origin = Origin::Written;
        let mut rest = 0;
        while let Some(at) = written[rest..].find("${").map(|at| rest + at) {
            text.push_str(&written[rest..at]);
            let after = &written[at + 2..];
            if text.ends_with('$') {
                // `$${` is a literal `${`.
                text.push('{');
                rest = at + 2;
            } else if after.starts_with('{') {
                // A dollar sign in front of a template.
                text.push('$');
                rest = at + 1;
            } else if let Some((reference, len)) = reference(after) {
                let range = node.range_in_file(at..at + 2 + len, self.text);
                let (value, from) = self.value(&reference, path, range);
                push_literal(&mut text, &value, path, &written[..at]);
                origin = worse(origin, from);
                rest = at + 2 + len;
            } else {
                let range = node.range_in_file(at..at + 2, self.text);
                let fault = Fault::error(path, "variable", "this `${` begins no variable")
                    .help("write `${NAME}`, `${NAME:-default}` or `${file:/path}`; a literal `${` is `$${`");
                self.faults.push((fault, range));
                text.push_str("${");
                rest = at + 2;
            }
        }
        text.push_str(&written[rest..]);
        if let Content::Scalar(scalar) = &mut node.content {
            if scalar.text != text || origin != Origin::Written {
                scalar.origin = worse(Origin::Outside, origin);
            }
            scalar.text = text;
        }
    }

    fn value(
        &mut self,
        reference: &Reference<'_>,
        path: &str,
        range: Range<usize>,
    ) -> (String, Origin) {
        if self.included {
            let fault = Fault::error(
                path,
                "variable",
                "variables are filled in only in the main rule file",
            )
            .help("set it under `vars:` of the main file and write `{{ vars.name }}` here");
            self.faults.push((fault, range));
            return (String::new(), Origin::Unset);
        }
        match reference {
            Reference::Variable { name, default } => {
                let set = (self.options.variable)(name);
                // As in a shell, `:-` also stands in for a variable that is set to nothing.
                let set = set.filter(|value| default.is_none() || !value.is_empty());
                match (set, default) {
                    (Some(value), _) => (value, Origin::Outside),
                    (None, Some(default)) => ((*default).to_owned(), Origin::Outside),
                    (None, None) => self.unset(name, path, range),
                }
            }
            Reference::File(file) => self.file(file, path, range),
        }
    }

    fn unset(&mut self, name: &str, path: &str, range: Range<usize>) -> (String, Origin) {
        if !self.unset.iter().any(|known| known == name) {
            self.unset.push(name.to_owned());
        }
        let message = format!("the variable `{name}` is not set");
        let help = format!("set it in the environment, or write `${{{name}:-default}}`");
        let fault = self.as_told(path, "unset-variable", message).help(help);
        self.faults.push((fault, range));
        (format!("unset-{name}"), Origin::Unset)
    }

    fn file(&mut self, file: &str, path: &str, range: Range<usize>) -> (String, Origin) {
        let whole = self.folder.join(file);
        self.files.push(whole.clone());
        match read_small(&whole) {
            Ok(text) => (text.trim_end_matches(['\n', '\r']).to_owned(), Origin::Outside),
            Err(why) => {
                let message = format!("the file `{file}` cannot be read: {why}");
                let fault = self
                    .as_told(path, "unreadable-file", message)
                    .help("a relative path starts at the folder of the rule file");
                self.faults.push((fault, range));
                (format!("unset-{file}"), Origin::Unset)
            }
        }
    }

    fn as_told(&self, path: &str, code: &'static str, message: String) -> Fault {
        if self.options.lenient {
            Fault::warning(path, code, message)
        } else {
            Fault::error(path, code, message)
        }
    }
}

/// Adds the value so that, in a rule's templates and condition, it stays a text and is no code.
/// `before` is what is written before it.
fn push_literal(text: &mut String, value: &str, path: &str, before: &str) {
    let in_condition = path.ends_with("].when");
    if !path.starts_with("rules[") || !(in_condition || path.contains("].send")) {
        text.push_str(value);
        return;
    }
    let opened = |open: &str, close: &str| before.rfind(open) > before.rfind(close);
    if in_condition || opened("{{", "}}") || opened("{%", "%}") {
        for c in value.chars() {
            match c {
                '\\' | '"' | '\'' => text.extend(['\\', c]),
                '{' => text.push_str("\\u007b"),
                other => text.push(other),
            }
        }
    } else {
        const BRACE: &str = "{{ '{' }}";
        // With a brace before it the first of these would open something else.
        if text.ends_with('{') {
            text.pop();
            text.push_str(BRACE);
        }
        text.push_str(&value.replace('{', BRACE));
    }
}

fn worse(one: Origin, other: Origin) -> Origin {
    match (one, other) {
        (Origin::Unset, _) | (_, Origin::Unset) => Origin::Unset,
        (Origin::Outside, _) | (_, Origin::Outside) => Origin::Outside,
        _ => Origin::Written,
    }
}

fn read_small(path: &Path) -> Result<String, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is no file".to_owned());
    }
    if about.len() > SECRET_FILE_MAX {
        return Err("it is larger than 64 KiB".to_owned());
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// The reference behind a `${`, and its length with the closing brace.
fn reference(after: &str) -> Option<(Reference<'_>, usize)> {
    let close = after.find('}')?;
    let inside = &after[..close];
    if let Some(file) = inside.strip_prefix("file:") {
        return (!file.is_empty()).then_some((Reference::File(file), close + 1));
    }
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_name = starts && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then_some((Reference::Variable { name, default }, close + 1))
}
