//! How does serde walk over the elements of a list and the entries of a mapping?
//!
//! One that cannot be read is told and left out; its neighbours go on.

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};

use super::deserializer::{At, Trail};
use super::node::{Key, Node};
use super::read::{Place, ReadError};

pub(super) struct List<'t, 'n> {
    at: At<'t, 'n>,
    nodes: &'n [Node],
    next: usize,
}

impl<'t, 'n> List<'t, 'n> {
    pub(super) fn of(at: At<'t, 'n>, nodes: &'n [Node]) -> Self {
        Self { at, nodes, next: 0 }
    }

    fn advance(&mut self) -> Option<(usize, &'n Node)> {
        while let Some(node) = self.nodes.get(self.next) {
            self.next += 1;
            self.at.reading.count();
            if !self.at.reading.is_poisoned(node) {
                return Some((self.next - 1, node));
            }
        }
        None
    }
}

impl<'n> SeqAccess<'n> for List<'_, 'n> {
    type Error = ReadError<'n>;

    fn next_element_seed<S: DeserializeSeed<'n>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Self::Error> {
        let Some((index, node)) = self.advance() else { return Ok(None) };
        let trail = Trail::Index(self.at.trail, index);
        seed.deserialize(At { node, trail: &trail, reading: self.at.reading }).map(Some)
    }

    /// An element that cannot be read is told and left out; its neighbours go on.
    fn next_element<T: Deserialize<'n>>(&mut self) -> Result<Option<T>, Self::Error> {
        while let Some((index, node)) = self.advance() {
            let trail = Trail::Index(self.at.trail, index);
            if let Some(value) = self.at.reading.read(node, &trail) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.nodes.len().saturating_sub(self.next).min(1024))
    }
}

pub(super) struct Map<'t, 'n> {
    at: At<'t, 'n>,
    entries: &'n [(Key, Node)],
    next: usize,
    filled: Vec<&'static str>,
    value: Option<(Option<&'n Key>, &'n Node)>,
}

impl<'t, 'n> Map<'t, 'n> {
    /// `filled` are keys that are not there and get a stand-in.
    pub(super) fn of(
        at: At<'t, 'n>,
        entries: &'n [(Key, Node)],
        filled: Vec<&'static str>,
    ) -> Self {
        Self { at, entries, next: 0, filled, value: None }
    }

    fn advance(&mut self) -> Option<&'n (Key, Node)> {
        while let Some(entry) = self.entries.get(self.next) {
            self.next += 1;
            self.at.reading.count();
            if !self.at.reading.is_poisoned(&entry.1) && !self.filled.contains(&&*entry.0.text) {
                return Some(entry);
            }
        }
        None
    }
}

impl<'n> MapAccess<'n> for Map<'_, 'n> {
    type Error = ReadError<'n>;

    fn next_key_seed<S: DeserializeSeed<'n>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Self::Error> {
        if let Some((key, node)) = self.advance() {
            self.value = Some((Some(key), node));
            let name: StrDeserializer<'_, ReadError<'n>> = key.text.as_str().into_deserializer();
            return seed.deserialize(name).map(Some).map_err(|mut error| {
                let path = Trail::Key(self.at.trail, key).path();
                error.place.get_or_insert(Place { path, node, key: Some(key) });
                error
            });
        }
        let Some(field) = self.filled.pop() else { return Ok(None) };
        self.value = Some((None, &self.at.reading.stand_in));
        let name: StrDeserializer<'_, ReadError<'n>> = field.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'n>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, Self::Error> {
        let (key, node) = self.value.take().unwrap_or((None, &self.at.reading.stand_in));
        let reading = self.at.reading;
        match key {
            Some(key) => {
                let trail = Trail::Key(self.at.trail, key);
                let at = At { node, trail: &trail, reading };
                at.placed(seed.deserialize(at))
            }
            None => seed.deserialize(At { node, trail: self.at.trail, reading }),
        }
    }

    /// An entry that cannot be read is told and left out; its neighbours go on.
    fn next_entry<K: Deserialize<'n>, V: Deserialize<'n>>(
        &mut self,
    ) -> Result<Option<(K, V)>, Self::Error> {
        while let Some((key, node)) = self.advance() {
            let trail = Trail::Key(self.at.trail, key);
            let name: StrDeserializer<'_, ReadError<'n>> = key.text.as_str().into_deserializer();
            let name = K::deserialize(name).map_err(|mut error| {
                error.place.get_or_insert(Place { path: trail.path(), node, key: Some(key) });
                error
            })?;
            if let Some(value) = self.at.reading.read(node, &trail) {
                return Ok(Some((name, value)));
            }
        }
        Ok(None)
    }

    /// All that stand there, whether they can be read or not.
    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len().min(1024))
    }
}

/// A path and then the value that stands there.
pub(super) struct WithPath<'t, 'n> {
    at: Option<At<'t, 'n>>,
    path: Option<String>,
}

impl<'t, 'n> WithPath<'t, 'n> {
    pub(super) fn of(at: At<'t, 'n>) -> Self {
        Self { path: Some(at.trail.path()), at: Some(at) }
    }
}

impl<'n> SeqAccess<'n> for WithPath<'_, 'n> {
    type Error = ReadError<'n>;

    fn next_element_seed<S: DeserializeSeed<'n>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Self::Error> {
        if let Some(path) = self.path.take() {
            return seed.deserialize(path.into_deserializer()).map(Some);
        }
        self.at.take().map(|at| seed.deserialize(at)).transpose()
    }
}

/// Reads a mapping that a visitor has in hand as a `T`.
pub(super) fn from_map<'n, T: Deserialize<'n>, A: MapAccess<'n>>(map: A) -> Result<T, A::Error> {
    T::deserialize(MapAccessDeserializer::new(map))
}
