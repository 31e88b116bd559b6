//! Is a new message one too many? Dedupe, then throttle, then group.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::model::{Group, Reason, Rest, State, Throttle};
use crate::store::seal::Seal;
use crate::store::sqlite::fault::within;
use crate::store::sqlite::hold::{IN_LINE, UNTIL_CLOSED, UNTIL_DUE};
use crate::store::sqlite::row::MessageRow;
use crate::store::sqlite::writer::Desk;
use crate::store::sqlite::{dedupe, gatherings, sealed};

/// How a new message begins.
pub(super) struct Start {
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) held: i64,
    pub(super) due_at: i64,
}

/// What the brakes say of a new message.
pub(super) enum Braked {
    /// It begins so.
    Starts(Start),
    /// It is part of another message.
    Joined,
}

/// Those who go without a word.
pub(super) fn unbraked(row: &MessageRow) -> Start {
    let mut start = Start {
        state: row.state.clone(),
        reason: row.reason.clone(),
        detail: row.detail.clone(),
        held: IN_LINE,
        due_at: row.due_at,
    };
    if let Some(until) = row.terms.not_before_us.filter(|until| *until > row.due_at)
        && row.state == State::Waiting.as_str()
    {
        start.hold(UNTIL_DUE, until, Reason::Later, "its rule's `delay_until` says so");
    }
    start
}

/// How a message begins that is to be kept as number `seq`. What it holds is kept at once.
pub(super) fn start(connection: &Desk, row: &MessageRow, seq: i64) -> rusqlite::Result<Braked> {
    let mut start = unbraked(row);
    let terms = &row.terms.new;
    if row.state != State::Waiting.as_str() {
        return Ok(Braked::Starts(start));
    }
    let once = terms.dedupe.as_ref().map(|dedupe| {
        (row.keys.dedupe.unwrap_or_default(), until(row.created_at, dedupe.within_s))
    });
    if let Some((key, _)) = &once
        && let Some(holder) = dedupe::holder((connection, connection.seal()), key, row.created_at)?
    {
        let said = match holder.message {
            Some(id) => format!("message {id} has the same `dedupe` key"),
            None => "a message that is kept no longer has the same `dedupe` key".to_owned(),
        };
        let said = connection.seal().text(&sealed::detail(row.id), said).map_err(within)?;
        start.skip(Reason::Duplicate, said);
        return Ok(Braked::Starts(start));
    }
    let take = |message: i64| match once {
        Some((key, until)) => dedupe::take(connection, &key, message, until),
        None => Ok(()),
    };
    let group = Joint::of(row);
    if let Some(joint) = &group
        && let Some(message) = joint.join(connection, row, &start)?
    {
        take(message)?;
        return Ok(Braked::Joined);
    }
    begin(connection, row, seq, group.as_ref(), &mut start)?;
    if start.state == State::Waiting.as_str() {
        take(seq)?;
    }
    Ok(Braked::Starts(start))
}

/// The group that a message may be part of, by its key.
struct Joint {
    key: [u8; 16],
    group: Group,
}

impl Joint {
    fn of(row: &MessageRow) -> Option<Self> {
        let terms = &row.terms.new;
        // One's own group comes before that of a throttle's rest.
        if let Some(group) = &terms.group {
            return Some(Self { key: row.keys.group.unwrap_or_default(), group: group.clone() });
        }
        let throttle = terms.throttle.as_ref().filter(|it| it.rest == Rest::Group)?;
        Some(Self { key: row.keys.rest.unwrap_or_default(), group: group_of(throttle) })
    }

    /// The message of the open group, if there is one: it takes no place of its own, since no other
    /// message goes.
    fn join(&self, desk: &Desk, row: &MessageRow, start: &Start) -> rusqlite::Result<Option<i64>> {
        let Some(joined) = gatherings::join(desk, &self.key, &self.group, row)? else {
            return Ok(None);
        };
        let message = joined.message;
        let Some(full) = joined.full_at.map(|at| at.max(start.due_at)) else {
            return Ok(Some(message));
        };
        let due_at = match (&row.terms.new.throttle, row.keys.throttle) {
            (Some(throttle), Some(key)) => sooner(desk, &key, throttle, (joined.due_at, full))?,
            _ => full,
        };
        if due_at < joined.due_at {
            gatherings::set_due(desk, &self.key, message, due_at)?;
        }
        Ok(Some(message))
    }
}

/// How a message begins that is part of no other: it takes a place among those that go.
fn begin(
    connection: &Connection,
    row: &MessageRow,
    seq: i64,
    group: Option<&Joint>,
    start: &mut Start,
) -> rusqlite::Result<()> {
    let soonest = start.due_at.max(row.created_at);
    let due_at = |joint: &Joint| gatherings::due_at(connection, &joint.key, &joint.group, row);
    let throttle = row.terms.new.throttle.as_ref();
    let only_the_rest = throttle.is_some_and(|throttle| throttle.rest == Rest::Group);
    let mut begins = group.filter(|_| !only_the_rest);
    let mut at = begins.map(due_at).transpose()?.map_or(soonest, |due_at| due_at.max(soonest));
    if let Some(throttle) = throttle {
        let key = row.keys.throttle.unwrap_or_default();
        let said = format!("more than {} in {} s", throttle.limit, throttle.per_s);
        let slot = match throttle.rest {
            Rest::Skip if is_full(connection, &key, throttle, at)? => {
                start.skip(Reason::Throttled, said);
                return Ok(());
            }
            Rest::Skip => at,
            Rest::Wait | Rest::Group => next_slot(connection, &key, throttle, at)?,
        };
        if at < slot {
            start.hold(UNTIL_DUE, slot, Reason::Throttled, &said);
            begins = group;
            at = begins.map(due_at).transpose()?.map_or(slot, |due_at| due_at.max(slot));
        }
        keep_slot(connection, &key, at)?;
    }
    if let Some(Joint { key, group }) = begins {
        gatherings::begin(connection, key, group, row, (seq, at))?;
        start.hold(UNTIL_CLOSED, at, Reason::Grouped, "others may join it until then");
    }
    Ok(())
}

impl Start {
    fn hold(&mut self, held: i64, until: i64, reason: Reason, detail: &str) {
        (self.held, self.due_at) = (held, until);
        (self.reason, self.detail) = (Some(reason.as_str().into()), Some(detail.into()));
    }

    fn skip(&mut self, reason: Reason, detail: String) {
        State::Skipped.as_str().clone_into(&mut self.state);
        self.held = IN_LINE;
        (self.reason, self.detail) = (Some(reason.as_str().into()), Some(detail));
    }
}

/// Whether one that goes at `at` is one too many. Those that go at quite another time, since they were
/// put off or the clock was set back, cost nobody the message.
fn is_full(
    connection: &Connection,
    key: &[u8],
    throttle: &Throttle,
    at: i64,
) -> rusqlite::Result<bool> {
    let (span, limit) = (span(throttle), i64::from(throttle.limit.max(1)));
    let near: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM throttle_slots
                 WHERE key = ?1 AND at > ?2 AND at < ?3 LIMIT ?4)",
        )?
        .query_row(
            params![key, at.saturating_sub(span), at.saturating_add(span), limit],
            |row| row.get(0),
        )?;
    Ok(near == limit)
}

fn span(throttle: &Throttle) -> i64 {
    i64::try_from(throttle.per_s.saturating_mul(1_000_000)).unwrap_or(i64::MAX)
}

/// When there is room for one that is to go at `at`.
fn next_slot(
    connection: &Connection,
    key: &[u8],
    throttle: &Throttle,
    at: i64,
) -> rusqlite::Result<i64> {
    let (span, limit) = (span(throttle), i64::from(throttle.limit.max(1)));
    // The one that goes `limit` places before it; a span after that there is room again.
    let before: Option<i64> = connection
        .prepare_cached(
            "SELECT at FROM throttle_slots WHERE key = ?1 ORDER BY at DESC, n DESC
             LIMIT 1 OFFSET ?2 - 1",
        )?
        .query_row(params![key, limit], |row| row.get(0))
        .optional()?;
    Ok(before.map_or(at, |before| before.saturating_add(span).max(at)))
}

/// One that was to go later may go from `at` on: it goes as soon as there is room. Its place must be
/// one of this key.
fn sooner(
    connection: &Connection,
    key: &[u8],
    throttle: &Throttle,
    (later, at): (i64, i64),
) -> rusqlite::Result<i64> {
    let given_up = connection
        .prepare_cached(
            "DELETE FROM throttle_slots WHERE (key, at, n) IN
                 (SELECT key, at, max(n) FROM throttle_slots WHERE key = ?1 AND at = ?2)",
        )?
        .execute(params![key, later])?;
    if given_up == 0 {
        return Ok(later);
    }
    let slot = next_slot(connection, key, throttle, at)?.min(later);
    keep_slot(connection, key, slot)?;
    Ok(slot)
}

/// Those that are over a limit become one message when there is room again.
fn group_of(throttle: &Throttle) -> Group {
    let (key, template) = (throttle.key.clone(), throttle.template.clone());
    Group { key, wait_s: 0, interval_s: 0, max: u32::MAX, template }
}

/// Keeps that one goes then.
fn keep_slot(connection: &Connection, key: &[u8], at: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO throttle_slots (key, at, n)
             SELECT ?1, ?2, coalesce(max(n) + 1, 0) FROM throttle_slots
             WHERE key = ?1 AND at = ?2",
        )?
        .execute(params![key, at])
        .map(drop)
}

/// By what the brakes know a message.
#[derive(Clone, Copy, Default)]
pub(super) struct Keys {
    dedupe: Option<[u8; 16]>,
    throttle: Option<[u8; 16]>,
    pub(super) group: Option<[u8; 16]>,
    /// Of the group that those over the limit of a throttle become.
    pub(super) rest: Option<[u8; 16]>,
}

impl Keys {
    pub(super) fn of(row: &MessageRow) -> Self {
        let terms = &row.terms.new;
        let throttle = terms.throttle.as_ref().map(|throttle| &throttle.key);
        Self {
            dedupe: terms.dedupe.as_ref().map(|dedupe| key(row, "dedupe", true, &dedupe.key)),
            throttle: throttle.map(|throttle| key(row, "throttle", false, throttle)),
            group: terms.group.as_ref().map(|group| key(row, "group", true, &group.key)),
            rest: throttle.map(|throttle| key(row, "group", true, throttle)),
        }
    }

    /// The same as they are kept.
    pub(super) fn sealed(self, seal: &Seal) -> Self {
        let brake = |key: Option<[u8; 16]>| key.map(|key| seal.brake(key));
        let Self { dedupe, throttle, group, rest } = self;
        Self {
            dedupe: brake(dedupe),
            throttle: brake(throttle),
            group: brake(group),
            rest: brake(rest),
        }
    }
}

/// The digest by which a key is known: of its rule and, if that matters, of its send and recipient.
fn key(row: &MessageRow, brake: &str, for_recipient: bool, key: &str) -> [u8; 16] {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(brake.as_bytes());
    part(row.rule.as_bytes());
    part(key.as_bytes());
    if for_recipient {
        part(&row.send.to_be_bytes());
        part(&row.element.to_be_bytes());
        part(row.recipient.as_deref().unwrap_or_default().as_bytes());
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}

fn until(now: i64, span_s: u64) -> i64 {
    let span = i64::try_from(span_s.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
    now.saturating_add(span)
}

/// Forgets a few of the keys, places and groups whose time is over; called with each record, so that the
/// tables stay small without anybody's waiting.
pub(super) fn forget(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    /// A little more than is added by one message.
    const AT_ONCE: i64 = 4;
    /// No `per` of a throttle is longer than this.
    const SLOTS_KEPT_US: i64 = 31 * 24 * 60 * 60 * 1_000_000;
    connection
        .prepare_cached(
            "DELETE FROM dedupe_keys WHERE key IN
                 (SELECT key FROM dedupe_keys WHERE until <= ?1 ORDER BY until LIMIT ?2)",
        )?
        .execute([now, AT_ONCE])?;
    connection
        .prepare_cached(
            "DELETE FROM throttle_slots WHERE (key, at, n) IN
                 (SELECT key, at, n FROM throttle_slots WHERE at <= ?1 ORDER BY at LIMIT ?2)",
        )?
        .execute([now.saturating_sub(SLOTS_KEPT_US), AT_ONCE])?;
    connection
        .prepare_cached(
            "DELETE FROM gatherings WHERE key IN
                 (SELECT key FROM gatherings INDEXED BY gatherings_over
                  WHERE message IS NULL AND closed_at + interval_us <= ?1
                  ORDER BY closed_at + interval_us LIMIT ?2)",
        )?
        .execute([now, AT_ONCE])
        .map(drop)
}
