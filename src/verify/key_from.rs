//! A key that stands at an address which the request names: which addresses may that be, whose key
//! must stand there, and does it make the signature?
//!
//! Nothing is fetched here. Whoever has the keys hands them in with the request; that one is not
//! among them is no reason to refuse the request for good.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use url::{Host, Url};

use super::Denied;
use super::keys::Fetched;
use super::mac::Match;
use super::signature::SignatureScheme;
use super::view::{View, malformed};
use crate::model::Fault;
use crate::secret::Secret;

/// How long an address may be, in bytes.
const ADDRESS_MAX: usize = 512;

/// `key_from:` of `verify:`: the sender's public key stands at an address that each request names.
/// kabari fetches it once, never while a request waits: until then the sender is asked to come again
/// (503). With `public_key.key` nothing is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeyFromSettings {
    /// The header that names the address.
    #[schemars(extend("examples" = ["Paypal-Cert-Url"]))]
    pub header: Option<String>,
    /// The hosts on which the sender has its keys; no other is ever asked. By https, but on this
    /// machine.
    #[schemars(extend("examples" = [["api.paypal.com"]]))]
    pub hosts: Option<Vec<String>>,
    /// How the path begins; one name follows.
    #[schemars(extend("default" = "/", "examples" = ["/v1/notifications/certs/"]))]
    pub path: Option<String>,
    /// How the name ends that the certificate is made out to; without it a bare public key will do.
    #[schemars(extend("examples" = [".paypal.com"]))]
    pub subject: Option<String>,
}

impl KeyFromSettings {
    /// These settings where they say something, and `preset` where they do not.
    #[must_use]
    pub fn over(&self, preset: &Self) -> Self {
        Self {
            header: self.header.clone().or_else(|| preset.header.clone()),
            hosts: self.hosts.clone().or_else(|| preset.hosts.clone()),
            path: self.path.clone().or_else(|| preset.path.clone()),
            subject: self.subject.clone().or_else(|| preset.subject.clone()),
        }
    }
}

/// Where a sender's key may stand, and whose it must be.
#[derive(Clone, Debug)]
pub(super) struct KeyFrom {
    header: String,
    /// Lower case, with a port that is not the usual one.
    hosts: Vec<String>,
    path: String,
    subject: Option<String>,
}

/// As in: the key stands where Paypal-Cert-Url says, on api.paypal.com.
impl fmt::Display for KeyFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key stands where {} says, on {}", self.header, self.hosts.join(" or "))
    }
}

impl KeyFrom {
    /// Where the key of this scheme stands; `None` where it is given, is the secret, or there is none.
    pub(super) fn of(
        scheme: &SignatureScheme,
        settings: Option<&KeyFromSettings>,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let mut fault = |fault: Fault, help: &str| faults.push(fault.help(help));
        let lacks_key = scheme.maker().lacks_key();
        match settings {
            None if lacks_key && scheme.signs_secret() => {
                let wrong =
                    "the secret is under the signature, so the sender's key must be given too";
                let help = "add `key:` with the sender's certificate or public key in PEM, or \
                            `key_from:` if each request says where it stands";
                fault(Fault::error("public_key.key", "no-key", wrong), help);
            }
            Some(_) if !scheme.maker().is_key_pair() => {
                let wrong = "`key_from` is of use for `public_key` alone";
                fault(Fault::warning("key_from", "unused", wrong), "leave it out");
            }
            Some(_) if lacks_key && !scheme.signs_secret() => {
                let wrong = "the sender signs for all its customers with this key, so any of them \
                             could send events";
                let help = "add `{secret}` to `signed` where the sender puts what is yours alone";
                fault(Fault::error("public_key.signed", "no-secret", wrong), help);
            }
            Some(settings) if lacks_key => return Self::build(settings, faults),
            _ => {}
        }
        None
    }

    fn build(settings: &KeyFromSettings, faults: &mut Vec<Fault>) -> Option<Self> {
        let help = "as `key_from: { header: Paypal-Cert-Url, hosts: [api.paypal.com] }`";
        let mut fault = |wrong: &str| {
            faults.push(Fault::error("key_from", "bad-key-from", wrong).help(help));
            None
        };
        let (Some(header), Some(hosts)) = (&settings.header, &settings.hosts) else {
            return fault("it is not said which header names the key, and which hosts have it");
        };
        let is_host = |it: &String| {
            let bare = Url::parse(&format!("https://{it}/")).ok();
            let is_name =
                |it: &str| it.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
            is_name(it)
                && bare.is_some_and(|url| {
                    url.path() == "/" && host_of(&url).is_some_and(|host| host == *it)
                })
        };
        if hosts.is_empty() || !hosts.iter().all(is_host) {
            return fault(
                "`hosts` takes names of hosts in lower case, without `https://` and path",
            );
        }
        let path = settings.path.clone().unwrap_or_else(|| "/".to_owned());
        if !path.starts_with('/') || !path.ends_with('/') {
            return fault("`path` begins and ends with a slash");
        }
        let subject = settings.subject.as_ref().map(|it| it.to_ascii_lowercase());
        Some(Self { header: header.clone(), hosts: hosts.clone(), path, subject })
    }

    /// Like the scheme's own check, by the key that the request names. Whatever else is wrong with the
    /// request is said first, so that nothing is fetched for its sake.
    pub(super) fn check(
        &self,
        scheme: &SignatureScheme,
        view: &View<'_>,
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<Match, Denied> {
        let named = view.request.header(&self.header)?;
        let wrong = |why| malformed(&self.header, why);
        let address = self
            .address(&named)
            .ok_or_else(|| wrong("it leads elsewhere than to the sender's own keys"))?;
        let key = view.request.keys().and_then(|keys| keys.get(&address, now));
        if key.is_some_and(|key| !self.is_theirs(key)) {
            return Err(wrong("what stands there is not the sender's certificate"));
        }
        let judged = match key {
            Some(key) => scheme.with_key(&key.pem).check(view, secrets, now),
            None => scheme.check(view, secrets, now),
        };
        match judged {
            Err(Denied::Mismatch { .. }) if key.is_none_or(|key| key.may_be_replaced(now)) => {
                Err(Denied::UnknownKey { address })
            }
            judged => judged,
        }
    }

    fn is_theirs(&self, key: &Fetched) -> bool {
        self.subject.as_ref().is_none_or(|end| key.is_of(end))
    }

    /// The address, if it is one at which the sender has keys. A key has one address and not several,
    /// so that what is remembered of each has an end.
    fn address(&self, named: &str) -> Option<String> {
        let url = Url::parse(named).ok().filter(|_| named.len() <= ADDRESS_MAX)?;
        let on_this_machine = match url.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let is_private = url.scheme() == "https" || (url.scheme() == "http" && on_this_machine);
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let name = url.path().strip_prefix(self.path.as_str())?;
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let fits = is_private && is_bare && is_name && self.hosts.contains(&host_of(&url)?);
        fits.then(|| url.into())
    }
}

/// The host, with a port that is not the scheme's own.
fn host_of(url: &Url) -> Option<String> {
    Some(match url.port() {
        Some(port) => format!("{}:{port}", url.host_str()?),
        None => url.host_str()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(hosts: &[&str], path: &str) -> Result<KeyFrom, Vec<Fault>> {
        let settings = KeyFromSettings {
            header: Some("Paypal-Cert-Url".to_owned()),
            hosts: Some(hosts.iter().map(|&host| host.to_owned()).collect()),
            path: Some(path.to_owned()),
            subject: None,
        };
        let mut faults = Vec::new();
        KeyFrom::build(&settings, &mut faults).ok_or(faults)
    }

    #[test]
    fn only_the_senders_own_hosts_are_ever_asked() {
        let hosts = ["api.paypal.com", "api.sandbox.paypal.com", "127.0.0.1:9"];
        let paypal = built(&hosts, "/v1/notifications/certs/").unwrap();
        for fine in [
            "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270",
            "https://API.PAYPAL.COM:443/v1/notifications/certs/CERT-1",
            "http://127.0.0.1:9/v1/notifications/certs/CERT-1",
        ] {
            assert!(paypal.address(fine).is_some(), "{fine}");
        }
        for wrong in [
            "http://api.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
            "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
            "https://user@api.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
            "https://api.paypal.com/v1/notifications/certs/../../other",
            "https://api.paypal.com/v1/notifications/certs/%2e%2e/x",
            "https://api.paypal.com/v1/notifications/certs/",
            "https://api.paypal.com/v1/notifications/certs/CERT-1/",
            "https://api.paypal.com/v1/notifications/certs//CERT-1",
            "https://api.paypal.com/v1/notifications/certs/CERT-1;x",
            "https://api.paypal.com/v1/notifications/certs/CERT-1?x=1",
            "https://api.paypal.com/v1/notifications/certs/CERT-1#x",
            "https://evil.example/v1/notifications/certs/CERT-1",
            "https://127.0.0.1/v1/notifications/certs/CERT-1",
            "file:///etc/passwd",
            "",
        ] {
            assert_eq!(paypal.address(wrong), None, "{wrong}");
        }
        let long = format!("https://api.paypal.com/v1/notifications/certs/{}", "C".repeat(512));
        assert_eq!(paypal.address(&long), None);
    }

    #[test]
    fn a_host_is_a_name_alone() {
        for wrong in ["https://api.paypal.com", "api.paypal.com/", "*", "API.PAYPAL.COM", "a@b", ""]
        {
            let faults = built(&[wrong], "/").unwrap_err();
            assert_eq!(faults[0].code, "bad-key-from", "{wrong}");
        }
        assert!(built(&[], "/").is_err());
        assert!(built(&["api.paypal.com"], "/certs").is_err(), "/certs-of-others/ begins so too");
    }
}
