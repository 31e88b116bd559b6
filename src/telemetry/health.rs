//! Is it alive, and can it take events?

use crate::model::Readiness;

/// An answer to a health check: what to say with which HTTP status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// 200 or 503.
    pub status: u16,
    /// A JSON object.
    pub body: String,
}

/// The process is alive: it could answer.
pub fn healthz() -> Health {
    Health { status: 200, body: r#"{"alive":true}"#.to_owned() }
}

/// Whether verified events can be recorded. A lane that stands still is told, and is no failure:
/// its messages wait in the store.
pub fn readyz(readiness: &Readiness) -> Health {
    let map = |pairs: &[(String, String)]| -> serde_json::Map<String, serde_json::Value> {
        pairs.iter().map(|(name, said)| (name.clone(), said.as_str().into())).collect()
    };
    let body = serde_json::json!({
        "ready": readiness.ready,
        "store": readiness.store,
        "disk": readiness.disk,
        "rules": readiness.rules,
        "sending": readiness.sending,
        "stopped_lanes": map(&readiness.lanes),
        "reconciled": map(&readiness.reconciled),
    });
    Health { status: if readiness.ready { 200 } else { 503 }, body: body.to_string() }
}

#[cfg(test)]
mod tests {
    use super::readyz;
    use crate::model::Readiness;

    fn readiness(ready: bool) -> Readiness {
        Readiness {
            ready,
            store: "ok".to_owned(),
            disk: "ok".to_owned(),
            rules: "ok".to_owned(),
            sending: "ok".to_owned(),
            instances: vec!["jakarta".to_owned()],
            lanes: vec![("jakarta".to_owned(), "paused by hand".to_owned())],
            reconciled: Vec::new(),
            probes: Vec::new(),
            waits: Vec::new(),
        }
    }

    #[test]
    fn a_stopped_lane_is_told_and_is_no_failure() {
        let health = readyz(&readiness(true));
        assert_eq!(health.status, 200);
        assert!(health.body.contains(r#""stopped_lanes":{"jakarta":"paused by hand"}"#));
        assert_eq!(readyz(&readiness(false)).status, 503);
    }
}
