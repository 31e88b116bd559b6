//! How does everything stand, and how is the running program told what to do?

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused};
use crate::admin::shown::{Numbers, message_json, readable};
use crate::model::{self, LaneWait, Message, Readiness, Reason};
use crate::store::{EventFilter, LaneState, MessageFilter, StoreError};

/// How many rows each list of the overview has.
const OVERVIEW_ROWS: usize = 20;

/// All that the dashboard shows, in one answer.
pub(super) async fn overview(State(admin): State<Arc<Admin>>) -> Answer {
    let readiness = admin.controls.readiness().await;
    let counts = admin.store.counts().await?;
    let lanes = admin.store.lanes().await?;
    let recent = MessageFilter { limit: Some(OVERVIEW_ROWS), ..MessageFilter::default() };
    let messages = readable(admin.store.messages(recent).await?);
    let events = EventFilter { limit: Some(OVERVIEW_ROWS), ..EventFilter::default() };
    let events = readable(admin.store.events(events).await?);
    let needs_person = needs_person(&admin).await?;
    Ok(Json(json!({
        "now": (admin.clock)().to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "ready": readiness.ready,
        "store": readiness.store,
        "disk": readiness.disk,
        "rules": readiness.rules,
        "sending": readiness.sending,
        "rule_count": admin.pipeline.load().rule_count(),
        "events_total": counts.events,
        "counts": counts.messages,
        "instances": readiness.instances,
        "lanes": lanes_json(&lanes, &readiness),
        "needs_person": shown(&needs_person),
        "messages": shown(&messages),
        "events": events,
    })))
}

/// Messages that go nowhere until a person decides: uncertain, failed, and without a recipient.
async fn needs_person(admin: &Admin) -> Result<Vec<Message>, StoreError> {
    let mut found = Vec::new();
    for state in [model::State::Uncertain, model::State::Failed, model::State::Skipped] {
        let filter = MessageFilter {
            state: Some(state),
            limit: Some(OVERVIEW_ROWS),
            ..MessageFilter::default()
        };
        let rows = readable(admin.store.messages(filter).await?);
        let skipped = state == model::State::Skipped;
        let is_for_a_person = |row: &Message| !skipped || row.reason == Some(Reason::NoRecipient);
        found.extend(rows.into_iter().filter(is_for_a_person));
    }
    Ok(found)
}

fn shown(messages: &[Message]) -> Vec<Value> {
    messages.iter().map(|message| message_json(message, Numbers::Masked)).collect()
}

/// Every lane that has work or stands still, by name.
fn lanes_json(lanes: &[LaneState], readiness: &Readiness) -> Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let row = |instance: &str, lane: Option<&LaneState>| {
        let waits: Vec<&LaneWait> = told(&readiness.waits, instance).collect();
        let closed = waits.iter().find(|wait| wait.whole).map(|wait| wait.until);
        json!({
            "instance": instance,
            "stopped": told(&readiness.lanes, instance).next(),
            "probe_at": time(told(&readiness.probes, instance).next().copied()),
            "closed_until": time(closed),
            "waits": waits,
            "next_due": time(lane.and_then(|lane| lane.next_due)),
            "paced_until": time(lane.and_then(|lane| lane.paced_until)),
        })
    };
    let working = lanes.iter().map(|lane| (lane.instance.as_str(), Some(lane)));
    let standing = readiness.lanes.iter().map(|(instance, _)| (instance.as_str(), None));
    // Of the same name the one with work is kept.
    let by_name: BTreeMap<&str, _> = standing.chain(working).collect();
    by_name.into_iter().map(|(instance, lane)| row(instance, lane)).collect()
}

/// What is told of this lane.
fn told<'r, T>(all: &'r [(String, T)], instance: &str) -> impl Iterator<Item = &'r T> {
    all.iter().filter(move |(name, _)| name == instance).map(|(_, what)| what)
}

/// The secrets that a source's sender offered since the start, whole: nobody else can tell them.
pub(super) async fn offered(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Answer {
    if admin.pipeline.load().source(&name).is_none() {
        return Err(Refused::NotFound);
    }
    let offers = admin.offers.of(&name);
    let rows = offers.iter();
    let rows = rows.map(|it| json!({"secret": it.secret.expose(), "at": it.at.to_string()}));
    Ok(Json(rows.collect()))
}

/// Reads the rule file again.
pub(super) async fn reload(State(admin): State<Arc<Admin>>) -> Answer {
    match admin.controls.reload().await {
        Ok(report) => Ok(Json(json!({"reloaded": true, "report": report}))),
        Err(report) => Err(Refused::BadRules(report)),
    }
}

/// `pause` and `resume`.
pub(super) async fn lane(
    State(admin): State<Arc<Admin>>,
    Path((instance, change)): Path<(String, String)>,
) -> Answer {
    let known = match change.as_str() {
        "pause" => admin.controls.pause(&instance).await,
        "resume" => admin.controls.resume(&instance).await,
        _ => false,
    };
    if !known {
        return Err(Refused::NotFound);
    }
    tracing::info!(instance, change, "lane changed by hand");
    Ok(Json(json!({"instance": instance, "stopped": change == "pause"})))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::lanes_json;
    use crate::model::{LaneWait, Readiness, Reason};
    use crate::store::LaneState;

    #[test]
    fn a_lane_that_stands_still_is_shown_even_with_nothing_to_do() {
        let lane =
            |name: &str| LaneState { instance: name.to_owned(), next_due: None, paced_until: None };
        let (until, detail) = (jiff::Timestamp::UNIX_EPOCH, "the day is over".to_owned());
        let closed = LaneWait { until, reason: Reason::Paced, detail, whole: true };
        let readiness = Readiness {
            ready: true,
            store: "ok".to_owned(),
            disk: "ok".to_owned(),
            rules: "ok".to_owned(),
            sending: "ok".to_owned(),
            instances: Vec::new(),
            reconciled: Vec::new(),
            waits: vec![("a".to_owned(), closed.clone())],
            probes: vec![("b".to_owned(), until)],
            lanes: vec![("b".to_owned(), "auth".to_owned()), ("c".to_owned(), "paused".to_owned())],
        };
        let rows = lanes_json(&[lane("a"), lane("b")], &readiness);
        let stopped: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .map(|name| {
                let row =
                    rows.as_array().and_then(|rows| rows.iter().find(|r| r["instance"] == name));
                row.map(|row| row["stopped"].as_str().unwrap_or("no").to_owned())
            })
            .collect();
        let expected = ["no", "auth", "paused"].map(|text| Some(text.to_owned()));
        assert_eq!(stopped, expected);
        assert_eq!((&rows[1]["probe_at"], &rows[2]["probe_at"]), (&json!(until), &Value::Null));
        assert_eq!(rows[0]["closed_until"], "1970-01-01T00:00:00Z");
        assert_eq!(rows[0]["waits"][0]["detail"], "the day is over");
        assert_eq!((&rows[1]["closed_until"], &rows[1]["waits"]), (&Value::Null, &json!([])));
    }
}
