//! How does serde read one of several words, bare or with a value: `off`, or `word: value`?

use serde::de::{self, DeserializeSeed, EnumAccess, MapAccess, VariantAccess, Visitor};

use super::access::Map;
use super::deserializer::At;
use super::node::Content;
use super::read::ReadError;

/// Stands at the word.
pub(super) struct Variant<'t, 'n> {
    pub(super) at: At<'t, 'n>,
}

impl<'t, 'n> EnumAccess<'n> for Variant<'t, 'n> {
    type Error = ReadError<'n>;
    type Variant = Inner<'t, 'n>;

    fn variant_seed<S: DeserializeSeed<'n>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), Self::Error> {
        match self.at.node.content() {
            Content::Map(entries) if entries.len() == 1 => {
                let mut map = Map::of(self.at, entries, Vec::new());
                let Some(name) = map.next_key_seed(seed)? else {
                    return Err(de::Error::custom("one key is needed here"));
                };
                Ok((name, Inner::Map(map)))
            }
            _ => Ok((seed.deserialize(self.at)?, Inner::Unit)),
        }
    }
}

pub(super) enum Inner<'t, 'n> {
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
