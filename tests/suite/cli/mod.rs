//! Do the commands do what they say? All with the real program.

mod usage;
mod astray;
mod serve;
mod trigger;
mod send;
mod events;
mod messages;
mod progress;
mod lanes;
mod test;
mod explain;
mod check;
mod pictures;
mod diff;
mod sources;
mod schema;

use std::process::Output;

use kabari::model::{
    Content, Event, EventId, Headers, Message, MessageId, Origin, Reason, Recipient, State,
};
use kabari::store::{Recorded, SqliteStore, Store};
use uuid::Uuid;

use crate::support::kabari::Home;
use crate::support::world::{TOKEN, World};

const RULES: &str = r#"
wachat:
  token: ${WACHAT_TOKEN}
  instance: jakarta_store
  base_url: ${WACHAT_URL}
  instances: { jakarta_store: { pace: off } }
server: { listen: "127.0.0.1:1", admin: "127.0.0.1:1" }
defaults: { country: ID }
retention: { events: forever, messages: forever }
sources:
  github: { secret: "${GITHUB_SECRET}" }
  stripe: { secret: "${STRIPE_SECRET}" }
rules:
  - name: pushed
    source: github
    kind: push
    send:
      number: "0812-3456-7890"
      message: "{{ event.sender.login }} pushed"
  - name: paid
    source: stripe
    kind: invoice.paid
    match: { data.object.amount_paid: [{ numeric: [">", 0] }] }
    send:
      number: "{{ event.data.object.customer_phone }}"
      type: document
      mediaUrl: "{{ event.data.object.invoice_pdf }}"
      fileName: "{{ event.data.object.number }}.pdf"
      message: "Thank you"
"#;

const GITHUB_SECRET: &str = "the secret of the repository";
const NUMBER: &str = "6281234567890";

/// An installation whose Wachat is this.
fn home(wachat: &str) -> Home {
    home_with(RULES, wachat)
}

fn home_with(rules: &str, wachat: &str) -> Home {
    Home::new(rules)
        .variable("WACHAT_TOKEN", TOKEN)
        .variable("WACHAT_URL", wachat)
        .variable("GITHUB_SECRET", GITHUB_SECRET)
        .variable("STRIPE_SECRET", "whsec_of_the_invoice_endpoint")
}

/// One that never gets as far as Wachat.
fn home_alone() -> Home {
    home("http://127.0.0.1:1")
}

async fn world_and_home() -> (World, Home) {
    let world = World::start().await;
    let home = home(&world.url());
    (world, home)
}

/// What a command said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().expect("an exit code");
        Self { code, out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Said {
    #[track_caller]
    fn is(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(!self.out.contains('\u{1b}'), "no escape sequences to a pipe: {self:#?}");
        self
    }

    /// Whether this is among what it printed.
    #[track_caller]
    fn says(self, words: &[&str]) -> Self {
        let all = format!("{}{}", self.out, self.err);
        for word in words {
            assert!(all.contains(word), "no `{word}` in {self:#?}");
        }
        self
    }
}

fn run(home: &Home, words: &[&str]) -> Said {
    home.run(words).into()
}

/// What is put into a store beforehand: the n-th event of a source, with one message.
#[derive(Clone, Copy)]
struct Row {
    n: u128,
    source: &'static str,
    kind: &'static str,
    rule: &'static str,
    number: &'static str,
    state: State,
}

const ROW: Row = Row {
    n: 1,
    source: "github",
    kind: "push",
    rule: "pushed",
    number: NUMBER,
    state: State::Sent,
};

impl Row {
    fn event(self) -> EventId {
        EventId(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 + self.n))
    }

    fn message(self) -> MessageId {
        MessageId::derive(self.event(), self.rule, 0, 0, self.number)
    }

    /// The message's id as it is written.
    fn id(self) -> String {
        self.message().to_string()
    }
}

/// Puts rows into the home's store, the first one first.
async fn furnish(home: &Home, rows: &[Row]) {
    let store = SqliteStore::open(&home.path("kabari.db")).unwrap();
    for row in rows {
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let event = Event {
            provider_id: Some(format!("d-{}", row.n)),
            headers: Headers::from([("x-github-event", "push")]),
            ..Event::new(
                row.event(),
                row.source,
                row.kind,
                at,
                r#"{"ref":"refs/heads/main","phone":"+62 812-3456-7890"}"#,
            )
        };
        let origin = Origin { rule: row.rule.to_owned(), send: 0, element: 0 };
        let person = Recipient::person(row.number);
        let recipient = person.or_else(|| Recipient::group(row.number)).unwrap();
        let content = Content::text(format!("message {}", row.n));
        let message = Message {
            id: row.message(),
            state: row.state,
            reason: (row.state == State::Uncertain).then_some(Reason::Interrupted),
            ..Message::waiting(&event, origin, "jakarta_store", recipient, content)
        };
        let recorded = store.record(event, vec![message]).await.unwrap();
        assert!(matches!(recorded, Recorded::New { .. }));
    }
}
