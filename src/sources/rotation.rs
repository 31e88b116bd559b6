//! Which of several secrets count today?

use std::borrow::Cow;
use std::ops::Deref;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::model::Fault;
use crate::secret::Secret;

/// How long before a secret expires it is spoken of, in seconds: two weeks.
pub const SOON_S: i64 = 14 * DAY_S;
/// A day, in seconds.
const DAY_S: i64 = 24 * 60 * 60;

/// A secret, and from when until when it counts.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(with = "SecretOrDated")]
pub struct DatedSecret {
    secret: Secret,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// As it is written.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes what is written, for editors")]
enum SecretOrDated {
    Secret(Secret),
    Dated(Dated),
}

/// A secret with its time.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what is written, for editors")]
#[schemars(deny_unknown_fields)]
struct Dated {
    /// The secret.
    #[schemars(extend("examples" = ["${STRIPE_SECRET}"]))]
    secret: Secret,
    /// From when it counts: a day (`2026-12-01`, from 00:00 UTC) or a time (RFC 3339).
    #[schemars(extend("examples" = ["2026-11-01"]))]
    from: Option<Moment>,
    /// Until when it counts: that time, or that day at 00:00 UTC, is the first at which it does not.
    #[schemars(extend("examples" = ["2026-12-01"]))]
    until: Option<Moment>,
}

#[derive(Clone, Copy, JsonSchema)]
#[schemars(with = "String")]
struct Moment(#[schemars(skip)] Timestamp);

impl From<Secret> for DatedSecret {
    fn from(secret: Secret) -> Self {
        Self { secret, from: None, until: None }
    }
}

impl Deref for DatedSecret {
    type Target = Secret;

    fn deref(&self) -> &Secret {
        &self.secret
    }
}

impl DatedSecret {
    /// Whether it counts at `now`.
    pub fn counts(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }

    /// When it begins to count.
    pub fn from(&self) -> Option<Timestamp> {
        self.from
    }

    /// When it ends to count.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Whether it ends soon, or has ended.
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until.as_second() - now.as_second() <= SOON_S)
    }
}

/// What the person who runs this should know, at `now`, of the times of one source's secrets; the
/// paths are below the list.
pub fn warnings(secrets: &[DatedSecret], now: Timestamp) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (place, secret) in secrets.iter().enumerate() {
        let Some(until) = secret.until.filter(|_| secret.ends_soon(now)) else { continue };
        let path = format!("[{place}]");
        let (wrong, help) = if until <= now {
            let wrong = format!("this secret counts no more since {until}");
            (wrong, "remove it".to_owned())
        } else {
            let days = (until.as_second() - now.as_second()) / DAY_S;
            let wrong = format!("this secret counts until {until}, {days} days from now");
            let help = "give the sender a new one (`kabari secrets new`) if it has none yet; \
                        `kabari_secret_matched_total` tells by position which one it uses";
            (wrong, help.to_owned())
        };
        faults.push(Fault::warning(path, "secret-ends", wrong).help(help));
    }
    let given = || secrets.iter().filter(|secret| !secret.is_empty());
    if given().next().is_some() && !given().any(|secret| secret.counts(now)) {
        let next = given().filter_map(|secret| secret.from.filter(|from| now < *from)).min();
        let wrong = match next {
            Some(from) => format!("none of the secrets counts before {from}: all is refused"),
            None => "none of the secrets counts any more: all is refused".to_owned(),
        };
        let help = "add a secret that counts now, without `from` or with an earlier one";
        faults.push(Fault::warning("", "no-secret-now", wrong).help(help));
    }
    faults
}

/// The secrets of one source, in the order in which they are written.
#[derive(Debug)]
pub(super) struct Secrets {
    all: Vec<DatedSecret>,
    /// The same without their times, where none has one: nothing is copied then.
    timeless: Option<Vec<Secret>>,
}

impl Secrets {
    pub(super) fn new(all: Vec<DatedSecret>) -> Self {
        let is_timeless = all.iter().all(|one| one.from.is_none() && one.until.is_none());
        let timeless = is_timeless.then(|| all.iter().map(|one| one.secret.clone()).collect());
        Self { all, timeless }
    }

    pub(super) fn all(&self) -> &[DatedSecret] {
        &self.all
    }

    /// Those that count at `now`, each at its place: one that does not is empty there, and an empty
    /// secret believes nothing.
    pub(super) fn at(&self, now: Timestamp) -> Cow<'_, [Secret]> {
        if let Some(timeless) = &self.timeless {
            return Cow::Borrowed(timeless);
        }
        let at = |one: &DatedSecret| {
            if one.counts(now) { one.secret.clone() } else { Secret::new("") }
        };
        Cow::Owned(self.all.iter().map(at).collect())
    }

    /// The one to sign with: the first that counts.
    pub(super) fn signing(&self, now: Timestamp) -> Option<&Secret> {
        self.all.iter().find(|one| one.counts(now)).map(|one| &one.secret)
    }
}

impl<'de> Deserialize<'de> for DatedSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrMap)
    }
}

struct TextOrMap;

impl<'de> Visitor<'de> for TextOrMap {
    type Value = DatedSecret;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a secret, or `{ secret: …, from: 2026-11-01, until: 2026-12-01 }`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<DatedSecret, E> {
        Ok(Secret::new(text).into())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<DatedSecret, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_unit<E: de::Error>(self) -> Result<DatedSecret, E> {
        self.visit_str("")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DatedSecret, A::Error> {
        let (mut secret, mut from, mut until) = (None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "secret" => secret = Some(map.next_value::<Secret>()?),
                "from" => from = Some(map.next_value::<Moment>()?.0),
                "until" => until = Some(map.next_value::<Moment>()?.0),
                // The key itself may be half of a secret with a colon in it.
                _ => return Err(de::Error::custom(KEYS)),
            }
        }
        let secret = secret.ok_or_else(|| de::Error::custom(KEYS))?;
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            return Err(de::Error::custom("`until` is not after `from`"));
        }
        Ok(DatedSecret { secret, from, until })
    }
}

const KEYS: &str = "a secret with its time has the keys `secret`, `from` and `until`; quote a \
                    secret that has a colon in it";

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
        let found = text.parse().ok().or_else(|| day().map(|zoned| zoned.timestamp()));
        found.map(Self).ok_or_else(|| {
            de::Error::custom(format!("`{text}` is no day or time: write `2026-12-01`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_secret_counts_from_its_day_until_its_day() {
        let yaml =
            "[{ secret: new, from: 2026-11-01 }, { secret: old, until: 2026-12-01 }, always]";
        let secrets = Secrets::new(serde_yaml::from_str(yaml).unwrap());
        for (now, expected) in [
            ("2026-10-31T23:59:59Z", ["", "old", "always"]),
            ("2026-11-01T00:00:00Z", ["new", "old", "always"]),
            ("2026-11-30T23:59:59Z", ["new", "old", "always"]),
            ("2026-12-01T00:00:00Z", ["new", "", "always"]),
        ] {
            let counting = secrets.at(at(now));
            let texts: Vec<&str> = counting.iter().map(Secret::expose).collect();
            assert_eq!(texts, expected, "{now}");
        }
        assert!(!secrets.all()[1].ends_soon(at("2026-11-16T00:00:00Z")));
        assert!(secrets.all()[1].ends_soon(at("2026-11-17T00:00:00Z")));
    }

    #[test]
    fn one_is_warned_before_a_secret_ends_and_while_none_counts() {
        let told = |yaml: &str, now: &str| {
            let secrets: Vec<DatedSecret> = serde_yaml::from_str(yaml).unwrap();
            let warnings = warnings(&secrets, at(now)).into_iter();
            warnings
                .map(|it| format!("{} {}: {}", it.path, it.code, it.message))
                .collect::<Vec<_>>()
        };
        let both = "[{ secret: old, until: 2026-12-01 }, { secret: new, from: 2026-12-01 }]";
        assert_eq!(told(both, "2026-11-16T23:59:59Z"), [""; 0]);
        let soon =
            "[0] secret-ends: this secret counts until 2026-12-01T00:00:00Z, 1 days from now";
        assert_eq!(told(both, "2026-11-30T00:00:00Z"), [soon]);
        let ended = "[0] secret-ends: this secret counts no more since 2026-12-01T00:00:00Z";
        assert_eq!(told(both, "2026-12-01T00:00:00Z"), [ended]);
        let gap = "[{ secret: new, from: 2026-12-24 }, '']";
        let none = " no-secret-now: none of the secrets counts before 2026-12-24T00:00:00Z: all is refused";
        assert_eq!(told(gap, "2026-12-23T23:59:59Z"), [none]);
        assert_eq!(told(gap, "2026-12-24T00:00:00Z"), [""; 0]);
        let over = "[{ secret: old, until: 2026-12-01 }]";
        let never = " no-secret-now: none of the secrets counts any more: all is refused";
        assert_eq!(told(over, "2026-12-01T00:00:00Z"), [ended, never]);
    }

    #[test]
    fn a_time_that_is_none_is_an_error_and_so_is_an_empty_span() {
        for wrong in
            ["{ secret: a, until: soon }", "{ secret: a, from: 2026-12-01, until: 2026-12-01 }"]
        {
            assert!(serde_yaml::from_str::<DatedSecret>(wrong).is_err(), "{wrong}");
        }
    }
}
