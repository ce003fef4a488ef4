-- name: queue
-- stored: what waits in Postgres, held turns included, whose offsets are released; taken: the events of turns under way. Each count goes through an index:
-- conversation_input_parked, conversation_turn_one_open, conversation_turn_ended.
WITH day AS (SELECT (date_trunc('day', now() AT TIME ZONE $1) AT TIME ZONE $1 AT TIME ZONE 'UTC') AS begins),
open AS (SELECT id, coalesce(due_at > now(), false) AS waits FROM conversation_turn WHERE state IN ('begun', 'answered'))
SELECT
  (SELECT count(*) FROM conversation_spool)
    + (SELECT count(*) FROM conversation_input WHERE state = 'parked')
    + (SELECT count(*) FROM open WHERE waits) AS stored,
  (SELECT count(*) FROM conversation_input i JOIN open ON open.id = i.turn_id WHERE NOT waits) AS taken,
  (SELECT count(*) FROM open WHERE NOT waits) AS active,
  count(*) FILTER (WHERE state = 'done') AS completed,
  count(*) FILTER (WHERE state = 'failed') AS failed
FROM conversation_turn WHERE ended_at >= (SELECT begins FROM day)
