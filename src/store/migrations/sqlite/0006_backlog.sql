-- Who of one recipient's comes back into line next: one may have very many, due at other times.

DROP INDEX messages_held_for;
CREATE INDEX messages_held_for ON messages (instance, recipient, due_at, seq)
    WHERE state = 'waiting' AND held = 1;

-- Which group a message is: asked when the group is closed, and when the message goes.
CREATE INDEX gatherings_message ON gatherings (message) WHERE message IS NOT NULL;
