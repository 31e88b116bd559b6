//! What is wrong, where, and how is it shown?

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet};
use serde_json::json;

use super::blot::blotted;
use super::inputs::Inputs;
use super::reach::Reach;
use super::text::FileText;
use crate::model::{Severity, counted};

/// The code of a variable that is not set.
const UNSET: &str = "unset-variable";
/// So many places of such variables are listed.
const PLACES_MAX: usize = 20;

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
    /// Another place that belongs to it, shown beside it: its file and bytes.
    pub(super) also: Option<(String, Range<usize>)>,
}

/// Every problem found, with the texts to show them in.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub(super) problems: Vec<Problem>,
    pub(super) files: Vec<Arc<FileText>>,
    /// The secrets of each file that could be parsed.
    pub(super) secrets: HashMap<usize, Vec<Range<usize>>>,
    /// Of each file that could be parsed, the names of the rules in which something is wrong.
    pub(super) rule_names: HashMap<usize, BTreeMap<usize, String>>,
    pub(super) rules: usize,
    pub(super) sources: usize,
    pub(super) unset: Vec<String>,
    /// What was read before it was given up.
    pub(super) inputs: Inputs,
    /// What is known whatever else is wrong.
    pub(super) reach: Option<Reach>,
    /// Errors and warnings beyond those that are told.
    pub(super) hidden: [usize; 2],
}

impl Report {
    /// Whether there is nothing to report.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether the file must not be loaded.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    fn count(&self, severity: Severity) -> usize {
        let told = self.problems.iter().filter(|problem| problem.severity == severity).count();
        told + self.hidden[usize::from(severity == Severity::Warning)]
    }

    /// Counts a problem that is not told.
    pub(super) fn hide(&mut self, severity: Severity) {
        self.hidden[usize::from(severity == Severity::Warning)] += 1;
    }

    /// Drops the warnings with these codes: whoever reads them knows better.
    pub fn allow(&mut self, codes: &[String]) {
        let allowed = |p: &Problem| codes.iter().any(|code| code == p.code);
        self.problems.retain(|p| p.severity == Severity::Error || !allowed(p));
    }

    /// Where a file has errors, what is said of the good ones is beside the point: each team reads
    /// of its own mistakes.
    pub(super) fn leave_out_good_files(&mut self) {
        let errors = self.problems.iter().filter(|p| p.severity == Severity::Error);
        let bad: HashSet<String> = errors.map(|problem| problem.file.clone()).collect();
        if !bad.is_empty() {
            self.problems.retain(|problem| bad.contains(&problem.file));
        }
    }

    /// The problems, in the order of their places.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What was read: when it changes, the report may be another one.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
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
        let is_unset = |p: &&Problem| p.code == UNSET && p.severity == Severity::Warning;
        let mut unset: Vec<&Problem> = self.problems.iter().filter(is_unset).collect();
        let together = unset.len() > 1;
        for problem in &self.problems {
            if !(together && is_unset(&problem)) {
                shown.push_str(&self.render_one(problem, &renderer));
            } else if unset.is_empty() {
                continue;
            } else {
                shown.push_str(&self.render_unset(&std::mem::take(&mut unset), &renderer));
            }
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

    /// For GitHub Actions: one workflow command a problem, which shows it beside the changed line.
    /// <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>
    pub fn github(&self) -> String {
        let command = |problem: &Problem| {
            let level = match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let message = match &problem.help {
                Some(help) => format!("{}\n{help}", problem.message),
                None => problem.message.clone(),
            };
            format!(
                "::{level} file={},line={},endLine={},col={},endColumn={},title={}::{}",
                property(&problem.file),
                problem.line,
                problem.line,
                problem.column,
                self.end_column(problem),
                property(problem.code),
                escaped(&message),
            )
        };
        self.problems.iter().map(|problem| command(problem) + "\n").collect()
    }

    /// The column behind a problem, or behind its first line.
    fn end_column(&self, problem: &Problem) -> usize {
        let text = self.files.iter().find(|text| text.name == problem.file);
        let part = text.and_then(|text| text.text.get(problem.range.clone())).unwrap_or("");
        problem.column + part.lines().next().unwrap_or("").chars().count()
    }

    /// What is known whatever else is wrong; `None` where it may be another store that is meant.
    pub fn reach(&self) -> Option<&Reach> {
        self.reach.as_ref()
    }

    /// `rules.yaml: 1 error`, for who goes on without mending it.
    pub fn in_short(&self) -> String {
        let name = self.problems.first().map_or("the rule file", |first| first.file.as_str());
        let name = self.files.first().map_or(name, |file| file.name.as_str());
        format!("{name}: {}", counted(self.count(Severity::Error), "error"))
    }

    /// `rules.yaml: 8 rules, 2 sources: 2 errors, 0 warnings. Not set here: STRIPE_SECRET.`
    pub fn summary(&self) -> String {
        if let ([problem], []) = (self.problems.as_slice(), self.files.as_slice()) {
            return format!("{}: not read.", problem.file);
        }
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        let name = self.files.first().map_or("rules", |file| file.name.as_str());
        let found = format!("{}, {}.", counted(errors, "error"), counted(warnings, "warning"));
        let mut line = if self.is_broken() {
            format!("{name}: {found} The rest was not checked: mend the YAML first.")
        } else {
            let (rules, sources) = (counted(self.rules, "rule"), counted(self.sources, "source"));
            format!("{name}: {rules}, {sources}: {found}")
        };
        if self.hidden != [0, 0] {
            line.push_str(" Told are the first ");
            line.push_str(&self.problems.len().to_string());
            line.push('.');
        }
        if !self.unset.is_empty() {
            line.push_str(" Not set here: ");
            line.push_str(&self.unset.join(", "));
            line.push('.');
        }
        line
    }

    /// Whether the main file could not be parsed.
    fn is_broken(&self) -> bool {
        self.files.first().is_some_and(|file| !file.text.is_empty())
            && !self.rule_names.contains_key(&0)
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
            also: None,
        };
        let inputs = Inputs { files: vec![path.to_owned()], includes: Vec::new() };
        Self { problems: vec![problem], inputs, ..Self::default() }
    }

    /// Puts the problems in the order in which they stand in the files.
    pub(super) fn sort(&mut self) {
        let rank = |name: &str| self.files.iter().position(|file| file.name == name);
        self.problems.sort_by_cached_key(|p| (rank(&p.file), p.range.start, p.code));
        self.problems.dedup();
    }

    /// `rules[3] checkout-receipt, send.message`
    fn place_in_words(&self, problem: &Problem) -> Option<String> {
        if problem.path.is_empty() {
            return None;
        }
        let named = || {
            let (index, rest) = problem.path.strip_prefix("rules[")?.split_once(']')?;
            let file = self.files.iter().position(|file| file.name == problem.file)?;
            let name = self.rule_names.get(&file)?.get(&index.parse().ok()?)?;
            let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
            let rest = rest.strip_prefix('.').map_or(String::new(), |rest| format!(", {rest}"));
            Some(format!("rules[{index}] {name}{rest}"))
        };
        Some(named().unwrap_or_else(|| problem.path.clone()))
    }

    fn render_one(&self, problem: &Problem, renderer: &Renderer) -> String {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(problem.message.as_str()).id(problem.code);
        let excerpt = self.excerpt(&problem.file, &problem.range);
        let also = problem.also.as_ref();
        let also = also.and_then(|(file, range)| Some((file, self.excerpt(file, range)?)));
        let label = (problem.code == "yaml-comment").then_some("not part of the text");
        let mut group = title.elements(
            excerpt
                .as_ref()
                .map(|excerpt| excerpt.snippet(&problem.file, AnnotationKind::Primary, label)),
        );
        if let Some((file, excerpt)) = &also {
            let label = Some("the other is here");
            group = group.element(excerpt.snippet(file, AnnotationKind::Context, label));
        }
        let place = self.place_in_words(problem);
        let group = group
            .elements(place.map(|place| Level::NOTE.with_name(Some("in")).message(place)))
            .elements(problem.help.as_deref().map(|help| Level::HELP.message(help)));
        renderer.render(&[group])
    }

    /// All variables that are not set in one block, each with its place.
    fn render_unset(&self, all: &[&Problem], renderer: &Renderer) -> String {
        let name = |problem: &Problem| problem.message.split('`').nth(1).unwrap_or("").to_owned();
        let names: BTreeSet<String> = all.iter().map(|problem| name(problem)).collect();
        let verb = if names.len() == 1 { "is" } else { "are" };
        let title = format!("{} {verb} not set here", counted(names.len(), "variable"));
        let places = all.iter().take(PLACES_MAX).map(|problem| {
            let path = self.place_in_words(problem).unwrap_or_default();
            let place = format!("{}:{}:{} {path}", problem.file, problem.line, problem.column);
            Level::NOTE.with_name(Some(name(problem))).message(place)
        });
        let left = all.len().saturating_sub(PLACES_MAX);
        let more = (left > 0)
            .then(|| Level::NOTE.with_name(Some("more")).message(counted(left, "other place")));
        let help = "set them in the environment, or write `${NAME:-default}`";
        let group = Level::WARNING.primary_title(title).id(UNSET).elements(places).elements(more);
        renderer.render(&[group.element(Level::HELP.message(help))])
    }

    fn excerpt(&self, file: &str, range: &Range<usize>) -> Option<Excerpt> {
        let place = self.files.iter().position(|text| text.name == file)?;
        let secrets = self.secrets.get(&place).map(Vec::as_slice);
        Some(Excerpt::of(self.files.get(place)?, range, secrets))
    }
}

/// The lines around a problem, with literal secrets blotted out.
struct Excerpt {
    text: String,
    first_line: usize,
    range: Range<usize>,
}

impl Excerpt {
    fn snippet<'a>(
        &'a self,
        file: &'a str,
        kind: AnnotationKind,
        label: Option<&'static str>,
    ) -> Snippet<'a, Annotation<'a>> {
        Snippet::source(self.text.as_str())
            .path(file)
            .line_start(self.first_line)
            .annotation(kind.span(self.range.clone()).label(label))
    }

    fn of(file: &FileText, range: &Range<usize>, secrets: Option<&[Range<usize>]>) -> Self {
        let start = file.floor(range.start);
        let line = file.line_of(start);
        let written = file.line_range(line).unwrap_or(start..start);
        let start = start.min(written.end);
        let end = file.floor(range.end).clamp(start, written.end);
        // A line of a megabyte is shown around the mistake only.
        let from = file.floor(written.start.max(start.saturating_sub(160)));
        let to = file.floor(written.end.min(end.min(start + 200) + 160)).max(from);
        let end = end.min(to).max(start);
        Self {
            text: blotted(file, line, from..to, secrets),
            first_line: line + 1,
            range: start - from..end - from,
        }
    }
}

/// A text as a workflow command takes it.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a workflow command.
fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}
