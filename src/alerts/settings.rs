//! Where do alerts go, and in which shape?

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use url::{Host, Url};

use crate::http;
use crate::model::{Fault, Span};
use crate::secret::Secret;

/// How often what lasts is told again, unless said otherwise.
const REPEAT_DEFAULT: Duration = Duration::from_secs(4 * 60 * 60);
/// How often at most.
const REPEAT_MIN: Duration = Duration::from_secs(60);
/// The longest that a connection may take; the whole post has its own limit.
const CALL_MAX: Duration = Duration::from_secs(30);

/// `alerts:`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertSettings {
    /// A webhook that reaches people: a topic of ntfy, an incoming webhook of Slack, or anything
    /// that takes JSON by POST. Whoever knows it can write there, so it is kept like a secret.
    #[schemars(extend("examples" = ["https://ntfy.sh/${NTFY_TOPIC}"]))]
    pub url: Secret,
    /// What is posted: `ntfy` (a text with headers), `slack` (`{"text": …}`) or `json`. By default
    /// what the address suggests.
    #[schemars(extend("examples" = ["json"]))]
    pub shape: Option<Shape>,
    /// Sent as `Authorization: Bearer`.
    #[schemars(extend("examples" = ["${NTFY_TOKEN}"]))]
    pub token: Option<Secret>,
    /// How often it is told again while it lasts; 4h by default.
    #[schemars(extend("default" = "4h", "examples" = ["1h"]))]
    pub repeat: Option<Span>,
}

/// The shape of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// A text, its title and urgency in headers, as ntfy takes it.
    Ntfy,
    /// `{"text": …}`, as Slack, Mattermost and their like take it.
    Slack,
    /// All that is known, as JSON.
    Json,
}

/// Where alerts go.
#[derive(Clone, Debug)]
pub struct Hook {
    pub(super) url: Url,
    secret: Secret,
    pub(super) shape: Shape,
    pub(super) token: Option<Secret>,
    pub(super) repeat: Duration,
    pub(super) client: reqwest::Client,
}

impl AlertSettings {
    /// Where they go.
    ///
    /// # Errors
    /// What is wrong with them, for `check`.
    pub fn hook(&self) -> Result<Hook, Vec<Fault>> {
        let mut faults = Vec::new();
        let url = Url::parse(self.url.expose().trim()).ok();
        let url = url.filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        if url.is_none() {
            let fault = Fault::error("url", "bad-url", "this is no address of a webhook");
            faults.push(fault.help("write it as in `https://ntfy.sh/my-secret-topic`"));
        }
        let in_clear = url.as_ref().is_some_and(|url| url.scheme() == "http" && !is_here(url));
        if in_clear && self.token.is_some() {
            let message =
                "the token would travel unencrypted: the address must begin with https://";
            let fault = Fault::error("url", "bad-url", message);
            faults.push(fault.help("only an address on this machine may be http://"));
        }
        if self
            .token
            .as_ref()
            .is_some_and(|token| reqwest::header::HeaderValue::from_str(token.expose()).is_err())
        {
            let message = "the token has a character that no header may have";
            faults.push(
                Fault::error("token", "bad-secret", message)
                    .help("write it as it was given to you, in one line"),
            );
        }
        let repeat = self.repeat.map_or(REPEAT_DEFAULT, |span| span.0);
        if repeat < REPEAT_MIN {
            let fault =
                Fault::error("repeat", "value", "alerts would come more than once a minute");
            faults.push(fault.help("write `1m` or more, or leave it out for 4h"));
        }
        let client = http::client(CALL_MAX).build();
        match (url, client) {
            (Some(url), Ok(client)) if faults.is_empty() => Ok(Hook {
                shape: self.shape.unwrap_or_else(|| suggested(&url)),
                url,
                secret: self.url.clone(),
                token: self.token.clone(),
                repeat,
                client,
            }),
            (_, Err(problem)) => {
                faults.push(Fault::error("", "value", problem.to_string()));
                Err(faults)
            }
            _ => Err(faults),
        }
    }
}

impl Hook {
    /// All of its address that may be shown.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or("nowhere")
    }

    /// Whether it is the same address.
    pub fn is_to(&self, other: &Self) -> bool {
        self.secret.equals(other.secret.expose().as_bytes())
    }
}

/// What the well-known services take at their addresses.
fn suggested(url: &Url) -> Shape {
    let host = url.host_str().unwrap_or_default();
    if host == "hooks.slack.com" {
        Shape::Slack
    } else if host == "ntfy.sh" || host.starts_with("ntfy.") {
        Shape::Ntfy
    } else {
        Shape::Json
    }
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(yaml: &str) -> Result<Hook, Vec<Fault>> {
        serde_yaml::from_str::<AlertSettings>(yaml).unwrap().hook()
    }

    #[test]
    fn the_shape_is_what_the_address_suggests_unless_it_is_said() {
        for (yaml, shape) in [
            ("{ url: https://ntfy.sh/topic }", Shape::Ntfy),
            ("{ url: https://ntfy.example.net/topic }", Shape::Ntfy),
            ("{ url: https://hooks.slack.com/services/T/B/x }", Shape::Slack),
            ("{ url: https://alerts.example/in }", Shape::Json),
            ("{ url: https://chat.example/hooks/x, shape: slack }", Shape::Slack),
        ] {
            assert_eq!(settings(yaml).unwrap().shape, shape, "{yaml}");
        }
    }

    #[test]
    fn what_is_no_webhook_is_told_and_never_quoted() {
        for (yaml, path) in [
            ("{ url: topic-secret }", "url"),
            ("{ url: ftp://topic-secret.example/x }", "url"),
            ("{ url: http://ntfy.lan/topic-secret, token: abc }", "url"),
            ("{ url: https://ntfy.sh/topic-secret, repeat: 5s }", "repeat"),
            ("{ url: https://ntfy.sh/topic-secret, token: \"a\\nb\" }", "token"),
        ] {
            let faults = settings(yaml).unwrap_err();
            assert_eq!((faults.len(), faults[0].path.as_str()), (1, path), "{yaml}");
            assert!(!format!("{faults:?}").contains("topic-secret"), "{faults:?}");
        }
        assert!(settings("{ url: http://127.0.0.1:9/x, token: abc }").is_ok());
        assert!(settings("{ url: http://ntfy.lan/topic }").is_ok());
    }

    #[test]
    fn the_address_is_not_in_the_debug_text() {
        let told = format!(
            "{:?}",
            serde_yaml::from_str::<AlertSettings>("{ url: https://ntfy.sh/topic-secret }")
        );
        assert!(!told.contains("topic-secret"), "{told}");
    }
}
