//! `kabari schema`: would an editor be content with what is right, and mark what is wrong?

use std::fs;
use std::path::{Path, PathBuf};

use kabari::config::{LoadOptions, load};
use serde_json::Value;

use super::{Said, home_alone};

/// What a schema can express; the rest is for `kabari check` alone.
const EXPRESSIBLE: [&str; 4] = ["unknown-key", "missing-key", "unknown-value", "type"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn says(words: &[&str]) -> String {
    Said::from(home_alone().say(words, "")).is(0).out
}

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(&says(&["schema"])).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

/// The file as an editor reads it: `off` is the text that it is since YAML 1.2.
fn yaml(text: &str) -> Option<Value> {
    serde_yaml::from_str(&text.replace(": off", ": 'off'")).ok()
}

fn examples(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect()
}

#[test]
fn every_rule_file_that_is_right_fits_the_schema() {
    let validator = validator();
    let mut all = examples("tests/config/good");
    all.extend(examples("tests/config/good/rules.d"));
    all.push(root().join("rules.yaml"));
    let mut texts: Vec<_> = all
        .iter()
        .map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap()))
        .collect();
    texts.push(("these tests'".to_owned(), super::RULES.to_owned()));
    for (name, text) in texts.iter().filter(|(name, _)| !name.contains("rules.d")) {
        let value = yaml(text).unwrap_or_else(|| panic!("{name}"));
        let wrong: Vec<_> = validator
            .iter_errors(&value)
            .map(|it| format!("{}: {it}", it.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
}

#[test]
fn an_editor_marks_whatever_a_schema_can_express() {
    let validator = validator();
    let variable = |_: &str| Some("a-secret-of-many-characters".to_owned());
    let options = LoadOptions { lenient: true, variable: &variable };
    let mut marked = 0;
    for path in examples("tests/config/bad") {
        let Some(value) = yaml(&fs::read_to_string(&path).unwrap()) else { continue };
        let Err(report) = load(&path, &options) else { continue };
        let name = path.display().to_string();
        // A number may come from `defaults.send`.
        let expressible = report.problems().iter().any(|problem| {
            problem.file == name
                && EXPRESSIBLE.contains(&problem.code)
                && !problem.path.ends_with(".number")
                && !problem.path.contains(".match")
        });
        if expressible {
            assert!(!validator.is_valid(&value), "{name}");
            marked += 1;
        }
    }
    assert!(marked >= 6, "{marked}");
}

#[test]
fn every_key_is_described_for_editors_and_on_the_page() {
    let schema: Value = serde_json::from_str(&says(&["schema"])).unwrap();
    let page = says(&["schema", "--reference"]);
    let mut mappings: Vec<&Value> = vec![&schema];
    mappings.extend(schema["$defs"].as_object().unwrap().values());
    let mut keys = 0;
    for mapping in mappings {
        for (key, property) in mapping["properties"].as_object().into_iter().flatten() {
            let described = property["description"].as_str().is_some_and(|it| !it.is_empty());
            assert!(described, "{key}: {property}");
            assert!(page.contains(&format!("| `{key}` |")), "{key} is not on the page");
            keys += 1;
        }
    }
    assert!(keys > 60, "{keys}");
}

#[test]
fn every_key_of_the_page_has_an_example_or_a_section_of_its_own() {
    let page = says(&["schema", "--reference"]);
    let rows =
        page.lines().filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 4);
    // The tables of senders have other columns.
    let rows: Vec<&str> = rows.take_while(|row| !row.starts_with("| `adyen`")).collect();
    let without = |row: &&&str| row.split(" | ").nth(3) == Some("") && !row.contains("](#");
    let without: Vec<&&str> = rows.iter().filter(without).collect();
    assert!(rows.len() > 60 && without.is_empty(), "{without:#?}");
}

#[test]
fn every_filter_is_on_the_page_with_an_example() {
    let page = says(&["schema", "--reference"]);
    for filter in kabari::expr::filter_table() {
        let usage = [
            format!("| `{}` |", filter.name),
            format!("| `{}(", filter.name),
            format!("| `{}`, also", filter.name),
        ];
        // Keys of the rule file may have the same name.
        let mut rows =
            page.lines().filter(|line| usage.iter().any(|usage| line.starts_with(usage)));
        assert!(rows.any(|row| row.contains(" → ")), "{} is not on the page", filter.name);
    }
}

#[test]
fn the_schema_and_the_page_that_are_shipped_are_those_of_this_program() {
    for (file, words) in
        [("rules.schema.json", &["schema"][..]), ("reference.md", &["schema", "--reference"])]
    {
        let path = root().join("deploy").join(file);
        let now = says(words);
        if std::env::var_os("KABARI_BLESS").is_some() {
            fs::write(&path, &now).unwrap();
        }
        let shipped = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            shipped == now,
            "deploy/{file} is not what `kabari {}` prints: run this test with KABARI_BLESS=1",
            words.join(" ")
        );
    }
    let first = fs::read_to_string(root().join("rules.yaml")).unwrap();
    let schema = first.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=");
    assert!(root().join(schema.unwrap()).exists());
}
