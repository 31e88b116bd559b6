//! kabari turns signed webhooks into WhatsApp messages. This page is the map.
//!
//! Two short stories meet at a table. The first is about an HTTP request on its way in, the second
//! about a message on its way out; they never call each other, the [`store`] is all they share.
//!
//! ```text
//! GitHub, Stripe, ... ──► receive ──► pipeline (verify → read → match → render) ──► store
//!                                                                                     │
//!                 Wachat  ◄── wachat ◄── dispatch (pace, order, retry) ◄──────────────┘
//! ```
//!
//! Modules are declared in reading order. An import only goes up this list, with one more rule:
//! what thinks (`verify` to `pipeline`) does no I/O and never asks for the time, the hands
//! (`store`, `wachat`, `media`) do not know each other, the stories (`receive` to `admin`) never
//! import each other, and nothing below `config` imports it. `tests/suite/tidy.rs` holds the table.

// Words: plain data, no I/O.
pub mod model;
pub mod secret;
pub mod bubble;

// Senses: the time, being seen, the loop under every listener.
pub mod clock;
pub mod telemetry;
pub mod http;

// Thinking: from a request to finished messages. Pure.
pub mod verify;
pub mod expr;
pub mod sources;
pub mod rules;
pub mod render;
pub mod pipeline;

// Hands: the disk, Wachat, what is attached, whoever is to be told.
pub mod store;
pub mod wachat;
pub mod media;
pub mod alerts;

// Stories.
pub mod receive;
pub mod gather;
pub mod reconcile;
pub mod dispatch;
pub mod sandbox;
pub mod admin;

// Assembly.
pub mod config;
pub mod app;

// Doors.
pub mod cli;
