-- By which limits those were asked last that a lane's limits hold: a digest. NULL while they are being
-- asked, and where nobody ever was.
ALTER TABLE lanes ADD COLUMN limits TEXT;
