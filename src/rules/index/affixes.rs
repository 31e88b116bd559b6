//! Which of many beginnings does a text have?
//!
//! They are sorted, and each knows the longest other one that it begins with itself. All beginnings
//! of a text are on the way from the last one that is not greater than the text: what lies between
//! a beginning and its text begins so too.

/// Waiters by beginning.
#[derive(Debug, Default)]
pub(in crate::rules) struct Affixes {
    starts: Vec<Start>,
    waiters: Vec<u32>,
}

#[derive(Debug)]
struct Start {
    /// How `text` begins; this tells most apart without a look at the text, which lies elsewhere.
    head: u64,
    text: Box<[u8]>,
    /// The longest other one with which it begins.
    shorter: Option<u32>,
    /// Where its waiters end; they begin where those of the one before end.
    end: u32,
}

impl Affixes {
    pub(in crate::rules) fn build(mut pairs: Vec<(Box<[u8]>, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut starts: Vec<Start> = Vec::new();
        let mut waiters = Vec::with_capacity(pairs.len());
        for ((text, waiter), end) in pairs.into_iter().zip(1_u32..) {
            waiters.push(waiter);
            match starts.last_mut() {
                Some(last) if last.text == text => last.end = end,
                _ => {
                    let shorter = shorter(&starts, &text);
                    starts.push(Start { head: head(&text), text, shorter, end });
                }
            }
        }
        starts.shrink_to_fit();
        Self { starts, waiters }
    }

    pub(in crate::rules) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Calls `wake` with the waiters of every beginning of `text`.
    pub(in crate::rules) fn find(&self, text: &[u8], wake: &mut impl FnMut(&[u32])) {
        let sought = (head(text), text);
        let after = self.starts.partition_point(|start| (start.head, &*start.text) <= sought);
        let mut next = after.checked_sub(1);
        while let Some(at) = next {
            let start = &self.starts[at];
            if text.starts_with(&start.text) {
                let begin = at.checked_sub(1).map_or(0, |before| self.starts[before].end);
                wake(&self.waiters[begin as usize..start.end as usize]);
            }
            next = start.shorter.map(|shorter| shorter as usize);
        }
    }
}

/// The first eight bytes as a number; texts in order have these in order too.
fn head(text: &[u8]) -> u64 {
    let mut head = [0; 8];
    for (to, from) in head.iter_mut().zip(text) {
        *to = *from;
    }
    u64::from_be_bytes(head)
}

/// The longest of the sorted `starts`, all before `text`, with which it begins.
fn shorter(starts: &[Start], text: &[u8]) -> Option<u32> {
    let mut next = u32::try_from(starts.len()).ok()?.checked_sub(1);
    while let Some(at) = next {
        let start = starts.get(at as usize)?;
        if text.starts_with(&start.text) {
            return Some(at);
        }
        next = start.shorter;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_beginning_is_found_and_nothing_else() {
        let texts = ["", "a", "ab", "abc", "abd", "b", "ba", "abcz"];
        let pairs = texts.iter().zip(0_u32..).map(|(text, at)| (text.as_bytes().into(), at));
        let affixes = Affixes::build(pairs.collect());
        for text in ["", "a", "abcd", "abz", "ac", "b", "bb", "c", "abczz"] {
            let mut found = Vec::new();
            affixes.find(text.as_bytes(), &mut |waiters| found.extend_from_slice(waiters));
            found.sort_unstable();
            let begins = |(_, start): &(u32, &&str)| text.starts_with(**start);
            let naive: Vec<u32> = (0_u32..).zip(&texts).filter(begins).map(|(at, _)| at).collect();
            assert_eq!(found, naive, "{text}");
        }
    }
}
