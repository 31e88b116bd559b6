//! When may a rule's messages be sent, and what makes one too many? As it is written in a rule.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::HoursSettings;
use crate::expr::{Escape, EvalError, Scope, Template, Values, View, moment};
use crate::model::{self, Fault, Hours, Priority, Recipient, Rest, Span};

/// How long a `dedupe` key is remembered, unless said otherwise.
const WITHIN_S: u64 = 30 * 24 * 60 * 60;
/// The longest `per` of a throttle.
const PER_MAX: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// How far ahead a message may be put off. What a sender says beyond that is a slip, and would wait
/// where nobody looks.
const AHEAD_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// How long the first event of a group waits for others, unless said otherwise.
const GROUP_WAIT: Duration = Duration::from_secs(2 * 60);
/// What is said of a `delay_until` that cannot be read.
const NO_TIME: &str = "delay_until: this is neither a time, as `2026-11-22T14:05:00Z` or Unix \
                       seconds, nor a span, as `2h`";
/// What is said of one that is too far ahead.
const FAR_AHEAD: &str = "delay_until: this is more than a year (366d) ahead, and nothing waits for \
                         so long";
/// How many events make a group go at once, unless said otherwise.
const GROUP_MAX: u32 = 20;

/// `dedupe:` of a rule: a key, or a key with a span of time.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum DedupeSettings {
    /// The key: one message with it is enough.
    Key(String),
    /// The key, and for how long.
    Within(DedupeWithin),
}

/// `dedupe: { key: …, within: … }`
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DedupeWithin {
    /// One message with this key is enough.
    #[schemars(extend("examples" = ["{{ event.data.object.id }}"]))]
    pub key: String,
    /// For so long; 30d by default.
    #[schemars(extend("examples" = ["7d"]))]
    pub within: Option<Span>,
}

/// `throttle:` of a rule.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThrottleSettings {
    /// Those with the same key are counted together; by default those to the same recipient.
    #[schemars(extend("examples" = ["{{ event.data.object.customer }}"]))]
    pub key: Option<String>,
    /// How many may go.
    #[schemars(extend("examples" = [3]))]
    pub limit: u32,
    /// In which span of time.
    #[schemars(extend("examples" = ["1h"]))]
    pub per: Span,
    /// What becomes of the rest: it waits, is skipped, or becomes one message.
    #[serde(default)]
    #[schemars(extend("examples" = ["skip"]))]
    pub rest: Rest,
}

/// `group:` of a rule: many events, one message. Its templates see them as `events`, the oldest 1000
/// if there are more.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSettings {
    /// Those with the same key go together; by default those to the same recipient.
    #[schemars(extend("examples" = ["{{ event.repository.full_name }}"]))]
    pub key: Option<String>,
    /// How long the first waits for others; 2m by default.
    #[schemars(extend("examples" = ["2m"]))]
    pub wait: Option<Span>,
    /// How long after a group the next one goes at the soonest; as `wait` by default.
    #[schemars(extend("examples" = ["10m"]))]
    pub interval: Option<Span>,
    /// With so many it goes at once, but not before `interval` has passed; what comes later is of the next
    /// group. 20 by default.
    #[schemars(extend("examples" = [20]))]
    pub max: Option<u32>,
}

/// Whether a rule's messages are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// They are.
    #[default]
    Send,
    /// They are recorded and shown, and not sent.
    Shadow,
}

/// What a rule says of its messages beside their content.
#[derive(Clone, Debug, Default)]
pub struct TermsSettings {
    /// `dedupe:`
    pub dedupe: Option<DedupeSettings>,
    /// `throttle:`
    pub throttle: Option<ThrottleSettings>,
    /// `group:`
    pub group: Option<GroupSettings>,
    /// `hours:`
    pub hours: Option<HoursSettings>,
    /// `expires:`
    pub expires: Option<Span>,
    /// `priority:`
    pub priority: Priority,
    /// `delay_until:`
    pub delay_until: Option<String>,
}

/// The same, compiled.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    dedupe: Option<(Template, u64)>,
    throttle: Option<(Option<Template>, ThrottleSettings)>,
    group: Option<(Option<Template>, GroupSettings)>,
    hours: Option<Hours>,
    expires_s: Option<u64>,
    priority: Priority,
    delay_until: Option<Template>,
}

impl Terms {
    /// Compiles what a rule says; `zone` is where its hours are unless they say so.
    pub fn compile(
        settings: &TermsSettings,
        zone: &str,
        scope: &Scope<'_>,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = impossible(settings);
        let mut template = |path: &str, text: Option<&str>| {
            let compiled = Template::compile_in(text?, Escape::None, scope);
            compiled
                .map_err(|found| faults.extend(found.into_iter().map(|fault| fault.under(path))))
                .ok()
        };
        let dedupe = settings.dedupe.as_ref().map(|dedupe| match dedupe {
            DedupeSettings::Key(key) => (template("dedupe", Some(key)), WITHIN_S),
            DedupeSettings::Within(DedupeWithin { key, within }) => {
                let within_s = within.map_or(WITHIN_S, |span| span.0.as_secs());
                (template("dedupe.key", Some(key)), within_s)
            }
        });
        let throttle = settings
            .throttle
            .clone()
            .map(|throttle| (template("throttle.key", throttle.key.as_deref()), throttle));
        let group = settings
            .group
            .clone()
            .map(|group| (template("group.key", group.key.as_deref()), group));
        let delay_until = template("delay_until", settings.delay_until.as_deref());
        if let Some(written) = delay_until.as_ref().and_then(Template::literal) {
            faults.extend(unreadable_time(written, zone));
        }
        let hours = settings.hours.as_ref().map(|hours| hours.compile(zone)).transpose();
        let hours = hours.unwrap_or_else(|found| {
            faults.extend(found.into_iter().map(|fault| fault.under("hours")));
            None
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            dedupe: dedupe.and_then(|(key, within_s)| Some((key?, within_s))),
            throttle,
            group,
            hours,
            expires_s: settings.expires.map(|span| span.0.as_secs()),
            priority: settings.priority,
            delay_until,
        })
    }

    /// The terms of one message: to this recipient, of a send that is written as `template`.
    ///
    /// # Errors
    /// When a key or a time cannot be read; with the name of the field.
    pub fn make<'a>(
        &'a self,
        view: &View<'a>,
        recipient: &Recipient,
        template: &str,
        now: Timestamp,
    ) -> Result<model::Terms, String> {
        let or_recipient = |path: &str, key: &'a Option<Template>| match key {
            Some(key) => text(path, key, view),
            None => Ok(recipient.expose().to_owned()),
        };
        let dedupe = match &self.dedupe {
            None => None,
            Some((key, within_s)) => {
                Some(model::Dedupe { key: text("dedupe", key, view)?, within_s: *within_s })
            }
        };
        let throttle = match &self.throttle {
            None => None,
            Some((key, written)) => Some(model::Throttle {
                key: or_recipient("throttle.key", key)?,
                limit: written.limit,
                per_s: written.per.0.as_secs(),
                rest: written.rest,
                template: template.to_owned(),
            }),
        };
        let group = match &self.group {
            None => None,
            Some((key, written)) => {
                let wait = written.wait.map_or(GROUP_WAIT, |span| span.0);
                Some(model::Group {
                    key: or_recipient("group.key", key)?,
                    wait_s: wait.as_secs(),
                    interval_s: written.interval.map_or(wait, |span| span.0).as_secs(),
                    max: written.max.unwrap_or(GROUP_MAX),
                    template: template.to_owned(),
                })
            }
        };
        Ok(model::Terms {
            priority: self.priority,
            hours: self.hours.clone(),
            expires_s: self.expires_s,
            not_before: self.not_before(view, now)?,
            dedupe,
            throttle,
            group,
            or: Vec::new(),
        })
    }

    /// The terms of what is sent in the stead of a message that cannot be made: when it may go, as
    /// that would have, and nothing of what makes one too many, since it is not of their kind.
    pub fn instead<'a>(&'a self, view: &View<'a>, now: Timestamp) -> model::Terms {
        model::Terms {
            priority: self.priority,
            hours: self.hours.clone(),
            expires_s: self.expires_s,
            // A time that cannot be read may be why it cannot be made.
            not_before: self.not_before(view, now).unwrap_or_default(),
            ..model::Terms::default()
        }
    }

    /// The file with the days on which nothing is sent, as it is written.
    pub fn holidays(&self) -> Option<&str> {
        self.hours.as_ref()?.holidays.as_deref()
    }

    /// A time, or a span after now, a year ahead at most; nothing is now.
    fn not_before<'a>(
        &'a self,
        view: &View<'a>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, String> {
        let Some(template) = &self.delay_until else { return Ok(None) };
        let written = match template.values(view.clone()) {
            Ok(Values::One(written)) => written,
            Ok(Values::Nothing) | Err(EvalError::Missing { .. }) => return Ok(None),
            Ok(Values::Many(_)) => return Err("delay_until: one time is needed, not a list".into()),
            Err(error) => return Err(format!("delay_until: {error}")),
        };
        let until = match Span::parse(&written) {
            Ok(Span(span)) => now.checked_add(span).unwrap_or(Timestamp::MAX),
            Err(_) => moment(&written, view.timezone()).ok_or(NO_TIME)?,
        };
        let farthest = now.checked_add(AHEAD_MAX).unwrap_or(Timestamp::MAX);
        if farthest < until { Err(FAR_AHEAD.to_owned()) } else { Ok(Some(until)) }
    }
}

fn text<'a>(path: &str, template: &'a Template, view: &View<'a>) -> Result<String, String> {
    match template.render(view.clone()) {
        Ok(text) if text.is_empty() => Err(format!("{path}: the key is empty")),
        Ok(text) => Ok(text),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

/// A constant that is no time: every message of the rule would fail.
fn unreadable_time(written: &str, zone: &str) -> Option<Fault> {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let is_read = Span::parse(written).is_ok() || moment(written, &zone).is_some();
    (!is_read).then(|| {
        let message = format!("`{written}` is neither a time nor a span of time");
        Fault::error("delay_until", "value", message)
            .help("write it as in `2h`, `2026-11-22T14:05:00Z` or `{{ event.starts_at }}`")
    })
}

/// The spans that are counted in seconds, each with its field.
fn spans(settings: &TermsSettings) -> impl Iterator<Item = (&'static str, Span)> {
    let group = settings.group.as_ref();
    let within = match &settings.dedupe {
        Some(DedupeSettings::Within(dedupe)) => dedupe.within,
        _ => None,
    };
    let all = [
        ("group.wait", group.and_then(|group| group.wait)),
        ("group.interval", group.and_then(|group| group.interval)),
        ("throttle.per", settings.throttle.as_ref().map(|throttle| throttle.per)),
        ("dedupe.within", within),
        ("expires", settings.expires),
    ];
    all.into_iter().filter_map(|(path, span)| Some((path, span?)))
}

/// What reads well and can never work.
fn impossible(settings: &TermsSettings) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut wrong = |path: &str, message: &str, help: &str| {
        faults.push(Fault::error(path, "value", message).help(help));
    };
    if let Some(throttle) = &settings.throttle {
        if throttle.limit == 0 {
            wrong("throttle.limit", "0 messages are none", "write 1 or more");
        }
        if throttle.per.0 < Duration::from_secs(1) || PER_MAX < throttle.per.0 {
            wrong("throttle.per", "this span is too short or too long", "write 1s to 31d");
        }
    }
    let (path, key, within) = match &settings.dedupe {
        None => ("", "-", None),
        Some(DedupeSettings::Key(key)) => ("dedupe", key.as_str(), None),
        Some(DedupeSettings::Within(it)) => ("dedupe.key", it.key.as_str(), it.within),
    };
    if key.trim().is_empty() {
        wrong(
            path,
            "the key is empty",
            "write what is the same in two messages of which one is enough",
        );
    }
    if within.is_some_and(|span| span.0 < Duration::from_secs(1)) {
        wrong("dedupe.within", "a key that is forgotten at once", "write 1s or more, as `7d`");
    }
    if settings.group.as_ref().is_some_and(|group| group.max == Some(0)) {
        wrong("group.max", "a group of 0 events is none", "write 1 or more");
    }
    for (path, span) in spans(settings) {
        if 0 < span.0.subsec_nanos() {
            let help = format!("write whole seconds, as `{}s`", span.0.as_secs() + 1);
            wrong(path, "parts of a second are not counted here", &help);
        }
    }
    let delay = settings.delay_until.as_deref().map(Span::parse);
    if delay.is_some_and(|delay| delay.is_ok_and(|span| AHEAD_MAX < span.0)) {
        wrong("delay_until", "nothing waits for longer than a year", "write 366d or less");
    }
    if settings.expires.is_some_and(|span| span.0 < Duration::from_secs(1)) {
        wrong("expires", "nothing is sent that soon", "write 1s or more, as `6h`");
    }
    faults
}

impl<'de> Deserialize<'de> for DedupeSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyOrMore;
        impl<'de> Visitor<'de> for KeyOrMore {
            type Value = DedupeSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key, or `{ key: …, within: … }`")
            }

            fn visit_str<E: de::Error>(self, key: &str) -> Result<DedupeSettings, E> {
                Ok(DedupeSettings::Key(key.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DedupeSettings, A::Error> {
                let more = DedupeWithin::deserialize(MapAccessDeserializer::new(map))?;
                Ok(DedupeSettings::Within(more))
            }
        }
        deserializer.deserialize_any(KeyOrMore)
    }
}
