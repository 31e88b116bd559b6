//! For which lanes may something have become due?

use std::collections::HashMap;

/// What has become due since the store was opened: counts that go up, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Commits by which anything may have become due, of a lane or of a group.
    pub commits: u64,
    of_lanes: HashMap<String, u64>,
}

impl Arrivals {
    /// In how many of them a message of this instance may have: one came, came back into line, or
    /// lost the one before it, by somebody else's doing than its lane's.
    pub fn of(&self, instance: &str) -> u64 {
        self.of_lanes.get(instance).copied().unwrap_or_default()
    }

    /// The instances that have messages among them.
    pub fn instances(&self) -> impl Iterator<Item = &str> {
        self.of_lanes.keys().map(String::as_str)
    }

    /// How many these are.
    pub fn lanes(&self) -> usize {
        self.of_lanes.len()
    }

    /// One commit more, with messages of these instances.
    pub(super) fn add<'i>(&mut self, instances: impl IntoIterator<Item = &'i str>) {
        self.commits = self.commits.wrapping_add(1);
        for instance in instances {
            match self.of_lanes.get_mut(instance) {
                Some(count) => *count = count.wrapping_add(1),
                None => drop(self.of_lanes.insert(instance.to_owned(), 1)),
            }
        }
    }
}
