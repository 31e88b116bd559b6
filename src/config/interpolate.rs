//! Where do `${NAME}` and `${file:/path}` come from?
//!
//! They are filled in after the YAML is read and in values only, so whatever stands in a variable
//! stays one text and can never add a key or a rule. What was filled in is not looked at again.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::LoadOptions;
use super::filled::{Filled, Piece};
use super::node::{Content, Node, Origin};
use super::text::FileText;
use crate::model::Fault;

/// The largest file that `${file:…}` reads, in bytes.
const SECRET_FILE_MAX: u64 = 64 << 10;
/// How much variables and files may fill in in all, in bytes.
const FILLED_MAX: usize = 16 << 20;
/// The longest `${…}`, in bytes.
const REFERENCE_MAX: usize = 4096;
/// So many mistakes are kept.
const FAULTS_MAX: usize = 10_000;
/// So many mistakes are told with their exact place in the text.
const PLACES_MAX: usize = 1000;

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
    pub(super) unset: BTreeSet<String>,
    /// The same in the order of the file.
    pub(super) unset_in_order: Vec<String>,
    /// How many bytes were filled in.
    pub(super) filled: usize,
    /// The files that were asked for.
    pub(super) files: Vec<PathBuf>,
}

/// A `${…}` as it is written.
enum Reference<'t> {
    Variable { name: &'t str, default: Option<&'t str> },
    File(&'t str),
}

impl<'a> Interpolation<'a> {
    pub(super) fn new(
        options: &'a LoadOptions<'a>,
        folder: &'a Path,
        text: &'a FileText,
        included: bool,
    ) -> Self {
        let (faults, files, unset_in_order) = (Vec::new(), Vec::new(), Vec::new());
        let unset = BTreeSet::new();
        Self { options, folder, text, included, faults, unset, unset_in_order, filled: 0, files }
    }

    /// Fills in all values below `node`.
    pub(super) fn fill(&mut self, node: &mut Node, path: &str) {
        // What is put off has nothing to fill in.
        let Some(content) = node.content_mut() else { return };
        match content {
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
        let mut pieces = Vec::new();
        let mut origin = Origin::Written;
        let mut rest = 0;
        let language = Language::at(path);
        let mut code = language == Language::Code;
        while let Some(at) = written[rest..].find("${").map(|at| rest + at) {
            code = language == Language::Code || opens_code(&written[rest..at], code);
            text.push_str(&written[rest..at]);
            let after = &written[at + 2..];
            if text.ends_with('$') {
                // `$${` is a literal `${`.
                text.push('{');
                rest = at + 2;
                let place = text.len() - 2..text.len();
                pieces.push(Piece { written: at - 1..rest, text: place, in_code: code });
            } else if after.starts_with('{') {
                // A dollar sign in front of a template.
                text.push('$');
                rest = at + 1;
            } else if let Some((reference, len)) = reference(after) {
                let (value, from) = self.value(&reference, path, node, at..at + 2 + len);
                let before = text.len();
                let start = push_literal(&mut text, &value, language, code);
                origin = worse(origin, from);
                rest = at + 2 + len;
                let place = at - (before - start)..rest;
                pieces.push(Piece { written: place, text: start..text.len(), in_code: code });
            } else {
                let fault = Fault::error(path, "variable", "this `${` begins no variable")
                    .help("write `${NAME}`, `${NAME:-default}` or `${file:/path}`; a literal `${` is `$${`");
                self.fault(fault, node, at..at + 2);
                text.push_str("${");
                rest = at + 2;
            }
        }
        text.push_str(&written[rest..]);
        if let Some(Content::Scalar(scalar)) = node.content_mut() {
            if scalar.text != text || origin != Origin::Written {
                scalar.origin = worse(Origin::Outside, origin);
                scalar.filled = Some(Box::new(Filled::new(written, pieces)));
            }
            scalar.text = text;
        }
    }

    fn value(
        &mut self,
        reference: &Reference<'_>,
        path: &str,
        node: &Node,
        range: Range<usize>,
    ) -> (String, Origin) {
        if self.included {
            let fault = Fault::error(
                path,
                "variable",
                "variables are filled in only in the main rule file",
            )
            .help("set it under `vars:` of the main file and write `{{ vars.name }}` here");
            self.fault(fault, node, range);
            return (String::new(), Origin::Unset);
        }
        if self.filled > FILLED_MAX {
            return (String::new(), Origin::Unset);
        }
        let (value, origin) = self.found(reference, path, node, range.clone());
        self.filled += value.len();
        if self.filled > FILLED_MAX {
            let message = "variables and files fill in more than 16 MiB";
            let fault = Fault::error(path, "variable", message);
            self.fault(fault.help("let templates `lookup` large data in a table"), node, range);
        }
        (value, origin)
    }

    fn found(
        &mut self,
        reference: &Reference<'_>,
        path: &str,
        node: &Node,
        range: Range<usize>,
    ) -> (String, Origin) {
        match reference {
            Reference::Variable { name, default } => {
                let set = (self.options.variable)(name);
                // As in a shell, `:-` also stands in for a variable that is set to nothing.
                let set = set.filter(|value| default.is_none() || !value.is_empty());
                match (set, default) {
                    (Some(value), _) => (value, Origin::Outside),
                    (None, Some(default)) => ((*default).to_owned(), Origin::Outside),
                    (None, None) => self.unset(name, path, node, range),
                }
            }
            Reference::File(file) => self.file(file, path, node, range),
        }
    }

    fn unset(
        &mut self,
        name: &str,
        path: &str,
        node: &Node,
        range: Range<usize>,
    ) -> (String, Origin) {
        if self.unset.insert(name.to_owned()) {
            self.unset_in_order.push(name.to_owned());
        }
        let message = format!("the variable `{name}` is not set");
        let help = format!("set it in the environment, or write `${{{name}:-default}}`");
        let fault = self.as_told(path, "unset-variable", message).help(help);
        self.fault(fault, node, range);
        (format!("unset-{name}"), Origin::Unset)
    }

    fn file(
        &mut self,
        file: &str,
        path: &str,
        node: &Node,
        range: Range<usize>,
    ) -> (String, Origin) {
        let whole = self.folder.join(file);
        self.files.push(whole.clone());
        match read_small(&whole) {
            Ok(text) => (text.trim_end_matches(['\n', '\r']).to_owned(), Origin::Outside),
            Err(why) => {
                let message = format!("the file `{file}` cannot be read: {why}");
                let fault = self
                    .as_told(path, "unreadable-file", message)
                    .help("a relative path starts at the folder of the rule file");
                self.fault(fault, node, range);
                (format!("unset-{file}"), Origin::Unset)
            }
        }
    }

    /// Keeps a mistake in a part of a text. To find the part takes as long as the text is, so of
    /// very many mistakes the later ones are at the whole text.
    fn fault(&mut self, fault: Fault, node: &Node, part: Range<usize>) {
        if self.faults.len() >= FAULTS_MAX {
            return;
        }
        let exact = self.faults.len() < PLACES_MAX;
        let range = if exact { node.range_in_file(part, self.text) } else { node.span.clone() };
        self.faults.push((fault, range));
    }

    fn as_told(&self, path: &str, code: &'static str, message: String) -> Fault {
        if self.options.lenient {
            Fault::warning(path, code, message)
        } else {
            Fault::error(path, code, message)
        }
    }
}

/// Adds the value so that in templates and conditions it stays a text and is no code; `code` says
/// whether it stands inside an expression or a block. Returns where it begins.
fn push_literal(text: &mut String, value: &str, language: Language, code: bool) -> usize {
    const BRACE: &str = "{{ '{' }}";
    let mut start = text.len();
    match language {
        Language::None => text.push_str(value),
        Language::Code | Language::Template if code => {
            for c in value.chars() {
                match c {
                    '\\' | '"' | '\'' => text.extend(['\\', c]),
                    '{' => text.push_str("\\u007b"),
                    other => text.push(other),
                }
            }
        }
        _ => {
            // With a brace before it the first of these would open something else.
            if text.ends_with('{') {
                text.pop();
                start = text.len();
                text.push_str(BRACE);
            }
            text.push_str(&value.replace('{', BRACE));
        }
    }
    start
}

/// What a value is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    /// No more than itself.
    None,
    /// A text with expressions in it.
    Template,
    /// An expression.
    Code,
}

impl Language {
    fn at(path: &str) -> Self {
        let of_rule = path.strip_prefix("rules[").and_then(|rest| rest.split_once("]."));
        let key = of_rule.map_or("", |(_, key)| key.split(['.', '[']).next().unwrap_or(key));
        match key {
            "when" | "each" | "let" => Self::Code,
            "send" | "dedupe" | "throttle" | "group" => Self::Template,
            _ if path.starts_with("defaults.send.") => Self::Template,
            _ => Self::None,
        }
    }
}

/// Whether an expression or a block is open behind this part of a text, of which one `was` open
/// before it.
fn opens_code(part: &str, was: bool) -> bool {
    let last = |signs: [&str; 2]| signs.iter().filter_map(|sign| part.rfind(sign)).max();
    match (last(["{{", "{%"]), last(["}}", "%}"])) {
        (None, None) => was,
        (opens, closes) => opens > closes,
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
    let mut end = after.len().min(REFERENCE_MAX);
    while !after.is_char_boundary(end) {
        end -= 1;
    }
    let close = after[..end].find('}')?;
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
