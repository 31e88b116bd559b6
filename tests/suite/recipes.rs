//! Can every recipe be copied and used as it is?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use kabari::config::{LoadOptions, Loaded, load};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/recipes")
}

/// The rule files of a folder, by name.
fn rule_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    files.sort();
    files
}

fn recipes() -> Vec<PathBuf> {
    let recipes = rule_files(&folder());
    assert!(recipes.len() >= 17, "{recipes:?}");
    recipes
}

/// The recipes, and two files as their users would write them: a shop's and a team's.
fn all() -> Vec<PathBuf> {
    let users = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/users");
    let users = rule_files(&users);
    assert_eq!(users.len(), 2, "{users:?}");
    [recipes(), users].concat()
}

/// The variables that a rule file names, each with a long value.
fn variables(text: &str) -> BTreeMap<String, String> {
    let names = text.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next());
    let names = names.filter(|name| !name.is_empty() && *name != "file");
    names.map(|name| (name.to_owned(), format!("0123456789abcdef-{name}"))).collect()
}

fn loaded(path: &Path) -> Loaded {
    let text = std::fs::read_to_string(path).unwrap();
    let variables = variables(&text);
    let variable = |name: &str| variables.get(name).cloned();
    load(path, &LoadOptions { lenient: false, variable: &variable })
        .unwrap_or_else(|report| panic!("{}: {}", path.display(), report.render(false)))
}

fn kabari(words: &[&str], recipe: &Path) -> (bool, String) {
    let text = std::fs::read_to_string(recipe).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_kabari"))
        .args(words)
        .arg("--rules")
        .arg(recipe)
        .env_clear()
        .envs(variables(&text))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said.into_owned())
}

#[test]
fn every_recipe_and_every_users_file_loads_without_a_warning() {
    for recipe in all() {
        let (good, said) = kabari(&["check", "--format", "json"], &recipe);
        let (_, shown) = kabari(&["check"], &recipe);
        assert!(good && said.trim() == "[]", "{shown}");
    }
}

#[test]
fn their_tests_pass() {
    for recipe in all() {
        let (good, said) = kabari(&["test"], &recipe);
        assert!(good && said.contains(" passed, 0 failed"), "{}:\n{said}", recipe.display());
    }
}

#[test]
fn their_tests_reach_every_rule_and_one_expects_silence() {
    for recipe in all() {
        let loaded = loaded(&recipe);
        let expected = loaded.tests.iter().flat_map(|test| &test.expect);
        let reached: BTreeSet<&str> =
            expected.filter_map(|message| message.get("rule")?.as_str()).collect();
        let rules: BTreeSet<&str> = loaded.pipeline.rule_names().collect();
        assert_eq!(reached, rules, "{}", recipe.display());
        let silent = loaded.tests.iter().filter(|test| test.expect.is_empty()).count();
        assert!(silent > 0, "{}: no test of what is not sent", recipe.display());
    }
}

#[test]
fn every_recipe_opens_with_what_it_does_and_keeps_its_secrets_outside() {
    for recipe in recipes() {
        let text = std::fs::read_to_string(&recipe).unwrap();
        let name = recipe.display();
        assert!(text.starts_with("# "), "{name}");
        for line in text.lines() {
            assert!(line.chars().count() <= 400, "{name}: {line}");
            let secret = line.trim().trim_start_matches("secret: ");
            assert!(secret == line.trim() || secret.starts_with("${"), "{name}: {line}");
        }
        assert!(text.contains("token: ${WACHAT_TOKEN}"), "{name}");
    }
}

#[test]
fn every_event_of_the_recipes_is_used_by_one() {
    let texts: Vec<String> =
        recipes().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for entry in std::fs::read_dir(folder().join("events")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let used = texts.iter().any(|text| text.contains(&format!("events/{name}")));
        assert!(used, "no recipe uses events/{name}");
    }
}
