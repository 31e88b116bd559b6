//! Everything long-lived, built once: start, reload, stop.
