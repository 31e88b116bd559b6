//! How is the sandbox told to fail?
//!
//! One fault is written `FAULT[:SECONDS][+SKIP][*COUNT][@TARGET]`: which fault, its `Retry-After`,
//! how many messages pass before it, how many it hits (all, if not said), and whom: a number, a
//! group or an instance. `429:30*2@jakarta_store` refuses the next two of that instance.

use std::fmt;
use std::str::FromStr;

/// The most faults that are kept at a time.
pub const FAULTS_MAX: usize = 200;

macro_rules! faults {
    ($($name:ident = $word:literal $help:literal,)+) => {
        /// A way to fail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault {
            $(#[doc = $help] $name,)+
        }

        impl Fault {
            /// All faults.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its word in a specification.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }

        /// The grammar and each fault in a line: the text of `--help`.
        pub const FAULT_HELP: &str = concat!(
            "Fail on purpose: FAULT[:SECONDS][+SKIP][*COUNT][@TARGET], repeatable.\n",
            "SECONDS is the Retry-After of 429 and 503, SKIP how many messages pass first, COUNT how ",
            "many are hit (all, if not said), TARGET a number, a group (...@g.us) or an instance.\n",
            "As in: 504*1   429:30*2@jakarta_store   unknown-number@628123456789\n\n",
            "Faults:\n",
            $("  ", $word, ": ", $help, "\n",)+
        );
    };
}

faults! {
    Disconnect = "disconnect" "400, the WhatsApp session is closed",
    Qr = "qr" "422, the session waits for its QR code to be scanned",
    UnknownInstance = "unknown-instance" "404, there is no such instance",
    UnknownNumber = "unknown-number" "400, the number is not on WhatsApp",
    TooMany = "429" "429, too fast; a Retry-After only if SECONDS is given",
    Timelock = "463" "400, WhatsApp restricts the account (too many new chats)",
    TimelockLater = "463-later" "answers 200, and WhatsApp refuses the message afterwards",
    Unavailable = "503" "503; a Retry-After only if SECONDS is given",
    Internal = "500" "500 with an error that says nothing",
    BadGateway = "502" "502, a proxy's HTML page; not dispatched",
    GatewayTimeout = "504" "504, a proxy's HTML page; not dispatched",
    Hang = "hang" "no answer ever; not dispatched",
    DeniedBy200 = "200-false" "200 whose JSON says that it failed",
    HtmlBy200 = "200-html" "200 with an HTML page; not dispatched",
    DispatchThenBadGateway = "dispatch-then-502" "dispatched, and then answered 502",
    DispatchThenTimeout = "dispatch-then-504" "dispatched, and then answered 504",
    DispatchThenHang = "dispatch-then-hang" "dispatched, and then no answer ever",
    Reset = "reset" "dispatched, and then the connection closes without an answer",
    Truncated = "truncated" "dispatched, and the answer breaks off in the middle",
    SlowDrip = "slow-drip" "dispatched, and the answer comes byte by byte, one each half second",
    Twice = "twice" "answers 200 once and dispatches twice",
}

impl Fault {
    /// How often the message is dispatched under this fault.
    pub fn copies(self) -> usize {
        match self {
            Self::Twice => 2,
            Self::TimelockLater
            | Self::DispatchThenBadGateway
            | Self::DispatchThenTimeout
            | Self::DispatchThenHang
            | Self::Reset
            | Self::Truncated
            | Self::SlowDrip => 1,
            _ => 0,
        }
    }
}

/// When to fail, how, and whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultSpec {
    /// The way to fail.
    pub fault: Fault,
    /// The value of `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// How many matching messages pass before.
    pub skip: u32,
    /// How many are hit after that; `None` for all.
    pub count: Option<u32>,
    /// A number, a group or an instance; `None` for every message.
    pub target: Option<String>,
}

/// A specification that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No such fault.
    #[error("there is no fault `{0}`{near}; there are: {all}",
        near = nearest(.0).map(|word| format!(" (did you mean `{word}`?)")).unwrap_or_default(),
        all = Fault::ALL.iter().map(|fault| fault.as_str()).collect::<Vec<_>>().join(", "))]
    Unknown(String),
    /// A number in it is none.
    #[error(
        "`{1}` in `{0}` is not a whole number; write FAULT[:SECONDS][+SKIP][*COUNT][@TARGET], as in `429:30*2@jakarta_store`"
    )]
    Number(String, String),
    /// A count of zero.
    #[error("`{0}` would hit nothing: COUNT begins at 1")]
    Nothing(String),
    /// `@` without a target.
    #[error("`{0}` ends in `@`: name a number, a group (...@g.us) or an instance")]
    NoTarget(String),
    /// Seconds for a fault that has none.
    #[error("`{0}`: only 429 and 503 have a Retry-After")]
    NoRetryAfter(String),
    /// The list is full.
    #[error("there are already {FAULTS_MAX} faults: clear them first (DELETE /sandbox/faults)")]
    Full,
}

fn nearest(word: &str) -> Option<&'static str> {
    Fault::ALL
        .iter()
        .map(|fault| (strsim::damerau_levenshtein(word, fault.as_str()), fault.as_str()))
        .min()
        .filter(|(distance, name)| *distance <= 2 && *distance < name.len())
        .map(|(_, name)| name)
}

impl FromStr for FaultSpec {
    type Err = FaultError;

    fn from_str(spec: &str) -> Result<Self, FaultError> {
        let (head, target) = match spec.trim().split_once('@') {
            Some((_, "")) => return Err(FaultError::NoTarget(spec.to_owned())),
            Some((head, target)) => (head, Some(target.to_owned())),
            None => (spec.trim(), None),
        };
        let number = |text: &str| {
            text.parse().map_err(|_| FaultError::Number(spec.to_owned(), text.to_owned()))
        };
        let (head, count) = match head.split_once('*') {
            Some((head, count)) => (head, Some(number(count)?)),
            None => (head, None),
        };
        let (head, skip) = match head.split_once('+') {
            Some((head, skip)) => (head, number(skip)?),
            None => (head, 0),
        };
        let (word, retry_after) = match head.split_once(':') {
            Some((word, seconds)) => (word, Some(number(seconds)?)),
            None => (head, None),
        };
        let fault = Fault::ALL
            .iter()
            .copied()
            .find(|fault| fault.as_str() == word)
            .ok_or_else(|| FaultError::Unknown(word.to_owned()))?;
        if count == Some(0) {
            return Err(FaultError::Nothing(spec.to_owned()));
        }
        if retry_after.is_some() && !matches!(fault, Fault::TooMany | Fault::Unavailable) {
            return Err(FaultError::NoRetryAfter(spec.to_owned()));
        }
        Ok(Self { fault, retry_after, skip, count, target })
    }
}

/// As it is written, with a number masked.
impl fmt::Display for FaultSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fault.as_str())?;
        if let Some(seconds) = self.retry_after {
            write!(f, ":{seconds}")?;
        }
        if self.skip > 0 {
            write!(f, "+{}", self.skip)?;
        }
        if let Some(count) = self.count {
            write!(f, "*{count}")?;
        }
        match &self.target {
            Some(target) if target.starts_with(|c: char| c.is_ascii_digit()) => {
                write!(f, "@{}", crate::model::mask_number(target))
            }
            Some(target) => write!(f, "@{target}"),
            None => Ok(()),
        }
    }
}

/// The faults in force, in the order in which they were given; the first that fits hits.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Vec<FaultSpec>);

impl Faults {
    pub(super) fn add(&mut self, spec: FaultSpec) -> Result<(), FaultError> {
        if self.0.len() >= FAULTS_MAX {
            return Err(FaultError::Full);
        }
        self.0.push(spec);
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn list(&self) -> &[FaultSpec] {
        &self.0
    }

    /// The fault of this message, if one hits it; counts it down.
    pub(super) fn next(&mut self, instance: &str, number: &str) -> Option<(Fault, Option<u32>)> {
        let fits = |spec: &FaultSpec| {
            spec.target.as_deref().is_none_or(|target| target == instance || target == number)
        };
        for (index, spec) in self.0.iter_mut().enumerate() {
            if !fits(spec) {
                continue;
            }
            if spec.skip > 0 {
                spec.skip -= 1;
                continue;
            }
            let hit = (spec.fault, spec.retry_after);
            if let Some(count) = &mut spec.count {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(index);
                }
            }
            return Some(hit);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultSpec, Faults};

    #[test]
    fn a_specification_reads_as_it_is_written() {
        for text in ["504", "429:30*2@jakarta_store", "disconnect+5*1", "reset@120363000@g.us"] {
            let spec: FaultSpec = text.parse().unwrap();
            let shown = spec.to_string();
            assert!(shown == text || shown.contains('•'), "{text}: {shown}");
        }
        let spec: FaultSpec = "unknown-number@6281234567890".parse().unwrap();
        assert_eq!(spec.to_string(), "unknown-number@62812••••7890");
    }

    #[test]
    fn a_mistake_is_named_with_its_remedy() {
        for (text, expected) in [
            ("disconect", "did you mean `disconnect`?"),
            ("", "there is no fault ``; there are: disconnect"),
            ("429:soon", "`soon` in `429:soon` is not a whole number"),
            ("504*0", "would hit nothing"),
            ("504@", "name a number"),
            ("hang:3", "only 429 and 503"),
        ] {
            let error = text.parse::<FaultSpec>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn faults_skip_count_and_aim() {
        let mut faults = Faults::default();
        faults.add("504+1*1".parse().unwrap()).unwrap();
        faults.add("qr@shop".parse().unwrap()).unwrap();
        let mut next = |instance| faults.next(instance, "628123456789").map(|(fault, _)| fault);
        assert_eq!(next("home"), None);
        assert_eq!(next("home"), Some(Fault::GatewayTimeout));
        assert_eq!(next("home"), None);
        assert_eq!(next("shop"), Some(Fault::Qr));
        assert_eq!(next("shop"), Some(Fault::Qr));
    }
}
