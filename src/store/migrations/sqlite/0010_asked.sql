-- When a lane's limits made anybody wait last, to the minute: a clock that shows less was set back since,
-- and whoever waits by the other one is asked again.
ALTER TABLE lanes ADD COLUMN asked_at INTEGER NOT NULL DEFAULT 0;
