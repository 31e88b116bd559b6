//! How is a body that holds several events taken apart?
//!
//! Each event comes out as the whole body with nothing but itself in the lists on the way to it.
//! So it can be kept, and read again, without its neighbours and with what stands around them; and
//! a batch takes no more room than its events do.

use super::json::{Json, Node};

/// The way to the events in a body: names, and `*` for each element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Each,
}

/// What all events of one body may take together once they are apart, in bytes.
const APART_MAX: usize = 64 << 20;

/// The events in one body that are taken, at most.
const EVENTS_MAX: usize = 10_000;

/// A body with more events in it than are taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more events in one body than are taken at once ({EVENTS_MAX}, or 64 MiB apart)")]
pub struct TooMany;

impl BatchPath {
    /// Reads `notificationItems.*.item`; `None` if it has no `*` or an empty name.
    pub fn parse(text: &str) -> Option<Self> {
        let step = |name: &str| match name {
            "*" => Step::Each,
            name => Step::Name(name.to_owned()),
        };
        let steps: Vec<Step> = text.split('.').map(step).collect();
        let is_named = |step: &Step| !matches!(step, Step::Name(name) if name.is_empty());
        (steps.contains(&Step::Each) && steps.iter().all(is_named)).then_some(Self(steps))
    }

    /// The path to the first event, its names joined by dots and `0` for each list.
    pub fn to_first(&self) -> Vec<String> {
        let name = |step: &Step| match step {
            Step::Name(name) => name.clone(),
            Step::Each => "0".to_owned(),
        };
        self.0.iter().map(name).collect()
    }

    /// The first event in a body; `None` if the way does not lead to any.
    pub fn first<'j>(&self, json: &'j Json) -> Option<Node<'j>> {
        self.0.iter().try_fold(json.root(), |node, step| match step {
            Step::Name(name) => node.get(name),
            Step::Each => node.at(0),
        })
    }

    /// The body once for each event; where the way ends early, what is there is left as it is. So
    /// nothing of a body is lost, and there is always one.
    ///
    /// # Errors
    /// When there are too many.
    pub fn split(&self, json: &Json) -> Result<Vec<String>, TooMany> {
        let count = count(json.root(), &self.0);
        if count == 1 {
            return Ok(vec![json.text().to_owned()]);
        }
        if count > EVENTS_MAX {
            return Err(TooMany);
        }
        let mut left = APART_MAX;
        apart(json.root(), &self.0, &mut left)
    }
}

fn count(node: Node<'_>, path: &[Step]) -> usize {
    match path.split_first() {
        Some((Step::Name(name), rest)) => node.get(name).map_or(1, |child| count(child, rest)),
        Some((Step::Each, rest)) => {
            node.elements().map(|child| count(child, rest)).sum::<usize>().max(1)
        }
        None => 1,
    }
}

/// The value once for each event in it. Around each is a copy of what stands around, so `left`
/// bounds the work, too.
fn apart(node: Node<'_>, path: &[Step], left: &mut usize) -> Result<Vec<String>, TooMany> {
    let whole = node.source();
    let (pieces, before, after) = match path.split_first() {
        Some((Step::Name(name), rest)) => {
            let Some(child) = node.get(name) else { return Ok(vec![whole.to_owned()]) };
            let start = child.source().as_ptr() as usize - whole.as_ptr() as usize;
            let (before, from) = whole.split_at_checked(start).unwrap_or((whole, ""));
            let after = from.get(child.source().len()..).unwrap_or_default();
            (apart(child, rest, left)?, before, after)
        }
        Some((Step::Each, rest)) if !node.is_empty() => {
            let mut pieces = Vec::new();
            for child in node.elements() {
                pieces.extend(apart(child, rest, left)?);
            }
            (pieces, "[", "]")
        }
        _ => return Ok(vec![whole.to_owned()]),
    };
    let mut wrapped = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let size = before.len() + piece.len() + after.len();
        *left = left.checked_sub(size).ok_or(TooMany)?;
        wrapped.push(format!("{before}{piece}{after}"));
    }
    Ok(wrapped)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn split(path: &str, body: &str) -> Vec<String> {
        let json = Json::parse(Bytes::from(body.to_owned())).unwrap();
        BatchPath::parse(path).unwrap().split(&json).unwrap()
    }

    #[test]
    fn each_event_keeps_what_stands_around_it_and_none_of_its_neighbours() {
        assert_eq!(split("*", "[ 1 , {\"a\":2} ]"), ["[1]", "[{\"a\":2}]"]);
        assert_eq!(
            split(
                "entry.*.changes.*",
                r#"{"o":1,"entry":[{"id":1,"changes":["a","b"]},{"changes":["c"]}],"z":2}"#
            ),
            [
                r#"{"o":1,"entry":[{"id":1,"changes":["a"]}],"z":2}"#,
                r#"{"o":1,"entry":[{"id":1,"changes":["b"]}],"z":2}"#,
                r#"{"o":1,"entry":[{"changes":["c"]}],"z":2}"#,
            ]
        );
    }

    #[test]
    fn where_the_way_ends_early_nothing_is_lost() {
        for body in [r#"{"a":1}"#, r#"{"events":[]}"#, r#"{"events":{"x":1}}"#, "[]", "null"] {
            assert_eq!(split("events.*", body), [body]);
        }
        assert_eq!(
            split("e.*.c.*", r#"{"e":[{"m":1},{"c":[2,3]}]}"#),
            [r#"{"e":[{"m":1}]}"#, r#"{"e":[{"c":[2]}]}"#, r#"{"e":[{"c":[3]}]}"#]
        );
    }

    #[test]
    fn a_batch_that_would_grow_beyond_measure_is_refused() {
        let path = BatchPath::parse("e.*").unwrap();
        let with = |around: usize, events: usize| {
            let around = "x".repeat(around);
            let list = vec!["1"; events].join(",");
            Json::parse(Bytes::from(format!(r#"{{"a":"{around}","e":[{list}]}}"#))).unwrap()
        };
        assert_eq!(path.split(&with(0, EVENTS_MAX)).map(|it| it.len()), Ok(EVENTS_MAX));
        assert_eq!(path.split(&with(0, EVENTS_MAX + 1)), Err(TooMany));
        assert_eq!(path.split(&with(1 << 20, 100)), Err(TooMany));
    }

    #[test]
    fn a_path_without_a_list_is_none() {
        for wrong in ["", "events", "a..*", ".*", "*."] {
            assert!(BatchPath::parse(wrong).is_none(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_event_is_found_in_its_own_body(events in prop::collection::vec("[a-z\\[\\]{},\"]{0,8}", 1..20)) {
            let body = serde_json::json!({ "x": [1], "items": events, "y": {} }).to_string();
            let path = BatchPath::parse("items.*").unwrap();
            let found: Vec<String> = split("items.*", &body)
                .into_iter()
                .map(|text| {
                    let json = Json::parse(Bytes::from(text)).unwrap();
                    serde_json::from_str(path.first(&json).unwrap().source()).unwrap()
                })
                .collect();
            prop_assert_eq!(found, events);
        }
    }
}
