//! Is a person forgotten, in every spelling and to the last byte, and never messaged again by it?

use super::{ANNA, BUDI, ends, json, push, run, said, states, until};
use crate::process::home;
use crate::support::kabari::Home;
use crate::support::world::World;

/// How often the digits of the number that every spelling has stand in the store's files and in what
/// is packed in them, whatever stands between.
fn traces(home: &Home) -> usize {
    let mut text = Vec::new();
    for name in ["kabari.db", "kabari.db-wal"] {
        text.extend(std::fs::read(home.path(name)).unwrap_or_default());
    }
    // The same without separators, and what is packed, unpacked.
    let exported = run(home, &["export", "--full"]);
    assert!(exported.status.success(), "{}", said(&exported));
    text.extend(exported.stdout);
    let bare = |byte: &u8| !b" -.()+".contains(byte);
    let text: Vec<u8> = text.into_iter().filter(bare).collect();
    text.windows(11).filter(|part| *part == b"81234567890").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_person_with_and_without_a_running_serve() {
    for running in [true, false] {
        let world = World::start().await;
        let home = home(&world);
        let kabari = home.start().await;
        for (n, spelling) in
            ["+62 812-3456-7890", "6281234567890", "tel:+62-812-3456-7890"].into_iter().enumerate()
        {
            push(&kabari, spelling, &format!("to Anna {n}")).await;
        }
        // Somebody else's message names her; another does not.
        push(&kabari, BUDI, "call 0812 3456 7890").await;
        push(&kabari, BUDI, "nothing of her").await;
        world.until("all sent", |seen| seen.dispatched.len() == 5).await;
        until(&home, "all sent", |all| all.iter().all(|it| it.1 == "sent")).await;
        assert_eq!(kabari.order("/api/lanes/one/pause").await.status, 200);
        push(&kabari, ANNA, "still to go").await;
        ends(&home, &["optout", "add", ANNA], 0);
        let kabari = if running {
            Some(kabari)
        } else {
            assert_eq!(kabari.stop().await, Some(0));
            None
        };
        assert!(0 < traces(&home));
        let before = states(&home);
        let shown = json(&home, &["purge", "--recipient", "+62 812-3456-7890", "--dry-run"], 0);
        assert_eq!((&shown["messages"], &shown["events"]), (&5.into(), &5.into()), "{shown}");
        assert_eq!(states(&home), before, "nothing happened");
        let done = json(&home, &["purge", "--recipient", "+62 812-3456-7890"], 0);
        for field in ["messages", "events", "contacts", "opted_out", "left"] {
            assert_eq!(done[field], shown[field], "{field}: {done}");
        }
        assert_eq!((&done["opted_out"], &done["left"]), (&true.into(), &0.into()));
        assert_eq!(traces(&home), 0, "running: {running}");
        let rest = states(&home);
        assert_eq!(rest.iter().filter(|it| it.1 == "cancelled").count(), 1, "{rest:?}");
        assert!(rest.iter().any(|it| it.0 == "nothing of her" && it.1 == "sent"), "{rest:?}");
        let again = json(&home, &["purge", "--recipient", ANNA], 0);
        assert_eq!((&again["messages"], &again["events"]), (&0.into(), &0.into()), "{again}");

        let listed = ends(&home, &["optout", "list", "--full"], 0);
        assert!(listed.contains("(forgotten)"), "{listed}");

        // She goes on getting nothing, and may come back.
        let kabari = match kabari {
            Some(kabari) => kabari,
            None => home.start().await,
        };
        assert_eq!(kabari.order("/api/lanes/one/resume").await.status, 200);
        push(&kabari, ANNA, "after it").await;
        until(&home, "nothing waits", |all| all.iter().all(|it| it.1 != "waiting")).await;
        let rest = states(&home);
        assert!(rest.contains(&("after it".into(), "skipped".into())), "{rest:?}");
        assert!(world.seen().texts_to(ANNA).iter().all(|text| text.starts_with("to Anna")));
        ends(&home, &["optout", "remove", ANNA], 0);
        push(&kabari, ANNA, "welcome").await;
        world.until("she is back", |seen| seen.texts_to(ANNA).contains(&"welcome".into())).await;
        assert_eq!(kabari.stop().await, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_to_go_to_others_is_left_and_told() {
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;
    assert_eq!(kabari.order("/api/lanes/one/pause").await.status, 200);
    push(&kabari, BUDI, "call 0812 3456 7890").await;
    let done = ends(&home, &["purge", "--recipient", ANNA], 1);
    assert!(done.contains("1 are still to go") && !done.contains(ANNA), "{done}");
    assert_eq!(states(&home)[0].1, "waiting");
    let wrong = ends(&home, &["purge", "--recipient", "nobody"], 1);
    assert!(wrong.contains("--recipient"), "{wrong}");
    assert_eq!(kabari.stop().await, Some(0));
}
