//! What is sent instead of a message that failed?

use rusqlite::params;

use crate::model::{Instead, State, Terms};
use crate::store::StoreError;
use crate::store::sqlite::brakes::Keys;
use crate::store::sqlite::fault::within;
use crate::store::sqlite::lane_clock::LaneClock;
use crate::store::sqlite::row::{MESSAGE_COLUMNS, MessageRow};
use crate::store::sqlite::terms::TermsRow;
use crate::store::sqlite::writer::Desk;
use crate::store::sqlite::{record, sealed};

/// Puts into line what is to be sent instead of the message number `seq`, which failed at `now`.
/// Retried and failed again, it is not replaced twice: what is sent instead has an id of its own.
pub(super) fn of(desk: &Desk, seq: i64, now: i64) -> rusqlite::Result<()> {
    put(desk, &message(desk, seq)?, (now, now))
}

/// The same for a group that could not be written. It was promised when its first event came: whoever
/// tries things out since then does not mean it (`--only-to`).
pub(super) fn of_group(desk: &Desk, seq: i64, now: i64) -> rusqlite::Result<()> {
    let failed = message(desk, seq)?;
    put(desk, &failed, (failed.created_at, now))
}

/// Something else is to be sent instead of the message number `seq`, if it fails.
pub(super) fn replace(desk: &Desk, seq: i64, or: &[Instead]) -> rusqlite::Result<()> {
    let message = message(desk, seq)?;
    let Some(terms) = terms(desk, &message)? else { return Ok(()) };
    let terms = TermsRow::of(Terms { or: or.to_vec(), ..terms }).map_err(within)?;
    let kept = sealed::kept_terms(message.id, terms.kept, desk.seal()).map_err(within)?;
    desk.prepare_cached("UPDATE messages SET terms = ?2 WHERE seq = ?1")?
        .execute(params![seq, kept])
        .map(drop)
}

fn message(desk: &Desk, seq: i64) -> rusqlite::Result<MessageRow> {
    desk.prepare_cached(&format!("SELECT {MESSAGE_COLUMNS} FROM messages WHERE seq = ?1"))?
        .query_row([seq], MessageRow::read)
}

/// What is asked of a message at every turn. Nothing else of it is needed, and damage, to this too,
/// must hold up no others.
fn terms(desk: &Desk, message: &MessageRow) -> rusqlite::Result<Option<Terms>> {
    match sealed::asked(message, desk.seal()) {
        Ok(terms) => Ok(Some(terms)),
        Err(StoreError::Broken(why)) => {
            tracing::error!(error = why, "nobody can read what is to be sent instead of a message");
            Ok(None)
        }
        Err(other) => Err(within(other)),
    }
}

/// Each made, as far as anybody asks, at `made_at`.
fn put(desk: &Desk, failed: &MessageRow, (made_at, now): (i64, i64)) -> rusqlite::Result<()> {
    let Some(mut terms) = terms(desk, failed)? else { return Ok(()) };
    // It keeps to the same hours, and is of use for as long from now on.
    let or = std::mem::take(&mut terms.or);
    for instead in or {
        let clock = LaneClock::of(desk, &instead.instance)?.at(now);
        if let Some(mut row) = row(failed, &instead, &terms, (made_at, now)) {
            row.terms.clock = Some(clock);
            record::insert_message(desk, &row.sealed(desk.seal()).map_err(within)?)?;
        }
    }
    Ok(())
}

fn row(
    failed: &MessageRow,
    instead: &Instead,
    terms: &Terms,
    (made_at, now): (i64, i64),
) -> Option<MessageRow> {
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
        created_at: made_at,
        attempts_max: failed.attempts_max,
        age_max_s: failed.age_max_s,
        on_uncertain: failed.on_uncertain.clone(),
        content: Some(serde_json::to_string(&instead.content).ok()?),
        seq: 0,
        terms: TermsRow::of(terms.clone()).ok()?,
        keys: Keys::default(),
    })
}
