//! How is it kept up to where a provider's list was looked at?

use rusqlite::{Connection, Row, params};

use crate::store::seal::Seal;
use crate::store::sqlite::fault::within;
use crate::store::sqlite::writer::{Desk, Operation};
use crate::store::sqlite::{row, sealed};
use crate::store::{Reconciliation, StoreError};

/// All lists of all sources, by name.
pub(super) fn all(connection: &Connection, seal: &Seal) -> Result<Vec<Reconciliation>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT source, place, watermark, at, last, total, trouble FROM reconciliations
         ORDER BY source, place",
    )?;
    let rows = statement.query_map([], read)?;
    rows.map(|row| Ok(opened(row?, seal))).collect()
}

fn opened(mut known: Reconciliation, seal: &Seal) -> Reconciliation {
    let list = sealed::list(&known.source, &known.place);
    known.trouble = known.trouble.map(|kept| {
        // It is for people: that it does not open is what they are told.
        seal.open_text(&sealed::trouble(&list), kept).unwrap_or_else(|problem| problem.to_string())
    });
    known
}

fn read(row: &Row<'_>) -> rusqlite::Result<Reconciliation> {
    let is_known = row.get::<_, Option<i64>>(2)?.is_some();
    let tally = |place: usize| {
        let text: String = row.get(place)?;
        // Figures for people: an unreadable one is none.
        Ok::<_, rusqlite::Error>(serde_json::from_str(&text).unwrap_or_default())
    };
    Ok(Reconciliation {
        source: row.get(0)?,
        place: row.get(1)?,
        watermark: is_known.then(|| row::time_at(row, 2)).transpose()?,
        at: row::time_at(row, 3)?,
        last: tally(4)?,
        total: tally(5)?,
        trouble: row.get(6)?,
    })
}

/// Puts one in the place of what was known.
pub(super) struct Keep(pub(super) Reconciliation);

impl Operation for Keep {
    type Output = ();

    fn apply(&self, desk: &Desk) -> rusqlite::Result<()> {
        let Reconciliation { source, place, watermark, at, last, total, trouble } = &self.0;
        let list = sealed::list(source, place);
        let seal = |said: &String| desk.seal().text(&sealed::trouble(&list), said.clone());
        let trouble = trouble.as_ref().map(seal).transpose().map_err(within)?;
        let json = |tally| serde_json::to_string(tally).unwrap_or_default();
        desk.prepare_cached(
            "INSERT OR REPLACE INTO reconciliations
                 (source, place, watermark, at, last, total, trouble)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            source,
            place,
            watermark.map(row::micros),
            row::micros(*at),
            json(last),
            json(total),
            trouble
        ])
        .map(drop)
    }

    fn wakes((): &()) -> bool {
        false
    }
}
