-- What is over: groups after which nobody waits any more, and keys that passed to another message.

-- For how long after it was closed the next group of its key waits; what was closed before this was
-- kept has a month.
ALTER TABLE gatherings ADD COLUMN interval_us INTEGER NOT NULL DEFAULT 2678400000000;
CREATE INDEX gatherings_over ON gatherings (closed_at + interval_us) WHERE message IS NULL;

-- The `dedupe` key of a message that failed, after another one took it: a person may put the message
-- back into line.
CREATE TABLE dedupe_lost (
    message INTEGER PRIMARY KEY,
    key     BLOB    NOT NULL,
    until   INTEGER NOT NULL
) STRICT;
