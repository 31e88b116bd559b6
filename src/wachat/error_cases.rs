//! What do the answers seen in public mean? One line an answer.

use std::time::Duration;

use super::{Answer, verdict};
use crate::model::{Fate, Reason, Scope};

/// status, body, fate, reason, scope.
type Case = (u16, &'static str, &'static str, Option<Reason>, Scope);

const CASES: &[Case] = &[
    // Evolution API
    (
        401,
        r#"{"status":401,"error":"Unauthorized","response":{"message":"Unauthorized"}}"#,
        "retry",
        Some(Reason::Auth),
        Scope::Lane,
    ),
    (
        404,
        r#"{"status":404,"error":"Not Found","response":{"message":["The \"x\" instance does not exist"]}}"#,
        "retry",
        Some(Reason::UnknownInstance),
        Scope::Lane,
    ),
    (
        400,
        r#"{"status":400,"error":"Bad Request","response":{"message":[["number is required"]]}}"#,
        "failed",
        Some(Reason::BadRequest),
        Scope::Message,
    ),
    (
        400,
        r#"{"status":400,"error":"Bad Request","response":{"message":[{"jid":"6281@s.whatsapp.net","exists":false,"number":"6281234567890"}]}}"#,
        "failed",
        Some(Reason::Recipient),
        Scope::Recipient,
    ),
    (
        404,
        r#"{"response":{"message":"Group not found"}}"#,
        "failed",
        Some(Reason::Recipient),
        Scope::Recipient,
    ),
    (
        400,
        r#"{"response":{"message":["Owned media must be a url or base64"]}}"#,
        "failed",
        Some(Reason::Media),
        Scope::Message,
    ),
    (
        500,
        r#"{"response":{"message":"AxiosError: Request failed with status code 404"}}"#,
        "failed",
        Some(Reason::Media),
        Scope::Message,
    ),
    (
        500,
        r#"{"response":{"message":"Failed to fetch stream from https://x.example/disconnected.pdf"}}"#,
        "failed",
        Some(Reason::Media),
        Scope::Message,
    ),
    (
        500,
        r#"{"response":{"message":"Input buffer contains unsupported image format"}}"#,
        "failed",
        Some(Reason::Media),
        Scope::Message,
    ),
    (
        400,
        r#"{"response":{"message":["Error: Media upload failed on all hosts"]}}"#,
        "retry",
        Some(Reason::Media),
        Scope::Message,
    ),
    (
        400,
        r#"{"response":{"message":["Error: Connection Closed"]}}"#,
        "retry",
        Some(Reason::Session),
        Scope::Lane,
    ),
    (
        500,
        r#"{"response":{"message":"Error: Connection Closed"}}"#,
        "retry",
        Some(Reason::Session),
        Scope::Lane,
    ),
    // A crash in the middle of anything: it does not say that nothing went out.
    (
        500,
        r#"{"message":"Cannot read properties of undefined (reading 'find')"}"#,
        "uncertain",
        Some(Reason::Server),
        Scope::Message,
    ),
    (
        400,
        r#"{"response":{"message":["Error: Timed Out"]}}"#,
        "uncertain",
        Some(Reason::Server),
        Scope::Message,
    ),
    (
        500,
        r#"{"response":{"message":"rate-overlimit"}}"#,
        "retry",
        Some(Reason::Rate),
        Scope::Message,
    ),
    (201, r#"{"key":{"id":"3EB0"},"status":"PENDING"}"#, "sent", None, Scope::Message),
    // WAHA
    (
        422,
        r#"{"error":"Session status is not as expected. Try again later or restart the session","session":"s","status":"SCAN_QR_CODE","expected":["WORKING"]}"#,
        "retry",
        Some(Reason::Session),
        Scope::Lane,
    ),
    (
        500,
        r#"{"statusCode":500,"exception":{"message":"2 UNKNOWN: server returned error 463"},"request":{"body":"x"}}"#,
        "retry",
        Some(Reason::Account),
        Scope::Lane,
    ),
    (
        500,
        r#"{"statusCode":500,"exception":{"message":"boom"},"request":{"text":"we were disconnected"}}"#,
        "uncertain",
        Some(Reason::Server),
        Scope::Message,
    ),
    // WPPConnect
    (
        400,
        r#"{"response":null,"status":"Connected","message":"O número 6281234567890 não existe."}"#,
        "failed",
        Some(Reason::Recipient),
        Scope::Recipient,
    ),
    (
        404,
        r#"{"response":null,"status":"Disconnected","message":"A sessão do WhatsApp não está ativa."}"#,
        "retry",
        Some(Reason::Session),
        Scope::Lane,
    ),
    (
        500,
        r#"{"status":"Error","message":"Erro ao enviar a mensagem.","error":{}}"#,
        "uncertain",
        Some(Reason::Server),
        Scope::Message,
    ),
    // go-whatsapp-web-multidevice
    (
        400,
        r#"{"message":"phone number must be in international format (should not start with 0)"}"#,
        "failed",
        Some(Reason::Recipient),
        Scope::Recipient,
    ),
    (
        400,
        r#"{"code":"INVALID_JID","message":"user is not registered"}"#,
        "failed",
        Some(Reason::Recipient),
        Scope::Recipient,
    ),
    (
        429,
        r#"{"code":"WA_REACHOUT_TIMELOCK","message":"ask them to write first"}"#,
        "retry",
        Some(Reason::Account),
        Scope::Lane,
    ),
    (500, r#"{"code":"UPLOAD_MEDIA_ERROR"}"#, "retry", Some(Reason::Media), Scope::Message),
    (
        504,
        r#"{"code":"GATEWAY_TIMEOUT","message":"Request timed out waiting for WhatsApp server response"}"#,
        "uncertain",
        Some(Reason::Server),
        Scope::Message,
    ),
    // Fonnte
    (
        200,
        r#"{"status":false,"reason":"request invalid on disconnected device"}"#,
        "retry",
        Some(Reason::Session),
        Scope::Lane,
    ),
    (200, r#"{"status":false,"reason":"token invalid"}"#, "retry", Some(Reason::Auth), Scope::Lane),
    (
        200,
        r#"{"status":false,"reason":"target invalid"}"#,
        "failed",
        Some(Reason::Recipient),
        Scope::Recipient,
    ),
    (
        200,
        r#"{"status":false,"reason":"insufficient quota"}"#,
        "retry",
        Some(Reason::Rate),
        Scope::Lane,
    ),
    (
        200,
        r#"{"Status":false,"status":"false","reason":"url unreachable"}"#,
        "failed",
        Some(Reason::Media),
        Scope::Message,
    ),
    (
        200,
        r#"{"status":true,"detail":"success! message in queue","id":["123"]}"#,
        "sent",
        None,
        Scope::Message,
    ),
    (200, r#"{"status":"true","id":["123"]}"#, "sent", None, Scope::Message),
    // WatZap, WAGate, GREEN-API, Z-API, Factiliza
    (
        200,
        r#"{"status":false,"code":1004,"message":"Pairing Failed"}"#,
        "retry",
        Some(Reason::Session),
        Scope::Lane,
    ),
    (403, r#"{"message":"Device is not connected"}"#, "retry", Some(Reason::Session), Scope::Lane),
    (403, r#"{"message":"Insufficient quota"}"#, "retry", Some(Reason::Rate), Scope::Lane),
    (
        422,
        r#"{"errors":{"to":["The to field is required."]}}"#,
        "failed",
        Some(Reason::BadRequest),
        Scope::Message,
    ),
    (
        200,
        r#"{"message":"queued and will be sent shortly","queued_at":"2026-01-01"}"#,
        "sent",
        None,
        Scope::Message,
    ),
    (
        400,
        r#"{"message":"instance is starting or not authorized"}"#,
        "retry",
        Some(Reason::Session),
        Scope::Lane,
    ),
    (400, r#"{"message":"Instance account is expired"}"#, "retry", Some(Reason::Auth), Scope::Lane),
    (499, "", "uncertain", Some(Reason::Server), Scope::Message),
    (
        200,
        r#"{"connected":true,"error":"You are already connected"}"#,
        "sent",
        None,
        Scope::Message,
    ),
    (
        200,
        r#"{"status":200,"success":true,"message":"Mensaje enviado con Exito!"}"#,
        "sent",
        None,
        Scope::Message,
    ),
    // Any of them, and what stands in between
    (200, "", "sent", None, Scope::Message),
    (204, "", "sent", None, Scope::Message),
    (200, "Message dispatched through the cloud instance", "sent", None, Scope::Message),
    (200, r#""sent""#, "sent", None, Scope::Message),
    (200, r#"{"success":true,"error":null}"#, "sent", None, Scope::Message),
    (200, r#"{"success":false}"#, "failed", Some(Reason::BadRequest), Scope::Message),
    (
        200,
        r#"{"data":{"status":"error","message":"x"}}"#,
        "failed",
        Some(Reason::BadRequest),
        Scope::Message,
    ),
    (
        200,
        r#"{"success":false,"message":"Timed out"}"#,
        "uncertain",
        Some(Reason::Server),
        Scope::Message,
    ),
    (200, r#"{"error":"something odd"}"#, "uncertain", Some(Reason::Unreadable), Scope::Message),
    (200, r#"{"error":"device not connected"}"#, "retry", Some(Reason::Session), Scope::Lane),
    (
        200,
        "<!doctype html><title>Sign in</title>",
        "uncertain",
        Some(Reason::Unreadable),
        Scope::Message,
    ),
    (200, r#"{"success":tr"#, "uncertain", Some(Reason::Unreadable), Scope::Message),
    (302, "", "retry", Some(Reason::BadRequest), Scope::Lane),
    (401, r#"{"error":"not authorized"}"#, "retry", Some(Reason::Auth), Scope::Lane),
    (403, r#"{"error":"Forbidden"}"#, "retry", Some(Reason::Auth), Scope::Lane),
    (
        403,
        r#"{"error":{"message":"This account has been restricted"}}"#,
        "retry",
        Some(Reason::Account),
        Scope::Lane,
    ),
    (409, r#"{"error":"already processing"}"#, "uncertain", Some(Reason::Server), Scope::Message),
    (413, "", "failed", Some(Reason::Media), Scope::Message),
    (429, "", "retry", Some(Reason::Rate), Scope::Message),
    (429, r#"{"error":"limit reached"}"#, "retry", Some(Reason::Rate), Scope::Message),
    (503, "<html>Maintenance</html>", "retry", Some(Reason::Server), Scope::Message),
    (
        503,
        "upstream connect error or disconnect/reset before headers",
        "uncertain",
        Some(Reason::Server),
        Scope::Message,
    ),
    (500, "", "uncertain", Some(Reason::Server), Scope::Message),
    (
        502,
        "<html><h1>502 Bad Gateway</h1></html>",
        "uncertain",
        Some(Reason::Server),
        Scope::Message,
    ),
    (504, "<html>Connection closed</html>", "uncertain", Some(Reason::Server), Scope::Message),
    (408, r#"{"error":"disconnected"}"#, "uncertain", Some(Reason::Server), Scope::Message),
    (521, "error code: 521", "uncertain", Some(Reason::Server), Scope::Message),
];

#[test]
fn every_answer_means_what_the_table_says() {
    for (status, body, fate, reason, scope) in CASES {
        let answer = Answer::Http { status: *status, body, retry_after: None };
        let verdict = verdict(&answer);
        let told = (verdict.fate.as_str(), verdict.reason, verdict.scope);
        assert_eq!(told, (*fate, *reason, *scope), "{status} {body}");
        assert_eq!(verdict.status, Some(*status));
        assert!(!verdict.detail.contains("6281234567890"), "{}", verdict.detail);
    }
}

#[test]
fn a_call_that_never_got_there_tries_again_and_a_lost_one_does_not() {
    let not_sent = verdict(&Answer::NotSent("connection refused".into()));
    assert_eq!(
        (not_sent.fate, not_sent.reason),
        (Fate::Retry { after: None }, Some(Reason::Network))
    );
    let lost = verdict(&Answer::Lost("operation timed out".into()));
    assert_eq!((lost.fate, lost.reason), (Fate::Uncertain, Some(Reason::NoAnswer)));
    assert_eq!(lost.status, None);
}

#[test]
fn what_an_answer_asks_for_is_kept() {
    let after = Some(Duration::from_secs(7));
    let answer = Answer::Http { status: 429, body: "", retry_after: after };
    assert_eq!(verdict(&answer).fate, Fate::Retry { after });
}

proptest::proptest! {
    #[test]
    fn no_body_makes_it_panic_or_shows_a_number(status in 100_u16..600, body in ".{0,80}") {
        let body = format!("{body}6281234567890{body}");
        let verdict = verdict(&Answer::Http { status, body: &body, retry_after: None });
        proptest::prop_assert!(!verdict.detail.contains("6281234567890"));
        proptest::prop_assert!(verdict.detail.chars().count() <= 220);
    }
}
