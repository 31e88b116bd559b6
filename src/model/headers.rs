//! How are a request's headers kept? In one piece of text: they are many and short, and most of them
//! nobody ever asks for.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Header names in lower case with their values, in the order in which they came.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// Each name and behind it its value, without anything between.
    text: String,
    /// Where each name ends, and where its value does.
    ends: Vec<(usize, usize)>,
}

impl Headers {
    /// Room for so many headers, of so many bytes together.
    pub fn with_capacity(headers: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(headers) }
    }

    /// Adds a header behind the others. Its name is in lower case.
    pub fn push(&mut self, name: &str, value: &str) {
        self.text.push_str(name);
        let name_end = self.text.len();
        self.text.push_str(value);
        self.ends.push((name_end, self.text.len()));
    }

    /// Names and values, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |&(name_end, end)| {
            let name = self.text.get(start..name_end).unwrap_or_default();
            let value = self.text.get(name_end..end).unwrap_or_default();
            start = end;
            (name, value)
        })
    }

    /// The value of the first header of this lower-case name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Those whose name may stay. Of the others nothing is left.
    #[must_use]
    pub fn only(&self, mut may_stay: impl FnMut(&str) -> bool) -> Self {
        let mut kept = Self::with_capacity(self.ends.len(), self.text.len());
        for (name, value) in self.iter().filter(|(name, _)| may_stay(name)) {
            kept.push(name, value);
        }
        kept
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl<N: AsRef<str>, V: AsRef<str>> Extend<(N, V)> for Headers {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, more: I) {
        for (name, value) in more {
            self.push(name.as_ref(), value.as_ref());
        }
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut all = Self::default();
        all.extend(headers);
        all
    }
}

impl<N: AsRef<str>, V: AsRef<str>, const COUNT: usize> From<[(N, V); COUNT]> for Headers {
    fn from(headers: [(N, V); COUNT]) -> Self {
        headers.into_iter().collect()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A list of pairs.
impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Pairs)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of pairs of texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Headers, A::Error> {
        let mut headers = Headers::default();
        while let Some((name, value)) = pairs.next_element::<(String, String)>()? {
            headers.push(&name, &value);
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Headers;

    proptest! {
        #[test]
        fn what_is_put_in_comes_out_in_its_order(
            pairs in prop::collection::vec((".{0,12}", ".{0,20}"), 0..8),
        ) {
            let headers: Headers = pairs.iter().map(|(name, value)| (name, value)).collect();
            let back: Vec<(String, String)> =
                headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            prop_assert_eq!(&back, &pairs);
            prop_assert_eq!(headers.len(), pairs.len());
            let json = serde_json::to_string(&headers).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&pairs).unwrap(), "as a list of pairs");
            prop_assert_eq!(&serde_json::from_str::<Headers>(&json).unwrap(), &headers);
            for (name, _) in &pairs {
                let first = pairs.iter().find(|(key, _)| key == name).map(|(_, value)| &**value);
                prop_assert_eq!(headers.get(name), first);
            }
        }
    }

    #[test]
    fn of_what_may_not_stay_nothing_is_left() {
        let headers = Headers::from([("a", "1"), ("x-secret", "hush"), ("b", "")]);
        let kept = headers.only(|name| name != "x-secret");
        assert_eq!(kept, Headers::from([("a", "1"), ("b", "")]));
        assert!(!kept.text.contains("hush"));
    }
}
