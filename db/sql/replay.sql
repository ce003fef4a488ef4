-- name: unanswered
-- Messages of numbers that had no conversation when their grace was over.
SELECT jsonb_array_elements_text(data->'data'->'message_sids') AS sid FROM conversation_log
WHERE conversation_id = ANY($1::int[]) AND type = 'unanswered' AND data->'data'->>'reason' = 'unknown_number'

-- name: campaigns
SELECT phone_number, batch_id FROM conversation_state WHERE phone_number = ANY($1::text[])

-- name: suppressed
SELECT phone_number FROM conversation_suppression WHERE phone_number = ANY($1::text[])

-- name: begin_lock
-- A statement of its own: the ones after it see what whoever had the lock before has committed.
SELECT pg_advisory_xact_lock($1)

-- name: begin
INSERT INTO conversation_replay (id, topic, mode, options) VALUES ($1, $2, $3, $4)

-- name: find
SELECT topic, mode, options, state, positions, published FROM conversation_replay WHERE id = $1

-- name: unfinished
SELECT id FROM conversation_replay WHERE topic = $1 AND mode = 'again' AND state = 'begun' ORDER BY begun_at DESC LIMIT 1

-- name: advance
UPDATE conversation_replay SET positions = positions || $2, published = published + $3 WHERE id = $1

-- name: end
UPDATE conversation_replay SET state = 'done', ended_at = now() WHERE id = $1
