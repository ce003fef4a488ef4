-- name: columns
-- The columns of a table as the search path finds it, so that those of later migrations are not forgotten.
SELECT a.attname AS name, a.attnotnull AS needed, pg_get_expr(d.adbin, d.adrelid) AS filled_with
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum

-- name: schema_of
SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass('conversation_state')

-- name: is_empty
SELECT NOT EXISTS (SELECT 1 FROM conversation_state) AND NOT EXISTS (SELECT 1 FROM conversation_input)

-- name: erasures
SELECT number_digest, erased_at FROM conversation_erasure

-- name: numbers
SELECT id, event_number FROM conversation_state WHERE id = ANY($1::int[])

-- name: forget_erased
DELETE FROM conversation_state WHERE phone_number = ANY($1::text[])

-- name: forget_erased_inputs
DELETE FROM conversation_input WHERE phone_number = ANY($1::text[]) AND turn_id IS NULL

-- name: unsuppress
DELETE FROM conversation_suppression WHERE phone_number = ANY($1::text[])

-- name: forget_former
-- A number that was erased and came back has a new row; the older one's events are still in the log.
DELETE FROM conversation_state s USING unnest($1::text[], $2::int[]) AS newer(phone, id)
WHERE s.phone_number = newer.phone AND s.id < newer.id

-- name: fail_sends
UPDATE conversation_send o SET state = failed.state, error_code = failed.code
FROM unnest($1::bigint[], $2::text[], $3::text[]) AS failed(turn, state, code)
WHERE o.turn_id = failed.turn AND o.state <> 'accepted'

-- name: fill_payloads
-- What only the client's own event has: Twilio's raw parameters.
UPDATE conversation_input i SET payload = i.payload || given.payload FROM unnest($1::text[], $2::jsonb[]) AS given(event_id, payload)
WHERE i.kind = 'message' AND i.event_id = given.event_id

-- name: forget_published
-- Events that the log has need not leave again: an old backup's outbox may be hours behind.
DELETE FROM conversation_outbox o USING unnest($1::int[], $2::int[]) AS seen(conversation, number)
WHERE o.conversation_id = seen.conversation AND o.number <= seen.number

-- name: next_ids
-- Past everything the log tells of, and past ids that were handed out and never got there. $1: how many those may be.
SELECT setval(pg_get_serial_sequence(t.name, t.key), greatest(t.highest + $1, nextval(pg_get_serial_sequence(t.name, t.key))))
FROM (SELECT 'conversation_state' AS name, 'id' AS key, coalesce(max(id), 0) AS highest FROM conversation_state
      UNION ALL SELECT 'conversation_messages', 'id', coalesce(max(id), 0) FROM conversation_messages
      UNION ALL SELECT 'conversation_turn', 'id', coalesce(max(id), 0) FROM conversation_turn
      UNION ALL SELECT 'conversation_input', 'position', coalesce(max(position), 0) FROM conversation_input) t

-- name: remember_erasures
INSERT INTO conversation_erasure AS e (number_digest, erased_at) SELECT * FROM unnest($1::text[], $2::timestamp[])
ON CONFLICT (number_digest) DO UPDATE SET erased_at = greatest(e.erased_at, EXCLUDED.erased_at)

-- name: mark_restored
INSERT INTO conversation_restore (restored_at) VALUES (now())
