//! Where do rules and their conditions stand? For what is said about them later.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::later::SECTION;
use super::node::{Content, Node};
use super::text::FileText;

/// Where a rule stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulePlace {
    /// File and line, as `rules.yaml:28`.
    pub at: String,
    /// The line of its `kind:`.
    pub kind: Option<usize>,
    /// The line of its `when:`.
    pub when: Option<usize>,
    /// The lines of the names of `let:`.
    pub names: BTreeMap<String, usize>,
    /// The line of its `each:`.
    pub each: Option<usize>,
    /// The lines of what `match:` wants, by the path in the body.
    pub pattern: BTreeMap<String, usize>,
}

/// Where all rules stand, looked up when it is asked.
#[derive(Debug, Default)]
pub struct RulePlaces {
    trees: Vec<(Arc<FileText>, Node)>,
    /// The tree of each, and which of its rules it is.
    rules: Vec<(usize, usize)>,
    by_name: OnceLock<BTreeMap<String, RulePlace>>,
}

impl RulePlaces {
    pub(super) fn of(trees: Vec<(Arc<FileText>, Node)>, rules: Vec<(usize, usize)>) -> Self {
        Self { trees, rules, by_name: OnceLock::new() }
    }

    /// Where the rule of this name stands.
    pub fn get(&self, rule: &str) -> Option<&RulePlace> {
        self.all().get(rule)
    }

    /// The names of all rules.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all().keys().map(String::as_str)
    }

    fn all(&self) -> &BTreeMap<String, RulePlace> {
        let places = || {
            let rules = self.rules.iter();
            rules.filter_map(|(tree, index)| of_rule(self.trees.get(*tree)?, *index)).collect()
        };
        self.by_name.get_or_init(places)
    }
}

/// A rule's name and place.
fn of_rule((text, root): &(Arc<FileText>, Node), index: usize) -> Option<(String, RulePlace)> {
    let Content::List(rules) = root.get(SECTION)?.content() else { return None };
    // A copy, which is forgotten with what it read.
    let rule = rules.get(index)?.clone();
    let line = |span: &Range<usize>| text.place(span.start).0;
    let at = format!("{}:{}", text.name, line(&rule.span));
    let mut place = RulePlace { at, ..RulePlace::default() };
    let Content::Map(entries) = rule.content() else { return None };
    for (key, value) in entries {
        let line = line(&key.span);
        match key.text.as_str() {
            "kind" => place.kind = Some(line),
            "when" => place.when = Some(line),
            "each" => place.each = Some(line),
            "let" => wanted(value, "", text, &mut place.names),
            "match" => wanted(value, "", text, &mut place.pattern),
            _ => {}
        }
    }
    Some((rule.get("name")?.scalar()?.text.clone(), place))
}

fn wanted(node: &Node, under: &str, text: &FileText, lines: &mut BTreeMap<String, usize>) {
    let Content::Map(entries) = node.content() else { return };
    for (key, value) in entries {
        let dot = if under.is_empty() { "" } else { "." };
        let path = format!("{under}{dot}{}", key.text.replace('"', ""));
        wanted(value, &path, text, lines);
        lines.insert(path, text.place(key.span.start).0);
    }
}
