//! What is unavoidable? The two bare servers that kabari is measured against.

use std::fs::File;
use std::io::Write;
use std::sync::mpsc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::oneshot;

use crate::SECRET;

/// A body to be kept, and whom to tell when it is.
type Entry = (Bytes, oneshot::Sender<()>);

/// Serves until it is killed: `bare`, or the path of the file to append to. Its address is the
/// first line that it prints.
pub(crate) async fn serve(which: &str) {
    let journal = (which != "bare").then(|| journal(File::create(which).unwrap()));
    let router = Router::new().route("/hooks/github", post(answer)).with_state(journal);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}

async fn answer(
    State(journal): State<Option<mpsc::Sender<Entry>>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let given = headers.get("x-hub-signature-256").map_or(&b""[..], |value| value.as_bytes());
    let given = given.strip_prefix(b"sha256=").unwrap_or(b"");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&body);
    let given = hex::decode(given).unwrap_or_default();
    if mac.verify_slice(&given).is_err() {
        return (StatusCode::UNAUTHORIZED, "");
    }
    if let Some(journal) = journal {
        let (tell, told) = oneshot::channel();
        journal.send((body, tell)).unwrap();
        told.await.unwrap();
    }
    (StatusCode::OK, "{}")
}

/// One thread that writes whatever has come, syncs once, and tells all of them.
fn journal(mut file: File) -> mpsc::Sender<Entry> {
    let (sender, receiver) = mpsc::channel::<Entry>();
    std::thread::spawn(move || {
        let mut together = Vec::new();
        while let Ok(first) = receiver.recv() {
            let group: Vec<Entry> = std::iter::once(first).chain(receiver.try_iter()).collect();
            together.clear();
            for (body, _) in &group {
                together.extend_from_slice(&(body.len() as u64).to_le_bytes());
                together.extend_from_slice(body);
            }
            file.write_all(&together).unwrap();
            file.sync_data().unwrap();
            for (_, tell) in group {
                // Nobody waits any more if the connection is gone.
                let _ = tell.send(());
            }
        }
    });
    sender
}
