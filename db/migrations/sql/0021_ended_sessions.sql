-- Operators' sessions that ended before their time, by a random id of theirs: a copy of their cookie must not open a page
-- of any web process. A row can go when the session would have ended anyway.
CREATE TABLE conversation_ended_session (
  id VARCHAR(64) PRIMARY KEY,
  ends_at TIMESTAMP NOT NULL
);
