//! How does an event lie in its row?
//!
//! It is packed by the writer's thread, which has time while the disk is at work; only what is long is
//! packed before, so that nobody waits behind it.

use std::borrow::Cow;
use std::cell::RefCell;

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
use rusqlite::Row;
use uuid::Uuid;

use crate::model::{Digest, Event, EventId, Headers};
use crate::store::StoreError;
use crate::store::seal::{Place, Seal};
use crate::store::sqlite::row::time;

/// An event that is to get a row; its provider's id and its digest are as they are kept.
pub(super) struct NewEvent {
    pub(super) event: Event,
    /// Its headers and body, if they are packed already.
    block: Option<Vec<u8>>,
}

impl NewEvent {
    /// An event that is packed when it is written, and only if it is new.
    pub(super) fn plain(event: Event, seal: &Seal) -> Self {
        let provider_id = event.provider_id.as_deref().map(|id| seal.provider_id(id));
        let digest =
            event.digest.map(|digest| Digest { bytes: seal.digest(digest.bytes), ..digest });
        Self { event: Event { provider_id, digest, ..event }, block: None }
    }

    /// The same, packed now.
    pub(super) fn packed(event: Event, seal: &Seal) -> Result<Self, StoreError> {
        let plain = Self::plain(event, seal);
        let block = plain.block(seal)?.into_owned();
        Ok(Self { block: Some(block), ..plain })
    }

    /// Headers and body as one block, as it is kept.
    pub(super) fn block(&self, seal: &Seal) -> Result<Cow<'_, [u8]>, StoreError> {
        if let Some(block) = &self.block {
            return Ok(Cow::Borrowed(block));
        }
        let block = pack(&self.event.headers, &self.event.body)?;
        seal.block(&place(self.event.id.0.into_bytes()), block).map(Cow::Owned)
    }
}

/// An event as its row has it.
pub(super) struct PackedEvent {
    pub(super) id: [u8; 16],
    pub(super) source: String,
    pub(super) kind: String,
    pub(super) provider_id: Option<String>,
    pub(super) received_at: i64,
    pub(super) content: Vec<u8>,
}

impl PackedEvent {
    /// Takes it from `id, source, kind, provider_id, received_at, content`.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            source: row.get(1)?,
            kind: row.get(2)?,
            provider_id: row.get(3)?,
            received_at: row.get(4)?,
            content: row.get(5)?,
        })
    }

    /// The event in it.
    pub(super) fn into_event(self, seal: &Seal) -> Result<Event, StoreError> {
        let id = EventId(Uuid::from_bytes(self.id));
        let broken = || StoreError::Broken(format!("event {id} has broken content"));
        let content = seal.open_block(&place(self.id), self.content)?;
        let (headers, body) = unpack(&content).ok_or_else(broken)?;
        Ok(Event {
            id,
            source: self.source,
            kind: self.kind,
            provider_id: opened_id(self.provider_id, seal)?,
            digest: None,
            received_at: time(self.received_at).ok_or_else(broken)?,
            headers,
            body,
        })
    }
}

/// The provider's id that is kept so.
pub(super) fn opened_id(kept: Option<String>, seal: &Seal) -> Result<Option<String>, StoreError> {
    kept.map(|kept| seal.open_provider_id(&kept)).transpose()
}

/// Where the content of the event lies that has this id.
pub(super) fn place(id: [u8; 16]) -> Place<'static> {
    Place { column: "events.content", row: id, beside: "" }
}

/// What packing needs, kept by each thread from one event to the next: getting and clearing this
/// memory anew took longer than filling it.
struct Press {
    plain: Vec<u8>,
    packed: Vec<u8>,
    table: CompressTable,
}

/// Beyond this a [`Press`] is not kept.
const PRESS_MAX: usize = 64 * 1024;

thread_local! {
    static PRESS: RefCell<Press> = RefCell::new(Press::new());
}

/// A block is LZ4 (block format, its plain size in 4 bytes before it) over: the length of the
/// headers in 4 bytes, little-endian; the headers as JSON; the body.
fn pack(headers: &Headers, body: &[u8]) -> Result<Vec<u8>, StoreError> {
    PRESS.with_borrow_mut(|press| {
        let block = press.pack(headers, body);
        if press.plain.len() > PRESS_MAX {
            *press = Press::new();
        }
        block.map_err(|error| StoreError::Broken(format!("an event cannot be packed: {error}")))
    })
}

impl Press {
    fn new() -> Self {
        Self { plain: Vec::new(), packed: Vec::new(), table: CompressTable::small() }
    }

    fn pack(&mut self, headers: &Headers, body: &[u8]) -> anyhow::Result<Vec<u8>> {
        let Self { plain, packed, table } = self;
        plain.clear();
        plain.extend_from_slice(&[0; 4]);
        serde_json::to_writer(&mut *plain, headers)?;
        let length = u32::try_from(plain.len() - 4)?;
        plain[..4].copy_from_slice(&length.to_le_bytes());
        plain.extend_from_slice(body);
        let size = u32::try_from(plain.len())?;
        let room = get_maximum_output_size(plain.len());
        if packed.len() < room {
            packed.resize(room, 0);
        }
        let written = compress_into_with_table(plain, packed, table)?;
        let mut block = Vec::with_capacity(4 + written);
        block.extend_from_slice(&size.to_le_bytes());
        block.extend_from_slice(&packed[..written]);
        Ok(block)
    }
}

/// Of an event that is only remembered nothing is left: headers and body are empty then.
fn unpack(block: &[u8]) -> Option<(Headers, bytes::Bytes)> {
    if block.is_empty() {
        return Some((Headers::default(), bytes::Bytes::new()));
    }
    let claimed = u32::from_le_bytes(*block.first_chunk()?);
    // LZ4 cannot shrink more than 255 to 1: a size beyond that is damage, not worth its memory.
    if u64::from(claimed) > 255 * block.len() as u64 {
        return None;
    }
    let plain = bytes::Bytes::from(lz4_flex::decompress_size_prepended(block).ok()?);
    let length = usize::try_from(u32::from_le_bytes(*plain.first_chunk()?)).ok()?;
    let body_start = length.checked_add(4).filter(|start| *start <= plain.len())?;
    let headers = serde_json::from_slice(&plain[4..body_start]).ok()?;
    Some((headers, plain.slice(body_start..)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            headers in prop::collection::vec((".{0,20}", ".{0,40}"), 0..5),
            body in prop::collection::vec(any::<u8>(), 0..2000),
        ) {
            let headers: Headers = headers.into_iter().collect();
            let (headers_back, body_back) = unpack(&pack(&headers, &body).unwrap()).unwrap();
            prop_assert_eq!(headers_back, headers);
            prop_assert_eq!(body_back, body);
        }

        #[test]
        fn a_damaged_block_is_refused_without_panic(
            block in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            drop(unpack(&block));
        }
    }
}
