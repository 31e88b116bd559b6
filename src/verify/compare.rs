//! How do the configured secrets and a signature that does not match differ in shape? For the log:
//! lengths, encodings and beginnings, and what small slip would explain it; never their text.
//!
//! What is tried here is believed nowhere: it ends in words.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::key::KeyForm;
use super::look::{Look, unquoted};
use super::scheme::Scheme;
use super::{Denied, Request};
use crate::secret::Secret;

/// What is in front of the secrets that Stripe, Standard Webhooks and others show.
const WHSEC: &str = "whsec_";

impl Scheme {
    /// How signature and secrets differ in shape, if it is one of these that made `denied`.
    pub fn compare(
        &self,
        denied: &Denied,
        request: &Request,
        secrets: &[Secret],
        now: Timestamp,
    ) -> Option<String> {
        if !matches!(denied, Denied::Mismatch { .. }) {
            return None;
        }
        let mut told = match self.sent(request) {
            Some(sent) => format!("sent: {}", Look::of(&sent)),
            None => String::new(),
        };
        for (place, secret) in secrets.iter().enumerate() {
            let between = if told.is_empty() { "" } else { "; " };
            let _ = if secret.expose().is_empty() {
                write!(told, "{between}secret {place} does not count now")
            } else {
                let form = self.key_form().map(|form| format!(", taken as {form}"));
                let look = Look::of(secret.expose());
                write!(told, "{between}secret {place}: {look}{}", form.unwrap_or_default())
            };
            if let Some(slip) = self.slip(request, secret, now) {
                let _ = write!(told, "; it would match {slip}");
            }
        }
        Some(told)
    }

    /// The small change of a secret with which it would match.
    fn slip(&self, request: &Request, secret: &Secret, now: Timestamp) -> Option<String> {
        let text = secret.expose();
        let holds = |scheme: &Self, changed: &str| {
            let changed = [Secret::new(changed)];
            let verified = scheme.verify(request, &changed, now);
            verified.is_ok() || matches!(verified, Err(Denied::Stale { .. }))
        };
        let trimmed = text.trim();
        let bare = unquoted(trimmed);
        let without = bare.strip_prefix(WHSEC).unwrap_or(bare);
        let texts = [
            (trimmed.to_owned(), "without the spaces around it"),
            (bare.to_owned(), "without the quotes around it"),
            (without.to_owned(), "without its `whsec_`"),
            (format!("{WHSEC}{bare}"), "with `whsec_` in front, as the sender shows it"),
        ];
        for (changed, slip) in texts {
            if changed != text && !changed.is_empty() && holds(self, &changed) {
                return Some(slip.to_owned());
            }
        }
        let used = self.key_form()?;
        let mut others = KeyForm::ALL.into_iter().filter(|form| *form != used);
        let form = others.find(|form| holds(&self.with_key_form(*form), text))?;
        Some(format!(
            "as {form}: is it this preset's sender? Else `verify: {{ hmac: {{ key: {} }} }}`",
            form.name()
        ))
    }
}
