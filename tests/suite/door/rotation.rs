//! Is one warned before a secret ends, at a clock that is handed in?

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kabari::app::{App, Rereading};
use kabari::config::{LoadOptions, load, load_text_at};
use kabari::receive::Settings;
use kabari::verify::Outgoing;

use super::{CLOCK, House, NOON, NOW, Page, ROW, now, source};
use crate::support::kabari::Home;

const FILE: &str = "
wachat: { token: \"${TOKEN}\", instance: jakarta }
sources:
  github:
    secrets:
      - { secret: \"${NEW}\", from: 2026-12-01 }
      - { secret: \"${OLD}\", until: 2026-12-08 }
rules: []
";

/// What `check` warns of on this day: place, code and path.
fn warned(text: &str, day: &str) -> Vec<String> {
    let variable = |_: &str| Some("a-secret-of-many-characters".to_owned());
    let options = LoadOptions { lenient: true, variable: &variable };
    let now = format!("{day}T12:00:00Z").parse().expect("a time");
    let path = PathBuf::from("rules.yaml");
    let loaded = load_text_at(path, text.to_owned(), &options, now).expect("it loads");
    let problems = loaded.warnings;
    assert!(problems.problems().iter().all(|it| it.help.is_some()));
    let told = |it: &kabari::config::Problem| {
        format!("{}:{} {} {}: {}", it.line, it.column, it.code, it.path, it.message)
    };
    problems.problems().iter().map(told).collect()
}

#[test]
fn check_warns_two_weeks_before_a_secret_ends_and_after_it_has() {
    assert_eq!(warned(FILE, "2026-11-20"), [""; 0]);
    let at = "7:9 secret-ends sources.github.secrets[1]: this secret counts";
    let soon = format!("{at} until 2026-12-08T00:00:00Z, 7 days from now");
    assert_eq!(warned(FILE, "2026-11-30"), [soon]);
    assert_eq!(warned(FILE, "2027-01-01"), [format!("{at} no more since 2026-12-08T00:00:00Z")]);
}

#[test]
fn check_warns_of_a_source_of_which_no_secret_counts_now() {
    let only_new = FILE.replace("      - { secret: \"${OLD}\", until: 2026-12-08 }\n", "");
    let none = "5:5 no-secret-now sources.github.secrets: none of the secrets counts before \
                2026-12-01T00:00:00Z: all is refused";
    assert_eq!(warned(&only_new, "2026-11-30"), [none]);
    assert_eq!(warned(&only_new, "2026-12-01"), [""; 0]);
}

/// As its sender still signs, with the older of two secrets.
#[tokio::test]
async fn the_secret_that_matched_is_logged_by_its_place_and_one_that_ends_soon_is_told_once_a_day()
{
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let page = Page::open();
    let secrets = "secrets: [the new secret of the warung, { secret: a secret of the warung, until: 2025-12-02 }]";
    let row = ROW.replace("secret: a secret of the warung", secrets);
    let house = House::of(source(&row), &[], Settings::default()).await;
    let sender = source(ROW);
    let mut told = Vec::new();
    for hours in [0, 1, 24] {
        NOW.store(NOON + hours * 3600, Ordering::SeqCst);
        let signed = sender.sign(Outgoing::post("warung", "{}", now()), None).expect("signed");
        assert_eq!(house.send(&signed).await.status, 200);
        told.push(page.text().matches("soon counts no more").count());
    }
    assert_eq!(told, [1, 1, 2], "{}", page.text());
    let log = page.text();
    assert_eq!(log.matches(r#""outcome":"accepted","secret":1"#).count(), 3, "{log}");
    assert!(!log.contains("secret of the warung"), "{log}");
    house.counts(r#"kabari_secret_matched_total{source="warung",position="1"} 3"#);
    NOW.store(NOON, Ordering::SeqCst);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_tells_at_its_start_and_in_its_metrics_when_a_secret_ends() {
    let until = kabari::clock::now().as_second() + 3 * 24 * 3600 + 60;
    let moment = jiff::Timestamp::from_second(until).expect("a time");
    let home = Home::new(&format!(
        "wachat: {{ token: unused, instance: one }}\nstore: sqlite://kabari.db\n\
         server: {{ listen: 127.0.0.1:0, admin: 127.0.0.1:0 }}\nsources:\n  github:\n    secrets:\n\
         \x20     - the new secret of the shop\n\
         \x20     - {{ secret: the old secret of the shop, until: \"{moment}\" }}\nrules: []\n"
    ));
    let kabari = home.start().await;
    let said = kabari.says(0, &["secrets[1]", "3 days from now", "kabari secrets new"]).await;
    assert!(!said.contains("secret of the shop"), "{said}");
    let metrics = kabari.page("/metrics").await.body;
    for line in [
        r#"kabari_secrets_valid{source="github"} 2"#.to_owned(),
        format!(r#"kabari_secret_until_timestamp_seconds{{source="github",position="1"}} {until}"#),
    ] {
        assert!(metrics.lines().any(|have| have == line), "{line}\n{metrics}");
    }
}

/// So much time passes at once, and whoever waited for a part of it has its turn.
async fn pass(span: Duration) {
    // It sleeps no real time: whoever waited for less was woken before it, so that its end is theirs too.
    // After an `advance` alone they may come later than this test looks.
    let over = tokio::spawn(tokio::time::sleep(span));
    tokio::task::yield_now().await;
    tokio::time::pause();
    tokio::time::advance(span + Duration::from_secs(1)).await;
    tokio::time::resume();
    over.await.unwrap();
    tokio::task::yield_now().await;
}

/// The program within this process, whose day can be made to pass.
#[tokio::test]
async fn serve_tells_again_each_day_that_a_secret_ends() {
    let _client = crate::support::kabari::http();
    let home = Home::new(
        "wachat: { token: a-token-of-many-characters, instance: one }\n\
         server: { listen: 127.0.0.1:0, admin: 127.0.0.1:0 }\nsources:\n  github:\n    secrets:\n\
         \x20     - the new secret of the shop\n\
         \x20     - { secret: the old secret of the shop, until: 2026-01-01 }\nrules: []\n",
    );
    let file = home.path("rules.yaml");
    let read = move || {
        let options = LoadOptions { lenient: false, variable: &|_| None };
        Ok(load(&file, &options).unwrap_or_else(|found| panic!("{}", found.render(false))))
    };
    let mut loaded = read().expect("it loads");
    loaded.settings.store.url = home.store();
    let page = Page::open();
    let app = App::start(loaded, Rereading { read: Arc::new(read), watch: false }).await.unwrap();
    let mut told = vec![page.text().matches("counts no more since 2026-01-01").count()];
    for hours in [23, 1, 23, 1] {
        pass(Duration::from_secs(hours * 3600 + 1)).await;
        told.push(page.text().matches("counts no more since 2026-01-01").count());
    }
    app.stop().await.unwrap();
    assert_eq!(told, [1, 1, 2, 2, 3], "{}", page.text());
}
