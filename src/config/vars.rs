//! Is what a rule reads of `vars` there?
//!
//! Other than of events, all of it is known: what is missing will be missing every time.

use serde_json::Value;

use super::book::Book;
use super::compose::Place;
use super::read::nearest;
use super::rehearse::{Said, is_slip, segments};
use crate::expr::{Condition, Scope};
use crate::model::Fault;

/// Among so many names one is looked for that was meant.
const COMPARED_MAX: usize = 1000;
/// So many names are told, where none is near.
const LISTED_MAX: usize = 12;

/// Tells which paths of `vars` a rule reads that nobody wrote.
pub(super) fn rule(
    book: &mut Book,
    place: Place<'_>,
    vars: &Value,
    said: &Said<'_>,
    scope: &Scope<'_>,
) {
    let Place { id, path } = place;
    for read in said.matcher.when.iter().flat_map(Condition::reads) {
        let fault = judge(vars, &read.path, read.needed);
        book.faults_at(id, &format!("{path}.when"), fault.map(|fault| fault.at(read.range)));
    }
    for read in said.each.iter().flat_map(|each| each.reads()) {
        let fault = judge(vars, &read.path, read.needed);
        book.faults_at(id, &format!("{path}.each"), fault.map(|fault| fault.at(read.range)));
    }
    for (name, read) in scope.reads() {
        let fault = judge(vars, &read.path, read.needed);
        let at = format!("{path}.let.{name}");
        book.faults_at(id, &at, fault.map(|fault| fault.at(read.range)));
    }
    for composed in said.sends {
        for (field, read) in composed.send.reads() {
            // No message goes to nobody.
            let needed = read.needed || field == "number";
            if let Some(fault) = judge(vars, &read.path, needed) {
                composed.tell(book, place, fault.under(field).at(read.range));
            }
        }
    }
}

/// What may be missing may be left out on purpose, unless it is nearly there.
fn judge(vars: &Value, path: &str, needed: bool) -> Option<Fault> {
    let rest = path.strip_prefix("vars.")?;
    let names = segments(&format!(".{rest}")).or_else(|| {
        // Behind a key that only an event says, everything is possible.
        segments(&format!(".{}", rest.split_once('[')?.0))
    })?;
    let mut value = vars;
    for (place, name) in names.iter().enumerate() {
        let Value::Object(members) = value else { return None };
        if let Some(next) = members.get(name) {
            value = next;
            continue;
        }
        let keys = members.keys().map(String::as_str).take(COMPARED_MAX);
        if !needed && !keys.clone().any(|key| is_slip(name, key)) {
            return None;
        }
        let holder = names[..place].iter().fold("vars".to_owned(), |path, name| path + "." + name);
        let fault = Fault::error("", "unknown-name", format!("`{holder}` has no `{name}`"));
        let help = match nearest(name, keys.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if members.is_empty() || LISTED_MAX < members.len() => {
                "write it under `vars:` of the main file".to_owned()
            }
            None => format!("it has: {}", keys.collect::<Vec<_>>().join(", ")),
        };
        return Some(fault.help(help));
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::judge;

    #[test]
    fn only_what_is_surely_missing_or_nearly_there_is_told() {
        let vars = json!({ "group": "x", "team": { "octocat": "1" }, "list": [{ "a": 1 }] });
        for (path, needed, expected) in [
            ("vars.group", true, None),
            ("vars.grup", true, Some(("`vars` has no `grup`", "did you mean `group`?"))),
            ("vars.grup", false, None),
            ("vars.tema.octocat", true, Some(("`vars` has no `tema`", "did you mean `team`?"))),
            ("vars.team.octocta", false, Some(("`vars.team` has no `octocta`", "`octocat`"))),
            ("vars.team[event.login]", true, None),
            ("vars.taem[event.login]", true, Some(("`vars` has no `taem`", "`team`"))),
            ("vars.team[\"nobody\"]", true, Some(("`vars.team` has no `nobody`", "octocat"))),
            ("vars.list[0].b", true, None),
            ("event.vars.x", true, None),
        ] {
            let told = judge(&vars, path, needed).map(|it| (it.message, it.help.unwrap()));
            match (told, expected) {
                (None, None) => {}
                (Some((message, help)), Some((wanted, part))) => {
                    assert_eq!(message, wanted, "{path}");
                    assert!(help.contains(part), "{path}: {help}");
                }
                other => panic!("{path}: {other:?}"),
            }
        }
    }
}
