//! What tests share: a Wachat world, a running kabari, signing libraries.

pub mod world;
