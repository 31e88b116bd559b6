//! Who waits for exactly this value?

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

use crate::expr::{Decimal, Value};

/// Equal values have equal digests: 1 and 1.0, but not 1 and "1". That two others share one is
/// possible and costs a question.
pub(super) fn digest(hasher: &RandomState, value: &Value<'_>) -> u64 {
    let mut state = hasher.build_hasher();
    match value {
        Value::Null => 0_u8.hash(&mut state),
        Value::Bool(value) => (1_u8, value).hash(&mut state),
        Value::Number(written) => (2_u8, Decimal::parse_any_size(written)).hash(&mut state),
        Value::Text(text) => (3_u8, &**text).hash(&mut state),
        Value::List | Value::Map => 4_u8.hash(&mut state),
    }
    state.finish()
}

/// Waiters by digest.
#[derive(Debug, Default)]
pub(super) struct Digests {
    /// From where to where in `waiters`.
    spans: HashMap<u64, (u32, u32), BuildHasherDefault<AsItIs>>,
    waiters: Vec<u32>,
}

impl Digests {
    pub(super) fn build(mut pairs: Vec<(u64, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut spans: HashMap<u64, (u32, u32), _> = HashMap::default();
        for ((digest, _), at) in pairs.iter().zip(0_u32..) {
            spans.entry(*digest).or_insert((at, at)).1 = at + 1;
        }
        spans.shrink_to_fit();
        Self { spans, waiters: pairs.into_iter().map(|(_, waiter)| waiter).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(super) fn find(&self, digest: u64) -> &[u32] {
        let Some((start, end)) = self.spans.get(&digest) else { return &[] };
        &self.waiters[*start as usize..*end as usize]
    }
}

/// A digest needs no second hash.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }
}
