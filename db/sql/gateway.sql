-- name: call_outcome
-- A call's turn, by the call's ElevenLabs conversation; sid of its first message.
SELECT t.state, t.conversation_id, t.error, s.sid
FROM conversation_input i
JOIN conversation_turn t ON t.id = i.turn_id
LEFT JOIN conversation_send s ON s.turn_id = t.id AND s.part = 0
WHERE i.kind = 'call' AND i.event_id = $1

-- name: conversation
SELECT s.*, (SELECT count(*) FROM conversation_messages m WHERE m.conversation_id = s.id) AS messages
FROM conversation_state s WHERE phone_number = $1

-- name: messages
SELECT * FROM (
  SELECT id, direction, content, sent_at FROM conversation_messages
  WHERE conversation_id = $1 AND ($2::int IS NULL OR id < $2) ORDER BY id DESC LIMIT $3) newest
ORDER BY id

-- name: stats
WITH day AS (SELECT (date_trunc('day', now() AT TIME ZONE $1) AT TIME ZONE $1 AT TIME ZONE 'UTC') AS begins),
today AS (SELECT id FROM conversation_state, day WHERE started_at >= begins),
answered AS (SELECT DISTINCT m.conversation_id FROM conversation_messages m JOIN today ON today.id = m.conversation_id, day
             WHERE m.direction = 'inbound' AND m.sent_at >= begins),
turns AS (SELECT t.id, t.kind, t.state, t.ended_at, t.begun_at FROM conversation_turn t, day WHERE t.ended_at >= begins)
SELECT
  (SELECT count(*) FROM conversation_state WHERE status = 'active') AS active_conversations,
  (SELECT count(*) FROM today) AS total_conversations_today,
  (SELECT count(*) FROM conversation_messages, day WHERE sent_at >= begins AND direction = 'outbound') AS messages_sent_today,
  (SELECT count(*) FROM conversation_messages, day WHERE sent_at >= begins AND direction = 'inbound') AS messages_received_today,
  (SELECT count(*) FROM answered) AS answered_today,
  (SELECT coalesce(avg(extract(epoch FROM s.accepted_at - i.received)), 0) FROM turns
    JOIN conversation_send s ON s.turn_id = turns.id AND s.part = 0 AND s.accepted_at IS NOT NULL
    JOIN LATERAL (SELECT min(received_at) AS received FROM conversation_input WHERE turn_id = turns.id) i ON true
    WHERE turns.kind = 'reply') AS avg_response_time_seconds,
  (SELECT count(*) FROM conversation_turn WHERE state IN ('begun', 'answered')) AS active,
  (SELECT count(*) FROM turns WHERE state = 'done') AS completed,
  (SELECT count(*) FROM turns WHERE state = 'failed') AS failed,
  (SELECT count(*) FROM conversation_spool) + (SELECT count(*) FROM conversation_input WHERE state = 'parked') AS waiting

-- name: spool
INSERT INTO conversation_spool (topic, key, value, request_id) VALUES ($1, $2, $3, $4)

-- name: spooled
SELECT EXISTS (SELECT 1 FROM conversation_spool WHERE key = $1)

-- name: spool_head
SELECT id, topic, key, value, request_id FROM conversation_spool ORDER BY id LIMIT $1

-- name: unspool
DELETE FROM conversation_spool WHERE id = ANY($1::bigint[])
