-- name: claim
-- Takes partitions over: steps that carry an older epoch fail from here on.
INSERT INTO conversation_owner AS o (partition, epoch, owner)
SELECT p, 1, $2 FROM unnest($1::int[]) AS p ORDER BY p
ON CONFLICT (partition) DO UPDATE SET epoch = o.epoch + 1, owner = EXCLUDED.owner, claimed_at = now()
RETURNING partition, epoch

-- name: history
SELECT id, direction, content FROM (
  SELECT id, CASE WHEN metadata->>'by' = 'operator' THEN 'operator' ELSE direction END AS direction, content FROM conversation_messages
  WHERE conversation_id = $1 AND coalesce((metadata->>'turn_id')::bigint, 0) <> $2
  ORDER BY id DESC LIMIT $3) newest
ORDER BY id

-- name: known_sids
-- $2: since when it is looked for. What was intended before it may have been created after it; an hour is ample.
SELECT sid FROM conversation_send
WHERE to_address = $1 AND intended_at > $2::timestamp - interval '1 hour' AND sid IS NOT NULL

-- name: sent_sid
SELECT sid FROM conversation_send WHERE own_id = $1

-- name: due
-- Numbers of these partitions for which nothing of Kafka's will come: held turns whose time has come; turns that nobody
-- has gone on with for long; messages to be sent once more; messages that still wait though no turn is under way; replayed events that
-- waited. With an address: unknown numbers.
-- $2: grace of unknown numbers, $3: age of a forgotten turn, $4: age of forgotten messages (s)
SELECT t.phone_number, t.partition, NULL AS address FROM conversation_turn t
WHERE t.state IN ('begun', 'answered') AND t.partition = ANY($1::int[])
  AND coalesce(t.due_at, t.begun_at + make_interval(secs => $3)) <= now()
UNION ALL
SELECT t.phone_number, t.partition, NULL FROM conversation_turn t
WHERE t.again = 'wanted' AND t.partition = ANY($1::int[]) AND wm_open_turn(t.phone_number) IS NULL
UNION ALL
SELECT t.phone_number, t.partition, NULL FROM conversation_turn t
WHERE t.again = 'slow' AND t.partition = ANY($1::int[]) AND wm_open_turn(t.phone_number) IS NULL
UNION ALL
SELECT i.phone_number, min(i.partition), CASE WHEN min(s.id) IS NULL THEN (array_agg(i.address ORDER BY i.position))[1] END
FROM conversation_input i LEFT JOIN conversation_state s USING (phone_number)
WHERE i.state = 'parked' AND i.partition = ANY($1::int[]) 
  AND i.taken_at < now() - CASE WHEN s.id IS NULL THEN make_interval(secs => $2) ELSE make_interval(secs => $4) END
  AND NOT EXISTS (SELECT 1 FROM conversation_turn t WHERE t.phone_number = i.phone_number AND t.state IN ('begun', 'answered'))
GROUP BY i.phone_number
UNION ALL
SELECT DISTINCT w.phone_number, w.partition, NULL FROM conversation_replay_waiting w
WHERE w.partition = ANY($1::int[]) AND wm_open_turn(w.phone_number) IS NULL
LIMIT $5

-- name: replayed_waiting
SELECT kind, event_id, nullif(replay, '') AS replay FROM conversation_replay_waiting WHERE phone_number = $1 ORDER BY position

-- name: give_up_parked
UPDATE conversation_input SET state = 'unanswered' WHERE state = 'parked' AND phone_number = $1

-- name: unpublished
-- The next events of these partitions; what has been published since the last look is removed in the same statement. Each
-- partition is walked in its index' order, so that what was removed and not yet vacuumed is stepped over once.
-- $1: partitions, $2: most events, $3, $4, $5: partition, conversation and number of each event to remove; $6: whether
-- `trace` is wanted, the one in which the turn's first event came
WITH removed AS (
  DELETE FROM conversation_outbox o USING unnest($3::int[], $4::int[], $5::int[]) AS gone(partition, conversation, event)
  WHERE o.partition = gone.partition AND o.conversation_id = gone.conversation AND o.number = gone.event)
SELECT o.partition, o.conversation_id, o.number, o.phone_number, o.payload::text AS payload,
  CASE WHEN $6 THEN (SELECT i.trace FROM conversation_input i WHERE i.turn_id = (o.payload->'data'->>'turn_id')::bigint
                     ORDER BY i.position LIMIT 1) END AS trace
FROM unnest($1::int[]) AS wanted(partition) CROSS JOIN LATERAL (
  SELECT * FROM conversation_outbox o WHERE o.partition = wanted.partition AND NOT EXISTS (
    SELECT 1 FROM unnest($4::int[], $5::int[]) AS gone(conversation, event)
    WHERE o.conversation_id = gone.conversation AND o.number = gone.event)
  ORDER BY o.conversation_id, o.number LIMIT $2) o
ORDER BY o.partition, o.conversation_id, o.number LIMIT $2
