//! For the people who run it: dashboard, JSON API, health and metrics.
