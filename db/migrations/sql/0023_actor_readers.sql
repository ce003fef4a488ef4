-- What is open in each conversation, read out of its actor's state; what only the backend is to be told is not. since: when
-- the oldest of it came; held_until: when it goes on by itself, null or past: it is under way.
CREATE VIEW conversation_open AS
SELECT phone_number, conversation_id, partition, due_at,
  CASE WHEN state ? 'turn' THEN state->'turn'->>'kind' WHEN state->'inbox'->0->>'kind' = 'message' THEN 'reply'
       WHEN state ? 'inbox' THEN state->'inbox'->0->>'kind' ELSE 'again' END AS kind,
  CASE WHEN NOT coalesce((state->>'has_begun')::boolean, false) THEN 'parked'
       WHEN state->'turn' ? 'parts' THEN 'answered' ELSE 'begun' END AS state,
  least((state->'inbox'->0->>'at')::timestamptz, coalesce(state->'turn'->>'asked_at', state->'turn'->>'began_at')::timestamptz,
        (state->'came_back'->0->>'since')::timestamptz) AS since,
  greatest((state->'turn'->'wait'->>'until')::timestamptz,
           (jsonb_path_query_first(state, '$.turn.parts[*].wait.until') #>> '{}')::timestamptz,
           CASE WHEN NOT state ? 'turn' THEN coalesce((state->'ask_wait'->>'until')::timestamptz,
                                                      (state->'came_back'->0->>'due')::timestamptz) END) AS held_until,
  jsonb_array_length(coalesce(state->'inbox', '[]')) AS inputs,
  (jsonb_path_query_first(state, '$.turn.parts[*].tries') #>> '{}')::int AS tries
FROM conversation_actor WHERE is_open AND state ?| ARRAY['turn', 'inbox', 'behind', 'came_back'];

-- Turns as they ended, for the figures of a day: the last message of each, and failures.
CREATE INDEX conversation_log_ended ON conversation_log (at)
  WHERE type IN ('failed', 'unanswered', 'declined') OR (type = 'sent' AND (data->'data'->>'is_last')::boolean);
-- Calls of a day.
CREATE INDEX conversation_log_started ON conversation_log (at) WHERE type = 'started';
-- Conversations of which something could not be sent.
CREATE INDEX conversation_sends_failed ON conversation_sends (conversation_id) WHERE state IN ('refused', 'held');
-- What failed, for the dead letters and for health.
CREATE INDEX conversation_log_failed ON conversation_log (at) WHERE type = 'failed';
