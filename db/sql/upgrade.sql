-- From the tables of the build whose rules were functions (schema version 0023) to the store's. The first part stops that
-- build, the second reads its rows for the rules, the third moves what needs no rules. Times of the former tables are UTC
-- without a zone.

-- name: fence
-- Whoever holds an epoch is fenced from here on; steps under way are waited for. A claim names its owner, and is refused.
UPDATE conversation_owner SET epoch = epoch + 1, owner = 'the build that upgrades' RETURNING partition

-- name: refuse_claims
ALTER TABLE conversation_owner ADD CONSTRAINT upgraded_for_a_newer_build CHECK (owner = 'the build that upgrades')

-- name: claims_are_refused
SELECT EXISTS (SELECT FROM pg_constraint WHERE conname = 'upgraded_for_a_newer_build'
               AND conrelid = 'conversation_owner'::regclass)

-- name: youngest_send_seconds
-- How long ago Twilio was asked last where no outcome is known; null where nothing is under way.
SELECT extract(epoch FROM clock_timestamp() - max(o.intended_at))::float
FROM conversation_turn t JOIN conversation_send o ON o.turn_id = t.id
WHERE t.state = 'answered' AND o.state = 'intended' AND o.sid IS NULL

-- name: lock
-- Nobody reads or writes the former tables any more; of those that stay nobody writes.
LOCK TABLE conversation_owner, conversation_turn, conversation_input, conversation_send, conversation_outbox,
  conversation_history, conversation_backend_post, conversation_lookup, conversation_early_report,
  conversation_replay_waiting IN ACCESS EXCLUSIVE MODE

-- name: lock_what_stays
LOCK TABLE conversation_state, conversation_messages, conversation_suppression, conversation_dead_letter
  IN SHARE ROW EXCLUSIVE MODE

-- name: partitions
SELECT coalesce(max(partition) + 1, 0) FROM conversation_owner

-- name: clock
SELECT now()

-- name: all_numbers
-- Of which anything is kept that belongs to a partition.
SELECT phone_number FROM conversation_state UNION SELECT phone_number FROM conversation_outbox
UNION SELECT phone_number FROM conversation_turn UNION SELECT phone_number FROM conversation_input WHERE phone_number <> ''

-- name: bury_failed_turns
-- A last time: letters of turns that failed since somebody looked. Their turns go, the letters stay.
INSERT INTO conversation_dead_letter AS d (id, topic, source_partition, source_offset, phone_number, reason, details, tries,
  key, value, buried_at)
SELECT 'turn-' || t.id, CASE t.kind WHEN 'call' THEN 'call-completed' ELSE 'inbound-message' END, t.partition, -1,
  t.phone_number,
  CASE WHEN EXISTS (SELECT 1 FROM conversation_send s WHERE s.turn_id = t.id AND s.state = 'held') THEN 'held' ELSE 'refused' END,
  coalesce(t.error->>'details', t.error->>'error', ''), 1, convert_to(t.phone_number, 'UTF8'),
  convert_to((CASE t.kind WHEN 'call' THEN i.payload ELSE jsonb_build_object('event_id', i.event_id,
    'received_at', to_char(i.received_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'params', i.payload->'params',
    'request_id', i.payload->'request_id') END)::text, 'UTF8'), t.ended_at
FROM conversation_turn t JOIN LATERAL (SELECT event_id, received_at, payload FROM conversation_input
  WHERE turn_id = t.id AND kind <> 'command' ORDER BY position LIMIT 1) i ON true
WHERE t.state = 'failed' AND t.kind IN ('call', 'reply') AND coalesce(t.error->>'status', '') <> '409'
  AND NOT EXISTS (SELECT 1 FROM conversation_dead_letter known WHERE known.id = 'turn-' || t.id
                  AND (known.state = 'open' OR known.closed_at >= t.ended_at))
ON CONFLICT (id) DO UPDATE SET state = 'open', tries = d.tries + 1, details = EXCLUDED.details, reason = EXCLUDED.reason,
  buried_at = EXCLUDED.buried_at, closed_at = NULL, closed = NULL
  WHERE d.state <> 'open' AND EXCLUDED.buried_at > d.closed_at

-- name: resolve_letters
UPDATE conversation_dead_letter d SET state = 'resolved', closed_at = now()
FROM conversation_turn t WHERE d.state = 'open' AND t.id = CASE WHEN d.id LIKE 'turn-%' THEN substr(d.id, 6)::bigint END
  AND t.state <> 'failed'

-- name: make_places
CREATE TEMP TABLE upgrade_place (phone_number TEXT PRIMARY KEY, partition INTEGER NOT NULL) ON COMMIT DROP

-- name: place
INSERT INTO upgrade_place SELECT * FROM unnest($1::text[], $2::int[])

-- name: numbers
-- That have had an event here, or of which something is open. A row of the backend's own gets an actor when it needs one.
SELECT phone_number FROM conversation_state WHERE event_number > 0
UNION SELECT phone_number FROM conversation_input WHERE state = 'parked'
UNION SELECT phone_number FROM conversation_turn WHERE state IN ('begun', 'answered') OR again IN ('wanted', 'slow')
ORDER BY 1

-- name: has_numbers
SELECT EXISTS (SELECT FROM conversation_state WHERE event_number > 0) OR EXISTS (SELECT FROM conversation_input)
  OR EXISTS (SELECT FROM conversation_turn)

-- name: rows
SELECT s.phone_number, s.id, s.event_number, s.client_name, s.elevenlabs_conversation_id, s.agent_id, s.batch_id,
  s.recipient_id, s.status, s.call_summary, s.call_duration_secs, s.started_at, s.last_message_at, s.closed_at, s.address,
  s.last_inbound_at, s.escalated_at, coalesce(s.message_count, 0) AS message_count,
  coalesce(s.metadata->'call', '{}') AS call, coalesce(s.metadata ? 'details', false) AS has_details,
  coalesce(s.metadata ? 'agent_changed', false) AS agent_changed,
  CASE WHEN s.meanwhile_from IS NOT NULL THEN coalesce((SELECT max(h.at) FROM conversation_history h
    WHERE h.conversation_id = s.id AND h.type = 'escalated'), s.escalated_at) END AS escalated_since,
  (SELECT o.sid FROM conversation_input i JOIN conversation_send o ON o.turn_id = i.turn_id AND o.part = 0
   WHERE i.kind = 'call' AND i.event_id = s.elevenlabs_conversation_id) AS first_sid
FROM conversation_state s WHERE s.phone_number = ANY($1::text[])

-- name: turns
SELECT phone_number, id, kind, state, begun_at, request_id, reply, answered_at, due_at, holds, coalesce(rule, '{}') AS rule,
  again, replay
FROM conversation_turn WHERE phone_number = ANY($1::text[]) AND (state <> 'done' OR again IS NOT NULL) ORDER BY id

-- name: inputs
-- Those of turns, and what waits for one. $1: turns, $2: numbers
SELECT i.turn_id, i.phone_number, i.kind, i.event_id, i.address, i.payload, i.received_at, i.taken_at, i.trace,
  CASE WHEN i.kind = 'message' THEN (SELECT min(m.id) FROM conversation_messages m
    WHERE m.twilio_message_id = i.event_id AND m.direction = 'inbound') END AS message_id,
  CASE WHEN i.payload ? 'quotes' THEN (SELECT m.content FROM conversation_messages m
    JOIN conversation_state s ON s.id = m.conversation_id AND s.phone_number = i.phone_number
    WHERE m.twilio_message_id = i.payload->>'quotes' ORDER BY m.id LIMIT 1) END AS quoted
FROM conversation_input i
WHERE i.turn_id = ANY($1::bigint[]) OR (i.state = 'parked' AND i.phone_number = ANY($2::text[])) ORDER BY i.position

-- name: sends
SELECT turn_id, own_id::text AS own_id, part, to_address, body, content, state, tries, sid, status,
  coalesce(again = 'wanted', false) AS came_back, intended_at, delivered_at, read_at
FROM conversation_send WHERE turn_id = ANY($1::bigint[]) ORDER BY part

-- name: posts
SELECT payload->>'phone_number' AS phone_number, payload, tries, due_at, made_at FROM conversation_backend_post
WHERE payload->>'phone_number' = ANY($1::text[]) ORDER BY id

-- name: lookups
SELECT s.phone_number, l.tries, l.due_at FROM conversation_lookup l JOIN conversation_state s ON s.id = l.conversation_id
  AND s.elevenlabs_conversation_id = l.elevenlabs_conversation_id WHERE s.phone_number = ANY($1::text[])

-- name: reports
SELECT report->>'phone_number' AS phone_number, report FROM conversation_early_report
WHERE report->>'phone_number' = ANY($1::text[]) ORDER BY received_at

-- name: replays
SELECT w.phone_number, w.replay, i.turn_id, w.kind, w.event_id FROM conversation_replay_waiting w
JOIN conversation_input i USING (kind, event_id) WHERE w.phone_number = ANY($1::text[]) AND i.turn_id IS NOT NULL
ORDER BY w.position

-- name: turns_of_replays
SELECT phone_number, id, kind, state, begun_at, request_id, reply, answered_at, due_at, holds, coalesce(rule, '{}') AS rule,
  again, replay
FROM conversation_turn WHERE id = ANY($1::bigint[])

-- name: commands
-- Each operator's newest one that changed something, as `wm_overtaken` asked for them.
SELECT DISTINCT ON (phone_number, payload->>'by') phone_number, position, payload->>'by' AS by FROM conversation_input
WHERE kind = 'command' AND phone_number = ANY($1::text[]) AND payload ? 'by'
  AND coalesce((outcome->>'changed')::boolean, outcome IS NULL)
ORDER BY phone_number, payload->>'by', position DESC

-- name: newest_commands
SELECT phone_number, max(position) AS position FROM conversation_input
WHERE kind = 'command' AND phone_number = ANY($1::text[]) GROUP BY phone_number

-- name: suppressions
SELECT phone_number, source, event_id, since FROM conversation_suppression WHERE phone_number = ANY($1::text[])

-- name: move_owners
-- Epochs go on, so that no claim of this build has one that a former owner may still hold.
INSERT INTO conversation_partition (partition, epoch, owner, claim_id)
SELECT partition, epoch + 1, '', gen_random_uuid() FROM conversation_owner

-- name: move_sends
INSERT INTO conversation_sends (own_id, phone_number, conversation_id, turn_id, turn_kind, part, to_address, body, content,
  state, tries, sid, status, rank, error_code, message_id, planned_at, intended_at, accepted_at, delivered_at, read_at,
  came_back, times, origin_turn, origin_part)
SELECT o.own_id, t.phone_number, t.conversation_id, t.id, t.kind, o.part, o.to_address, o.body, o.content, o.state, o.tries,
  o.sid, o.status, o.status_rank, o.error_code, m.id,
  coalesce((t.rule->'again'->>'since')::timestamp, t.answered_at, t.begun_at) AT TIME ZONE 'UTC',
  o.intended_at AT TIME ZONE 'UTC', o.accepted_at AT TIME ZONE 'UTC', o.delivered_at AT TIME ZONE 'UTC',
  o.read_at AT TIME ZONE 'UTC', o.again IS NOT NULL, coalesce((t.rule->'again'->>'times')::int, 0),
  CASE WHEN t.rule->'again' ? 'parts' THEN (t.rule->'again'->>'turn_id')::bigint END,
  (t.rule->'again'->'parts'->o.part->>'place')::int
FROM conversation_send o JOIN conversation_turn t ON t.id = o.turn_id
LEFT JOIN LATERAL (SELECT id FROM conversation_messages m WHERE m.twilio_message_id = o.sid
  AND m.conversation_id = t.conversation_id ORDER BY id LIMIT 1) m ON true
WHERE t.conversation_id IS NOT NULL

-- name: move_seen
-- Every id stays remembered; with the outcome of a call or a command, as `rules.outcomes` has it.
INSERT INTO conversation_seen (kind, event_id, phone_number, at, outcome)
SELECT i.kind, i.event_id, i.phone_number, i.taken_at AT TIME ZONE 'UTC', CASE
  WHEN i.kind = 'message' THEN NULL
  WHEN i.outcome IS NOT NULL THEN i.outcome
  WHEN t.state = 'failed' AND i.kind = 'call' THEN jsonb_build_object('state', 'failed', 'error', t.error)
  WHEN t.state = 'failed' THEN jsonb_build_object('state', 'refused', 'changed', false) || coalesce(t.error, '{}')
  WHEN first.sid IS NOT NULL THEN jsonb_build_object('state', 'done', 'changed', true, 'sid', first.sid)
  WHEN t.state = 'done' THEN jsonb_build_object('state', 'done', 'sid', NULL) END
FROM conversation_input i LEFT JOIN conversation_turn t ON t.id = i.turn_id
LEFT JOIN conversation_send first ON first.turn_id = t.id AND first.part = 0

-- name: move_history
-- What the former build kept of events that Kafka has: without words, and not of each of them.
INSERT INTO conversation_log (conversation_id, number, phone_number, partition, sequence, type, at, data)
SELECT h.conversation_id, h.number, s.phone_number, p.partition,
  row_number() OVER (PARTITION BY p.partition ORDER BY h.at, h.conversation_id, h.number), h.type,
  h.at AT TIME ZONE 'UTC', jsonb_build_object('schema_version', 2, 'data', h.data, 'state', '{}'::jsonb)
FROM conversation_history h JOIN conversation_state s ON s.id = h.conversation_id JOIN upgrade_place p USING (phone_number)
WHERE NOT EXISTS (SELECT FROM conversation_outbox o
                  WHERE o.conversation_id = h.conversation_id AND o.number = h.number)

-- name: publish_from_here
INSERT INTO conversation_publication (partition, sequence)
SELECT p.partition, coalesce(max(l.sequence), 0) FROM conversation_partition p LEFT JOIN conversation_log l USING (partition)
GROUP BY p.partition

-- name: move_outbox
-- Events that have not left keep their numbers and all they say, and leave before anything new.
INSERT INTO conversation_log (conversation_id, number, phone_number, partition, sequence, type, at, data)
SELECT o.conversation_id, o.number, o.phone_number, p.partition, w.sequence
  + row_number() OVER (PARTITION BY p.partition ORDER BY o.conversation_id, o.number), o.payload->>'type',
  (o.payload->>'at')::timestamptz, jsonb_build_object('schema_version', o.payload->'schema_version',
    'data', o.payload->'data', 'state', o.payload->'state')
FROM conversation_outbox o JOIN upgrade_place p ON p.phone_number = o.phone_number
JOIN conversation_publication w ON w.partition = p.partition

-- name: forget_erased_logs
-- Of an erased conversation nothing stays once its last event has left.
INSERT INTO conversation_removal (write_id, conversation_id, partition)
SELECT gen_random_uuid(), conversation_id, min(partition) FROM conversation_log l
WHERE NOT EXISTS (SELECT FROM conversation_state s WHERE s.id = l.conversation_id) GROUP BY conversation_id

-- name: epochs
SELECT partition, epoch FROM conversation_partition ORDER BY partition

-- name: newest_sequences
SELECT partition, max(sequence) AS sequence FROM conversation_log GROUP BY partition

-- name: keep_failed_turns
-- What a replay, or a report of a send that was left to an operator, needs to go on with a turn.
UPDATE conversation_log l SET data = jsonb_set(l.data, '{data,turn}', f.turn)
FROM (SELECT l.conversation_id, max(l.number) AS number, (f.turn->>'id')::bigint AS id, f.turn
  FROM unnest($1::int[], $2::jsonb[]) AS f(conversation_id, turn)
  JOIN conversation_log l ON l.conversation_id = f.conversation_id AND l.type = 'failed'
    AND l.data->'data'->>'turn_id' = f.turn->>'id' AND l.data->'data'->>'what' <> 'delivery' GROUP BY 1, 3, 4) f
WHERE l.conversation_id = f.conversation_id AND l.number = f.number

-- name: keep_files
-- Where a file of a message is stood in the event alone.
UPDATE conversation_messages m SET metadata = coalesce(m.metadata, '{}') || jsonb_build_object('params', i.payload->'params')
FROM conversation_input i JOIN conversation_state s USING (phone_number)
WHERE i.kind = 'message' AND coalesce(i.payload->'params'->>'NumMedia', '0') <> '0'
  AND m.conversation_id = s.id AND m.twilio_message_id = i.event_id AND m.direction = 'inbound'

-- name: next_turn
SELECT setval('conversation_turn_number', (SELECT coalesce(max(id), 0) + 1 FROM conversation_turn), false)

-- name: functions
-- Theirs, in the schema in which the tables are found.
SELECT p.oid::regprocedure::text AS name FROM pg_proc p JOIN pg_class c ON c.relnamespace = p.pronamespace
WHERE c.oid = 'conversation_state'::regclass AND p.proname LIKE 'wm\_%'
