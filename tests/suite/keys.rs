//! Is a key that a request names fetched from its sender's hosts alone, and never while it waits?

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::serve::Listener;
use jiff::Timestamp;
use kabari::secret::Secret;
use kabari::sources::{Source, SourceSettings};
use kabari::verify::{Outgoing, SchemeSettings, SignatureSettings};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::support::kabari::{Answer, Home, Kabari};

const PRIVATE: &str = include_str!("sources/keys/rsa.private.pem");
const PUBLIC: &str = include_str!("sources/keys/rsa.public.pem");
const WEBHOOK: &str = "the id of a webhook";
const CERTS: &str = "/v1/notifications/certs/";

/// Where a sender has its keys, by HTTPS. It remembers what it was asked.
struct KeyServer {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            // Who does not trust this server goes away.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

fn acceptor() -> TlsAcceptor {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = CertificateDer::from_pem_slice(include_bytes!("sources/keys/localhost.pem"));
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("sources/keys/p256.private.pem"));
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![chain.unwrap()], key.unwrap());
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

async fn keys(
    State(asked): State<Arc<Mutex<Vec<String>>>>,
    uri: Uri,
) -> (StatusCode, &'static str) {
    let name = uri.path().strip_prefix(CERTS).unwrap_or(uri.path()).to_owned();
    let answer = match name.as_str() {
        "CERT-1" => (StatusCode::OK, include_str!("sources/keys/signer.pem")),
        "ENDED" => (StatusCode::OK, include_str!("sources/keys/signer-ended.pem")),
        "STRANGER" => (StatusCode::OK, include_str!("sources/keys/stranger.pem")),
        "BARE" => (StatusCode::OK, PUBLIC),
        "PAGE" => (StatusCode::OK, "<html>we are busy</html>"),
        "BUSY" => (StatusCode::SERVICE_UNAVAILABLE, ""),
        _ => (StatusCode::NOT_FOUND, ""),
    };
    asked.lock().unwrap().push(name);
    answer
}

impl KeyServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let router = Router::new().fallback(keys).with_state(Arc::clone(&asked));
        let tls = Tls { listener, acceptor: acceptor() };
        tokio::spawn(async move { axum::serve(tls, router).await.unwrap() });
        Self { port, asked }
    }

    fn url(&self, name: &str) -> String {
        format!("https://localhost:{}{CERTS}{name}", self.port)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// A kabari that takes this server for the sender's own, and trusts the authority of these tests.
    fn home(&self) -> Home {
        let home = Home::new(&format!(
            "wachat: {{ token: unused, instance: one }}\nsources:\n  paypal:\n    secret: {WEBHOOK}\n    \
             verify: {{ key_from: {{ hosts: [\"localhost:{}\"] }} }}\n\
             server: {{ trusted_proxies: [127.0.0.1] }}\nrules: []\n",
            self.port
        ));
        let authority = home.path("authority.pem");
        std::fs::write(&authority, include_str!("sources/keys/authority.pem")).unwrap();
        let authority = authority.display().to_string();
        home.variable("SSL_CERT_FILE", &authority)
    }
}

/// An event as its sender would send it, whose key stands at this address.
fn signed(address: &str, id: &str) -> Outgoing {
    let key = SignatureSettings { key: Some(PUBLIC.to_owned()), ..SignatureSettings::default() };
    let verify = SchemeSettings { public_key: Some(key), ..SchemeSettings::default() };
    let settings = SourceSettings {
        secret: Some(Secret::new(WEBHOOK)),
        verify: Some(verify),
        ..SourceSettings::default()
    };
    let (source, _) = Source::build("paypal", &settings).unwrap();
    let body = format!(r#"{{"id":"{id}","event_type":"PAYMENT.CAPTURE.COMPLETED"}}"#);
    let headers = [
        ("paypal-transmission-id".to_owned(), "t-1".to_owned()),
        ("paypal-cert-url".to_owned(), address.to_owned()),
    ];
    let request = Outgoing::post("paypal", body, Timestamp::now()).with_headers(headers);
    source.sign(request, Some(&Secret::new(PRIVATE))).unwrap()
}

async fn post(kabari: &Kabari, request: &Outgoing) -> Answer {
    let headers: Vec<(&str, &str)> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    kabari.post("paypal", &headers, request.body.clone()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_503_until_it_is_fetched_and_then_every_request_is_judged_by_it() {
    let server = KeyServer::start().await;
    let home = server.home();
    let kabari = home.start().await;
    let request = signed(&server.url("CERT-1"), "WH-1");
    assert_eq!(post(&kabari, &request).await.status, 503);
    kabari.says(0, &["a sender's key is fetched"]).await;
    assert_eq!(post(&kabari, &request).await.status, 200);
    let mut forged = request.clone();
    forged.body.push(b' ');
    assert_eq!(post(&kabari, &forged).await.status, 401);
    assert_eq!(post(&kabari, &signed(&server.url("CERT-1"), "WH-2")).await.status, 200);
    let heard = kabari.log().len();
    kabari.hang_up();
    kabari.says(heard, &["reload"]).await;
    let third = signed(&server.url("CERT-1"), "WH-3");
    assert_eq!(post(&kabari, &third).await.status, 200, "new rules do not forget it");
    assert_eq!(server.asked(), ["CERT-1"], "once for all");
    assert_eq!(kabari.stop().await, Some(0));
    let again = home.start().await;
    assert_eq!(post(&again, &third).await.status, 503);
    again.says(0, &["a sender's key is fetched"]).await;
    assert_eq!(post(&again, &third).await.json()["duplicate"], true);
    assert_eq!(server.asked(), ["CERT-1", "CERT-1"], "a restart fetches it again");
    assert_eq!(home.list(&["events", "list"]).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_host_is_asked_and_what_is_no_key_is_not_believed() {
    let (server, stranger) = (KeyServer::start().await, KeyServer::start().await);
    let home = server.home();
    let kabari = home.start().await;
    for elsewhere in [
        stranger.url("CERT-1"),
        server.url("CERT-1").replace("https:", "http:").replace("localhost", "127.0.0.1"),
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1".to_owned(),
        server.url("../../secrets"),
        "nonsense".to_owned(),
    ] {
        assert_eq!(post(&kabari, &signed(&elsewhere, "WH-1")).await.status, 401, "{elsewhere}");
    }
    let names = [
        ("PAGE", "is no public key and no certificate"),
        ("ENDED", "the certificate there ended at 2024-02-01"),
        ("BUSY", "it answered 503"),
        ("NOWHERE", "it answered 404"),
        ("STRANGER", "a sender's key is fetched"),
        ("BARE", "a sender's key is fetched"),
    ];
    for ((name, told), client) in names.into_iter().zip(1..) {
        let mut request = signed(&server.url(name), "WH-1");
        // One address has only a few keys fetched at once.
        request.put_header("x-forwarded-for", &format!("192.0.2.{client}"));
        let heard = kabari.log().len();
        assert_eq!(post(&kabari, &request).await.status, 503, "{name}");
        kabari.says(heard, &[told]).await;
        // What is a key, but not PayPal's, is judged by.
        let status = if told.ends_with("fetched") { 401 } else { 503 };
        assert_eq!(post(&kabari, &request).await.status, status, "{name}");
    }
    let all = ["PAGE", "ENDED", "BUSY", "NOWHERE", "STRANGER", "BARE"];
    assert_eq!(server.asked(), all, "who has no key is left alone for a while");
    assert_eq!(stranger.asked(), Vec::<String>::new());
    assert!(home.list(&["events", "list"]).is_empty());
}

/// The same requests by a certificate that nobody vouches for: HTTPS without trust is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_server_that_nobody_vouches_for_is_not_listened_to() {
    let server = KeyServer::start().await;
    let home = server.home();
    std::fs::write(home.path("authority.pem"), include_str!("sources/keys/stranger.pem")).unwrap();
    let kabari = home.start().await;
    let request = signed(&server.url("CERT-1"), "WH-1");
    assert_eq!(post(&kabari, &request).await.status, 503);
    kabari.says(0, &["a sender's key cannot be fetched"]).await;
    assert_eq!(post(&kabari, &request).await.status, 503);
    assert_eq!(server.asked(), Vec::<String>::new());
}
