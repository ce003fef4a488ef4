-- escalated_at: since when no person has done anything for a conversation that a person looks after.
-- meanwhile_from: messages with a higher id were said while a person stood in; the agent is told of them when asked again.
ALTER TABLE conversation_state ADD COLUMN IF NOT EXISTS escalated_at TIMESTAMP;
ALTER TABLE conversation_state ADD COLUMN IF NOT EXISTS meanwhile_from INTEGER;
