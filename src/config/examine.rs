//! What can be wrong with settings that read well one by one?

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use url::Url;

use super::account::WachatSettings;
use super::book::{Book, TreeId};
use super::file::{RuleFile, RuleSettings};
use super::node::{Content, Node, Origin};
use super::placed::Placed;
use super::read::{allowed_or_nearest, nearest};
use super::server::ServerSettings;
use crate::alerts::{AlertSettings, Hook};
use crate::model::Fault;
use crate::secret::Secret;
use crate::sources::{SourceSettings, secret_warnings};

/// A secret shorter than this many characters is worth a warning.
const SECRET_MIN: usize = 16;
/// How many kinds a rule may list, and how long one may be, in bytes.
const KINDS_MAX: usize = 1000;
const KIND_BYTES_MAX: usize = 256;
/// A shorter `wachat.timeout` is worth a warning.
const TIMEOUT_MIN: Duration = Duration::from_secs(5);
const BASE_URL: &str = "https://app.wachat.net";

/// `wachat:`, without its instances.
pub(super) fn wachat(
    book: &mut Book,
    id: TreeId,
    file: &RuleFile,
) -> Option<(Url, Secret, String)> {
    let Some(wachat) = &file.wachat else {
        let fault = Fault::error("", "missing-key", "the key `wachat` is missing")
            .help("add `wachat:` with `token:` and `instance:`");
        book.fault(id, fault.under("wachat"));
        return None;
    };
    if wachat.token.is_empty() {
        let fault = Fault::error("wachat.token", "empty-secret", "the token is empty");
        book.fault(id, fault.help("take it from your Wachat account's settings"));
    }
    if wachat.timeout.is_some_and(|span| span.0 < TIMEOUT_MIN) {
        let message =
            "so soon few answers are there, and each that is not makes a message uncertain";
        let fault = Fault::warning("wachat.timeout", "short-timeout", message);
        book.fault(id, fault.help("write 5s or more; 120s is the default"));
    }
    for (name, lane) in &wachat.instances {
        for fault in lane.faults() {
            book.fault(id, fault.under(&format!("wachat.instances.{name}")));
        }
    }
    for (index, line) in wachat.fates.iter().enumerate() {
        for fault in line.faults() {
            book.fault(id, fault.under(&format!("wachat.fates[{index}]")));
        }
    }
    let instance = wachat.instance.clone().or_else(|| file.defaults.instance.clone());
    if instance.as_ref().is_none_or(|name| name.trim().is_empty()) {
        let fault = Fault::error("wachat.instance", "missing-key", "the key `instance` is missing");
        book.fault(id, fault.help("add `instance:`, the name of your WhatsApp session at Wachat"));
    }
    in_clear(book, id, "wachat.token");
    let url = base_url(book, id, wachat);
    Some((url?, wachat.token.clone(), instance.unwrap_or_default()))
}

fn base_url(book: &mut Book, id: TreeId, wachat: &WachatSettings) -> Option<Url> {
    let written = wachat.base_url.as_deref().unwrap_or(BASE_URL);
    let Ok(url) = Url::parse(written) else {
        let fault = Fault::error("wachat.base_url", "base-url", "this is not an address");
        book.fault(id, fault.help(format!("write it as in `{BASE_URL}`")));
        // Where the variable for it is not set, the rest can still be checked.
        return Url::parse(BASE_URL).ok();
    };
    let here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && here) {
        let message = "the token would travel unencrypted: the address must begin with https://";
        let fault = Fault::error("wachat.base_url", "base-url", message);
        book.fault(id, fault.help("only an address on this machine may be http://"));
        return None;
    }
    Some(url)
}

/// `server.listen` and `server.admin`.
pub(super) fn server(
    book: &mut Book,
    id: TreeId,
    server: &ServerSettings,
) -> (SocketAddr, SocketAddr) {
    let listen = address(book, id, "server.listen", server.listen.as_deref(), 8080);
    let admin = address(book, id, "server.admin", server.admin.as_deref(), 9090);
    let token = server.admin_token.as_ref();
    in_clear(book, id, "server.admin_token");
    for (place, _) in server.trusted_proxies.iter().enumerate().filter(|(_, it)| it.is_everything())
    {
        let path = format!("server.trusted_proxies[{place}]");
        let message = "with this everybody could say to be somebody else";
        let fault = Fault::error(path, "trusts-everybody", message);
        book.fault(id, fault.help("list the addresses of your own proxies, as in `10.0.0.0/8`"));
    }
    for fault in server.unverified.faults() {
        book.fault(id, fault.under("server.unverified"));
    }
    if token.is_some_and(Secret::is_empty) {
        let fault = Fault::error("server.admin_token", "empty-secret", "the admin token is empty");
        book.fault(id, fault.help("write a long random text, or remove the key"));
    } else if token.is_none() && !admin.ip().is_loopback() {
        let message = format!("`{admin}` can be reached from outside, and there is no admin token");
        let fault = Fault::error("server.admin", "admin-open", message);
        book.fault(id, fault.help("add `server.admin_token`, or use `127.0.0.1:9090`"));
    }
    (listen, admin)
}

/// `alerts:`
pub(super) fn alerts(book: &mut Book, id: TreeId, written: Option<&AlertSettings>) -> Option<Hook> {
    in_clear(book, id, "alerts.token");
    match written?.hook() {
        Ok(hook) => Some(hook),
        Err(faults) => {
            for fault in faults {
                book.fault(id, fault.under("alerts"));
            }
            None
        }
    }
}

/// `server.public_url`, without a slash at its end.
pub(super) fn public_url(book: &mut Book, id: TreeId, written: Option<&str>) -> Option<String> {
    let written = written?;
    let url = Url::parse(written).ok();
    let is_base = url.is_some_and(|url| {
        ["http", "https"].contains(&url.scheme())
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
    });
    if !is_base {
        let message = format!("`{written}` is no address at which the world reaches webhooks");
        let fault = Fault::error("server.public_url", "address", message);
        book.fault(id, fault.help("write it as in `https://hooks.shop.example`"));
        return None;
    }
    Some(written.trim_end_matches('/').to_owned())
}

fn address(
    book: &mut Book,
    id: TreeId,
    path: &str,
    written: Option<&str>,
    port: u16,
) -> SocketAddr {
    let default = SocketAddr::from(([127, 0, 0, 1], port));
    let Some(written) = written else { return default };
    written.replace("localhost:", "127.0.0.1:").parse().unwrap_or_else(|_| {
        let fault = Fault::error(path, "address", format!("`{written}` is no address with a port"));
        book.fault(id, fault.help(format!("write it as in `127.0.0.1:{port}`")));
        default
    })
}

/// The secrets of one source: an empty one refuses, an empty entry of a list drops out.
pub(super) fn secrets(book: &mut Book, id: TreeId, path: &str, settings: &mut SourceSettings) {
    if let Some(secret) = &settings.secret {
        let path = format!("{path}.secret");
        if secret.is_empty() {
            book.fault(id, empty_secret(&path));
        }
        in_clear(book, id, &path);
        warn_if_short(book, id, &path, secret);
    }
    for name in settings.reconcile.iter().flat_map(|_| ["token", "private_key"]) {
        in_clear(book, id, &format!("{path}.reconcile.{name}"));
    }
    let Some(secrets) = &mut settings.secrets else { return };
    for (index, secret) in secrets.iter().enumerate() {
        let path = format!("{path}.secrets[{index}]");
        in_clear(book, id, &path);
        warn_if_short(book, id, &path, secret);
    }
    for fault in secret_warnings(secrets, book.now()) {
        let below = format!("{path}.secrets{}", fault.path);
        book.fault(id, Fault { path: below, ..fault });
    }
    secrets.retain(|secret| !secret.is_empty());
    let path = format!("{path}.secrets");
    // One that could not be read is told already.
    if secrets.is_empty() && !book.has_error_below(id, &path) {
        book.fault(id, empty_secret(&path));
    }
}

fn empty_secret(path: &str) -> Fault {
    Fault::error(path, "empty-secret", "there is no secret here: anyone could sign")
        .help("set the secret that the sender signs with")
}

/// Warns of a secret that everybody who sees the file can read.
pub(super) fn in_clear(book: &mut Book, id: TreeId, path: &str) {
    let scalar = book.node(id, path).and_then(Node::scalar);
    if scalar.is_some_and(|it| {
        it.origin == Origin::Written && !it.text.trim().is_empty() && !it.text.contains("${")
    }) {
        let fault = Fault::warning(path, "secret-in-clear", "this secret is written in clear");
        let help = "take it from the environment, `\"${NAME}\"`, or from a file, \
                    `\"${file:/run/secrets/name}\"`";
        book.fault(id, fault.help(help));
    }
}

fn warn_if_short(book: &mut Book, id: TreeId, path: &str, secret: &Secret) {
    let length = secret.expose().trim().chars().count();
    if (1..SECRET_MIN).contains(&length) {
        let message = format!("this secret is short: {length} characters can be guessed");
        let fault = Fault::warning(path, "short-secret", message);
        book.fault(id, fault.help("use at least 16 random characters"));
    }
}

/// What is known of the rules so far.
pub(super) struct Known<'a> {
    /// The names of all sources, in order.
    sources: &'a [String],
    /// The rules by their names.
    rules: HashMap<String, (TreeId, usize)>,
}

impl<'a> Known<'a> {
    pub(super) fn new(sources: &'a [String]) -> Self {
        Self { sources, rules: HashMap::new() }
    }

    /// Whether there is a rule of this name.
    pub(super) fn has_rule(&self, name: &str) -> bool {
        self.rules.contains_key(name)
    }

    /// The names of all rules.
    pub(super) fn rule_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rules.keys().map(String::as_str)
    }

    /// What is wrong with a rule as a whole: its name twice, a source that is not there, `match`
    /// that starts at `event`.
    pub(super) fn examine(
        &mut self,
        book: &mut Book,
        (id, index): (TreeId, usize),
        rule: &Placed<RuleSettings>,
    ) {
        let Placed { path, value: rule } = rule;
        self.name(book, (id, index), path, rule);
        known_source(book, id, path, &rule.source, self.sources);
        kinds(book, id, path, &rule.kind.0);
        if rule.send.is_none() {
            let fault =
                Fault::error(format!("{path}.send"), "missing-key", "the key `send` is missing");
            book.fault(id, fault.help("add `send:` with `number:` and `message:`"));
        } else if rule.send.as_ref().is_some_and(|send| send.0.is_empty()) {
            let path = format!("{path}.send");
            if !book.has_error_below(id, &path) {
                let fault = Fault::error(path, "value", "this rule sends nothing");
                book.fault(id, fault.help("add an entry with `number:` and `message:`"));
            }
        }
        starts_inside(book, id, &format!("{path}.match"));
    }

    fn name(
        &mut self,
        book: &mut Book,
        (id, index): (TreeId, usize),
        path: &str,
        rule: &RuleSettings,
    ) {
        let name_path = format!("{path}.name");
        if book.node(id, &name_path).is_none() {
            return;
        }
        if rule.name.trim().is_empty() {
            let fault = Fault::error(&name_path, "value", "the name is empty");
            book.fault(id, fault.help("give the rule a name of its own"));
        } else if let Some((other, first)) = self.rules.get(&rule.name) {
            let message = format!("another rule is named `{}`", rule.name);
            let first = format!("rules[{first}].name");
            let place = book.place(*other, &first);
            let fault = Fault::error(&name_path, "duplicate-name", message)
                .help(format!("rename one of the two; the first is at {place}"));
            book.fault_beside(id, fault, (*other, &first));
        } else {
            self.rules.insert(rule.name.clone(), (id, index));
        }
    }
}

/// Whether there are as many kinds, and as long ones, as a rule can mean.
fn kinds(book: &mut Book, id: TreeId, path: &str, kinds: &[String]) {
    let long = kinds.iter().any(|kind| kind.len() > KIND_BYTES_MAX);
    let (message, help) = if kinds.len() > KINDS_MAX {
        (format!("more than {KINDS_MAX} kinds"), "write them with `*`, as in `invoice.*`")
    } else if long {
        (format!("a kind of more than {KIND_BYTES_MAX} bytes"), "no sender has such a long one")
    } else {
        return;
    };
    book.fault(id, Fault::error(format!("{path}.kind"), "value", message).help(help));
}

/// Whether a rule's or a test's source is configured.
pub(super) fn known_source(
    book: &mut Book,
    id: TreeId,
    path: &str,
    source: &str,
    sources: &[String],
) -> bool {
    // They stand in the order of their names.
    if sources.binary_search_by(|known| known.as_str().cmp(source)).is_ok() {
        return true;
    }
    if book.is_full() {
        // Not told, so how it could be mended is of no interest.
        book.fault(id, Fault::error(path, "unknown-source", ""));
        return false;
    }
    let names: Vec<&str> = sources.iter().map(String::as_str).collect();
    let help = match nearest(source, names.iter().copied()) {
        None if names.is_empty() => "add it under `sources:`".to_owned(),
        _ => allowed_or_nearest(source, &names),
    };
    let message = format!("there is no source `{source}`");
    let fault = Fault::error(format!("{path}.source"), "unknown-source", message);
    book.fault(id, fault.help(help));
    false
}

/// `match` looks at the body itself: a path that begins with `event.` is a slip.
fn starts_inside(book: &mut Book, id: TreeId, path: &str) {
    let slips: Vec<String> = match book.node(id, path).map(Node::content) {
        Some(Content::Map(entries)) => entries
            .iter()
            .filter(|(key, value)| {
                key.text.starts_with("event.") || (key.text == "event" && is_mapping(value))
            })
            .map(|(key, _)| key.text.clone())
            .collect(),
        _ => Vec::new(),
    };
    for key in slips {
        let rest = key.strip_prefix("event.").unwrap_or("");
        let help = match rest {
            "" => "move what is below it one level up".to_owned(),
            rest => format!("drop `event.`: write `{rest}`"),
        };
        let message = format!("`match` starts inside the body, and `{key}` starts outside");
        book.fault(id, Fault::error(format!("{path}.{key}"), "match-path", message).help(help));
    }
}

fn is_mapping(node: &Node) -> bool {
    matches!(node.content(), Content::Map(_))
}

/// A time zone by its name.
pub(super) fn timezone(book: &mut Book, id: TreeId, name: Option<&str>) -> jiff::tz::TimeZone {
    let Some(name) = name else { return jiff::tz::TimeZone::UTC };
    jiff::tz::TimeZone::get(name).unwrap_or_else(|_| {
        let message = format!("there is no time zone `{name}`");
        let fault = Fault::error("defaults.timezone", "timezone", message);
        book.fault(id, fault.help("write it as in `Asia/Jakarta`"));
        jiff::tz::TimeZone::UTC
    })
}
