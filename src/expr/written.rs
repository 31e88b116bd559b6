//! How is a value written as JSON, without ever filling the memory?

use super::eval::TEXT_MAX;
use super::value::Val;

impl Val<'_> {
    /// The value as JSON without white space. What is longer than any text may be is cut somewhere
    /// behind that length.
    pub(super) fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Missing => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(text) => out.push_str(text),
            Self::Text { text, .. } => out.push_str(&quoted(text)),
            Self::Node(node) => compact(node.source(), out),
            Self::Own(value) => out.push_str(&value.to_string()),
            Self::List(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                    if out.len() > TEXT_MAX {
                        return;
                    }
                }
                out.push(']');
            }
            Self::Headers(_) | Self::Map(_) => {
                out.push('{');
                for (place, (key, item)) in self.entries().unwrap_or_default().iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    out.push_str(&quoted(key));
                    out.push(':');
                    item.write_json(out);
                    if out.len() > TEXT_MAX {
                        return;
                    }
                }
                out.push('}');
            }
        }
    }
}

/// JSON without the white space between its parts.
fn compact(source: &str, out: &mut String) {
    let (mut in_text, mut escaped) = (false, false);
    for c in source.chars() {
        if out.len() > TEXT_MAX {
            return;
        }
        if in_text || !matches!(c, ' ' | '\n' | '\r' | '\t') {
            out.push(c);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ => {}
        }
    }
}
