//! What may a rule file say, for editors? A JSON Schema, made from the settings' own types.

use serde_json::{Map, Value, json};

use super::file::RuleFile;

/// Sections that may be there with nothing in them.
const MAY_BE_EMPTY: [&str; 6] = ["server", "defaults", "vars", "sources", "rules", "tests"];

/// The JSON Schema of a rule file.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(RuleFile).to_value();
    simplify(&mut schema);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (_, section) in properties.iter_mut().filter(|(it, _)| MAY_BE_EMPTY.contains(&&***it)) {
            let description = section.get("description").cloned().unwrap_or_default();
            let whole = section.take();
            *section = json!({ "description": description, "anyOf": [whole, { "type": "null" }] });
        }
    }
    schema
}

/// To serde a key that may be left out may be null; in a rule file it may not.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(simplify),
        Value::Object(map) => {
            simplify_here(map);
            map.values_mut().for_each(simplify);
        }
        _ => {}
    }
}

fn simplify_here(map: &mut Map<String, Value>) {
    if map.get("default").is_some_and(Value::is_null) {
        map.remove("default");
    }
    // `uint32` and its like are known to no editor.
    if map.get("format").is_some_and(Value::is_string) {
        map.remove("format");
    }
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            map.insert("type".to_owned(), only);
        }
    }
    let mut sole = None;
    if let Some(Value::Array(ways)) = map.get_mut("anyOf") {
        ways.retain(|way| way.get("type").is_none_or(|name| name != "null"));
        sole = if let [only] = ways.as_slice() { Some(only.clone()) } else { None };
    }
    if let Some(Value::Object(only)) = sole {
        map.remove("anyOf");
        for (key, value) in only {
            map.entry(key).or_insert(value);
        }
    }
    if let Some(Value::String(text)) = map.get_mut("description") {
        *text = text.replace("\n\n", "\u{0}").replace('\n', " ").replace('\u{0}', "\n\n");
    }
}
