//! Which values of a message are sealed, and what is each bound to?
//!
//! All of this happens where a row is made or read, outside the writer's thread where that can be.

use uuid::Uuid;

use crate::model::{MessageId, Terms};
use crate::store::seal::{Place, Seal};
use crate::store::sqlite::row::MessageRow;
use crate::store::{MessageFilter, StoreError};

/// What a message says: bound also to the number that it goes to, as that is kept.
pub(super) fn content(kept_id: [u8; 16], recipient: Option<&str>) -> Place<'_> {
    Place { column: "messages.content", row: kept_id, beside: recipient.unwrap_or_default() }
}

/// Why it stands where it stands.
pub(super) fn detail(kept_id: [u8; 16]) -> Place<'static> {
    Place { column: "messages.detail", row: kept_id, beside: "" }
}

/// What is asked at every turn.
fn terms(kept_id: [u8; 16]) -> Place<'static> {
    Place { column: "messages.terms", row: kept_id, beside: "" }
}

/// The same as it is kept.
pub(super) fn kept_terms(
    kept_id: [u8; 16],
    plain: Option<String>,
    seal: &Seal,
) -> Result<Option<String>, StoreError> {
    plain.map(|plain| seal.text(&terms(kept_id), plain)).transpose()
}

/// What came of an attempt.
pub(super) fn verdict(kept_id: [u8; 16], claim: &str) -> Place<'_> {
    Place { column: "attempts.verdict", row: kept_id, beside: claim }
}

/// The send that a group fills anew.
pub(super) fn template(key: [u8; 16]) -> Place<'static> {
    Place { column: "gatherings.template", row: key, beside: "" }
}

/// Why a lane stands still.
pub(super) fn shut(instance: &str) -> Place<'_> {
    Place { column: "lanes.shut_detail", row: [0; 16], beside: instance }
}

/// Why the last look at a provider's list did not come to its end; see [`list`].
pub(super) fn trouble(list: &str) -> Place<'_> {
    Place { column: "reconciliations.trouble", row: [0; 16], beside: list }
}

/// Which list of which source.
pub(super) fn list(source: &str, place: &str) -> String {
    [source, "\0", place].concat()
}

/// Why somebody opted out, by the number as it is kept.
pub(super) fn note(recipient: &str) -> Place<'_> {
    Place { column: "opt_outs.note", row: [0; 16], beside: recipient }
}

impl MessageRow {
    /// The row as it is kept.
    pub(super) fn sealed(mut self, seal: &Seal) -> Result<Self, StoreError> {
        if !seal.is_on() {
            return Ok(self);
        }
        self.id = seal.id(self.id);
        self.recipient = self.recipient.map(|number| seal.number(&number));
        let value = |place: Place<'_>, plain: Option<String>| {
            plain.map(|plain| seal.text(&place, plain)).transpose()
        };
        self.content = value(content(self.id, self.recipient.as_deref()), self.content)?;
        self.detail = value(detail(self.id), self.detail)?;
        self.terms.kept = kept_terms(self.id, self.terms.kept, seal)?;
        self.keys = self.keys.sealed(seal);
        if let (Some(group), Some(key)) = (&mut self.terms.new.group, self.keys.group) {
            group.template = seal.text(&template(key), std::mem::take(&mut group.template))?;
        }
        if let (Some(throttle), Some(key)) = (&mut self.terms.new.throttle, self.keys.rest) {
            throttle.template =
                seal.text(&template(key), std::mem::take(&mut throttle.template))?;
        }
        Ok(self)
    }

    /// The row as it can be read.
    pub(super) fn opened(mut self, seal: &Seal) -> Result<Self, StoreError> {
        if !seal.is_on() {
            return Ok(self);
        }
        let kept = self.recipient.take();
        if let Some(kept) = &kept {
            let id = MessageId(Uuid::from_bytes(seal.open_id(self.id)));
            let broken = || StoreError::Broken(format!("the number of {id} cannot be opened"));
            self.recipient = Some(seal.open_number(kept).ok_or_else(broken)?);
        }
        let value = |place: Place<'_>, kept: Option<String>| {
            kept.map(|kept| seal.open_text(&place, kept)).transpose()
        };
        self.content = value(content(self.id, kept.as_deref()), self.content)?;
        self.terms.kept = value(terms(self.id), self.terms.kept)?;
        let said = self.detail.map(|kept| seal.open_said(&detail(self.id), kept));
        self.detail = said.transpose()?;
        self.id = seal.open_id(self.id);
        Ok(self)
    }
}

impl MessageFilter {
    /// The same filter of numbers as they are kept.
    pub(super) fn sealed(mut self, seal: &Seal) -> Self {
        self.number = self.number.map(|number| seal.number(&number));
        self
    }
}

/// What is asked of a message at every turn.
pub(super) fn asked(row: &MessageRow, seal: &Seal) -> Result<Terms, StoreError> {
    match &row.terms.kept {
        Some(kept) if seal.is_on() => {
            let opened = seal.open_text(&terms(row.id), kept.clone())?;
            Ok(row.terms.asked_in(Some(&opened)))
        }
        _ => Ok(row.terms.asked()),
    }
}
