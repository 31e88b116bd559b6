//! What is a sender answered?
