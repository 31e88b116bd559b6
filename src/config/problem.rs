//! What is wrong, where, and how is it shown?

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::json;

use super::text::FileText;
use crate::model::Severity;

/// Names of settings whose values are never shown.
const SECRET_KEYS: [&str; 5] = ["token", "secret", "secrets", "admin_token", "password"];

/// One mistake in a rule file, at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Whether it refuses to load.
    pub severity: Severity,
    /// A short name of this kind of mistake, as `unknown-key`.
    pub code: &'static str,
    /// Which setting, as `rules[3].send.number`; empty for the whole file.
    pub path: String,
    /// What is wrong, with the offending value; never a secret.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Its bytes in the file.
    pub range: Range<usize>,
}

/// Every problem found, with the texts to show them in.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub(super) problems: Vec<Problem>,
    pub(super) files: Vec<FileText>,
    pub(super) rules: usize,
    pub(super) sources: usize,
    pub(super) unset: Vec<String>,
}

impl Report {
    /// Whether there is nothing to report.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether the file must not be loaded.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The problems, in the order of their places.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Of the variables and secret files that a lenient load did without, those whose settings
    /// are `needed`, as errors; `None` if there is none.
    pub fn missing(&self, needed: impl Fn(&str) -> bool) -> Option<Self> {
        let mut report = self.clone();
        report.problems.retain(|problem| {
            ["unset-variable", "unreadable-file"].contains(&problem.code) && needed(&problem.path)
        });
        for problem in &mut report.problems {
            problem.severity = Severity::Error;
        }
        let problems = &report.problems;
        let quoted = |name: &String| format!("`{name}`");
        report.unset.retain(|name| problems.iter().any(|p| p.message.contains(&quoted(name))));
        (!report.problems.is_empty()).then_some(report)
    }

    /// For people: each with its place, the offending line and what to do.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut shown = String::new();
        for problem in &self.problems {
            shown.push_str(&self.render_one(problem, &renderer));
            shown.push_str("\n\n");
        }
        shown.push_str(&self.summary());
        shown
    }

    /// For programs: `[{file, line, column, severity, code, path, message, help}]`.
    pub fn json(&self) -> serde_json::Value {
        self.problems
            .iter()
            .map(|problem| {
                json!({
                    "file": problem.file, "line": problem.line, "column": problem.column,
                    "severity": problem.severity, "code": problem.code, "path": problem.path,
                    "message": problem.message, "help": problem.help,
                })
            })
            .collect()
    }

    /// `rules.yaml: 8 rules, 2 sources: 2 errors, 0 warnings. Not set here: STRIPE_SECRET.`
    pub fn summary(&self) -> String {
        if let ([problem], []) = (self.problems.as_slice(), self.files.as_slice()) {
            return format!("{}: not read.", problem.file);
        }
        let errors = self.problems.iter().filter(|p| p.severity == Severity::Error).count();
        let name = self.files.first().map_or("rules", |file| file.name.as_str());
        let mut line = format!(
            "{name}: {}, {}: {}, {}.",
            counted(self.rules, "rule"),
            counted(self.sources, "source"),
            counted(errors, "error"),
            counted(self.problems.len() - errors, "warning"),
        );
        if !self.unset.is_empty() {
            line.push_str(" Not set here: ");
            line.push_str(&self.unset.join(", "));
            line.push('.');
        }
        line
    }

    /// The report of a file that cannot be read at all.
    pub(super) fn unreadable(path: &std::path::Path, why: &str) -> Self {
        let problem = Problem {
            file: path.display().to_string(),
            line: 1,
            column: 1,
            severity: Severity::Error,
            code: "unreadable-file",
            path: String::new(),
            message: format!("`{}` cannot be read: {why}", path.display()),
            help: Some(
                "name yours with `--rules PATH`, or begin with the one that comes with kabari: \
                 `kabari demo --print-rules > rules.yaml`"
                    .to_owned(),
            ),
            range: 0..0,
        };
        Self { problems: vec![problem], ..Self::default() }
    }

    /// Puts the problems in the order in which they stand in the files.
    pub(super) fn sort(&mut self) {
        let rank = |name: &str| self.files.iter().position(|file| file.name == name);
        self.problems.sort_by_cached_key(|p| (rank(&p.file), p.range.start, p.code));
        self.problems.dedup();
    }

    fn render_one(&self, problem: &Problem, renderer: &Renderer) -> String {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let excerpt = self
            .files
            .iter()
            .find(|file| file.name == problem.file)
            .map(|file| Excerpt::of(file, &problem.range));
        let title = level.primary_title(problem.message.as_str()).id(problem.code);
        let group = match &excerpt {
            Some(excerpt) => title.element(
                Snippet::source(excerpt.text.as_str())
                    .path(problem.file.as_str())
                    .line_start(excerpt.first_line)
                    .annotation(AnnotationKind::Primary.span(excerpt.range.clone())),
            ),
            None => title.elements(std::iter::empty::<annotate_snippets::Message<'_>>()),
        };
        let place = (!problem.path.is_empty()).then(|| format!("`{}`", problem.path));
        let group = group
            .elements(place.map(|place| Level::NOTE.with_name(Some("in")).message(place)))
            .elements(problem.help.as_deref().map(|help| Level::HELP.message(help)));
        renderer.render(&[group])
    }
}

/// The lines around a problem, with literal secrets blotted out.
struct Excerpt {
    text: String,
    first_line: usize,
    range: Range<usize>,
}

impl Excerpt {
    fn of(file: &FileText, range: &Range<usize>) -> Self {
        let start = file.floor(range.start);
        let line = file.line_of(start);
        let written = file.line_range(line).unwrap_or(start..start);
        let start = start.min(written.end);
        let end = file.floor(range.end).clamp(start, written.end);
        // A line of a megabyte is shown around the mistake only.
        let from = file.floor(written.start.max(start.saturating_sub(160)));
        let to = file.floor(written.end.min(end.min(start + 200) + 160)).max(from);
        let text = file.text.get(from..to).unwrap_or("");
        let end = end.min(to).max(start);
        let whole_line = file.text.get(written.clone()).unwrap_or("");
        Self {
            text: blot(whole_line, text, from - written.start),
            first_line: line + 1,
            range: start - from..end - from,
        }
    }
}

/// `part` of `line` (from byte `offset`) with the value of a secret setting replaced by stars.
fn blot(line: &str, part: &str, offset: usize) -> String {
    let Some(value_at) = secret_value_at(line) else { return part.to_owned() };
    if line.get(value_at..).is_none_or(|value| value.contains("${")) {
        return part.to_owned();
    }
    let stars = |c: char| "*".repeat(c.len_utf8());
    part.char_indices()
        .map(|(at, c)| {
            let shown = at + offset < value_at || "[]{},\"' ".contains(c);
            if shown { c.to_string() } else { stars(c) }
        })
        .collect()
}

/// Where the value of a setting that holds a secret begins in this line.
fn secret_value_at(line: &str) -> Option<usize> {
    SECRET_KEYS
        .iter()
        .filter_map(|key| {
            let at = line.match_indices(key).find(|(at, _)| {
                let starts = line[..*at].chars().next_back().is_none_or(|c| " {,\"'-".contains(c));
                let after = line[at + key.len()..].trim_start_matches(['"', '\'']);
                starts && after.trim_start().starts_with(':')
            })?;
            let colon = line[at.0..].find(':')?;
            Some(at.0 + colon + 1)
        })
        .min()
}

/// Whether a setting at this path holds a secret.
pub(super) fn is_secret(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    let name = last.split('[').next().unwrap_or(last);
    SECRET_KEYS.contains(&name)
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
