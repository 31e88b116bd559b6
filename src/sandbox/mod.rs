//! A Wachat look-alike for people without an account.
