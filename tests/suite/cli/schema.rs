//! `kabari schema`: would an editor be content with the rule file that is shipped?

use std::path::Path;

use serde_json::Value;

use super::{Said, home_alone};

/// What of JSON Schema the schema uses; another word must be understood here first.
const UNDERSTOOD: [&str; 15] = [
    "$defs",
    "$ref",
    "$schema",
    "additionalProperties",
    "anyOf",
    "const",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "oneOf",
    "properties",
    "required",
    "type",
];
const UNDERSTOOD_TOO: [&str; 3] = ["title", "minimum", "maximum"];

/// Why the value does not fit the schema; empty if it does.
fn misfits(schema: &Value, root: &Value, value: &Value, path: &str) -> Vec<String> {
    let Value::Object(schema) = schema else {
        return if *schema == Value::Bool(false) {
            vec![format!("{path}: nothing may be here")]
        } else {
            vec![]
        };
    };
    let mut wrong = Vec::new();
    for word in schema.keys() {
        let known = UNDERSTOOD.contains(&word.as_str()) || UNDERSTOOD_TOO.contains(&word.as_str());
        assert!(known, "teach this test `{word}`");
    }
    if let Some(name) = schema.get("$ref") {
        let pointer = name.as_str().unwrap().trim_start_matches('#');
        wrong.extend(misfits(root.pointer(pointer).expect(pointer), root, value, path));
    }
    for word in ["anyOf", "oneOf"] {
        let Some(ways) = schema.get(word).and_then(Value::as_array) else { continue };
        let tried: Vec<_> = ways.iter().map(|way| misfits(way, root, value, path)).collect();
        if !tried.iter().any(Vec::is_empty) {
            wrong.push(format!("{path}: none of {word}: {tried:?}"));
        }
    }
    let is = |wanted: &Value| match wanted.as_str() {
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("null") => value.is_null(),
        _ => panic!("teach this test the type {wanted}"),
    };
    let fits = match schema.get("type") {
        Some(Value::Array(wanted)) => wanted.iter().any(is),
        Some(wanted) => is(wanted),
        None => true,
    };
    let is_const = schema.get("const").is_none_or(|wanted| wanted == value);
    let in_enum =
        schema.get("enum").and_then(Value::as_array).is_none_or(|all| all.contains(value));
    if !(fits && is_const && in_enum) {
        wrong.push(format!("{path}: {value} is not as in {schema:?}"));
    }
    if let (Some(items), Value::Array(list)) = (schema.get("items"), value) {
        for (n, item) in list.iter().enumerate() {
            wrong.extend(misfits(items, root, item, &format!("{path}[{n}]")));
        }
    }
    if let Value::Object(fields) = value {
        wrong.extend(of_fields(schema, root, fields, path));
    }
    wrong
}

fn of_fields(
    schema: &serde_json::Map<String, Value>,
    root: &Value,
    fields: &serde_json::Map<String, Value>,
    path: &str,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if !fields.contains_key(name.as_str().unwrap()) {
            wrong.push(format!("{path}: {name} is missing"));
        }
    }
    for (name, value) in fields {
        let own = schema.get("properties").and_then(|all| all.get(name));
        if let Some(schema) = own.or_else(|| schema.get("additionalProperties")) {
            wrong.extend(misfits(schema, root, value, &format!("{path}.{name}")));
        }
    }
    wrong
}

fn schema() -> Value {
    let said = Said::from(home_alone().say(&["schema"], "")).is(0);
    serde_json::from_str(&said.out).unwrap()
}

fn yaml(text: &str) -> Value {
    // An editor reads `off` as the text that it is since YAML 1.2.
    serde_yaml::from_str(&text.replace("pace: off", "pace: 'off'")).unwrap()
}

#[test]
fn the_rule_file_that_is_shipped_fits_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules.yaml");
    let rules = yaml(&std::fs::read_to_string(path).unwrap());
    let schema = schema();
    assert_eq!(misfits(&schema, &schema, &rules, ""), Vec::<String>::new());
    assert_eq!(misfits(&schema, &schema, &yaml(super::RULES), ""), Vec::<String>::new());
}

#[test]
fn an_editor_marks_what_the_reader_refuses() {
    let schema = schema();
    for (good, bad) in [
        ("    kind: push\n", "    knid: push\n"),
        ("  - name: pushed\n    source: github\n", "  - name: pushed\n"),
        ("type: document", "type: documents"),
        ("wachat:\n", "wachat_:\n"),
    ] {
        let rules = super::RULES.replacen(good, bad, 1);
        assert_ne!(rules, super::RULES, "{bad}");
        assert!(!misfits(&schema, &schema, &yaml(&rules), "").is_empty(), "{bad}");
    }
}
