//! Who sends events, and what is made of them: a stand-in for what is in front of the store.

use jiff::{SignedDuration, Timestamp};
use kabari::clock;
use kabari::model::{
    Content, Dedupe, Event, EventId, Group, Instead, Message, MessageId, OnUncertain, Origin,
    Otherwise, Policy, Rest, State, Terms, Throttle,
};
use kabari::store::{GatheredTo, Outcome, Store, StoreError};

use super::judge::SharedJudge;
use super::plan::{Class, GATHER, Plan, THROTTLE, Ticket, gather_interval};
use super::store::Held;
use super::time::now;

pub(super) type Batch = Vec<(Event, Vec<Message>)>;

const MONTH_S: u64 = 30 * 24 * 60 * 60;
/// After so long it is not tried again.
pub(super) const AGE_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An event that comes now, with what is made of it.
pub(super) fn event(
    plan: &Plan,
    judge: &SharedJudge,
    dice: &mut fastrand::Rng,
) -> (Event, Vec<Message>) {
    let now = now();
    let id = clock::event_id(now, dice);
    let many = [1, 1, 1, 1, 1, 1, 1, 1, 2, 3][dice.usize(..10)];
    let mut messages: Vec<Message> = Vec::new();
    let mut gathered = None;
    for send in 0..many {
        let mut ticket = plan.ticket(dice, now);
        if ticket.class == Class::Grouped && gathered.is_some() {
            ticket.class = Class::Plain;
        }
        // A key is of one send.
        ticket.key = ticket.key * 4 + u32::from(send);
        let is_gathered = ticket.class == Class::Grouped;
        let (message, n) = message(plan, judge, id, send, &ticket);
        if is_gathered {
            gathered = Some(n);
        }
        messages.push(message);
    }
    let event = Event {
        provider_id: Some(id.to_string()),
        ..Event::new(id, "shop", "order.paid", now, gathered.unwrap_or(0).to_string())
    };
    (event, messages)
}

fn message(
    plan: &Plan,
    judge: &SharedJudge,
    event: EventId,
    send: u16,
    ticket: &Ticket,
) -> (Message, usize) {
    let rule = format!("{:?}", ticket.class);
    let to = plan.people[ticket.to].clone();
    let id = MessageId::derive(event, &rule, send, 0, to.expose());
    let n = judge.lock().expect(id, ticket.clone());
    let on_uncertain = if ticket.resend { OnUncertain::Resend } else { OnUncertain::Hold };
    // Age alone ends nothing here: a message's limit is its own.
    let policy = Policy { attempts_max: ticket.attempts_max, age_max_s: MONTH_S, on_uncertain };
    let mut terms = terms(plan, ticket);
    if ticket.has_instead {
        let other = Ticket {
            to: (ticket.to + 1) % plan.people.len(),
            class: Class::Instead,
            parent: Some(n),
            ..ticket.clone()
        };
        let recipient = plan.people[other.to].clone();
        let send = Instead::SEND + send;
        let id = MessageId::derive(event, &rule, send, 0, recipient.expose());
        let n = judge.lock().expect(id, other);
        let instance = plan.lanes[ticket.lane].name.clone();
        terms.or.push(Instead {
            id,
            send,
            instance,
            recipient,
            content: Content::text(format!("#{n}")),
        });
    }
    let message = Message {
        id,
        event,
        source: "shop".into(),
        origin: Origin { rule, send, element: 0 },
        instance: plan.lanes[ticket.lane].name.clone(),
        recipient: Some(to),
        content: Some(Content::text(format!("#{n}"))),
        state: State::Waiting,
        reason: None,
        detail: None,
        attempts: 0,
        created_at: ticket.made_at,
        due_at: ticket.made_at,
        policy,
        terms,
    };
    (message, n)
}

fn terms(plan: &Plan, ticket: &Ticket) -> Terms {
    let mut terms = Terms {
        priority: ticket.priority,
        expires_s: ticket.expires_s,
        not_before: ticket.not_before,
        ..Terms::default()
    };
    let (key, template) = (ticket.key.to_string(), "{}".to_owned());
    match ticket.class {
        Class::Hours => terms.hours = Some(plan.hours.clone()),
        Class::HoursOrNever => {
            let mut hours = plan.hours.clone();
            hours.otherwise = Otherwise::Skip;
            terms.hours = Some(hours);
        }
        Class::Throttled | Class::Waiting => {
            let is_waiting = ticket.class == Class::Waiting;
            let rest = if is_waiting { Rest::Wait } else { Rest::Skip };
            let (limit, per_s) = (THROTTLE.0, THROTTLE.1.as_secs());
            terms.throttle = Some(Throttle { key, limit, per_s, rest, template });
        }
        Class::Grouped => {
            let (wait_s, max) = (GATHER.0.as_secs(), GATHER.1);
            let interval_s = gather_interval(ticket.key).as_secs();
            terms.group = Some(Group { key, wait_s, interval_s, max, template });
        }
        Class::Deduped => terms.dedupe = Some(Dedupe { key, within_s: MONTH_S }),
        Class::Plain | Class::Later | Class::Instead => {}
    }
    terms
}

/// Records them, one alone or all together.
pub(super) async fn record(store: &Held, mut part: Batch) -> Result<(), StoreError> {
    if part.len() > 1 {
        return store.record_batch(part).await.map(drop);
    }
    let Some((event, messages)) = part.pop() else { return Ok(()) };
    store.record(event, messages).await.map(drop)
}

/// Closes the groups that are due, and says when the next one is.
pub(super) async fn gather(store: &Held, judge: &SharedJudge) -> Option<Timestamp> {
    let due = store.gatherings(now(), GatheredTo::default(), 32).await.ok()?;
    for gathering in due {
        let first = judge.lock().number_of(gathering.message).unwrap();
        let others = gathering.events.iter().map(|event| std::str::from_utf8(&event.body).unwrap());
        let words = std::iter::once(format!("#{first}")).chain(others.map(str::to_owned));
        let words: Vec<String> = words.collect();
        let made = Outcome::Made(Content::text(words.join(" ")));
        store.close_gathering(&gathering, made, None, now()).await.ok()?;
    }
    store.next_gathering().await.ok()?
}
