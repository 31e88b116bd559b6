//! How is somebody forgotten?
//!
//! Whatever holds the number loses it, and what hangs on it, in a few rows at a time. What people
//! asked not to get stays so: of their number a digest is kept. Removed bytes are overwritten
//! (`secure_delete`), and at the end the file is made anew, so that none is left in its free room.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::forgotten::digest;
use crate::store::seal::Seal;
use crate::store::sqlite::fault::within;
use crate::store::sqlite::packed::{self, PackedEvent};
use crate::store::sqlite::row::{MESSAGE_COLUMNS, MESSAGE_COLUMNS_COUNT, MessageRow};
use crate::store::sqlite::spelling::Spelling;
use crate::store::sqlite::writer::{Desk, Operation};
use crate::store::sqlite::{SqliteStore, anew, gatherings, order, people, schema, sealed};
use crate::store::{Purged, StoreError, Unreadable};

/// Rows looked at in one step.
const LOOKED_AT: i64 = 512;
/// Rows changed in one transaction.
const ROWS_MAX: usize = 64;

impl SqliteStore {
    /// Forgets a recipient, or only counts what that would take. `progress` is told how many rows
    /// were looked at.
    ///
    /// # Errors
    /// When the store cannot be read or written; what was done before that stays done.
    pub async fn purge(
        &self,
        recipient: &str,
        dry_run: bool,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Purged, StoreError> {
        let (spelling, recipient) = (Spelling::of(recipient), recipient.to_owned());
        let mut total = Purged::default();
        let mut seen = 0;
        for table in [Table::Messages, Table::Events] {
            let mut after = i64::MIN;
            loop {
                let sought = Sought { recipient: recipient.clone(), spelling: spelling.clone() };
                let seal = self.seal.clone();
                let look =
                    move |connection: &Connection| look(connection, table, after, &sought, &seal);
                let Looked { rows, last, count, unreadable } = self.readers.ask(look).await?;
                seen += count;
                total.unreadable += unreadable.count;
                progress(seen);
                if dry_run {
                    total.count(table, rows.len());
                } else {
                    let forget = |rows: &[i64]| Forget {
                        table,
                        rows: rows.to_vec(),
                        recipient: recipient.clone(),
                        spelling: spelling.clone(),
                    };
                    total.add(self.forget(&rows, forget).await?);
                }
                let Some(last) = last else { break };
                after = last;
            }
        }
        let found = if dry_run {
            let (recipient, seal) = (recipient.clone(), self.seal.clone());
            self.readers.ask(move |connection| Ok(person(connection, &recipient, &seal)?)).await?
        } else {
            self.writer.run(ForgetPerson(recipient)).await?
        };
        (total.contacts, total.opted_out) = (found.contacts, found.opted_out);
        Ok(total)
    }

    /// Forgets in rows, a few in one transaction, and one that takes more in several.
    async fn forget(
        &self,
        mut rows: &[i64],
        some: impl Fn(&[i64]) -> Forget,
    ) -> Result<Purged, StoreError> {
        let mut total = Purged::default();
        while !rows.is_empty() {
            let part = rows.get(..ROWS_MAX).unwrap_or(rows);
            let Forgotten { rows: done, purged } = self.writer.run(some(part)).await?;
            total.add(purged);
            rows = rows.get(done..).unwrap_or_default();
        }
        Ok(total)
    }
}

/// Makes the file anew, so that its free room holds nothing of what was there. Others wait meanwhile.
/// Blocks.
pub(in crate::store) fn rewrite(path: &Path) -> Result<(), StoreError> {
    let connection = schema::open_writer(path, false)?;
    connection.pragma_update(None, "secure_delete", true)?;
    anew::make(&connection, path)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Messages,
    Events,
}

impl Purged {
    fn count(&mut self, table: Table, rows: usize) {
        match table {
            Table::Messages => self.messages += rows as u64,
            Table::Events => self.events += rows as u64,
        }
    }

    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.events += other.events;
        self.left += other.left;
    }
}

struct Looked {
    rows: Vec<i64>,
    last: Option<i64>,
    count: u64,
    unreadable: Unreadable,
}

/// Who is looked for.
struct Sought {
    recipient: String,
    spelling: Spelling,
}

/// What came of the attempts of a message, from lines of `claim verdict`.
fn opened_verdicts(
    id: [u8; 16],
    lines: Option<String>,
    seal: &Seal,
) -> Result<Option<String>, StoreError> {
    let lines = match lines {
        Some(lines) if seal.is_on() => lines,
        plain => return Ok(plain),
    };
    let opened = lines
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(claim, verdict)| seal.open_text(&sealed::verdict(id, claim), verdict.to_owned()));
    opened.collect::<Result<Vec<_>, _>>().map(|all| Some(all.join("\n")))
}

/// Rows that hold the number, of a page of rows.
fn look(
    connection: &Connection,
    table: Table,
    after: i64,
    sought: &Sought,
    seal: &Seal,
) -> Result<Looked, StoreError> {
    let sql = match table {
        Table::Messages => format!(
            "SELECT {MESSAGE_COLUMNS}, (SELECT group_concat(claim || ' ' || verdict, char(10))
                 FROM attempts WHERE message = messages.seq)
             FROM messages WHERE seq > ?1 ORDER BY seq LIMIT ?2"
        ),
        Table::Events => "SELECT id, source, kind, provider_id, received_at, content, seq
             FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2"
            .to_owned(),
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([after, LOOKED_AT])?;
    let mut looked =
        Looked { rows: Vec::new(), last: None, count: 0, unreadable: Unreadable::default() };
    while let Some(row) = rows.next()? {
        let (seq, holds) = match table {
            Table::Messages => {
                let verdicts: Option<String> = row.get(MESSAGE_COLUMNS_COUNT)?;
                let row = MessageRow::read(row)?;
                (row.seq, message_holds(row, verdicts, sought, seal))
            }
            Table::Events => (row.get(6)?, event_holds(PackedEvent::read(row)?, sought, seal)),
        };
        // Whoever is to be forgotten is so everywhere else.
        let holds = holds.inspect_err(|error| tracing::warn!(%error, "a row cannot be looked at"));
        if looked.unreadable.or_counted(holds) == Some(true) {
            looked.rows.push(seq);
        }
        (looked.last, looked.count) = (Some(seq), looked.count + 1);
    }
    Ok(looked)
}

fn message_holds(
    row: MessageRow,
    verdicts: Option<String>,
    Sought { recipient, spelling }: &Sought,
    seal: &Seal,
) -> Result<bool, StoreError> {
    // Also if nobody can read any more what it says.
    if row.recipient.as_deref() == Some(seal.number(recipient).as_str()) {
        return Ok(true);
    }
    let verdicts = opened_verdicts(row.id, verdicts, seal)?;
    let row = row.opened(seal)?;
    let texts = [&row.content, &row.detail, &row.terms.kept, &verdicts];
    Ok(texts.into_iter().flatten().any(|text| spelling.is_in(text.as_bytes())))
}

fn event_holds(
    event: PackedEvent,
    Sought { spelling, .. }: &Sought,
    seal: &Seal,
) -> Result<bool, StoreError> {
    let event = event.into_event(seal)?;
    let id = event.provider_id.as_deref().unwrap_or_default();
    let mut texts = event.headers.iter().map(|(_, value)| value).chain([id]);
    Ok(spelling.is_in(&event.body) || texts.any(|text| spelling.is_in(text.as_bytes())))
}

/// Forgets in some rows.
struct Forget {
    table: Table,
    rows: Vec<i64>,
    recipient: String,
    spelling: Spelling,
}

/// What came of that: in how many of the rows, from the first on.
struct Forgotten {
    rows: usize,
    purged: Purged,
}

/// What came of it in one row.
enum Done {
    Yes,
    /// It is still to go.
    Left,
    /// The next transaction goes on with it.
    Unfinished,
}

impl Operation for Forget {
    type Output = Forgotten;

    fn apply(&self, desk: &Desk) -> rusqlite::Result<Forgotten> {
        desk.pragma_update(None, "secure_delete", true)?;
        let mut forgotten = Forgotten { rows: 0, purged: Purged::default() };
        let mut taken_off = 0;
        for row in &self.rows {
            let done = match self.table {
                Table::Messages => self.message(desk, *row, &mut taken_off)?,
                Table::Events => self.event(desk, *row)?,
            };
            match done {
                Done::Yes => forgotten.purged.count(self.table, 1),
                Done::Left => forgotten.purged.left += 1,
                Done::Unfinished => break,
            }
            forgotten.rows += 1;
        }
        Ok(forgotten)
    }

    fn wakes(_: &Forgotten) -> bool {
        true
    }
}

impl Forget {
    /// One's own are cancelled if they were still to go; those to others stay if they are, and lose
    /// their words if they are not. Where a message was very many events it is cancelled at first, and
    /// found again by its number until all of them are taken off.
    fn message(
        &self,
        connection: &Desk,
        seq: i64,
        taken_off: &mut usize,
    ) -> rusqlite::Result<Done> {
        let found: Option<(String, bool, String, Option<String>)> = connection
            .prepare_cached("SELECT state, head, instance, recipient FROM messages WHERE seq = ?1")?
            .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((state, is_head, instance, recipient)) = found else { return Ok(Done::Yes) };
        let own = connection.seal().number(&self.recipient);
        let is_own = recipient.as_deref() == Some(own.as_str());
        let is_open = matches!(state.as_str(), "waiting" | "uncertain");
        if state == "sending" || (is_open && !is_own) {
            return Ok(Done::Left);
        }
        if is_open {
            connection
                .prepare_cached(
                    "UPDATE messages SET state = 'cancelled', reason = 'by hand', head = 0, held = 0
                     WHERE seq = ?1",
                )?
                .execute([seq])?;
        }
        gatherings::leave(connection, seq)?;
        if is_head {
            order::promote(connection, &instance, &own)?;
            connection.calls(&instance);
        }
        if !gatherings::take_off(connection, seq, taken_off)? {
            return Ok(Done::Unfinished);
        }
        // The id is a digest of the number too.
        connection
            .prepare_cached(
                "UPDATE messages SET id = randomblob(16), content = NULL, detail = NULL, terms = NULL,
                     recipient = iif(?2, NULL, recipient)
                 WHERE seq = ?1",
            )?
            .execute(params![seq, is_own])?;
        connection.prepare_cached("DELETE FROM attempts WHERE message = ?1")?.execute([seq])?;
        if is_own {
            for sql in [
                "DELETE FROM dedupe_keys WHERE message = ?1",
                "DELETE FROM dedupe_lost WHERE message = ?1",
            ] {
                connection.prepare_cached(sql)?.execute([seq])?;
            }
        }
        Ok(Done::Yes)
    }

    /// An event that an open group still needs stays until that is closed.
    fn event(&self, connection: &Desk, seq: i64) -> rusqlite::Result<Done> {
        let changed = connection
            .prepare_cached(
                "UPDATE events SET content = x'' WHERE seq = ?1
                     AND NOT EXISTS (SELECT 1 FROM gathered
                         JOIN messages ON messages.seq = gathered.message
                         WHERE gathered.event = events.id AND state = 'waiting')",
            )?
            .execute([seq])?;
        let id: Option<String> = connection
            .prepare_cached("SELECT provider_id FROM events WHERE seq = ?1")?
            .query_row([seq], |row| row.get(0))?;
        let id = packed::opened_id(id, connection.seal()).map_err(within)?;
        if id.is_some_and(|id| self.spelling.is_in(id.as_bytes())) {
            connection
                .prepare_cached("UPDATE events SET provider_id = NULL WHERE seq = ?1")?
                .execute([seq])?;
        }
        Ok(if changed == 1 { Done::Yes } else { Done::Left })
    }
}

/// Forgets what is known of a person beside messages and events.
struct ForgetPerson(String);

struct Person {
    contacts: u64,
    opted_out: bool,
}

fn person(connection: &Connection, recipient: &str, seal: &Seal) -> rusqlite::Result<Person> {
    let kept = seal.number(recipient);
    let mut known = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM contacts WHERE instance = ?1 AND recipient = ?2)",
    )?;
    let mut contacts = 0;
    for instance in people::sessions(connection)? {
        contacts += u64::from(known.query_row([&instance, &kept], |row| row.get::<_, bool>(0))?);
    }
    let opted_out = people::is_opted_out(connection, recipient, seal)?;
    Ok(Person { contacts, opted_out })
}

impl Operation for ForgetPerson {
    type Output = Person;

    fn apply(&self, desk: &Desk) -> rusqlite::Result<Person> {
        desk.pragma_update(None, "secure_delete", true)?;
        let seal = desk.seal();
        let (person, kept) = (person(desk, &self.0, seal)?, seal.number(&self.0));
        for instance in people::sessions(desk)? {
            desk.prepare_cached("DELETE FROM contacts WHERE instance = ?1 AND recipient = ?2")?
                .execute([&instance, &kept])?;
        }
        // They go on getting nothing.
        desk.execute(
            "INSERT OR IGNORE INTO opt_outs (recipient, since, note)
             SELECT ?2, since, NULL FROM opt_outs WHERE recipient = ?1",
            params![kept, digest(&self.0, seal)],
        )?;
        desk.execute("DELETE FROM opt_outs WHERE recipient = ?1", [&kept])?;
        Ok(person)
    }

    fn wakes(_: &Person) -> bool {
        false
    }
}
