//! Can the media be fetched, as the gateway would fetch it?

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, Url, redirect};

use crate::media;
use crate::model::Kind;

/// How long one fetch may take, redirects included.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(30);
/// How many redirects are followed (Stripe's PDF links need one).
pub const REDIRECTS_MAX: usize = 5;
const USER_AGENT: &str = concat!("Wachat-Sandbox/", env!("CARGO_PKG_VERSION"));
const MIB: usize = 1024 * 1024;

/// The largest file of a kind, in bytes: the limits of WhatsApp's Cloud API.
pub(super) const fn size_max(kind: Kind) -> usize {
    match kind {
        Kind::Image => 5 * MIB,
        Kind::Video | Kind::Audio => 16 * MIB,
        Kind::Document => 100 * MIB,
        Kind::Text => 0,
    }
}

/// What a fetch brought.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    /// The whole size in bytes.
    pub(super) size: usize,
    /// The `Content-Type` header.
    pub(super) content_type: Option<String>,
    /// The media type that the first bytes show.
    pub(super) magic: Option<&'static str>,
    /// All the bytes, if they are few enough to be kept.
    pub(super) bytes: Option<Bytes>,
}

/// Fetches media: one client for this machine, which no proxy stands before, and one for the rest.
#[derive(Debug)]
pub(super) struct Fetcher {
    local: Client,
    outside: Client,
    /// Whether what is not on this machine is replaced by a sample.
    stand_ins: bool,
    /// Where the sandbox itself listens, and so where the samples are.
    here: OnceLock<SocketAddr>,
}

impl Fetcher {
    pub(super) fn new(stand_ins: bool) -> anyhow::Result<Self> {
        // Whoever comes first installs the provider; that another did is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            Client::builder()
                .user_agent(USER_AGENT)
                .timeout(FETCH_TIMEOUT)
                .redirect(redirect::Policy::limited(REDIRECTS_MAX))
        };
        let (local, outside) = (builder().no_proxy().build()?, builder().build()?);
        Ok(Self { local, outside, stand_ins, here: OnceLock::new() })
    }

    /// Tells where the samples are served.
    pub(super) fn listens_at(&self, here: SocketAddr) {
        let _ = self.here.set(here);
    }

    /// Where a sample of this kind is fetched instead of something outside; video and sound have
    /// none.
    fn stand_in(&self, kind: Kind) -> Option<Url> {
        let here = self.here.get().filter(|_| self.stand_ins)?;
        let name = match kind {
            Kind::Image => "release.png",
            Kind::Document => "invoice.pdf",
            Kind::Video | Kind::Audio | Kind::Text => return None,
        };
        format!("http://{here}{}/{name}", media::SAMPLE_PATH).parse().ok()
    }

    /// Fetches, keeping the bytes if there are at most `keep_max`. `Err` is worded as engines do.
    pub(super) async fn fetch(
        &self,
        url: &Url,
        kind: Kind,
        keep_max: usize,
    ) -> Result<Fetched, String> {
        let is_local = match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let stand_in = if is_local { None } else { self.stand_in(kind) };
        let client = if is_local || stand_in.is_some() { &self.local } else { &self.outside };
        let url = stand_in.as_ref().unwrap_or(url);
        let failed = |error: reqwest::Error| {
            let cause = if error.is_timeout() {
                "time-out"
            } else if error.is_redirect() {
                "too many redirects"
            } else if error.is_connect() {
                "cannot connect"
            } else {
                "broken answer"
            };
            format!("Failed to fetch stream from {}: {cause}", shown(url))
        };
        let mut response = client.get(url.clone()).send().await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("AxiosError: Request failed with status code {}", status.as_u16()));
        }
        let content_type = response
            .headers()
            .get(reqwest::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(|value| value.chars().take(100).collect());
        let mut size = 0;
        let mut kept = BytesMut::new();
        let keep_max = keep_max.max(MAGIC_BYTES);
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            size += chunk.len();
            if size > size_max(kind) {
                let limit = size_max(kind) / MIB;
                return Err(format!("Media file too large: {} may have {limit} MB", kind.as_str()));
            }
            let room = keep_max.saturating_sub(kept.len()).min(chunk.len());
            kept.extend_from_slice(&chunk[..room]);
        }
        let magic = infer::get(&kept).map(|kind| kind.mime_type());
        check_type(kind, size, magic, content_type.as_deref())?;
        let bytes = (kept.len() == size).then(|| kept.freeze());
        Ok(Fetched { size, content_type, magic, bytes })
    }
}

/// As many first bytes as are needed to know a file type.
const MAGIC_BYTES: usize = 8 * 1024;

/// The address without its query, which may carry a signature.
fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    let _ = shown.set_password(None);
    let _ = shown.set_username("");
    shown.to_string()
}

fn check_type(
    kind: Kind,
    size: usize,
    magic: Option<&str>,
    content_type: Option<&str>,
) -> Result<(), String> {
    if size == 0 {
        return Err("Failed to fetch stream: the file is empty".to_owned());
    }
    let fits = match kind {
        Kind::Image => matches!(magic, Some("image/jpeg" | "image/png" | "image/webp")),
        Kind::Video => matches!(magic, Some("video/mp4" | "video/3gpp")),
        Kind::Audio => matches!(
            magic,
            Some(
                "audio/aac"
                    | "audio/amr"
                    | "audio/mpeg"
                    | "audio/mp4"
                    | "audio/m4a"
                    | "audio/ogg"
                    | "audio/opus"
                    | "video/mp4"
            )
        ),
        // Any file may be a document.
        Kind::Document | Kind::Text => true,
    };
    if fits {
        return Ok(());
    }
    let is = magic.or(content_type).unwrap_or("of an unknown type");
    Err(match kind {
        Kind::Image => format!(
            "Input buffer contains unsupported image format: the file is {is}, not JPEG, PNG or WebP"
        ),
        _ => format!("Unsupported media type for {}: the file is {is}", kind.as_str()),
    })
}
