-- name: queue
WITH day AS (SELECT (date_trunc('day', now() AT TIME ZONE $1) AT TIME ZONE $1 AT TIME ZONE 'UTC') AS begins)
SELECT
  (SELECT count(*) FROM conversation_spool)
    + (SELECT count(*) FROM conversation_input WHERE state = 'parked') AS waiting,
  (SELECT count(*) FROM conversation_turn WHERE state IN ('begun', 'answered')) AS active,
  count(*) FILTER (WHERE state = 'done') AS completed,
  count(*) FILTER (WHERE state = 'failed') AS failed
FROM conversation_turn, day WHERE ended_at >= begins
