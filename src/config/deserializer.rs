//! How does serde read a tree with places?

use serde::de::{Deserializer, Visitor};

use super::access::{List, Map, WithPath};
use super::node::{Content, Key, Node, Scalar};
use super::read::{Place, ReadError, Reading, What};
use super::scalar::{Damage, Plain, as_any, as_text, exact_number};
use super::variant::Variant;
use crate::render::TEXTS;
use crate::rules::EXACT;

/// The name under which [`super::placed::Placed`] asks for its path.
pub(super) const PLACED: &str = "kabari::config::Placed";
/// The name under which [`super::placed::PutOff`] asks for nothing.
pub(super) const PUT_OFF: &str = "kabari::config::PutOff";
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
    pub(super) fn placed<T>(&self, result: Result<T, ReadError<'n>>) -> Result<T, ReadError<'n>> {
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
        match self.node.content() {
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

    /// Anything, and a number as it is written.
    fn exact<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, ReadError<'n>> {
        let Some(scalar) = self.node.scalar() else { return self.deserialize_any(visitor) };
        match exact_number(scalar) {
            Ok(Some(number)) => self.placed(visitor.visit_bytes(number.as_bytes())),
            Ok(None) => self.deserialize_any(visitor),
            Err(damage) => Err(self.damage(damage)),
        }
    }

    fn list<V: Visitor<'n>>(self, list: &'n [Node], visitor: V) -> Result<V::Value, ReadError<'n>> {
        self.placed(visitor.visit_seq(List::of(self, list)))
    }

    fn map<V: Visitor<'n>>(
        self,
        entries: &'n [(Key, Node)],
        visitor: V,
    ) -> Result<V::Value, ReadError<'n>> {
        let filled = self.reading.filled(self.node);
        self.placed(visitor.visit_map(Map::of(self, entries, filled)))
    }
}

impl<'n> Deserializer<'n> for At<'_, 'n> {
    type Error = ReadError<'n>;

    fn deserialize_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let scalar = match self.node.content() {
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
        match self.node.content() {
            Content::Scalar(_) if self.node.is_blank() => self.list(&[], visitor),
            Content::Scalar(_) => self.text(visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.node.content() {
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
        match self.node.content() {
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
            visitor.visit_seq(WithPath::of(self))
        } else if name == TEXTS {
            self.text(visitor)
        } else if name == EXACT {
            self.exact(visitor)
        } else {
            self.placed(visitor.visit_newtype_struct(self))
        }
    }

    fn deserialize_enum<V: Visitor<'n>>(
        self,
        _name: &'static str,
        allowed: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        // A number or `true` is no word, and the words are what helps.
        if let Some(scalar) = self.node.scalar()
            && let Ok(Plain::Bool(_) | Plain::Unsigned(_) | Plain::Signed(_) | Plain::Float(_)) =
                as_any(scalar)
            && !allowed.contains(&scalar.text.as_str())
        {
            return Err(self.error(What::UnknownWord { word: scalar.text.clone(), allowed }));
        }
        self.placed(visitor.visit_enum(Variant { at: self }))
    }

    fn deserialize_unit<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'n>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        if name == PUT_OFF { visitor.visit_unit() } else { self.deserialize_any(visitor) }
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
        i8 i16 i128 u128 f32 char bytes byte_buf tuple tuple_struct identifier
    }
}
