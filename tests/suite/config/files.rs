//! Does every good rule file load, and does every bad one say what is wrong with it?

use std::fs;
use std::path::Path;
use std::time::Duration;

use kabari::config::{CODES, LoadOptions, load, load_text};
use kabari::model::Severity;
use kabari::receive::Settings as Limits;

use super::{files, lines, strict, variable};

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
    assert_eq!(settings.store.url, "sqlite://tests/config/good/data/kabari.db");
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
    let body: serde_json::Value = serde_json::from_str(test.body.as_ref().unwrap()).unwrap();
    let changed =
        serde_json::json!({"ref": "refs/heads/dev", "size": 3, "pusher": {"name": "007"}});
    assert_eq!(body, changed);
    assert_eq!(test.expect[0]["number"], "120363000000000000@g.us");
    assert_eq!(test.place, "tests/config/good/everything.yaml:74");

    let bare = strict("wachat: { token: x, instance: phone }\n").unwrap().settings;
    assert_eq!(bare.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(bare.admin.to_string(), "127.0.0.1:9090");
    assert_eq!(bare.wachat.base_url.as_str(), "https://app.wachat.net/");
    assert_eq!((bare.body_limit, bare.store.url.as_str()), (25 << 20, "sqlite://kabari.db"));
    assert!(bare.instances.contains_key("phone"), "the default instance has a lane");
}

#[test]
fn the_limit_of_failures_of_one_address_can_be_raised_and_not_lowered_to_one_senders_slip() {
    let with = |more: &str| {
        strict(&format!(
            "wachat: {{ token: x, instance: phone }}\nserver: {{ unverified: {more} }}\n"
        ))
    };
    let limits = |more: &str| {
        Limits::with_body_limit(1).with_unverified(with(more).unwrap().settings.unverified)
    };
    let told = |limits: Limits| (limits.failures_burst, limits.failures_per_s);
    assert_eq!(told(limits("{}")), (1000, 10));
    assert_eq!(told(limits("{ burst: 5000 }")), (5000, 10));
    assert_eq!(told(limits("{ burst: 1000, per_second: 200 }")), (1000, 200));
    for (low, path) in [("{ burst: 999 }", "burst"), ("{ per_second: 0 }", "per_second")] {
        let report = with(low).unwrap_err().render(false);
        assert!(report.contains(&format!("server.unverified.{path}")), "{report}");
    }
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

#[test]
fn a_list_whose_only_line_is_wrong_is_told_of_that_line_and_not_that_it_names_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let options = LoadOptions { lenient: false, variable: &variable };
    let rules = "wachat: { token: x, instance: phone }\nrecipients: { allow: team.txt }\n";
    for (list, told) in [("0812-34\n", "team.txt, line 1"), ("# none\n", "names nobody")] {
        std::fs::write(folder.path().join("team.txt"), list).unwrap();
        let file = folder.path().join("rules.yaml");
        let report = load_text(file, rules.to_owned(), &options).unwrap_err();
        let told_of_lists = report.problems().iter().filter(|it| it.code == "list-file");
        let messages: Vec<&str> = told_of_lists.map(|it| it.message.as_str()).collect();
        assert!(matches!(messages[..], [one] if one.contains(told)), "{messages:?}");
    }
}
