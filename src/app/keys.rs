//! Who fetches the keys of senders? One task, when a request names one that is not known, and from
//! time to time those that are; never the request itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock::{self, Stopwatch};
use crate::http;
use crate::sources::KeyRing;

/// How long one answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// The largest key, in bytes; a chain of certificates has a few KB.
const KEY_MAX: usize = 64 << 10;
/// Between two questions: strangers can make us ask, but not often.
const BETWEEN: Duration = Duration::from_millis(500);
/// How long an address is left alone that was asked: what has no key now has none a moment later.
const REST: Duration = Duration::from_secs(60);
/// How often it is looked for keys that have become old.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// How old a key may be before it is fetched again, so that one that its sender takes back goes.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// Why there is no key.
enum Failure {
    /// The sender says that there is none.
    Gone(String),
    /// It is not known whether there is one.
    Trouble(String),
}

/// Fetches what is wanted until told to stop.
pub(super) async fn run(
    ring: Arc<KeyRing>,
    bell: Arc<Notify>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let client = http::client(ANSWER_TIME).build()?;
    let fetching = async {
        let mut rests = HashMap::new();
        loop {
            tokio::select! {
                () = bell.notified() => {}
                () = sleep(LOOK) => {}
            }
            round(&ring, &client, &mut rests).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        () = fetching => Ok(()),
    }
}

/// Asks once for each key that is wanted or old. As many rest as can be asked in that time.
async fn round(ring: &KeyRing, client: &reqwest::Client, rests: &mut HashMap<String, Stopwatch>) {
    let old = ring.keys();
    let now = clock::now();
    let old = old.fetched_by(now.checked_sub(OLD).unwrap_or(now)).map(str::to_owned);
    for address in old.chain(ring.wanted()) {
        rests.retain(|_, since| since.elapsed() < REST);
        if !rests.contains_key(&address) {
            rests.insert(address.clone(), Stopwatch::start());
            ask(ring, client, &address).await;
            sleep(BETWEEN).await;
        }
        ring.let_go(&address);
    }
}

async fn ask(ring: &KeyRing, client: &reqwest::Client, address: &str) {
    let why = match fetch(client, address).await {
        Ok(text) => match ring.keep(address, &text, clock::now()) {
            Ok(()) => {
                tracing::info!(address, "a sender's key is fetched");
                return;
            }
            Err(why) => why.to_string(),
        },
        Err(Failure::Gone(why)) => {
            ring.forget(address);
            why
        }
        Err(Failure::Trouble(why)) => why,
    };
    tracing::warn!(address, "a sender's key cannot be fetched: {why}");
}

async fn fetch(client: &reqwest::Client, address: &str) -> Result<String, Failure> {
    let failed = |why: reqwest::Error| {
        Failure::Trouble(format!("{:#}", anyhow::Error::new(why.without_url())))
    };
    let mut answer = client.get(address).send().await.map_err(failed)?;
    match answer.status().as_u16() {
        200 => {}
        status @ (404 | 410) => return Err(Failure::Gone(format!("it answered {status}"))),
        status => return Err(Failure::Trouble(format!("it answered {status}"))),
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > KEY_MAX {
            return Err(Failure::Trouble("the answer is too long".to_owned()));
        }
    }
    String::from_utf8(bytes).map_err(|_| Failure::Trouble("the answer is no text".to_owned()))
}
