//! What do providers really send? Built-in events to try rules on.
//!
//! Names and values are made up; fields and their types are those of the providers' documentation.

use bytes::Bytes;

use super::presets::preset;
use super::sample_table::SAMPLES;
use crate::expr::{BatchPath, Json};

/// One built-in event.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Whose.
    pub preset: &'static str,
    /// Its kind, action included: `workflow_run.completed`.
    pub kind: &'static str,
    /// The headers that carry kind and id, beside the signature; lower case. Among them a content
    /// type, if it is not JSON.
    pub headers: &'static [(&'static str, &'static str)],
    /// The query of its address, mostly empty.
    pub query: &'static str,
    /// The body.
    pub body: &'static str,
}

impl Sample {
    /// What rules see of it: its body, or the event in it where the sender sends several at once;
    /// `None` if it is no JSON.
    pub fn event(&self) -> Option<Json> {
        let json = Json::parse(Bytes::from_static(self.body.as_bytes())).ok()?;
        let preset = preset(self.preset).ok().flatten();
        let path = preset.and_then(|preset| BatchPath::parse(preset.events.as_deref()?));
        let element = path.and_then(|path| json.taken_out(path.first(&json)?));
        Some(element.unwrap_or(json))
    }
}

/// All built-in events.
pub fn samples() -> &'static [Sample] {
    SAMPLES
}

/// The built-in event `preset/kind`; a kind without its action finds the first that has one.
pub fn sample(preset: &str, kind: &str) -> Option<&'static Sample> {
    let of_preset = || SAMPLES.iter().filter(|sample| sample.preset == preset);
    let has_action = |sample: &&Sample| {
        sample.kind.strip_prefix(kind).is_some_and(|action| action.starts_with('.'))
    };
    of_preset().find(|sample| sample.kind == kind).or_else(|| of_preset().find(has_action))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_kind_finds_a_sample_with_an_action() {
        assert_eq!(sample("github", "issues").map(|it| it.kind), Some("issues.opened"));
        assert_eq!(sample("github", "push").map(|it| it.kind), Some("push"));
        assert!(sample("github", "iss").is_none());
        assert!(sample("stripe", "push").is_none());
    }
}
