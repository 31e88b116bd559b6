//! What does the sandbox remember while it runs?

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::SandboxSettings;
use super::fault::{Fault, Faults};
use super::fetch::Fetcher;
use super::outbox::Outbox;
use super::request::SendRequest;
use crate::clock;
use crate::secret::Secret;

/// Wachat's own typing time where no `delay` is given, in milliseconds.
const TYPING_MS: std::ops::RangeInclusive<u64> = 3000..=5000;

/// Everything that calls share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) token: Option<Secret>,
    pub(super) outbox: Outbox,
    pub(super) fetcher: Fetcher,
    pub(super) work: TaskTracker,
    pub(super) stop: CancellationToken,
    faults: Mutex<Faults>,
    dice: Mutex<fastrand::Rng>,
    speed: f64,
    turns: AtomicUsize,
}

impl World {
    pub(super) fn new(settings: SandboxSettings) -> anyhow::Result<Self> {
        anyhow::ensure!(
            settings.speed.is_finite() && settings.speed > 0.0,
            "the speed must be a number above 0, as in 10 for ten times faster"
        );
        let mut faults = Faults::default();
        for fault in settings.faults {
            faults.add(fault)?;
        }
        Ok(Self {
            token: settings.token,
            outbox: Outbox::default(),
            fetcher: Fetcher::new(settings.stand_ins)?,
            work: TaskTracker::new(),
            stop: CancellationToken::new(),
            faults: Mutex::new(faults),
            dice: Mutex::new(clock::dice()),
            speed: settings.speed,
            turns: AtomicUsize::new(0),
        })
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next_fault(&self, sent: &SendRequest) -> Option<(Fault, Option<u32>)> {
        self.faults().next(&sent.instance, sent.number.expose())
    }

    /// How long "typing…" is shown: the given milliseconds, or 3 to 5 s by chance; scaled.
    pub(super) fn typing_time(&self, delay: Option<u64>) -> Duration {
        let millis = delay.unwrap_or_else(|| {
            self.dice.lock().unwrap_or_else(PoisonError::into_inner).u64(TYPING_MS)
        });
        self.scaled(Duration::from_millis(millis))
    }

    /// A real time, divided by the speed.
    pub(super) fn scaled(&self, time: Duration) -> Duration {
        Duration::try_from_secs_f64(time.as_secs_f64() / self.speed).unwrap_or(time)
    }

    /// The next turn of the error shapes.
    pub(super) fn turn(&self) -> usize {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::World;
    use crate::sandbox::SandboxSettings;

    #[test]
    fn waits_are_those_of_the_real_one_divided_by_the_speed() {
        let world = World::new(SandboxSettings { speed: 10.0, ..Default::default() }).unwrap();
        assert_eq!(world.typing_time(Some(2000)), Duration::from_millis(200));
        assert_eq!(world.typing_time(Some(0)), Duration::ZERO);
        for _ in 0..100 {
            let time = world.typing_time(None);
            assert!((300..=500).contains(&time.as_millis()), "{time:?}");
        }
    }

    #[test]
    fn a_speed_of_nothing_is_refused() {
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let settings = SandboxSettings { speed, ..Default::default() };
            assert!(World::new(settings).is_err(), "{speed}");
        }
    }
}
