-- name: positions
SELECT partition, next_offset FROM conversation_dead_letter_position

-- name: moved
-- Also back: the topic may have been made anew. What two processes read at once is read once more.
INSERT INTO conversation_dead_letter_position (partition, next_offset)
SELECT * FROM unnest($1::int[], $2::bigint[])
ON CONFLICT (partition) DO UPDATE SET next_offset = EXCLUDED.next_offset

-- name: set_aside
-- A letter of a former topic keeps all but its id ($1), which this topic's has by now. $2: digest, $3: when it was buried
UPDATE conversation_dead_letter SET id = id || '-of-' || to_char(buried_at, 'YYYYMMDD"T"HH24MISSUS')
WHERE id = $1 AND (digest, buried_at) IS DISTINCT FROM ($2, $3::timestamp) RETURNING id

-- name: add
-- The same bytes buried again are one more try. What was buried before one of its numbers ($13) was erased stays away.
INSERT INTO conversation_dead_letter (id, topic, source_partition, source_offset, phone_number, reason, details, tries, key,
  value, digest, buried_at, mentions)
SELECT $1::text, $2::text, $3::int, $4::bigint, $5::text, $6::text, $7::text,
  $8::int + (SELECT count(*) FROM conversation_dead_letter d WHERE d.digest = $11::text AND d.id <> $1), $9::bytea, $10::bytea, $11, $12::timestamp,
  $13::text[]
WHERE NOT EXISTS (SELECT 1 FROM conversation_erasure WHERE number_digest = ANY($13::text[]) AND erased_at > $12::timestamp)
ON CONFLICT (id) DO NOTHING

-- name: unread
-- Of builds that did not look for the numbers in them. Turns' letters have their own number, and no other.
SELECT id, key, value, details FROM conversation_dead_letter WHERE mentions IS NULL AND id NOT LIKE 'turn-%' LIMIT $1

-- name: read
UPDATE conversation_dead_letter SET mentions = $2 WHERE id = $1

-- name: forget_erased
DELETE FROM conversation_dead_letter d USING conversation_erasure e
WHERE e.number_digest = ANY(d.mentions) AND e.erased_at > d.buried_at

-- name: close
-- Not a turn that has failed again since, when its record is read again.
UPDATE conversation_dead_letter SET state = $2, closed_at = $3, closed = $4 WHERE id = $1 AND state = 'open'
  AND (id NOT LIKE 'turn-%' OR buried_at <= $3)

-- name: add_turns
-- Turns that were refused for good, or hold a send of unknown outcome, with the event that began them. Nobody must act
-- where the client wants no messages (409). One that fails again after it was retried is open again.
INSERT INTO conversation_dead_letter AS d (id, topic, source_partition, source_offset, phone_number, reason, details, tries,
  key, value, buried_at)
SELECT 'turn-' || (f.data->>'turn_id'), CASE f.data->>'what' WHEN 'first' THEN 'call-completed' ELSE 'inbound-message' END,
  f.partition, -1, f.phone_number, coalesce(f.data->>'send_state', 'refused'),
  coalesce(f.data->'error'->>'details', f.data->'error'->>'error', ''), 1, convert_to(f.phone_number, 'UTF8'),
  convert_to((CASE f.data->>'what' WHEN 'first' THEN
      (SELECT l.data->'data'->'call' FROM conversation_log l WHERE l.conversation_id = f.conversation_id AND l.type = 'started'
         AND l.data->'data'->>'turn_id' = f.data->>'turn_id' LIMIT 1)
    ELSE (SELECT jsonb_build_object('event_id', r.data->'data'->>'message_sid', 'received_at', r.data->'data'->>'received_at',
            'params', coalesce(r.data->'data'->'params', jsonb_build_object('MessageSid', r.data->'data'->>'message_sid',
              'From', r.data->'data'->>'address', 'Body', r.data->'data'->>'content')),
            'request_id', r.data->'data'->'request_id')
          FROM conversation_log r WHERE r.conversation_id = f.conversation_id AND r.type = 'received'
            AND r.data->'data'->>'message_sid' = f.data->'answers'->>0 LIMIT 1) END)::text, 'UTF8'),
  f.at AT TIME ZONE 'UTC'
FROM (SELECT l.*, l.at AS failed_at FROM conversation_log l WHERE l.type = 'failed' AND l.at > now() - interval '30 days') log
CROSS JOIN LATERAL (SELECT log.conversation_id, log.partition, log.phone_number, log.at, log.data->'data' AS data) f
WHERE f.data->>'what' IN ('first', 'reply') AND coalesce(f.data->'error'->>'status', '') <> '409'
  AND NOT EXISTS (SELECT 1 FROM conversation_sends o WHERE o.phone_number = f.phone_number
                  AND o.turn_id = (f.data->>'turn_id')::bigint AND o.turn_kind = 'write')
  AND NOT EXISTS (SELECT 1 FROM conversation_dead_letter known WHERE known.id = 'turn-' || (f.data->>'turn_id')
                  AND (known.state = 'open' OR known.closed_at >= f.at AT TIME ZONE 'UTC'))
  AND NOT EXISTS (SELECT 1 FROM conversation_log later WHERE later.conversation_id = f.conversation_id
                  AND later.type = 'reopened' AND later.number > log.number AND later.data->'data'->'turn'->>'id' = f.data->>'turn_id')
ON CONFLICT (id) DO UPDATE SET state = 'open', tries = d.tries + 1, details = EXCLUDED.details, reason = EXCLUDED.reason,
  buried_at = EXCLUDED.buried_at, closed_at = NULL, closed = NULL
  WHERE d.state <> 'open' AND EXCLUDED.buried_at > d.closed_at

-- name: resolve_turns
-- Those that went well since, by a replay or by a report that proved a send: none of their sends is refused or held any more.
UPDATE conversation_dead_letter d SET state = 'resolved', closed_at = now()
WHERE d.state = 'open' AND d.id LIKE 'turn-%' AND EXISTS (
    SELECT 1 FROM conversation_sends o WHERE o.phone_number = d.phone_number AND o.turn_id = substr(d.id, 6)::bigint)
  AND NOT EXISTS (SELECT 1 FROM conversation_sends o WHERE o.phone_number = d.phone_number
                  AND o.turn_id = substr(d.id, 6)::bigint AND o.state IN ('refused', 'held'))

-- name: page
-- $1: state, $2: reason, $3: topic, $4: a person's addresses, $5: since, $6: before this (buried_at, id) $7, $8: so many
SELECT id, state, topic, source_partition, source_offset, phone_number, reason, details, tries, buried_at, closed,
  octet_length(value) AS size
FROM conversation_dead_letter
WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR reason = $2) AND ($3::text IS NULL OR topic = $3)
  AND ($4::text[] IS NULL OR phone_number = ANY($4)) AND ($5::timestamp IS NULL OR buried_at >= $5)
  AND ($6::timestamp IS NULL OR (buried_at, id) < ($6, $7::text))
ORDER BY buried_at DESC, id DESC LIMIT $8

-- name: one
SELECT id, state, topic, source_partition, source_offset, phone_number, reason, details, tries, buried_at, closed,
  octet_length(value) AS size, key, value
FROM conversation_dead_letter WHERE id = $1

-- name: open_ones
-- Oldest first: the order in which they were to be done. $1: ids or null, $2: reason or null
SELECT id, state, topic, source_partition, source_offset, phone_number, reason, details, tries, buried_at, closed,
  octet_length(value) AS size
FROM conversation_dead_letter WHERE state = 'open' AND ($1::text[] IS NULL OR id = ANY($1))
  AND ($2::text IS NULL OR reason = $2) ORDER BY buried_at, source_partition, source_offset, id
