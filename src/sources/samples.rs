//! What do providers really send? Built-in events to try rules on.
//!
//! Names and values are made up; fields and their types are those of the providers' documentation.

/// One built-in event.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Whose.
    pub preset: &'static str,
    /// Its kind, action included: `workflow_run.completed`.
    pub kind: &'static str,
    /// The headers that carry kind and id, beside the signature; lower case.
    pub headers: &'static [(&'static str, &'static str)],
    /// The body.
    pub body: &'static str,
}

macro_rules! github {
    ($kind:literal, $event:literal, $delivery:literal) => {
        Sample {
            preset: "github",
            kind: $kind,
            headers: &[("x-github-event", $event), ("x-github-delivery", $delivery)],
            body: include_str!(concat!("samples/github/", $kind, ".json")),
        }
    };
}

macro_rules! stripe {
    ($kind:literal) => {
        Sample {
            preset: "stripe",
            kind: $kind,
            headers: &[],
            body: include_str!(concat!("samples/stripe/", $kind, ".json")),
        }
    };
}

const SAMPLES: &[Sample] = &[
    github!("push", "push", "5f0c9a10-7c11-4c6e-9d53-000000000001"),
    github!("pull_request.opened", "pull_request", "5f0c9a10-7c11-4c6e-9d53-000000000002"),
    github!("pull_request.closed", "pull_request", "5f0c9a10-7c11-4c6e-9d53-000000000003"),
    github!(
        "pull_request.review_requested",
        "pull_request",
        "5f0c9a10-7c11-4c6e-9d53-000000000004"
    ),
    github!("issues.opened", "issues", "5f0c9a10-7c11-4c6e-9d53-000000000005"),
    github!("release.published", "release", "5f0c9a10-7c11-4c6e-9d53-000000000006"),
    github!("workflow_run.completed", "workflow_run", "5f0c9a10-7c11-4c6e-9d53-000000000007"),
    github!("ping", "ping", "5f0c9a10-7c11-4c6e-9d53-000000000008"),
    stripe!("invoice.paid"),
    stripe!("invoice.payment_failed"),
    stripe!("checkout.session.completed"),
    stripe!("charge.refunded"),
];

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
