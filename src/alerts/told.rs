//! What was told, and what is there to tell?

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Needs, Reason};

use super::Timings;
use super::settings::Hook;

/// In what is remembered: the rule file, the store, and how little room it has.
const RULES: &str = "rules";
const STORE: &str = "store";
const DISK: &str = "disk";
const DISK_URGENT: &str = "disk, urgent";

/// What people were told last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    uncertain: u64,
    failed: BTreeMap<String, u64>,
    no_recipient: u64,
    lanes: BTreeMap<String, Reason>,
    /// Which of `rules`, `store` and `disk` were in trouble.
    broken: BTreeSet<String>,
    /// Whether they were told of something that lasts, and not yet of its end.
    trouble: bool,
    posted_at: Option<Timestamp>,
    /// Whether it is known what was there before anybody was told anything.
    begun: bool,
    /// Where it was told.
    #[serde(skip)]
    hook: Option<Hook>,
}

/// What is to be done now.
#[derive(Debug)]
pub(super) enum Decision {
    /// Nothing is new.
    Nothing,
    /// There is something, but it is too soon for another post.
    Later(Duration),
    /// This is to be told.
    Tell(Box<Alert>),
}

/// One post.
#[derive(Clone, Debug)]
pub(super) struct Alert {
    pub(super) kind: AlertKind,
    /// How things are.
    pub(super) needs: Needs,
    /// What of it is new.
    pub(super) news: News,
}

/// Why there is a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AlertKind {
    /// Something is new.
    New,
    /// It lasts.
    Repeat,
    /// It is over.
    Clear,
}

/// What is new since the last post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    pub(super) uncertain: u64,
    pub(super) failed: BTreeMap<Reason, u64>,
    pub(super) no_recipient: u64,
    pub(super) lanes: Vec<String>,
    pub(super) rules: bool,
    pub(super) store: bool,
    pub(super) disk: bool,
}

impl News {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Told {
    /// What the file says; nothing if it cannot be read.
    pub(super) fn read(file: &Path) -> Self {
        let bytes = std::fs::read(file).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Keeps it, whole or not at all.
    pub(super) fn keep(&self, file: &Path) -> io::Result<()> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut new = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        new.write_all(&serde_json::to_vec(self)?)?;
        new.persist(file)?;
        Ok(())
    }

    /// Whether it is known what was there before anybody was told anything.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// At another address nobody knows yet what lasts.
    pub(super) fn goes_to(&mut self, hook: &Hook) {
        if self.hook.as_ref().is_some_and(|before| !before.is_to(hook)) {
            self.lanes.clear();
            self.broken.clear();
            self.uncertain = 0;
            self.posted_at = None;
        }
        self.hook = Some(hook.clone());
    }

    /// What is to be told of `needs`, which last is told again after `repeat`.
    pub(super) fn decide(
        &mut self,
        mut needs: Needs,
        now: Timestamp,
        repeat: Duration,
        timings: &Timings,
    ) -> Decision {
        let lasting = |since: Timestamp| span(since, now) >= timings.patience;
        needs.lanes.retain(|_, lane| !passes(lane.reason) || lasting(lane.since));
        self.begin(&needs);
        self.forget(&needs);
        let news = self.news(&needs);
        let lasts = needs.uncertain > 0
            || !needs.lanes.is_empty()
            || needs.rules.is_some()
            || needs.store.is_some()
            || needs.disk.is_some();
        // A clock that was set back must not silence it.
        let ago = self.posted_at.filter(|at| *at <= now).map(|at| span(at, now));
        let kind = if !news.is_empty() {
            AlertKind::New
        } else if self.trouble && !lasts {
            AlertKind::Clear
        } else if lasts && ago.is_none_or(|ago| ago >= repeat) {
            AlertKind::Repeat
        } else {
            return Decision::Nothing;
        };
        match ago.filter(|ago| *ago < timings.gap) {
            Some(ago) => Decision::Later(timings.gap.saturating_sub(ago)),
            None => Decision::Tell(Box::new(Alert { kind, needs, news })),
        }
    }

    /// It was told.
    pub(super) fn was_told(&mut self, alert: Alert, now: Timestamp) {
        let Needs { uncertain, failed, no_recipient, lanes, rules, store, disk } = alert.needs;
        // A store that does not answer says nothing of what there is.
        if store.is_none() {
            let count = |(why, count): (Reason, u64)| (why.as_str().to_owned(), count);
            self.failed = failed.into_iter().map(count).collect();
            (self.uncertain, self.no_recipient) = (uncertain, no_recipient);
        }
        self.lanes = lanes.into_iter().map(|(name, lane)| (name, lane.reason)).collect();
        let is_urgent = disk.as_ref().is_some_and(|disk| disk.urgent);
        let broken = [
            (RULES, rules.is_some()),
            (STORE, store.is_some()),
            (DISK, disk.is_some()),
            (DISK_URGENT, is_urgent),
        ];
        let broken = broken.into_iter().filter(|(_, is_so)| *is_so);
        self.broken = broken.map(|(name, _)| name.to_owned()).collect();
        self.trouble = self.uncertain > 0 || !self.lanes.is_empty() || !self.broken.is_empty();
        self.posted_at = Some(now);
    }

    /// What failed before there were alerts is no news.
    pub(super) fn begin(&mut self, needs: &Needs) {
        if needs.store.is_some() || std::mem::replace(&mut self.begun, true) {
            return;
        }
        let count = |(why, count): (&Reason, &u64)| (why.as_str().to_owned(), *count);
        self.failed = needs.failed.iter().map(count).collect();
        self.no_recipient = needs.no_recipient;
    }

    /// What a person has dealt with may come again as news. A store that does not answer says
    /// nothing of what there is.
    fn forget(&mut self, needs: &Needs) {
        if needs.store.is_some() {
            return;
        }
        self.uncertain = self.uncertain.min(needs.uncertain);
        self.no_recipient = self.no_recipient.min(needs.no_recipient);
        for (why, count) in &mut self.failed {
            let now = Reason::parse(why).and_then(|why| needs.failed.get(&why));
            *count = (*count).min(now.copied().unwrap_or(0));
        }
    }

    fn news(&self, needs: &Needs) -> News {
        let grown = |(why, count): (&Reason, &u64)| {
            let known = self.failed.get(why.as_str()).copied().unwrap_or(0);
            Some((*why, count.checked_sub(known).filter(|more| *more > 0)?))
        };
        let unknown = |(name, lane): &(&String, &crate::model::LaneTrouble)| {
            self.lanes.get(*name) != Some(&lane.reason)
        };
        News {
            uncertain: needs.uncertain.saturating_sub(self.uncertain),
            failed: needs.failed.iter().filter_map(grown).collect(),
            no_recipient: needs.no_recipient.saturating_sub(self.no_recipient),
            lanes: needs.lanes.iter().filter(unknown).map(|(name, _)| name.clone()).collect(),
            rules: needs.rules.is_some() && !self.broken.contains(RULES),
            store: needs.store.is_some() && !self.broken.contains(STORE),
            disk: needs.disk.as_ref().is_some_and(|disk| {
                !self.broken.contains(if disk.urgent { DISK_URGENT } else { DISK })
            }),
        }
    }
}

/// Trouble that often passes by itself.
fn passes(reason: Reason) -> bool {
    matches!(reason, Reason::Network | Reason::Rate | Reason::Server)
}

fn span(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}

#[cfg(test)]
#[path = "told_cases.rs"]
mod cases;
