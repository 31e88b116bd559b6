//! Does only what was really signed get in?
