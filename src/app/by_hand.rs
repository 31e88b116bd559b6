//! What does `kabari send` do when nothing else is running? The same as `serve`, for one message.

use anyhow::{Context, bail};

use crate::admin::SendRequest;
use crate::clock;
use crate::config::Settings;
use crate::dispatch;
use crate::model::Message;
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
    store_url: &str,
    asked: SendRequest,
) -> anyhow::Result<Message> {
    let client = Client::new(settings.wachat.clone())?;
    let _lanes = store::lock_lanes(&store::file_of(store_url)?)?;
    let store = store::open(store_url)?;
    let now = clock::now();
    let id = clock::event_id(now, &mut clock::dice());
    let (event, message) =
        asked.into_event(id, None, pipeline.defaults(), now).map_err(anyhow::Error::msg)?;
    let id = message.id;
    store.recover(now).await?;
    store.record(event, vec![message]).await?;
    if !dispatch::once(&store, &client, id, now).await? {
        bail!(
            "an earlier message to this number waits: this one is message {id} in the queue behind \
             it; `kabari serve` sends both"
        );
    }
    let (message, _) = store.message(id).await?.context("the message is gone")?;
    Ok(message)
}
