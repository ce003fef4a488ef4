-- Calls whose summary or duration is still missing are looked for from time to time; most rows have both.
CREATE INDEX conversation_state_without_details ON conversation_state (started_at)
  WHERE call_summary IS NULL OR call_duration_secs IS NULL;
-- The campaigns of a time.
CREATE INDEX conversation_state_started ON conversation_state (started_at) WHERE batch_id IS NOT NULL;
