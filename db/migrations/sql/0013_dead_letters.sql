-- An index of the topic `dead-letter` and of turns that failed for good: what somebody must act on. It can be made again:
-- the topic holds the letters and what was done with them, the journal the turns.
-- id: PARTITION-OFFSET of the letter's record, or turn-ID. closed: {action, by, reason, at}.
CREATE TABLE conversation_dead_letter (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'retried', 'discarded', 'resolved')),
  topic TEXT NOT NULL,
  source_partition INTEGER NOT NULL,
  source_offset BIGINT NOT NULL,
  phone_number VARCHAR(255),
  reason TEXT NOT NULL,
  details TEXT NOT NULL,
  tries INTEGER NOT NULL,
  key BYTEA,
  value BYTEA,
  digest TEXT,
  buried_at TIMESTAMP NOT NULL,
  closed_at TIMESTAMP,
  closed JSONB
);
CREATE INDEX conversation_dead_letter_open ON conversation_dead_letter (buried_at, id) WHERE state = 'open';
CREATE INDEX conversation_dead_letter_digest ON conversation_dead_letter (digest);

-- How far the topic is indexed.
CREATE TABLE conversation_dead_letter_position (
  partition INTEGER PRIMARY KEY,
  next_offset BIGINT NOT NULL
);
