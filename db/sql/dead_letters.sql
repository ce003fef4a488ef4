-- name: positions
SELECT partition, next_offset FROM conversation_dead_letter_position

-- name: moved
INSERT INTO conversation_dead_letter_position AS p (partition, next_offset)
SELECT * FROM unnest($1::int[], $2::bigint[])
ON CONFLICT (partition) DO UPDATE SET next_offset = greatest(p.next_offset, EXCLUDED.next_offset)

-- name: add
-- The same bytes buried again are one more try. What was buried before its number was erased stays away.
INSERT INTO conversation_dead_letter (id, topic, source_partition, source_offset, phone_number, reason, details, tries, key,
  value, digest, buried_at)
SELECT $1::text, $2::text, $3::int, $4::bigint, $5::text, $6::text, $7::text,
  $8::int + (SELECT count(*) FROM conversation_dead_letter d WHERE d.digest = $11::text AND d.id <> $1), $9::bytea, $10::bytea, $11, $12::timestamp
WHERE NOT EXISTS (SELECT 1 FROM conversation_erasure
  WHERE number_digest = encode(sha256(convert_to($5::text, 'UTF8')), 'hex') AND erased_at > $12::timestamp)
ON CONFLICT (id) DO NOTHING

-- name: close
UPDATE conversation_dead_letter SET state = $2, closed_at = $3, closed = $4 WHERE id = $1 AND state = 'open'

-- name: add_turns
-- Turns that were refused for good, or hold a send of unknown outcome, with the event that began them. Nobody must act
-- where the client wants no messages (409). One that fails again after it was retried is open again.
INSERT INTO conversation_dead_letter AS d (id, topic, source_partition, source_offset, phone_number, reason, details, tries,
  key, value, buried_at)
SELECT 'turn-' || t.id, CASE t.kind WHEN 'call' THEN 'call-completed' ELSE 'inbound-message' END, t.partition, -1,
  t.phone_number,
  CASE WHEN EXISTS (SELECT 1 FROM conversation_send s WHERE s.turn_id = t.id AND s.state = 'held') THEN 'held' ELSE 'refused' END,
  coalesce(t.error->>'details', t.error->>'error', ''), 1, convert_to(t.phone_number, 'UTF8'),
  convert_to((CASE t.kind WHEN 'call' THEN i.payload ELSE jsonb_build_object('event_id', i.event_id,
    'received_at', wm_iso(i.received_at), 'params', i.payload->'params', 'request_id', i.payload->'request_id') END)::text, 'UTF8'),
  t.ended_at
FROM conversation_turn t JOIN LATERAL (SELECT event_id, received_at, payload FROM conversation_input
  WHERE turn_id = t.id AND kind <> 'command' ORDER BY position LIMIT 1) i ON true
WHERE t.state = 'failed' AND t.kind IN ('call', 'reply') AND coalesce(t.error->>'status', '') <> '409'
  AND NOT EXISTS (SELECT 1 FROM conversation_dead_letter known WHERE known.id = 'turn-' || t.id
                  AND (known.state = 'open' OR known.closed_at >= t.ended_at))
ON CONFLICT (id) DO UPDATE SET state = 'open', tries = d.tries + 1, details = EXCLUDED.details, reason = EXCLUDED.reason,
  buried_at = EXCLUDED.buried_at, closed_at = NULL, closed = NULL
  WHERE d.state <> 'open' AND EXCLUDED.buried_at > d.closed_at

-- name: resolve_turns
-- Those that went well since, by a replay or by a report that proved a send. It goes from the few open letters to their
-- turns: the other way round, all turns there ever were would be looked at.
UPDATE conversation_dead_letter d SET state = 'resolved', closed_at = now()
FROM conversation_turn t WHERE d.state = 'open' AND t.id = CASE WHEN d.id LIKE 'turn-%' THEN substr(d.id, 6)::bigint END
  AND t.state <> 'failed'

-- name: page
-- $1: state, $2: reason, $3: topic, $4: number, $5: since, $6: before this (buried_at, id) $7, $8: so many
SELECT id, state, topic, source_partition, source_offset, phone_number, reason, details, tries, buried_at, closed,
  octet_length(value) AS bytes
FROM conversation_dead_letter
WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR reason = $2) AND ($3::text IS NULL OR topic = $3)
  AND ($4::text IS NULL OR phone_number = $4) AND ($5::timestamp IS NULL OR buried_at >= $5)
  AND ($6::timestamp IS NULL OR (buried_at, id) < ($6, $7::text))
ORDER BY buried_at DESC, id DESC LIMIT $8

-- name: one
SELECT *, octet_length(value) AS bytes FROM conversation_dead_letter WHERE id = $1

-- name: open_ones
-- Oldest first: the order in which they were to be done. $1: ids or null, $2: reason or null
SELECT * FROM conversation_dead_letter WHERE state = 'open' AND ($1::text[] IS NULL OR id = ANY($1))
  AND ($2::text IS NULL OR reason = $2) ORDER BY buried_at, source_partition, source_offset, id
