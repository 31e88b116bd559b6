//! How is a value in an event's body changed by its dotted path?

use serde_json::{Map, Value};

/// Sets the value at a dotted path; objects on the way are made.
pub(crate) fn set(body: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let mut here = body;
    for step in path.split('.') {
        here = match here {
            Value::Object(map) => map.entry(step).or_insert(Value::Null),
            Value::Array(list) => {
                let length = list.len();
                let index = step.parse::<usize>().ok();
                index
                    .and_then(|index| list.get_mut(index))
                    .ok_or_else(|| format!("`{step}` is no place in a list of {length}"))?
            }
            Value::Null => {
                *here = Value::Object(Map::new());
                let Value::Object(map) = here else { return Err(String::new()) };
                map.entry(step).or_insert(Value::Null)
            }
            _ => return Err(format!("`{step}` stands below a value that is no object")),
        };
    }
    *here = value;
    Ok(())
}

/// Removes the value at a dotted path; `None` if there is none.
pub(crate) fn unset(body: &mut Value, path: &str) -> Option<()> {
    let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut here = body;
    for step in above.split('.').filter(|step| !step.is_empty()) {
        here = match here {
            Value::Object(map) => map.get_mut(step)?,
            Value::Array(list) => list.get_mut(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    here.as_object_mut()?.remove(name).map(|_| ())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{set, unset};

    #[test]
    fn values_are_set_and_removed_by_their_dotted_paths() {
        let mut body = json!({"a": {"b": [1, {"c": 2}]}, "n": null});
        set(&mut body, "a.b.1.c", json!("x")).unwrap();
        set(&mut body, "n.new.deep", json!(true)).unwrap();
        assert_eq!(body, json!({"a": {"b": [1, {"c": "x"}]}, "n": {"new": {"deep": true}}}));
        assert!(set(&mut body, "a.b.7", json!(0)).is_err());
        assert!(set(&mut body, "a.b.1.c.d", json!(0)).is_err());
        assert!(unset(&mut body, "a.b.1.c").is_some());
        assert!(unset(&mut body, "a.x").is_none());
        assert_eq!(body, json!({"a": {"b": [1, {}]}, "n": {"new": {"deep": true}}}));
    }
}
