//! What can be said in `send:`? The names are those of Wachat's API.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::model::{Fault, Kind};

/// One entry of `send:`, or `defaults.send`. Every text is a template.
#[derive(Clone, Debug, Default, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SendSettings {
    /// Who gets it: a number, an expression that gives one or several, or a list of those.
    #[schemars(extend("examples" = ["{{ event.data.object.customer_phone }}"]))]
    pub number: Option<OneOrMany>,
    /// What it is; without `type` and `mediaUrl` it is a text.
    #[serde(rename = "type")]
    #[schemars(extend("examples" = ["document"]))]
    pub kind: Option<Kind>,
    /// Where Wachat fetches the media (https).
    #[serde(rename = "mediaUrl")]
    #[schemars(extend("examples" = ["{{ event.data.object.invoice_pdf }}"]))]
    pub media_url: Option<String>,
    /// The text or caption.
    #[schemars(extend("examples" = ["Hi {{ event.data.object.customer_name | default('there') }}"]))]
    pub message: Option<String>,
    /// The name under which a document is shown.
    #[serde(rename = "fileName")]
    #[schemars(extend("examples" = ["Invoice-{{ event.data.object.number }}.pdf"]))]
    pub file_name: Option<String>,
    /// The file's media type; by default that of `fileName`.
    #[schemars(extend("examples" = ["application/pdf"]))]
    pub mimetype: Option<String>,
    /// How long "typing" is shown, in milliseconds.
    #[schemars(extend("examples" = [1200]))]
    pub delay: Option<u64>,
    /// The WhatsApp session to send from; by default `wachat.instance`.
    #[serde(rename = "instanceName")]
    #[schemars(extend("examples" = ["jakarta_store"]))]
    pub instance_name: Option<String>,
}

/// A send as it is kept with a group of events, to be filled with all of them.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct WrittenSend {
    /// The send.
    pub send: SendSettings,
    /// What is sent instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub or: Option<SendSettings>,
}

impl WrittenSend {
    /// Reads it from JSON. Once there was only the send.
    pub fn parse(json: &str) -> Option<Self> {
        let alone = || Some(Self { send: serde_json::from_str(json).ok()?, or: None });
        serde_json::from_str(json).ok().or_else(alone)
    }
}

/// Nobody types for longer, in milliseconds: whoever writes more means another unit, or another key.
const DELAY_MAX_MS: u64 = 60_000;

impl SendSettings {
    /// Whether "typing" would be shown for longer than can be meant.
    pub(super) fn odd_delay(&self) -> Option<Fault> {
        self.delay.is_some_and(|delay| DELAY_MAX_MS < delay).then(|| {
            Fault::error("delay", "value", "\"typing\" would be shown for more than a minute")
                .help("write milliseconds, as `1200`; to send later, `delay_until: 2h` of the rule")
        })
    }

    /// Takes what it does not say from `defaults`, and gives the names of what it took. A text
    /// takes nothing that media alone have.
    pub fn inherit(&mut self, defaults: &Self) -> Vec<&'static str> {
        let url = self.media_url.as_ref().or(defaults.media_url.as_ref());
        let is_media = match self.kind {
            Some(kind) => kind != Kind::Text,
            None => url.is_some(),
        };
        let own_url = self.media_url.is_some();
        let mut took = Vec::new();
        take(&mut self.number, defaults.number.as_ref(), "number", &mut took);
        take(&mut self.message, defaults.message.as_ref(), "message", &mut took);
        take(&mut self.instance_name, defaults.instance_name.as_ref(), "instanceName", &mut took);
        if is_media {
            take(&mut self.delay, defaults.delay.as_ref(), "delay", &mut took);
            let kind = defaults.kind.filter(|kind| !(own_url && *kind == Kind::Text));
            take(&mut self.kind, kind.as_ref(), "type", &mut took);
            take(&mut self.media_url, defaults.media_url.as_ref(), "mediaUrl", &mut took);
            take(&mut self.file_name, defaults.file_name.as_ref(), "fileName", &mut took);
            take(&mut self.mimetype, defaults.mimetype.as_ref(), "mimetype", &mut took);
        }
        took
    }
}

fn take<T: Clone>(
    own: &mut Option<T>,
    default: Option<&T>,
    name: &'static str,
    took: &mut Vec<&'static str>,
) {
    if own.is_none() && default.is_some() {
        *own = default.cloned();
        took.push(name);
    }
}

/// A text or a list of texts.
#[derive(Clone, Debug, Hash, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(with = "Written")]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// How texts are written, for the schema: an unquoted number is the text that it looks like.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "it is only ever described")]
enum Written {
    Text(String),
    Number(u64),
    Many(Vec<WrittenOne>),
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "it is only ever described")]
enum WrittenOne {
    Text(String),
    Number(u64),
}

impl OneOrMany {
    /// The texts.
    pub fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// The name by which [`OneOrMany`] asks its reader for texts: one that knows it takes an unquoted
/// number as it is written. To any other it is a newtype like all others.
pub const TEXTS: &str = "kabari texts";

/// By a visitor, so that the reader of the file can say where a mistake is.
impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(TEXTS, OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<OneOrMany, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        Ok(OneOrMany::Many(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_takes_what_it_does_not_say_and_a_text_nothing_of_media() {
        let defaults = SendSettings {
            message: Some("m".into()),
            kind: Some(Kind::Document),
            file_name: Some("f".into()),
            delay: Some(7),
            ..SendSettings::default()
        };
        let mut text = SendSettings { delay: Some(1), ..SendSettings::default() };
        assert_eq!(text.inherit(&defaults), ["message"]);
        assert_eq!((text.delay, text.kind), (Some(1), None));
        let url = Some("u".to_owned());
        let mut file = SendSettings { media_url: url.clone(), ..SendSettings::default() };
        assert_eq!(file.inherit(&defaults), ["message", "delay", "type", "fileName"]);
        let all_media = SendSettings { media_url: url, ..defaults };
        let mut nothing = SendSettings::default();
        assert_eq!(nothing.inherit(&all_media).len(), 5);
        let mut text = SendSettings { kind: Some(Kind::Text), ..SendSettings::default() };
        assert_eq!(text.inherit(&all_media), ["message"]);
    }
}
