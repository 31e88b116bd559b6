//! What did a provider send in vain? Its own list, read page by page from the newest back.

use std::collections::HashSet;

use bytes::Bytes;
use form_urlencoded::byte_serialize;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderValue, LINK};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::api::{Api, Halt};
use crate::model::Headers;
use crate::sources::MissedApi;

/// Entries of one page: the most that both providers give.
const PAGE: usize = 100;
/// Pages of one look. Beyond 200,000 entries a look would use up the provider's limits for hours.
const PAGES_MAX: usize = 2000;

/// Something that was sent in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missed {
    /// The provider's id of the event.
    pub(super) id: String,
    /// What happened, as far as the list says.
    pub(super) kind: String,
    /// When it was sent.
    pub(super) sent_at: Timestamp,
    /// Where the whole of it is.
    path: String,
}

/// A list, as far back as was wanted.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// What was sent in vain, the oldest first.
    pub(super) missed: Vec<Missed>,
    /// How many entries were looked at.
    pub(super) asked: u64,
    /// When the newest entry was sent.
    pub(super) newest: Option<Timestamp>,
    /// By what it is recognised that nothing was added.
    pub(super) etag: Option<HeaderValue>,
    /// Whether there was more than one look may read: the oldest entries were left out.
    pub(super) cut: bool,
}

/// An event as the provider tells it.
pub(super) struct Told {
    pub(super) headers: Headers,
    pub(super) body: Bytes,
}

/// What was sent in vain since `since`; `None` if nothing was added to what had this `etag`.
pub(super) async fn missed(
    api: &Api<'_>,
    kind: MissedApi,
    place: &str,
    since: Timestamp,
    etag: Option<&HeaderValue>,
) -> Result<Option<Listing>, Halt> {
    match kind {
        MissedApi::Github => deliveries(api, place, since, etag).await,
        MissedApi::Stripe => events(api, since).await.map(Some),
    }
}

/// One of them, whole.
pub(super) async fn whole(api: &Api<'_>, kind: MissedApi, missed: &Missed) -> Result<Told, Halt> {
    let Some(good) = api.get(&missed.path, None).await? else {
        return Err(Halt::Broken("an answer without a question".to_owned()));
    };
    if kind == MissedApi::Stripe {
        return Ok(Told { headers: Headers::default(), body: good.body });
    }
    let Delivered { request } = good.json()?;
    let headers = request.headers.unwrap_or_default().into_iter().filter_map(|(name, value)| {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some((name.to_ascii_lowercase(), text))
    });
    let body = request
        .payload
        .ok_or_else(|| Halt::Broken("GitHub tells no payload of this delivery".to_owned()))?;
    let body = Bytes::copy_from_slice(body.get().as_bytes());
    Ok(Told { headers: headers.collect(), body })
}

/// Whether the list can be read at all.
pub(super) async fn answers(api: &Api<'_>, kind: MissedApi, place: &str) -> bool {
    let path = match kind {
        MissedApi::Github => format!("{}?per_page=1", base_of(place)),
        MissedApi::Stripe => "v1/events?limit=1".to_owned(),
    };
    api.get(&path, None).await.is_ok()
}

/// Where a webhook's deliveries are. An App has one webhook of its own, without a number.
fn base_of(hook: &str) -> String {
    format!("{hook}/deliveries")
}

/// One entry of GitHub's list: an attempt to deliver. Attempts at one event share its `guid`
/// (docs.github.com/rest/repos/webhooks, "List deliveries for a repository webhook").
#[derive(Deserialize)]
struct Delivery {
    id: u64,
    guid: String,
    delivered_at: Timestamp,
    #[serde(default)]
    redelivery: bool,
    #[serde(default)]
    status_code: Option<i64>,
    #[serde(default)]
    event: String,
    #[serde(default)]
    action: Option<String>,
}

/// "Get a delivery for a repository webhook".
#[derive(Deserialize)]
struct Delivered {
    request: DeliveredRequest,
}

#[derive(Deserialize)]
struct DeliveredRequest {
    headers: Option<serde_json::Map<String, Value>>,
    payload: Option<Box<RawValue>>,
}

async fn deliveries(
    api: &Api<'_>,
    hook: &str,
    since: Timestamp,
    etag: Option<&HeaderValue>,
) -> Result<Option<Listing>, Halt> {
    let base = base_of(hook);
    let mut listing = Listing::default();
    // From the newest back: a later attempt that arrived is met before those that did not.
    let mut arrived = HashSet::new();
    let mut wanted = HashSet::new();
    let mut cursor: Option<String> = None;
    for page in 0.. {
        let path = match &cursor {
            None => format!("{base}?per_page={PAGE}"),
            Some(cursor) => {
                let cursor: String = byte_serialize(cursor.as_bytes()).collect();
                format!("{base}?per_page={PAGE}&cursor={cursor}")
            }
        };
        let Some(good) = api.get(&path, etag.filter(|_| page == 0)).await? else {
            return Ok(None);
        };
        if page == 0 {
            listing.etag = good.etag();
        }
        let entries: Vec<Delivery> = good.json()?;
        let mut is_end = entries.is_empty();
        for entry in entries {
            if entry.delivered_at < since {
                is_end = true;
                break;
            }
            listing.asked += 1;
            listing.newest = listing.newest.max(Some(entry.delivered_at));
            let is_fine = entry.status_code.is_some_and(|code| (200..300).contains(&code));
            if is_fine {
                // The first attempt has none before it.
                if entry.redelivery {
                    arrived.insert(entry.guid);
                }
            } else if !arrived.contains(&entry.guid) && wanted.insert(entry.guid.clone()) {
                listing.missed.push(entry.missed(&base));
            }
        }
        cursor = next_cursor(&good.headers).filter(|_| !is_end);
        listing.cut = cursor.is_some() && page + 1 == PAGES_MAX;
        if cursor.is_none() || listing.cut {
            break;
        }
    }
    listing.missed.reverse();
    Ok(Some(listing))
}

impl Delivery {
    fn missed(self, base: &str) -> Missed {
        let kind = match &self.action {
            Some(action) if !action.is_empty() => format!("{}.{action}", self.event),
            _ => self.event,
        };
        let path = format!("{base}/{}", self.id);
        Missed { id: self.guid, kind, sent_at: self.delivered_at, path }
    }
}

/// The cursor of `rel="next"` in a `Link` header (RFC 8288). Only that is taken from it: a whole
/// address could lead the token elsewhere.
fn next_cursor(headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    links.flat_map(|line| line.split(',')).find_map(|link| {
        let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|it| {
            let it = it.trim();
            it == r#"rel="next""# || it == "rel=next"
        });
        let (_, query) = address.split_once('?').filter(|_| is_next)?;
        let mut parameters = form_urlencoded::parse(query.as_bytes());
        parameters.find(|(name, _)| name == "cursor").map(|(_, value)| value.into_owned())
    })
}

/// A page of Stripe's events (docs.stripe.com/api/events/list).
#[derive(Deserialize)]
struct Events {
    data: Vec<StripeEvent>,
    has_more: bool,
}

#[derive(Deserialize)]
struct StripeEvent {
    id: String,
    created: i64,
    #[serde(default, rename = "type")]
    kind: String,
}

async fn events(api: &Api<'_>, since: Timestamp) -> Result<Listing, Halt> {
    let mut listing = Listing::default();
    let mut path = format!(
        "v1/events?delivery_success=false&limit={PAGE}&created%5Bgte%5D={}",
        since.as_second()
    );
    let base = path.clone();
    for page in 0.. {
        let Some(good) = api.get(&path, None).await? else { break };
        let Events { data, has_more } = good.json()?;
        let last = data.last().map(|event| event.id.clone());
        for event in data {
            let sent_at = Timestamp::from_second(event.created)
                .map_err(|why| Halt::Broken(format!("a time that is none: {why}")))?;
            listing.asked += 1;
            listing.newest = listing.newest.max(Some(sent_at));
            let id: String = byte_serialize(event.id.as_bytes()).collect();
            let path = format!("v1/events/{id}");
            listing.missed.push(Missed { id: event.id, kind: event.kind, sent_at, path });
        }
        let Some(last) = last.filter(|_| has_more) else { break };
        if page + 1 == PAGES_MAX {
            listing.cut = true;
            break;
        }
        path = format!(
            "{base}&starting_after={}",
            byte_serialize(last.as_bytes()).collect::<String>()
        );
    }
    listing.missed.reverse();
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cursor_is_taken_from_a_link() {
        let next = |line: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, HeaderValue::from_str(line).unwrap());
            next_cursor(&headers)
        };
        let here =
            r#"<https://api.github.com/x/deliveries?per_page=100&cursor=v1_12%3D>; rel="next""#;
        assert_eq!(next(here).as_deref(), Some("v1_12="));
        let both = format!(r#"<https://x/?cursor=a>; rel="prev", {here}"#);
        assert_eq!(next(&both).as_deref(), Some("v1_12="));
        for none in
            [r#"<https://x/?cursor=a>; rel="prev""#, "nonsense", r#"<https://x>; rel="next""#]
        {
            assert_eq!(next(none), None, "{none}");
        }
    }
}
