//! No edit at random of what a provider signed is believed: bytes that are cut, put in or said twice, in
//! the body and in the headers that the signature came with.

use proptest::prelude::*;

use super::mutations::{cases, is_header, say_the_same};

/// An edit of some bytes.
#[derive(Clone, Debug)]
enum Edit {
    Cut(usize, usize),
    Put(usize, Vec<u8>),
    Twice(usize, usize),
}

impl Edit {
    fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        let place = |at: &usize| at % (bytes.len() + 1);
        let part = |at: &usize, length: &usize| {
            let from = place(at);
            from..(from + length % 40).min(bytes.len())
        };
        let mut edited = bytes.to_vec();
        match self {
            Self::Cut(at, length) => drop(edited.drain(part(at, length))),
            Self::Put(at, more) => drop(edited.splice(place(at)..place(at), more.iter().copied())),
            Self::Twice(at, length) => {
                let again = bytes[part(at, length)].to_vec();
                drop(edited.splice(place(at)..place(at), again));
            }
        }
        edited
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<usize>(), 1_usize..40).prop_map(|(at, length)| Edit::Cut(at, length)),
        (any::<usize>(), prop::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, more)| Edit::Put(at, more)),
        (any::<usize>(), 1_usize..40).prop_map(|(at, length)| Edit::Twice(at, length)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn no_edit_of_a_signed_body_or_of_a_signature_is_believed(edit in edit()) {
        for case in &cases() {
            let mut changed = case.request.clone();
            changed.body = edit.apply(&case.request.body);
            let is_same = changed.body == case.request.body || say_the_same(case, &changed.body);
            if !is_same && case.covers_body() {
                prop_assert!(!case.believes(&changed), "{}: {edit:?} of the body", case.name());
            }
            for (place, (name, value)) in case.request.headers.iter().enumerate() {
                if !case.by_signing.contains(&name.to_lowercase()) {
                    continue;
                }
                let text = String::from_utf8_lossy(&edit.apply(value.as_bytes())).into_owned();
                if !is_header(&text) || text == *value {
                    continue;
                }
                let mut changed = case.request.clone();
                changed.headers[place].1 = text;
                let is_other = case.believes(&changed) && !case.has_all_of(value, &changed.headers[place].1);
                prop_assert!(!is_other, "{}: {name}: {value}, {edit:?}", case.name());
            }
        }
    }
}
