//! The list of what is tested. One binary, so that it links once.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "what tests share is seen by all of them, may fail them and may wait for real time; nothing of it ships"
)]

mod support;

mod tidy;
mod store;
mod config;
mod language;
mod verify;
mod rules;
mod pipeline;
mod terms;
mod dispatch;
mod wachat;
mod sandbox;
mod receive;
mod door;
mod sources;
mod admin;
mod metrics;
mod cli;
mod demo;
mod providers;
mod model;
mod simulation;
mod crash;
mod backlog;
mod disk;
mod process;
mod logs;
mod by_hand;
mod alerts;
mod guards;
mod shadow;
mod who;
mod upkeep;
mod reload;
mod reconcile;
mod addresses;
mod keys;
mod recipes;
mod stumbles;
mod docs;
mod deploy;
