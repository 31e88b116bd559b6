//! Seeing it run: logs, metrics, health.
//!
//! No number is shown whole here, and neither a body, a header's value nor a secret is shown at
//! all.

mod logs;
mod panics;
mod flood;
mod failures;
mod metrics;
mod health;

pub use failures::Failures;
pub use flood::{Flood, Seen};
pub use health::{Health, healthz, readyz};
pub use logs::{Format, LogError, Logging, init, wanted};
pub use metrics::{METRICS_TYPE, Metrics};
