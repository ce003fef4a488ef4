-- The trace (`traceparent`) in which an event came, for what waits here; null while no traces are exported.
ALTER TABLE conversation_spool ADD COLUMN IF NOT EXISTS trace TEXT;
ALTER TABLE conversation_input ADD COLUMN IF NOT EXISTS trace TEXT;
