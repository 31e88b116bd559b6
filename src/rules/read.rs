//! How is a pattern written?
//!
//! A mistake is raised while its own key or value is being read, so that whoever reads the file
//! knows the place.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::Pattern;
use super::choice::{Choice, Part};
use super::literal::{EXACT, literals, number};
use super::operator::Operator;
use super::path::{Key, KeyUnder};
use super::test::{Literal, Test};
use super::walk::Wanted;

/// How many paths a pattern may name.
const PATHS_MAX: usize = 1000;

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut part = Part::default();
        deserializer.deserialize_any(Level { under: "", part: &mut part })?;
        Self::of(part).map_err(D::Error::custom)
    }
}

/// The members of one level of paths.
struct Level<'w> {
    under: &'w str,
    part: &'w mut Part,
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("paths with what is wanted there, as `data.object.status: paid`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeyUnder { under: self.under })? {
            match key {
                Key::Path(path) => map.next_value_seed(At { path, part: &mut *self.part })?,
                Key::Or => {
                    let branches = map.next_value_seed(Branches { under: self.under })?;
                    self.part.choices.push(Choice { under: self.under.into(), branches });
                }
            }
        }
        Ok(())
    }
}

/// What stands behind `$or`.
struct Branches<'u> {
    under: &'u str,
}

impl<'de> DeserializeSeed<'de> for Branches<'_> {
    type Value = Vec<Part>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Part>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Branches<'_> {
    type Value = Vec<Part>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of patterns, as `$or: [{ a: 1 }, { b: 2 }]`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Part>, A::Error> {
        let written = seq.size_hint();
        let mut branches = Vec::new();
        while let Some(branch) = seq.next_element_seed(Branch { under: self.under })? {
            branches.push(branch);
        }
        // Where one is left out because it is wrong, that is the mistake.
        if branches.len() < 2 && written.is_none_or(|count| count < 2) {
            return Err(A::Error::custom(
                "`$or` takes two patterns or more, as `$or: [{ a: 1 }, { b: 2 }]`; one alone needs \
                 no `$or`",
            ));
        }
        Ok(branches)
    }
}

/// One pattern behind `$or`.
struct Branch<'u> {
    under: &'u str,
}

impl<'de> DeserializeSeed<'de> for Branch<'_> {
    type Value = Part;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Part, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Branch<'_> {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pattern, as `{ status: paid }`")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Part, A::Error> {
        let written = map.size_hint();
        let mut part = Part::default();
        Level { under: self.under, part: &mut part }.visit_map(map)?;
        if part.is_empty() && written.unwrap_or(0) == 0 {
            return Err(A::Error::custom("nothing is wanted in this branch of `$or`"));
        }
        Ok(part)
    }
}

/// What is wanted at a path: a literal, a list of alternatives, or further paths.
struct At<'w> {
    path: String,
    part: &'w mut Part,
}

impl At<'_> {
    fn add<E: Error>(self, tests: Vec<Test>) -> Result<(), E> {
        let (path, wanted) = (self.path, &mut self.part.wanted);
        if wanted.iter().any(|earlier| *earlier.path == *path) {
            return Err(E::custom(format!(
                "`{path}` is there twice: write all alternatives in one list"
            )));
        }
        if wanted.len() >= PATHS_MAX {
            return Err(E::custom(format!("a pattern names {PATHS_MAX} paths at most")));
        }
        wanted.push(Wanted { path: path.into(), tests: tests.into() });
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_newtype_struct(EXACT, self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a literal, a list of alternatives, or further paths")
    }

    literals!((), |at: Self, literal| at.add(vec![Test::Is(literal)]));

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut tests = Vec::new();
        // Where an element is left out because it is wrong, that is the mistake.
        let written = seq.size_hint();
        while let Some(test) = seq.next_element_seed(Alternative)? {
            tests.push(test);
        }
        if tests.is_empty() && written.unwrap_or(0) > 0 {
            return Ok(());
        }
        if tests.is_empty() {
            let path = &self.path;
            return Err(A::Error::custom(format!("the list at `{path}` is empty: nothing fits")));
        }
        self.add(tests)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let before = (self.part.wanted.len(), self.part.choices.len());
        let written = map.size_hint();
        Level { under: &self.path, part: &mut *self.part }.visit_map(map)?;
        let after = (self.part.wanted.len(), self.part.choices.len());
        if after == before && written.unwrap_or(0) == 0 {
            let path = &self.path;
            return Err(A::Error::custom(format!("nothing is wanted at `{path}`")));
        }
        Ok(())
    }
}

/// One element of a list of alternatives.
struct Alternative;

impl<'de> DeserializeSeed<'de> for Alternative {
    type Value = Test;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Test, D::Error> {
        deserializer.deserialize_newtype_struct(EXACT, self)
    }
}

impl<'de> Visitor<'de> for Alternative {
    type Value = Test;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a literal or an operator, as `{ prefix: refs/tags/ }`")
    }

    literals!(Test, |_, literal| Ok(Test::Is(literal)));

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Test, A::Error> {
        let Some(operator) = map.next_key::<Operator>()? else {
            return Err(A::Error::custom("an operator is missing, as `{ prefix: refs/tags/ }`"));
        };
        let test = map.next_value_seed(operator)?;
        if map.next_key::<IgnoredAny>()?.is_some() {
            return Err(A::Error::custom("two operators in one: make each an element of the list"));
        }
        Ok(test)
    }
}
