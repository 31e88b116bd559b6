//! From which address did a request really come, when a proxy of ours stands in front?
//!
//! What a header says is believed only from a trusted peer, and only as far back as trusted proxies
//! wrote it: it is walked from its end (the nearest hop) to the first address that is not one of
//! theirs. What stands before that, anybody can have written.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

use crate::model::Networks;

const FORWARDED: &str = "forwarded";
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies whose word counts: `server.trusted_proxies`.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Networks);

impl Proxies {
    /// Those in these networks.
    pub fn new(trusted: Networks) -> Self {
        Self(trusted)
    }

    /// The address of whoever sent this to us, or to the first of our proxies. Where a proxy says
    /// what is no address (`unknown`, `_hidden`, a path, garbage), or two headers name different
    /// ones, it is the peer's: nothing is known of anybody else.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if self.0.is_empty() || !self.0.contain(peer) {
            return peer;
        }
        let standard = headers.contains_key(FORWARDED).then(|| self.forwarded(headers));
        let usual = headers.contains_key(X_FORWARDED_FOR).then(|| self.x_forwarded_for(headers));
        let named = match (standard, usual) {
            // A proxy writes one of them. Whoever adds the other must say the same.
            (Some(standard), Some(usual)) => standard.filter(|_| standard == usual),
            (Some(named), None) | (None, Some(named)) => named,
            (None, None) => None,
        };
        named.unwrap_or(peer)
    }

    /// RFC 7239. A line that is not of its grammar is no word of a proxy's: an open quote in front
    /// of what a proxy added must not swallow that.
    fn forwarded(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut hops = Vec::new();
        for line in headers.get_all(FORWARDED) {
            elements(line.to_str().ok()?, &mut hops)?;
        }
        self.walk(hops.into_iter().rev().map(|hop| address(&hop?)))
    }

    /// The usual header, of which there is no standard: addresses, the nearest last, in one line or
    /// several.
    fn x_forwarded_for(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        self.walk(hops.map(|hop| address(std::str::from_utf8(hop).ok()?.trim())))
    }

    /// The first hop, from the nearest on, that is no trusted proxy; the last, if all are.
    fn walk(&self, hops: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
        let mut last = None;
        for hop in hops {
            let hop = hop?;
            last = Some(hop);
            if !self.0.contain(hop) {
                break;
            }
        }
        last
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn address(node: &str) -> Option<IpAddr> {
    let bare = || node.parse::<IpAddr>().ok();
    let bracketed = || node.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || node.parse::<SocketAddr>().ok().map(|it| it.ip());
    bare().or_else(bracketed).or_else(with_port).map(|it| it.to_canonical())
}

/// Adds the `for` of each element of a line; `None` for one that does not name it. `None` as a
/// whole if the line is not of RFC 7239's grammar.
fn elements(line: &str, hops: &mut Vec<Option<String>>) -> Option<()> {
    let mut rest = line.trim_start();
    if rest.is_empty() {
        return Some(());
    }
    let mut hop: Option<String> = None;
    loop {
        // Empty elements of a list count for nothing (RFC 9110, 5.6.1).
        if let Some(after) = rest.strip_prefix([',', ';']) {
            rest = after.trim_start();
            continue;
        }
        if rest.is_empty() {
            return Some(());
        }
        let (name, value, after) = pair(rest)?;
        if name.eq_ignore_ascii_case("for") && hop.replace(value).is_some() {
            return None;
        }
        rest = after.trim_start();
        match rest.chars().next() {
            Some(';') => {}
            None | Some(',') => hops.push(hop.take()),
            Some(_) => return None,
        }
        if rest.is_empty() {
            return Some(());
        }
        rest = rest[1..].trim_start();
    }
}

/// The first `name=value` of a text, the value without its quotes, and what follows.
fn pair(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = text.split_once('=')?;
    if name.is_empty() || !name.bytes().all(is_token) {
        return None;
    }
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.bytes().position(|byte| !is_token(byte) && !b":[]".contains(&byte));
        let (value, after) = rest.split_at(end.unwrap_or(rest.len()));
        return (!value.is_empty()).then(|| (name, value.to_owned(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((name, value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            character => value.push(character),
        }
    }
    None
}

/// RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use proptest::prelude::*;

    use super::*;
    use crate::model::Network;

    const PROXY: &str = "10.0.0.1";

    fn client_of(peer: &str, lines: &[(&'static str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8:ffff::/48"].map(|it| Network::parse(it).unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let proxies = Proxies::new(Networks::new(trusted.to_vec()));
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_peer_that_is_not_trusted_is_the_client_whatever_it_says() {
        let says = [(FORWARDED, "for=192.0.2.1"), (X_FORWARDED_FOR, "192.0.2.1")];
        for peer in ["203.0.113.9", "2001:db8::9"] {
            assert_eq!(client_of(peer, &says), peer);
        }
        assert_eq!(client_of("::ffff:203.0.113.9", &says), "203.0.113.9");
        let none = Proxies::default();
        let headers = HeaderMap::from_iter([(
            axum::http::HeaderName::from_static(X_FORWARDED_FOR),
            "192.0.2.1".parse().unwrap(),
        )]);
        assert_eq!(none.client(PROXY.parse().unwrap(), &headers).to_string(), PROXY);
    }

    #[test]
    fn x_forwarded_for_is_walked_from_its_end_to_the_first_that_is_no_proxy_of_ours() {
        for (value, client) in [
            ("192.0.2.1", "192.0.2.1"),
            ("198.51.100.1, 192.0.2.1", "192.0.2.1"),
            ("198.51.100.1,192.0.2.1,10.0.0.7, 10.0.0.8", "192.0.2.1"),
            ("192.0.2.1:4711, 10.0.0.7:80", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:4711, 2001:db8:ffff::2", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("garbage, 192.0.2.1", "192.0.2.1"),
            ("10.0.0.9, 10.0.0.8", "10.0.0.9"),
            // From here on nothing is known of anybody but the peer.
            ("192.0.2.1, unknown", PROXY),
            ("192.0.2.1, _hidden", PROXY),
            ("192.0.2.1, unix:/run/x.sock", PROXY),
            ("192.0.2.1,", PROXY),
            ("", PROXY),
            ("fe80::1%eth0", PROXY),
            ("192.0.2.1:99999", PROXY),
            ("[192.0.2.1]", PROXY),
            ("192.0.2.1 192.0.2.2", PROXY),
        ] {
            assert_eq!(client_of(PROXY, &[(X_FORWARDED_FOR, value)]), client, "{value}");
        }
        let lines = [(X_FORWARDED_FOR, "198.51.100.1, 192.0.2.1"), (X_FORWARDED_FOR, "10.0.0.7")];
        assert_eq!(client_of(PROXY, &lines), "192.0.2.1");
        let lines = [(X_FORWARDED_FOR, "10.0.0.7"), (X_FORWARDED_FOR, "192.0.2.1")];
        assert_eq!(client_of(PROXY, &lines), "192.0.2.1");
    }

    #[test]
    fn forwarded_is_read_by_its_grammar() {
        for (value, client) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=\"192.0.2.1:47011\";proto=https;by=10.0.0.1", "192.0.2.1"),
            ("by=10.0.0.1 ; FOR=192.0.2.1", "192.0.2.1"),
            ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=198.51.100.1, for=192.0.2.1;host=\"a,b;c=d\", for=10.0.0.7", "192.0.2.1"),
            ("for=\"192\\.0.2.1\"", "192.0.2.1"),
            ("for=unknown, for=192.0.2.1", "192.0.2.1"),
            ("for=192.0.2.1,", "192.0.2.1"),
            ("for=unknown", PROXY),
            ("for=\"_gazonk\"", PROXY),
            ("for=192.0.2.1, by=10.0.0.1", PROXY),
            ("for=192.0.2.1;for=192.0.2.2", PROXY),
            ("for=\"192.0.2.1", PROXY),
            ("for=\"192.0.2.1\"x", PROXY),
            ("192.0.2.1", PROXY),
            ("for=", PROXY),
            ("=192.0.2.1", PROXY),
            ("", PROXY),
        ] {
            assert_eq!(client_of(PROXY, &[(FORWARDED, value)]), client, "{value}");
        }
        let lines = [(FORWARDED, "for=192.0.2.1;proto=http"), (FORWARDED, "for=10.0.0.7")];
        assert_eq!(client_of(PROXY, &lines), "192.0.2.1");
    }

    #[test]
    fn an_open_quote_cannot_swallow_what_a_proxy_added() {
        for added in ["for=203.0.113.9", "for=\"[2001:db8::9]:80\"", "for=203.0.113.9;by=\"a\""] {
            for forged in ["for=192.0.2.1;x=\"", "for=192.0.2.1, for=\"", "for=192.0.2.1;x=\"\\"] {
                let line = format!("{forged}, {added}");
                assert_ne!(client_of(PROXY, &[(FORWARDED, &line)]), "192.0.2.1", "{line}");
            }
        }
    }

    #[test]
    fn of_two_headers_that_differ_neither_is_believed() {
        let differ = [(FORWARDED, "for=192.0.2.1"), (X_FORWARDED_FOR, "192.0.2.2")];
        assert_eq!(client_of(PROXY, &differ), PROXY);
        let agree = [(FORWARDED, "for=192.0.2.1;by=x"), (X_FORWARDED_FOR, "9.9.9.9, 192.0.2.1")];
        assert_eq!(client_of(PROXY, &agree), "192.0.2.1");
        let one_says_nothing = [(FORWARDED, "for=unknown"), (X_FORWARDED_FOR, "192.0.2.2")];
        assert_eq!(client_of(PROXY, &one_says_nothing), PROXY);
    }

    proptest! {
        #[test]
        fn whatever_a_stranger_writes_in_front_the_proxy_s_own_word_counts(
            front in "[ -~]{0,40}",
            standard in any::<bool>(),
        ) {
            let (name, added) =
                if standard { (FORWARDED, "for=203.0.113.9") } else { (X_FORWARDED_FOR, "203.0.113.9") };
            let client = client_of(PROXY, &[(name, &front), (name, added)]);
            prop_assert!([PROXY, "203.0.113.9"].contains(&&*client), "{client}");
            let client = client_of(PROXY, &[(name, &format!("{front}, {added}"))]);
            prop_assert!([PROXY, "203.0.113.9"].contains(&&*client), "{client}");
        }
    }
}
