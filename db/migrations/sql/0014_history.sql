-- What happened in a conversation and leaves no trace in another table: calls begun, failures, commands. Together with
-- the messages it says all that the conversation's events said, so that statistics can be made again from it.
CREATE TABLE conversation_history (
  conversation_id INTEGER NOT NULL REFERENCES conversation_state(id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  type TEXT NOT NULL,
  at TIMESTAMP NOT NULL,
  data JSONB NOT NULL,
  PRIMARY KEY (conversation_id, number)
);
-- The calls of a day.
CREATE INDEX conversation_history_started ON conversation_history (at) WHERE type = 'started';
-- What failed lately, for health.
CREATE INDEX conversation_history_failed ON conversation_history (at) WHERE type = 'failed';
