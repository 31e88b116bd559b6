//! What is sent instead of a message that failed?

use crate::model::{Instead, State, Terms};
use crate::store::sqlite::brakes::Keys;
use crate::store::sqlite::fault::within;
use crate::store::sqlite::row::{MESSAGE_COLUMNS, MessageRow};
use crate::store::sqlite::terms::TermsRow;
use crate::store::sqlite::writer::Desk;
use crate::store::sqlite::{record, sealed};

/// Puts into line what is to be sent instead of the message number `seq`, which failed at `now`.
/// Retried and failed again, it is not replaced twice: what is sent instead has an id of its own.
pub(super) fn of(desk: &Desk, seq: i64, now: i64) -> rusqlite::Result<()> {
    let failed = desk
        .prepare_cached(&format!("SELECT {MESSAGE_COLUMNS} FROM messages WHERE seq = ?1"))?
        .query_row([seq], MessageRow::read)?;
    // Nothing else of it is needed, and damage to the rest must not hold up the lane.
    let mut terms = sealed::asked(&failed, desk.seal()).map_err(within)?;
    // It keeps to the same hours, and is of use for as long from now on.
    let or = std::mem::take(&mut terms.or);
    for instead in or {
        if let Some(row) = row(&failed, &instead, &terms, now) {
            record::insert_message(desk, &row.sealed(desk.seal()).map_err(within)?)?;
        }
    }
    Ok(())
}

fn row(failed: &MessageRow, instead: &Instead, terms: &Terms, now: i64) -> Option<MessageRow> {
    Some(MessageRow {
        id: instead.id.0.into_bytes(),
        event: failed.event,
        state: State::Waiting.as_str().to_owned(),
        due_at: now,
        attempts: 0,
        claims: 0,
        instance: instead.instance.clone(),
        recipient: Some(instead.recipient.expose().to_owned()),
        source: failed.source.clone(),
        rule: failed.rule.clone(),
        send: instead.send,
        element: failed.element,
        reason: None,
        detail: None,
        created_at: now,
        attempts_max: failed.attempts_max,
        age_max_s: failed.age_max_s,
        on_uncertain: failed.on_uncertain.clone(),
        content: Some(serde_json::to_string(&instead.content).ok()?),
        seq: 0,
        terms: TermsRow::of(terms.clone()).ok()?,
        keys: Keys::default(),
    })
}
