//! All files that were read, and every mistake at its place in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use super::LoadOptions;
use super::blot::{self, is_secret};
use super::deserializer::Trail;
use super::file::RuleSettings;
use super::innermost::path_at;
use super::inputs::{Include, Inputs};
use super::interpolate::Interpolation;
use super::later;
use super::node::{Content, Found, Node, Origin, Scalar, follow};
use super::parse::{Counts, Parsed, parse};
use super::placed::Placed;
use super::places::RulePlaces;
use super::problem::{Problem, Report};
use super::read::Reading;
use super::syntax;
use super::text::FileText;
use crate::model::{Fault, Severity};

/// So many problems are told; of the rest there is only the count.
const PROBLEMS_MAX: usize = 1000;
/// For what explains itself.
const HELP: &str = "what can be written is listed by `kabari schema --reference`";
/// Mistakes in a key, not in its value.
const KEYS_WRONG: [&str; 2] = ["unknown-path", "match-path"];

/// The files and what is wrong with them.
#[derive(Default)]
pub(super) struct Book {
    pub(super) report: Report,
    trees: Vec<Tree>,
    inputs: Inputs,
    now: Timestamp,
    /// How much there is in all files so far.
    counts: Counts,
    /// The days of each file that `hours:` name.
    pub(super) holidays: BTreeMap<String, BTreeSet<Date>>,
}

/// One file that could be parsed.
struct Tree {
    file: usize,
    root: Node,
    reading: Reading,
}

/// Which of the files that could be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TreeId(usize);

impl Book {
    /// An empty one, opened at `now`.
    pub(super) fn at(now: Timestamp) -> Self {
        Self { now, ..Self::default() }
    }

    /// When the files are read: times in them lie before or after it.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Remembers a file that was read, or would have been were it there: when it changes, the rule
    /// file is to be read again.
    pub(super) fn watch(&mut self, path: &Path) {
        if !self.inputs.files.iter().any(|known| known == path) {
            self.inputs.files.push(path.to_owned());
        }
    }

    /// Remembers what was asked to be included: when another file matches it, the same.
    pub(super) fn watch_include(&mut self, include: Include) {
        self.inputs.includes.push(include);
    }

    /// What [`Self::watch`] and [`Self::watch_include`] were told.
    pub(super) fn take_inputs(&mut self) -> Inputs {
        std::mem::take(&mut self.inputs)
    }

    /// Parses a file and fills in its variables; `None` if its syntax is broken.
    pub(super) fn open(
        &mut self,
        path: &Path,
        mut text: String,
        options: &LoadOptions<'_>,
    ) -> Option<TreeId> {
        self.watch(path);
        let file = self.report.files.len();
        let included = file > 0;
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        self.report.files.push(Arc::new(FileText::new(path.display().to_string(), text)));
        let text = &self.report.files[file];
        let Parsed { root, mistakes, counts } = parse(file, text, self.counts);
        self.counts = counts;
        if let Some(root) = &root {
            self.report.secrets.entry(file).or_default();
            for (file, range) in blot::secrets(root) {
                self.report.secrets.entry(file).or_default().push(range);
            }
        }
        let text = &self.report.files[file];
        let mut faults: Vec<(Fault, Range<usize>)> = Vec::new();
        for mistake in mistakes {
            let path = root.as_ref().map(|root| path_at(root, mistake.range.start));
            let mut fault = mistake.fault.under(&path.unwrap_or_default());
            if fault.code == "yaml-tag" && is_secret(&fault.path) {
                "a `!` before a value makes a YAML tag of it".clone_into(&mut fault.message);
            }
            faults.push((fault, mistake.range));
        }
        let broken = root.is_none() && !faults.is_empty();
        // An empty file is an empty mapping.
        let blank = Node::new(file, 0..0, Content::Map(Vec::new()));
        let mut root = root.filter(|root| !root.is_blank()).unwrap_or(blank);
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut variables = Interpolation::new(options, folder, text, included);
        variables.faults = faults;
        variables.fill(&mut root, "");
        let Interpolation { faults, unset_in_order: unset, files, .. } = variables;
        for file in files {
            self.watch(&file);
        }
        // Variables are filled in only in one file, and there each is named once.
        self.report.unset.extend(unset);
        for (fault, range) in faults {
            self.record(file, fault, range);
        }
        if broken {
            return None;
        }
        self.trees.push(Tree { file, root, reading: Reading::new() });
        Some(TreeId(self.trees.len() - 1))
    }

    /// Reads a whole file as a `T`; what is wrong is kept.
    pub(super) fn read<T: for<'n> Deserialize<'n>>(&mut self, id: TreeId) -> Option<T> {
        let tree = self.trees.get_mut(id.0)?;
        let value = tree.reading.read(&tree.root, &Trail::Top);
        self.report.rule_names.insert(tree.file, BTreeMap::new());
        for (fault, file, range) in tree.reading.take_faults() {
            self.record(file, fault, range);
        }
        value
    }

    /// Reads one of the rules of a file; what is wrong is kept.
    pub(super) fn read_rule(&mut self, id: TreeId, index: usize) -> Option<Placed<RuleSettings>> {
        let tree = self.trees.get(id.0)?;
        let Content::Map(entries) = tree.root.content() else { return None };
        let (key, rules) = entries.iter().find(|(key, _)| key.text == later::SECTION)?;
        let Content::List(rules) = rules.content() else { return None };
        let (top, node) = (Trail::Key(&Trail::Top, key), rules.get(index)?);
        let value = tree.reading.read(node, &Trail::Index(&top, index));
        for (fault, file, range) in tree.reading.take_faults() {
            self.record(file, fault, range);
        }
        value
    }

    /// Forgets what a rule said, as far as it can be read again.
    pub(super) fn forget_rule(&mut self, id: TreeId, index: usize) {
        let Some(tree) = self.trees.get_mut(id.0) else { return };
        let Some(node) = tree.root.entry_mut(later::SECTION, index) else { return };
        // What was left out of it is known by its address.
        if !tree.reading.is_noted(node) {
            node.forget();
        }
    }

    /// Whether so much is wrong with a file that the rest of it is not of interest.
    pub(super) fn is_over(&self, id: TreeId) -> bool {
        self.trees.get(id.0).is_none_or(|tree| tree.reading.is_over())
    }

    /// How many rules a file has.
    pub(super) fn rule_count(&self, id: TreeId) -> usize {
        match self.node(id, later::SECTION).map(Node::content) {
            Some(Content::List(rules)) => rules.len(),
            _ => 0,
        }
    }

    /// Names the rules in which something is wrong, for the report.
    pub(super) fn name_rules(&mut self) {
        for tree in &self.trees {
            let Some(name) = self.report.files.get(tree.file).map(|text| &text.name) else {
                continue;
            };
            let of_file = self.report.problems.iter().filter(|problem| problem.file == *name);
            let named = of_file.filter_map(|problem| {
                let index = problem.path.strip_prefix("rules[")?.split_once(']')?.0.parse().ok()?;
                let path = format!("{}[{index}].name", later::SECTION);
                let Found::Value(node) = follow(&tree.root, &path).0 else { return None };
                Some((index, node.scalar()?.text.clone()))
            });
            let named: BTreeMap<usize, String> = named.collect();
            self.report.rule_names.insert(tree.file, named);
        }
    }

    /// The trees, for where rules stand.
    pub(super) fn take_places(&mut self, rules: &[(TreeId, usize)]) -> RulePlaces {
        let rules = rules.iter().map(|(id, index)| (id.0, *index)).collect();
        let trees = std::mem::take(&mut self.trees);
        let texts = &self.report.files;
        let with_text = |tree: Tree| Some((Arc::clone(texts.get(tree.file)?), tree.root));
        RulePlaces::of(trees.into_iter().filter_map(with_text).collect(), rules)
    }

    /// The node at a path, if it is there and was read.
    pub(super) fn node(&self, id: TreeId, path: &str) -> Option<&Node> {
        match follow(&self.trees.get(id.0)?.root, path).0 {
            Found::Value(node) => Some(node),
            Found::Outside(..) => None,
        }
    }

    /// What a room or a check found wrong, at its place; silent about what follows from an
    /// earlier mistake or from a variable that is not set.
    pub(super) fn fault(&mut self, id: TreeId, mut fault: Fault) {
        if self.is_full() {
            self.report.hide(fault.severity);
            return;
        }
        let is_missing = ["missing-field", "missing-key"].contains(&fault.code);
        if is_missing && self.is_told(id, &fault.path) {
            return;
        }
        let Some(tree) = self.trees.get(id.0) else { return };
        if let (Found::Value(node), _) = follow(&tree.root, &fault.path)
            && let Some(scalar) = node.scalar()
            && scalar.origin == Origin::Outside
        {
            fault.message = without_values(&fault.message, scalar, is_secret(&fault.path));
            fault.help =
                fault.help.filter(|help| scalar.text.is_empty() || !help.contains(&scalar.text));
        }
        // A path that is wrong is shown where the path is written.
        let about_key = fault.range.is_none() && KEYS_WRONG.contains(&fault.code);
        let (file, range) = match follow(&tree.root, &fault.path) {
            (Found::Value(node), _) if tree.reading.is_poisoned(node) => return,
            (Found::Outside(node, rest), _) if tree.reading.left_out(node, rest) => return,
            (Found::Value(_), Some(key)) if about_key => (key.file, key.span.clone()),
            (Found::Value(node), key) => match (node.scalar(), &fault.range, key) {
                (Some(scalar), range, _) if stands_in(scalar, range.as_ref()) => return,
                (Some(_), Some(range), _) => {
                    let text = &self.report.files[node.file];
                    (node.file, node.range_in_file(range.clone(), text))
                }
                (None, _, Some(key)) => (key.file, key.span.clone()),
                _ => (node.file, node.span.clone()),
            },
            (Found::Outside(_, _), Some(key)) => (key.file, key.span.clone()),
            (Found::Outside(node, _), None) => (node.file, node.span.start..node.span.start),
        };
        self.record(file, fault, range);
    }

    /// The same, and shows beside it the value at a path of another file, or of the same.
    pub(super) fn fault_beside(&mut self, id: TreeId, fault: Fault, other: (TreeId, &str)) {
        let known = self.report.problems.len();
        self.fault(id, fault);
        let Some(node) = self.node(other.0, other.1) else { return };
        let also =
            self.report.files.get(node.file).map(|text| (text.name.clone(), node.span.clone()));
        if let Some(problem) = self.report.problems.get_mut(known) {
            problem.also = also;
        }
    }

    /// The same for a fault without a path of its own, if there is one.
    pub(super) fn faults_at(&mut self, id: TreeId, path: &str, fault: Option<Fault>) {
        if let Some(fault) = fault {
            self.fault(id, fault.under(path));
        }
    }

    /// Whether a value is only missing for a reason that was told: what stood there was wrong, or
    /// its key was misspelled.
    fn is_told(&self, id: TreeId, path: &str) -> bool {
        let holder = path.rsplit_once('.').map_or("", |(holder, _)| holder);
        let misspelled = |problem: &Problem| {
            let is_beside = problem.path.rsplit_once('.').is_some_and(|(it, _)| it == holder);
            problem.code == "unknown-key" && is_beside
        };
        self.has_error_below(id, path) || self.report.problems.iter().any(misspelled)
    }

    /// For a file of which too little is left without its variables.
    pub(super) fn refuse_unset(&mut self) {
        let fault = Fault::error("", "unset-variable", "nothing is left without these variables")
            .help("a variable can stand for a text, not for a whole section");
        self.record(0, fault, 0..0);
    }

    fn record(&mut self, file: usize, mut fault: Fault, range: Range<usize>) {
        if self.is_full() {
            self.report.hide(fault.severity);
            return;
        }
        let Some(text) = self.report.files.get(file) else { return };
        let start = text.floor(range.start);
        if fault.code == "yaml-comment" && !is_secret(&fault.path) {
            fault.help = Some(syntax::mended_or(text, start, "put the text in quotes"));
        }
        let (line, column) = text.place(start);
        let problem = Problem {
            file: text.name.clone(),
            line,
            column,
            severity: fault.severity,
            code: fault.code,
            path: fault.path,
            message: fault.message,
            help: fault.help.or_else(|| Some(HELP.to_owned())),
            range: start..text.floor(range.end).max(start),
            also: None,
        };
        self.report.problems.push(problem);
    }

    /// Whether no more problems are told, so that to look for doubts is of no use.
    pub(super) fn is_full(&self) -> bool {
        self.report.problems.len() >= PROBLEMS_MAX
    }

    /// Whether something is wrong with a value at or below this path.
    pub(super) fn has_error_below(&self, id: TreeId, path: &str) -> bool {
        let name = self.trees.get(id.0).and_then(|tree| self.report.files.get(tree.file));
        self.report.problems.iter().any(|problem| {
            let rest = problem.path.strip_prefix(path);
            problem.severity == Severity::Error
                && Some(&problem.file) == name.map(|text| &text.name)
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// The folder of a file, where its relative paths start.
    pub(super) fn folder(&self, id: TreeId) -> PathBuf {
        let name = self.trees.get(id.0).and_then(|tree| self.report.files.get(tree.file));
        let path = name.and_then(|text| Path::new(&text.name).parent());
        path.map(Path::to_owned).unwrap_or_default()
    }

    /// `file:line` of a path, for what refers to it later.
    pub(super) fn place(&self, id: TreeId, path: &str) -> String {
        let node = self.node(id, path);
        let Some((node, text)) =
            node.and_then(|node| Some((node, self.report.files.get(node.file)?)))
        else {
            return String::new();
        };
        format!("{}:{}", text.name, text.place(node.span.start).0)
    }
}

/// Whether what is said of a scalar may be so only because of a variable that is not set.
fn stands_in(scalar: &Scalar, range: Option<&Range<usize>>) -> bool {
    let filled = scalar.filled.as_ref();
    let certain = filled.zip(range).is_some_and(|(filled, range)| filled.is_written(range));
    scalar.origin == Origin::Unset && !certain
}

/// A message about a value that came from a variable or another file, without that value: neither
/// the whole of it nor any part that is quoted, unless that stands in the file.
fn without_values(message: &str, scalar: &Scalar, secret: bool) -> String {
    let value = &scalar.text;
    let message = if value.is_empty() { message.to_owned() } else { message.replace(value, "…") };
    let shown = |part| !secret && scalar.filled.as_ref().is_some_and(|filled| filled.shows(part));
    let parts = message.split('`').enumerate();
    let told = parts.map(|(index, part)| match (index % 2, shown(part)) {
        (1, true) => format!("`{part}`"),
        (1, false) => "`…`".to_owned(),
        _ => part.to_owned(),
    });
    told.collect()
}
