//! How does a week pass in seconds? Tokio's time stands still until nobody has anything to do.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

thread_local! {
    /// When the week began, in tokio's time and on the wall, and what chance begins with.
    static BEGAN: Cell<Option<(Instant, Timestamp)>> = const { Cell::new(None) };
    static DICE: Cell<u64> = const { Cell::new(0) };
}

/// The week begins, in a runtime of this thread alone whose time stands still.
pub(super) fn begin(at: Timestamp, seed: u64) {
    BEGAN.set(Some((Instant::now(), at)));
    DICE.set(seed);
}

/// Somebody sets the clock on the wall.
pub(super) fn set_by(seconds: i64) {
    let (began, at) = BEGAN.get().expect("the week has begun");
    BEGAN.set(Some((began, at.saturating_add(SignedDuration::from_secs(seconds)).unwrap())));
}

/// The time on the wall.
pub(super) fn now() -> Timestamp {
    let (began, at) = BEGAN.get().expect("the week has begun");
    at.saturating_add(SignedDuration::try_from(began.elapsed()).unwrap()).unwrap()
}

/// Chance that is the same in each run of the seed.
pub(super) fn dice() -> fastrand::Rng {
    DICE.set(DICE.get().wrapping_add(1));
    fastrand::Rng::with_seed(DICE.get())
}

/// Waits on this thread, so that no simulated time passes meanwhile: the store's own threads are
/// nothing that tokio's time would wait for.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    thread_local! {
        static WAKER: Waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    }
    // The store must not be kept waiting for the sake of others in this runtime.
    let mut future = pin!(tokio::task::unconstrained(future));
    WAKER.with(|waker| {
        loop {
            match future.as_mut().poll(&mut Context::from_waker(waker)) {
                Poll::Ready(done) => return done,
                Poll::Pending => std::thread::park(),
            }
        }
    })
}
