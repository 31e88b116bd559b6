//! Where is the store, and which secrets may be those that it is sealed with?

use std::path::Path;

use super::book::{Book, TreeId};
use super::examine::in_clear;
use crate::model::Fault;
use crate::secret::{Secret, Secrets};
use crate::store::{Address, SealedSettings, StoreSettings};

/// A secret of the store shorter than this many characters is refused: it is not only for a stranger
/// at the door, but for who has the file and all the time that there is.
const STORE_SECRET_MIN: usize = 32;

/// Where the store is, a relative path taken from the rule file's folder, and its secrets.
pub(super) fn address(
    book: &mut Book,
    id: TreeId,
    folder: &Path,
    written: StoreSettings,
) -> Address {
    // The key is where the address stands, in either form.
    let path = if matches!(written, StoreSettings::Url(_)) { "store" } else { "store.url" };
    let written = written.into_parts();
    let secrets = secrets(book, id, &written);
    let url = written.url.unwrap_or_else(|| "sqlite://kabari.db".to_owned());
    let url = url_from(book, (id, path), folder, url);
    Address { url, secrets }
}

fn url_from(book: &mut Book, (id, at): (TreeId, &str), folder: &Path, written: String) -> String {
    let Some(path) = written.strip_prefix("sqlite://") else {
        let later = written.starts_with("postgres://") || written.starts_with("postgresql://");
        let fault = if later {
            Fault::error(at, "not-yet", "PostgreSQL is not in this version yet")
                .help("write `sqlite://kabari.db`")
        } else {
            Fault::error(at, "value", "this is no address of a store")
                .help("write `sqlite://` and the path of a file, as in `sqlite://kabari.db`")
        };
        book.fault(id, fault);
        return written;
    };
    if path.starts_with(':') {
        return written;
    }
    format!("sqlite://{}", folder.join(path).display())
}

/// The secrets of the store: what is there must be hard to guess, an empty entry of a list drops out.
fn secrets(book: &mut Book, id: TreeId, settings: &SealedSettings) -> Secrets {
    let one = settings.secret.iter().map(|secret| ("store.secret".to_owned(), secret));
    let several = settings.secrets.iter().flatten().enumerate();
    let several = several.map(|(index, secret)| (format!("store.secrets[{index}]"), secret));
    if settings.secret.is_some() && settings.secrets.is_some() {
        let fault =
            Fault::error("store.secrets", "impossible-field", "there is `secret` beside it");
        book.fault(id, fault.help("write one of the two: `secrets` has the new one first"));
    }
    let mut all = Vec::new();
    let is_list = settings.secrets.is_some();
    for (path, secret) in one.chain(several) {
        in_clear(book, id, &path);
        let length = secret.expose().trim().chars().count();
        if length == 0 && !is_list {
            let fault = Fault::error(&path, "empty-secret", "there is no secret here");
            book.fault(id, fault.help("`kabari secrets new` prints one; or remove the key"));
        } else if (1..STORE_SECRET_MIN).contains(&length) {
            let message = format!("this secret is short: {length} characters can be guessed");
            let fault = Fault::error(&path, "bad-secret", message);
            book.fault(
                id,
                fault.help("take 32 characters or more: `kabari secrets new` prints one"),
            );
        } else if length > 0 {
            all.push(secret.clone());
        }
    }
    if is_list && settings.secrets.iter().flatten().all(Secret::is_empty) {
        let fault = Fault::error("store.secrets", "empty-secret", "there is no secret in the list");
        book.fault(id, fault.help("`kabari secrets new` prints one; or remove the key"));
    }
    Secrets::new(all)
}
