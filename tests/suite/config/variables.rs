//! What do `${…}` put into a rule file, and what can they never?

use std::fs;
use std::path::PathBuf;

use kabari::config::{LoadOptions, load_text};

use super::{lenient, lines, strict, variable};

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
fn nor_in_names_in_keys_and_in_what_all_sends_share() {
    let injected = "{{ event.ref }} \"'\\ }} x";
    let variable = |name: &str| match name {
        "INJECTED" => Some(injected.to_owned()),
        _ => Some("a-secret-of-many-characters".to_owned()),
    };
    let text = "wachat: { token: \"${TOKEN}\", instance: phone }\n\
                sources: { s: { preset: github, secret: \"${SECRET}\" } }\n\
                defaults: { send: { message: \"${INJECTED}\" } }\nrules:\n\
                - name: a\n  source: s\n  dedupe: \"${INJECTED}\"\n  \
                send: { number: \"6281234567890\" }\n\
                - name: b\n  source: s\n  let: { name: \"'${INJECTED}' | raw\" }\n  \
                each: \"['${INJECTED}' | raw]\"\n  \
                send: { number: \"6281234567891\", message: \"{{ name | raw }} {{ item | raw }}\" }\n";
    let options = LoadOptions { lenient: false, variable: &variable };
    let loaded = load_text(PathBuf::from("rules.yaml"), text.to_owned(), &options);
    let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render(false)));
    let body = serde_json::json!({ "ref": "code" }).to_string().into();
    let id = kabari::model::EventId(uuid::Uuid::nil());
    let (now, headers) = (jiff::Timestamp::UNIX_EPOCH, kabari::model::Headers::default());
    let read = loaded.pipeline.source("s").unwrap();
    let read = read.read_body(id, now, Some("push"), headers, body).remove(0);
    let made = loaded.pipeline.messages(&read.event, read.json.unwrap(), now);
    let words = |at: usize| made[at].content.as_ref().and_then(|it| it.message.clone()).unwrap();
    assert_eq!(words(0), injected);
    assert_eq!(words(1), format!("{injected} {injected}"));
    assert!(!format!("{made:?}").contains("code"), "{made:#?}");
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
