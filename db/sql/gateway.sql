-- name: call_outcomes
-- What calls came to, by the calls' ElevenLabs conversations; see rules/outcomes.py.
SELECT x.event_id, coalesce(x.outcome->>'state', 'begun') AS state, s.id AS conversation_id, x.outcome->'error' AS error,
  x.outcome->>'sid' AS sid
FROM conversation_seen x LEFT JOIN conversation_state s ON s.phone_number = x.phone_number
WHERE x.kind = 'call' AND x.event_id = ANY($1::text[])

-- name: command_outcomes
-- What commands came to; see rules/outcomes.py. One without an outcome is under way: it erases, or it writes.
-- others: the person's other addresses, from which commands are passed on to the number.
SELECT x.event_id, x.phone_number, coalesce(x.outcome->>'command',
    CASE WHEN a.state->'erasing'->>'command_id' = x.event_id THEN 'erase' ELSE 'write' END) AS command, x.outcome,
  s.status, s.id AS conversation_id, ARRAY(SELECT l->>'key' FROM jsonb_array_elements(a.state->'links') l) AS others
FROM conversation_seen x LEFT JOIN conversation_state s ON s.phone_number = x.phone_number
  LEFT JOIN conversation_actor a ON a.phone_number = x.phone_number
WHERE x.kind = 'command' AND x.event_id = ANY($1::text[])

-- name: conversation
-- One statement, one snapshot: the count is that of the messages shown. Oldest first means by time; messages that
-- came while an answer was being made are recorded after it, so ids alone are not that order.
-- $1: any address of the person: it leads to the number's conversation, with what was said at the others.
-- $2: before the message with this id; $3: before this time; $4: the newest so many. Each may be null.
WITH person AS (
  SELECT coalesce((SELECT a.state->>'merged_into' FROM conversation_actor a WHERE a.phone_number = $1), $1) AS number
), history AS (
  SELECT s.id FROM person JOIN conversation_state s ON s.phone_number = person.number
  UNION ALL
  SELECT o.id FROM person JOIN conversation_actor a ON a.phone_number = person.number
  CROSS JOIN LATERAL jsonb_array_elements(a.state->'links') l JOIN conversation_state o ON o.phone_number = l->>'key'
  WHERE o.metadata->>'merged_into' = person.number)
SELECT s.phone_number, s.client_name, s.status, s.elevenlabs_conversation_id, s.agent_id,
  to_char(s.started_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at,
  to_char(s.last_message_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS last_message_at,
  (SELECT count(*) FROM conversation_messages m WHERE m.conversation_id = ANY(ARRAY(SELECT id FROM history))) AS message_count,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'direction', p.direction, 'content', p.content,
            'timestamp', to_char(p.sent_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) ORDER BY p.sent_at, p.id), '[]')
   FROM (SELECT m.id, m.direction, m.content, m.sent_at FROM conversation_messages m
         WHERE m.conversation_id = ANY(ARRAY(SELECT id FROM history))
           AND ($2::int IS NULL OR (m.sent_at, m.id) < (SELECT b.sent_at, b.id FROM conversation_messages b
                                                        WHERE b.id = $2 AND b.conversation_id IN (SELECT id FROM history)))
           AND ($3::timestamp IS NULL OR m.sent_at < $3)
         ORDER BY m.sent_at DESC, m.id DESC LIMIT $4::bigint) p) AS page
FROM person JOIN conversation_state s ON s.phone_number = person.number

-- name: message_params
-- Twilio's parameters of a client's message that has files, raw. $1: any address of the person
WITH person AS (
  SELECT coalesce((SELECT a.state->>'merged_into' FROM conversation_actor a WHERE a.phone_number = $1), $1) AS number
), history AS (
  SELECT s.id FROM person JOIN conversation_state s ON s.phone_number = person.number
  UNION ALL
  SELECT o.id FROM person JOIN conversation_actor a ON a.phone_number = person.number
  CROSS JOIN LATERAL jsonb_array_elements(a.state->'links') l JOIN conversation_state o ON o.phone_number = l->>'key'
  WHERE o.metadata->>'merged_into' = person.number)
SELECT m.metadata->'params' AS params FROM conversation_messages m
WHERE m.conversation_id IN (SELECT id FROM history) AND m.twilio_message_id = $2 AND m.direction = 'inbound'

-- name: stats
-- $1: time zone; $2: the day, null for today. A conversation of the day is answered when a message was taken up after the
-- first call of that day, or had waited for its first call of all. What `data` holds is an event's, see rules/events. Of
-- builds before the log messages have no events: their turns tell the order.
WITH day AS (SELECT d::timestamp AT TIME ZONE $1 AS begins, (d + 1)::timestamp AT TIME ZONE $1 AS ends
             FROM (SELECT coalesce($2::date, (now() AT TIME ZONE $1)::date) AS d) asked),
calls AS (SELECT l.conversation_id AS id, min(l.number) AS number, min((l.data->'data'->>'turn_id')::bigint) AS turn,
            min(l.number) = (SELECT min(f.number) FROM conversation_log f
                             WHERE f.conversation_id = l.conversation_id AND f.type = 'started') AS is_first
          FROM conversation_log l, day WHERE l.type = 'started' AND l.at >= begins AND l.at < ends AND NOT EXISTS (
            SELECT FROM conversation_state s WHERE s.id = l.conversation_id AND s.metadata ? 'merged_into') GROUP BY 1
          UNION ALL -- rows that were there before the service, and have no events
          SELECT s.id, 0, NULL, false FROM conversation_state s, day
          WHERE s.started_at >= begins AT TIME ZONE 'UTC' AND s.started_at < ends AT TIME ZONE 'UTC'
            AND NOT EXISTS (SELECT 1 FROM conversation_log l WHERE l.conversation_id = s.id AND l.type = 'started')),
messages AS (SELECT m.* FROM conversation_messages m, day
             WHERE m.sent_at >= begins AT TIME ZONE 'UTC' AND m.sent_at < ends AT TIME ZONE 'UTC'),
responses AS (SELECT CASE WHEN l.number IS NOT NULL THEN (l.data->'data'->>'response_seconds')::float
                WHEN NOT EXISTS (SELECT 1 FROM conversation_messages e WHERE e.conversation_id = m.conversation_id
                       AND e.direction = 'outbound' AND e.metadata->>'turn_id' = m.metadata->>'turn_id' AND e.id < m.id)
                THEN extract(epoch FROM m.sent_at - (SELECT min(i.sent_at) FROM conversation_messages i
                       WHERE i.conversation_id = m.conversation_id AND i.direction = 'inbound'
                         AND i.metadata->>'turn_id' = m.metadata->>'turn_id')) END AS seconds
              FROM messages m LEFT JOIN conversation_log l ON l.conversation_id = m.conversation_id AND l.type = 'sent'
                AND (l.data->'data'->>'message_id')::int = m.id
              WHERE m.direction = 'outbound'),
ended AS (SELECT l.type, l.data->'data' AS data FROM conversation_log l, day WHERE l.at >= begins AND l.at < ends
          AND (l.type IN ('failed', 'unanswered', 'declined') OR (l.type = 'sent' AND (l.data->'data'->>'is_last')::boolean)))
SELECT
  (SELECT count(*) FROM conversation_state WHERE status = 'active') AS active_conversations,
  (SELECT count(*) FROM calls) AS total_conversations_today,
  (SELECT count(*) FROM messages WHERE direction = 'outbound') AS messages_sent_today,
  (SELECT count(*) FROM messages WHERE direction = 'inbound') AS messages_received_today,
  (SELECT count(*) FROM calls c WHERE EXISTS (
       SELECT 1 FROM conversation_log l JOIN conversation_messages m ON m.id = (l.data->'data'->>'message_id')::int
       WHERE l.conversation_id = c.id AND l.type = 'received'
         AND (l.number > c.number OR c.is_first AND l.data->'data' ? 'parked'))
     OR EXISTS (SELECT 1 FROM conversation_messages m WHERE m.conversation_id = c.id AND m.direction = 'inbound'
                AND (m.metadata->>'turn_id')::bigint > coalesce(c.turn, 0))) AS answered_today,
  (SELECT coalesce(avg(seconds), 0) FROM responses) AS avg_response_time_seconds,
  (SELECT percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY seconds) FROM responses
   WHERE seconds IS NOT NULL) AS response_quantiles,
  (SELECT count(*) FROM conversation_open WHERE state <> 'parked' AND coalesce(held_until <= now(), true)) AS active,
  (SELECT count(*) FROM ended WHERE type IN ('sent', 'unanswered')
     OR (type = 'declined' AND data->>'reason' <> 'opted_out')) AS completed,
  (SELECT count(*) FROM ended WHERE (type = 'failed' AND data->>'what' IN ('first', 'reply'))
     OR (type = 'declined' AND data->>'reason' = 'opted_out')) AS failed,
  (SELECT count(*) FROM conversation_spool)
    + (SELECT count(*) FROM conversation_open WHERE state = 'parked' OR held_until > now()) AS waiting

-- name: campaign
-- A campaign's calls by the day on which they began, and what became of each until its conversation's next call: the same
-- figures as the statistics' tables keep (streams/stats/calls.py).
-- $1: time zone; $2, $3: batch_id, group_id, either may be null; $4: so many days, today included; $5: days after which a
-- closed conversation has left the tables.
WITH oldest AS (SELECT ((now() AT TIME ZONE $1)::date - $4::int + 1)::timestamp AT TIME ZONE $1 AS begins),
started AS (
  SELECT l.conversation_id AS id, l.number, (l.data->'data'->>'turn_id')::bigint AS turn, l.at
  FROM conversation_log l JOIN conversation_state s ON s.id = l.conversation_id, oldest
  WHERE l.type = 'started' AND l.at >= begins
    AND ($2::text IS NULL OR l.data->'data'->>'batch_id' = $2) AND ($3::text IS NULL OR l.data->'data'->>'group_id' = $3)
    AND NOT s.metadata ? 'merged_into' -- the same person's conversation goes on elsewhere, and is counted there
    AND NOT (s.status = 'closed' AND coalesce(s.last_message_at, s.started_at) < now() - make_interval(days => $5::int))),
calls AS (
  SELECT started.id, started.number, started.turn, (started.at AT TIME ZONE $1)::date AS day,
    coalesce(following.number, 2147483647) AS next_number, coalesce(following.turn, 9223372036854775807) AS next_turn,
    NOT EXISTS (SELECT 1 FROM conversation_log f WHERE f.conversation_id = started.id AND f.type = 'started'
                AND f.number < started.number) AS is_first
  FROM started LEFT JOIN LATERAL (
    SELECT n.number, (n.data->'data'->>'turn_id')::bigint AS turn FROM conversation_log n
    WHERE n.conversation_id = started.id AND n.type = 'started' AND n.number > started.number ORDER BY n.number LIMIT 1
  ) following ON true),
fates AS (
  SELECT c.day, said.*, sent.*, EXISTS (
      SELECT 1 FROM conversation_log l JOIN conversation_messages m ON m.id = (l.data->'data'->>'message_id')::int
      WHERE l.conversation_id = c.id AND l.type = 'received' AND l.number < c.next_number
        AND (l.number > c.number OR c.is_first AND l.data->'data' ? 'parked'))
    OR EXISTS (SELECT 1 FROM conversation_messages m WHERE m.conversation_id = c.id AND m.direction = 'inbound'
               AND (m.metadata->>'turn_id')::bigint >= coalesce(c.turn, 0)
               AND (m.metadata->>'turn_id')::bigint < c.next_turn) AS answered
  FROM calls c, LATERAL (
    SELECT coalesce(bool_or(l.type = 'escalated'), false) AS escalated, coalesce(bool_or(l.type = 'opted_out'), false) AS stopped,
      coalesce(bool_or(l.type = 'failed'), false) AS failed
    FROM conversation_log l WHERE l.conversation_id = c.id AND l.number > c.number AND l.number < c.next_number) said,
  LATERAL (
    SELECT coalesce(bool_or(coalesce(o.delivered_at, o.read_at) IS NOT NULL), false) AS delivered,
      coalesce(bool_or(o.read_at IS NOT NULL), false) AS read
    FROM conversation_sends o JOIN conversation_state s ON s.id = c.id
    WHERE o.phone_number = s.phone_number AND o.turn_id = c.turn AND o.turn_kind = 'call') sent),
reasons AS (
  SELECT c.day, left(coalesce(nullif(l.data->'data'->>'code', ''), nullif(l.data->'data'->>'what', ''), 'unknown'), 40) AS reason,
    count(*) AS n
  FROM calls c JOIN conversation_log l ON l.conversation_id = c.id AND l.type = 'failed'
    AND l.number > c.number AND l.number < c.next_number GROUP BY 1, 2)
SELECT to_char(f.day, 'YYYY-MM-DD') AS day, count(*) AS started, count(*) FILTER (WHERE delivered) AS delivered,
  count(*) FILTER (WHERE read) AS read, count(*) FILTER (WHERE answered) AS answered,
  count(*) FILTER (WHERE escalated) AS escalated, count(*) FILTER (WHERE stopped) AS stopped,
  count(*) FILTER (WHERE failed) AS failed,
  coalesce((SELECT jsonb_object_agg(r.reason, r.n) FROM reasons r WHERE r.day = f.day), '{}') AS reasons
FROM fates f GROUP BY f.day ORDER BY f.day

-- name: untold
-- Rows of the contract's table that were there before the service.
SELECT EXISTS (SELECT 1 FROM conversation_state s
               WHERE NOT EXISTS (SELECT 1 FROM conversation_actor a WHERE a.conversation_id = s.id))

-- name: work
-- Whether work is stuck. Ages in seconds, null where there is none. What is held waits for its time and is not counted.
-- refused: failures of the last hour by code.
SELECT (SELECT count(*) FROM conversation_spool) AS spooled,
  (SELECT extract(epoch FROM now() - min(spooled_at)) FROM conversation_spool) AS oldest_spooled,
  (SELECT extract(epoch FROM now() - min(since)) FROM conversation_open
   WHERE state <> 'parked' AND coalesce(held_until <= now(), true)) AS oldest_waiting,
  (SELECT extract(epoch FROM now() - max(at)) FROM conversation_log
   WHERE at > now() - interval '1 hour' AND (type IN ('failed', 'unanswered', 'declined')
     OR (type = 'sent' AND (data->'data'->>'is_last')::boolean))) AS last_ended,
  (SELECT coalesce(jsonb_object_agg(code, n), '{}') FROM (SELECT l.data->'data'->>'code' AS code, count(*) AS n
     FROM conversation_log l WHERE l.type = 'failed' AND l.at > now() - interval '1 hour' AND l.data->'data'->>'code' IS NOT NULL
     GROUP BY 1) failed) AS refused

-- name: spool
-- Whichever web process is reached next must know: a key's later events queue behind these. Arrays, an event a place.
WITH stored AS (
    INSERT INTO conversation_spool (topic, key, value, request_id, trace)
    SELECT topic, key, value, request_id, trace
    FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[])
        WITH ORDINALITY AS event (topic, key, value, request_id, trace, place)
    ORDER BY place RETURNING id
)
SELECT pg_notify('spool', '') WHERE EXISTS (SELECT 1 FROM stored)

-- name: spooled
SELECT EXISTS (SELECT 1 FROM conversation_spool WHERE key = ANY($1::text[]))

-- name: spool_holds_some
SELECT EXISTS (SELECT 1 FROM conversation_spool)

-- name: spool_newest
SELECT coalesce(max(id), 0) FROM conversation_spool

-- name: spool_session
-- Longer than a pass may last: a process frozen in the middle of one loses its session, and with it the lock.
SET LOCAL idle_in_transaction_session_timeout = '15s'

-- name: spool_lock
SELECT pg_try_advisory_xact_lock($1)

-- name: spool_head
SELECT id, topic, key, value, request_id, trace FROM conversation_spool WHERE id > $1 ORDER BY id LIMIT $2

-- name: unspool
DELETE FROM conversation_spool WHERE id = ANY($1::bigint[])
