-- name: queue
-- stored: what waits in Postgres; active: conversations under way; completed, failed: what ended since $1. Offsets are
-- released when an event is durable, so nothing that Kafka counts is counted here as well.
SELECT
  (SELECT count(*) FROM conversation_spool)
    + (SELECT count(*) FROM conversation_open WHERE state = 'parked' OR held_until > now()) AS stored,
  (SELECT count(*) FROM conversation_open WHERE state <> 'parked' AND coalesce(held_until <= now(), true)) AS active,
  count(*) FILTER (WHERE type IN ('sent', 'unanswered')
    OR (type = 'declined' AND data->'data'->>'reason' <> 'opted_out')) AS completed,
  count(*) FILTER (WHERE (type = 'failed' AND data->'data'->>'what' IN ('first', 'reply'))
    OR (type = 'declined' AND data->'data'->>'reason' = 'opted_out')) AS failed
FROM conversation_log WHERE at >= $1::timestamp AT TIME ZONE 'UTC'
  AND (type IN ('failed', 'unanswered', 'declined') OR (type = 'sent' AND (data->'data'->>'is_last')::boolean))

-- name: ended
SELECT count(*) FILTER (WHERE type IN ('sent', 'unanswered')
    OR (type = 'declined' AND data->'data'->>'reason' <> 'opted_out')) AS completed,
  count(*) FILTER (WHERE (type = 'failed' AND data->'data'->>'what' IN ('first', 'reply'))
    OR (type = 'declined' AND data->'data'->>'reason' = 'opted_out')) AS failed
FROM conversation_log
WHERE at >= $1::timestamp AT TIME ZONE 'UTC' AND at < $2::timestamp AT TIME ZONE 'UTC'
  AND (type IN ('failed', 'unanswered', 'declined') OR (type = 'sent' AND (data->'data'->>'is_last')::boolean))

-- name: told
-- Every conversation whose record the statistics keep. $1: behind this id, $2: so many at most, $3: days for which the
-- record of a closed conversation is kept.
SELECT s.id, s.phone_number, newest.number AS event_number FROM conversation_state s
CROSS JOIN LATERAL (SELECT max(l.number) AS number FROM conversation_log l WHERE l.conversation_id = s.id) newest
WHERE newest.number IS NOT NULL AND s.id > $1
  AND NOT (s.status = 'closed' AND coalesce(s.last_message_at, s.started_at) < now() - make_interval(days => $3))
ORDER BY s.id LIMIT $2

-- name: ids_of
SELECT s.id, s.phone_number FROM conversation_state s
WHERE s.phone_number = ANY($1::text[]) AND EXISTS (SELECT 1 FROM conversation_log l WHERE l.conversation_id = s.id)

-- name: records
-- What the records of conversations are made of again: their events without words, and what is there of messages and of
-- first messages' reports; one statement, one snapshot. `waiting`: how many of the events Kafka is not known to have;
-- `version`: of an event that a build before the log wrote.
SELECT s.id, s.phone_number, s.status, log.*,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'direction', m.direction, 'at', m.sent_at,
       'turn_id', (m.metadata->>'turn_id')::bigint) ORDER BY m.id), '[]')
   FROM conversation_messages m WHERE m.conversation_id = s.id) AS messages,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('turn_id', o.turn_id, 'read', o.read_at IS NOT NULL)), '[]')
   FROM conversation_sends o WHERE o.phone_number = s.phone_number AND o.conversation_id = s.id AND o.turn_kind = 'call'
     AND coalesce(o.delivered_at, o.read_at) IS NOT NULL) AS reports
FROM conversation_state s CROSS JOIN LATERAL (
  SELECT max(l.number) AS event_number, count(*) FILTER (WHERE l.sequence > coalesce(p.sequence, 0)) AS waiting,
    jsonb_agg(jsonb_build_object('number', l.number, 'type', l.type, 'at', l.at, 'version', l.data->'schema_version',
      'data', (l.data->'data') - ARRAY['content', 'text', 'parts', 'reply', 'call', 'former', 'row', 'turn', 'letter', 'letters', 'hand_over'])
      ORDER BY l.number) AS events
  FROM conversation_log l LEFT JOIN conversation_publication p ON p.partition = l.partition
  WHERE l.conversation_id = s.id) log
WHERE s.id = ANY($1::int[]) AND log.event_number IS NOT NULL
