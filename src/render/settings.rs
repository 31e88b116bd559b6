//! What can be said in `send:`? The names are those of Wachat's API.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::model::Kind;

/// One entry of `send:`. Every text is a template.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendSettings {
    /// Who gets it: a number, an expression that gives one or several, or a list of those.
    pub number: OneOrMany,
    /// What it is; without `type` and `mediaUrl` it is a text.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// Where Wachat fetches the media (https).
    #[serde(rename = "mediaUrl")]
    pub media_url: Option<String>,
    /// The text or caption.
    pub message: Option<String>,
    /// The name under which a document is shown.
    #[serde(rename = "fileName")]
    pub file_name: Option<String>,
    /// The file's media type; by default that of `fileName`.
    pub mimetype: Option<String>,
    /// How long "typing" is shown, in milliseconds.
    pub delay: Option<u64>,
    /// The WhatsApp session to send from; by default `wachat.instance`.
    #[serde(rename = "instanceName")]
    pub instance_name: Option<String>,
}

/// A text or a list of texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
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
