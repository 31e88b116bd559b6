//! Does the store keep what it promises?
//!
//! The contract is written against `&dyn Store`, with real files, and run for each backend by the
//! list at the foot of this file. What only one backend has is in a file of its own.

#![cfg(test)]

mod record;
mod order;
mod attempts;
mod arrivals;
mod turn_over;
mod people;
mod terms;
mod dedupe;
mod days;
mod held;
mod instead;
mod gathering;
mod random;
mod sqlite_file;
mod lock;
mod damage;
mod retention;
mod forget;
mod identities;
mod sealed;
mod sealing;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kabari::model::{
    Attempt, Content, Event, EventId, Fate, Headers, Message, OnUncertain, Origin, Policy, Reason,
    Recipient, Scope, State, Verdict,
};
use kabari::secret::{Secret, Secrets};
use kabari::store::{
    Claim, Claimed, MessageFilter, OpenOptions, Settlement, SharedStore, SqliteStore, Store,
    StoreError,
};
use uuid::Uuid;

/// Where a store lies; opened as often as a test wants.
pub(super) struct Place {
    dir: tempfile::TempDir,
    secrets: Secrets,
}

impl Place {
    pub(super) fn sqlite() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), secrets: Secrets::default() }
    }

    /// With a secret, so that what is in it is sealed.
    pub(super) fn sealed_sqlite() -> Self {
        Self { secrets: secrets(&[1]), ..Self::sqlite() }
    }

    /// In memory where the system has such a folder: for tests with thousands of commits.
    pub(super) fn quick_sqlite() -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self { dir: dir.unwrap(), secrets: Secrets::default() }
    }

    /// The same with a secret.
    pub(super) fn quick_sealed_sqlite() -> Self {
        Self { secrets: secrets(&[1]), ..Self::quick_sqlite() }
    }

    pub(super) fn open(&self) -> SharedStore {
        Arc::new(self.open_with(&self.secrets).unwrap())
    }

    /// As who has its lanes opens it.
    pub(super) fn open_with(&self, secrets: &Secrets) -> Result<SqliteStore, StoreError> {
        let (secrets, options) = (secrets.clone(), OpenOptions::default());
        SqliteStore::open_with(&self.file(), OpenOptions { secrets, owned: true, ..options })
    }

    pub(super) fn url(&self) -> String {
        format!("sqlite://{}", self.file().display())
    }

    pub(super) fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("kabari.db")
    }
}

/// Secrets of a store, told apart by these numbers.
pub(super) fn secrets(numbers: &[usize]) -> Secrets {
    Secrets::new(numbers.iter().map(|n| Secret::new(format!("{n:032}"))).collect())
}

/// So many seconds after an arbitrary start.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

pub(super) const ANN: &str = "6281234567890";
pub(super) const BEN: &str = "6289876543210";

/// The n-th event, with a provider's id of its own.
pub(super) fn event(n: u128) -> Event {
    Event {
        provider_id: Some(format!("evt_{n}")),
        headers: Headers::from([("x-id", n.to_string())]),
        ..Event::new(
            EventId(Uuid::from_u128(n)),
            "shop",
            "order.paid",
            at(0),
            format!(r#"{{"n":{n}}}"#),
        )
    }
}

/// The message of event n to this recipient, waiting and due at second 0, in lane `jakarta`.
pub(super) fn message(n: u128, recipient: &str) -> Message {
    let origin = Origin { rule: "paid".to_owned(), send: 0, element: 0 };
    let recipient = Recipient::person(recipient).unwrap();
    let content = Content { delay: Some(3000), ..Content::text(format!("message {n}")) };
    Message::waiting(&event(n), origin, "jakarta", recipient, content)
}

/// A message that could not be made.
pub(super) fn unmade(n: u128) -> Message {
    Message {
        recipient: None,
        content: None,
        state: State::Failed,
        reason: Some(Reason::Render),
        ..message(n, ANN)
    }
}

pub(super) fn resent_when_uncertain(message: Message) -> Message {
    let policy = Policy { on_uncertain: OnUncertain::Resend, ..message.policy };
    Message { policy, ..message }
}

/// How an attempt ended, in this state.
pub(super) fn ended(claimed: &Message, state: State) -> Settlement {
    let (fate, reason) = match state {
        State::Sent => (Fate::Sent, None),
        State::Waiting => (Fate::Retry { after: None }, Some(Reason::Rate)),
        State::Uncertain => (Fate::Uncertain, Some(Reason::NoAnswer)),
        _ => (Fate::Failed, Some(Reason::Recipient)),
    };
    Settlement {
        state,
        reason,
        detail: reason.map(|_| "in Wachat's words".to_owned()),
        due_at: None,
        counts: true,
        spends: true,
        attempt: Attempt {
            message: claimed.id,
            number: claimed.attempts,
            started_at: at(1),
            took_ms: 250,
            verdict: Verdict {
                fate,
                reason,
                scope: Scope::Message,
                status: Some(200),
                detail: String::new(),
            },
        },
    }
}

/// Records events 1 to n, each with one message to the recipient at its place.
pub(super) async fn record_for(store: &dyn Store, recipients: &[&str]) {
    for (n, recipient) in (1..).zip(recipients) {
        store.record(event(n), vec![message(n, recipient)]).await.unwrap();
    }
}

/// What lane `jakarta` can take at this second.
pub(super) async fn claim(store: &dyn Store, second: i64, limit: usize) -> Vec<Claimed> {
    store.claim(Claim::new("jakarta", limit, at(second))).await.unwrap().taken
}

/// The same for exactly one message.
pub(super) async fn claim_one(store: &dyn Store, second: i64) -> Claimed {
    let mut claimed = claim(store, second, 1).await;
    assert_eq!(claimed.len(), 1, "one is due");
    claimed.remove(0)
}

/// Numbers of the events whose messages these are.
pub(super) fn numbers(claimed: &[Claimed]) -> Vec<u128> {
    claimed.iter().map(|claimed| claimed.message.event.0.as_u128()).collect()
}

/// Settles what was claimed; whether the lease held.
pub(super) async fn settle(store: &dyn Store, claimed: Claimed, state: State) -> bool {
    let settlement = ended(&claimed.message, state);
    store.settle(claimed.lease, settlement).await.unwrap()
}

pub(super) async fn state_of(store: &dyn Store, n: u128, recipient: &str) -> State {
    store.message(message(n, recipient).id).await.unwrap().unwrap().0.state
}

/// All messages in the order in which they were recorded.
pub(super) async fn all(store: &dyn Store) -> Vec<Message> {
    let mut messages = store.messages(MessageFilter::default()).await.unwrap().rows;
    messages.reverse();
    messages
}

/// Later than [`at`] by so many seconds.
pub(super) fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

/// How long one of them may take: far more than it does take.
const PATIENCE: Duration = Duration::from_secs(300);

/// A store that always has more to give, or to do, is a test that fails, not one that goes on.
async fn ends(test: impl Future<Output = ()>) {
    tokio::time::timeout(PATIENCE, test).await.expect("it ends");
}

macro_rules! contract {
    ($($topic:ident: $($name:ident)+;)+) => {
        mod sqlite {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::ends(super::$topic::$name(&super::Place::sqlite())).await;
                }
            )+)+
        }

        mod sealed_sqlite {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::ends(super::$topic::$name(&super::Place::sealed_sqlite())).await;
                }
            )+)+
        }
    };
}

contract! {
    record:
        an_event_and_its_messages_come_back_as_they_were
        a_second_delivery_is_a_duplicate_also_after_reopening
        what_was_signed_once_is_a_duplicate_under_every_other_id
        each_of_many_thousands_is_recognised_before_and_after_reopening
        of_many_deliveries_at_the_same_moment_exactly_one_is_new
        events_without_an_id_are_never_duplicates
        a_duplicate_adds_no_messages
        an_event_is_not_kept_without_its_messages
        messages_added_twice_are_there_once
        a_message_without_an_event_is_refused_and_its_neighbours_are_kept
        a_large_body_comes_back
        a_caller_that_gives_up_does_not_stop_the_commit
        lists_are_filtered_and_newest_first
        it_can_say_that_it_writes;
    order:
        a_recipient_is_taken_once_a_call_and_the_oldest_message_first
        the_next_message_waits_for_the_one_under_way
        a_retry_holds_up_its_own_recipient_only
        an_uncertain_message_holds_up_nobody
        a_failed_message_put_back_by_hand_comes_before_younger_ones
        a_message_put_back_while_another_is_under_way_comes_before_its_retry
        cancelling_the_first_lets_the_next_one_go
        lanes_do_not_wait_for_each_other
        the_limit_is_kept_and_the_soonest_due_come_first
        lanes_tell_when_their_next_message_is_due
        who_was_to_wait_and_is_displaced_is_looked_at_again_when_its_turn_comes
        the_pace_of_a_lane_survives_reopening;
    attempts:
        a_claim_counts_the_attempt_that_is_to_be_made
        every_attempt_is_kept_with_its_verdict
        an_attempt_that_does_not_count_is_given_back
        a_lease_is_void_after_the_next_claim
        a_late_success_turns_uncertain_into_sent_and_nothing_else_does
        a_late_answer_does_not_touch_what_a_person_decided
        recovery_makes_uncertain_what_was_under_way_and_lets_the_next_go
        recovery_sends_again_where_the_rule_says_so
        recovery_sends_nothing_again_whose_attempts_or_age_are_used_up
        an_attempt_cannot_end_as_cancelled
        whatever_may_have_become_due_wakes_those_who_watch;
    arrivals:
        what_comes_calls_its_own_lane_and_no_other
        a_lane_is_called_by_what_others_do_to_its_messages
        a_group_calls_its_lane_when_it_is_closed;
    turn_over:
        what_ends_makes_room_for_what_is_taken_in_the_same_commit
        a_turnover_that_cannot_be_kept_takes_nothing
        recovery_does_not_count_the_time_in_which_the_lane_stood_still;
    people:
        people_make_legal_moves_only
        what_could_not_be_made_cannot_be_retried
        an_unknown_message_is_unknown
        a_retry_by_hand_is_due_at_once
        a_retry_by_hand_has_the_attempts_and_the_time_of_the_first
        everything_is_counted_by_state;
    instead:
        what_replaces_a_message_stands_behind_those_who_waited
        who_lost_the_place_in_line_while_others_were_decided_is_not_taken
        what_is_sent_instead_of_a_group_was_promised_with_it_and_is_fresh
        a_group_fails_also_if_nobody_can_read_what_is_sent_instead;
    terms:
        a_key_is_held_by_what_was_or_may_be_sent_and_by_nothing_else
        a_key_is_of_one_rule_one_send_and_one_recipient_and_for_a_time
        of_those_over_a_limit_the_rest_waits_for_its_turn
        of_those_over_a_limit_the_rest_is_skipped_if_its_rule_says_so
        a_higher_priority_goes_first_also_for_one_recipient
        what_is_to_go_later_holds_up_nobody_and_then_takes_its_place
        the_judge_decides_about_each_and_the_next_one_moves_up
        what_is_held_comes_back_in_order_however_many_there_are
        a_closed_lane_gives_nothing_and_its_messages_do_not_age
        a_message_does_not_age_while_it_is_held_or_its_lane_stands_still
        the_day_s_attempts_and_first_contacts_survive_reopening
        a_number_that_is_not_on_whatsapp_is_remembered_until_a_person_tries_it_again
        a_number_is_left_alone_for_whatever_reason_a_users_line_names
        why_a_lane_stands_still_survives_reopening
        who_opted_out_is_known_until_taken_off_the_list;
    dedupe:
        a_message_that_is_retried_takes_its_key_back_from_one_that_failed
        a_message_whose_key_another_one_has_is_not_retried
        a_key_is_not_given_back_for_as_long_as_what_was_sent_is_remembered
        a_group_that_is_retried_takes_all_its_keys_back_or_none
        what_a_retry_of_many_would_do_is_what_it_does;
    days:
        what_did_not_go_out_uses_up_nothing_of_its_day
        what_was_interrupted_or_is_uncertain_stays_counted;
    held:
        what_waits_for_the_end_of_time_can_be_read_and_cancelled
        whom_a_limit_held_comes_back_to_the_old_place_when_asked_again
        whoever_is_asked_again_is_so_in_steps_and_none_is_overtaken
        who_is_held_still_stays_where_it_is_when_asked_again
        by_which_limits_all_were_asked_is_known_when_the_last_was
        while_they_are_asked_again_the_lane_goes_on_and_overtakes_nobody
        a_cap_lets_no_more_come_back_than_it_has_room_for
        what_was_sent_meanwhile_is_no_second_time_among_those_who_came_back
        when_anybody_was_made_to_wait_last_is_known_and_costs_no_claim_a_write
        a_claim_that_asks_whom_it_would_overtake_goes_no_further_than_others
        whoever_waits_for_a_gap_is_looked_at_again_and_a_retry_is_not
        a_lane_that_goes_before_its_time_ages_its_messages_from_then_on
        who_comes_back_ages_from_then_on_and_who_is_due_anyway_keeps_its_time;
    gathering:
        events_with_one_key_become_one_message_when_it_is_due
        a_full_group_is_due_at_once_and_the_next_event_begins_another
        of_a_group_that_could_not_be_filled_nothing_is_left_to_be_sent
        after_a_group_the_next_one_waits_for_its_interval
        a_group_is_forgotten_when_its_interval_is_over_and_no_sooner
        an_event_that_joins_while_a_group_is_filled_is_not_lost
        a_group_that_is_due_takes_no_more_and_the_next_one_waits_for_its_interval
        a_group_that_cannot_be_read_keeps_no_other_from_being_closed
        large_groups_are_read_one_after_another
        a_group_whose_message_was_cancelled_takes_no_more_events
        from_a_group_that_was_forgotten_the_next_one_keeps_no_distance
        the_rest_over_a_limit_becomes_one_message_when_there_is_room;
}
