//! How much may a lane send in a day?

use std::fmt;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// Attempts in a day, unless said otherwise: what vendors of such gateways call safe for an account
/// that is in use.
const DAY_DEFAULT: u64 = 500;
/// First contacts in a day, unless said otherwise: accounts were restricted after 20 to 40.
const FIRST_CONTACTS_DEFAULT: u64 = 20;

/// `caps:` of a lane. A day begins at midnight in the default time zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Caps {
    /// Attempts in a day; default 500.
    #[schemars(extend("examples" = [500]))]
    pub day: Option<Cap>,
    /// Of them, to people whom this session never messaged before; default 20.
    #[schemars(extend("examples" = [20]))]
    pub first_contacts: Option<Cap>,
}

/// A number, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum Cap {
    /// So many at most.
    At(u32),
    /// No limit.
    #[schemars(with = "String")]
    Off,
}

/// What a day allows; `None`: anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DayCaps {
    pub(super) attempts: Option<u64>,
    pub(super) first_contacts: Option<u64>,
}

impl Caps {
    pub(super) fn or_default(self) -> DayCaps {
        let cap = |cap: Option<Cap>, default| match cap {
            None => Some(default),
            Some(Cap::At(number)) => Some(u64::from(number)),
            Some(Cap::Off) => None,
        };
        DayCaps {
            attempts: cap(self.day, DAY_DEFAULT),
            first_contacts: cap(self.first_contacts, FIRST_CONTACTS_DEFAULT),
        }
    }
}

impl DayCaps {
    pub(super) fn at_most(self, other: Self) -> Self {
        let least = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        Self {
            attempts: least(self.attempts, other.attempts),
            first_contacts: least(self.first_contacts, other.first_contacts),
        }
    }
}

/// The steps of a new account: until which day of its life, attempts and first contacts in a day.
const WARM_UP: [(i64, u64, u64); 3] = [(3, 20, 5), (7, 50, 10), (11, 200, 15)];

/// What an account that began on `began` can do on `day`; `None` once it is warm.
pub(super) fn warming_up(began: Date, day: Date) -> Option<DayCaps> {
    let age = i64::from(began.until(day).ok()?.get_days());
    let (_, attempts, first) = WARM_UP.into_iter().find(|(until, ..)| age < *until)?;
    Some(DayCaps { attempts: Some(attempts), first_contacts: Some(first) })
}

impl fmt::Display for DayCaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attempts {
            Some(attempts) => write!(f, "{attempts} a day")?,
            None => f.write_str("any number a day")?,
        }
        match self.first_contacts {
            Some(first) => write!(f, ", {first} of them first contacts"),
            None => f.write_str(", any number of them first contacts"),
        }
    }
}

impl<'de> Deserialize<'de> for Cap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrOff;
        impl Visitor<'_> for NumberOrOff {
            type Value = Cap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number a day, or `off`")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Cap, E> {
                let wrong = || E::custom(format!("`{number}` is more than any account can send"));
                u32::try_from(number).map(Cap::At).map_err(|_| wrong())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Cap, E> {
                let wrong = || E::custom(format!("`{number}` is no number of messages"));
                u64::try_from(number).map_err(|_| wrong()).and_then(|n| self.visit_u64(n))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Cap, E> {
                match text.trim() {
                    "off" => Ok(Cap::Off),
                    number => number.parse().map(Cap::At).map_err(|_| {
                        E::custom(format!("`{number}` is neither a number a day nor `off`"))
                    }),
                }
            }

            // To some readers of YAML an unquoted `off` is a boolean.
            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Cap, E> {
                if on { Err(E::custom("write a number a day, or `off`")) } else { Ok(Cap::Off) }
            }
        }
        deserializer.deserialize_any(NumberOrOff)
    }
}
