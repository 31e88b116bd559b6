//! Which addresses are meant? Single ones and whole networks, of either version of IP.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer};

/// An address (`203.0.113.7`) or a network (`192.0.2.0/24`, `2001:db8::/32`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Network(#[schemars(skip)] IpNet);

/// Some networks, as one list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

/// A text that is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address: write it as in `203.0.113.7`, `192.0.2.0/24` or `2001:db8::/32`")]
pub struct NetworkError(String);

impl Network {
    /// Reads an address or a network (RFC 4632, RFC 4291). Bits behind the prefix do not count.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let trimmed = text.trim();
        let one = || trimmed.parse::<IpAddr>().ok().map(|it| IpNet::from(it.to_canonical()));
        let network = trimmed.parse::<IpNet>().ok().or_else(one);
        network.map(|it| Self(it.trunc())).ok_or_else(|| NetworkError(text.to_owned()))
    }

    /// Whether every address of its version is in it.
    pub fn is_everything(&self) -> bool {
        self.0.prefix_len() == 0
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_one = self.0.prefix_len() == self.0.max_prefix_len();
        if is_one { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

impl Networks {
    /// All of them.
    pub fn new(all: Vec<Network>) -> Self {
        Self(all)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is in one of them. An IPv4 address that is written as an IPv6 one
    /// (`::ffff:192.0.2.1`, RFC 4291, 2.5.5.2) is itself.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.0.contains(&address))
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, network) in self.0.iter().enumerate() {
            write!(f, "{}{network}", if place > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        Networks::new(texts.iter().map(|text| Network::parse(text).unwrap()).collect())
    }

    #[test]
    fn an_address_is_in_its_network_whichever_way_it_is_written() {
        let some =
            networks(&["192.0.2.9/24", "2001:db8::/32", "203.0.113.7", "::ffff:198.51.100.1"]);
        for (address, expected) in [
            ("192.0.2.255", true),
            ("::ffff:192.0.2.1", true),
            ("192.0.3.0", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
            ("203.0.113.7", true),
            ("203.0.113.8", false),
            ("198.51.100.1", true),
        ] {
            assert_eq!(some.contain(address.parse().unwrap()), expected, "{address}");
        }
        assert_eq!(some.to_string(), "192.0.2.0/24, 2001:db8::/32, 203.0.113.7, 198.51.100.1");
    }

    #[test]
    fn what_is_no_address_is_an_error() {
        for wrong in ["", "192.0.2", "192.0.2.0/33", "2001:db8::/129", "example.com", "10.0.0.1:80"]
        {
            assert!(Network::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Network::parse("::/0").unwrap().is_everything());
    }
}
