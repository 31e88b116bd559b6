//! What may an included file hold, and is a mistake in it told of that file?

use std::fs;
use std::path::Path;

use kabari::config::{LoadOptions, load_text};

use super::{lines, variable};

#[test]
fn variables_are_not_filled_in_in_included_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("more.yaml"),
        "rules:\n  - name: a\n    source: s\n    send: { number: \"1\", message: \"${HOME}\" }\n",
    )
    .unwrap();
    let text = "wachat: { token: x, instance: phone }\ninclude: more.yaml\n";
    let options = LoadOptions { lenient: true, variable: &variable };
    let report =
        load_text(folder.path().join("rules.yaml"), text.to_owned(), &options).unwrap_err();
    let problem = report.problems().iter().find(|p| p.code == "variable").unwrap();
    assert_eq!((problem.line, problem.column), (4, 36));
    assert!(problem.file.ends_with("more.yaml"));
}

#[test]
fn a_mistake_in_an_included_file_names_that_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let rule =
        "rules:\n  - { name: a, source: s, send: { number: \"6281234567890\", message: hi } }\n";
    write("one.yaml", rule);
    write("two.yaml", rule);
    write("bad.yaml", "rules:\n  - {{ x }}\n");
    write("cut.yaml", "rules: [\n");
    write(
        "filter.yaml",
        "rules:\n  - name: f\n    source: s\n    send:\n      number: \"1\"\n      message: |\n        a\n        b {{ event.c | uper }}\n",
    );
    let text = "wachat: { token: x, instance: phone }\ninclude: [\"*.yaml\"]\n\
                sources: { s: { preset: stripe, secret: \"a-secret-of-many-characters\" } }\n";
    let options = LoadOptions { lenient: true, variable: &variable };
    let main = folder.path().join("rules.yaml");
    let report = load_text(main, text.to_owned(), &options).unwrap_err();
    let place = |code: &str| {
        let problem = report.problems().iter().find(|p| p.code == code);
        let problem = problem.unwrap_or_else(|| panic!("{code}: {:#?}", lines(&report)));
        let file = Path::new(&problem.file).file_name().unwrap().to_string_lossy().into_owned();
        (file, problem.line, problem.column)
    };
    assert_eq!(place("yaml-template"), ("bad.yaml".to_owned(), 2, 5));
    assert_eq!(place("yaml-syntax"), ("cut.yaml".to_owned(), 1, 8));
    assert_eq!(place("unknown-filter"), ("filter.yaml".to_owned(), 8, 24));
    assert_eq!(place("duplicate-name"), ("two.yaml".to_owned(), 2, 13));
    let twice = report.problems().iter().find(|p| p.code == "duplicate-name").unwrap();
    assert!(twice.help.as_ref().unwrap().contains("one.yaml:2"), "{twice:?}");
}

#[test]
fn an_included_file_holds_rules_and_tests_only() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("more.yaml"), "wachat: { token: x }\n").unwrap();
    let text = "wachat: { token: x, instance: phone }\ninclude: more.yaml\n";
    let options = LoadOptions { lenient: true, variable: &variable };
    let report =
        load_text(folder.path().join("rules.yaml"), text.to_owned(), &options).unwrap_err();
    let problem = report.problems().iter().find(|p| p.file.ends_with("more.yaml")).unwrap();
    assert_eq!(problem.message, "`wachat` cannot be in a file that is included");
}

#[test]
fn a_table_is_looked_for_beside_the_file_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("team")).unwrap();
    write("people.csv", "key,value\nann,6281234567890\n");
    write("team/words.csv", "key,value\nann,hello\n");
    let rule = |table: &str| {
        format!(
            "rules:\n  - {{ name: a, source: s, send: {{ message: \"{{{{ 'ann' | lookup('{table}') }}}}\" }} }}\n"
        )
    };
    let text = "wachat: { token: \"${TOKEN}\", instance: phone }\ninclude: team/rules.yaml\n\
                defaults: { send: { number: \"{{ 'ann' | lookup('people.csv') }}\" } }\n\
                sources: { s: { preset: stripe, secret: \"${SECRET}\" } }\n";
    let options = LoadOptions { lenient: true, variable: &variable };
    let load = || load_text(folder.path().join("rules.yaml"), text.to_owned(), &options);
    write("team/rules.yaml", &rule("words.csv"));
    if let Err(report) = load() {
        panic!("each stands beside the file that names it: {}", report.render(false));
    }
    write("team/rules.yaml", &rule("people.csv"));
    let report = load().expect_err("the team has no such table");
    assert!(lines(&report)[0].contains("error[lookup] rules[0].send.message"), "{report:?}");
}
