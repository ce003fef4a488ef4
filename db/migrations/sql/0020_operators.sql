-- Which operators have a conversation open, as every web process tells the others. It is true for half a minute only, so
-- it may be lost with a crash and costs no log.
CREATE UNLOGGED TABLE conversation_presence (
  phone_number VARCHAR(50) NOT NULL,
  operator VARCHAR(255) NOT NULL,
  seen_at TIMESTAMP NOT NULL,
  PRIMARY KEY (phone_number, operator)
);

-- What the operators' pages look for: a campaign's conversations, and turns that failed. Unlike an index on the newest
-- activity, no ordinary turn has to write these.
CREATE INDEX conversation_state_batch ON conversation_state (batch_id, started_at, id);
CREATE INDEX conversation_turn_failed ON conversation_turn (conversation_id) WHERE state = 'failed';
