-- What it takes to remove rows: which keys and groups hang on them.

CREATE INDEX dedupe_keys_message ON dedupe_keys (message);
CREATE INDEX gathered_event ON gathered (event);
