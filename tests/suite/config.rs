//! Does every good rule file load, and does every bad one say what is wrong with it?
//!
//! A file in `tests/config/bad` is named for its mistake; beside it stands the report that people
//! get. `KABARI_BLESS=1 cargo test --test suite config` writes the reports anew: read what changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kabari::config::{CODES, LoadOptions, Loaded, Report, load, load_text};
use kabari::model::Severity;
use proptest::prelude::*;

/// What every test finds in its environment.
fn variable(name: &str) -> Option<String> {
    match name {
        "EMPTY" => Some(String::new()),
        "INJECTED" => Some("x\nrules:\n  - name: evil: \"'".to_owned()),
        "LISTEN" => Some("hidden-value".to_owned()),
        name if name.starts_with("NO") => None,
        _ => Some("a-secret-of-many-characters".to_owned()),
    }
}

fn strict(text: &str) -> Result<Loaded, Box<Report>> {
    let options = LoadOptions { lenient: false, variable: &variable };
    load_text(PathBuf::from("rules.yaml"), text.to_owned(), &options)
}

fn lenient(text: &str) -> Result<Loaded, Box<Report>> {
    let options = LoadOptions { lenient: true, variable: &variable };
    load_text(PathBuf::from("rules.yaml"), text.to_owned(), &options)
}

#[expect(clippy::unwrap_used, reason = "a test's own helper")]
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new("tests/config").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[expect(clippy::unwrap_used, reason = "a test's own helper")]
fn lines(report: &Report) -> Vec<String> {
    let line = |p: &kabari::config::Problem| {
        let severity = serde_json::to_value(p.severity).unwrap();
        let severity = severity.as_str().unwrap();
        format!("{}:{} {severity}[{}] {}: {}", p.line, p.column, p.code, p.path, p.message)
    };
    report.problems().iter().map(line).collect()
}

#[test]
fn every_bad_rule_file_says_what_is_wrong_with_it() {
    let options = LoadOptions { lenient: false, variable: &variable };
    let mut wrong = Vec::new();
    for path in files("bad") {
        let report = load(&path, &options).map_or_else(|report| *report, |it| it.warnings);
        assert!(!report.is_empty(), "{}: there is nothing wrong with it", path.display());
        let found = lines(&report);
        assert!(report.problems().iter().all(|p| p.help.is_some()), "{found:#?}");
        for problem in report.problems() {
            let known = CODES.iter().find(|code| code.name == problem.code);
            let known = known.unwrap_or_else(|| panic!("{} is in no table", problem.code));
            assert!(known.warns || problem.severity == Severity::Error, "{known:?}");
        }
        let shown = report.render(false) + "\n";
        let beside = path.with_extension("txt");
        if std::env::var_os("KABARI_BLESS").is_some() {
            fs::write(&beside, &shown).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if shown != expected {
            wrong.push(format!("{}:\n{shown}\ninstead of\n{expected}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_enough_bad_rule_files_and_no_report_without_its_file() {
    let files = files("bad");
    assert!(files.len() >= 75, "{}", files.len());
    for entry in fs::read_dir("tests/config/bad").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "txt") {
            assert!(path.with_extension("yaml").exists(), "{}", path.display());
        }
    }
}

#[test]
fn every_good_rule_file_loads_without_a_word() {
    let options = LoadOptions { lenient: false, variable: &variable };
    for path in files("good") {
        match load(&path, &options) {
            Ok(loaded) => {
                assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(false));
            }
            Err(report) => panic!("{}", report.render(false)),
        }
    }
}

#[test]
fn the_shipped_rule_file_loads() {
    let options = LoadOptions { lenient: false, variable: &variable };
    match load(Path::new("rules.yaml"), &options) {
        Ok(loaded) => {
            assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(false));
            assert!(loaded.pipeline.rule_count() >= 8);
            assert!(loaded.tests.len() >= 8);
        }
        Err(report) => panic!("{}", report.render(false)),
    }
}

#[test]
fn settings_and_defaults_are_what_the_file_says() {
    let options = LoadOptions { lenient: false, variable: &variable };
    let loaded = load(Path::new("tests/config/good/everything.yaml"), &options).unwrap();
    let settings = &loaded.settings;
    assert_eq!(settings.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(settings.store, "sqlite://tests/config/good/data/kabari.db");
    assert_eq!(settings.body_limit, 1 << 20);
    assert_eq!(settings.wachat.timeout, Duration::from_secs(120));
    assert_eq!(settings.wachat.token.expose(), "a-secret-of-many-characters");
    let lanes: Vec<&String> = settings.instances.keys().collect();
    assert_eq!(lanes, ["bandung_store", "jakarta_store", "surabaya_store"]);
    let people = &settings.people;
    assert_eq!((people.allow.as_ref().unwrap().len(), people.deny.len()), (4, 1));
    let holidays: Vec<usize> =
        people.holidays.values().map(std::collections::BTreeSet::len).collect();
    assert_eq!(holidays, [2]);
    assert_eq!(settings.instances["surabaya_store"].burst, Some(3), "from the merge key");
    assert_eq!(loaded.pipeline.rule_count(), 3, "one of them included");
    assert_eq!(loaded.pipeline.defaults().instance, "jakarta_store");
    let test = &loaded.tests[0];
    let body: serde_json::Value = serde_json::from_str(&test.body).unwrap();
    let changed =
        serde_json::json!({"ref": "refs/heads/dev", "size": 3, "pusher": {"name": "007"}});
    assert_eq!(body, changed);
    assert_eq!(test.expect[0]["number"], "120363000000000000@g.us");
    assert_eq!(test.place, "tests/config/good/everything.yaml:69");

    let bare = strict("wachat: { token: x, instance: phone }\n").unwrap().settings;
    assert_eq!(bare.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(bare.admin.to_string(), "127.0.0.1:9090");
    assert_eq!(bare.wachat.base_url.as_str(), "https://app.wachat.net/");
    assert_eq!((bare.body_limit, bare.store.as_str()), (25 << 20, "sqlite://kabari.db"));
    assert!(bare.instances.contains_key("phone"), "the default instance has a lane");
}

#[test]
fn a_variable_can_never_add_structure() {
    let loaded = strict("wachat: { token: \"${INJECTED}\", instance: phone }\n").unwrap();
    assert_eq!(loaded.settings.wachat.token.expose(), variable("INJECTED").unwrap());
    assert_eq!(loaded.pipeline.rule_count(), 0);
}

#[test]
fn a_variable_can_never_add_a_template_either() {
    let injected = "{{ event.ref }}{% raw %}}} \"'\\ x";
    let variable = |name: &str| match name {
        "INJECTED" => Some(injected.to_owned()),
        _ => Some("a-secret-of-many-characters".to_owned()),
    };
    let text = "wachat: { token: \"${TOKEN}\", instance: phone }\n\
                sources: { s: { preset: github, secret: \"${SECRET}\" } }\nrules:\n\
                - name: a\n  source: s\n  when: event.ref == \"${INJECTED}\"\n  send:\n    \
                number: \"6281234567890\"\n    message: \"{${INJECTED} {{ '${INJECTED}' | raw }} {{ event.n }}\"\n";
    let options = LoadOptions { lenient: false, variable: &variable };
    let loaded = load_text(PathBuf::from("rules.yaml"), text.to_owned(), &options);
    let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render(false)));
    let body = serde_json::json!({ "ref": injected, "n": 1 }).to_string().into();
    let id = kabari::model::EventId(uuid::Uuid::nil());
    let (now, headers) = (jiff::Timestamp::UNIX_EPOCH, kabari::model::Headers::default());
    let read = loaded.pipeline.source("s").unwrap();
    let read = read.read_body(id, now, Some("push"), headers, body).remove(0);
    let made = loaded.pipeline.messages(&read.event, read.json.unwrap(), now);
    let words = made[0].content.as_ref().and_then(|content| content.message.clone());
    assert_eq!(words.unwrap(), format!("{{{injected} {injected} 1"));
}

#[test]
fn variables_have_defaults_and_files_and_are_filled_in_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "from-a-file ${NOT_AGAIN}\r\n").unwrap();
    let text = "wachat: { token: \"${file:token}\", instance: \"${NO:-p}-${EMPTY}$${x}\" }\n";
    let options = LoadOptions { lenient: false, variable: &variable };
    let loaded = load_text(folder.path().join("rules.yaml"), text.to_owned(), &options).unwrap();
    assert_eq!(loaded.settings.wachat.token.expose(), "from-a-file ${NOT_AGAIN}");
    assert_eq!(loaded.pipeline.defaults().instance, "p-${x}");
}

#[test]
fn an_unset_variable_is_an_error_or_where_one_only_looks_a_warning() {
    let text = "wachat: { token: \"${NOT_SET}\", instance: phone, base_url: \"${NO_URL}\" }\n\
                server: { listen: \"${NO_LISTEN}\" }\n";
    let report = strict(text).unwrap_err();
    assert_eq!(report.problems().len(), 3, "{:#?}", lines(&report));
    assert!(report.summary().ends_with("Not set here: NOT_SET, NO_URL, NO_LISTEN."));
    let report = lenient(text).map_or_else(|report| *report, |loaded| loaded.warnings);
    assert!(!report.has_errors(), "{:#?}", lines(&report));
    assert_eq!(report.problems().len(), 3);
}

#[test]
fn neither_a_secret_nor_a_variable_is_ever_in_a_report() {
    let text = "wachat: { token: [hunter2], instance: phone }\n\
                server: { listen: \"${LISTEN}\", admin_token: 0123hunter2 }\n\
                sources:\n  stripe: { secret: hunter2 }\n  a: { secrets: [+12hunter2, yes] }\n";
    for report in [strict(text).unwrap_err(), lenient(text).unwrap_err()] {
        let shown = format!("{}{}{}", report.render(false), report.render(true), report.json());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(!shown.contains("hidden-value"), "{shown}");
        assert!(report.has_errors());
    }
}

/// Files with mistakes in and around secrets, whose text is HUNTER wherever it is one.
const AROUND_SECRETS: [&str; 19] = [
    "wachat: { token: [HUNTER1, HUNTER2], instance: no }\n",
    "wachat:\n  token:\n    - HUNTER1\n    - +12HUNTER2\n  instance: x\n",
    "wachat:\n  token: |\n    HUNTER1\n    HUNTER2\n  instanc: x\n",
    "sources:\n  stripe:\n    secrets:\n    - HUNTER1\n    - HUNTER2: HUNTER3\n    - yes\n",
    "sources:\n  a: { preset: stripe, secret:\n        HUNTER1, b: \"${X}\" }\n",
    "sources:\n  a: { secret: HUNTER1, b: \"${X}\", secrets: [HUNTER2,\n    HUNTER3 ] }\n",
    "vars: { x: &s HUNTER1 }\nsources:\n  stripe: { secret: *s }\n",
    "server: { admin_token: 012345HUNTER1, admin_tokn: HUNTER2 }\n",
    "server:\n  admin_token: a\n  admin_token: HUNTER1\n",
    "store: postgres://user:HUNTER1@host/db\n",
    "wachat: { token: x, instance: y, base_url: \"http://me:HUNTER1@example.com\" }\n",
    "sources:\n  stripe:\n    secrets:\n      - HUNTER1\n      - @HUNTER2\n",
    "wachat:\n  token: \"HUNTER1\n  instance: phone\n",
    "wachat:\n  token: HUNTER1: HUNTER2\n",
    "wachat:\n  token: *HUNTER1\n  instance: phone\n",
    "wachat:\n  token: !HUNTER1 HUNTER2\n  instance: phone\n",
    "wachat:\n  token: HUNTER1 #HUNTER2\n  instance: ~\n",
    "{ \"wachat\": { \"token\": \"HUNTER1\", \"instance\": \"phone\" }, \"x\": 1 }",
    "wachat: { token: HUNTER1, instance: {{ x }}y }\n",
];

#[test]
fn no_secret_is_in_any_excerpt_message_or_help() {
    for text in AROUND_SECRETS {
        for report in [strict(text).unwrap_err(), lenient(text).unwrap_err()] {
            let shown = format!("{}{}{report:?}", report.render(false), report.json());
            assert!(!shown.contains("HUNTER"), "{text}\n{shown}");
        }
    }
}

#[test]
fn a_report_shows_the_line_with_carets_and_ends_with_a_summary() {
    let text = "wachat: { token: \"${NOT_SET}\", instance: phone }\nruels: []\n";
    let shown = lenient(text).unwrap_err().render(false);
    assert!(shown.contains("error[unknown-key]: unknown key `ruels`"), "{shown}");
    assert!(shown.contains("--> rules.yaml:2:1"), "{shown}");
    assert!(shown.contains("ruels: []\n  | ^^^^^"), "{shown}");
    assert!(shown.contains("= help: did you mean `rules`?"), "{shown}");
    let last = shown.lines().last().unwrap();
    assert_eq!(last, "rules.yaml: 0 rules, 0 sources: 1 error, 1 warning. Not set here: NOT_SET.");
}

/// File, line, column, code and path of the first problem in `check --format json`.
fn first_in_json(text: &str) -> (u64, u64, String, String) {
    let json = strict(text).unwrap_err().json();
    let first = json.as_array().unwrap().iter().find(|it| it["severity"] == "error").unwrap();
    let word = |key: &str| first[key].as_str().unwrap().to_owned();
    (first["line"].as_u64().unwrap(), first["column"].as_u64().unwrap(), word("code"), word("path"))
}

#[test]
fn every_problem_has_its_place_in_the_report_for_programs() {
    let head = "wachat: { token: x, instance: phone }\n";
    for (text, line, column, code, path) in [
        // A missing key is at its mapping's key, a duplicate at the second.
        ("wachat:\n  instance: p\n", 1, 1, "missing-key", "wachat.token"),
        ("wachat:\n  instance: p\n  token: x\n  token: z\n", 4, 3, "duplicate-key", "wachat.token"),
        // An unclosed quote is where it opens, whatever comes after it.
        ("wachat:\n  token: x\n  instance: \"y\nrules:\n  - a\n", 3, 13, "yaml-quote", ""),
        ("wachat:\n  token: x\n  instance: 'y\nrules: 'z'\n", 3, 13, "yaml-quote", ""),
        ("wachat:\n\ttoken: x\n", 2, 1, "yaml-tab", ""),
        (
            "\u{feff}wachat:\r\n  token: x\r\n  instance: no\r\n",
            3,
            13,
            "yaml-type",
            "wachat.instance",
        ),
        (
            "{\"wachat\": {\"token\": \"é\", \"instance\": 7e1}}",
            1,
            39,
            "yaml-type",
            "wachat.instance",
        ),
    ] {
        let expected = (line, column, code.to_owned(), path.to_owned());
        assert_eq!(first_in_json(text), expected, "{text:?}");
    }
    let rule = format!("{head}rules:\n  - name: a\n    source: s\n    send:\n      message: x\n");
    let found = strict(&rule).unwrap_err();
    let shown = lines(&found);
    let missing = "5:5 error[missing-key] rules[0].send.number: the key `number` is missing";
    assert!(shown.iter().any(|line| line == missing), "{shown:#?}");
}

#[test]
fn a_report_for_programs_has_every_field() {
    let json = strict("wachat: { token: \"${T}\", instance: no }\n").unwrap_err().json();
    let expected = serde_json::json!([{
        "file": "rules.yaml", "line": 1, "column": 36, "severity": "error", "code": "yaml-type",
        "path": "wachat.instance", "message": "`no` means true or false in YAML",
        "help": "put it in quotes: \"no\"",
    }]);
    assert_eq!(json, expected);
}

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
fn a_number_in_a_pattern_keeps_every_digit() {
    let rule = |wanted: &str| {
        format!(
            "wachat: {{ token: x, instance: phone }}\n\
             sources: {{ s: {{ preset: github, secret: a-secret-of-many-characters }} }}\n\
             rules:\n  - name: a\n    source: s\n    match: {{ n: {wanted} }}\n    \
             send: {{ number: \"6281234567890\", message: hi }}\n"
        )
    };
    for (wanted, written, matched) in [
        ("12345678901234567890", "12345678901234567890", true),
        ("12345678901234567890", "12345678901234567891", false),
        ("0.12345678901234567890", "0.1234567890123456789", true),
        ("0.1234567890123456789", "0.1234567890123456788", false),
        ("1", "1.0", true),
        ("1.00", "1", true),
        ("100", "1e2", true),
        ("[{ numeric: [\">\", 99999999999999999999] }]", "100000000000000000000", true),
        ("[{ numeric: [\">\", 99999999999999999999] }]", "99999999999999999999", false),
        ("[{ anything-but: 12345678901234567890 }]", "12345678901234567890", false),
        ("\"1\"", "1", false),
    ] {
        let loaded = strict(&rule(wanted)).unwrap_or_else(|r| panic!("{}", r.render(false)));
        let body = bytes::Bytes::from(format!("{{\"n\": {written}}}"));
        let now = jiff::Timestamp::UNIX_EPOCH;
        let id = kabari::model::EventId(uuid::Uuid::nil());
        let headers = kabari::model::Headers::default();
        let source = loaded.pipeline.source("s").unwrap();
        let read = source.read_body(id, now, Some("push"), headers, body).remove(0);
        let traces = loaded.pipeline.explain(&read.event, &read.json.unwrap());
        assert_eq!(traces[0].matched, matched, "{wanted} on {written}");
    }
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
fn a_file_that_is_not_there_is_a_report_too() {
    let options = LoadOptions { lenient: true, variable: &variable };
    let report = load(Path::new("no/such/rules.yaml"), &options).unwrap_err();
    assert_eq!(report.problems()[0].code, "unreadable-file");
    assert!(report.render(false).contains("no/such/rules.yaml"));
}

#[test]
fn the_schema_knows_every_section() {
    let schema = kabari::config::schema();
    for key in ["wachat", "server", "store", "include", "defaults", "vars", "sources", "rules"] {
        assert!(schema["properties"].get(key).is_some(), "{key}");
    }
}

/// Pieces of which rule files, right and wrong, are made.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "rules:\n",
        "- ",
        "  ",
        "name: a\n",
        "send:",
        "{",
        "}",
        "[",
        "]",
        ", ",
        ": ",
        "\n",
        "'",
        "\"",
        "|\n",
        ">",
        "&a ",
        "*a",
        "<<: *a\n",
        "!x ",
        "#c",
        " # c",
        "${A}",
        "${NO}",
        "$${",
        "{{ x }}",
        "\t",
        "012",
        "+62",
        "é",
        "\u{a0}",
        "~",
        "- - - ",
        "? ",
        "---\n",
        "%TAG\n",
        "wachat: { token: x, instance: y }\n",
        "vars:\n",
        "sources: { a: { secret: ",
        "tests:\n",
    ];
    prop_oneof![
        8 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => ".{0,5}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_rule_file_makes_it_panic_or_take_long(pieces in prop::collection::vec(piece(), 0..60)) {
        let started = kabari::clock::Stopwatch::start();
        let text = pieces.concat();
        for result in [strict(&text), lenient(&text)] {
            if let Err(report) = result {
                prop_assert!(report.has_errors());
                prop_assert!(!report.render(false).is_empty());
                prop_assert!(!report.render(true).is_empty());
            }
        }
        prop_assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(text) = String::from_utf8(bytes) {
            let _ = strict(&text).map_err(|report| report.render(false));
        }
    }
}
