-- name: start
-- A web starts: gives until when everything is fetched, and when we ever began.
INSERT INTO conversation_backfill AS b (vendor, checked_until) VALUES ($1, now())
ON CONFLICT (vendor) DO UPDATE SET looked_at = now()
RETURNING begun_at, checked_until

-- name: know
-- A vendor that is looked at now and then, and has no gap that anybody waits for.
INSERT INTO conversation_backfill (vendor, checked_until, looked_at) VALUES ($1, now(), '-infinity') ON CONFLICT DO NOTHING

-- name: claim
-- Of all web processes one looks, when it is time. $2: seconds between looks
UPDATE conversation_backfill SET looked_at = now()
WHERE vendor = $1 AND looked_at < now() - make_interval(secs => $2) RETURNING begun_at, checked_until

-- name: checked
UPDATE conversation_backfill SET checked_until = greatest(checked_until, $2) WHERE vendor = $1

-- name: known_messages
SELECT event_id FROM conversation_seen WHERE kind = 'message' AND event_id = ANY($1::text[])

-- name: spooled
SELECT value FROM conversation_spool WHERE topic = $1

-- name: sends
SELECT sid, coalesce(status, '') AS status FROM conversation_sends WHERE sid = ANY($1::text[])

-- name: unknown_sends
-- Of which nobody knows whether Twilio accepted them: left to an operator, or of a turn that waits. Younger ones are
-- being looked for by their worker. $1: since, $2: least age (s)
SELECT own_id, to_address, body, content IS NOT NULL AS is_template, intended_at
FROM conversation_sends
WHERE sid IS NULL AND state IN ('intended', 'unknown', 'held')
  AND intended_at BETWEEN ($1::timestamp AT TIME ZONE 'UTC') AND now() - make_interval(secs => $2)
ORDER BY intended_at

-- name: known_calls
SELECT event_id FROM conversation_seen WHERE kind = 'call' AND event_id = ANY($1::text[])

-- name: known_batches
-- Campaigns that the backend told us calls of, begun or gone on in a time. $1: since, $2: until
SELECT DISTINCT batch_id FROM conversation_state WHERE batch_id IS NOT NULL AND started_at BETWEEN $1 AND $2

-- name: calls_without_details
-- Of which ElevenLabs may know by now what it did not at first. Newest first. $1: since, $2: until, $3: most,
-- $4: begins the ids of those that it knows nothing of
SELECT elevenlabs_conversation_id, call_summary, call_duration_secs FROM conversation_state
WHERE (call_summary IS NULL OR call_duration_secs IS NULL) AND elevenlabs_conversation_id <> ''
  AND NOT starts_with(elevenlabs_conversation_id, $4)
  AND started_at BETWEEN $1 AND $2 ORDER BY started_at DESC LIMIT $3

-- name: call_details
-- Whose call it is, and what is missing of it.
SELECT phone_number FROM conversation_state
WHERE elevenlabs_conversation_id = $1 AND (call_summary IS NULL OR call_duration_secs IS NULL) LIMIT 1
