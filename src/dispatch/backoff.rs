//! How long does a message wait before it is tried again?

use std::time::Duration;

/// The wait after the `attempts`-th attempt (from 1): anything from nothing to `base` doubled with
/// each attempt and capped at `max`, as `dice` (0 to 1) says. Full jitter, so that messages that
/// failed together do not come back together.
pub(super) fn backoff(attempts: u32, base: Duration, max: Duration, dice: f64) -> Duration {
    let doublings = attempts.saturating_sub(1).min(31);
    let longest = base.saturating_mul(1_u32 << doublings).min(max);
    longest.mul_f64(dice.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_its_cap_and_the_dice_choose_below() {
        let (base, max) = (Duration::from_secs(5), Duration::from_secs(900));
        for (attempts, longest) in [(0, 5), (1, 5), (2, 10), (5, 80), (8, 640), (9, 900), (99, 900)]
        {
            assert_eq!(backoff(attempts, base, max, 1.0).as_secs(), longest, "{attempts}");
            assert_eq!(backoff(attempts, base, max, 0.0), Duration::ZERO);
        }
        assert_eq!(backoff(1, base, max, 0.5), Duration::from_millis(2500));
    }
}
