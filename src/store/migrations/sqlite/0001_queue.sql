-- What arrived, what is to be sent, and what was tried.
--
-- Ids are 16 bytes, times are microseconds since 1970 in UTC, words are those of the API. `seq` is
-- the order in which things were recorded.

-- "kbri": tells our files from those of other programs.
PRAGMA application_id = 1801613929;

CREATE TABLE events (
    seq         INTEGER PRIMARY KEY,
    id          BLOB    NOT NULL,
    source      TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    provider_id TEXT,
    -- Of what is signed, for kinds that never repeat and whose id is not signed.
    digest      BLOB,
    received_at INTEGER NOT NULL,
    -- Headers and body, compressed together. Last, so that lists never read it.
    content     BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX events_by_id ON events (id);

-- A second delivery of the same event is recognised here: a short form of the provider's id, and of
-- the digest, and the event that has it.
CREATE TABLE event_keys (
    key INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT;

-- The last event whose keys are in there; those of later ones follow in the order of the keys.
CREATE TABLE event_keys_whole (seq INTEGER NOT NULL) STRICT;
INSERT INTO event_keys_whole (seq) VALUES (0);

CREATE TABLE messages (
    seq          INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL,
    event        BLOB    NOT NULL REFERENCES events (id),
    state        TEXT    NOT NULL,
    -- 1 for the one message of each (instance, recipient) that is under way or next.
    head         INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    -- How often Wachat was called; an attempt that does not count is given back.
    attempts     INTEGER NOT NULL,
    -- How often it was claimed; never given back, so an old lease never fits again.
    claims       INTEGER NOT NULL DEFAULT 0,
    instance     TEXT    NOT NULL,
    recipient    TEXT,
    source       TEXT    NOT NULL,
    rule         TEXT    NOT NULL,
    send         INTEGER NOT NULL,
    element      INTEGER NOT NULL,
    reason       TEXT,
    detail       TEXT,
    created_at   INTEGER NOT NULL,
    attempts_max INTEGER NOT NULL,
    age_max_s    INTEGER NOT NULL,
    on_uncertain TEXT    NOT NULL,
    content      TEXT,
    CHECK (state NOT IN ('waiting', 'sending') OR (recipient IS NOT NULL AND content IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX messages_by_id ON messages (id);

CREATE INDEX messages_by_event ON messages (event);

-- At most one per (instance, recipient) is under way or next: the database itself refuses a second.
CREATE UNIQUE INDEX messages_heads ON messages (instance, recipient) WHERE head = 1;

-- What a lane can take, soonest first. Only heads are in it, so a claim never steps over those who
-- have to wait for another one.
CREATE INDEX messages_due ON messages (instance, due_at, seq) WHERE state = 'waiting' AND head = 1;

-- Who is next when a head leaves.
CREATE INDEX messages_behind ON messages (instance, recipient, seq)
    WHERE state = 'waiting' AND head = 0;

-- Everything that is not done, for lists, counts and recovery.
CREATE INDEX messages_by_state ON messages (state, seq) WHERE state <> 'sent';

CREATE TABLE attempts (
    message    INTEGER NOT NULL REFERENCES messages (seq),
    claim      INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    took_ms    INTEGER NOT NULL,
    verdict    TEXT    NOT NULL,
    PRIMARY KEY (message, claim)
) STRICT, WITHOUT ROWID;

-- What a lane must remember over a restart.
CREATE TABLE lanes (
    instance    TEXT    NOT NULL PRIMARY KEY,
    paced_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
