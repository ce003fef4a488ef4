-- name: claim
-- Takes partitions over: steps that carry an older epoch fail from here on.
INSERT INTO conversation_owner AS o (partition, epoch, owner)
SELECT p, 1, $2 FROM unnest($1::int[]) AS p ORDER BY p
ON CONFLICT (partition) DO UPDATE SET epoch = o.epoch + 1, owner = EXCLUDED.owner, claimed_at = now()
RETURNING partition, epoch

-- name: history
SELECT direction, content FROM (
  SELECT id, direction, content FROM conversation_messages
  WHERE conversation_id = $1 AND coalesce((metadata->>'turn_id')::bigint, 0) <> $2
  ORDER BY id DESC LIMIT $3) newest
ORDER BY id

-- name: known_sids
SELECT sid FROM conversation_send WHERE to_address = $1 AND intended_at > $2 AND sid IS NOT NULL

-- name: sent_sid
SELECT sid FROM conversation_send WHERE own_id = $1

-- name: expired_parked
SELECT phone_number, partition, (array_agg(address ORDER BY position))[1] AS address FROM conversation_input
WHERE state = 'parked' AND partition = ANY($1::int[]) AND taken_at < now() - make_interval(secs => $2)
GROUP BY phone_number, partition

-- name: give_up_parked
UPDATE conversation_input SET state = 'unanswered' WHERE state = 'parked' AND phone_number = $1

-- name: unpublished
SELECT conversation_id, number, phone_number, payload FROM conversation_outbox
WHERE partition = $1 ORDER BY conversation_id, number LIMIT $2

-- name: published
DELETE FROM conversation_outbox o USING unnest($1::int[], $2::int[]) AS gone(conversation, event)
WHERE o.conversation_id = gone.conversation AND o.number = gone.event
