//! What may stand behind an operator that takes texts?

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::literal::{EXACT, OneLiteral, literals, number};
use super::operator::Operator;
use super::test::{Literal, Test};
use super::text::{Affix, OPERAND_MAX};

/// The text behind an operator that takes nothing else.
pub(super) fn text(literal: Literal, operator: Operator) -> Result<Box<str>, String> {
    let name = operator.name();
    match literal {
        Literal::Text(text) if text.len() <= OPERAND_MAX => Ok(text),
        Literal::Text(_) => Err(format!("`{name}` takes a text of {OPERAND_MAX} bytes at most")),
        other => Err(format!("`{name}` takes a text, not {other}")),
    }
}

/// Behind `prefix` and `suffix`: a text, or `{ equals-ignore-case: text }`.
pub(super) struct TextOrAnyCase {
    pub(super) operator: Operator,
}

impl TextOrAnyCase {
    fn test_text<E: Error>(self, literal: Literal) -> Result<Affix, E> {
        let text = text(literal, self.operator).map_err(E::custom)?;
        Ok(Affix::exact(&text))
    }
}

impl<'de> DeserializeSeed<'de> for TextOrAnyCase {
    type Value = Affix;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Affix, D::Error> {
        deserializer.deserialize_newtype_struct(EXACT, self)
    }
}

impl<'de> Visitor<'de> for TextOrAnyCase {
    type Value = Affix;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or `{ equals-ignore-case: … }`")
    }

    literals!(Affix, |seed: Self, literal| seed.test_text(literal));

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Affix, A::Error> {
        let name = self.operator.name();
        if map.next_key::<Operator>()? != Some(Operator::EqualsIgnoreCase) {
            let wrong = format!("`{name}` takes a text or `{{ equals-ignore-case: … }}`");
            return Err(A::Error::custom(wrong));
        }
        let literal = map.next_value_seed(OneLiteral)?;
        let text = text(literal, Operator::EqualsIgnoreCase).map_err(A::Error::custom)?;
        if map.next_key::<IgnoredAny>()?.is_some() {
            return Err(A::Error::custom(format!("two operators in one `{name}`")));
        }
        Ok(Affix::any_case(&text))
    }
}

/// What stands behind `anything-but`.
pub(super) struct AnythingBut;

impl<'de> Visitor<'de> for AnythingBut {
    type Value = Test;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a literal, a list of them, or an operator, as `{ prefix: … }`")
    }

    literals!(Test, |_, literal| Ok(Test::NoneOf(vec![Test::Is(literal)])));

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Test, A::Error> {
        let mut literals = Vec::new();
        let written = seq.size_hint();
        while let Some(literal) = seq.next_element_seed(OneLiteral)? {
            literals.push(Test::Is(literal));
        }
        if literals.is_empty() && written.unwrap_or(0) == 0 {
            return Err(A::Error::custom("an empty list; write `exists: true`"));
        }
        Ok(Test::NoneOf(literals))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Test, A::Error> {
        let operator = map.next_key::<Operator>()?;
        let taken = [
            Operator::Prefix,
            Operator::Suffix,
            Operator::EqualsIgnoreCase,
            Operator::Wildcard,
            Operator::Shellstyle,
        ];
        let Some(operator) = operator.filter(|operator| taken.contains(operator)) else {
            return Err(A::Error::custom(
                "`anything-but` takes literals, `prefix`, `suffix`, `equals-ignore-case` and \
                 `wildcard`",
            ));
        };
        let tests = map.next_value_seed(Several { operator })?;
        if map.next_key::<IgnoredAny>()?.is_some() {
            return Err(A::Error::custom("two operators in one `anything-but`"));
        }
        Ok(Test::NoneOf(tests))
    }
}

/// What stands behind an operator in `anything-but`: an operand, or a list of them.
struct Several {
    operator: Operator,
}

impl Several {
    fn one<E: Error>(self, literal: Literal) -> Result<Vec<Test>, E> {
        let text = text(literal, self.operator).map_err(E::custom)?;
        Ok(vec![self.operator.of_text(&text).map_err(E::custom)?])
    }
}

impl<'de> DeserializeSeed<'de> for Several {
    type Value = Vec<Test>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Test>, D::Error> {
        deserializer.deserialize_newtype_struct(EXACT, self)
    }
}

impl<'de> Visitor<'de> for Several {
    type Value = Vec<Test>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    literals!(Vec<Test>, |seed: Self, literal| seed.one(literal));

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Test>, A::Error> {
        let mut tests = Vec::new();
        let written = seq.size_hint();
        while let Some(test) = seq.next_element_seed(self.operator)? {
            tests.push(test);
        }
        if tests.is_empty() && written.unwrap_or(0) == 0 {
            return Err(A::Error::custom("an empty list"));
        }
        Ok(tests)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<Test>, A::Error> {
        let affix = TextOrAnyCase { operator: self.operator }.visit_map(map)?;
        match self.operator {
            Operator::Prefix => Ok(vec![Test::Prefix(affix)]),
            Operator::Suffix => Ok(vec![Test::Suffix(affix)]),
            other => Err(A::Error::custom(format!("`{}` takes a text", other.name()))),
        }
    }
}
