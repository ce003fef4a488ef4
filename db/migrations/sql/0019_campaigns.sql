-- A campaign's calls, for its figures while no stats worker answers.
CREATE INDEX IF NOT EXISTS conversation_history_batch ON conversation_history ((data->>'batch_id')) WHERE type = 'started';
CREATE INDEX IF NOT EXISTS conversation_history_group ON conversation_history ((data->>'group_id')) WHERE type = 'started';
