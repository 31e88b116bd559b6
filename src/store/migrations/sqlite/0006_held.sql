-- Who of one recipient's comes back into line next: one may have very many, due at other times.

DROP INDEX messages_held_for;
CREATE INDEX messages_held_for ON messages (instance, recipient, due_at, seq)
    WHERE state = 'waiting' AND held = 1;
