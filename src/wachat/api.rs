//! What exactly does Wachat's API take? As its documentation says.

use serde_json::Value;

use crate::model::{Content, Kind};

/// Where media is sent.
pub const MEDIA_PATH: &str = "/api/v1/send/media";
/// Where texts are sent.
pub const TEXT_PATH: &str = "/api/v1/send/text";

/// The path and the JSON body of the request that sends `content` to `number`: only documented
/// fields, absent ones left out, `delay` as a number, no `message` with audio.
pub fn request(_instance: &str, _number: &str, _content: &Content) -> (&'static str, Value) {
    let _ = Kind::Text;
    todo!()
}
