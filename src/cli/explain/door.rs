//! Would the event be let in: is it signed, and was it here before?

use jiff::Timestamp;
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use crate::cli::input::{EventRead, Origin, shown_time};
use crate::cli::output::printable;
use crate::config::Loaded;
use crate::model::EventId;
use crate::sources::Source;
use crate::store::{self, Address};
use crate::verify::{Denied, Request};

/// What can be said about an event's way in.
pub(super) struct Door {
    /// How the source signs.
    scheme: String,
    signature: Signature,
    seen: Seen,
}

enum Signature {
    /// There is none to look at, for this reason.
    Unknown(String),
    /// It was looked at when the event came, and held.
    HeldThen,
    /// It holds.
    Holds {
        /// Which secret made it, from 1, of how many.
        secret: (usize, usize),
        /// It was signed too long ago to be let in today.
        stale: Option<Denied>,
    },
    /// It does not.
    Refused(Denied),
}

enum Seen {
    Unknown,
    /// It is the stored one, with this id of its sender.
    Itself(Option<String>),
    New,
    Before(EventId, Timestamp),
}

impl Door {
    pub(super) async fn of(read: &EventRead, loaded: &Loaded, store: &Address) -> Self {
        let source = loaded.pipeline.source(&read.event.source);
        let scheme = source.map(Source::signs).unwrap_or_default();
        if let Origin::Stored = read.origin {
            let seen = Seen::Itself(read.event.provider_id.clone());
            return Self { scheme, signature: Signature::HeldThen, seen };
        }
        let signature = match (&read.request, source) {
            (Some(request), Some(source)) => match signature(request, source, loaded) {
                Signature::Refused(Denied::Malformed { .. }) if read.origin == Origin::Sample => {
                    Signature::Unknown("a built-in sample is not signed".to_owned())
                }
                signature => signature,
            },
            _ => Signature::Unknown("it came without a request".to_owned()),
        };
        let seen = match (&read.event.provider_id, &read.origin) {
            (Some(id), Origin::File) if !read.id_missing => {
                seen(&read.event.source, id, store).await
            }
            _ => Seen::Unknown,
        };
        Self { scheme, signature, seen }
    }

    /// Nothing could be looked at: it is said in a few words behind the event.
    pub(super) fn is_unknown(&self) -> bool {
        matches!((&self.signature, &self.seen), (Signature::Unknown(_), Seen::Unknown))
    }

    /// For people, a line for each question.
    pub(super) fn print(&self) {
        let scheme = format!("({})", self.scheme);
        let (mark, said) = match &self.signature {
            Signature::Unknown(why) => ("·".dimmed().to_string(), format!("not checked: {why}")),
            Signature::HeldThen => {
                let said = "held when it came; with which secret is in the log of that time";
                ("✓".green().to_string(), said.to_owned())
            }
            Signature::Holds { secret: (which, of), stale } => {
                let by =
                    if *of > 1 { format!("by secret {which} of {of}") } else { "holds".into() };
                match stale {
                    None => ("✓".green().to_string(), by),
                    Some(why) => ("✓".yellow().to_string(), format!("{by}; today refused: {why}")),
                }
            }
            Signature::Refused(why) => ("✗".red().to_string(), format!("{why}; {}", why.remedy())),
        };
        anstream::println!("{mark} signed  {}   {}", printable(&said), printable(&scheme).dimmed());
        let (mark, said) = match &self.seen {
            Seen::Unknown => return,
            Seen::Itself(None) => ("·".dimmed().to_string(), "each request is an event".to_owned()),
            Seen::Itself(Some(id)) => {
                let said = format!("a second delivery of {id} would be a duplicate");
                ("·".dimmed().to_string(), said)
            }
            Seen::New => ("✓".green().to_string(), "not in the store".to_owned()),
            Seen::Before(event, at) => {
                let said = format!(
                    "a duplicate of event {event} ({} UTC): nothing would be sent",
                    shown_time(*at)
                );
                ("✗".red().to_string(), said)
            }
        };
        anstream::println!("{mark} new     {}", printable(&said));
    }

    /// For programs: `checked`, `holds`, `secret` (from 1), `why`.
    pub(super) fn signature_json(&self) -> Value {
        let (checked, holds, secret, why) = match &self.signature {
            Signature::Unknown(why) => (false, None, None, Some(why.clone())),
            Signature::HeldThen => (false, Some(true), None, None),
            Signature::Holds { secret, stale } => {
                (true, Some(true), Some(secret.0), stale.as_ref().map(ToString::to_string))
            }
            Signature::Refused(why) => (true, Some(false), None, Some(why.to_string())),
        };
        json!({ "scheme": self.scheme, "checked": checked, "holds": holds, "secret": secret,
                "why": why })
    }

    /// The event of which this is a second delivery.
    pub(super) fn duplicate_json(&self) -> Value {
        match &self.seen {
            Seen::Before(event, _) => event.to_string().into(),
            _ => Value::Null,
        }
    }
}

fn signature(request: &Request, source: &Source, loaded: &Loaded) -> Signature {
    let of_the_secret = format!("sources.{}.secret", source.name());
    let of = source.secret_count();
    let unset = loaded.warnings.missing(|path| path.starts_with(&of_the_secret)).is_some();
    let holds = |at: Timestamp| source.verify(request, at).map(|proof| (proof.secret() + 1, of));
    let at = request.received_at();
    match holds(at) {
        Err(Denied::MissingHeader { header }) => {
            Signature::Unknown(format!("give it by --header '{header}: …'"))
        }
        _ if unset => Signature::Unknown("the secret is not set here".to_owned()),
        Ok(secret) => Signature::Holds { secret, stale: None },
        Err(stale @ Denied::Stale { age_s, .. }) => {
            let then = at.checked_sub(jiff::SignedDuration::from_secs(age_s));
            match then.map_err(|_| stale.clone()).and_then(holds) {
                Ok(secret) => Signature::Holds { secret, stale: Some(stale) },
                Err(why) => Signature::Refused(why),
            }
        }
        Err(why) => Signature::Refused(why),
    }
}

/// Whether a store that is there has it already.
async fn seen(source: &str, id: &str, store: &Address) -> Seen {
    let Ok(history) = store::history(store) else { return Seen::Unknown };
    match history.find(source.to_owned(), id.to_owned()).await {
        Ok(Some((event, at))) => Seen::Before(event, at),
        Ok(None) => Seen::New,
        Err(_) => Seen::Unknown,
    }
}
