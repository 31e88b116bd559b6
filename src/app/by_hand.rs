//! What does `kabari send` do when nothing else is running? The same as `serve`, for one message.

use anyhow::{Context, bail};

use crate::admin::SendRequest;
use crate::clock;
use crate::config::Settings;
use crate::dispatch::{self, Once};
use crate::model::{Message, State};
use crate::pipeline::Pipeline;
use crate::store;
use crate::wachat::Client;

/// Records the message, sends it and says how it stands then.
///
/// # Errors
/// When a field is wrong, the store is in use or cannot be written, or it is not its turn.
pub async fn send(
    settings: &Settings,
    pipeline: &Pipeline,
    at: &store::Address,
    asked: SendRequest,
) -> anyhow::Result<Message> {
    let client = Client::new(settings.wachat.clone())?.with_fates(settings.fates.clone());
    let _lanes = store::lock_lanes(&at.file()?)?;
    let store = store::open_owned(at)?;
    let now = clock::now();
    let id = clock::event_id(now, &mut clock::dice());
    let (event, mut message) =
        asked.into_event(id, None, pipeline.defaults(), now).map_err(anyhow::Error::msg)?;
    if let Some(recipient) = &message.recipient
        && let Some((reason, detail)) =
            dispatch::barred(&store, &settings.people, recipient).await?
    {
        message.state = State::Skipped;
        (message.reason, message.detail) = (Some(reason), Some(detail));
    }
    let (id, is_barred) = (message.id, message.state == State::Skipped);
    let instance = message.instance.clone();
    store.recover(now).await?;
    store.record(event, vec![message]).await?;
    let rules = dispatch::Rules { lanes: &settings.instances, people: &settings.people };
    let once = if is_barred {
        Once::Tried
    } else {
        dispatch::once(&store, &client, rules, id, now).await?
    };
    match once {
        Once::Tried => {}
        Once::Behind => bail!(
            "an earlier message to this number waits: this one is message {id} in the queue behind \
             it; `kabari serve` sends both"
        ),
        Once::Until(time) => bail!(
            "its WhatsApp session may not send it before {} (pace, `caps` or `gap`): message {id} \
             waits in the queue; `kabari serve` sends it then",
            time.strftime("%Y-%m-%d %H:%M:%SZ")
        ),
        Once::Shut(reason) => bail!(
            "its WhatsApp session stands still ({}): message {id} waits in the queue; when that is \
             set right, `kabari lanes resume {instance}` lets `kabari serve` send it",
            reason.as_str()
        ),
    }
    let (message, _) = store.message(id).await?.context("the message is gone")?;
    Ok(message)
}
