//! What may a rule file say, for people? The page is made from the same declarations as the schema.

use std::fmt::Write as _;

use serde_json::Value;

use super::codes::CODES;
use super::schema::schema;
use crate::expr::{FilterDoc, Topic, filter_table};
use crate::sources::presets;

const HEAD: &str = "\
<!-- Made by `kabari schema --reference`; a test holds them equal. Do not edit. -->
# The rule file

All that `rules.yaml` may say. `kabari check` reports every mistake in it with its line; `kabari schema` prints the
same as a JSON Schema, by which editors complete and check.
";

/// The reference page, in Markdown.
pub fn reference() -> String {
    let schema = schema();
    let mut page =
        Page { root: &schema, text: HEAD.to_owned(), waiting: Vec::new(), told: Vec::new() };
    page.keys("The file", &schema);
    let mut next = 0;
    while let Some((title, section)) = page.waiting.get(next).cloned() {
        page.keys(&title, &section);
        next += 1;
    }
    let mut text = page.text;
    filters(&mut text);
    known_senders(&mut text);
    codes(&mut text);
    text
}

struct Page<'s> {
    root: &'s Value,
    text: String,
    /// Sections: their titles, and the mappings that they show.
    waiting: Vec<(String, Value)>,
    /// Definitions with a section, and its title.
    told: Vec<(String, String)>,
}

impl<'s> Page<'s> {
    /// A table of the keys of one mapping.
    fn keys(&mut self, title: &str, schema: &Value) {
        let under = if title == "The file" { "" } else { title };
        let heading = if under.is_empty() { title.to_owned() } else { format!("`{title}`") };
        let about = schema["description"].as_str().unwrap_or("");
        let _ = write!(self.text, "\n## {heading}\n\n{about}\n\n");
        self.text
            .push_str("| key | what | default | example | |\n| --- | --- | --- | --- | --- |\n");
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let properties = schema["properties"].as_object().into_iter().flatten();
        // What everybody needs comes first: `wachat`, and `rules` before `defaults`.
        for (name, property) in properties.rev() {
            let path = if under.is_empty() { name.clone() } else { format!("{under}.{name}") };
            let what = self.what(property, &path);
            let default = match property.get("default") {
                Some(value) => code(value),
                None if required.contains(&Value::String(name.clone())) => "needed".to_owned(),
                None => String::new(),
            };
            // Of what may also be left empty, the first way is the one that says something.
            let examples = [&property["examples"], &property["anyOf"][0]["examples"]];
            let example = examples.iter().find_map(|it| it.get(0)).map_or(String::new(), code);
            let description = self.description(property);
            let cells = [format!("`{name}`"), what, default, example, description];
            let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
            let _ = writeln!(self.text, "| {} |", cells.join(" | "));
        }
    }

    /// What may stand there, in words.
    fn what(&mut self, schema: &Value, path: &str) -> String {
        if let Some(name) = definition_name(schema) {
            let root: &'s Value = self.root;
            let definition = &root["$defs"][name];
            if definition["properties"].is_object() {
                return self.section(path, name, definition);
            }
            return self.what(definition, path);
        }
        if schema["properties"].is_object() {
            return self.section(path, path, schema);
        }
        for word in ["anyOf", "oneOf"] {
            let Some(ways) = schema[word].as_array() else { continue };
            let ways = ways.iter().filter(|way| way["type"] != "null");
            let mut words: Vec<String> = ways.map(|way| self.what(way, path)).collect();
            words.dedup();
            return words.join(" or ");
        }
        if let Some(word) = schema.get("const") {
            return code(word);
        }
        match schema["type"].as_str() {
            Some("string") => "text".to_owned(),
            Some("integer") => "whole number".to_owned(),
            Some("number") => "number".to_owned(),
            Some("boolean") => "`true` or `false`".to_owned(),
            Some("array") => {
                format!("list of {}", self.what(&schema["items"], &format!("{path}[]")))
            }
            Some("object") => match &schema["additionalProperties"] {
                Value::Object(_) => {
                    let each = self.what(&schema["additionalProperties"], &format!("{path}.NAME"));
                    format!("mapping of names to {each}")
                }
                _ => "mapping".to_owned(),
            },
            _ => "anything".to_owned(),
        }
    }

    /// A reference to the section of a definition, which is added if it is new.
    fn section(&mut self, path: &str, name: &str, schema: &Value) -> String {
        let known = self.told.iter().find(|(told, _)| told == name);
        let title = known.map_or_else(|| path.replace("[]", ""), |(_, title)| title.clone());
        if known.is_none() {
            self.told.push((name.to_owned(), title.clone()));
            self.waiting.push((title.clone(), schema.clone()));
        }
        let anchor: String = title
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || "_-".contains(*c))
            .collect();
        format!("[`{title}`](#{anchor})")
    }

    /// The key's own description, and that of each word that may stand there.
    fn description(&self, schema: &Value) -> String {
        let mut text = schema["description"].as_str().unwrap_or("").to_owned();
        let Some(name) = definition_name(schema) else { return text };
        let definition = &self.root["$defs"][name];
        if definition["type"] == "string" {
            let _ = write!(text, " {}", definition["description"].as_str().unwrap_or(""));
        }
        for way in definition["oneOf"].as_array().into_iter().flatten() {
            if let (Some(word), Some(meaning)) = (way.get("const"), way["description"].as_str()) {
                let _ = write!(text, " {}: {meaning}", code(word));
            }
        }
        text
    }
}

fn definition_name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

fn code(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains('`') => format!("`` {text} ``"),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

/// The filters of templates and conditions, by what they are about.
fn filters(text: &mut String) {
    text.push_str(
        "\n## Filters\n\nIn templates and in `when`, `let` and `each`: `value | filter(argument)`. An argument \
         with `?` may be left out; each can be given by its name, as in `date(tz=\"UTC\")`.\n",
    );
    let mut topic: Option<Topic> = None;
    for filter in filter_table() {
        if topic.replace(filter.topic) != Some(filter.topic) {
            let title = filter.topic.title();
            let _ = write!(
                text,
                "\n### {title}\n\n| filter | what it does | examples |\n| --- | --- | --- |\n"
            );
        }
        let cells = [usage(filter), filter.does.to_owned(), examples(filter)];
        let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
}

/// `` `truncate(length, end?)` ``, and what else it is called.
fn usage(filter: &FilterDoc) -> String {
    let parameter = |it: &crate::expr::Parameter| {
        if it.required { it.name.to_owned() } else { format!("{}?", it.name) }
    };
    let parameters: Vec<String> = filter.parameters.iter().map(parameter).collect();
    let mut usage = match parameters.as_slice() {
        [] => format!("`{}`", filter.name),
        some => format!("`{}({})`", filter.name, some.join(", ")),
    };
    for alias in filter.aliases {
        let _ = write!(usage, ", also `{alias}`");
    }
    usage
}

fn examples(filter: &FilterDoc) -> String {
    let shown = |text: &str| match text {
        "" => "nothing".to_owned(),
        text => code(&Value::from(text.replace('\n', "⏎"))),
    };
    let one =
        |(template, prints): &(&str, &str)| format!("{} → {}", shown(template), shown(prints));
    filter.examples.iter().map(one).collect::<Vec<_>>().join("<br>")
}

fn known_senders(text: &mut String) {
    text.push_str(
        "\n## Known senders\n\nA source of one of these names, or with `preset:`, needs a secret alone. `kabari sources` \
         says the same with your own addresses.\n\n| preset | kind | amounts | where its secret is | its documentation |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for (name, row) in presets().into_iter().flatten() {
        let amounts = match row.amounts {
            Some(crate::expr::AmountUnit::Minor) => "minor",
            Some(crate::expr::AmountUnit::Major) => "major",
            None => "",
        };
        let cell = |text: &Option<String>| text.clone().unwrap_or_default().replace('|', "\\|");
        let action = row.action.as_ref().map_or(String::new(), |action| format!(" . `{action}`"));
        let _ = writeln!(
            text,
            "| `{name}` | `{}`{action} | {amounts} | {} | {} |",
            cell(&row.kind),
            cell(&row.secret_at),
            cell(&row.docs),
        );
    }
}

fn codes(text: &mut String) {
    text.push_str(
        "\n## What `kabari check` says\n\nAn error refuses to load, a warning does not; `kabari check --allow CODE` silences \
         a warning that you know better than.\n\n| code | | what is wrong |\n| --- | --- | --- |\n",
    );
    for code in CODES {
        let severity = if code.warns { "warning" } else { "error" };
        let _ = writeln!(text, "| `{}` | {severity} | {} |", code.name, code.meaning);
    }
}
