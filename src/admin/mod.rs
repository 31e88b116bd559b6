//! For the people who run it: dashboard, JSON API, health and metrics.

mod guard;
mod answer;
mod shown;
mod health;
mod events;
mod replay;
mod messages;
mod moves;
mod send;
mod control;
mod optouts;
mod page;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use jiff::Timestamp;

use crate::admin::answer::Refused;
use crate::clock;
use crate::model::{Controls, EventId};
use crate::pipeline::Pipeline;
use crate::secret::Secret;
use crate::sources::Offers;
use crate::store::SharedStore;
use crate::telemetry::{Failures, Metrics};

pub use moves::{MOVES_MAX, Wish};
pub use replay::{REPLAYS_MAX, replayed_json};
pub use send::SendRequest;
pub use shown::{Numbers, event_json, message_and_attempts_json, message_json};

/// How many rows a list has where nobody asks for another number.
pub const LIST_LIMIT: usize = 100;

/// How many wrong tokens one address may try at once.
const WRONG_LOGINS_BURST: u32 = 20;
/// How many more of them a second; until then even the right one from there is not looked at.
const WRONG_LOGINS_PER_S: u32 = 1;

/// What the admin listener works with.
pub struct Admin {
    pipeline: Arc<ArcSwap<Pipeline>>,
    store: SharedStore,
    metrics: Arc<Metrics>,
    controls: Arc<dyn Controls>,
    token: Option<Secret>,
    /// What lets commands on this machine in, whether there is a token or not.
    key: Option<Secret>,
    offers: Arc<Offers>,
    /// Wrong tokens, by address.
    wrong_logins: Failures,
    clock: fn() -> Timestamp,
    dice: Mutex<fastrand::Rng>,
}

impl Admin {
    /// The admin pages of a running kabari. Without a `token` they must only be bound to loopback,
    /// and they answer only to names of this machine.
    pub fn new(
        pipeline: Arc<ArcSwap<Pipeline>>,
        store: SharedStore,
        metrics: Arc<Metrics>,
        controls: Arc<dyn Controls>,
        token: Option<Secret>,
    ) -> Self {
        let dice = Mutex::new(clock::dice());
        let wrong_logins = Failures::new(WRONG_LOGINS_BURST, WRONG_LOGINS_PER_S);
        let (key, offers, clock) = (None, Arc::default(), clock::now);
        Self { pipeline, store, metrics, controls, token, key, offers, wrong_logins, clock, dice }
    }

    /// The same, showing the secrets that senders offer.
    #[must_use]
    pub fn with_offers(mut self, offers: Arc<Offers>) -> Self {
        self.offers = offers;
        self
    }

    /// The same, letting in whoever has this key too.
    #[must_use]
    pub fn with_key(mut self, key: Secret) -> Self {
        self.key = Some(key);
        self
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Timestamp) -> Self {
        self.clock = clock;
        self
    }

    fn event_id(&self, now: Timestamp) -> EventId {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        clock::event_id(now, &mut dice)
    }
}

/// The admin listener's routes, by who calls them.
pub fn router(admin: Arc<Admin>) -> Router {
    // Load balancers: no login.
    let health =
        Router::new().route("/healthz", get(health::healthz)).route("/readyz", get(health::readyz));
    // Prometheus.
    let metrics = Router::new().route("/metrics", get(health::metrics));
    // People.
    let pages = Router::new()
        .route("/", get(page::dashboard))
        .route("/dashboard.js", get(page::script))
        .route("/dashboard.css", get(page::style));
    // Programs, the dashboard and `kabari messages` among them.
    let api = Router::new()
        .route("/api/overview", get(control::overview))
        .route("/api/events", get(events::list))
        .route("/api/events/replay", post(replay::replay))
        .route("/api/events/{id}", get(events::one))
        .route("/api/messages", get(messages::list))
        .route("/api/messages/{id}", get(messages::one).post(moves::many))
        .route("/api/messages/{id}/{move}", post(messages::move_by_hand))
        .route("/api/sources/{name}/offered", get(control::offered))
        .route("/api/send", post(send::send))
        .route("/api/optouts", post(optouts::add))
        .route("/api/optouts/remove", post(optouts::remove))
        .route("/api/reload", post(control::reload))
        .route("/api/lanes/{instance}/{change}", post(control::lane));
    let guarded = metrics.merge(pages).merge(api);
    let guarded = guarded.layer(middleware::from_fn_with_state(Arc::clone(&admin), guard::let_in));
    health
        .merge(guarded)
        .method_not_allowed_fallback(|| async { Refused::Method })
        .fallback(|| async { Refused::NotFound })
        .with_state(admin)
}
