-- Who asked for no more messages. Kept when the number's conversation is erased: it is what keeps us silent.
-- event_id: the message, or Twilio's error code, that caused it.
CREATE TABLE conversation_suppression (
  phone_number VARCHAR(50) PRIMARY KEY,
  source TEXT NOT NULL CHECK (source IN ('client', 'twilio', 'operator')),
  event_id VARCHAR(255) NOT NULL,
  since TIMESTAMP NOT NULL
);

-- rule: what the rules decided when the turn began (db/sql/functions/15_rules.sql); null for an ordinary turn.
-- again: its message fell outside Twilio's 24-hour window and is to be sent once more, as a template.
ALTER TABLE conversation_turn ADD COLUMN rule JSONB;
ALTER TABLE conversation_turn ADD COLUMN again TEXT CHECK (again IN ('wanted', 'taken'));
ALTER TABLE conversation_turn DROP CONSTRAINT conversation_turn_kind_check;
ALTER TABLE conversation_turn ADD CONSTRAINT conversation_turn_kind_check CHECK (kind IN ('call', 'reply', 'again', 'write'));
CREATE INDEX conversation_turn_again ON conversation_turn (partition) WHERE again = 'wanted';

-- What the backend is told by HTTP: written with the event in one transaction, deleted when the backend has it.
CREATE TABLE conversation_backend_post (
  id BIGSERIAL PRIMARY KEY,
  partition INTEGER NOT NULL,
  payload JSONB NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  due_at TIMESTAMP NOT NULL DEFAULT NOW(),
  made_at TIMESTAMP NOT NULL DEFAULT NOW()
);
CREATE INDEX conversation_backend_post_due ON conversation_backend_post (due_at);

-- Calls whose summary or duration ElevenLabs did not have yet when the first message went out.
CREATE TABLE conversation_lookup (
  conversation_id INTEGER NOT NULL REFERENCES conversation_state(id) ON DELETE CASCADE,
  elevenlabs_conversation_id VARCHAR(255) NOT NULL,
  partition INTEGER NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  due_at TIMESTAMP NOT NULL,
  PRIMARY KEY (conversation_id, elevenlabs_conversation_id)
);
CREATE INDEX conversation_lookup_due ON conversation_lookup (due_at);

-- When a campaign's next first message may begin.
CREATE TABLE conversation_campaign (
  batch_id VARCHAR(255) PRIMARY KEY,
  next_at TIMESTAMP NOT NULL
);
