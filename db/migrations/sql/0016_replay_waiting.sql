-- Replayed events whose number waited for its time when they came: they are done when it is free.
-- replay: of mode `again`, empty for a failed turn that is to go on.
CREATE TABLE conversation_replay_waiting (
  position BIGSERIAL,
  phone_number VARCHAR(50) NOT NULL,
  partition INTEGER NOT NULL,
  kind TEXT NOT NULL,
  event_id VARCHAR(255) NOT NULL,
  replay TEXT NOT NULL,
  PRIMARY KEY (phone_number, kind, event_id, replay)
);
CREATE INDEX conversation_replay_waiting_partition ON conversation_replay_waiting (partition);
