//! What becomes of a test's event?

use bytes::Bytes;

use crate::clock;
use crate::config::TestCase;
use crate::expr::Json;
use crate::model::{Event, Message};
use crate::pipeline::Pipeline;
use crate::verify::{Outgoing, Request};

use super::super::input::unknown_source;

/// A test's event, of a batch the first, and what the rules made of it; of a batch, of all.
pub(super) struct Played {
    pub(super) event: Event,
    pub(super) json: Json,
    pub(super) messages: Vec<Message>,
}

/// Plays one test: its body alone, or a signed request through the whole door. The error is for
/// people.
pub(super) fn play(pipeline: &Pipeline, case: &TestCase) -> Result<Played, String> {
    let body = case.body.as_deref().map_err(String::clone)?;
    if case.signed {
        through_the_door(pipeline, case, body)
    } else {
        from_the_body(pipeline, case, body)
    }
}

fn from_the_body(pipeline: &Pipeline, case: &TestCase, body: &str) -> Result<Played, String> {
    let source =
        pipeline.source(&case.source).ok_or_else(|| unknown_source(pipeline, &case.source))?;
    let now = case.now.unwrap_or_else(clock::now);
    let id = clock::event_id(now, &mut same_dice());
    let body = Bytes::from(body.to_owned());
    let reads = source.read_body(id, now, case.kind.as_deref(), case.headers.clone(), body);
    let mut played: Option<Played> = None;
    for read in reads {
        let json = read.json?;
        let messages = pipeline.messages(&read.event, json.clone(), now);
        match &mut played {
            Some(played) => played.messages.extend(messages),
            None => played = Some(Played { event: read.event, json, messages }),
        }
    }
    played.ok_or_else(|| "there is no event in the body".to_owned())
}

fn through_the_door(pipeline: &Pipeline, case: &TestCase, body: &str) -> Result<Played, String> {
    let source =
        pipeline.source(&case.source).ok_or_else(|| unknown_source(pipeline, &case.source))?;
    let now = case.now.unwrap_or_else(clock::now);
    let mut unsigned = Outgoing::post(&case.source, body.as_bytes(), now);
    unsigned.put_header("content-type", "application/json");
    for (name, value) in case.headers.iter() {
        unsigned.put_header(name, value);
    }
    let mut signed = source.sign(unsigned, None).ok_or_else(|| {
        format!("only the sender can sign this ({}): leave `signed` out", source.signs())
    })?;
    // A test that brings a signature of its own tries that one.
    for (name, value) in case.headers.iter() {
        signed.put_header(name, value);
    }
    let Outgoing { method, target, headers, body, .. } = signed;
    let headers = headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
    let id = clock::event_id(now, &mut same_dice());
    let request = Request::new(id, now, case.source.clone(), method, target, headers, body.into());
    let accepted = pipeline.accept(&request, now).map_err(|why| format!("refused: {why}"))?;
    if let Some(why) = accepted.unreadable {
        return Err(why);
    }
    let event = accepted.event;
    if let Some(kind) = case.kind.as_ref().filter(|kind| !source.kind_matches(kind, &event.kind)) {
        return Err(format!(
            "the request is of kind `{}`, not `{kind}`; where a header says the kind, write it \
             under `headers:`",
            event.kind
        ));
    }
    let json = Json::parse(event.body.clone()).map_err(|why| why.to_string())?;
    let mut messages = accepted.messages;
    messages.extend(accepted.more.into_iter().flat_map(|(_, messages)| messages));
    Ok(Played { event, json, messages })
}

/// Chance that is always the same: a test's event has the same id each time, if it says its time.
fn same_dice() -> fastrand::Rng {
    fastrand::Rng::with_seed(0)
}
