//! How are days and hours written? `{ days: mon-sat, from: "08:00", to: "20:00", else: wait }`

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use super::OneOrMany;
use crate::model::{DAY_MINUTES, Fault, Hours, Otherwise, bit};

/// `hours:` of a rule: when its messages may be sent.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoursSettings {
    /// On which days, as `mon-fri`, `sat` or a list of those; every day by default.
    #[schemars(extend("examples" = ["mon-sat"]))]
    pub days: Option<OneOrMany>,
    /// From when, as `08:00`; midnight by default.
    #[schemars(extend("examples" = ["08:00"]))]
    pub from: Option<String>,
    /// Until when, as `20:00`; midnight by default. Before `from` means on the next day, the same as
    /// `from` a whole day from then.
    #[schemars(extend("examples" = ["20:00"]))]
    pub to: Option<String>,
    /// Where, as `Asia/Jakarta`; by default `defaults.timezone`.
    #[schemars(extend("examples" = ["Asia/Jakarta"]))]
    pub timezone: Option<String>,
    /// A file with a date as `2026-12-25` at the beginning of each line: on those days nothing is
    /// sent.
    #[schemars(extend("examples" = ["holidays.txt"]))]
    pub holidays: Option<String>,
    /// What becomes of a message outside: it waits, or is skipped.
    #[serde(rename = "else", default)]
    #[schemars(extend("examples" = ["skip"]))]
    pub otherwise: Otherwise,
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl HoursSettings {
    /// Reads them; `zone` is where they are unless they say so.
    pub fn compile(&self, zone: &str) -> Result<Hours, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut keep = |read: Result<u16, Fault>| read.map_err(|fault| faults.push(fault)).ok();
        let from = keep(minutes("from", self.from.as_deref().unwrap_or("00:00")));
        let to = keep(minutes("to", self.to.as_deref().unwrap_or("24:00")));
        let days = keep(self.days());
        let zone = self.timezone.as_deref().unwrap_or(zone);
        if TimeZone::get(zone).is_err() {
            let message = format!("there is no time zone `{zone}`");
            let fault = Fault::error("timezone", "timezone", message);
            faults.push(fault.help("write it as in `Asia/Jakarta`"));
        }
        match (days, from, to) {
            (Some(days), Some(from), Some(to)) if faults.is_empty() => Ok(Hours {
                days: u8::try_from(days).unwrap_or(u8::MAX),
                from,
                to,
                zone: zone.to_owned(),
                holidays: self.holidays.clone(),
                otherwise: self.otherwise,
            }),
            _ => Err(faults),
        }
    }

    fn days(&self) -> Result<u16, Fault> {
        let Some(written) = &self.days else { return Ok(0b111_1111) };
        let mut days = 0;
        if written.texts().is_empty() {
            let fault = Fault::error("days", "value", "on no day of the week anything is sent");
            return Err(fault.help("write days as `mon-fri`, or leave it out for every day"));
        }
        for part in written.texts().iter().flat_map(|text| text.split(',')) {
            days |= u16::from(span_of_days(part.trim())?);
        }
        Ok(days)
    }
}

/// `mon`, `Monday`, `mon-fri`, `fri-mon` or `daily`.
fn span_of_days(text: &str) -> Result<u8, Fault> {
    if matches!(text, "daily" | "every day" | "all") {
        return Ok(0b111_1111);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first.trim())?, day(last.trim())?);
    let mut days = bit(first);
    for next in first.cycle_forward().skip(1).take_while(|_| first != last) {
        days |= bit(next);
        if next == last {
            break;
        }
    }
    Ok(days)
}

fn day(text: &str) -> Result<Weekday, Fault> {
    let lower = text.to_lowercase();
    let found = DAYS.iter().find(|(name, _)| {
        lower.get(..3) == Some(name) && matches!(lower.len(), 3 | 4) || is_whole_name(&lower, name)
    });
    found.map(|(_, day)| *day).ok_or_else(|| {
        let fault = Fault::error("days", "value", format!("`{text}` is no day of the week"));
        fault.help("write days as `mon-fri`, `sat` or `[mon, wed, fri]`")
    })
}

fn is_whole_name(text: &str, short: &str) -> bool {
    let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    names.contains(&text) && text.starts_with(short)
}

/// Minutes after midnight.
fn minutes(path: &str, text: &str) -> Result<u16, Fault> {
    let read = || {
        let (hour, minute) = text.trim().split_once(':')?;
        let two = |part: &str, most: u16| {
            let fits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            part.parse::<u16>().ok().filter(|number| fits && *number <= most)
        };
        let minutes = two(hour, 24)? * 60 + two(minute, 59)?;
        (minutes <= DAY_MINUTES).then_some(minutes)
    };
    read().ok_or_else(|| {
        let fault = Fault::error(path, "value", format!("`{text}` is no time of the day"));
        fault.help("write it as in `08:00`, in quotes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_read_as_people_write_them() {
        for (text, days) in [
            ("mon-sat", 0b011_1111),
            ("mon,wed, fri", 0b001_0101),
            ("fri-mon", 0b111_0001),
            ("Sunday", 0b100_0000),
            ("daily", 0b111_1111),
            ("tue", 0b000_0010),
        ] {
            let settings = HoursSettings {
                days: Some(OneOrMany::One(text.into())),
                from: None,
                to: None,
                timezone: None,
                holidays: None,
                otherwise: Otherwise::Wait,
            };
            assert_eq!(settings.days(), Ok(days), "{text}");
        }
        for wrong in ["mo", "mon-", "weekdays", "", "monkey"] {
            assert!(span_of_days(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_of_the_day_read_as_people_write_them() {
        for (text, expected) in [("08:00", 480), ("8:30", 510), ("00:00", 0), ("24:00", 1440)] {
            assert_eq!(minutes("from", text), Ok(expected), "{text}");
        }
        for wrong in ["8", "24:01", "25:00", "08:60", "8am", "-1:00", ":30", "008:00"] {
            assert!(minutes("from", wrong).is_err(), "{wrong}");
        }
    }
}
