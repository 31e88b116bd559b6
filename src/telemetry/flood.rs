//! How are a thousand equal warnings kept from burying the rest?

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Lets the first warnings of each topic through, and counts the others.
#[derive(Debug)]
pub struct Flood {
    lines_max: u32,
    window_s: i64,
    topics: Mutex<HashMap<String, Window>>,
}

/// What to do with a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Write it; so many of its topic went unwritten since the last.
    Write {
        /// How many were kept back.
        kept_back: u64,
    },
    /// Keep it back.
    KeepBack,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began_s: i64,
    written: u32,
    kept_back: u64,
}

impl Flood {
    /// Lets through `lines_max` warnings of each topic in `window_s` seconds. The topics must be
    /// few and known (source names), never what a stranger can choose.
    pub fn new(lines_max: u32, window_s: i64) -> Self {
        Self { lines_max, window_s, topics: Mutex::default() }
    }

    /// Whether a warning of this topic is to be written.
    pub fn look(&self, topic: &str, now: Timestamp) -> Seen {
        let now_s = now.as_second();
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let window = match topics.get_mut(topic) {
            Some(window) => window,
            None => topics.entry(topic.to_owned()).or_insert(Window {
                began_s: now_s,
                written: 0,
                kept_back: 0,
            }),
        };
        if now_s.saturating_sub(window.began_s) >= self.window_s || now_s < window.began_s {
            window.began_s = now_s;
            window.written = 0;
        }
        if window.written >= self.lines_max {
            window.kept_back += 1;
            return Seen::KeepBack;
        }
        window.written += 1;
        Seen::Write { kept_back: std::mem::take(&mut window.kept_back) }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Flood, Seen};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    #[test]
    fn a_flood_is_cut_off_and_counted_and_each_topic_has_its_own() {
        let flood = Flood::new(2, 10);
        let write = |kept_back| Seen::Write { kept_back };
        assert_eq!(flood.look("github", at(0)), write(0));
        assert_eq!(flood.look("github", at(1)), write(0));
        for second in 2..10 {
            assert_eq!(flood.look("github", at(second)), Seen::KeepBack);
        }
        assert_eq!(flood.look("stripe", at(9)), write(0));
        assert_eq!(flood.look("github", at(10)), write(8));
        assert_eq!(flood.look("github", at(11)), write(0));
    }

    #[test]
    fn a_clock_that_was_set_back_silences_nobody() {
        let flood = Flood::new(1, 10);
        flood.look("github", at(1000));
        assert_eq!(flood.look("github", at(0)), Seen::Write { kept_back: 0 });
    }
}
