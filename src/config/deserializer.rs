//! How does serde read a tree with places?

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess};
use serde::de::{SeqAccess, VariantAccess, Visitor};

use super::node::{Content, Key, Node, Scalar};
use super::read::{Place, ReadError, Reading, What};
use super::scalar::{Damage, Plain, as_any, as_text};

/// The name under which [`super::placed::Placed`] asks for its path.
pub(super) const PLACED: &str = "kabari::config::Placed";
/// Words with a meaning of their own that YAML also knows: `pace: off`.
const OWN_WORDS: [(&str, &str); 1] = [("pace", "off")];
/// Texts in which a comment on the same line is never meant.
const CAPTIONS: [&str; 2] = ["message", "fileName"];

/// The way from the top of the file to the value in hand.
pub(super) enum Trail<'t, 'n> {
    Top,
    Key(&'t Trail<'t, 'n>, &'n Key),
    Index(&'t Trail<'t, 'n>, usize),
}

impl<'n> Trail<'_, 'n> {
    pub(super) fn path(&self) -> String {
        match self {
            Self::Top => String::new(),
            Self::Key(Trail::Top, key) => key.text.clone(),
            Self::Key(up, key) => format!("{}.{}", up.path(), key.text),
            Self::Index(up, index) => format!("{}[{index}]", up.path()),
        }
    }

    /// The place of the value that this leads to: a mapping or list is shown at its key.
    pub(super) fn place(&self, node: &'n Node) -> Place<'n> {
        let key = match self {
            Self::Key(_, key) if node.scalar().is_none() || node.is_blank() => Some(*key),
            _ => None,
        };
        Place { path: self.path(), node, key }
    }

    fn last_key(&self) -> &str {
        match self {
            Self::Top => "",
            Self::Key(_, key) => &key.text,
            Self::Index(up, _) => up.last_key(),
        }
    }
}

/// A deserializer that stands at one node.
#[derive(Clone, Copy)]
pub(super) struct At<'t, 'n> {
    pub(super) node: &'n Node,
    pub(super) trail: &'t Trail<'t, 'n>,
    pub(super) reading: &'n Reading,
}

impl<'n> At<'_, 'n> {
    fn error(&self, what: What) -> ReadError<'n> {
        ReadError { what, place: Some(self.trail.place(self.node)) }
    }

    /// Gives an error that comes from above serde a place.
    fn placed<T>(&self, result: Result<T, ReadError<'n>>) -> Result<T, ReadError<'n>> {
        result.map_err(|mut error| {
            error.place.get_or_insert_with(|| self.trail.place(self.node));
            error
        })
    }

    fn damage(&self, damage: Damage) -> ReadError<'n> {
        let Damage { code, message, help } = damage;
        self.error(What::Damage { code, message, help })
    }

    /// The scalar as it is to be read here: a comment that is surely one is no damage.
    fn settled(&self, scalar: &Scalar) -> Scalar {
        let mut scalar = scalar.clone();
        if scalar.comment.is_some() && !self.is_cut() {
            scalar.comment = None;
        }
        scalar
    }

    fn is_cut(&self) -> bool {
        CAPTIONS.contains(&self.trail.last_key())
            || self.node.scalar().and_then(|s| s.comment.as_ref()).is_some_and(|c| c.glued)
    }

    fn number<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, ReadError<'n>> {
        let Some(scalar) = self.node.scalar() else { return self.deserialize_any(visitor) };
        let text = scalar.text.trim();
        let result = if let Ok(number) = text.parse::<u64>() {
            visitor.visit_u64(number)
        } else if let Ok(number) = text.parse::<i64>() {
            visitor.visit_i64(number)
        } else if let Ok(number) = text.parse::<f64>() {
            visitor.visit_f64(number)
        } else {
            visitor.visit_str(text)
        };
        self.placed(result)
    }

    fn text<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, ReadError<'n>> {
        match &self.node.content {
            Content::Scalar(scalar) => {
                let own = (self.trail.last_key(), scalar.text.as_str());
                if OWN_WORDS.contains(&own) {
                    return self.placed(visitor.visit_str(own.1));
                }
                let scalar = self.settled(scalar);
                let text = as_text(&scalar).map_err(|damage| self.damage(damage))?;
                self.placed(visitor.visit_str(text))
            }
            Content::List(list) => self.list(list, visitor),
            Content::Map(entries) => self.map(entries, visitor),
        }
    }

    fn list<V: Visitor<'n>>(self, list: &'n [Node], visitor: V) -> Result<V::Value, ReadError<'n>> {
        self.placed(visitor.visit_seq(List { at: self, nodes: list, next: 0 }))
    }

    fn map<V: Visitor<'n>>(
        self,
        entries: &'n [(Key, Node)],
        visitor: V,
    ) -> Result<V::Value, ReadError<'n>> {
        let filled = self.reading.filled(self.node);
        self.placed(visitor.visit_map(Map { at: self, entries, next: 0, filled, value: None }))
    }
}

impl<'n> Deserializer<'n> for At<'_, 'n> {
    type Error = ReadError<'n>;

    fn deserialize_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let scalar = match &self.node.content {
            Content::List(list) => return self.list(list, visitor),
            Content::Map(entries) => return self.map(entries, visitor),
            Content::Scalar(scalar) => self.settled(scalar),
        };
        let result = match as_any(&scalar).map_err(|damage| self.damage(damage))? {
            Plain::Null => visitor.visit_unit(),
            Plain::Bool(truth) => visitor.visit_bool(truth),
            Plain::Unsigned(number) => visitor.visit_u64(number),
            Plain::Signed(number) => visitor.visit_i64(number),
            Plain::Float(number) => visitor.visit_f64(number),
            Plain::Text(text) => visitor.visit_str(text),
        };
        self.placed(result)
    }

    fn deserialize_str<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.text(visitor)
    }

    fn deserialize_bool<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let text = self.node.scalar().map(|scalar| scalar.text.as_str());
        match text {
            Some("true") => self.placed(visitor.visit_bool(true)),
            Some("false") => self.placed(visitor.visit_bool(false)),
            Some(other) => self.placed(visitor.visit_str(other)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.placed(visitor.visit_some(self))
    }

    fn deserialize_seq<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match &self.node.content {
            Content::Scalar(_) if self.node.is_blank() => self.list(&[], visitor),
            Content::Scalar(_) => self.text(visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match &self.node.content {
            Content::Scalar(_) if self.node.is_blank() => self.map(&[], visitor),
            Content::Scalar(_) => self.text(visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'n>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match &self.node.content {
            // A derived struct would take a list for its fields in order.
            Content::List(_) => Err(self.error(What::Type {
                found: "a list".to_owned(),
                expected: "a mapping of keys and values".to_owned(),
            })),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'n>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        if name == PLACED {
            visitor.visit_seq(WithPath { at: Some(self), path: Some(self.trail.path()) })
        } else {
            self.placed(visitor.visit_newtype_struct(self))
        }
    }

    fn deserialize_enum<V: Visitor<'n>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.placed(visitor.visit_enum(Variant { at: self }))
    }

    fn deserialize_unit<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.placed(visitor.visit_unit())
    }

    fn deserialize_u64<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.number(visitor)
    }

    fn deserialize_u32<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.number(visitor)
    }

    fn deserialize_u16<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.number(visitor)
    }

    fn deserialize_u8<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.number(visitor)
    }

    fn deserialize_i64<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.number(visitor)
    }

    fn deserialize_i32<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.number(visitor)
    }

    fn deserialize_f64<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.number(visitor)
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'n>>
        i8 i16 i128 u128 f32 char bytes byte_buf unit_struct tuple tuple_struct identifier
    }
}

struct List<'t, 'n> {
    at: At<'t, 'n>,
    nodes: &'n [Node],
    next: usize,
}

impl<'n> List<'_, 'n> {
    fn advance(&mut self) -> Option<(usize, &'n Node)> {
        while let Some(node) = self.nodes.get(self.next) {
            self.next += 1;
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

struct Map<'t, 'n> {
    at: At<'t, 'n>,
    entries: &'n [(Key, Node)],
    next: usize,
    filled: Vec<&'static str>,
    value: Option<(Option<&'n Key>, &'n Node)>,
}

impl<'n> Map<'_, 'n> {
    fn advance(&mut self) -> Option<&'n (Key, Node)> {
        while let Some(entry) = self.entries.get(self.next) {
            self.next += 1;
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
                seed.deserialize(At { node, trail: &trail, reading })
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
}

/// A path and then the value that stands there.
struct WithPath<'t, 'n> {
    at: Option<At<'t, 'n>>,
    path: Option<String>,
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

struct Variant<'t, 'n> {
    at: At<'t, 'n>,
}

impl<'t, 'n> EnumAccess<'n> for Variant<'t, 'n> {
    type Error = ReadError<'n>;
    type Variant = Inner<'t, 'n>;

    fn variant_seed<S: DeserializeSeed<'n>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), Self::Error> {
        match &self.at.node.content {
            Content::Map(entries) if entries.len() == 1 => {
                let mut map =
                    Map { at: self.at, entries, next: 0, filled: Vec::new(), value: None };
                let Some(name) = map.next_key_seed(seed)? else {
                    return Err(de::Error::custom("one key is needed here"));
                };
                Ok((name, Inner::Map(map)))
            }
            _ => Ok((seed.deserialize(self.at)?, Inner::Unit)),
        }
    }
}

enum Inner<'t, 'n> {
    Unit,
    Map(Map<'t, 'n>),
}

impl<'n> VariantAccess<'n> for Inner<'_, 'n> {
    type Error = ReadError<'n>;

    fn unit_variant(self) -> Result<(), Self::Error> {
        match self {
            Self::Unit => Ok(()),
            Self::Map(mut map) => map.next_value(),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'n>>(
        self,
        seed: S,
    ) -> Result<S::Value, Self::Error> {
        match self {
            Self::Unit => Err(de::Error::custom("this word needs a value: write `word: value`")),
            Self::Map(mut map) => map.next_value_seed(seed),
        }
    }

    fn tuple_variant<V: Visitor<'n>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.struct_variant(&[], visitor)
    }

    fn struct_variant<V: Visitor<'n>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self {
            Self::Unit => Err(de::Error::custom("this word needs a value: write `word: value`")),
            Self::Map(map) => visitor.visit_map(map),
        }
    }
}

/// Reads a mapping that a visitor has in hand as a `T`.
pub(super) fn from_map<'n, T: Deserialize<'n>, A: MapAccess<'n>>(map: A) -> Result<T, A::Error> {
    T::deserialize(MapAccessDeserializer::new(map))
}
