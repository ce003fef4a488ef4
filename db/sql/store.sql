-- What the store reads, and what it writes beside conversations. Every look is through an index, bounded, and of many at
-- once.

-- name: refused
SELECT w.place, coalesce(p.epoch, 0) AS epoch, coalesce(a.version, 0) AS version, s.id AS row_id,
  coalesce(a.write_id = w.write_id, false)
    OR EXISTS (SELECT FROM conversation_removal r WHERE r.write_id = w.write_id) AS is_ours
FROM unnest($1::int[], $2::text[], $3::int[], $4::uuid[]) AS w(place, phone_number, partition, write_id)
LEFT JOIN conversation_partition p ON p.partition = w.partition
LEFT JOIN conversation_actor a ON a.phone_number = w.phone_number
LEFT JOIN conversation_state s ON s.phone_number = w.phone_number

-- name: actors
-- A number without an actor may have a row of the backend's own, or of a former build.
SELECT k.phone_number, a.partition, a.conversation_id, coalesce(a.version, 0) AS version, a.state::text AS state,
  a.is_open, a.due_at, s.id AS row_id, x.source, x.event_id, x.since
FROM unnest($1::text[]) AS k(phone_number)
LEFT JOIN conversation_actor a ON a.phone_number = k.phone_number
LEFT JOIN conversation_state s ON a.phone_number IS NULL AND s.phone_number = k.phone_number
LEFT JOIN conversation_suppression x ON x.phone_number = k.phone_number

-- name: open_actors
SELECT a.phone_number, a.partition, a.conversation_id, a.version, a.state::text AS state, a.is_open, a.due_at,
  NULL::int AS row_id, x.source, x.event_id, x.since
FROM conversation_actor a LEFT JOIN conversation_suppression x ON x.phone_number = a.phone_number
WHERE a.is_open AND a.partition = $1 AND a.phone_number > $2 ORDER BY a.phone_number LIMIT $3

-- name: due_actors
-- $2, $3: the last one of the batch before
SELECT phone_number, due_at FROM conversation_actor
WHERE due_at IS NOT NULL AND partition = $1 AND (due_at, phone_number) > ($2::timestamptz, $3::text) AND due_at <= now()
ORDER BY due_at, phone_number LIMIT $4

-- name: placed_actors
-- $1: the last number of the batch before
SELECT phone_number, partition FROM conversation_actor
WHERE (is_open OR due_at IS NOT NULL) AND phone_number > $1 ORDER BY phone_number LIMIT $2

-- name: place_actors
UPDATE conversation_actor a SET partition = n.partition FROM unnest($1::text[], $2::int[]) AS n(phone_number, partition)
WHERE a.phone_number = n.phone_number

-- name: known_partitions
SELECT coalesce(max(partition) + 1, 0) FROM conversation_partition

-- name: know_partitions
-- Nobody's until they are claimed.
INSERT INTO conversation_partition (partition, epoch, owner, claim_id)
SELECT n, 0, '', $2 FROM generate_series(0, $1::int - 1) AS n ON CONFLICT (partition) DO NOTHING

-- name: conversations
SELECT id, phone_number, client_name, elevenlabs_conversation_id, agent_id, batch_id, recipient_id, status, call_summary,
  call_duration_secs, started_at, last_message_at, closed_at, address, last_inbound_at, escalated_at, message_count,
  metadata
FROM conversation_state WHERE phone_number = ANY($1::text[])

-- name: seen
SELECT kind, event_id, at, outcome FROM unnest($1::text[], $2::text[]) AS k(kind, event_id)
JOIN conversation_seen USING (kind, event_id)

-- name: sends_by_own_id
SELECT * FROM conversation_sends WHERE own_id = ANY($1::uuid[])

-- name: sends_by_sid
SELECT * FROM conversation_sends WHERE sid = ANY($1::text[])

-- name: newest_sends
-- $2: how many of each number; the oldest first. Turns may be planned in the same moment: which of them are known must not
-- depend on where their rows lie.
SELECT s.* FROM unnest($1::text[]) AS k(phone_number), LATERAL (
  SELECT * FROM conversation_sends c WHERE c.phone_number = k.phone_number
  ORDER BY c.planned_at DESC, c.part DESC, c.own_id DESC LIMIT $2
) s ORDER BY s.planned_at, s.part, s.own_id

-- name: sends_of_turn
SELECT * FROM conversation_sends WHERE phone_number = $1 AND turn_id = $2 ORDER BY part

-- name: quotes
-- Of that person alone, at whichever of the addresses: a client must not be shown what another one wrote.
SELECT k.conversation_id, k.sid, m.content FROM unnest($1::int[], $2::text[]) AS k(conversation_id, sid)
CROSS JOIN LATERAL (SELECT content FROM conversation_messages m
  WHERE m.twilio_message_id = k.sid AND (m.conversation_id = k.conversation_id OR EXISTS (
    SELECT FROM conversation_state s JOIN conversation_state o ON o.metadata->>'merged_into' = s.phone_number
    WHERE s.id = k.conversation_id AND o.id = m.conversation_id)) ORDER BY m.id LIMIT 1) m

-- name: newest_messages
-- $2: the id of the last message that counts; $3: ids that are left out. What was said at the person's other addresses, too:
-- of several conversations only the time tells the order.
SELECT id, direction, content, sent_at, metadata FROM conversation_messages
WHERE conversation_id = ANY(ARRAY(
    SELECT $1::int UNION ALL
    SELECT o.id FROM conversation_state s JOIN conversation_actor a ON a.phone_number = s.phone_number
    CROSS JOIN LATERAL jsonb_array_elements(a.state->'links') l
    CROSS JOIN LATERAL (  -- OFFSET 0: by the index for each, however many links are expected
      SELECT o.id FROM conversation_state o
      WHERE o.phone_number = l->>'key' AND o.metadata->>'merged_into' = s.phone_number OFFSET 0) o
    WHERE s.id = $1))
  AND id <= $2 AND id <> ALL($3::int[]) ORDER BY sent_at DESC, id DESC LIMIT $4

-- name: events
SELECT conversation_id, number, phone_number, partition, sequence, type, at, data FROM conversation_log
WHERE conversation_id = $1 AND number > $2 ORDER BY number LIMIT $3

-- name: claim
-- Writes that carry an older epoch are refused from here on; those under way are waited for. A claim that is tried again
-- ($3 names it) must not fence itself, whichever of its tries comes last.
INSERT INTO conversation_partition AS p (partition, epoch, owner, claim_id)
SELECT k.partition, 1, $2, $3 FROM unnest($1::int[]) AS k(partition) ORDER BY k.partition
ON CONFLICT (partition) DO UPDATE SET owner = EXCLUDED.owner, claim_id = EXCLUDED.claim_id, claimed_at = now(),
  epoch = CASE WHEN p.claim_id = EXCLUDED.claim_id THEN p.epoch ELSE p.epoch + 1 END
RETURNING partition, epoch

-- name: positions
-- Asked after the claim has been committed: only then nothing more can come from the former owner.
SELECT k.partition, coalesce(p.sequence, 0) AS published,
  greatest(p.sequence, (SELECT max(l.sequence) FROM conversation_log l WHERE l.partition = k.partition), 0) AS sequence
FROM unnest($1::int[]) AS k(partition) LEFT JOIN conversation_publication p USING (partition)

-- name: still_owned
SELECT partition FROM unnest($1::int[], $2::bigint[]) AS k(partition, epoch)
JOIN conversation_partition USING (partition, epoch)

-- name: give_back
UPDATE conversation_partition p SET owner = '' FROM unnest($1::int[], $2::bigint[]) AS k(partition, epoch)
WHERE p.partition = k.partition AND p.epoch = k.epoch

-- name: unpublished
SELECT conversation_id, number, phone_number, partition, sequence, type, at, data FROM conversation_log
WHERE partition = $1 AND sequence > $2 ORDER BY sequence LIMIT $3

-- name: published
-- Never back, and only by the owner. The log of a conversation whose actor was removed goes as far as it is published.
WITH owned AS MATERIALIZED (
  SELECT partition, epoch FROM conversation_partition WHERE partition = ANY($1::int[]) ORDER BY partition FOR SHARE
), told AS MATERIALIZED (
  SELECT k.partition, k.sequence FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS k(partition, epoch, sequence)
  JOIN owned USING (partition, epoch)
), forgotten AS (
  DELETE FROM conversation_log l USING conversation_removal r, told k
  WHERE r.partition = k.partition AND r.conversation_id IS NOT NULL AND l.conversation_id = r.conversation_id
    AND l.partition = k.partition AND l.sequence <= k.sequence
), done AS (
  UPDATE conversation_removal r SET conversation_id = NULL FROM told k
  WHERE r.partition = k.partition AND r.conversation_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM conversation_log l WHERE l.conversation_id = r.conversation_id AND l.sequence > k.sequence)
)
INSERT INTO conversation_publication AS p (partition, sequence)
SELECT partition, sequence FROM told ORDER BY partition
ON CONFLICT (partition) DO UPDATE SET sequence = greatest(p.sequence, EXCLUDED.sequence)
RETURNING partition

-- name: forget_removals
-- Nobody asks any more whether they happened.
DELETE FROM conversation_removal WHERE conversation_id IS NULL AND removed_at < now() - make_interval(secs => $1)

-- name: next_ids
SELECT nextval($1::regclass) FROM generate_series(1, $2)

-- name: sequence_of
SELECT pg_get_serial_sequence($1, $2)

-- name: backend_post
SELECT payload FROM conversation_backend_posts WHERE conversation_id = $1 AND number = $2

-- name: clock
SELECT clock_timestamp()

-- name: campaign_slot
-- $1: batch_id; $2: the pace
INSERT INTO conversation_campaign AS c (batch_id, next_at)
VALUES (left($1, 255), (clock_timestamp() + $2::interval) AT TIME ZONE 'UTC')
ON CONFLICT (batch_id) DO UPDATE SET next_at = greatest(c.next_at, clock_timestamp() AT TIME ZONE 'UTC') + $2::interval
RETURNING (next_at - $2::interval) AT TIME ZONE 'UTC'

-- name: sent_sids
-- The vendor's ids of messages that are accounted for, of all addresses of a person.
SELECT sid FROM conversation_sends WHERE phone_number = ANY($1::text[]) AND sid IS NOT NULL

-- name: first_follow_ups
-- The first message after a call of the same lead (batch, recipient) that never connected.
SELECT k.batch_id, k.recipient_id, x.outcome->>'sid' AS sid
FROM unnest($1::text[], $2::text[]) AS k(batch_id, recipient_id)
JOIN conversation_state s ON s.batch_id = k.batch_id AND s.recipient_id = k.recipient_id
JOIN conversation_seen x ON x.kind = 'call' AND x.event_id = s.elevenlabs_conversation_id
WHERE x.outcome->>'sid' IS NOT NULL

-- name: failed_turns
-- Turns of these numbers that failed and were not taken up since, as they are kept with their event. accepted: what of
-- them is with the vendor; superseded: something later has reached the client (but an apology), or a later call began anew.
SELECT k.phone_number, l.number, l.data->'data'->'turn' AS turn,
  ARRAY(SELECT o.own_id::text FROM conversation_sends o
        WHERE o.phone_number = k.phone_number AND o.turn_id = failed.turn_id AND o.state = 'accepted') AS accepted,
  EXISTS (SELECT FROM conversation_sends n WHERE n.phone_number = k.phone_number AND n.turn_id > failed.turn_id
          AND (n.turn_kind = 'call' OR n.sid IS NOT NULL)
          AND NOT EXISTS (SELECT FROM conversation_log g WHERE g.conversation_id = n.conversation_id AND g.type = 'answered'
                          AND (g.data->'data'->>'turn_id')::bigint = n.turn_id AND g.data->'data'->>'notice' = 'apology')) AS superseded
FROM unnest($1::text[]) AS k(phone_number)
JOIN conversation_actor a USING (phone_number)
JOIN conversation_log l ON l.conversation_id = a.conversation_id AND l.type = 'failed' AND l.data->'data' ? 'turn'
CROSS JOIN LATERAL (SELECT (l.data->'data'->'turn'->>'id')::bigint AS turn_id) failed
WHERE EXISTS (SELECT FROM conversation_sends o WHERE o.phone_number = k.phone_number AND o.turn_id = failed.turn_id
              AND o.state IN ('refused', 'held'))
ORDER BY l.conversation_id, l.number

-- name: burnt_turns
-- What of these numbers' turns was accepted, failed by a report, and was not said again since: the newest attempt of each.
-- said: what its first attempt answers; superseded: as above.
SELECT s.phone_number, s.turn_id, min(s.planned_at) AS began_at,
  (SELECT jsonb_build_object('number', l.number, 'kind', l.data->'data'->'kind', 'answers', l.data->'data'->'answers',
                             'event_id', l.data->'data'->'event_id')
   FROM conversation_log l WHERE l.conversation_id = s.conversation_id AND l.type = 'answered'
   AND (l.data->'data'->>'turn_id')::bigint = s.origin_turn) AS said,
  jsonb_agg(jsonb_build_object('own_id', s.own_id, 'to', s.to_address, 'body', s.body, 'content', s.content,
                               'origin_turn', s.origin_turn, 'origin_part', s.origin_part) ORDER BY s.origin_part) AS parts,
  EXISTS (SELECT FROM conversation_sends n WHERE n.phone_number = s.phone_number AND n.turn_id > s.turn_id
          AND (n.turn_kind = 'call' OR n.sid IS NOT NULL)
          AND NOT EXISTS (SELECT FROM conversation_log g WHERE g.conversation_id = n.conversation_id AND g.type = 'answered'
                          AND (g.data->'data'->>'turn_id')::bigint = n.turn_id AND g.data->'data'->>'notice' = 'apology')) AS superseded
FROM conversation_sends s
WHERE s.phone_number = ANY($1::text[]) AND s.state = 'accepted' AND s.status = ANY($2::text[]) AND s.delivered_at IS NULL
AND NOT EXISTS (SELECT FROM conversation_sends n WHERE n.phone_number = s.phone_number AND n.origin_turn = s.origin_turn
                AND n.origin_part = s.origin_part AND n.turn_id > s.turn_id AND n.state <> 'withdrawn')
GROUP BY s.phone_number, s.conversation_id, s.turn_id, s.origin_turn
ORDER BY s.turn_id

-- name: message_ids
SELECT k.phone_number, k.sid, max(m.id) AS id FROM unnest($1::text[], $2::text[]) AS k(phone_number, sid)
JOIN conversation_state s USING (phone_number)
JOIN conversation_messages m ON m.twilio_message_id = k.sid AND m.conversation_id = s.id GROUP BY 1, 2

-- name: lost_events
-- Of published events, those that are not here, and that no rebuild since has left out. A snapshot stands for all before it.
SELECT k.place
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[])
  WITH ORDINALITY AS k(conversation_id, number, phone_number, at, place)
WHERE NOT EXISTS (SELECT FROM conversation_log l WHERE l.conversation_id = k.conversation_id AND l.number >= k.number)
  AND NOT EXISTS (SELECT FROM conversation_actor a WHERE a.phone_number = k.phone_number
                  AND a.conversation_id = k.conversation_id AND (a.state->>'number')::bigint >= k.number)
  AND NOT EXISTS (SELECT FROM conversation_restore r WHERE r.restored_at AT TIME ZONE 'UTC' >= k.at)
ORDER BY k.place

-- name: restored_at
SELECT max(restored_at) AT TIME ZONE 'UTC' FROM conversation_restore
