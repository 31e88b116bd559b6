//! What do the answers seen in public mean? One line an answer.

use std::time::Duration;

use super::{Answer, verdict};
use crate::model::{Fate, Reason, Scope};

/// fate, reason, scope.
type Means = (&'static str, Option<Reason>, Scope);
/// status, body, what it means.
type Case = (u16, &'static str, Means);

const ACCOUNT: Means = ("retry", Some(Reason::Account), Scope::Lane);
const AUTH: Means = ("retry", Some(Reason::Auth), Scope::Lane);
const BAD_REQUEST: Means = ("failed", Some(Reason::BadRequest), Scope::Message);
const BAD_REQUEST_LANE: Means = ("retry", Some(Reason::BadRequest), Scope::Lane);
const MEDIA: Means = ("failed", Some(Reason::Media), Scope::Message);
const MEDIA_AGAIN: Means = ("retry", Some(Reason::Media), Scope::Message);
const RATE_AGAIN: Means = ("retry", Some(Reason::Rate), Scope::Message);
const RATE_LANE: Means = ("retry", Some(Reason::Rate), Scope::Lane);
const RECIPIENT: Means = ("failed", Some(Reason::Recipient), Scope::Recipient);
const SENT: Means = ("sent", None, Scope::Message);
const SERVER_AGAIN: Means = ("retry", Some(Reason::Server), Scope::Message);
const SESSION: Means = ("retry", Some(Reason::Session), Scope::Lane);
const UNCERTAIN: Means = ("uncertain", Some(Reason::Server), Scope::Message);
const UNKNOWN_INSTANCE: Means = ("retry", Some(Reason::UnknownInstance), Scope::Lane);
const UNREADABLE: Means = ("uncertain", Some(Reason::Unreadable), Scope::Message);

const CASES: &[Case] = &[
    // WatZap, whose errors have numbers.
    (200, r#"{"status":"1002","message":"Invalid API Key"}"#, AUTH),
    (200, r#"{"status":"1003","message":"Invalid Number Key"}"#, UNKNOWN_INSTANCE),
    (200, r#"{"status":"1004","message":"Pairing Failed"}"#, SESSION),
    (200, r#"{"status":"1005","message":"Fatal Error / Instance Not Started"}"#, SESSION),
    (200, r#"{"status":"1006","message":"Other"}"#, UNREADABLE),
    (200, r#"{"code":3001,"message":"Need Upgrade"}"#, AUTH),
    // GREEN-API
    (400, r#"{"message":"instance in starting process try later"}"#, SESSION),
    // Evolution API
    (401, r#"{"status":401,"error":"Unauthorized","response":{"message":"Unauthorized"}}"#, AUTH),
    (
        404,
        r#"{"status":404,"error":"Not Found","response":{"message":["The \"x\" instance does not exist"]}}"#,
        UNKNOWN_INSTANCE,
    ),
    (
        400,
        r#"{"status":400,"error":"Bad Request","response":{"message":[["number is required"]]}}"#,
        BAD_REQUEST,
    ),
    (
        400,
        r#"{"status":400,"error":"Bad Request","response":{"message":[{"jid":"6281@s.whatsapp.net","exists":false,"number":"6281234567890"}]}}"#,
        RECIPIENT,
    ),
    (404, r#"{"response":{"message":"Group not found"}}"#, RECIPIENT),
    (400, r#"{"response":{"message":["Owned media must be a url or base64"]}}"#, MEDIA),
    (500, r#"{"response":{"message":"AxiosError: Request failed with status code 404"}}"#, MEDIA),
    (
        500,
        r#"{"response":{"message":"Failed to fetch stream from https://x.example/disconnected.pdf"}}"#,
        MEDIA,
    ),
    (500, r#"{"response":{"message":"Input buffer contains unsupported image format"}}"#, MEDIA),
    (400, r#"{"response":{"message":["Error: Media upload failed on all hosts"]}}"#, MEDIA_AGAIN),
    (400, r#"{"response":{"message":["Error: Connection Closed"]}}"#, SESSION),
    (500, r#"{"response":{"message":"Error: Connection Closed"}}"#, SESSION),
    // A crash in the middle of anything: it does not say that nothing went out.
    (500, r#"{"message":"Cannot read properties of undefined (reading 'find')"}"#, UNCERTAIN),
    (400, r#"{"response":{"message":["Error: Timed Out"]}}"#, UNCERTAIN),
    (500, r#"{"response":{"message":"rate-overlimit"}}"#, RATE_AGAIN),
    (201, r#"{"key":{"id":"3EB0"},"status":"PENDING"}"#, SENT),
    // WAHA
    (
        422,
        r#"{"error":"Session status is not as expected. Try again later or restart the session","session":"s","status":"SCAN_QR_CODE","expected":["WORKING"]}"#,
        SESSION,
    ),
    (
        500,
        r#"{"statusCode":500,"exception":{"message":"2 UNKNOWN: server returned error 463"},"request":{"body":"x"}}"#,
        ACCOUNT,
    ),
    (
        500,
        r#"{"statusCode":500,"exception":{"message":"boom"},"request":{"text":"we were disconnected"}}"#,
        UNCERTAIN,
    ),
    // WPPConnect
    (
        400,
        r#"{"response":null,"status":"Connected","message":"O número 6281234567890 não existe."}"#,
        RECIPIENT,
    ),
    (
        404,
        r#"{"response":null,"status":"Disconnected","message":"A sessão do WhatsApp não está ativa."}"#,
        SESSION,
    ),
    (500, r#"{"status":"Error","message":"Erro ao enviar a mensagem.","error":{}}"#, UNCERTAIN),
    // go-whatsapp-web-multidevice
    (
        400,
        r#"{"message":"phone number must be in international format (should not start with 0)"}"#,
        RECIPIENT,
    ),
    (400, r#"{"code":"INVALID_JID","message":"user is not registered"}"#, RECIPIENT),
    (429, r#"{"code":"WA_REACHOUT_TIMELOCK","message":"ask them to write first"}"#, ACCOUNT),
    (500, r#"{"code":"UPLOAD_MEDIA_ERROR"}"#, MEDIA_AGAIN),
    (
        504,
        r#"{"code":"GATEWAY_TIMEOUT","message":"Request timed out waiting for WhatsApp server response"}"#,
        UNCERTAIN,
    ),
    // Fonnte
    (200, r#"{"status":false,"reason":"request invalid on disconnected device"}"#, SESSION),
    (200, r#"{"status":false,"reason":"token invalid"}"#, AUTH),
    (200, r#"{"status":false,"reason":"target invalid"}"#, RECIPIENT),
    (200, r#"{"status":false,"reason":"insufficient quota"}"#, RATE_LANE),
    (200, r#"{"Status":false,"status":"false","reason":"url unreachable"}"#, MEDIA),
    (200, r#"{"status":true,"detail":"success! message in queue","id":["123"]}"#, SENT),
    (200, r#"{"status":"true","id":["123"]}"#, SENT),
    // WatZap, WAGate, GREEN-API, Z-API, Factiliza
    (200, r#"{"status":false,"code":1004,"message":"Pairing Failed"}"#, SESSION),
    (403, r#"{"message":"Device is not connected"}"#, SESSION),
    (403, r#"{"message":"Insufficient quota"}"#, RATE_LANE),
    (422, r#"{"errors":{"to":["The to field is required."]}}"#, BAD_REQUEST),
    (200, r#"{"message":"queued and will be sent shortly","queued_at":"2026-01-01"}"#, SENT),
    (400, r#"{"message":"instance is starting or not authorized"}"#, SESSION),
    (400, r#"{"message":"Instance account is expired"}"#, AUTH),
    (499, "", UNCERTAIN),
    (200, r#"{"connected":true,"error":"You are already connected"}"#, SENT),
    (200, r#"{"status":200,"success":true,"message":"Mensaje enviado con Exito!"}"#, SENT),
    // Any of them, and what stands in between
    (200, "", SENT),
    (204, "", SENT),
    (200, "Message dispatched through the cloud instance", SENT),
    (200, r#""sent""#, SENT),
    (200, r#"{"success":true,"error":null}"#, SENT),
    (200, r#"{"success":false}"#, BAD_REQUEST),
    (200, r#"{"data":{"status":"error","message":"x"}}"#, BAD_REQUEST),
    (200, r#"{"success":false,"message":"Timed out"}"#, UNCERTAIN),
    (200, r#"{"error":"something odd"}"#, UNREADABLE),
    (200, r#"{"error":"device not connected"}"#, SESSION),
    (200, "<!doctype html><title>Sign in</title>", UNREADABLE),
    (200, r#"{"success":tr"#, UNREADABLE),
    (302, "", BAD_REQUEST_LANE),
    (401, r#"{"error":"not authorized"}"#, AUTH),
    (403, r#"{"error":"Forbidden"}"#, AUTH),
    (403, r#"{"error":{"message":"This account has been restricted"}}"#, ACCOUNT),
    (463, "", ACCOUNT),
    (400, r#"{"code":463,"message":"send failed"}"#, ACCOUNT),
    (500, r#"{"error":{"code":"463"}}"#, ACCOUNT),
    (400, r#"{"message":"Your number is temporarily restricted"}"#, ACCOUNT),
    (403, r#"{"error":"Account blocked"}"#, ACCOUNT),
    (409, r#"{"error":"already processing"}"#, UNCERTAIN),
    (413, "", MEDIA),
    (429, "", RATE_AGAIN),
    (429, r#"{"error":"limit reached"}"#, RATE_AGAIN),
    (503, "<html>Maintenance</html>", SERVER_AGAIN),
    (503, "upstream connect error or disconnect/reset before headers", UNCERTAIN),
    (500, "", UNCERTAIN),
    (502, "<html><h1>502 Bad Gateway</h1></html>", UNCERTAIN),
    (504, "<html>Connection closed</html>", UNCERTAIN),
    (408, r#"{"error":"disconnected"}"#, UNCERTAIN),
    (521, "error code: 521", UNCERTAIN),
];

#[test]
fn every_answer_means_what_the_table_says() {
    for (status, body, means) in CASES {
        let answer = Answer::Http { status: *status, body, retry_after: None };
        let verdict = verdict(&answer);
        let told = (verdict.fate.as_str(), verdict.reason, verdict.scope);
        assert_eq!(told, *means, "{status} {body}");
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
