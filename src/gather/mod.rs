//! Many events, one message: closes a due group, renders it, records it.
//!
//! The room is empty as yet: `group:` is not part of the rule language so far. Its members and its
//! template will be kept by the store when an event is recorded; this room will close what is due.
