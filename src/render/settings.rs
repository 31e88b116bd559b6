//! What can be said in `send:`? The names are those of Wachat's API.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::Kind;

/// One entry of `send:`. Every text is a template.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        todo!()
    }
}
