-- What values are sealed with, if the store has a secret.

CREATE TABLE seals (
    -- It stands in each value that was sealed with it; 0 is for what must be found again.
    number INTEGER PRIMARY KEY,
    -- The key itself, sealed with a secret of the rule file.
    key    BLOB NOT NULL,
    -- By what that secret is recognised.
    mark   TEXT NOT NULL
) STRICT;

-- How far what was there before the store had a secret is sealed, by `seq`; no row when all of it is.
CREATE TABLE unsealed (
    messages INTEGER NOT NULL,
    events   INTEGER NOT NULL
) STRICT;
