//! Which messages does an event make, and what is said of the rules that make none?

use kabari::model::{Message, OnUncertain, Reason, State};

use super::{RULE, SECRET, TestRule, accept, now, pipeline, play, source};

fn lines(messages: &[Message]) -> Vec<String> {
    let line = |message: &Message| {
        let recipient = message.recipient.as_ref().map_or("nobody", |it| it.expose());
        let text = message.content.as_ref().and_then(|it| it.message.as_deref()).unwrap_or("-");
        let reason = message.reason.map_or("", Reason::as_str);
        let rule = &message.origin.rule;
        format!("{rule} {} {} {recipient}: {text}", message.state.as_str(), reason)
    };
    messages.iter().map(line).collect()
}

#[test]
fn matching_rules_make_messages_in_file_order() {
    let rules = [
        TestRule {
            name: "failed-build",
            kinds: &["workflow_run.completed"],
            pattern: "{ workflow_run.conclusion: [failure, timed_out] }",
            when: Some("event.workflow_run.head_branch == event.repository.default_branch"),
            sends: &["{ number: '{{ vars.team }}', message: '{{ event.workflow_run.name }}' }"],
            ..RULE
        },
        TestRule { name: "other-kind", kinds: &["push"], ..RULE },
        TestRule { name: "other-source", source: "stripe", ..RULE },
        TestRule { name: "not-this", pattern: "{ action: requested }", ..RULE },
        TestRule { name: "not-when", when: Some("event.action == 'requested'"), ..RULE },
        TestRule { name: "all", ..RULE },
    ];
    let pipeline = pipeline(vec![source("github", SECRET)], &rules);
    let messages = play(&pipeline, "github", "workflow_run.completed").messages;
    assert_eq!(
        lines(&messages),
        [
            "failed-build waiting  6281234567890: CI",
            "failed-build waiting  120363000000000000@g.us: CI",
            "all waiting  6281234567890: hello",
        ]
    );
    let promised: Vec<_> = messages.iter().map(|it| it.policy.on_uncertain).collect();
    assert_eq!(promised, [OnUncertain::Hold, OnUncertain::Resend, OnUncertain::Hold]);
    let first = &messages[0];
    assert_eq!((first.policy.attempts_max, first.policy.age_max_s), (7, 3600));
    assert_eq!((first.instance.as_str(), first.due_at), ("jakarta", now()));
}

#[test]
fn a_message_that_cannot_be_made_is_a_row_and_its_neighbours_go_on() {
    let rules = [
        TestRule {
            name: "nobody",
            sends: &["{ number: '{{ event.phone }}', message: hello }"],
            ..RULE
        },
        TestRule {
            name: "hole",
            sends: &["{ number: '6281234567890', message: 'hello {{ event.nobody }}' }"],
            ..RULE
        },
        TestRule { name: "types", when: Some("event.n > 'x'"), ..RULE },
        TestRule {
            name: "wrong",
            sends: &["{ number: ['6281234567890', '12', 'nonsense'], message: hello }"],
            ..RULE
        },
        TestRule { name: "fine", ..RULE },
    ];
    let pipeline = pipeline(vec![source("github", SECRET)], &rules);
    let messages = accept(&pipeline, "github", &[], r#"{"phone": null, "n": 1}"#).messages;
    let short: Vec<_> =
        messages.iter().map(|it| (it.origin.rule.as_str(), it.state, it.reason)).collect();
    assert_eq!(
        short,
        [
            ("nobody", State::Skipped, Some(Reason::NoRecipient)),
            ("hole", State::Failed, Some(Reason::Render)),
            ("types", State::Failed, Some(Reason::Condition)),
            ("wrong", State::Waiting, None),
            ("wrong", State::Failed, Some(Reason::InvalidNumber)),
            ("wrong", State::Failed, Some(Reason::InvalidNumber)),
            ("fine", State::Waiting, None),
        ]
    );
    let mut ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), messages.len());
    assert!(messages[0].detail.is_some() && messages[0].content.is_none());
}

#[test]
fn events_of_test_mode_reach_nobody_unless_the_source_says_so() {
    let rules = [TestRule { source: "stripe", ..RULE }];
    let body = r#"{"id": "evt_1", "type": "invoice.paid", "livemode": false}"#;
    let first = |yaml: &str, body: &str| {
        let pipeline = pipeline(vec![source("stripe", yaml)], &rules);
        let message = accept(&pipeline, "stripe", &[], body).messages.remove(0);
        (message.state, message.reason)
    };
    assert_eq!(first(SECRET, body), (State::Skipped, Some(Reason::TestMode)));
    let send = "{ secret: 0123456789abcdef, test_events: send }";
    assert_eq!(first(send, body), (State::Waiting, None));
    let live = body.replace("false", "true");
    assert_eq!(first(SECRET, &live), (State::Waiting, None));
}

#[test]
fn explain_tells_of_each_rule_what_held_and_what_was_seen() {
    let rules = [
        TestRule { name: "kind", kinds: &["push"], ..RULE },
        TestRule { name: "pattern", pattern: "{ action: requested }", ..RULE },
        TestRule { name: "when", when: Some("event.action == 'requested'"), ..RULE },
        TestRule { name: "types", when: Some("event.action > 5"), ..RULE },
        TestRule { name: "all", ..RULE },
        TestRule { name: "elsewhere", source: "stripe", ..RULE },
    ];
    let pipeline = pipeline(vec![source("github", SECRET)], &rules);
    let accepted = play(&pipeline, "github", "issues.opened");
    let json = kabari::expr::Json::parse(accepted.event.body.clone()).unwrap();
    let traces = pipeline.explain(&accepted.event, &json);
    let short: Vec<_> = traces.iter().map(|it| (it.name.as_str(), it.matched, it.kind.0)).collect();
    assert_eq!(
        short,
        [
            ("kind", false, false),
            ("pattern", false, true),
            ("when", false, true),
            ("types", false, true),
            ("all", true, true)
        ]
    );
    assert_eq!(traces[1].pattern[0].saw, "\"opened\"");
    assert!(!traces[2].when[0].holds);
    assert!(traces[3].when_error.is_some());
}
