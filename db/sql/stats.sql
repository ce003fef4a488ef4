-- name: queue
-- stored: what waits in Postgres, held turns included, whose offsets are released; taken: the events of turns under way;
-- completed, failed: turns that ended since $1. Each count goes through an index: conversation_input_parked,
-- conversation_turn_one_open, conversation_turn_ended.
WITH open AS (SELECT id, coalesce(due_at > now(), false) AS waits FROM conversation_turn WHERE state IN ('begun', 'answered'))
SELECT
  (SELECT count(*) FROM conversation_spool)
    + (SELECT count(*) FROM conversation_input WHERE state = 'parked')
    + (SELECT count(*) FROM open WHERE waits) AS stored,
  (SELECT count(*) FROM conversation_input i JOIN open ON open.id = i.turn_id WHERE NOT waits) AS taken,
  (SELECT count(*) FROM open WHERE NOT waits) AS active,
  count(*) FILTER (WHERE state = 'done') AS completed,
  count(*) FILTER (WHERE state = 'failed') AS failed
FROM conversation_turn WHERE ended_at >= $1

-- name: ended
SELECT count(*) FILTER (WHERE state = 'done') AS completed, count(*) FILTER (WHERE state = 'failed') AS failed
FROM conversation_turn WHERE ended_at >= $1 AND ended_at < $2

-- name: told
-- Every conversation whose record the statistics keep. $1: behind this id, $2: so many at most, $3: days for which the
-- record of a closed conversation is kept.
SELECT id, phone_number, event_number FROM conversation_state
WHERE event_number > 0 AND id > $1
  AND NOT (status = 'closed' AND coalesce(last_message_at, started_at) < now() - make_interval(days => $3))
ORDER BY id LIMIT $2

-- name: ids_of
SELECT id, phone_number FROM conversation_state WHERE event_number > 0 AND phone_number = ANY($1::text[])

-- name: records
-- What the records of conversations are made of again; one statement, one snapshot. `waiting`: events that have not left.
SELECT s.id, s.phone_number, s.event_number, s.status,
  (SELECT count(*) FROM conversation_outbox o WHERE o.conversation_id = s.id) AS waiting,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('number', h.number, 'type', h.type, 'at', wm_iso(h.at), 'data', h.data)
     ORDER BY h.number), '[]') FROM conversation_history h WHERE h.conversation_id = s.id) AS history,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('direction', m.direction, 'at', wm_iso(m.sent_at),
       'turn_id', (m.metadata->>'turn_id')::bigint,
       'response_seconds', CASE WHEN o.part = 0 THEN extract(epoch FROM m.sent_at - (SELECT min(i.received_at)
          FROM conversation_input i WHERE i.turn_id = o.turn_id AND i.kind = 'message')) END) ORDER BY m.id), '[]')
   FROM conversation_messages m LEFT JOIN conversation_send o ON o.own_id = (m.metadata->>'own_id')::uuid
   WHERE m.conversation_id = s.id) AS messages,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('turn_id', t.id, 'read', o.read_at IS NOT NULL)), '[]')
   FROM conversation_turn t JOIN conversation_send o ON o.turn_id = t.id
   WHERE t.conversation_id = s.id AND t.kind = 'call' AND coalesce(o.delivered_at, o.read_at) IS NOT NULL) AS reports
FROM conversation_state s WHERE s.event_number > 0 AND s.id = ANY($1::int[])
