//! What does a table beside the rule file have for a key? CSV as people export it, or JSON.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::nearest::nearest;
use super::value::Val;

/// The largest file of a table, in bytes.
pub const TABLE_MAX: u64 = 16 << 20;
/// The most rows of a table.
const ROWS_MAX: usize = 500_000;

/// An immutable table that templates look into by `lookup("orders.csv")`.
#[derive(Debug)]
pub struct Table {
    content: Content,
    /// The rows by the texts in a column, made when somebody first looks there.
    by_column: Vec<OnceLock<HashMap<String, usize>>>,
}

#[derive(Debug)]
enum Content {
    Rows { names: Vec<String>, rows: Vec<csv::StringRecord> },
    Json(Value),
}

/// Which column is the key and which the value, as the template says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    key: usize,
    /// `None` gives the whole row.
    value: Option<usize>,
}

impl Table {
    /// Reads a file by its name's ending: `.json`, or CSV with a row of headings, separated by
    /// `,` `;` or tabs.
    ///
    /// # Errors
    /// What is wrong with it, with the row, and what to do.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, String> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.trim_start_matches('\u{feff}'),
            Err(_) => return Err("it is not UTF-8: save it as \"CSV UTF-8\"".to_owned()),
        };
        if name.to_ascii_lowercase().ends_with(".json") {
            return from_json(text);
        }
        let (names, rows) = from_csv(text)?;
        let by_column = names.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { content: Content::Rows { names, rows }, by_column })
    }

    /// The columns of these names; without names the first is the key, and of two the second is
    /// the value.
    pub(super) fn columns(
        &self,
        key: Option<&str>,
        value: Option<&str>,
    ) -> Result<Columns, String> {
        let Content::Rows { names, .. } = &self.content else {
            return match (key, value) {
                (None, None) => Ok(Columns { key: 0, value: None }),
                _ => Err("a JSON file has no columns: write `(… | lookup(…)).name`".to_owned()),
            };
        };
        let place = |name: &str| {
            let found = names.iter().position(|known| known.eq_ignore_ascii_case(name.trim()));
            found.ok_or_else(|| match nearest(name, names.iter().map(String::as_str)) {
                Some(guess) => format!("there is no column `{name}`; did you mean `{guess}`?"),
                None => format!("there is no column `{name}`; there are {}", names.join(", ")),
            })
        };
        let key = key.map_or(Ok(0), place)?;
        let value = match value {
            Some(name) => Some(place(name)?),
            None if names.len() == 2 => Some(1 - key),
            None => None,
        };
        let columns = Columns { key, value };
        self.check_conflicts(columns)?;
        Ok(columns)
    }

    /// Two rows with one key and different values: nobody knows which number is right.
    fn check_conflicts(&self, columns: Columns) -> Result<(), String> {
        let Content::Rows { rows, .. } = &self.content else { return Ok(()) };
        let by_key = self.by_column(columns.key);
        for (place, row) in rows.iter().enumerate() {
            let key = folded(row.get(columns.key).unwrap_or_default());
            let Some(first) = by_key.get(&key).filter(|first| **first != place) else { continue };
            let same = rows.get(*first).is_some_and(|first| match columns.value {
                Some(column) => first.get(column) == row.get(column),
                None => first == row,
            });
            if !same {
                return Err(format!(
                    "rows {} and {} have the same key and different values: keep one of them",
                    first + 2,
                    place + 2
                ));
            }
        }
        Ok(())
    }

    fn by_column(&self, column: usize) -> &HashMap<String, usize> {
        static NONE: OnceLock<HashMap<String, usize>> = OnceLock::new();
        let (Content::Rows { rows, .. }, Some(slot)) = (&self.content, self.by_column.get(column))
        else {
            return NONE.get_or_init(HashMap::new);
        };
        slot.get_or_init(|| {
            let mut places = HashMap::with_capacity(rows.len());
            for (place, row) in rows.iter().enumerate() {
                let key = folded(row.get(column).unwrap_or_default());
                if !key.is_empty() {
                    places.entry(key).or_insert(place);
                }
            }
            places
        })
    }

    /// What the table has for `key`. Its texts may have come from customers: they are foreign.
    pub(super) fn find(&self, columns: Columns, key: &str) -> Val<'_> {
        match &self.content {
            Content::Json(value) => {
                in_object(&Val::of_own(value), key).made_foreign().unwrap_or(Val::Missing)
            }
            Content::Rows { names, rows } => {
                let place = self.by_column(columns.key).get(&folded(key));
                let Some(row) = place.and_then(|place| rows.get(*place)) else {
                    return Val::Missing;
                };
                let cell = |column: usize| Val::foreign(row.get(column).unwrap_or_default().trim());
                if let Some(column) = columns.value {
                    return cell(column);
                }
                let cells = names.iter().enumerate();
                let cells = cells.map(|(place, name)| (name.as_str().into(), cell(place)));
                Val::map(cells.collect()).unwrap_or(Val::Missing)
            }
        }
    }
}

/// Keys do not mind capitals or white space around them.
fn folded(key: &str) -> String {
    key.trim().to_lowercase()
}

/// The member of an object, capitals or not; the exact name first.
pub(super) fn in_object<'a>(object: &Val<'a>, key: &str) -> Val<'a> {
    let exact = object.get(key.trim());
    if !matches!(exact, Val::Missing) {
        return exact;
    }
    let key = folded(key);
    match object.keys().iter().find(|name| folded(name) == key) {
        Some(name) => object.get(name),
        None => Val::Missing,
    }
}

fn from_json(text: &str) -> Result<Table, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => {
            Ok(Table { content: Content::Json(value), by_column: Vec::new() })
        }
        Ok(_) => Err("it holds no object: write `{\"key\": \"value\", …}`".to_owned()),
        Err(error) => Err(format!("it is not JSON: {error}")),
    }
}

fn from_csv(text: &str) -> Result<(Vec<String>, Vec<csv::StringRecord>), String> {
    let heading = text.lines().next().unwrap_or_default();
    let separator = [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|separator| {
            (heading.bytes().filter(|b| b == separator).count(), *separator == b',')
        })
        .unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let names = reader.headers().map_err(|error| error.to_string())?.clone();
    if names.len() < 2 {
        return Err("it needs at least two columns, with headings in the first row".to_owned());
    }
    let mut rows = Vec::new();
    for record in reader.into_records() {
        let row = record.map_err(|error| match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("row {} has {len} columns and the headings {expected_len}", rows.len() + 2)
            }
            _ => error.to_string(),
        })?;
        if rows.len() >= ROWS_MAX {
            return Err(format!("it has more than {ROWS_MAX} rows"));
        }
        for (cell, name) in row.iter().zip(&names) {
            if is_shortened_number(cell) {
                return Err(format!(
                    "row {}, column {name}: `{cell}` is a number that a spreadsheet cut short: \
                     make the column text and export again",
                    rows.len() + 2
                ));
            }
        }
        rows.push(row);
    }
    Ok((names.iter().map(str::to_owned).collect(), rows))
}

/// `6,28123E+12`: what Excel makes of a phone number.
fn is_shortened_number(cell: &str) -> bool {
    let Some((digits, exponent)) = cell.split_once("E+") else { return false };
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
        && !exponent.is_empty()
        && exponent.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(csv: &str, key: Option<&str>, value: Option<&str>, wanted: &str) -> Option<String> {
        let table = Table::read("a.csv", csv.as_bytes()).unwrap();
        let columns = table.columns(key, value).unwrap();
        table.find(columns, wanted).shown().map(std::borrow::Cow::into_owned)
    }

    #[test]
    fn a_table_is_read_as_spreadsheets_export_it() {
        for csv in [
            "order,phone\nA-1,+62811\n",
            "\u{feff}order;phone\r\na-1;+62811\r\n",
            "order\tphone\nA-1\t+62811",
        ] {
            assert_eq!(found(csv, None, None, " a-1").as_deref(), Some("+62811"), "{csv:?}");
            assert_eq!(found(csv, None, None, "A-2"), None);
        }
        let three = "id,name,phone\n1,Siti,0811\n2,\"Budi, Jr\",0812\n";
        assert_eq!(found(three, None, Some("Phone"), "2").as_deref(), Some("0812"));
        assert_eq!(found(three, Some("name"), Some("id"), "budi, jr").as_deref(), Some("2"));
        let row = r#"{"id":"1","name":"Siti","phone":"0811"}"#;
        assert_eq!(found(three, None, None, "1").as_deref(), Some(row));
    }

    #[test]
    fn a_table_that_would_mislead_is_refused_with_its_row() {
        for (csv, part) in [
            ("order,phone\nA-1,\"6,28123E+12\"\n", "row 2, column phone"),
            ("order,phone\nA-1\n", "row 2 has 1 columns"),
            ("order\nA-1\n", "two columns"),
            ("", "two columns"),
        ] {
            let told = Table::read("a.csv", csv.as_bytes()).unwrap_err();
            assert!(told.contains(part), "{told}");
        }
        assert!(Table::read("a.csv", b"a,b\n\xff,1").unwrap_err().contains("UTF-8"));
        assert!(Table::read("a.json", b"[1]").unwrap_err().contains("object"));
        let twice = Table::read("a.csv", b"order,phone\nA,1\na,2\n").unwrap();
        assert!(twice.columns(None, None).unwrap_err().contains("rows 2 and 3"));
        assert!(twice.columns(Some("ordr"), None).unwrap_err().contains("`order`"));
    }
}
