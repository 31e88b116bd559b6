-- When a message may go, and what makes it one too many.

-- Who goes first: 0 high, 1 normal, 2 low.
ALTER TABLE messages ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;

-- 0: in line. 1: out of line until `due_at`, holding up nobody. 2: until its group is closed.
ALTER TABLE messages ADD COLUMN held INTEGER NOT NULL DEFAULT 0;

-- Its lane's clock when it was made, in microseconds; while it is held, how old it was when that
-- began. The lane's clock stands still whenever kabari itself holds the lane.
ALTER TABLE messages ADD COLUMN clock INTEGER;

-- What is asked again at every turn, as JSON; NULL if nothing is.
ALTER TABLE messages ADD COLUMN terms TEXT;

DROP INDEX messages_due;
CREATE INDEX messages_due ON messages (instance, priority, due_at, seq)
    WHERE state = 'waiting' AND head = 1;

DROP INDEX messages_behind;
CREATE INDEX messages_behind ON messages (instance, recipient, priority, seq)
    WHERE state = 'waiting' AND head = 0 AND held = 0;

-- Who comes back into line next, in a lane and of one recipient.
CREATE INDEX messages_held ON messages (instance, due_at, seq)
    WHERE state = 'waiting' AND held = 1;
CREATE INDEX messages_held_for ON messages (instance, recipient, seq)
    WHERE state = 'waiting' AND held = 1;

-- What a lane must remember over a restart.
ALTER TABLE lanes RENAME TO lanes_before;
CREATE TABLE lanes (
    instance    TEXT    NOT NULL PRIMARY KEY,
    paced_until INTEGER,
    -- For how long in all kabari itself held it, up to `held_until`.
    held_us     INTEGER NOT NULL DEFAULT 0,
    held_until  INTEGER NOT NULL DEFAULT 0,
    -- Since when it stands still, why, and in whose words.
    shut_since  INTEGER,
    shut_reason TEXT,
    shut_detail TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO lanes (instance, paced_until) SELECT instance, paced_until FROM lanes_before;
DROP TABLE lanes_before;

-- What a lane sent on a day (days since 1970 in the lane's zone).
CREATE TABLE lane_days (
    instance       TEXT    NOT NULL,
    day            INTEGER NOT NULL,
    attempts       INTEGER NOT NULL,
    first_contacts INTEGER NOT NULL,
    PRIMARY KEY (instance, day)
) STRICT, WITHOUT ROWID;

-- Who was messaged before, from which session.
CREATE TABLE contacts (
    instance  TEXT    NOT NULL,
    recipient TEXT    NOT NULL,
    -- Whether a message may have got there.
    reached   INTEGER NOT NULL,
    -- When the last attempt began.
    tried_at  INTEGER,
    -- When Wachat said that the number is not on WhatsApp.
    absent_at INTEGER,
    PRIMARY KEY (instance, recipient)
) STRICT, WITHOUT ROWID;

-- Who was messaged before this table was made.
INSERT OR IGNORE INTO contacts (instance, recipient, reached)
    SELECT instance, recipient, 1 FROM messages
    WHERE state IN ('sent', 'uncertain') AND recipient IS NOT NULL;

-- Who wants no messages.
CREATE TABLE opt_outs (
    recipient TEXT    NOT NULL PRIMARY KEY,
    since     INTEGER NOT NULL,
    note      TEXT
) STRICT, WITHOUT ROWID;

-- Which message has a `dedupe` key, and until when. Keys are digests.
CREATE TABLE dedupe_keys (
    key     BLOB    NOT NULL PRIMARY KEY,
    message INTEGER NOT NULL,
    until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX dedupe_keys_until ON dedupe_keys (until);

-- When the messages with a `throttle` key went or are to go.
CREATE TABLE throttle_slots (
    key BLOB    NOT NULL,
    at  INTEGER NOT NULL,
    n   INTEGER NOT NULL,
    PRIMARY KEY (key, at, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX throttle_slots_at ON throttle_slots (at);

-- Groups of events that become one message, open or of late.
CREATE TABLE gatherings (
    key       BLOB    NOT NULL PRIMARY KEY,
    -- The message that it becomes; NULL while there is none.
    message   INTEGER,
    due_at    INTEGER NOT NULL,
    closed_at INTEGER,
    template  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gatherings_due ON gatherings (due_at) WHERE message IS NOT NULL;
CREATE TABLE gathered (
    message INTEGER NOT NULL,
    n       INTEGER NOT NULL,
    event   BLOB    NOT NULL,
    PRIMARY KEY (message, n)
) STRICT, WITHOUT ROWID;
