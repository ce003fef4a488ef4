-- event_number: how many conversation events this conversation has had; its row lock numbers them without gaps.
-- address: where the client wrote from last, or was called; answers go there, however the number is spelled.
ALTER TABLE conversation_state ADD COLUMN IF NOT EXISTS event_number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversation_state ADD COLUMN IF NOT EXISTS address VARCHAR(255);
ALTER TABLE conversation_state ADD COLUMN IF NOT EXISTS last_inbound_at TIMESTAMP;

-- Who owns a partition. Every step of the journal checks that its epoch is still the newest.
CREATE TABLE conversation_owner (
  partition INTEGER PRIMARY KEY,
  epoch BIGINT NOT NULL,
  owner TEXT NOT NULL,
  claimed_at TIMESTAMP NOT NULL DEFAULT NOW()
);

-- One turn: a call's first message, or the answer to one or more messages. Its members are fixed when it begins.
CREATE TABLE conversation_turn (
  id BIGSERIAL PRIMARY KEY,
  phone_number VARCHAR(50) NOT NULL,
  conversation_id INTEGER REFERENCES conversation_state(id) ON DELETE CASCADE,
  partition INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('call', 'reply')),
  state TEXT NOT NULL CHECK (state IN ('begun', 'answered', 'done', 'failed')),
  request_id TEXT,
  reply JSONB,
  error JSONB,
  begun_at TIMESTAMP NOT NULL DEFAULT NOW(),
  answered_at TIMESTAMP,
  ended_at TIMESTAMP
);
-- A number is strictly serial: it never has two turns under way.
CREATE UNIQUE INDEX conversation_turn_one_open ON conversation_turn (phone_number) WHERE state IN ('begun', 'answered');
CREATE INDEX conversation_turn_ended ON conversation_turn (ended_at);
CREATE INDEX conversation_turn_conversation ON conversation_turn (conversation_id);

-- Every event taken up, once: its id is remembered at least as long as the topics keep events.
CREATE TABLE conversation_input (
  kind TEXT NOT NULL CHECK (kind IN ('call', 'message')),
  event_id VARCHAR(255) NOT NULL,
  phone_number VARCHAR(50) NOT NULL,
  address VARCHAR(255) NOT NULL,
  partition INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('taken', 'parked', 'unanswered')),
  turn_id BIGINT REFERENCES conversation_turn(id) ON DELETE CASCADE,
  payload JSONB NOT NULL,
  received_at TIMESTAMP NOT NULL,
  taken_at TIMESTAMP NOT NULL DEFAULT NOW(),
  position BIGSERIAL,
  PRIMARY KEY (kind, event_id)
);
CREATE INDEX conversation_input_turn ON conversation_input (turn_id);
CREATE INDEX conversation_input_parked ON conversation_input (phone_number, position) WHERE state = 'parked';

-- Every outgoing message, recorded as intended before Twilio is asked.
CREATE TABLE conversation_send (
  own_id UUID PRIMARY KEY,
  turn_id BIGINT NOT NULL REFERENCES conversation_turn(id) ON DELETE CASCADE,
  part INTEGER NOT NULL,
  to_address VARCHAR(255) NOT NULL,
  body TEXT NOT NULL,
  content JSONB,
  state TEXT NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'intended', 'accepted', 'refused', 'held')),
  tries INTEGER NOT NULL DEFAULT 0,
  sid VARCHAR(255),
  status TEXT,
  status_rank INTEGER NOT NULL DEFAULT -1,
  error_code TEXT,
  intended_at TIMESTAMP,
  accepted_at TIMESTAMP,
  delivered_at TIMESTAMP,
  read_at TIMESTAMP,
  UNIQUE (turn_id, part)
);
CREATE INDEX conversation_send_sid ON conversation_send (sid);
CREATE INDEX conversation_send_to ON conversation_send (to_address, intended_at);

-- Events on their way to Kafka: written with the step, published in order, deleted when Kafka has them.
CREATE TABLE conversation_outbox (
  conversation_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  phone_number VARCHAR(50) NOT NULL,
  payload JSONB NOT NULL,
  PRIMARY KEY (conversation_id, number)
);
CREATE INDEX conversation_outbox_partition ON conversation_outbox (partition, conversation_id, number);

-- What web accepted while Kafka did not answer; published in order of id, per key.
CREATE TABLE conversation_spool (
  id BIGSERIAL PRIMARY KEY,
  topic TEXT NOT NULL,
  key TEXT NOT NULL,
  value BYTEA NOT NULL,
  request_id TEXT,
  spooled_at TIMESTAMP NOT NULL DEFAULT NOW()
);
CREATE INDEX conversation_spool_key ON conversation_spool (key);
