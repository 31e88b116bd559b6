//! Are messages sent in order, at pace, again when they may and never twice?
