-- name: inputs
-- What the journal says of events. superseded: as wm_is_superseded.
SELECT i.event_id, i.state AS input_state, t.state AS turn_state, coalesce(wm_is_superseded(t), false) AS superseded
FROM conversation_input i LEFT JOIN conversation_turn t ON t.id = i.turn_id
WHERE i.kind = $1 AND i.event_id = ANY($2::text[])

-- name: reports
-- The furthest that was reported of sends. $1: own ids, $2: sids
SELECT own_id::text AS own_id, sid, status_rank FROM conversation_send
WHERE own_id::text = ANY($1::text[]) OR sid = ANY($2::text[])

-- name: campaigns
SELECT phone_number, batch_id FROM conversation_state WHERE phone_number = ANY($1::text[])

-- name: suppressed
SELECT phone_number FROM conversation_suppression WHERE phone_number = ANY($1::text[])

-- name: erasures
SELECT number_digest, erased_at FROM conversation_erasure WHERE number_digest = ANY($1::text[])

-- name: repeated
-- Which events a replay has had done again already: by the ids that wm_repeat gives them.
SELECT event_id FROM conversation_input WHERE event_id = ANY($1::text[])

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

-- name: recorded_texts
-- What was decided of messages, to be compared with what would be decided now.
SELECT i.event_id, i.payload->>'text' AS text, i.payload->'intent'->>'kind' AS intent
FROM conversation_input i WHERE i.kind = 'message' AND i.event_id = ANY($1::text[])

-- name: recorded_calls
-- The first message of each call's turn, and what was known of the call when it was written.
SELECT i.event_id, t.state, o.body, o.content IS NOT NULL AS is_template, t.replay,
  s.elevenlabs_conversation_id = i.event_id AS is_present, s.metadata->'details'->>'summary' AS summary
FROM conversation_input i JOIN conversation_turn t ON t.id = i.turn_id
LEFT JOIN conversation_state s ON s.id = t.conversation_id
LEFT JOIN conversation_send o ON o.turn_id = t.id AND o.part = 0
WHERE i.kind = 'call' AND i.event_id = ANY($1::text[])

-- name: recorded_reports
SELECT own_id::text AS own_id, sid, status, status_rank FROM conversation_send WHERE sid = ANY($1::text[])
