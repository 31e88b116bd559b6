//! Many events, one message: closes a due group, renders it, records it.
