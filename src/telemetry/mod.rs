//! Seeing it run: logs, metrics, health.
