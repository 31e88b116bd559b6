//! Is there a `Forwarded` or `X-Forwarded-For` header with which a stranger takes another address than
//! the one that our proxy saw, or that makes reading it panic?
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderValue};
use kabari::model::{Network, Networks};
use kabari::receive::Proxies;
use libfuzzer_sys::fuzz_target;

/// Our proxy, and whom it saw.
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const SEEN: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

fuzz_target!(|lines: (&[u8], &[u8], bool)| {
    let (first, second, standard) = lines;
    let trusted = Networks::new(vec![Network::parse("10.0.0.0/8").expect("a network")]);
    let proxies = Proxies::new(trusted);
    // What the stranger wrote, and what the proxy puts behind it in the header that it writes.
    let (written, other, added) = if standard {
        ("forwarded", "x-forwarded-for", format!("for={SEEN}"))
    } else {
        ("x-forwarded-for", "forwarded", SEEN.to_string())
    };
    let mut headers = HeaderMap::new();
    for (name, line) in [(written, first), (other, second)] {
        if let Ok(value) = HeaderValue::from_bytes(line)
            && !line.is_empty()
        {
            headers.append(name, value);
        }
    }
    headers.append(written, HeaderValue::try_from(added).expect("an address"));
    let client = proxies.client(PROXY, &headers);
    assert!([SEEN, PROXY].contains(&client), "{client} by {headers:?}");
    // Who comes without a proxy is who they are, whatever they write.
    assert_eq!(proxies.client(SEEN, &headers), SEEN);
});
