-- What is kept only for a time. Looks are through an index, bounded, and by Postgres' clock. $1 is an age in seconds.

-- name: expired_messages
-- $2, $3: the last one of the batch before. Their owners remove them, so that the count of their conversation follows.
SELECT m.id, m.sent_at, m.conversation_id, s.phone_number
FROM conversation_messages m JOIN conversation_state s ON s.id = m.conversation_id
WHERE m.sent_at < now() AT TIME ZONE 'UTC' - make_interval(secs => $1) AND (m.sent_at, m.id) > ($2::timestamp, $3::int)
ORDER BY m.sent_at, m.id LIMIT $4

-- name: old_events
-- The next events of a partition that Kafka has; $3: the sequence of the last one of the batch before. What a wrong clock dated
-- far ahead holds up nothing.
SELECT l.sequence, l.conversation_id, l.phone_number, l.number, l.type = 'snapshot' AS is_snapshot,
  l.at < now() - make_interval(secs => $1) OR l.at > now() + interval '1 day' AS is_old
FROM conversation_log l JOIN conversation_publication p USING (partition)
WHERE l.partition = $2 AND l.sequence > $3 AND l.sequence <= p.sequence
ORDER BY l.sequence LIMIT $4

-- name: newest_snapshots
SELECT conversation_id, max(number) AS number FROM conversation_log
WHERE conversation_id = ANY($1::int[]) AND type = 'snapshot' GROUP BY conversation_id

-- name: forget_events
-- Of conversations, $1, what a later snapshot holds, up to an event of each, $2; also of partitions that are no more.
DELETE FROM conversation_log l USING unnest($1::int[], $2::int[]) AS k(conversation_id, number)
WHERE l.conversation_id = k.conversation_id AND l.number <= k.number
  AND l.sequence <= (SELECT p.sequence FROM conversation_publication p WHERE p.partition = l.partition)

-- name: forget_sends
-- Of turns that are over.
DELETE FROM conversation_sends WHERE phone_number = ANY($2::text[]) AND planned_at < now() - make_interval(secs => $1)
  AND state NOT IN ('planned', 'intended', 'unknown')

-- name: forget_seen
-- Whoever calls this remembers ids at least as long as the topics keep their events.
DELETE FROM conversation_seen WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM conversation_seen WHERE at < now() - make_interval(secs => $1) LIMIT $2 FOR UPDATE SKIP LOCKED))

-- name: forget_letters
-- They hold a message's words. What nobody has acted on by then would not be answered any more.
DELETE FROM conversation_dead_letter WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM conversation_dead_letter WHERE buried_at < now() AT TIME ZONE 'UTC' - make_interval(secs => $1) LIMIT $2))
