//! What may a person do with a message?

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::model::{EventId, MessageId, Reason, State};
use crate::store::seal::Seal;
use crate::store::sqlite::dedupe::{self, Holder};
use crate::store::sqlite::lane_clock::LaneClock;
use crate::store::sqlite::row::micros;
use crate::store::sqlite::writer::{Desk, Operation};
use crate::store::sqlite::{gatherings, order, people};
use crate::store::{Moved, Moves};

/// A person's decision about one message.
pub(super) struct MoveByHand {
    pub(super) id: MessageId,
    pub(super) to: State,
    /// Only from one of these, if there are any.
    pub(super) from: Vec<State>,
    pub(super) now: Timestamp,
}

/// The same decision about many, in one transaction.
pub(super) struct MoveMany(pub(super) Vec<MoveByHand>);

impl Operation for MoveMany {
    type Output = Vec<Moved>;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<Vec<Moved>> {
        self.0.iter().map(|one| one.apply(connection)).collect()
    }

    fn wakes(moved: &Vec<Moved>) -> bool {
        moved.contains(&Moved::Done)
    }
}

/// Where the message stands.
struct Place {
    seq: i64,
    state: State,
    head: bool,
    instance: String,
    /// `None` also for a message that has nothing to send.
    recipient: Option<String>,
    event: EventId,
}

impl Operation for MoveByHand {
    type Output = Moved;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<Moved> {
        let Some(place) = Place::of(connection, connection.seal(), self.id)? else {
            return Ok(Moved::Unknown);
        };
        let recipient = match place.may_move(self.to, &self.from) {
            Ok(recipient) => recipient,
            Err(refused) => return Ok(refused),
        };
        let now = micros(self.now);
        if self.to == State::Waiting
            && let Some(Holder { message, state }) = dedupe::take_back(connection, place.seq, now)?
        {
            return Ok(Moved::Held { by: message, state });
        }
        // Its age begins anew, for `expires` too.
        let clock = LaneClock::of(connection, &place.instance)?.at(now);
        connection
            .prepare_cached(
                "UPDATE messages SET state = ?2, head = 0, held = 0, reason = ?3, detail = NULL,
                     due_at = iif(?2 = 'waiting', ?4, due_at),
                     attempts_max = iif(?2 = 'waiting',
                         min(attempts_max + attempts, 4294967295), attempts_max),
                     clock = iif(?2 = 'waiting', ?5, clock)
                 WHERE seq = ?1",
            )?
            .execute(params![place.seq, self.to.as_str(), Reason::ByHand.as_str(), now, clock])?;
        if place.state == State::Waiting {
            gatherings::leave(connection, place.seq)?;
        }
        if self.to == State::Waiting {
            people::given_another_chance(connection, &place.instance, recipient)?;
        }
        if place.head || self.to == State::Waiting {
            order::seat(connection, &place.instance, recipient)?;
        }
        connection.calls(&place.instance);
        Ok(Moved::Done)
    }

    fn wakes(moved: &Moved) -> bool {
        *moved == Moved::Done
    }
}

impl Place {
    fn of(connection: &Connection, seal: &Seal, id: MessageId) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached(
                "SELECT seq, state, head, instance, iif(content IS NULL, NULL, recipient), event
                 FROM messages WHERE id = ?1",
            )?
            .query_row([seal.id(id.0.into_bytes())], |row| {
                let state: String = row.get(1)?;
                Ok(Self {
                    seq: row.get(0)?,
                    state: State::parse(&state).ok_or(rusqlite::Error::InvalidQuery)?,
                    head: row.get(2)?,
                    instance: row.get(3)?,
                    recipient: row.get(4)?,
                    event: EventId(Uuid::from_bytes(row.get(5)?)),
                })
            })
            .optional()
    }

    /// To whom it goes, if it may be moved there by a person, but for its `dedupe` keys.
    fn may_move(&self, to: State, from: &[State]) -> Result<&String, Moved> {
        let expected = from.is_empty() || from.contains(&self.state);
        if !expected || !is_for_people(self.state, to) {
            return Err(Moved::Illegal(self.state));
        }
        // One that could not be made has nothing that could be sent.
        self.recipient.as_ref().ok_or(match to {
            State::Waiting => Moved::Unmade { event: self.event },
            _ => Moved::Illegal(self.state),
        })
    }
}

/// What would come of these moves, one after another, at this moment.
pub(super) fn foresee(
    connection: &Connection,
    moves: &Moves,
    seal: &Seal,
) -> rusqlite::Result<Vec<Moved>> {
    let mut foreseen = Foreseen::default();
    moves.ids.iter().map(|id| foreseen.next((connection, seal), moves, *id)).collect()
}

/// What the moves before change for those behind.
#[derive(Default)]
struct Foreseen {
    moved: HashSet<MessageId>,
    keys: HashMap<[u8; 16], MessageId>,
}

impl Foreseen {
    fn next(
        &mut self,
        (connection, seal): (&Connection, &Seal),
        Moves { to, from, now, .. }: &Moves,
        id: MessageId,
    ) -> rusqlite::Result<Moved> {
        let Some(mut place) = Place::of(connection, seal, id)? else { return Ok(Moved::Unknown) };
        if self.moved.contains(&id) {
            place.state = *to;
        }
        if let Err(refused) = place.may_move(*to, from) {
            return Ok(refused);
        }
        if *to == State::Waiting {
            let now = micros(*now);
            let mut keys = dedupe::kept(connection, place.seq, now)?;
            for (key, _) in dedupe::lost(connection, place.seq, now)? {
                if let Some(by) = self.keys.get(&key) {
                    return Ok(Moved::Held { by: Some(*by), state: State::Waiting });
                }
                if let Some(holder) = dedupe::holder((connection, seal), &key, now)? {
                    return Ok(Moved::Held { by: holder.message, state: holder.state });
                }
                keys.push(key);
            }
            self.keys.extend(keys.into_iter().map(|key| (key, id)));
        }
        self.moved.insert(id);
        Ok(Moved::Done)
    }
}

/// Of the legal moves, those that are a person's: whatever is under way is the lane's alone.
fn is_for_people(from: State, to: State) -> bool {
    from != State::Sending
        && matches!(to, State::Waiting | State::Cancelled | State::Sent)
        && from.may_become(to)
}
