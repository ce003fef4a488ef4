-- A turn that waits long is held: its partition goes on, and whoever owns the partition takes it up when it is due.
ALTER TABLE conversation_turn ADD COLUMN due_at TIMESTAMP;
ALTER TABLE conversation_turn ADD COLUMN holds INTEGER NOT NULL DEFAULT 0;
CREATE INDEX conversation_turn_open ON conversation_turn (partition) WHERE state IN ('begun', 'answered');
CREATE INDEX conversation_input_waiting ON conversation_input (partition) WHERE state = 'parked';
