//! How do people of one country write the numbers of another, and their own?

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

/// A country whose numbers may be written as at home: an ISO 3166-1 alpha-2 code, as `ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Country(&'static Habits);

/// One country's way of writing numbers (ITU-T E.164 and E.123, "Operational Bulletin" lists).
#[derive(Debug, PartialEq, Eq)]
struct Habits {
    iso: &'static str,
    /// The calling code.
    code: &'static str,
    /// What stands before a national number at home and is dropped abroad; "" if nothing does.
    trunk: &'static str,
    /// What is dialled for "abroad".
    abroad: &'static str,
}

const fn at(
    iso: &'static str,
    code: &'static str,
    trunk: &'static str,
    abroad: &'static str,
) -> Habits {
    Habits { iso, code, trunk, abroad }
}

/// Sorted by ISO code. Italy keeps its zero, and its neighbours San Marino and the Vatican too.
#[rustfmt::skip]
static COUNTRIES: &[Habits] = &[
    at("AE", "971", "0", "00"), at("AF", "93", "0", "00"), at("AL", "355", "0", "00"),
    at("AM", "374", "0", "00"), at("AO", "244", "", "00"), at("AR", "54", "0", "00"),
    at("AT", "43", "0", "00"), at("AU", "61", "0", "0011"), at("AZ", "994", "0", "00"),
    at("BA", "387", "0", "00"), at("BD", "880", "0", "00"), at("BE", "32", "0", "00"),
    at("BF", "226", "", "00"), at("BG", "359", "0", "00"), at("BH", "973", "", "00"),
    at("BI", "257", "", "00"), at("BJ", "229", "", "00"), at("BN", "673", "", "00"),
    at("BO", "591", "0", "00"), at("BR", "55", "0", "00"), at("BW", "267", "", "00"),
    at("BY", "375", "8", "810"), at("CA", "1", "1", "011"), at("CD", "243", "0", "00"),
    at("CG", "242", "", "00"), at("CH", "41", "0", "00"), at("CI", "225", "", "00"),
    at("CL", "56", "", "00"), at("CM", "237", "", "00"), at("CN", "86", "0", "00"),
    at("CO", "57", "", "00"), at("CR", "506", "", "00"), at("CY", "357", "", "00"),
    at("CZ", "420", "", "00"), at("DE", "49", "0", "00"), at("DJ", "253", "", "00"),
    at("DK", "45", "", "00"), at("DZ", "213", "0", "00"), at("EC", "593", "0", "00"),
    at("EE", "372", "", "00"), at("EG", "20", "0", "00"), at("ES", "34", "", "00"),
    at("ET", "251", "0", "00"), at("FI", "358", "0", "00"), at("FJ", "679", "", "00"),
    at("FR", "33", "0", "00"), at("GA", "241", "", "00"), at("GB", "44", "0", "00"),
    at("GE", "995", "0", "00"), at("GH", "233", "0", "00"), at("GM", "220", "", "00"),
    at("GN", "224", "", "00"), at("GR", "30", "", "00"), at("GT", "502", "", "00"),
    at("HK", "852", "", "001"), at("HN", "504", "", "00"), at("HR", "385", "0", "00"),
    at("HU", "36", "06", "00"), at("ID", "62", "0", "00"), at("IE", "353", "0", "00"),
    at("IL", "972", "0", "00"), at("IN", "91", "0", "00"), at("IQ", "964", "0", "00"),
    at("IR", "98", "0", "00"), at("IS", "354", "", "00"), at("IT", "39", "", "00"),
    at("JO", "962", "0", "00"), at("JP", "81", "0", "010"), at("KE", "254", "0", "000"),
    at("KG", "996", "0", "00"), at("KH", "855", "0", "001"), at("KR", "82", "0", "00"),
    at("KW", "965", "", "00"), at("KZ", "7", "8", "810"), at("LA", "856", "0", "00"),
    at("LB", "961", "0", "00"), at("LK", "94", "0", "00"), at("LR", "231", "0", "00"),
    at("LS", "266", "", "00"), at("LT", "370", "0", "00"), at("LU", "352", "", "00"),
    at("LV", "371", "", "00"), at("LY", "218", "0", "00"), at("MA", "212", "0", "00"),
    at("MD", "373", "0", "00"), at("ME", "382", "0", "00"), at("MG", "261", "0", "00"),
    at("MK", "389", "0", "00"), at("ML", "223", "", "00"), at("MM", "95", "0", "00"),
    at("MN", "976", "0", "001"), at("MO", "853", "", "00"), at("MR", "222", "", "00"),
    at("MT", "356", "", "00"), at("MU", "230", "", "00"), at("MV", "960", "", "00"),
    at("MW", "265", "0", "00"), at("MX", "52", "", "00"), at("MY", "60", "0", "00"),
    at("MZ", "258", "", "00"), at("NA", "264", "0", "00"), at("NE", "227", "", "00"),
    at("NG", "234", "0", "009"), at("NI", "505", "", "00"), at("NL", "31", "0", "00"),
    at("NO", "47", "", "00"), at("NP", "977", "0", "00"), at("NZ", "64", "0", "00"),
    at("OM", "968", "", "00"), at("PA", "507", "", "00"), at("PE", "51", "0", "00"),
    at("PG", "675", "", "00"), at("PH", "63", "0", "00"), at("PK", "92", "0", "00"),
    at("PL", "48", "", "00"), at("PS", "970", "0", "00"), at("PT", "351", "", "00"),
    at("PY", "595", "0", "00"), at("QA", "974", "", "00"), at("RO", "40", "0", "00"),
    at("RS", "381", "0", "00"), at("RU", "7", "8", "810"), at("RW", "250", "0", "00"),
    at("SA", "966", "0", "00"), at("SD", "249", "0", "00"), at("SE", "46", "0", "00"),
    at("SG", "65", "", "00"), at("SI", "386", "0", "00"), at("SK", "421", "0", "00"),
    at("SL", "232", "0", "00"), at("SN", "221", "", "00"), at("SO", "252", "0", "00"),
    at("SS", "211", "0", "00"), at("SV", "503", "", "00"), at("SY", "963", "0", "00"),
    at("SZ", "268", "", "00"), at("TG", "228", "", "00"), at("TH", "66", "0", "001"),
    at("TJ", "992", "", "810"), at("TL", "670", "", "00"), at("TN", "216", "", "00"),
    at("TR", "90", "0", "00"), at("TW", "886", "0", "002"), at("TZ", "255", "0", "000"),
    at("UA", "380", "0", "00"), at("UG", "256", "0", "000"), at("US", "1", "1", "011"),
    at("UY", "598", "0", "00"), at("UZ", "998", "", "00"), at("VE", "58", "0", "00"),
    at("VN", "84", "0", "00"), at("YE", "967", "0", "00"), at("ZA", "27", "0", "00"),
    at("ZM", "260", "0", "00"), at("ZW", "263", "0", "00"),
];

impl Country {
    /// The country of an ISO 3166-1 alpha-2 code, in any case; `None` if it is not in the table.
    pub fn of(iso: &str) -> Option<Self> {
        COUNTRIES.iter().find(|country| country.iso.eq_ignore_ascii_case(iso)).map(Self)
    }

    /// Its ISO code, as `ID`.
    pub fn iso(self) -> &'static str {
        self.0.iso
    }

    /// Its calling code, as `62`.
    pub(super) fn code(self) -> &'static str {
        self.0.code
    }

    /// What stands before its numbers at home: `0`, `8`, `06` or nothing.
    pub(super) fn trunk(self) -> &'static str {
        self.0.trunk
    }

    /// What is dialled there for abroad.
    pub(super) fn abroad(self) -> &'static str {
        self.0.abroad
    }
}

/// The international digits without a national zero after the calling code: `620812…` is `62812…`.
/// Only where that zero is surely no part of the number.
pub(super) fn without_double_prefix(digits: &str) -> Option<String> {
    let country = COUNTRIES.iter().find(|country| {
        country.trunk == "0"
            && digits.strip_prefix(country.code).is_some_and(|rest| rest.starts_with('0'))
    })?;
    let national = digits.get(country.code.len() + 1..)?;
    Some(format!("{}{national}", country.code))
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        Self::of(written.trim()).ok_or_else(|| {
            de::Error::custom(format!(
                "`{written}` is no country known here: write its ISO code of two letters, as ID or DE"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_made_of_codes() {
        assert!(COUNTRIES.is_sorted_by(|one, other| one.iso < other.iso));
        for country in COUNTRIES {
            assert!(country.iso.len() == 2 && (1..=3).contains(&country.code.len()), "{country:?}");
        }
        let wrong = serde_json::from_str::<Country>("\"Indonesia\"").unwrap_err().to_string();
        assert!(wrong.contains("`Indonesia` is no country"), "{wrong}");
    }
}
