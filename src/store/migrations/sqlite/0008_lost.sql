-- A message of a group may have had several `dedupe` keys, and may have lost all of them.

ALTER TABLE dedupe_lost RENAME TO dedupe_lost_before;
CREATE TABLE dedupe_lost (
    message INTEGER NOT NULL,
    key     BLOB    NOT NULL,
    until   INTEGER NOT NULL,
    PRIMARY KEY (message, key)
) STRICT, WITHOUT ROWID;
INSERT INTO dedupe_lost (message, key, until) SELECT message, key, until FROM dedupe_lost_before;
DROP TABLE dedupe_lost_before;
