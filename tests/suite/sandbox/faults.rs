//! Does each way to fail do as it says?

use kabari::sandbox::Change;
use serde_json::{Value, json};

use super::{NUMBER, failing, fast, until};

#[tokio::test]
async fn each_fault_answers_as_it_says() {
    for (fault, status, text, dispatched) in [
        ("disconnect", 400, "Connection Closed", 0),
        ("qr", 422, "Scan the QR code", 0),
        ("unknown-instance", 404, "does not exist", 0),
        ("unknown-number", 400, "not registered", 0),
        ("429", 429, "too many", 0),
        ("463", 400, "463", 0),
        ("463-later", 200, "success", 1),
        ("503", 503, "Unavailable", 0),
        ("500", 500, "Internal Server Error", 0),
        ("502", 502, "<html>", 0),
        ("504", 504, "<html>", 0),
        ("200-false", 200, "\"success\":false", 0),
        ("200-html", 200, "<html>", 0),
        ("dispatch-then-502", 502, "<html>", 1),
        ("dispatch-then-504", 504, "<html>", 1),
        ("slow-drip", 200, "success", 1),
        ("twice", 200, "success", 2),
    ] {
        let running = failing(&[fault]).await;
        let (is_status, body) = running.post_text("m").await.unwrap();
        assert_eq!(is_status, status, "{fault}: {body}");
        assert!(body.contains(text), "{fault}: {body}");
        assert_eq!(running.outbox().dispatched().len(), dispatched, "{fault}");
        assert!(!body.contains(NUMBER), "{fault}: {body}");
    }
}

#[tokio::test]
async fn faults_that_break_the_connection_leave_the_message_dispatched() {
    for fault in ["reset", "truncated"] {
        let running = failing(&[fault]).await;
        let error = running.post_text("m").await.unwrap_err();
        assert!(!error.is_timeout() && !error.is_connect(), "{fault}: {error:?}");
        assert_eq!(running.outbox().dispatched().len(), 1, "{fault}");
        assert_eq!(running.outbox().requests()[0].status, None, "{fault}");
    }
}

#[tokio::test]
async fn a_call_that_hangs_gets_no_answer_and_goes_out_only_if_the_fault_says_so() {
    for (fault, dispatched) in [("hang", 0), ("dispatch-then-hang", 1)] {
        let running = failing(&[fault]).await;
        let mut changes = running.outbox().subscribe();
        let body = json!({"instanceName": "a", "number": NUMBER, "message": "m"});
        let url = format!("{}/api/v1/send/text", running.base);
        let call = running.client.post(url).bearer_auth("any").json(&body).send();
        tokio::select! {
            answer = call => panic!("{fault}: {answer:?}"),
            () = until(&mut changes, |change| {
                matches!(change, Change::Request(request) if request.reason.is_some())
            }) => {}
        }
        assert_eq!(running.outbox().dispatched().len(), dispatched, "{fault}");
    }
}

#[tokio::test]
async fn a_retry_after_is_given_only_if_asked_for() {
    let running = failing(&["429:7*1", "429*1"]).await;
    let url = format!("{}/api/v1/send/text", running.base);
    let body = json!({"instanceName": "a", "number": NUMBER, "message": "m"});
    let call = || running.client.post(&url).bearer_auth("any").json(&body).send();
    assert_eq!(call().await.unwrap().headers()["retry-after"], "7");
    assert!(call().await.unwrap().headers().get("retry-after").is_none());
    assert_eq!(call().await.unwrap().status(), 200);
}

#[tokio::test]
async fn faults_are_set_and_cleared_at_run_time_and_aim_at_one_number() {
    let running = fast().await;
    let url = format!("{}/sandbox/faults", running.base);
    let set = |spec: Value| running.client.post(&url).json(&json!({"fail": spec})).send();
    let answer = set(json!(["qr@elsewhere", format!("504@{NUMBER}")])).await.unwrap();
    let listed: Value = answer.json().await.unwrap();
    assert_eq!(listed, json!({"faults": ["qr@elsewhere", "504@62812••••7890"]}));
    assert_eq!(running.post_text("m").await.unwrap().0, 504);
    let answer = set(json!("50")).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().contains("there is no fault `50`"));
    running.client.delete(&url).send().await.unwrap();
    assert_eq!(running.post_text("m").await.unwrap().0, 200);
}

#[tokio::test]
async fn errors_come_in_many_shapes() {
    let running = failing(&["500"]).await;
    let mut shapes = Vec::new();
    for _ in 0..6 {
        shapes.push(running.post_text("m").await.unwrap().1);
    }
    shapes.sort();
    shapes.dedup();
    assert_eq!(shapes.len(), 6, "{shapes:#?}");
}
