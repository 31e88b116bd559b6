//! What is under the signature? A small template such as `{timestamp}.{body}`.
//!
//! `{body}` and its like stand for parts of the request. What stands in square brackets is left out
//! where a part in it is absent: `id:{query.id};[request:{header.x-request-id};]`.

use std::borrow::Cow;
use std::fmt;

use super::Denied;
use super::hole::{Beside, Hole};

/// A compiled `signed:`, as parts that are fed to a MAC one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signed(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(Hole),
    /// Left out where something in it is absent.
    Optional(Vec<Part>),
}

/// As it is written in a rule file.
impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_parts(&self.0, f)
    }
}

fn write_parts(parts: &[Part], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    parts.iter().try_for_each(|part| match part {
        Part::Text(text) => f.write_str(&text.replace('\n', "\\n")),
        Part::Hole(hole) => write!(f, "{{{hole}}}"),
        Part::Optional(parts) => {
            f.write_str("[")?;
            write_parts(parts, f)?;
            f.write_str("]")
        }
    })
}

/// What is wrong with a template, and what would be right.
type Wrong = (String, String);

impl Signed {
    /// The body alone.
    pub(super) fn body() -> Self {
        Self(vec![Part::Hole(Hole::body())])
    }

    /// Reads a template; the error says what is wrong and what would be right.
    pub(super) fn parse(template: &str) -> Result<Self, Wrong> {
        let mut outer = Vec::new();
        let mut inner: Option<Vec<Part>> = None;
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}', '[', ']']) {
            let (text, marked) = rest.split_at(at);
            if !text.is_empty() {
                inner.as_mut().unwrap_or(&mut outer).push(Part::Text(text.to_owned()));
            }
            if let Some(after) = marked.strip_prefix('[') {
                if inner.replace(Vec::new()).is_some() {
                    return Err(lonely('[', template));
                }
                rest = after;
            } else if let Some(after) = marked.strip_prefix(']') {
                let parts = inner.take().ok_or_else(|| lonely(']', template))?;
                outer.push(Part::Optional(parts));
                rest = after;
            } else {
                let hole = marked.strip_prefix('{').and_then(|hole| hole.split_once('}'));
                let (name, after) = hole.ok_or_else(|| lonely('{', template))?;
                inner.as_mut().unwrap_or(&mut outer).push(Part::Hole(Hole::parse(name)?));
                rest = after;
            }
        }
        if inner.is_some() {
            return Err(lonely('[', template));
        }
        if !rest.is_empty() {
            outer.push(Part::Text(rest.to_owned()));
        }
        if outer.is_empty() {
            let wrong = "nothing is under the signature".to_owned();
            return Err((wrong, "write `{body}`".to_owned()));
        }
        Ok(Self(outer))
    }

    /// The same for a source whose timestamp is or is not configured: brackets around it are
    /// resolved, so that it can never be left out of a request that should have it.
    pub(super) fn settle_timestamp(self, is_configured: bool) -> Self {
        let parts = self.0.into_iter().flat_map(|part| match part {
            Part::Optional(parts) if parts.contains(&Part::Hole(Hole::timestamp())) => {
                if is_configured {
                    parts
                } else {
                    Vec::new()
                }
            }
            other => vec![other],
        });
        Self(parts.collect())
    }

    /// Whether one of its holes fits.
    pub(super) fn has(&self, fits: impl Fn(&Hole) -> bool) -> bool {
        holes(&self.0).iter().any(|hole| fits(hole))
    }

    /// The signed bytes, piece by piece.
    pub(super) fn pieces<'p>(&'p self, beside: &Beside<'p, '_>) -> Result<Pieces<'p>, Denied> {
        let mut pieces = Vec::with_capacity(self.0.len());
        fill(&self.0, beside, &mut pieces)?;
        Ok(pieces)
    }
}

/// What is signed, one piece after the other.
pub(super) type Pieces<'p> = Vec<Cow<'p, [u8]>>;

fn fill<'p>(
    parts: &'p [Part],
    beside: &Beside<'p, '_>,
    pieces: &mut Pieces<'p>,
) -> Result<(), Denied> {
    for part in parts {
        match part {
            Part::Text(text) => pieces.push(Cow::Borrowed(text.as_bytes())),
            Part::Hole(hole) => pieces.push(hole.fill(beside)?),
            Part::Optional(parts) => {
                let before = pieces.len();
                match fill(parts, beside, pieces) {
                    Ok(()) => {}
                    Err(Denied::MissingHeader { .. } | Denied::MissingPart { .. }) => {
                        pieces.truncate(before);
                    }
                    Err(other) => return Err(other),
                }
            }
        }
    }
    Ok(())
}

fn holes(parts: &[Part]) -> Vec<&Hole> {
    let of = |part| match part {
        &Part::Text(_) => Vec::new(),
        Part::Hole(hole) => vec![hole],
        Part::Optional(parts) => holes(parts),
    };
    parts.iter().flat_map(of).collect()
}

fn lonely(mark: char, template: &str) -> Wrong {
    let wrong = format!("a `{mark}` without its partner in `{template}`");
    (wrong, "write `{body}` where it is signed, and `[…]` around what may be absent".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_shown_as_it_is_written() {
        for text in [
            "{body}",
            "v0:{timestamp}:{body}",
            "id:{query.data.id|lower};[request-id:{header.x-request-id};]ts:{timestamp};",
            "{body.order_id}{secret}",
        ] {
            assert_eq!(Signed::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn unknown_names_and_lonely_brackets_are_refused() {
        for wrong in ["{nothing}.{body}", "{body", "body}", "[{body}", "{body}]", "[[{id}]]", ""] {
            assert!(Signed::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn brackets_around_the_time_are_resolved_at_once() {
        let signed = Signed::parse("[{timestamp}:]{body}").unwrap();
        assert_eq!(signed.clone().settle_timestamp(true).to_string(), "{timestamp}:{body}");
        assert_eq!(signed.settle_timestamp(false).to_string(), "{body}");
    }
}
