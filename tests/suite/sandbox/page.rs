//! What does the page show, and to whom?

use std::future::IntoFuture;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, Uri};
use futures_util::stream;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::{NUMBER, Running, fast};
use crate::support::browser::dom;

#[tokio::test]
async fn a_page_under_a_foreign_name_reads_nothing() {
    let running = fast().await;
    for (host, status) in [("localhost:9091", 200), ("127.0.0.1", 200), ("evil.example", 421)] {
        let url = format!("{}/sandbox/messages", running.base);
        let answer = running.client.get(url).header("host", host).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{host}");
    }
}

#[tokio::test]
async fn the_page_allows_no_foreign_script_and_shows_messages_escaped_and_numbers_masked() {
    let running = fast().await;
    running.post_text("<img src=x onerror=alert(1)> *b*").await.unwrap();
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
    ] {
        let answer = running.client.get(format!("{}{path}", running.base)).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], content_type);
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        let text = answer.text().await.unwrap();
        let foreign = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!foreign.contains("http://") && !foreign.contains("https://"), "{path}");
        assert!(!text.contains(" style=\"") && !text.contains("onclick"), "{path}");
    }
    let url = format!("{}/sandbox/messages", running.base);
    let text = running.client.get(url).send().await.unwrap().text().await.unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(all["dispatched"][0]["html"], "&lt;img src=x onerror=alert(1)&gt; <b>b</b>");
    assert!(!text.contains(NUMBER), "{text}");
    assert!(text.contains("+62812••••7890"));
}

#[tokio::test]
async fn changes_are_told_as_they_happen() {
    let running = fast().await;
    let url = format!("{}/sandbox/events", running.base);
    let mut events = running.client.get(url).send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let first = events.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: reload"));
    running.post_text("*hello*").await.unwrap();
    let mut seen = String::new();
    while !seen.contains("\"dispatched\":{") {
        seen.push_str(&String::from_utf8_lossy(&events.chunk().await.unwrap().unwrap()));
    }
    assert!(seen.contains("<b>hello</b>"), "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_shows_a_bold_caption_and_a_document_with_name_and_size() {
    let running = fast().await;
    let size = kabari::media::sample("invoice.pdf").unwrap().bytes.len();
    running.post_media(&running.document()).await;
    let Some(dom) = dom(format!("{}/?still", running.base), Some(3000)).await else { return };
    assert!(dom.contains("<div class=\"words\"><b>Paid</b></div>"), "{dom}");
    assert!(dom.contains("<div class=\"name\">Invoice-1.pdf</div>"), "{dom}");
    let shown = format!("{} kB · PDF · application/pdf", (size + 500) / 1000);
    assert!(dom.contains(&shown), "{shown} in {dom}");
    assert!(dom.contains("+62812••••7890"), "{dom}");
}

/// The sandbox as a browser gets it, with a picture in the page that is complete only when the page
/// has been told of a change: before that the browser does not take it for loaded.
struct Watched {
    running: Running,
    opened: Semaphore,
    changed: Semaphore,
}

async fn watched(State(watched): State<Arc<Watched>>, uri: Uri) -> Response<Body> {
    if uri.path() == "/picture" {
        watched.changed.acquire().await.unwrap().forget();
        return Response::default();
    }
    let url = format!("{}{uri}", watched.running.base);
    let answer = watched.running.client.get(url).send().await.unwrap();
    let kind = answer.headers()["content-type"].clone();
    let body = match uri.path() {
        "/" => {
            let page = answer.text().await.unwrap();
            page.replace("</main>", "</main><img src=\"/picture\">").into()
        }
        "/sandbox/events" => {
            watched.opened.add_permits(1);
            Body::from_stream(stream::try_unfold(answer, async |mut answer| {
                Ok::<_, reqwest::Error>(answer.chunk().await?.map(|chunk| (chunk, answer)))
            }))
        }
        // Which the page asks for when it has shown a change.
        "/sandbox/counters" => {
            watched.changed.add_permits(1);
            answer.bytes().await.unwrap().into()
        }
        _ => answer.bytes().await.unwrap().into(),
    };
    Response::builder().header("content-type", kind).body(body).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_shows_a_message_that_arrives_while_the_page_is_open() {
    let closed = || Semaphore::new(0);
    let watched_by =
        Arc::new(Watched { running: fast().await, opened: closed(), changed: closed() });
    let router = Router::new().fallback(watched).with_state(Arc::clone(&watched_by));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let page = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(axum::serve(listener, router).into_future());
    let arrives = async {
        watched_by.opened.acquire().await.unwrap().forget();
        watched_by.running.post_text("it *arrived*").await.unwrap();
        std::future::pending::<()>().await;
    };
    let dom = tokio::select! {
        dom = dom(page, None) => dom,
        () = arrives => unreachable!("it waits for the browser"),
    };
    server.abort();
    let Some(dom) = dom else { return };
    assert!(dom.contains("it <b>arrived</b>"), "{dom}");
}
