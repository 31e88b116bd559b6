//! What would today's rules make of events that came before? And make what is not there yet.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::expr::Json;
use crate::model::{EventId, Fits, Groups, Message, Recipient, Replay, Replayed, State};
use crate::pipeline::Pipeline;
use crate::store::{MessageFilter, SharedStore, StoreError};

/// Tells what is made in place of a message that could not be rendered from that one; always the same,
/// so that it is made once.
const INSTEAD_OF_UNMADE: u64 = 0;

/// Plays events through the rules; unless it is only a look, what is new goes into line. Tells what
/// came of each, and the groups that there are then.
///
/// # Errors
/// When the store cannot be read or written; what was made before that stays.
pub async fn replay(
    store: &SharedStore,
    pipeline: &Pipeline,
    asked: &Replay,
    now: Timestamp,
) -> Result<(Vec<Replayed>, Groups), StoreError> {
    let mut all = Vec::with_capacity(asked.events.len());
    let mut groups = asked.groups.clone();
    for id in &asked.events {
        let mut replayed = one(store, pipeline, *id, asked, now).await?;
        for (fits, message) in &mut replayed.messages {
            if *fits == Fits::New && joins(&mut groups, message) {
                *fits = Fits::Joins;
            }
        }
        if !asked.dry_run {
            let is_new = |fits: &Fits| matches!(fits, Fits::New | Fits::Joins);
            let new = replayed.messages.iter().filter(|(fits, _)| is_new(fits));
            let new: Vec<Message> = new.map(|(_, message)| message.clone()).collect();
            if !new.is_empty() {
                replayed.made = store.add_messages(new).await?;
            }
        }
        all.push(replayed);
    }
    Ok((all, groups))
}

/// Whether it becomes part of another one that was made just before.
fn joins(groups: &mut Groups, message: &Message) -> bool {
    let waits = message.state == State::Waiting;
    let Some(group) = message.terms.group.as_ref().filter(|_| waits) else { return false };
    let size = groups.entry(name(message, &group.key)).or_default();
    let is_first = *size == 0 || group.max <= *size;
    *size = if is_first { 1 } else { *size + 1 };
    !is_first
}

/// Tells the groups apart, and nothing of who is in them.
fn name(message: &Message, key: &str) -> String {
    let recipient = message.recipient.as_ref().map_or("", Recipient::expose);
    let mut hash = Sha256::new();
    for part in [&message.origin.rule, key, recipient] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(message.origin.send.to_be_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    Uuid::from_bytes(short).to_string()
}

async fn one(
    store: &SharedStore,
    pipeline: &Pipeline,
    id: EventId,
    asked: &Replay,
    now: Timestamp,
) -> Result<Replayed, StoreError> {
    let nothing = Replayed {
        event: id,
        source: String::new(),
        kind: String::new(),
        messages: Vec::new(),
        today: Vec::new(),
        made: 0,
        problem: None,
        unreadable: false,
    };
    let event = match store.event(id).await {
        Ok(Some(event)) => event,
        Ok(None) => {
            return Ok(Replayed { problem: Some("there is no such event".into()), ..nothing });
        }
        // The others do not wait until somebody mends it.
        Err(StoreError::Broken(why)) => {
            return Ok(Replayed { problem: Some(why), unreadable: true, ..nothing });
        }
        Err(other) => return Err(other),
    };
    let nothing = Replayed { source: event.source.clone(), kind: event.kind.clone(), ..nothing };
    let problem =
        |problem: &str| Ok(Replayed { problem: Some(problem.to_owned()), ..nothing.clone() });
    if event.body.is_empty() {
        return problem("its body is kept no longer (`retention`, or `kabari purge`)");
    }
    if pipeline.source(&event.source).is_none() {
        return problem("its source is not in the rule file");
    }
    let Ok(json) = Json::parse(event.body.clone()) else {
        return problem("its body cannot be read");
    };
    let made = pipeline.messages(&event, json, now);
    let of_event = MessageFilter { event: Some(id), ..MessageFilter::default() };
    let there = store.messages(of_event).await?;
    if let Some(why) = there.unreadable.first {
        let problem = format!("a message that was made of it cannot be read: {why}");
        return Ok(Replayed { problem: Some(problem), unreadable: true, ..nothing });
    }
    // Of an event that became part of another one's message there is no message of its own.
    let joined = store.joined(id).await?;
    let (messages, today) = compared(made, there.rows, &joined, asked);
    Ok(Replayed { messages, today, ..nothing })
}

/// Each message of the rules and of the store, once; and what those would be that are there and differ.
fn compared(
    made: Vec<Message>,
    there: Vec<Message>,
    joined: &[Message],
    asked: &Replay,
) -> (Vec<(Fits, Message)>, Vec<Message>) {
    let (mut all, mut today) = (Vec::with_capacity(made.len()), Vec::new());
    let is_unmade = |it: &Message| it.state == State::Failed && it.content.is_none();
    let mut ids: Vec<_> = made.iter().map(|message| message.id).collect();
    for mut message in made {
        // The message of a group that could not be rendered has the id of the first one in it.
        if message.content.is_some()
            && there.iter().any(|kept| kept.id == message.id && is_unmade(kept))
        {
            message.id = message.id.again(INSTEAD_OF_UNMADE);
            ids.push(message.id);
        }
        let is_part = || {
            joined
                .iter()
                .filter(|it| !is_unmade(it))
                .any(|it| it.origin == message.origin && it.recipient == message.recipient)
        };
        let kept = there.iter().find(|kept| kept.id == message.id);
        match (asked.again, kept) {
            (Some(again), _) => {
                message.id = message.id.again(again);
                message.terms.or.iter_mut().for_each(|or| or.id = or.id.again(again));
                // Whoever asks for it again knows that it was there.
                message.terms.dedupe = None;
                all.push((Fits::New, message));
            }
            // What a group says follows from all of its events, and this is one of them.
            (None, Some(kept))
                if kept.content == message.content || message.terms.group.is_some() =>
            {
                all.push((Fits::There, kept.clone()));
            }
            (None, Some(kept)) => {
                all.push((Fits::Otherwise, kept.clone()));
                today.push(message);
            }
            (None, None) if is_part() => all.push((Fits::There, message)),
            (None, None) => all.push((Fits::New, message)),
        }
    }
    let gone = there.into_iter().filter(|kept| !ids.contains(&kept.id));
    all.extend(gone.map(|kept| (Fits::Gone, kept)));
    (all, today)
}
