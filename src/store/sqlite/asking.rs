//! The limits of a lane are others: whom do they not hold any longer?

use std::collections::HashSet;
use std::sync::LazyLock;

use rusqlite::{Connection, params};

use crate::model::{LaneWait, Priority, Reason};
use crate::store::seal::Seal;
use crate::store::sqlite::head::{Head, Judged, heads_alone};
use crate::store::sqlite::lane_clock::LaneClock;
use crate::store::sqlite::people::Counted;
use crate::store::sqlite::row::{micros, time};
use crate::store::sqlite::writer::{Desk, Operation};
use crate::store::sqlite::{order, sealed};
use crate::store::{AskedTo, Claim, Ruling, StoreError, Today};

/// So many are looked at in one step, and come back in one.
const ASKED_MAX: u16 = 256;

/// Those whom limits hold, and not their own rule's time: the reasons that a judge gives.
const BY_LIMIT: [Reason; 4] = [Reason::Quiet, Reason::Paced, Reason::TestMode, Reason::Shadow];

/// A step of asking those again whom the limits of a lane made wait.
pub(super) struct AskAgain {
    /// Which lane, by whom they are judged, and how far that has come.
    pub(super) claim: Claim,
    pub(super) limits: Option<String>,
}

impl Operation for AskAgain {
    type Output = Option<AskedTo>;

    fn apply(&self, desk: &Desk) -> rusqlite::Result<Option<AskedTo>> {
        let instance = self.claim.instance.as_str();
        let from = self.claim.asked_to.unwrap_or_default();
        if from == AskedTo::default() {
            forget(desk, instance)?;
        }
        let asked_to = Asking::begin(desk, &self.claim, from)?.step()?;
        if asked_to.is_none() && self.limits.is_some() {
            desk.prepare_cached(
                "INSERT INTO lanes (instance, limits, asked_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (instance) DO UPDATE SET
                     limits = excluded.limits, asked_at = excluded.asked_at",
            )?
            .execute(params![instance, self.limits, micros(self.claim.now)])?;
        }
        Ok(asked_to)
    }

    fn wakes(_: &Option<AskedTo>) -> bool {
        false
    }
}

/// By which limits anybody was asked is not known any more: the lane asks at its next start.
pub(super) fn forget(desk: &Desk, instance: &str) -> rusqlite::Result<()> {
    desk.prepare_cached(
        "UPDATE lanes SET limits = NULL WHERE instance = ?1 AND limits IS NOT NULL",
    )?
    .execute([instance])
    .map(drop)
}

/// The next of those that are out of line and not due anyway.
static HELD: LazyLock<String> = LazyLock::new(|| {
    heads_alone(
        "SELECT seq AS number FROM messages INDEXED BY messages_held
         WHERE state = 'waiting' AND held = 1 AND instance = ?1 AND (due_at, seq) > (?2, ?3)
         ORDER BY due_at, seq LIMIT ?4",
    )
});

/// The same of one recipient.
static HELD_FOR: LazyLock<String> = LazyLock::new(|| {
    heads_alone(
        "SELECT seq AS number FROM messages INDEXED BY messages_held_for
         WHERE state = 'waiting' AND held = 1 AND instance = ?1 AND recipient = ?5
             AND (due_at, seq) > (?2, ?3)
         ORDER BY due_at, seq LIMIT ?4",
    )
});

/// Where somebody stands who is out of line.
type Place = (i64, i64);

/// Whether a limit made it wait.
fn is_by_limit(head: &Head) -> bool {
    BY_LIMIT.iter().any(|reason| head.row.reason.as_deref() == Some(reason.as_str()))
}

fn place(head: &Head) -> Place {
    (head.row.due_at, head.row.seq)
}

/// One step.
struct Asking<'d> {
    desk: &'d Desk,
    claim: &'d Claim,
    at: AskedTo,
    now: i64,
    clock: i64,
    today: Today,
}

impl<'d> Asking<'d> {
    fn begin(desk: &'d Desk, claim: &'d Claim, at: AskedTo) -> rusqlite::Result<Self> {
        let now = micros(claim.now);
        let clock = LaneClock::of(desk, &claim.instance)?.at(now);
        let day = claim.judge.day(claim.now);
        let today = match day {
            Some(day) => Counted::of(desk, &claim.instance, day)?.today(),
            None => Today::default(),
        };
        // Who came back yesterday uses up nothing of a new day before it is sent.
        let is_same_day = at.day == day;
        let counted = if is_same_day { at.first_contacts } else { today.first_contacts };
        let at = AskedTo { day, first_contacts: counted, ..at };
        Ok(Self { desk, claim, at, now, clock, today })
    }

    fn step(mut self) -> rusqlite::Result<Option<AskedTo>> {
        while usize::from(self.at.line) <= Priority::ALL.len() {
            let all = if self.at.line == 0 { self.held()? } else { self.at_rest()? };
            if !all {
                return Ok(Some(self.at));
            }
            self.at = AskedTo { line: self.at.line + 1, due_at: 0, seq: 0, ..self.at };
        }
        Ok(None)
    }

    /// The next of those that are out of line; whether they were all.
    fn held(&mut self) -> rusqlite::Result<bool> {
        let after = self.after();
        let found = self
            .desk
            .prepare_cached(&HELD)?
            .query_map(params![self.claim.instance, after.0, after.1, ASKED_MAX], Head::read)?
            .collect::<rusqlite::Result<Vec<Head>>>()?;
        let mut back = HashSet::new();
        for head in &found {
            (self.at.due_at, self.at.seq) = place(head);
            if is_by_limit(head) && !back.contains(&head.row.seq) {
                back.extend(self.ask(head)?);
            }
            if usize::from(ASKED_MAX) <= back.len() {
                return Ok(false);
            }
        }
        Ok(found.len() < usize::from(ASKED_MAX))
    }

    /// Who came back for this one's sake.
    fn ask(&mut self, head: &Head) -> rusqlite::Result<Vec<i64>> {
        let mut today = self.today;
        // Who came back may have been sent meanwhile, and is in both.
        today.first_contacts = today.first_contacts.max(self.at.first_contacts);
        match judged(self.desk, self.claim, head, today)? {
            None => Ok(Vec::new()),
            Some(Judged { ruling: Ruling::Hold { until, reason, detail }, .. }) => {
                self.goes_on(head, micros(until).max(self.now + 1), reason.as_str(), &detail)?;
                Ok(Vec::new())
            }
            Some(Judged { ruling, is_first }) => {
                self.at.first_contacts += u64::from(is_first && ruling == Ruling::Go);
                back(self.desk, head, (self.now, self.clock))
            }
        }
    }

    /// It is held still, perhaps for another reason or not as long. If it is for longer, it is asked
    /// at the time that it has, so that nobody is looked at twice.
    fn goes_on(&self, head: &Head, until: i64, reason: &str, detail: &str) -> rusqlite::Result<()> {
        let row = &head.row;
        let is_same =
            (row.reason.as_deref(), row.detail.as_deref()) == (Some(reason), Some(detail));
        if is_same && row.due_at <= until {
            return Ok(());
        }
        self.desk
            .prepare_cached(
                "UPDATE messages SET due_at = min(due_at, ?2), reason = ?3, detail = ?4
                 WHERE seq = ?1",
            )?
            .execute(params![row.seq, until, reason, detail])
            .map(drop)
    }

    /// The next of those in line whose recipient is left in peace: each is looked at again. Whether
    /// they were all.
    fn at_rest(&mut self) -> rusqlite::Result<bool> {
        let (after, priority) = (self.after(), self.at.line - 1);
        let found = self
            .desk
            .prepare_cached(
                "SELECT due_at, seq, reason = ?6 FROM messages INDEXED BY messages_due
                 WHERE state = 'waiting' AND head = 1 AND instance = ?1 AND priority = ?5
                     AND (due_at, seq) > (?2, ?3)
                 ORDER BY due_at, seq LIMIT ?4",
            )?
            .query_map(
                params![
                    self.claim.instance,
                    after.0,
                    after.1,
                    ASKED_MAX,
                    priority,
                    Reason::Paced.as_str()
                ],
                |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<bool>>(2)?)),
            )?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        for (due_at, seq, is_paced) in &found {
            (self.at.due_at, self.at.seq) = (*due_at, *seq);
            if *is_paced == Some(true) {
                self.desk
                    .prepare_cached(
                        "UPDATE messages SET due_at = min(created_at, ?2) WHERE seq = ?1",
                    )?
                    .execute([*seq, self.now])?;
            }
        }
        Ok(found.len() < usize::from(ASKED_MAX))
    }

    /// Who is due is asked anyway.
    fn after(&self) -> Place {
        after(self.at, self.now)
    }
}

fn after(at: AskedTo, now: i64) -> Place {
    (at.due_at, at.seq).max((now, i64::MAX))
}

fn judged(
    desk: &Desk,
    claim: &Claim,
    head: &Head,
    today: Today,
) -> rusqlite::Result<Option<Judged>> {
    // Out of line it does not age.
    head.judged(desk, claim, head.row.terms.clock.unwrap_or(0), today)
}

/// What came of asking those of one recipient.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) looked_at: usize,
    /// So many came back into line.
    pub(super) back: usize,
}

/// Asks those of one recipient who were not asked so far.
pub(super) fn ask_for(
    desk: &Desk,
    (claim, at): (&Claim, AskedTo),
    recipient: &str,
    clock: i64,
    today: Today,
) -> rusqlite::Result<Asked> {
    if at.line != 0 {
        return Ok(Asked::default());
    }
    let now = micros(claim.now);
    let (due_at, seq) = after(at, now);
    let found = desk
        .prepare_cached(&HELD_FOR)?
        .query_map(params![claim.instance, due_at, seq, ASKED_MAX, recipient], Head::read)?
        .collect::<rusqlite::Result<Vec<Head>>>()?;
    for head in found.iter().filter(|head| is_by_limit(head)) {
        let judged = judged(desk, claim, head, today)?;
        if judged.is_some_and(|it| !matches!(it.ruling, Ruling::Hold { .. })) {
            let back = back(desk, head, (now, clock))?.len();
            return Ok(Asked { looked_at: found.len().max(back), back });
        }
    }
    Ok(Asked { looked_at: found.len(), back: 0 })
}

/// Who is held no longer comes back, and who was held of the same recipient after it.
fn back(desk: &Desk, head: &Head, (now, clock): (i64, i64)) -> rusqlite::Result<Vec<i64>> {
    let (instance, recipient) = (&head.row.instance, head.row.recipient.as_deref());
    let recipient = recipient.unwrap_or_default();
    let [quiet, paced, test_mode, shadow] = BY_LIMIT.map(Reason::as_str);
    let (due_at, seq) = place(head);
    let found = desk
        .prepare_cached(
            "SELECT seq FROM (
                 SELECT seq, reason FROM messages INDEXED BY messages_held_for
                 WHERE state = 'waiting' AND held = 1 AND instance = ?1 AND recipient = ?2
                     AND (due_at, seq) >= (?3, ?4)
                 ORDER BY due_at, seq LIMIT ?5)
             WHERE reason IN (?6, ?7, ?8, ?9)",
        )?
        .query_map(
            params![instance, recipient, due_at, seq, ASKED_MAX, quiet, paced, test_mode, shadow],
            |row| row.get(0),
        )?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    for seq in &found {
        desk.prepare_cached(
            "UPDATE messages SET held = 0, clock = ?2 - clock, due_at = min(created_at, ?3)
             WHERE seq = ?1",
        )?
        .execute([*seq, clock, now])?;
    }
    order::seat(desk, instance, recipient)?;
    Ok(found)
}

/// What the next of those wait for whom limits hold, the soonest of each.
pub(super) fn waits(
    connection: &Connection,
    instance: &str,
    seal: &Seal,
) -> Result<Vec<LaneWait>, StoreError> {
    let mut found: Vec<LaneWait> = Vec::new();
    let mut held = connection.prepare_cached(
        "SELECT due_at, reason, detail, id FROM messages INDEXED BY messages_held
         WHERE state = 'waiting' AND held = 1 AND instance = ?1
         ORDER BY due_at, seq LIMIT ?2",
    )?;
    let mut rows = held.query(params![instance, ASKED_MAX])?;
    while let Some(row) = rows.next()? {
        let (until, reason) = (time(row.get(0)?), row.get::<_, Option<String>>(1)?);
        let reason = reason.and_then(|word| Reason::parse(&word));
        let reason = reason.filter(|reason| BY_LIMIT.contains(reason));
        let (Some(until), Some(reason)) = (until, reason) else { continue };
        let detail = row.get::<_, Option<String>>(2)?.unwrap_or_default();
        // One that does not open is told with its message; the lane goes on.
        let Ok(detail) = seal.open_said(&sealed::detail(row.get(3)?), detail) else { continue };
        if found.iter().all(|wait| wait.detail != detail) {
            found.push(LaneWait { until, reason, detail, whole: false });
        }
    }
    Ok(found)
}
