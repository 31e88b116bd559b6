//! How many attempts of one address may fail, at a signature or at a password?

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// How many addresses are remembered at once; about 1 MiB.
const ADDRESSES_MAX: usize = 16_384;

/// A bucket of failures for each address, that runs empty at a steady rate.
#[derive(Debug)]
pub struct Failures {
    burst: i64,
    /// How long one failure weighs, in microseconds.
    weight_us: i64,
    /// When each address's bucket will be empty, in microseconds since 1970.
    empty_at: Mutex<HashMap<IpAddr, i64>>,
}

impl Failures {
    /// `burst` failures at once, and `per_s` more a second.
    pub fn new(burst: u32, per_s: u32) -> Self {
        let weight_us = 1_000_000 / i64::from(per_s.max(1));
        Self { burst: i64::from(burst), weight_us, empty_at: Mutex::default() }
    }

    /// Whether one more failure of this address would be one too many. Nothing is counted.
    pub fn would_be_over(&self, address: IpAddr, now: Timestamp) -> bool {
        let empty_at = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now_us = now.as_microsecond();
        let level_us = empty_at.get(&prefix(address)).map_or(0, |at| self.level_us(*at, now_us));
        level_us.saturating_add(self.weight_us) > self.full_us()
    }

    fn full_us(&self) -> i64 {
        self.burst.saturating_mul(self.weight_us)
    }

    /// A clock that was set back must not leave an address over for ever.
    fn level_us(&self, empty_at_us: i64, now_us: i64) -> i64 {
        empty_at_us.saturating_sub(now_us).clamp(0, self.full_us())
    }

    /// Counts a failure of this address, and says whether that was one too many.
    pub fn over(&self, address: IpAddr, now: Timestamp) -> bool {
        let now_us = now.as_microsecond();
        let mut empty_at = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        if empty_at.len() >= ADDRESSES_MAX {
            empty_at.retain(|_, at| *at > now_us);
        }
        if empty_at.len() >= ADDRESSES_MAX {
            // A flood from everywhere: start anew rather than grow. Each is refused all the same.
            empty_at.clear();
        }
        let at = empty_at.entry(prefix(address)).or_insert(now_us);
        let level_us = self.level_us(*at, now_us);
        *at = now_us.saturating_add(level_us);
        if level_us.saturating_add(self.weight_us) > self.full_us() {
            return true;
        }
        *at = at.saturating_add(self.weight_us);
        false
    }
}

/// One customer of an IPv6 provider has a whole /64 (RFC 6177), so that counts as one address.
fn prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let network = v6.to_bits() & (u128::MAX << 64);
            IpAddr::V6(std::net::Ipv6Addr::from_bits(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{ADDRESSES_MAX, Failures};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    #[test]
    fn the_burst_passes_then_only_the_steady_rate() {
        let failures = Failures::new(1000, 10);
        let address = "192.0.2.1".parse().unwrap();
        assert!((0..1000).all(|_| !failures.over(address, at(0))));
        assert!(failures.over(address, at(0)));
        assert!(failures.over(address, at(99)));
        assert!(!failures.over(address, at(100)));
        assert!(failures.over(address, at(101)));
        assert!(!failures.over("192.0.2.2".parse().unwrap(), at(101)));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_a_mapped_ipv4_is_itself() {
        let failures = Failures::new(1, 1);
        assert!(!failures.over("2001:db8::1".parse().unwrap(), at(0)));
        assert!(failures.over("2001:db8::ffff:2".parse().unwrap(), at(0)));
        assert!(!failures.over("2001:db8:0:1::1".parse().unwrap(), at(0)));
        assert!(!failures.over("::ffff:192.0.2.1".parse().unwrap(), at(0)));
        assert!(failures.over("192.0.2.1".parse().unwrap(), at(0)));
        assert!(!failures.over("192.0.2.2".parse().unwrap(), at(0)));
    }

    #[test]
    fn a_flood_from_everywhere_does_not_grow_the_table() {
        let failures = Failures::new(1, 1);
        for host in 0..(2 * u32::try_from(ADDRESSES_MAX).unwrap() + 10) {
            failures.over(std::net::Ipv4Addr::from_bits(host).into(), at(0));
        }
        assert!(failures.empty_at.lock().unwrap().len() <= ADDRESSES_MAX);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_shut_an_address_out() {
        let failures = Failures::new(2, 1);
        let address = "192.0.2.1".parse().unwrap();
        failures.over(address, at(0));
        failures.over(address, at(0));
        assert!(failures.over(address, at(-3_600_000)));
        failures.over(address, at(-3_590_000));
        assert!(!failures.over(address, at(0)));
    }
}
