-- Up to where each provider's own list of deliveries was compared with what came, and what that gave.
CREATE TABLE reconciliations (
    source    TEXT    NOT NULL,
    -- Which list of the provider's.
    place     TEXT    NOT NULL,
    -- All that was sent before is settled; NULL if nothing is known yet.
    watermark INTEGER,
    -- When it was last looked at.
    at        INTEGER NOT NULL,
    -- How much there was, as JSON: the last time, and in all.
    last      TEXT    NOT NULL,
    total     TEXT    NOT NULL,
    -- Why the last look did not come to its end; NULL if it did.
    trouble   TEXT,
    PRIMARY KEY (source, place)
) STRICT, WITHOUT ROWID;
