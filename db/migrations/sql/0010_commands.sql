-- Operators' commands are inputs of a number like calls and messages, in one order with them.
-- outcome: of a command {state: done | refused, changed, status, error, details}; null while its message is under way.
ALTER TABLE conversation_input DROP CONSTRAINT conversation_input_kind_check;
ALTER TABLE conversation_input ADD CONSTRAINT conversation_input_kind_check CHECK (kind IN ('call', 'message', 'command'));
ALTER TABLE conversation_input ADD COLUMN outcome JSONB;
