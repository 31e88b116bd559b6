//! What is under the signature? A small template such as `{timestamp}.{body}`.

use std::fmt;

/// A compiled `signed:`, as parts that are fed to a MAC one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signed(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Timestamp,
    Body,
}

/// The names that stand for something, as they are offered in errors.
const NAMES: &str = "`{body}` and `{timestamp}`";

/// As it is written in a rule file.
impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Timestamp => f.write_str("{timestamp}"),
            Part::Body => f.write_str("{body}"),
        })
    }
}

impl Signed {
    /// The body alone.
    pub(super) fn body() -> Self {
        Self(vec![Part::Body])
    }

    /// Reads a template; the error says what is wrong and what would be right.
    pub(super) fn parse(template: &str) -> Result<Self, (String, String)> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some(open) = rest.find(['{', '}']) {
            let (text, hole) = rest.split_at(open);
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
            let Some((name, after)) = hole.strip_prefix('{').and_then(|hole| hole.split_once('}'))
            else {
                let wrong = format!("a brace without its partner in `{template}`");
                return Err((wrong, format!("write {NAMES} where they are signed")));
            };
            parts.push(match name {
                "body" => Part::Body,
                "timestamp" => Part::Timestamp,
                _ => {
                    let wrong = format!("`{{{name}}}` is nothing that can be signed");
                    return Err((wrong, format!("known are {NAMES}")));
                }
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if !parts.contains(&Part::Body) {
            let wrong = "the body is not under the signature, so anybody could change it";
            return Err((wrong.to_owned(), "add `{body}`".to_owned()));
        }
        Ok(Self(parts))
    }

    /// Whether a timestamp is signed.
    pub(super) fn has_timestamp(&self) -> bool {
        self.0.contains(&Part::Timestamp)
    }

    /// The signed bytes, piece by piece.
    pub(super) fn pieces<'p>(
        &'p self,
        timestamp: &'p str,
        body: &'p [u8],
    ) -> impl Iterator<Item = &'p [u8]> {
        self.0.iter().map(move |part| match part {
            Part::Text(text) => text.as_bytes(),
            Part::Timestamp => timestamp.as_bytes(),
            Part::Body => body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_becomes_its_pieces_in_order() {
        let signed = Signed::parse("v0:{timestamp}:{body}").unwrap();
        let bytes: Vec<u8> = signed.pieces("12", b"{}").flatten().copied().collect();
        assert_eq!(bytes, b"v0:12:{}");
    }

    #[test]
    fn unknown_names_lonely_braces_and_an_unsigned_body_are_refused() {
        for wrong in ["{id}.{body}", "{body", "body}", "{timestamp}", ""] {
            assert!(Signed::parse(wrong).is_err(), "{wrong}");
        }
    }
}
