-- Replays, so that an interrupted one goes on where it was, and one that is done is not done again by accident.
-- positions: the next offset by partition.
CREATE TABLE conversation_replay (
  id TEXT PRIMARY KEY,
  topic TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('resume', 'again')),
  options JSONB NOT NULL,
  state TEXT NOT NULL DEFAULT 'begun' CHECK (state IN ('begun', 'done')),
  positions JSONB NOT NULL DEFAULT '{}',
  published INTEGER NOT NULL DEFAULT 0,
  begun_at TIMESTAMP NOT NULL DEFAULT NOW(),
  ended_at TIMESTAMP
);

-- When the tables were made again from the log, or a backup was caught up: what was sent for events older than this may
-- be unknown to the journal, so Twilio's list is asked before each send for them.
CREATE TABLE conversation_restore (
  restored_at TIMESTAMP PRIMARY KEY
);
