//! How is a body read that nobody vouches for yet? Bounded in size, in time, and in what all of
//! them take together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::receive::reply::Reply;
use crate::receive::settings::Settings;
use crate::verify::{self, Denied, Packed};

/// How much is set aside at once for a body of a known length: more only as bytes arrive.
const FIRST_ROOM: u64 = 256 << 10;

/// A body up to this size is a usual event, in bytes: GitHub's are mostly under 30 KB.
const USUAL: u64 = 64 << 10;

/// The bytes that all bodies together may take.
#[derive(Debug)]
pub(crate) struct Budget {
    left: AtomicU64,
    /// What bodies of more than usual size leave to the others: a few large ones that a stranger
    /// lets stall must not keep the usual events out.
    for_usual: u64,
}

/// A share of the budget; given back when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    pub(crate) fn new(bytes: u64) -> Self {
        Self { left: AtomicU64::new(bytes), for_usual: bytes / 4 }
    }
}

impl Held {
    fn nothing(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Takes so many bytes more, if they are left.
    fn take(&mut self, bytes: u64) -> bool {
        let usual = self.bytes + bytes <= USUAL;
        let kept_free = if usual { 0 } else { self.budget.for_usual };
        let rest = |left: u64| left.checked_sub(bytes).filter(|rest| *rest >= kept_free);
        let taken = self.budget.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest);
        if taken.is_ok() {
            self.bytes += bytes;
        }
        taken.is_ok()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// Reads a body. A declared length over the limit is refused before a byte of it is read.
///
/// # Errors
/// 413, 408, 503 for the budget, or 400 for one that breaks off.
pub(crate) async fn read(
    body: Body,
    headers: &HeaderMap,
    settings: &Settings,
    budget: &Arc<Budget>,
) -> Result<(Bytes, Held), Reply> {
    let declared = declared_length(headers);
    if declared.is_some_and(|length| length > settings.body_limit) {
        return Err(Reply::TooLarge);
    }
    let reading = collect(body, declared, settings.body_limit, Held::nothing(budget));
    match tokio::time::timeout(settings.body_time, reading).await {
        Ok(read) => read,
        Err(_) => Err(Reply::TooSlow),
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The share grows as bytes arrive: a length that is only declared costs nothing. A body that came
/// in one piece is not copied.
async fn collect(
    body: Body,
    declared: Option<u64>,
    limit: u64,
    mut held: Held,
) -> Result<(Bytes, Held), Reply> {
    let mut pieces = body.into_data_stream();
    let mut whole = Bytes::new();
    let mut joined: Option<BytesMut> = None;
    let mut length = 0_u64;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Reply::BrokenOff)?;
        let piece_length = piece.len() as u64;
        length += piece_length;
        if length > limit {
            return Err(Reply::TooLarge);
        }
        if !held.take(piece_length) {
            return Err(Reply::NoRoom);
        }
        match &mut joined {
            Some(joined) => joined.extend_from_slice(&piece),
            None if whole.is_empty() => whole = piece,
            None => {
                let room = declared.unwrap_or(length).clamp(length, limit).min(FIRST_ROOM);
                let mut start = BytesMut::with_capacity(usize::try_from(room).unwrap_or(0));
                start.extend_from_slice(&whole);
                start.extend_from_slice(&piece);
                joined = Some(start);
            }
        }
    }
    Ok((joined.map_or(whole, BytesMut::freeze), held))
}

/// What is in a body that nobody vouches for, within its share.
///
/// # Errors
/// 413 or 503; or that it is not to be believed.
pub(crate) fn unpack(
    packed: &[u8],
    limit: u64,
    held: &mut Held,
) -> Result<Bytes, Result<Reply, Denied>> {
    let unpacked = verify::unpack(packed, limit, |bytes| held.take(bytes));
    unpacked.map(Bytes::from).map_err(|why| match why {
        Packed::TooLong => Ok(Reply::TooLarge),
        Packed::NoRoom => Ok(Reply::NoRoom),
        Packed::Broken => Err(Denied::malformed("body", why.to_string())),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use axum::body::Body;
    use axum::http::HeaderMap;
    use bytes::Bytes;
    use futures_util::stream;
    use proptest::prelude::*;

    use super::{Budget, Held, USUAL, read};
    use crate::receive::reply::Reply;
    use crate::receive::settings::Settings;

    fn settings(body_limit: u64) -> Settings {
        Settings { body_limit, body_time: Duration::from_millis(20), ..Settings::default() }
    }

    fn in_pieces(pieces: &[&[u8]]) -> Body {
        let pieces: Vec<_> =
            pieces.iter().map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
        Body::from_stream(stream::iter(pieces))
    }

    async fn outcome(body: Body, limit: u64, budget: &Arc<Budget>) -> Result<Vec<u8>, Reply> {
        let read = read(body, &HeaderMap::new(), &settings(limit), budget).await;
        read.map(|(body, _)| body.to_vec())
    }

    #[tokio::test]
    async fn a_body_at_the_limit_is_read_and_one_byte_more_is_refused() {
        let budget = Arc::new(Budget::new(100));
        let five: &[&[u8]] = &[b"ab", b"", b"cd", b"e"];
        assert_eq!(outcome(in_pieces(five), 5, &budget).await, Ok(b"abcde".to_vec()));
        assert_eq!(outcome(in_pieces(five), 4, &budget).await, Err(Reply::TooLarge));
    }

    #[tokio::test]
    async fn a_declared_length_over_the_limit_is_refused_unread() {
        let budget = Arc::new(Budget::new(100));
        let mut headers = HeaderMap::new();
        headers.insert("content-length", "6".parse().unwrap());
        let endless = Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let refused = read(endless, &headers, &settings(5), &budget).await;
        assert_eq!(refused.map(|_| ()), Err(Reply::TooLarge));
    }

    #[tokio::test]
    async fn the_budget_is_shared_and_given_back() {
        let budget = Arc::new(Budget::new(8));
        let (headers, settings) = (HeaderMap::new(), settings(5));
        let first = read(in_pieces(&[b"abc", b"de"]), &headers, &settings, &budget);
        let (_, held) = first.await.unwrap();
        assert_eq!(outcome(in_pieces(&[b"abc", b"d"]), 5, &budget).await, Err(Reply::NoRoom));
        drop(held);
        assert_eq!(outcome(in_pieces(&[b"abc", b"d"]), 5, &budget).await, Ok(b"abcd".to_vec()));
        assert_eq!(budget.left.load(Ordering::Relaxed), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_stops_in_the_middle_is_not_waited_for_and_holds_nothing() {
        let budget = Arc::new(Budget::new(8));
        let some = stream::iter([Ok::<_, std::io::Error>(b"abc".to_vec())]);
        let stalled = Body::from_stream(futures_util::StreamExt::chain(some, stream::pending()));
        assert_eq!(outcome(stalled, 5, &budget).await, Err(Reply::TooSlow));
        assert_eq!(budget.left.load(Ordering::Relaxed), 8);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_taken_for_a_whole_one() {
        let budget = Arc::new(Budget::new(8));
        let broken = [Ok(b"abc".to_vec()), Err(std::io::Error::other("reset"))];
        let broken = Body::from_stream(stream::iter(broken));
        assert_eq!(outcome(broken, 5, &budget).await, Err(Reply::BrokenOff));
        assert_eq!(budget.left.load(Ordering::Relaxed), 8);
    }

    #[test]
    fn a_share_that_cannot_be_had_takes_nothing() {
        let budget = Arc::new(Budget::new(8));
        let mut held = Held::nothing(&budget);
        assert!(held.take(8) && !held.take(1) && held.take(0));
    }

    #[test]
    fn large_bodies_leave_room_for_usual_ones() {
        let budget = Arc::new(Budget::new(8 * USUAL));
        let mut large = Held::nothing(&budget);
        assert!(large.take(6 * USUAL) && !large.take(1));
        let mut another = Held::nothing(&budget);
        assert!(another.take(USUAL) && !another.take(1), "it has grown over what is usual");
        assert!(Held::nothing(&budget).take(USUAL));
    }

    proptest! {
        #[test]
        fn however_a_body_is_cut_it_is_read_whole(pieces in prop::collection::vec(
            prop::collection::vec(any::<u8>(), 0..40), 0..12,
        )) {
            let whole = pieces.concat();
            let stream = stream::iter(pieces.into_iter().map(|p| Ok::<_, std::io::Error>(Bytes::from(p))));
            let budget = Arc::new(Budget::new(1000));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let read = runtime.block_on(outcome(Body::from_stream(stream), 500, &budget));
            prop_assert_eq!(read, Ok(whole));
            prop_assert_eq!(budget.left.load(Ordering::Relaxed), 1000);
        }
    }
}
