//! How is it shown what the names of a rule stand for, and which elements make messages?

use serde_json::{Value, json};

use super::rules::{Line, discreet};
use crate::admin::Numbers;
use crate::cli::output::printable;
use crate::config::RulePlace;
use crate::expr::Named;
use crate::pipeline::RuleTrace;

/// So many elements are shown; the others are counted.
const ELEMENTS_SHOWN: usize = 20;

/// The lines of `let:` and `each:`.
pub(super) fn lines(trace: &RuleTrace, place: &RulePlace, numbers: Numbers) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |word, holds, text: &str, at| {
        let text = printable(text);
        let text = if numbers == Numbers::Full { text } else { discreet(&text) };
        lines.push(Line { word, holds, text, at });
    };
    for Named { name, saw } in &trace.names {
        add("let", None, &format!("{name}   {saw}"), place.names.get(name).copied());
    }
    let Some(each) = &trace.each else { return lines };
    if let Some(why) = &each.none_because {
        add("each", Some(false), &format!("{}   {why}", each.over), place.each);
        return lines;
    }
    add("each", None, &each.over, place.each);
    for element in each.elements.iter().take(ELEMENTS_SHOWN) {
        let left_out = if element.holds { "" } else { "   no message" };
        let mark = if element.holds { "✓" } else { "✗" };
        add("", None, &format!("{mark} [{}] {}{left_out}", element.place, element.saw), None);
        for Named { name, saw } in &element.names {
            add("", None, &format!("      {name}   {saw}"), None);
        }
    }
    let more = each.elements.len().saturating_sub(ELEMENTS_SHOWN);
    if more > 0 {
        let left = each.elements.iter().skip(ELEMENTS_SHOWN);
        let hold = left.filter(|element| element.holds).count();
        add("", None, &format!("… and {more} more, {hold} of them with messages"), None);
    }
    lines
}

/// `let` and `each` for programs; `null` where the rule has none or did not come so far.
pub(super) fn json(trace: &RuleTrace) -> (Value, Value) {
    let names = |names: &[Named]| -> Value {
        names.iter().map(|it| (it.name.clone(), Value::from(it.saw.as_str()))).collect()
    };
    let each = trace.each.as_ref().map(|each| {
        let elements: Vec<Value> = each
            .elements
            .iter()
            .map(|it| {
                json!({ "place": it.place, "holds": it.holds, "saw": it.saw,
                        "let": names(&it.names) })
            })
            .collect();
        json!({ "over": each.over, "elements": elements, "why_none": each.none_because })
    });
    let bound = if trace.names.is_empty() { Value::Null } else { names(&trace.names) };
    (bound, each.into())
}
