//! Who gets in?

use serde_json::json;

use super::office;

#[tokio::test]
async fn health_needs_no_login_and_a_stopped_lane_is_no_failure() {
    let office = office(Some("s3cret"), true).await;
    assert_eq!(office.get("/healthz").await.status, 200);
    let ready = office.ask("GET /readyz", &["Host: kabari.example"], "").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["stopped_lanes"], json!({"medan": "session"}));
    assert_eq!(self::office(None, false).await.get("/readyz").await.status, 503);
}

#[tokio::test]
async fn with_a_token_nothing_else_is_shown_without_it() {
    let office = office(Some("s3cret"), true).await;
    let paths =
        ["GET /", "GET /metrics", "GET /api/overview", "POST /api/reload", "POST /api/send"];
    for line in paths {
        let refused = office.ask(line, &[], "").await;
        assert_eq!(refused.status, 401, "{line}");
        assert!(refused.header("www-authenticate").is_some_and(|value| value.starts_with("Basic")));
        let wrong = office.ask(line, &["Authorization: Bearer s3cre"], "").await;
        assert_eq!(wrong.status, 401, "{line}");
    }
    // "anyone:s3cret"
    for header in ["Authorization: Bearer s3cret", "Authorization: Basic YW55b25lOnMzY3JldA=="] {
        let shown = office.ask("GET /api/overview", &["Host: kabari.example", header], "").await;
        assert_eq!(shown.status, 200, "{header}");
    }
}

#[tokio::test]
async fn whoever_guesses_tokens_is_soon_not_listened_to() {
    let office = office(Some("s3cret"), true).await;
    let get = async |header: &str| office.ask("GET /api/overview", &[header], "").await;
    for _ in 0..100 {
        assert_eq!(office.get("/").await.status, 401, "to ask for a login is no guess");
    }
    for guess in 0..20 {
        assert_eq!(get(&format!("Authorization: Bearer {guess}")).await.status, 401);
    }
    for header in ["Authorization: Bearer guess", "Authorization: Bearer s3cret"] {
        let refused = get(header).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("20")), "{header}");
    }
    assert_eq!(office.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn without_a_token_neither_foreign_names_nor_foreign_pages_get_in() {
    let office = office(None, true).await;
    let rebound = office.ask("GET /api/messages", &["Host: evil.example"], "").await;
    assert_eq!(rebound.status, 403);
    let foreign = ["Origin: https://evil.example"];
    assert_eq!(office.ask("POST /api/reload", &foreign, "").await.status, 403);
    let own = ["Host: localhost:9090", "Origin: http://localhost:9090"];
    assert_eq!(office.ask("POST /api/reload", &own, "").await.status, 200);
    // A proxy in front that puts its own Host: the browser's word counts.
    let proxied = ["Origin: https://kabari.example", "Sec-Fetch-Site: same-origin"];
    assert_eq!(office.ask("POST /api/reload", &proxied, "").await.status, 200);
    for site in ["cross-site", "same-site"] {
        let foreign = format!("Sec-Fetch-Site: {site}");
        assert_eq!(office.ask("POST /api/reload", &[&foreign], "").await.status, 403, "{site}");
    }
}
