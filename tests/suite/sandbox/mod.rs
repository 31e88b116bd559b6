//! Is the sandbox as strict, as slow and as faulty as the real one?

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod request;
mod media;
mod faults;
mod page;

use std::time::Duration;

use kabari::sandbox::{Change, Outbox, Sandbox, SandboxSettings};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const NUMBER: &str = "6281234567890";

const PATIENCE: Duration = Duration::from_secs(20);

/// A sandbox on a port of its own, gone with the test.
struct Running {
    sandbox: Sandbox,
    base: String,
    client: reqwest::Client,
    _stop: oneshot::Sender<()>,
}

async fn start(settings: SandboxSettings) -> Running {
    let sandbox = Sandbox::new(settings).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let served = sandbox.clone();
    tokio::spawn(async move {
        let _ = served.serve(listener, async move { drop(stopped.await) }).await;
    });
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    Running { sandbox, base, client, _stop: stop }
}

async fn fast() -> Running {
    start(SandboxSettings { speed: 1000.0, ..Default::default() }).await
}

async fn failing(faults: &[&str]) -> Running {
    let faults = faults.iter().map(|spec| spec.parse().unwrap()).collect();
    start(SandboxSettings { speed: 1000.0, faults, ..Default::default() }).await
}

impl Running {
    fn outbox(&self) -> Outbox {
        self.sandbox.outbox()
    }

    fn document(&self) -> Value {
        json!({"instanceName": "jakarta_store", "number": NUMBER, "type": "document",
            "mediaUrl": format!("{}/media/sample/invoice.pdf", self.base),
            "fileName": "Invoice-1.pdf", "mimetype": "application/pdf", "message": "*Paid*"})
    }

    async fn try_post(&self, path: &str, body: &Value) -> reqwest::Result<(u16, String)> {
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth("any");
        let response = request.json(body).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    async fn post_media(&self, body: &Value) -> (u16, String) {
        self.try_post("/api/v1/send/media", body).await.unwrap()
    }

    async fn post_text(&self, message: &str) -> reqwest::Result<(u16, String)> {
        let body = json!({"instanceName": "a", "number": NUMBER, "message": message});
        self.try_post("/api/v1/send/text", &body).await
    }
}

async fn until(
    changes: &mut tokio::sync::broadcast::Receiver<Change>,
    is_it: impl Fn(&Change) -> bool,
) {
    let found = async { while !is_it(&changes.recv().await.unwrap()) {} };
    tokio::time::timeout(PATIENCE, found).await.unwrap();
}
